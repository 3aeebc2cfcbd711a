"""The settings reference and ``.env.example`` against ``Settings``."""

from __future__ import annotations

import re

from app.settings import Settings
from tests.docs.markdown import read, rows, section

PAGE = read("docs/reference/settings.md")
EXAMPLE = read(".env.example")


def documented() -> dict[str, str]:
    return {name: default for name, default, *_ in rows(PAGE)}


def shown(default: object) -> str:
    if default is None:
        return "–"
    return str(default).lower() if isinstance(default, bool) else str(default)


def in_example(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def test_every_setting_is_documented_with_its_default() -> None:
    assert documented() == {name.upper(): shown(field.default) for name, field in Settings.model_fields.items()}


def test_every_setting_is_explained() -> None:
    assert all(meaning for _, _, meaning in rows(PAGE))


def test_the_example_names_every_setting_and_no_other() -> None:
    of_the_server, of_compose = EXAMPLE.split("# --- Docker Compose alone")

    assert set(in_example(of_the_server)) == {name.upper() for name in Settings.model_fields}
    assert set(in_example(of_compose)) <= set(re.findall(r"`([A-Z_]+)`", section(PAGE, "Docker Compose alone")))


def test_the_example_shows_the_defaults() -> None:
    given = in_example(EXAMPLE)
    defaults = {
        name.upper(): shown(field.default) for name, field in Settings.model_fields.items() if field.default is not None
    }

    assert {name: given[name] for name in defaults} == defaults
