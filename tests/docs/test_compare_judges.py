"""The page on comparing judges: its tables, compared by the command, give the output that it shows."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.judge_compare import command
from app.rules.vouching import NamedJudge, NamedRubric
from tests.docs.markdown import read

PAGE = read("docs/howto/compare-judges.md")
TABLES = dict(re.findall(r"^cat > (\S+\.csv) <<'CSV'\n(.*?)^CSV$", PAGE, re.DOTALL | re.MULTILINE))


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    for name, content in TABLES.items():
        (tmp_path / name).write_text(content)
    return [*(str(tmp_path / name) for name in TABLES), "--rubric", "process-6"]


def run(*arguments: str) -> str:
    return CliRunner().invoke(command, arguments, catch_exceptions=False).stdout


def test_the_table_is_what_the_command_prints(arguments: list[str]) -> None:
    assert f"```\n{run(*arguments)}```" in PAGE


def test_the_parts_are_what_the_command_prints(arguments: list[str]) -> None:
    _, heading, parts = run(*arguments, "--split-by", "outcome").partition("By outcome:\n")

    assert f"```\n{heading}{parts}```" in PAGE


def test_the_json_is_what_the_command_prints(arguments: list[str]) -> None:
    shown = re.search(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    found = json.loads(run(*arguments, "--json"))

    assert shown is not None
    assert json.loads(shown[1]) == found["agreements"][0]["measures"]["qwk"]


def test_the_names_of_judges_and_rubrics_are_those_of_the_json() -> None:
    told = PAGE.partition("`judges` lists")[2].partition("both are empty for tables")[0]

    assert [part.group(1) for part in re.finditer(r"`([a-z0-9_]+)`", told) if part.group(1) != "rubrics"] == [
        field.name for kind in (NamedJudge, NamedRubric) for field in fields(kind)
    ]


def test_tables_do_not_say_whose_they_are(arguments: list[str]) -> None:
    found = json.loads(run(*arguments, "--json"))

    assert [found[side][what] for side in "ab" for what in ("judges", "rubrics")] == [[], [], [], []]


def test_the_missing_map_is_what_the_command_prints(arguments: list[str]) -> None:
    last = run(*arguments, "--calibrate").splitlines()[-1]

    assert f"`{last}`" in PAGE
