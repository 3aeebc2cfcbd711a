"""The reference of formats and the howto of imports, against the program."""

from __future__ import annotations

import re

import pytest

from app.cli import import_
from app.formats import inspect_ai, source
from app.formats.registry import FORMATS
from tests.docs.markdown import headings, read, rows, section
from tests.unit.formats.reading import read_sample, sample_files

PAGE = read("docs/reference/formats.md")
HOWTO = read("docs/howto/import-sessions.md")
MIB = 1024 * 1024


def test_every_format_is_documented_and_no_other() -> None:
    documented = [name for heading in headings(PAGE) for name in re.findall(r"^`([a-z0-9-]+)`$", heading)]

    assert sorted(documented) == sorted(found.name for found in FORMATS)


def test_the_limits_are_those_of_the_program() -> None:
    stated = [limit for _, limit, _ in rows(section(PAGE, "Limits"))]

    assert stated == [
        f"{source.MAX_LINE_BYTES // MIB} MiB",
        f"{source.MAX_DOCUMENT_BYTES // MIB} MiB",
        f"{inspect_ai.MAX_SAMPLE_BYTES // MIB} MiB",
        f"{inspect_ai.MAX_ARCHIVE_BYTES // MIB // 1024} GiB",
        str(inspect_ai.MAX_ARCHIVE_FILES),
        str(inspect_ai.MAX_RATIO),
    ]


def test_the_exit_codes_are_those_of_the_command() -> None:
    named = {int(code) for code, _ in rows(section(HOWTO, "Import again"))}

    assert named == {import_.IMPORTED, import_.SOME_FAILED, import_.NONE_IMPORTED}


def test_every_option_that_is_named_is_one_of_the_command() -> None:
    options = {option for parameter in import_.command.params for option in parameter.opts}

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", HOWTO)) <= options


@pytest.mark.parametrize("word", ["incomplete", "source_timestamp", "unanchored", "derived_from", "lost"])
def test_every_note_that_is_named_is_one_of_the_program(word: str) -> None:
    names = [path.relative_to(path.parents[1]).as_posix() for path in sample_files() if path.name != "report.json"]

    assert f"extra.{word}`" in PAGE
    assert any(f'"{word}":' in read_sample(name).trace.model_dump_json() for name in names)
