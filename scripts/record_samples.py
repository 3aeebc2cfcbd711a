"""Record the sample sessions: carry out their scripts on a copy of ``sample_repo`` and write down what happened.

``--check`` records again, compares with the files in ``sample_repo/sessions`` and ends with 1 where they differ, or with 2
where they were recorded with another Python, pytest or system, so that outputs cannot be expected to be the same. Clock
times, durations, addresses and temporary paths are fixed, so that a recording can be repeated byte for byte; all else is as
it happened.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sample_repo"
SESSIONS = SAMPLE / "sessions"
SCRIPTS = Path(__file__).resolve().parent / "sample_sessions"

TEST_COMMAND = "python -m pytest -q"
NOT_PART_OF_THE_TREE = shutil.ignore_patterns("sessions", "__pycache__", ".*_cache", "*.egg-info")
BASE_COMMIT_DATE = "2026-03-02T10:00:00+00:00"
BASE_COMMIT_MESSAGE = "larder 0.4.0"
SHOWN_ROOT = "/repo"
TEST_RESULT_AFTER_S = 1
DIFF_LINES_SHOWN = 40


class ScriptValue(BaseModel):
    """What is read from a script. Unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(ScriptValue):
    """Something done, ``wait_s`` seconds after the step before."""

    wait_s: Annotated[int, Field(gt=TEST_RESULT_AFTER_S)]


class Open(Step):
    """Look at a file."""

    kind: Literal["open"]
    path: str


class Think(Step):
    """Write down a thought."""

    kind: Literal["think"]
    content: str
    plan: str | None = None
    hypothesis: str | None = None
    observation: str | None = None
    decision: str | None = None
    next_step: str | None = None


class Run(Step):
    """Type a command."""

    kind: Literal["run"]
    command: str
    took_ms: int = 180


class Test(Step):
    """Run tests: all of them, or those named."""

    kind: Literal["test"]
    select: tuple[str, ...] = ()
    in_terminal: bool = True
    """Whether the recorder saw the terminal too, or only the result."""
    took_ms: int = 640


class Replacement(ScriptValue):
    """A passage that occurs once, and what takes its place."""

    old: str
    new: str


class Edit(Step):
    """Change a file in one or several places."""

    kind: Literal["edit"]
    path: str
    change: Annotated[tuple[Replacement, ...], Field(min_length=1)]


class Create(Step):
    """Write a new file."""

    kind: Literal["create"]
    path: str
    text: str


class Delete(Step):
    """Delete a file."""

    kind: Literal["delete"]
    path: str


class Commit(Step):
    """Commit every tracked file."""

    kind: Literal["commit"]
    subject: str
    body: str = ""


AnyStep = Annotated[Open | Think | Run | Test | Edit | Create | Delete | Commit, Field(discriminator="kind")]


class Script(ScriptValue):
    """One session as it is to be carried out."""

    trace_id: str
    developer_id: str
    bug_id: str
    start: datetime
    tz: str
    role: Literal["human_dev", "ai_agent"]
    agent: dict[str, str] | None = None
    ide_version: str | None = None
    task: dict[str, str]
    step: tuple[AnyStep, ...]


@dataclass(frozen=True)
class Outcome:
    """How a command ended. ``output`` is both streams, normalised."""

    exit_code: int
    output: str


class Workspace:
    """A copy of the sample's tree in a Git repository of its own, and a shell in it that knows nobody's settings."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        shutil.copytree(SAMPLE, self.root, ignore=NOT_PART_OF_THE_TREE)
        self._env = _environment(folder)
        self._hidden = {str(self.root): SHOWN_ROOT, str(self.root.resolve()): SHOWN_ROOT}

    def start_history(self) -> str:
        """Commit the tree as it is. Answers the commit's id."""
        self.git("init", "-q", "--template=", "--object-format=sha1", "-b", "main")
        self.git("config", "core.abbrev", "7")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", BASE_COMMIT_MESSAGE)
        return self.head()

    def shell(self, command: str, *, now: datetime | None = None) -> Outcome:
        """Run a command as typed."""
        env = self._env | (_commit_dates(now.isoformat()) if now else {})
        done = subprocess.run(
            command, shell=True, cwd=self.root, env=env, check=False, text=True, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Outcome(done.returncode, self._normalise(done.stdout))

    def git(self, *arguments: str) -> str:
        """The output of a Git command that has to succeed."""
        outcome = self.shell(shlex.join(["git", *arguments]))
        if outcome.exit_code:
            raise SystemExit(f"git {arguments[0]} failed: {outcome.output}")
        return outcome.output

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, ``None`` where there is none."""
        file = self.root / path
        return file.read_bytes() if file.exists() else None

    def write(self, path: str, content: bytes | None) -> None:
        """Write a file; ``None`` deletes it."""
        file = self.root / path
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)

    def _normalise(self, output: str) -> str:
        for path, shown in self._hidden.items():
            output = output.replace(path, shown)
        output = re.sub(r"\bin \d+\.\d+s\b", "in 0.06s", output)
        output = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x7f0000000000", output)
        for private in (str(self.root.parent), str(ROOT), sys.prefix, str(Path.home())):
            if len(private) > 1 and private in output:
                raise SystemExit(f"an output names a path of this machine: {output}")
        return output


def _environment(folder: Path) -> dict[str, str]:
    """What commands see: this interpreter as ``python``, fixed settings, nobody's configuration."""
    programs = folder / "bin"
    programs.mkdir()
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    author = {"NAME": "larder", "EMAIL": "larder@example.com"}
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in author.items()},
        **_commit_dates(BASE_COMMIT_DATE),
    }


def _commit_dates(date: str) -> dict[str, str]:
    return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}


@dataclass
class Recorder:
    """Carries out steps in a workspace and keeps the events."""

    workspace: Workspace
    now: datetime
    events: list[dict[str, Any]] = field(default_factory=list)

    def perform(self, step: AnyStep) -> None:
        """Carry out one step."""
        self.now += timedelta(seconds=step.wait_s)
        match step:
            case Open():
                self._open(step)
            case Think():
                self._note("reasoning_step", step.model_dump(exclude={"kind", "wait_s"}, exclude_none=True))
            case Run():
                self._run(step.command, step.took_ms)
            case Test():
                self._test(step)
            case Edit():
                self._change(step.path, _replaced(self.workspace.read(step.path), step))
            case Create():
                self._change(step.path, step.text.encode())
            case Delete():
                self._change(step.path, None)
            case Commit():
                self._commit(step)

    def _note(self, event_type: str, data: dict[str, Any]) -> None:
        event_id = f"e{len(self.events) + 1:02}"
        self.events.append({"event_id": event_id, "event_type": event_type, "timestamp": self.now.isoformat(), "data": data})

    def _open(self, step: Open) -> None:
        if self.workspace.read(step.path) is None:
            raise SystemExit(f"there is no {step.path} to open")
        self._note("file_open", {"file_path": step.path})

    def _run(self, command: str, took_ms: int) -> None:
        outcome = self.workspace.shell(command, now=self.now)
        self._note_command(command, outcome, took_ms)

    def _note_command(self, command: str, outcome: Outcome, took_ms: int) -> None:
        data = {"command": command, "exit_code": outcome.exit_code, "output": outcome.output, "duration_ms": took_ms}
        self._note("terminal_command", data)

    def _test(self, step: Test) -> None:
        command = shlex.join([*shlex.split(TEST_COMMAND), *step.select])
        outcome = self.workspace.shell(command)
        if step.in_terminal:
            self._note_command(command, outcome, step.took_ms)
            self.now += timedelta(seconds=TEST_RESULT_AFTER_S)
        self._note("test_result", _test_result(command, outcome, step.select))

    def _change(self, path: str, after: bytes | None) -> None:
        before = self.workspace.read(path)
        self.workspace.write(path, after)
        data = {"file_path": path, "diff": _diff(path, before, after), "language": "python"}
        hashes = {"hash_before": _sha256(before), "hash_after": _sha256(after)}
        self._note("code_edit", data | {name: value for name, value in hashes.items() if value is not None})

    def _commit(self, step: Commit) -> None:
        parent = self.workspace.head()
        messages = [part for text in (step.subject, step.body) if text for part in ("-m", text)]
        self._run(shlex.join(["git", "commit", "-a", *messages]), took_ms=40)
        if self.workspace.head() == parent:
            raise SystemExit("there was nothing to commit")
        data = {
            "sha": self.workspace.head(),
            "message": self.workspace.git("log", "-1", "--format=%B").strip(),
            "parent_sha": parent,
            "diff": self.workspace.git("diff", parent, "HEAD"),
        }
        self._note("commit", data)


def _replaced(before: bytes | None, step: Edit) -> bytes:
    text = (before or b"").decode()
    for change in step.change:
        if text.count(change.old) != 1:
            raise SystemExit(f"{step.path} holds this {text.count(change.old)} times: {change.old!r}")
        text = text.replace(change.old, change.new)
    return text.encode()


def _diff(path: str, before: bytes | None, after: bytes | None) -> str:
    old, new = ((content or b"").decode().splitlines(keepends=True) for content in (before, after))
    old_name = "/dev/null" if before is None else f"a/{path}"
    new_name = "/dev/null" if after is None else f"b/{path}"
    return "".join(difflib.unified_diff(old, new, old_name, new_name))


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _test_result(command: str, outcome: Outcome, select: tuple[str, ...]) -> dict[str, Any]:
    summary = outcome.output.rstrip().splitlines()[-1]
    selection = {"selection": list(select)} if select else {}
    return {
        "tests_passed": outcome.exit_code == 0,
        "test_command": command,
        "summary": summary,
        "failed_tests": _failed_tests(outcome),
        "framework": "pytest",
        **selection,
        "num_passed": _count(summary, "passed"),
        "num_failed": _count(summary, "failed"),
    }


def _failed_tests(outcome: Outcome) -> list[str]:
    return re.findall(r"^FAILED (\S+)", outcome.output, re.MULTILINE)


def _count(summary: str, word: str) -> int:
    found = re.search(rf"(\d+) {word}", summary)
    return int(found[1]) if found else 0


def record(script: Script) -> dict[str, Any]:
    """Carry out a script. Answers the session as a document for ``POST /traces``."""
    with tempfile.TemporaryDirectory(prefix="larder-") as folder:
        workspace = Workspace(Path(folder))
        commit_before = workspace.start_history()
        known_failing = _failed_tests(workspace.shell(TEST_COMMAND))
        recorder = Recorder(workspace, script.start)
        for step in script.step:
            recorder.perform(step)
        return {
            "schema_version": "1.0",
            "trace_id": script.trace_id,
            "developer_id": script.developer_id,
            "bug_id": script.bug_id,
            "start_time": script.start.isoformat(),
            "end_time": recorder.now.isoformat(),
            "repo": _repo(commit_before, workspace.head()),
            "task": script.task | {"known_failing_tests": known_failing},
            "session": _session(script),
            "environment": recording_machine() | ({"ide_version": script.ide_version} if script.ide_version else {}),
            "events": recorder.events,
        }


def _repo(commit_before: str, commit_after: str) -> dict[str, Any]:
    return {
        "name": "sample_repo",
        "url": "https://example.com/larder.git",
        "branch": "main",
        "commit_before": commit_before,
        "commit_after": commit_after,
        "test_command": TEST_COMMAND,
        "language_stats": [{"lang": "python", "ratio": 1.0}],
    }


def _session(script: Script) -> dict[str, Any]:
    return {
        "role": script.role,
        **({"agent": script.agent} if script.agent else {}),
        "consent": {"rationales": True, "commands": True, "snapshots": True},
        "client_clock": {"tz": script.tz, "start_unix_s": script.start.timestamp()},
        "recorder": {
            "name": "record_samples",
            "version": "1",
            "extra": {"scripted": True, "fixed": ["timestamps", "durations", "addresses", "temporary paths"]},
        },
    }


def recording_machine() -> dict[str, Any]:
    """What outputs depend on: a recording can be repeated where this is the same."""
    python_version = ".".join(platform.python_version_tuple()[:2])
    pytest_version = ".".join(version("pytest").split(".")[:2])
    return {"os": platform.system(), "python_version": python_version, "tools": [f"pytest {pytest_version}", "git"]}


def load_scripts() -> dict[str, Script]:
    """The scripts by name."""
    files = sorted(SCRIPTS.glob("*.toml"))
    return {file.stem: Script.model_validate(tomllib.loads(file.read_text("utf-8"))) for file in files}


def render(session: dict[str, Any]) -> str:
    """A session as the text of its file."""
    return json.dumps(session, indent=2, ensure_ascii=False) + "\n"


def _write(recorded: dict[str, str]) -> int:
    SESSIONS.mkdir(exist_ok=True)
    for file in SESSIONS.glob("*.json"):
        if file.name not in recorded:
            file.unlink()
    for name, text in recorded.items():
        (SESSIONS / name).write_text(text, "utf-8")
        print(f"{name}: {len(json.loads(text)['events'])} events")
    return 0


def _check(recorded: dict[str, str]) -> int:
    kept = {file.name: file.read_text("utf-8") for file in SESSIONS.glob("*.json")}
    differing = [name for name in sorted(kept | recorded) if kept.get(name) != recorded.get(name)]
    for name in differing:
        _show_difference(name, kept.get(name, ""), recorded.get(name, ""))
    print(f"{len(differing)} of {len(kept | recorded)} sessions differ from their recording")
    return 1 if differing else 0


def _recorded_elsewhere() -> dict[str, Any] | None:
    """The machine of a kept session that differs from this one."""
    here = recording_machine()
    for file in sorted(SESSIONS.glob("*.json")):
        machine = {name: value for name, value in json.loads(file.read_text("utf-8"))["environment"].items() if name in here}
        if machine != here:
            return machine
    return None


def _show_difference(name: str, kept: str, recorded: str) -> None:
    texts = (kept.splitlines(), recorded.splitlines())
    lines = list(difflib.unified_diff(*texts, f"kept/{name}", f"recorded/{name}", n=1, lineterm=""))
    print("\n".join(lines[:DIFF_LINES_SHOWN]))
    if len(lines) > DIFF_LINES_SHOWN:
        print(f"[{len(lines) - DIFF_LINES_SHOWN} lines left out]")


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the sample sessions of sample_repo.")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there and change nothing")
    arguments = parser.parse_args()
    if arguments.check and (foreign := _recorded_elsewhere()):
        print(f"cannot be compared here: recorded with {foreign}, this is {recording_machine()}")
        return 2
    recorded = {f"{name}.json": render(record(script)) for name, script in load_scripts().items()}
    return _check(recorded) if arguments.check else _write(recorded)


if __name__ == "__main__":
    sys.exit(main())
