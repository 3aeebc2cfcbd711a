"""``check`` on a data directory: what is wrong is named, what is derivable is repaired, the rest is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.builders import a_session, a_thought
from tests.conftest import a_server
from tests.e2e.server import ROOT
from tests.fakes import ScriptedSandbox


@pytest.fixture
def data_dir(settings: Settings, sandbox: ScriptedSandbox) -> Path:
    """Two finalized traces and an open one, each with an artifact."""
    with a_server(settings, sandbox) as client:
        for name in ("done-1", "done-2", "open-1"):
            client.post("/traces", json=a_session(trace_id=name, events=[a_thought("one")]))
            client.post(f"/traces/{name}/events", json={"events": [a_thought("two")]})
            client.put(f"/traces/{name}/artifacts/log", content=name.encode())
        for name in ("done-1", "done-2"):
            assert client.post(f"/traces/{name}/finalize", json={"judge": "off"}).status_code == 200
        client.get("/traces").raise_for_status()
    return settings.data_dir


def check(data_dir: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "app", "check", "--data-dir", str(data_dir), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_data_directory_that_a_server_left_is_whole(data_dir: Path) -> None:
    assert check(data_dir) == (0, [])


def test_a_changed_document_is_named_and_left_alone(data_dir: Path) -> None:
    document = data_dir / "traces" / "done-1.json"
    changed = document.read_bytes().replace(b'"two"', b'"owt"')
    document.write_bytes(changed)

    code, notes = check(data_dir, "--repair")

    assert code == 1
    assert [(note["subject"], note["name"], note["is_derivable"]) for note in notes if note["subject"] == "document"] == [
        ("document", "done-1", False)
    ]
    assert "event 2" in notes[0]["problem"]
    assert document.read_bytes() == changed


def test_a_torn_journal_is_cut_and_a_damaged_one_is_not(data_dir: Path) -> None:
    journal = data_dir / "traces" / "open-1.events.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:90])

    assert check(data_dir)[0] == 3
    assert check(data_dir, "--repair")[1][0]["is_repaired"]
    assert journal.read_bytes() == whole

    journal.write_bytes(whole.replace(b'"two"', b'"owt"'))
    code, notes = check(data_dir, "--repair")
    assert code == 1
    assert "line 1, byte 0" in notes[0]["problem"]


def test_artifacts_are_compared_with_who_holds_them(data_dir: Path) -> None:
    blobs = sorted((data_dir / "artifacts").glob("??/*"))
    lost, changed = blobs[0], blobs[1]
    lost.unlink()
    changed.write_bytes(b"changed")
    stray = data_dir / "artifacts" / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")

    code, notes = check(data_dir, "--repair")

    assert code == 1
    found = {note["name"]: (note["is_derivable"], note["is_repaired"]) for note in notes if note["subject"] == "artifact"}
    assert found == {lost.name: (True, True), changed.name: (False, False), stray.name: (True, True)}
    assert lost.exists()
    assert not stray.exists()


def test_a_copy_that_lost_its_hard_links_is_mended(data_dir: Path) -> None:
    for link in (data_dir / "artifacts" / "held").glob("*/*"):
        content = link.read_bytes()
        link.unlink()
        link.write_bytes(content)
    (data_dir / "artifacts" / "held" / "open-1" / ("0" * 64)).write_bytes(b"refused")

    code, notes = check(data_dir, "--repair")

    assert (code, len(notes), {note["is_repaired"] for note in notes}) == (0, 4, {True})
    assert check(data_dir) == (0, [])


def test_what_belongs_to_no_trace_is_removed(data_dir: Path) -> None:
    (data_dir / "traces" / "open-1.json").unlink()
    (data_dir / "finalizing" / "done-1").touch()

    code, notes = check(data_dir, "--repair")

    assert code == 0
    assert {note["subject"] for note in notes} == {"journal", "artifact", "index", "marker"}
    assert check(data_dir) == (0, [])


def test_a_directory_in_use_is_left_alone(data_dir: Path, settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox):
        command = [sys.executable, "-m", "app", "check", "--data-dir", str(data_dir)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 78
    assert "in use by another process" in done.stderr


MINE = """\
id = "mine"
version = "3"
aggregate = "sum"
scale = { levels = 3, min = 0.0, max = 10.0 }
[[dimension]]
id = "reproduced"
weight = 1.0
question = "Was the failure seen?"
anchors = { 0 = "no", 2 = "yes" }
cites = ["terminal_command"]
heuristic = { F01 = 1 }
"""


def test_a_rubric_that_was_changed_without_a_new_version_is_a_warning(
    data_dir: Path, settings: Settings, sandbox: ScriptedSandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = data_dir.parent / "rubrics"
    folder.mkdir()
    asked = {"rubrics": ["mine"], "judge": "heuristic"}
    for question, names in (("seen", ("done-1",)), ("found", ("done-1", "done-2"))):
        (folder / "mine.toml").write_text(MINE.replace("seen", question), encoding="utf-8")
        with a_server(settings.model_copy(update={"rubrics_dir": folder}), sandbox) as client:
            for name in (*names, *names):
                client.post(f"/traces/{name}/judge", json=asked).raise_for_status()
            document = client.get("/traces/done-1").json()

    code, notes = check(data_dir)

    contents = sorted({judgement["rubric"]["sha256"][:12]: None for judgement in document["judgements"]})
    assert code == 0
    assert [(note["subject"], note["name"]) for note in notes] == [("rubric", "mine 3")]
    assert all(f"sha256 {content} (" in notes[0]["problem"] for content in contents)
    assert "(2 judgements)" in notes[0]["problem"]
    assert "(4 judgements)" in notes[0]["problem"]
    assert notes[0]["problem"].endswith("; give what was changed a new version")
    warned = [line for line in capfd.readouterr().err.splitlines() if "a rubric was changed without a new version" in line]
    assert ["trace_id=done-1" in line for line in warned] == [True]
