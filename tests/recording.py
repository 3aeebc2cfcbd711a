"""Work trees to record, and recordings that were taken of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from app.models.trace import Consent
from app.recorder.capture import Capture
from app.recorder.link import Answer, Link, UnreachableError
from app.recorder.recording import Beginning, Recording, begin_recording
from app.utils.clock import Clock

EVERYTHING = Consent()
NOTHING = Consent(rationales=False, commands=False, snapshots=False)
_IDENTITY = {f"GIT_{who}_{what}": "larder@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_NOBODYS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **_IDENTITY}


def git(tree: Path, *arguments: str) -> str:
    """The output of git in a tree, which has to succeed."""
    done = subprocess.run(
        ["git", *arguments], cwd=tree, env={**os.environ, **_NOBODYS}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def a_work_tree(folder: Path, **files: str | bytes) -> Path:
    """A repository with one commit. Names are given with ``__`` for ``/`` and ``_DOT_`` for ``.``."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    for name, content in (files or {"a_DOT_py": "one\ntwo\nthree\n"}).items():
        write(folder, name.replace("__", "/").replace("_DOT_", "."), content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first", "--allow-empty")
    return folder


def write(tree: Path, path: str, content: str | bytes) -> None:
    """Save a file."""
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_bytes(content.encode() if isinstance(content, str) else content)


def a_recording(tree: Path, **given: Any) -> Recording:
    """A recording that is on, and that nobody watches."""
    beginning = Beginning(**{"task_title": "A bug", "consent": EVERYTHING, "participant_id": "p-1", **given})
    return begin_recording(tree, beginning)[0]


def capture_of(recording: Recording) -> Capture:
    """Looks without waiting for saves to settle."""
    return replace(recording.capture, settle_s=0.0)


def events_of(recording: Recording) -> list[dict[str, Any]]:
    """What stands in the outbox."""
    return [dict(written.event) for written in recording.outbox.read()]


def edits_of(recording: Recording) -> list[dict[str, Any]]:
    """The edits among it."""
    return [event for event in events_of(recording) if event["type"] == "file_edit"]


def ticking(start: datetime = datetime(2026, 3, 2, tzinfo=UTC), step_s: float = 1.0) -> Clock:
    """A clock that goes on by a step each time that it is asked."""

    def moments() -> Iterator[datetime]:
        moment = start
        while True:
            moment += timedelta(seconds=step_s)
            yield moment

    found = moments()
    return lambda: next(found)


@dataclass
class ScriptedLink:
    """A server that keeps what it is sent, and answers as the recording API does, save where the test says otherwise."""

    script: list[Answer | UnreachableError] = field(default_factory=list)
    """What the next requests come to, first in, first out."""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """The ``Idempotency-Key`` of each document that was sent."""
    begun: dict[str, Any] = field(default_factory=dict)
    """What sessions were begun with, by their keys."""
    chunks: dict[str, Any] = field(default_factory=dict)
    """Every chunk that was stored, by its id."""
    largest_bytes: int | None = None

    def __call__(self, url: str) -> Link:
        return cast("Link", self)

    @property
    def event_ids(self) -> list[str]:
        """The events that are stored, in the order in which they came."""
        return [event["id"] for chunk in self.chunks.values() for event in chunk["events"]]

    def post(self, path: str, token: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        self.calls.append((path, document))
        key = (headers or {}).get("Idempotency-Key")
        self.keys.append(key)
        if self.script:
            return self._scripted()
        if path == "/v1/traces":
            return self.begin(key, document)
        if path.endswith("/complete"):
            return Answer(200, {"status": "completed", "trace_id": "t-1"})
        return self._ingest(document)

    def put_file(self, path: str, token: str, file: Path, media_type: str) -> Answer:
        self.calls.append((path, file.read_bytes()))
        return self._scripted() if self.script else Answer(201, {"sha256": "0" * 64})

    def begin(self, key: str | None, document: Any) -> Answer:
        if self.begun.setdefault(key or "", document) != document:
            return Answer(422, {"code": "idempotency_key_reused", "detail": "another request"})
        return Answer(200, {"trace_id": f"t-{1 + list(self.begun).index(key or '')}", "upload_token": "u-1"})

    def _scripted(self) -> Answer:
        said = self.script.pop(0)
        if isinstance(said, UnreachableError):
            raise said
        return said

    def _ingest(self, chunk: Any) -> Answer:
        if self.largest_bytes is not None and len(json.dumps(chunk)) > self.largest_bytes:
            return Answer(413, {"code": "too_large", "detail": "too large"})
        if chunk["chunk_id"] in self.chunks:
            same = self.chunks[chunk["chunk_id"]] == chunk
            return (
                Answer(200, {"chunk_id": chunk["chunk_id"]})
                if same
                else Answer(409, {"code": "chunk_conflict", "detail": "another content"})
            )
        expected = len(self.chunks) + 1
        if chunk["chunk_seq"] != expected:
            said = {"code": "chunk_out_of_order", "detail": f"expected is {expected}", "expected": expected}
            return Answer(409, said)
        self.chunks[chunk["chunk_id"]] = chunk
        return Answer(200, {"chunk_id": chunk["chunk_id"]})
