"""How often tests are run again, and how many run at once, by the environment."""

from __future__ import annotations

import pytest

from app.errors import SettingsError
from app.settings import load_unchecked_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [("RERUNS", 0), ("RERUNS", 100), ("RERUN_BUDGET_S", 0.5), ("MAX_PARALLEL_SANDBOXES", 1), ("WARM_SANDBOXES", 0)],
)
def test_a_number_that_can_be_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> None:
    monkeypatch.setenv(name, str(value))

    assert getattr(load_unchecked_settings(), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RERUNS", "-1"),
        ("RERUNS", "101"),
        ("RERUNS", "often"),
        ("RERUN_BUDGET_S", "0"),
        ("MAX_PARALLEL_SANDBOXES", "0"),
        ("WARM_SANDBOXES", "-1"),
        ("WARM_SANDBOXES", "1.5"),
    ],
)
def test_a_number_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name):
        load_unchecked_settings()
