"""A session in the making: what a reader found, in the source's order, becomes events of a trace."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from app.formats.base import REQUIRED_FACTS, LossReport, ReadOptions, ReadSession, TextArtifact
from app.formats.errors import NothingUsableError
from app.formats.pieces.calls import Call
from app.formats.pieces.derived import seen_commit, seen_test_run
from app.formats.pieces.edits import FileEdit, render_diff
from app.formats.pieces.places import relative_to
from app.formats.pieces.shell import edits_of
from app.formats.pieces.values import plain, short, text
from app.formats.source import Source
from app.models.base import name_unknown
from app.models.commands import split_command
from app.models.events import EVENT, Event
from app.models.trace import Agent, Recorder, Repo, Session, Task, TraceStart
from app.utils.clock import in_zone

NO_CLOCK = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a session begins whose source has no clock, unless whoever imports it knows better: plainly no time of a session."""
_STEP = timedelta(microseconds=1)
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_EVENT_ID = 150
_LONGEST_COMMAND_NOTE = 2000
_LONGEST_DEVELOPER = 128
_TITLE_CHARACTERS = 120

EventType = Literal["file_open", "file_close", "code_edit", "terminal_command", "test_result", "commit", "reasoning_step"]


@dataclass
class _Step:
    key: str
    event_type: EventType
    when: datetime | None
    data: dict[str, Any]
    extra: dict[str, Any]
    unknown: tuple[str, ...] = ()


@dataclass
class Draft:
    """What is known of a session so far. Readers fill it in the source's order."""

    format_name: str
    options: ReadOptions
    loss: LossReport = field(default_factory=LossReport)
    source_id: str | None = None
    """The session's own id in the source."""
    folder: str | None = None
    """The working directory, absolute."""
    repo: dict[str, Any] = field(default_factory=dict)
    agent_name: str | None = None
    agent_version: str | None = None
    model: str | None = None
    bug_id: str | None = None
    known_failing_tests: tuple[str, ...] = ()
    role: Literal["human_dev", "ai_agent"] | None = "ai_agent"
    began: datetime | None = None
    ended: datetime | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    """What of the source has no field in a trace; kept beside the losses."""
    artifacts: list[TextArtifact] = field(default_factory=list)
    task: str | None = None
    outside: int = 0
    _steps: list[_Step] = field(default_factory=list)

    def think(self, key: str, when: datetime | None, content: str, **extra: Any) -> None:
        """What the agent thought or said. White space alone is nothing."""
        if content.strip():
            self._steps.append(_Step(key, "reasoning_step", when, {"content": content}, extra))

    def hear(self, key: str, when: datetime | None, content: str) -> None:
        """What the person said: the first of it is the task."""
        if not content.strip():
            return
        if self.task is None:
            self.task = content
            self.began = self.began or when
        else:
            self.think(key, when, content, author="user")

    def open(self, call: Call, path: str, **extra: Any) -> None:
        """A file was looked at."""
        place = self._place(path)
        if place is None:
            self.use(call, path=path, outside=True, **extra)
        else:
            self._steps.append(_Step(call.key, "file_open", call.when, {"file_path": place}, {"tool": call.tool, **extra}))

    def edit(self, call: Call, edits: list[FileEdit], **extra: Any) -> None:
        """Files were changed by one call: an event for each."""
        for number, edit in enumerate(edits, 1):
            key = call.key if number == 1 else f"{call.key}/{number}"
            place = self._place(edit.path)
            moved_from = None if edit.moved_from is None else self._place(edit.moved_from)
            if place is None or (edit.moved_from is not None and moved_from is None):
                self._add_use(key, call, path=edit.path, outside=True, **extra)
            else:
                self._add_edit(key, call, edit, place, moved_from, extra)

    def run(self, call: Call, command: str, *, cwd: str | None = None, **extra: Any) -> None:
        """A command was run in a terminal; a here-document that certainly wrote files is an edit instead."""
        result = call.result
        exit_code = result.exit_code if result is not None else None
        edits = edits_of(command) if exit_code == 0 else None
        if edits is not None:
            first = command.strip().split("\n")[0][:_LONGEST_COMMAND_NOTE]
            self.edit(call, [_within(cwd, edit) for edit in edits], command=first, exit_code=exit_code, **extra)
            return
        if not command.strip():
            self.loss.add("command", "it is empty")
            return
        self._add_command(call.key, call, command, cwd, extra)
        if self.options.derive and result is not None:
            self._derive(call, command, cwd)

    def use(self, call: Call, **extra: Any) -> None:
        """A tool was used that is no shell: kept as a command by the tool's name and its arguments."""
        self._add_use(call.key, call, **extra)

    def refused(self, call: Call) -> None:
        """The person did not let the call happen."""
        content = f"{call.tool} {_shown(call.arguments)}"
        extra = {"refused": True, "tool": call.tool}
        self._steps.append(_Step(call.key, "reasoning_step", call.when, {"content": content}, extra))

    def add(
        self, event_type: EventType, key: str, when: datetime | None, data: Mapping[str, Any], extra: Mapping[str, Any]
    ) -> None:
        """An event that the source has as the trace has it."""
        self._steps.append(_Step(key, event_type, when, dict(data), dict(extra)))

    def attach_patch(self, content: str) -> None:
        """What the session ended with, as a patch. One whose every line ends as a terminal ends lines came through one."""
        lines = content.strip("\r\n").split("\n")
        if len(lines) > 1 and all(line.endswith("\r") for line in lines[:-1]):
            self.loss.add("final.patch", "the line ends that a terminal had added were removed")
            content = content.replace("\r\n", "\n")
        self.attach("final.patch", "patch", content)

    def attach(self, name: str, kind: str, content: str, media_type: str = "text/x-diff") -> None:
        """A text that belongs to the session; an empty one is none."""
        if content.strip():
            self.artifacts.append(TextArtifact(name, kind, media_type, text(content) or ""))

    def finish(self, source: Source, *, may_be_empty: bool = False, part: str | None = None) -> ReadSession:
        """The session.

        ``part`` tells the sessions of one file apart where they have no ids of their own.

        Raises:
            NothingUsableError: nothing was found.
        """
        if not self._steps and not may_be_empty:
            raise NothingUsableError(f"{source.name} looks like {self.format_name}, and holds no event that can be imported")
        start, has_clock = self._start()
        events = self._events(start, has_clock)
        repo, missing = self._repo()
        trace = TraceStart(
            trace_id=self._trace_id(source, part),
            developer_id=(self.options.developer_id or self.agent_name or self.format_name)[:_LONGEST_DEVELOPER],
            bug_id=short(self.bug_id),
            start_time=start,
            end_time=self.ended,
            repo=repo,
            task=self._task(),
            session=self._session(source, has_clock),
            events=tuple(events),
        )
        return ReadSession(trace, self.loss.losses(), missing, self.outside, tuple(self.artifacts))

    def _place(self, path: str) -> str | None:
        return relative_to(self.folder or self.options.folder, path)

    def _add_edit(
        self, key: str, call: Call, edit: FileEdit, place: str, moved_from: str | None, extra: Mapping[str, Any]
    ) -> None:
        data: dict[str, Any] = {"file_path": place, "diff": render_diff(edit, place, moved_from)}
        given = {"hash_before": edit.hash_before, "hash_after": edit.hash_after, "snapshot_after": edit.snapshot_after}
        data |= {name: value for name, value in given.items() if value is not None}
        notes = {"tool": call.tool, **({"unanchored": True} if edit.unanchored else {}), **extra}
        self._steps.append(_Step(key, "code_edit", call.when, data, notes, edit.unknown))

    def _add_use(self, key: str, call: Call, **extra: Any) -> None:
        self.outside += extra.get("outside") is True
        command = f"{call.tool} {_shown(call.arguments)}" if call.arguments else call.tool
        self._add_command(key, call, command, None, {"tool": call.tool, **extra})

    def _add_command(self, key: str, call: Call, command: str, cwd: str | None, extra: Mapping[str, Any]) -> None:
        result = call.result
        data: dict[str, Any] = {
            "command": command,
            "output": result.output if result is not None else "",
            "exit_code": result.exit_code if result is not None else None,
            "duration_ms": result.duration_ms if result is not None else None,
        }
        if cwd is not None:
            data["cwd"] = cwd
        unknown = tuple(name for name in ("exit_code", "duration_ms") if data[name] is None)
        notes = dict(extra)
        if result is None:
            notes["incomplete"], unknown = True, ("output", *unknown)
        if data["duration_ms"] is None and call.elapsed_ms is not None:
            notes["elapsed_ms"] = call.elapsed_ms
        self._steps.append(_Step(key, "terminal_command", call.when, data, notes, unknown))

    def _derive(self, call: Call, command: str, cwd: str | None) -> None:
        assert call.result is not None  # noqa: S101 -- the caller looked
        elsewhere = cwd is not None and self.folder is not None and cwd.rstrip("/") != self.folder.rstrip("/")
        seen = seen_test_run(command, call.result.output, call.result.exit_code)
        if seen is not None and not elsewhere:
            counts = {"num_passed": seen.num_passed, "num_failed": seen.num_failed, "framework": seen.framework}
            data: dict[str, Any] = {
                "tests_passed": seen.passed,
                "test_command": seen.command,
                "summary": seen.summary,
                **({"failed_tests": seen.failed_tests} if seen.failed_tests else {}),
                **{name: value for name, value in counts.items() if value is not None},
            }
            self._steps.append(_Step(f"{call.key}/test", "test_result", call.when, data, {"derived_from": call.key}))
        commit = seen_commit(command, call.result.output, call.result.exit_code)
        if commit is not None:
            data = {"sha": commit.sha, "message": commit.message}
            self._steps.append(_Step(f"{call.key}/commit", "commit", call.when, data, {"derived_from": call.key}))

    def _start(self) -> tuple[datetime, bool]:
        """When the session began, and whether the source has a clock at all."""
        first = next((step.when for step in self._steps if step.when is not None), None)
        moments = [moment for moment in (self.began, first) if moment is not None]
        if moments:
            return min(moments, key=in_zone), first is not None
        return self.options.start_time or NO_CLOCK, False

    def _events(self, start: datetime, has_clock: bool) -> list[Event]:
        events: list[Event] = []
        ids: dict[str, str] = {}
        used: Counter[str] = Counter()
        last = start
        for number, step in enumerate(self._steps, 1):
            when, notes = self._when(step, last, start + number * _STEP if not has_clock else None)
            event_id = _event_id(step.key, used)
            document = self._document(step, event_id, ids, notes)
            try:
                event = EVENT.validate_python({**document, "timestamp": when})
            except ValidationError as error:
                self.loss.add(step.event_type, f"it is no valid event ({error.errors()[0]['msg']})"[:200])
                continue
            ids.setdefault(step.key, event_id)
            events.append(event)
            last = when
        return events

    def _when(self, step: _Step, last: datetime, counted: datetime | None) -> tuple[datetime, dict[str, Any]]:
        """The event's time. Events keep the source's order, also where its clock goes back."""
        if counted is not None:
            return counted, {"unknown": ["timestamp"]}
        if step.when is None:
            return last, {"unknown": ["timestamp"]}
        if in_zone(step.when) < in_zone(last):
            return last, {"source_timestamp": step.when.isoformat(), "unknown": ["timestamp"]}
        return step.when, {}

    def _document(self, step: _Step, event_id: str, ids: Mapping[str, str], notes: Mapping[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = {name: plain(value) for name, value in step.extra.items()}
        if "derived_from" in extra:
            extra["derived_from"] = ids.get(extra["derived_from"], extra["derived_from"])
        if "source_timestamp" in notes:
            extra["source_timestamp"] = notes["source_timestamp"]
        unknown = (*step.unknown, *notes.get("unknown", ()))
        if unknown:
            name_unknown(extra, *unknown)
        data = {name: text(value) if isinstance(value, str) else value for name, value in step.data.items()}
        return {"event_type": step.event_type, "event_id": event_id, "data": {**data, **({"extra": extra} if extra else {})}}

    def _repo(self) -> tuple[Repo, tuple[str, ...]]:
        stated = {name: short(value) for name, value in self.repo.items()}
        if not _is_runnable(stated.get("test_command")):
            self.loss.add("test command", "it cannot be run without a shell")
            stated["test_command"] = None
        given = self.options.repo
        facts: dict[str, Any] = {name: stated.get(name) or getattr(given, name) for name in REQUIRED_FACTS}
        facts["name"] = facts["name"] or short(_name_in(facts["url"]))
        missing = tuple(name for name in REQUIRED_FACTS if facts[name] is None)
        return Repo(**{name: value for name, value in facts.items() if value is not None}), missing

    def _task(self) -> Task | None:
        if self.task is None and not self.known_failing_tests:
            return None
        described = text(self.task)
        title = next((line.strip() for line in (described or "").split("\n") if line.strip()), "")[:_TITLE_CHARACTERS]
        fields: dict[str, Any] = {"title": title or None, "description": described}
        given = {name: value for name, value in fields.items() if value is not None}
        return Task(**given, known_failing_tests=self.known_failing_tests)

    def _session(self, source: Source, has_clock: bool) -> Session:
        losses = [{"kind": text(loss.kind), "reason": text(loss.reason), "count": loss.count} for loss in self.loss.losses()]
        extra: dict[str, Any] = {"format": self.format_name, "source_sha256": source.sha256, "lost": losses}
        if self.source_id is not None:
            extra["source_id"] = text(self.source_id)
        if self.outside:
            extra["outside"] = self.outside
        if not has_clock and self.began is None and self.options.start_time is None:
            extra["unknown"] = ["start_time"]
        extra |= {name: plain(value) for name, value in self.notes.items() if value not in (None, [], {})}
        agent = Agent(name=short(self.agent_name), version=short(self.agent_version), model=short(self.model))
        return Session(
            role=self.role,
            agent=agent,
            consent=self.options.consent,
            recorder=Recorder(name="import", extra=extra),
        )

    def _trace_id(self, source: Source, part: str | None) -> str:
        """By the session's own id, or else by the content: the same file is the same trace, wherever it lies."""
        if self.source_id is not None:
            if _SAFE_ID.fullmatch(self.source_id):
                return f"{self.format_name}-{self.source_id}"
            return f"{self.format_name}-{_digest(self.source_id)}"
        content = source.sha256 if part is None else f"{source.sha256} {part}"
        return f"{self.format_name}-{_digest(content)}"


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _event_id(key: str, used: Counter[str]) -> str:
    """The source's own id as the id of an event. Of equal ones, each after the first has its number behind a tilde."""
    cleaned = _CONTROL.sub("", text(key) or "").replace("~", "-")
    name = cleaned if cleaned and len(cleaned) <= _LONGEST_EVENT_ID else _digest(key)
    used[name] += 1
    return name if used[name] == 1 else f"{name}~{used[name]}"


def _within(folder: str | None, edit: FileEdit) -> FileEdit:
    """The edit of a command that ran in this folder."""
    if folder is None:
        return edit
    moved_from = None if edit.moved_from is None else posixpath.join(folder, edit.moved_from)
    return replace(edit, path=posixpath.join(folder, edit.path), moved_from=moved_from)


def _is_runnable(test_command: str | None) -> bool:
    try:
        return test_command is None or bool(split_command(test_command))
    except ValueError:
        return False


def _name_in(url: str | None) -> str | None:
    """The last part of a repository's address."""
    return (url or "").rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git") or None


def _shown(arguments: Mapping[str, Any]) -> str:
    return json.dumps(plain(arguments), ensure_ascii=False, separators=(", ", ": "))
