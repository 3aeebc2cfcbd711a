"""The reference of claims against the program."""

from __future__ import annotations

from typing import get_args

from app.cli import replay
from app.models.replay import ClaimKind, ClaimStatus
from app.rules.repeatable import repeatable
from tests.docs.markdown import read, rows, section

PAGE = read("docs/reference/claims.md")


def words(heading: str) -> set[str]:
    return {row[0] for row in rows(section(PAGE, heading))}


def test_the_reference_names_the_statuses_and_kinds() -> None:
    assert words("Status") == set(get_args(ClaimStatus))
    assert words("Kinds") == set(get_args(ClaimKind))


def test_the_exit_codes_are_those_of_the_command() -> None:
    assert {int(code) for code in words("Claims")} == {replay.UPHELD, replay.REFUTED, replay.NOT_REPLAYED}


def test_the_commands_that_are_repeated_are_named() -> None:
    text = section(PAGE, "Other commands")

    for name in (
        "cat",
        "head",
        "tail",
        "nl",
        "wc",
        "cut",
        "sort",
        "uniq",
        "grep",
        "diff",
        "cmp",
        "echo",
        "true",
        "false",
        "ls",
    ):
        assert f"`{name}`" in text
        assert repeatable((name, "a", "b")) is not None
