"""``export`` as a researcher runs it: out of a data directory, from a server, into a folder and into a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_session, a_thought, an_edit
from tests.e2e.server import ROOT, TOKEN, a_server_process

CONSENT = {"consent": {"rationales": True, "commands": True, "snapshots": True}}
NAMES = tuple(f"t-{number}" for number in range(6))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with finalized traces, and one that states no consent."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    with a_server_process(folder) as server, server.client() as client:
        for number, name in enumerate((*NAMES, "silent")):
            edit = an_edit("till.py", f"@@ -1 +1 @@\n-a\n+b{number}\n")
            session = {} if name == "silent" else {"session": CONSENT}
            client.post("/traces", json=a_session(trace_id=name, events=[a_thought(), edit], **session)).raise_for_status()
            client.post(f"/traces/{name}/finalize", json={"judge": "off"}).raise_for_status()
    return folder


def export(*arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-m", "app", "export", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**kept, "API_TOKEN": TOKEN}, capture_output=True, timeout=120, **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_written_with_its_report(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "dataset"

    ran = export("--format", "jsonl", "--data-dir", str(data_dir), "--out", str(out), "--json")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads((out / "MANIFEST.json").read_bytes())
    assert contents(out).keys() == {"data/train-00000-of-00001.jsonl", "README.md", "MANIFEST.json"}
    assert [path.name for path in out.parent.iterdir()] == ["dataset"], "no draft is left"
    assert json.loads(ran.stdout)["traces"]["left_out"] == {"consent_not_stated": 1}


def test_a_server_gives_the_same_folder(data_dir: Path, tmp_path: Path) -> None:
    arguments = ("--format", "atif", "--split", "0.5,0.5", "--verdict", "any")
    export(*arguments, "--data-dir", str(data_dir), "--out", str(tmp_path / "own")).check_returncode()

    with a_server_process(data_dir) as server:
        ran = export(*arguments, "--server", server.url, "--out", str(tmp_path / "served"))
        lines = export("--format", "jsonl", "--server", server.url, "--out", "-")
        nothing = export("--format", "messages", "--server", server.url, "--out", str(tmp_path / "nothing"))
        wrong = export("--format", "jsonl", "--repo", "x" * 600, "--server", server.url, "--out", "-")

    assert ran.returncode == 0, ran.stderr
    assert contents(tmp_path / "own") == contents(tmp_path / "served")
    assert [json.loads(line)["trace_id"] for line in lines.stdout.splitlines()] == list(NAMES)
    assert nothing.returncode == 1
    assert wrong.returncode == 65


def test_rows_go_into_a_pipe(data_dir: Path) -> None:
    ran = export("--format", "jsonl", "--data-dir", str(data_dir), "--out", "-", "--json")

    assert ran.returncode == 0
    assert [json.loads(line)["trace_id"] for line in ran.stdout.splitlines()] == list(NAMES)
    assert json.loads(ran.stderr)["traces"]["chosen"] == len(NAMES)


def test_a_reader_that_has_enough_is_no_error(data_dir: Path) -> None:
    writing = f"{sys.executable} -m app export --format atif --data-dir {data_dir} --out -"
    command = f"{writing} | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"

    ran = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "Traceback" not in ran.stderr
    assert ran.stdout.strip() in ("0", "141")


def test_where_nothing_fits_nothing_is_written(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "empty"

    ran = export("--format", "messages", "--data-dir", str(data_dir), "--out", str(out))

    assert ran.returncode == 1
    assert b"another verdict" in ran.stderr
    assert not out.exists()


def test_a_dry_run_writes_nothing(data_dir: Path, tmp_path: Path) -> None:
    planned = ("--format", "jsonl", "--data-dir", str(data_dir), "--split", "0.5,0.5", "--dry-run", "--json")
    ran, without_place = export(*planned, "--out", str(tmp_path / "x")), export(*planned)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads(without_place.stdout)
    assert json.loads(ran.stdout)["traces"]["chosen"] == len(NAMES)
    assert not (tmp_path / "x").exists()


def test_what_is_there_is_not_written_over(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    ran = export("--format", "jsonl", "--data-dir", str(data_dir), "--out", str(tmp_path))

    assert ran.returncode == 73
    assert contents(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--format", "jsonl"), 2, b"--out"),
        (("--format", "xlsx", "--out", "-"), 2, b"xlsx"),
        (("--format", "jsonl", "--out", "-", "--split", "2"), 65, b"add up to 1"),
        (("--format", "jsonl", "--out", "-", "--from", "soon"), 65, b"from"),
        (("--format", "jsonl", "--out", "-", "--server", "http://127.0.0.1:9"), 69, b"does not answer"),
    ],
)
def test_what_cannot_be_done_is_said(data_dir: Path, arguments: tuple[str, ...], code: int, told: bytes) -> None:
    ran = export(*arguments, "--data-dir", str(data_dir))

    assert ran.returncode == code
    assert told in ran.stderr
