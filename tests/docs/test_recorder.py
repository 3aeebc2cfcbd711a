"""The reference of the recorder against the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from app.cli.record import command
from app.models.trace import Consent
from app.recorder import capture, chunks, diffs, files, output, reports, runs, sender, terminal, watcher
from app.recorder.state import FOLDER_NAME, StateFolder
from tests.docs.markdown import read, rows, section

PAGE = read("docs/reference/recorder.md")
HOWTO = read("docs/howto/record-a-session.md")


def test_every_command_is_named() -> None:
    assert [name for name, _ in rows(section(PAGE, "Recorder"))] == list(command.commands)


def test_every_option_that_the_pages_name_is_one() -> None:
    known = {option for each in command.commands.values() for parameter in each.params for option in parameter.opts}
    of_others = {"--help", "--maxfail", "--lf", "--stepwise"}

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE + HOWTO.partition("## Through the API")[0]))

    assert named - known - of_others == set()


def test_every_file_on_disk_is_named() -> None:
    folder = StateFolder(Path(FOLDER_NAME))
    places = {folder.session_file, folder.remote_file, folder.outbox, folder.chunks, folder.tree, folder.contents, folder.runs,
              folder.hook, folder.plugin,
              folder.log, folder.artifact(sender.WORKSPACE), folder.artifact(sender.FINAL_WORKSPACE)}  # fmt: skip

    named = {name.rstrip("/") for row in rows(section(PAGE, "On disk")) for name in re.split(r"`?, `", row[0])}

    assert named == {place.name for place in places}
    assert f"`{FOLDER_NAME}/`" in PAGE


def test_every_flag_of_consent_and_every_way_to_be_found_is_named() -> None:
    assert {flag for flag, _ in rows(section(PAGE, "Consent"))} == set(Consent.model_fields)
    for word in get_args(capture.Found):
        assert f"`{word}`" in section(PAGE, "What is recorded")
    assert runs.RUN_VARIABLE in PAGE


def test_the_limits_are_the_programs() -> None:
    limits = {row[0]: row[1] for row in rows(section(PAGE, "Limits"))}

    assert f"{chunks.MAX_CHUNK_EVENTS} events, {chunks.MAX_CHUNK_BYTES >> 20} MiB" in limits["a chunk"]
    assert f"{diffs.MAX_DIFF_CHARACTERS >> 20} MiB" in limits["a diff"]
    assert f"{files.MAX_HELD_BYTES >> 20} MiB" in limits["a file whose changes are told"]
    kept = f"the first {output.HEAD_BYTES >> 10} KiB and the last {output.TAIL_BYTES >> 10} KiB"
    assert kept in limits["the output of a command"]
    assert limits["files of a commit's diff"].startswith(str(capture.MOST_COMMITTED_FILES))
    assert f"{reports.MOST_NAMES:,}" in limits["tests of a run"]
    assert f"{watcher.RESCAN_S:.0f} seconds" in limits["file systems that do not tell of changes"]
    assert f"from {sender.FIRST_WAIT_S:.0f} to {sender.LONGEST_WAIT_S:.0f} seconds" in PAGE
    assert f"{terminal.NOT_FOUND} where" in PAGE
    assert f"{terminal.NOT_EXECUTABLE} where" in PAGE
