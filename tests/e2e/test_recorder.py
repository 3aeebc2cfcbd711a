"""The recorder in a real work tree, with real editors, a real server, and everything dying in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.qa.sandbox.profile import DEFAULT_IMAGE
from tests.e2e.relay import Relay, a_relay
from tests.e2e.server import ROOT, TOKEN, Server, a_server_process
from tests.integration.conftest import an_image_that_is_here

TEST_COMMAND = "python -m pytest -q"
FAILING = (
    "tests/test_cache.py::test_a_renewed_entry_lives_until_its_new_deadline[put]",
    "tests/test_cache.py::test_a_renewed_entry_lives_until_its_new_deadline[touch]",
    "tests/test_cache.py::test_a_key_put_again_after_its_removal_starts_afresh",
    "tests/test_expiry.py::test_a_deadline_can_be_moved_back",
)
FIX = (
    "/self._live: set/s/.*/        self._live: dict[Hashable, int] = {}/",
    "/heapq.heappush(self/s/.*/        record = Record(deadline, next(self._numbers), key)/",
    "/self._live.add/s/.*/        heapq.heappush(self._heap, record); self._live[key] = record.number/",
    "/self._live.discard(key)/s/.*/        self._live.pop(key, None)/",
    "/self._live.discard(record/s/.*/            del self._live[record.key]/",
    "/while self._heap and/s/.*/        while self._heap and self._live.get(self._heap[0].key) != self._heap[0].number:/",
)
ALL_CONSENT = ("--consent", "rationales", "--consent", "commands", "--consent", "snapshots")
PATIENCE_S = 90


@dataclass(frozen=True)
class Developer:
    """Somebody who works in a tree, with a shell whose ``python`` knows pytest and the plugin."""

    tree: Path
    environment: Mapping[str, str]

    def does(self, *argv: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=self.tree,
            env=dict(self.environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def git(self, *arguments: str) -> str:
        done = self.does("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def record(self, *arguments: str, exit_code: int = 0) -> str:
        done = self.does(sys.executable, "-m", "app", "record", *arguments)
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def edits(self, path: str, *commands: str) -> None:
        """With a real editor: one that writes in place, or, where there is none, one that writes beside and renames."""
        if shutil.which("ed") is not None:
            done = self.does("ed", "-s", path, typed="\n".join((*commands, "w", "q", "")))
        else:
            done = self.does("sed", "-i", *(word for command in commands for word in ("-e", command)), path)
        assert done.returncode == 0, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.record("status", "--json"))
        return found

    def outbox(self) -> list[dict[str, Any]]:
        return [said["event"] for said in map(json.loads, self._state("outbox.jsonl").splitlines()) if "event" in said]

    def watcher(self) -> int:
        return int(self._state("watcher.lock") or 0)

    def _state(self, name: str) -> str:
        file = self.tree / ".pr-telemetry" / name
        return file.read_text() if file.exists() else ""

    def kill_watcher(self) -> None:
        os.kill(self.watcher(), signal.SIGKILL)


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)


@pytest.fixture
def developer(tmp_path: Path) -> Iterator[Developer]:
    tree, programs = tmp_path / "larder", tmp_path / "bin"
    ignored = shutil.ignore_patterns("sessions", "__pycache__", ".*_cache")
    shutil.copytree(ROOT / "sample_repo", tree, ignore=ignored)
    (tree / ".gitignore").write_text("__pycache__/\nignored.log\n")
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "API_TOKEN": TOKEN,
        **{f"GIT_{who}_{what}": "larder@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **{name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ},
    }
    someone = Developer(tree, environment)
    someone.git("init", "-q", "-b", "main")
    someone.git("add", "-A")
    someone.git("commit", "-qm", "larder")
    yield someone
    if (tree / ".pr-telemetry" / "session.json").exists():
        someone.record("abort", "--yes")


@pytest.fixture
def relay() -> Iterator[Relay]:
    with a_relay() as found:
        yield found


def start(developer: Developer, *more: str) -> None:
    failing = [word for name in FAILING for word in ("--known-failing", name)]
    developer.record(
        "start", "--task", "Renewed entries expire too early", "--test-command", TEST_COMMAND, *failing, *ALL_CONSENT, *more
    )


def debugs(developer: Developer, in_the_middle: Callable[[], None]) -> None:
    """A session: look, think, fix, check, commit."""
    developer.record("run", "--", *TEST_COMMAND.split(), exit_code=1)
    developer.record("note", "--hypothesis", "The old deadline stays in the queue.", "--plan", "Count records, not keys.")
    developer.edits("larder/expiry.py", FIX[0], FIX[1])
    until(lambda: any(event["type"] == "file_edit" for event in developer.outbox()), "the save was seen")
    in_the_middle()
    developer.edits("larder/expiry.py", *FIX[2:])
    developer.record("run", "--", *TEST_COMMAND.split())
    developer.git("commit", "-qam", "Count the newest record of a key")
    developer.record("note", "--decision", "A record counts as long as its number is the key's newest.")


def everything_is_sent(developer: Developer) -> bool:
    found = developer.status()
    return bool(found["trace_id"]) and found["pending"] == 0


def read_trace(server: Server, trace_id: str) -> dict[str, Any]:
    with server.client() as client:
        answer = client.get(f"/traces/{trace_id}")
        assert answer.status_code == 200
        document: dict[str, Any] = answer.json()
        return document


def client_seqs(trace: dict[str, Any]) -> list[int]:
    return sorted(event["data"]["extra"]["client_seq"] for event in trace["events"])


@dataclass(frozen=True)
class Survivor:
    """What is left of a session in which everything died once."""

    written: list[dict[str, Any]]
    """The events as the recorder had them on disk."""
    trace: dict[str, Any]
    said: str
    """By ``record stop --finalize``."""


def a_session_in_which_everything_dies(developer: Developer, relay: Relay, data: Path, **settings: str) -> Survivor:
    """An answer is lost, the server is killed and comes back elsewhere, and the recorder is killed."""
    with a_server_process(data, **settings) as first:
        relay.lead_to(first.host, first.port)
        start(developer, "--server", relay.url)
        until(lambda: everything_is_sent(developer), "the session had begun")

        def everything_dies() -> None:
            relay.lose_answers(1)
            developer.record("note", "The answer to this one is lost.")
            until(lambda: relay.lost == 1, "an answer was lost")
            first.kill()
            relay.lead_nowhere()
            developer.kill_watcher()

        debugs(developer, everything_dies)
    assert developer.status()["pending"] > 0
    written = developer.outbox()
    with a_server_process(data, **settings) as second:
        relay.lead_to(second.host, second.port)
        until(lambda: everything_is_sent(developer), "the new server had everything")
        trace_id = developer.status()["trace_id"]
        said = developer.record("stop", "--finalize", "--timeout", "300")
        return Survivor(written, read_trace(second, trace_id), said)


@pytest.mark.slow
def test_nothing_is_lost_or_sent_twice_when_everything_dies(developer: Developer, relay: Relay, tmp_path: Path) -> None:
    no_engine = f"unix://{tmp_path}/no-engine.sock"

    found = a_session_in_which_everything_dies(developer, relay, tmp_path / "data", DOCKER_HOST=no_engine)

    trace = found.trace
    assert trace["trace_id"] in found.said
    assert client_seqs(trace) == list(range(1, len(found.written) + 1))
    assert {"workspace", "final_workspace"} <= set(trace["artifacts"])
    kinds = [event["event_type"] for event in trace["events"]]
    assert kinds.count("terminal_command") == kinds.count("test_result") == 2
    assert kinds.count("commit") == 1
    assert not (developer.tree / ".pr-telemetry").exists()
    without_engine = ("edit", "commit", "final_workspace")
    assert {claim["status"] for claim in trace["qa_results"]["claims"] if claim["kind"] in without_engine} == {"confirmed"}


@pytest.mark.docker
@pytest.mark.slow
def test_the_session_is_found_fixed_with_every_claim_confirmed(developer: Developer, relay: Relay, tmp_path: Path) -> None:
    image = an_image_that_is_here(os.environ.get("RUNNER_IMAGE", DEFAULT_IMAGE))

    found = a_session_in_which_everything_dies(developer, relay, tmp_path / "data", RUNNER_IMAGE=image)

    results = found.trace["qa_results"]
    assert "verdict: fixed" in found.said
    assert results["verification"]["verdict"] == "fixed"
    assert {claim["status"] for claim in results["claims"]} == {"confirmed"}
    assert {claim["kind"] for claim in results["claims"]} == {"edit", "command", "test_run", "commit", "final_workspace"}


@pytest.mark.slow
def test_what_cannot_be_sent_waits_for_the_next_stop(developer: Developer, relay: Relay, tmp_path: Path) -> None:
    start(developer, "--server", relay.url)
    developer.record("note", "Nobody hears this yet.")

    said = developer.record("stop", "--timeout", "2", exit_code=69)

    assert "Nothing is lost" in said
    assert developer.status()["state"] == "stopped"
    with a_server_process(tmp_path / "data", DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock") as server:
        relay.lead_to(server.host, server.port)
        developer.record("stop", "--finalize")
        with server.client() as client:
            (summary,) = client.get("/traces").json()["traces"]
        trace = read_trace(server, summary["trace_id"])
    assert [event["data"]["content"] for event in trace["events"]] == ["Nobody hears this yet."]
    assert {"workspace", "final_workspace"} <= set(trace["artifacts"])


@pytest.mark.slow
def test_a_session_whose_beginning_was_not_answered_is_one_trace(developer: Developer, relay: Relay, tmp_path: Path) -> None:
    no_engine = {"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    with a_server_process(tmp_path / "data", **no_engine) as first:
        relay.lead_to(first.host, first.port)
        relay.lose_answers(1)
        start(developer, "--server", relay.url)
        until(lambda: relay.lost == 1, "the answer to the beginning was lost")
        relay.lead_nowhere()
        first.kill()
    developer.record("note", "The recorder knows of no trace yet.")
    assert developer.status()["trace_id"] is None
    with a_server_process(tmp_path / "data", **no_engine) as second:
        relay.lead_to(second.host, second.port)
        developer.record("stop", "--timeout", "120")
        with second.client() as client:
            (summary,) = client.get("/traces").json()["traces"]
        trace = read_trace(second, summary["trace_id"])

    assert [event["data"]["content"] for event in trace["events"]] == ["The recorder knows of no trace yet."]
    assert trace["session"]["role"] == "human_dev"
    assert trace["session"]["recorder"]["name"] == "pr-telemetry"
    assert trace["repo"]["branch"] == "main"


@pytest.mark.slow
def test_a_session_without_a_server_is_submitted_from_its_file_once(developer: Developer, tmp_path: Path) -> None:
    start(developer)
    debugs(developer, lambda: None)
    written = developer.outbox()
    developer.record("stop", "--out", str(tmp_path / "session.tar"))

    with a_server_process(tmp_path / "data", DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock") as server:
        developer.record("submit", str(tmp_path / "session.tar"), "--server", server.url, "--finalize")
        again = developer.record("submit", str(tmp_path / "session.tar"), "--server", server.url)
        with server.client() as client:
            (summary,) = client.get("/traces").json()["traces"]
        trace = read_trace(server, summary["trace_id"])

    assert "submitted already" in again
    assert client_seqs(trace) == list(range(1, len(written) + 1))
    assert "refuted" not in {claim["status"] for claim in trace["qa_results"]["claims"]}


@pytest.mark.slow
def test_a_run_whose_recorder_is_killed_is_told_without_its_end(developer: Developer) -> None:
    start(developer)
    command = [sys.executable, "-m", "app", "record", "run", "--", "python", "-c", "print('on', flush=True); input()"]
    running = subprocess.Popen(
        command, cwd=developer.tree, env=dict(developer.environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdin is not None
    assert running.stdout.readline() == b"on\n"
    running.kill()
    running.wait()
    running.stdin.close()
    running.stdout.close()

    developer.record("stop", "--out", str(developer.tree.parent / "session.tar"))

    with tarfile.open(developer.tree.parent / "session.tar") as tar:
        trace = tar.extractfile("trace.json")
        assert trace is not None
        (event,) = json.load(trace)["events"]
    assert event["data"]["exit_code"] is None
    assert "exit_code" in event["data"]["extra"]["unknown"]


@pytest.mark.slow
def test_saves_that_nobody_watched_are_found_late(developer: Developer) -> None:
    start(developer)
    developer.kill_watcher()
    developer.edits("larder/stats.py", "1s/$/ # found late/")

    developer.record("note", "back again")

    edit, note = developer.outbox()
    assert edit["extra"]["found"] == "late"
    assert note["freeform"] == "back again"
    assert developer.status()["watcher"] == developer.watcher()


@pytest.mark.slow
def test_a_recorder_in_the_foreground_watches_until_it_is_told_to_end(developer: Developer) -> None:
    command = [sys.executable, "-m", "app", "record", "start", "--foreground", "--task", "x", "--consent", "none"]
    watching = subprocess.Popen(command, cwd=developer.tree, env=dict(developer.environment), stdout=subprocess.PIPE)
    assert watching.stdout is not None
    until(lambda: developer.watcher() == watching.pid, "it watched")
    developer.edits("larder/stats.py", "1s/$/ # seen/")
    until(lambda: len(developer.outbox()) == 1, "the save was seen")

    watching.send_signal(signal.SIGINT)

    assert watching.wait(30) == 0
    watching.stdout.close()
    assert "found" not in developer.outbox()[0]["extra"]
    assert developer.status()["state"] == "recording"
