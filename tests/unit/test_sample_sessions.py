"""The sample sessions are valid, their diffs apply, and what they claim about tests is true."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.models import events as kinds
from app.models.trace import NewTrace
from app.rules.diffs import apply_diff

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_repo"
SESSIONS = SAMPLE / "sessions"
NAMES = ("careless-success", "failed-attempt", "thoughtful-fix")
NOT_PART_OF_THE_TREE = shutil.ignore_patterns("sessions", "__pycache__", ".*_cache", "*.egg-info")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The sample before the fix."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "tree", ignore=NOT_PART_OF_THE_TREE))


def load_session(name: str) -> NewTrace:
    return NewTrace.model_validate_json((SESSIONS / f"{name}.json").read_bytes())


def sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def read(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def replay(session: NewTrace, tree: Path) -> Iterator[tuple[kinds.CodeEdit, bytes | None, bytes | None]]:
    """Apply every edit in order. Yields each with the file before and after it."""
    for event in session.events:
        if isinstance(event, kinds.CodeEdit):
            file = tree / event.data.file_path
            before = read(file)
            after = apply_diff(before, event.data.diff)
            if after is None:
                file.unlink()
            else:
                file.write_bytes(after)
            yield event, before, after


def run_tests(tree: Path, *options: str) -> tuple[int, str]:
    """Exit code and output of the sample's whole suite."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def failed_in(output: str) -> set[str]:
    return set(re.findall(r"^FAILED (\S+)", output, re.MULTILINE))


def last_full_run(session: NewTrace) -> kinds.TestResult:
    runs = [event for event in session.events if isinstance(event, kinds.TestResult) and event.data.selection is None]
    return runs[-1]


def test_these_are_the_sessions() -> None:
    assert sorted(file.stem for file in SESSIONS.glob("*.json")) == sorted(NAMES)


def test_no_two_sessions_share_an_id() -> None:
    assert len({load_session(name).trace_id for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_events_stand_in_order_of_their_timestamps_within_the_session(name: str) -> None:
    session = load_session(name)
    times = [event.timestamp for event in session.events]

    assert times == sorted(times)
    assert session.end_time is not None
    assert session.start_time < times[0] <= times[-1] <= session.end_time


@pytest.mark.parametrize("name", NAMES)
def test_every_edit_applies_and_its_hashes_are_those_of_the_file(name: str, tree: Path) -> None:
    edits = list(replay(load_session(name), tree))

    assert edits
    for event, before, after in edits:
        assert (event.data.hash_before, event.data.hash_after) == (sha256(before), sha256(after)), event.event_id


@pytest.mark.parametrize("name", NAMES)
def test_the_last_run_of_the_whole_suite_ended_as_recorded(name: str, tree: Path) -> None:
    session = load_session(name)
    list(replay(session, tree))

    exit_code, output = run_tests(tree)

    claim = last_full_run(session).data
    assert (exit_code == 0) is claim.tests_passed
    assert failed_in(output) == set(claim.failed_tests)
    assert _without_duration(output.splitlines()[-1]) == _without_duration(claim.summary)


@pytest.mark.parametrize("name", NAMES)
def test_the_known_failing_tests_are_those_that_fail_before_the_fix(name: str, tree: Path) -> None:
    session = load_session(name)

    _, output = run_tests(tree)

    assert session.task is not None
    assert failed_in(output) == set(session.task.known_failing_tests)


@pytest.mark.parametrize("name", NAMES)
def test_sessions_add_to_the_tests_and_take_nothing_away(name: str, tree: Path) -> None:
    session = load_session(name)
    _, collected_before = run_tests(tree, "--collect-only")
    edits = list(replay(session, tree))
    _, collected_after = run_tests(tree, "--collect-only")

    removed = [line for event, _, _ in edits if event.data.file_path.startswith("tests/") for line in _removed(event.data.diff)]
    assert removed == []
    assert set(_node_ids(collected_before)) <= set(_node_ids(collected_after))


@pytest.mark.parametrize("name", NAMES)
def test_a_test_result_agrees_with_the_command_before_it(name: str) -> None:
    events = load_session(name).events
    for command, result in pairwise(events):
        if isinstance(result, kinds.TestResult) and isinstance(command, kinds.TerminalCommand):
            assert shlex.split(command.data.command) == shlex.split(result.data.test_command)
            assert (command.data.exit_code == 0) is result.data.tests_passed
            assert failed_in(command.data.output) == set(result.data.failed_tests)


@pytest.mark.parametrize("name", NAMES)
def test_the_commit_is_the_one_that_the_repository_ends_at(name: str) -> None:
    session = load_session(name)
    commits = [event.data for event in session.events if isinstance(event, kinds.Commit)]

    assert [(commit.parent_sha, commit.sha) for commit in commits] == [(session.repo.commit_before, session.repo.commit_after)]


def test_the_sessions_are_what_their_names_say() -> None:
    thoughtful, failed, careless = (load_session(name) for name in ("thoughtful-fix", "failed-attempt", "careless-success"))

    assert [last_full_run(session).data.tests_passed for session in (thoughtful, failed, careless)] == [True, False, True]
    assert _hypotheses(thoughtful) >= 3
    assert _hypotheses(failed) >= 2
    assert _hypotheses(careless) == 0


def test_nothing_names_a_path_of_the_recording_machine() -> None:
    for name in NAMES:
        text = (SESSIONS / f"{name}.json").read_text("utf-8")
        assert not re.search(r"/(home|root|tmp|work|Users|opt|usr)/", text), name


def test_recording_again_gives_the_same_sessions() -> None:
    script = ROOT / "scripts" / "record_samples.py"

    done = subprocess.run([sys.executable, str(script), "--check"], cwd=ROOT, capture_output=True, text=True, check=False)

    if done.returncode == 2 and done.stdout.startswith("cannot be compared here"):
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr


def _hypotheses(session: NewTrace) -> int:
    return sum(isinstance(event, kinds.ReasoningStep) and event.data.hypothesis is not None for event in session.events)


def _without_duration(summary: str) -> str:
    return re.sub(r" in \d+\.\d+s$", "", summary)


def _removed(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("--- ")]


def _node_ids(output: str) -> list[str]:
    return [line for line in output.splitlines() if "::" in line]
