"""``import`` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.import_ import command
from app.errors import InvalidError, SettingsError
from app.models.trace import NewTrace
from app.settings import Settings
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from tests.builders import a_session
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.unit.formats.reading import SAMPLES

CODEX = SAMPLES / "codex" / "codex-0.169.0-rollout.jsonl"
CODEX_ID = "codex-01a1fc04-9373-7340-9d86-8ef7f34372c6"
SUBMITTED = SAMPLES / "swe-agent" / "v1-sweagenttestrepo-1c2844.traj"
FACTS = (
    "--repo-name", "calc", "--repo-url", "https://example.org/calc.git", "--branch", "main", "--commit-before", "8f0f4d5",
    "--commit-after", "c1d2e3f", "--test-command", "python -m pytest -q",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _data_dir(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


def reports(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def stored(settings: Settings) -> list[str]:
    return sorted(path.stem for path in (settings.data_dir / "traces").glob("*.json"))


def test_a_file_is_imported_into_the_data_directory(settings: Settings) -> None:
    result = run(CODEX, *FACTS)

    assert result.exit_code == 0, result.output
    assert f"{CODEX_ID}: stored: 2 code_edit, 1 commit, 4 reasoning_step, 4 terminal_command, 2 test_result" in result.output
    assert "left out: 6 event token_count" in result.output
    with a_server(settings, ScriptedSandbox()) as client:
        assert client.get("/traces", params={"q": "pytest"}).json()["traces"][0]["trace_id"] == CODEX_ID


def test_the_same_file_again_changes_nothing(settings: Settings) -> None:
    run(SUBMITTED, *FACTS)
    before = {path: path.read_bytes() for path in settings.data_dir.rglob("*.json")}

    result = run(SUBMITTED, *FACTS)

    assert result.exit_code == 0
    assert ": unchanged: " in result.output
    assert {path: path.read_bytes() for path in settings.data_dir.rglob("*.json")} == before


def test_missing_facts_are_named_at_once_with_their_options(settings: Settings) -> None:
    result = run(CODEX)

    assert result.exit_code == 65
    assert "The repository's name, url, commit_after, test_command are not stated" in result.output
    assert "--repo-name --repo-url --commit-after --test-command" in result.output
    assert stored(settings) == []


def test_facts_may_stay_unknown_where_that_is_asked_for(settings: Settings) -> None:
    result = run(CODEX, "--allow-missing")

    assert result.exit_code == 0
    assert "not stated: the repository's name, url, commit_after, test_command" in result.output
    assert stored(settings) == [CODEX_ID]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, settings: Settings) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")

    result = run(bad, CODEX, *FACTS, "--json")

    assert result.exit_code == 1
    broken, good = reports(result)
    assert (broken["problem"]["code"], broken["sessions"]) == ("unreadable_source", [])
    assert (good["problem"], good["sessions"][0]["status"]) == (None, "stored")


def test_of_a_folder_every_file_is_tried_and_others_are_passed_over(tmp_path: Path, settings: Settings) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples")
    (tmp_path / "samples" / "notes.json").write_text('{"a": 1}')
    (tmp_path / "samples" / "codex" / "link.jsonl").symlink_to(CODEX)
    (tmp_path / "samples" / ".hidden.json").write_text("{}")

    result = run(tmp_path / "samples", *FACTS, "--json")

    told = reports(result)
    assert result.exit_code == 1  # a report of SWE-bench is of a known format, and no session
    assert [Path(report["file"]).name for report in told if report["problem"] is not None] == ["report.json"]
    assert sum(len(report["sessions"]) for report in told) == len(stored(settings)) == 32
    assert "v1.58-conversation" in {Path(report["file"]).name for report in told}


def test_a_dry_run_reports_and_stores_nothing(settings: Settings) -> None:
    result = run(CODEX, "--dry-run", "--allow-missing", "--json")

    (report,) = reports(result)
    assert result.exit_code == 0
    assert report["sessions"][0]["status"] == "would_be_stored"
    assert {"kind": "event token_count", "reason": "a trace has no place for it", "count": 6} in report["sessions"][0]["lost"]
    assert not settings.data_dir.exists()


def test_documents_are_written_without_their_secrets_and_never_over_others(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    step = {"action": f"export TOKEN={secret}", "observation": "", "thought": "Hm.", "state": {"working_dir": "/r"}}
    source = tmp_path / "s.traj"
    source.write_text(
        json.dumps({"trajectory": [step], "history": [], "info": {"submission": f"diff --git a/a b/a\n+{secret}\n"}})
    )

    first, again = run(source, *FACTS, "--out", tmp_path / "out"), run(source, *FACTS, "--out", tmp_path / "out")
    other = run(source, *FACTS, "--out", tmp_path / "out", "--developer-id", "dev-9")

    document, patch = sorted((tmp_path / "out").iterdir(), key=lambda path: path.suffix)
    assert (first.exit_code, again.exit_code, other.exit_code) == (0, 0, 65)
    assert ": unchanged: " in again.output
    assert "nothing was overwritten" in other.output
    assert NewTrace.model_validate_json(document.read_bytes()).developer_id == "swe-agent"
    assert secret not in document.read_text() + patch.read_text()
    assert patch.name == f"{document.stem}.final.patch"


def test_what_was_written_can_be_imported_again(tmp_path: Path, settings: Settings) -> None:
    run(CODEX, *FACTS, "--out", tmp_path / "out")

    result = run(tmp_path / "out")

    assert result.exit_code == 0
    assert stored(settings) == [CODEX_ID]


def test_predictions_find_their_instances(settings: Settings) -> None:
    folder = SAMPLES / "swe-bench"

    result = run(folder / "all_preds.jsonl", *FACTS, "--instances", folder / "swe-bench-dev-easy-first-only.json", "--json")

    (report,) = reports(result)
    assert report["sessions"][0]["artifacts"] == ["final.patch", "gold", "test_changes", "tests.json"]


def test_what_the_options_say_goes_into_the_trace(settings: Settings) -> None:
    arguments = ("--developer-id", "dev-9", "--consent", "rationales", "--no-derived", "--start-time", "2026-03-02T12:00:00Z")

    run(SUBMITTED, *FACTS, *arguments)

    (path,) = (settings.data_dir / "traces").glob("*.json")
    trace = json.loads(path.read_bytes())
    assert trace["developer_id"] == "dev-9"
    assert trace["start_time"] == "2026-03-02T12:00:00Z"
    assert trace["session"]["consent"] == {"rationales": True, "commands": False, "snapshots": False}


def test_a_data_directory_in_use_is_left_alone(settings: Settings) -> None:
    layout = Layout(settings.data_dir)
    layout.make()
    with DataDirLock(layout.lock):
        assert isinstance(run(CODEX, *FACTS).exception, SettingsError)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--test-command", "pytest | tail"), InvalidError),
        (("--developer-id", "x" * 200), InvalidError),
        (("--out", "x", "--server", "http://127.0.0.1:1"), SettingsError),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(run(CODEX, *arguments).exception, error)


def test_an_exported_trace_is_a_format_like_any_other(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(a_session(status="open", revision=1)))

    assert run(path, "--format", "trace").exit_code == 0
    assert stored(settings) == ["t-1"]
    assert run(path, "--format", "codex").exit_code == 65


def test_a_server_that_is_away_is_told_of(tmp_path: Path) -> None:
    result = run(CODEX, *FACTS, "--server", "http://127.0.0.1:9", "--json")

    assert result.exit_code == 65
    assert reports(result)[0]["sessions"][0]["problem"]["code"] == "unavailable"
