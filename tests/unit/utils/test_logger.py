"""Log lines: one line a record, whatever stands in its facts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from app.utils.logger import configure_logging


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    logger = logging.getLogger("app")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def logged(capsys: pytest.CaptureFixture[str], form: Any, **facts: object) -> str:
    configure_logging("INFO", form)
    logging.getLogger("app.test").info("something happened", extra=facts)
    return capsys.readouterr().err


def test_a_fact_can_form_no_line_and_no_terminal_code(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, "text", model="a\nFORGED ERROR\x1b[31m\u202e", number=3)

    assert line.count("\n") == 1
    assert "model=a\\nFORGED ERROR\\x1b[31m\\u202e number=3" in line
    assert "\x1b" not in line


def test_json_holds_the_fact_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(logged(capsys, "json", model="a\nb"))["model"] == "a\nb"
