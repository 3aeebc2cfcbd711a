"""The reference of exports against the program."""

from __future__ import annotations

import re

import pytest

from app.api.exports import ExportParameters
from app.formats.writing.base import Writer
from app.formats.writing.parquet import EVENT_COLUMNS, TRACE_COLUMNS
from app.formats.writing.pieces.facts import FACTS
from app.formats.writing.pieces.lines import TRACES_PER_FILE
from app.formats.writing.preference import MOST_PAIRS_OF_A_BUG
from app.formats.writing.registry import WRITERS
from app.formats.writing.selection import REASONS
from app.models.qa import Verdict
from tests.docs.markdown import headings, read, rows, section

PAGE = read("docs/reference/exports.md")
VERDICTS = frozenset(Verdict.__args__)  # type: ignore[attr-defined]  # a Literal tells its values


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_format_is_documented_and_no_other() -> None:
    documented = [words(heading)[0] for heading in headings(PAGE) if "`" in heading]

    assert documented == [writer.name for writer in WRITERS]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_the_defaults_of_a_format_are_documented(writer: Writer) -> None:
    text = " ".join(section(PAGE, f"`{writer.name}`").split())
    verdicts = re.search(r"Verdicts: (.*?)\.(?: |$)", text)
    consent = re.search(r"Consent: (.*?)\.(?: |$)", text)
    assert verdicts is not None
    assert consent is not None

    named = frozenset(words(verdicts[1]))
    chosen = VERDICTS - named if verdicts[1].startswith("all") else named
    assert chosen == (writer.needs.verdicts or VERDICTS)
    assert frozenset(words(consent[1])) == writer.needs.consent


def test_every_reason_is_documented() -> None:
    assert {row[0] for row in rows(section(PAGE, "What is chosen"))} == REASONS.keys()


def test_every_fact_is_documented() -> None:
    assert {row[0]: row[1] for row in rows(section(PAGE, "Facts in every row"))} == FACTS


def test_every_column_is_documented() -> None:
    tables = {name: re.findall(r"[a-z_0-9]+", columns) for name, columns in rows(section(PAGE, "`parquet`"))}

    assert tables == {"traces": list(TRACE_COLUMNS), "events": list(EVENT_COLUMNS)}


def test_bounds_are_those_of_the_program() -> None:
    assert f"at most those of {TRACES_PER_FILE:,} traces" in PAGE
    assert f"At most {MOST_PAIRS_OF_A_BUG} pairs a bug" in PAGE


def test_every_parameter_is_documented() -> None:
    text = section(read("docs/reference/http-api.md"), "`GET /export`")
    names = {field.alias or name for name, field in ExportParameters.model_fields.items()}

    assert {name for name in names if f"`{name}`" not in text and f"`{name}=" not in text} == set()
