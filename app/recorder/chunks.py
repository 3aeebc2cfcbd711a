"""Which events go together in a chunk. Once planned, a chunk is the same for ever: sent again, it is known to the server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import CorruptError
from app.recorder.diffs import without_content
from app.recorder.outbox import Outbox, Written
from app.utils.text import head_and_tail

MAX_CHUNK_BYTES = 1024 * 1024
MAX_CHUNK_EVENTS = 200
_CUT_CHARACTERS = 4096
_LARGE_TEXTS = ("output", "message", "freeform", "summary", "snapshot_after")


@dataclass(frozen=True)
class Chunk:
    """A run of events by their numbers in the outbox."""

    number: int
    """``chunk_seq``, from 1."""
    first: int
    last: int
    attempt: int = 0
    """How often its beginning had to be planned anew."""
    is_cut: bool = False
    """Its only event is larger than the server takes, and goes without its large texts."""


@dataclass(frozen=True)
class Plan:
    """The chunks of a session, in a journal beside the outbox."""

    path: Path
    outbox: Outbox
    session_id: str

    def next_chunk(self, acknowledged: int) -> Chunk | None:
        """The chunk after those that the server has; ``None`` where nothing is left to send. The plan is on disk then."""
        planned = self._planned()
        if acknowledged + 1 in planned:
            return planned[acknowledged + 1]
        first = planned[acknowledged].last + 1 if acknowledged else 1
        chunk = self._filled(acknowledged + 1, first)
        if chunk is not None:
            self._write(chunk)
        return chunk

    def make_smaller(self, chunk: Chunk) -> Chunk | None:
        """Plan a chunk anew that is too large; ``None`` where nothing can be taken from it any more."""
        if chunk.first < chunk.last:
            smaller = replace(chunk, last=(chunk.first + chunk.last) // 2, attempt=chunk.attempt + 1)
        elif not chunk.is_cut:
            smaller = replace(chunk, is_cut=True, attempt=chunk.attempt + 1)
        else:
            return None
        self._write(smaller)
        return smaller

    def render(self, chunk: Chunk) -> dict[str, Any]:
        """The chunk in the recording API's words."""
        events = [dict(written.event) for written in self._events(chunk)]
        if chunk.is_cut:
            events = [_cut(event) for event in events]
        suffix = f".{chunk.attempt}" if chunk.attempt else ""
        return {"chunk_id": f"{self.session_id}-{chunk.number}{suffix}", "chunk_seq": chunk.number, "events": events}

    def pending(self, acknowledged: int) -> int:
        """How many events the server does not have yet."""
        planned = self._planned()
        last = planned[acknowledged].last if acknowledged in planned else 0
        return max(0, self.outbox.last_seq() - last)

    def _events(self, chunk: Chunk) -> Iterator[Written]:
        for written in self.outbox.read(chunk.first - 1):
            if written.seq > chunk.last:
                return
            yield written

    def _filled(self, number: int, first: int) -> Chunk | None:
        last = size = 0
        for written in self.outbox.read(first - 1):
            size += written.size_bytes
            if last and (size > MAX_CHUNK_BYTES or written.seq - first >= MAX_CHUNK_EVENTS):
                break
            last = written.seq
        return Chunk(number, first, last) if last else None

    def _planned(self) -> dict[int, Chunk]:
        """The chunks by their numbers; of one that was planned anew, the last plan counts."""
        if not self.path.exists():
            return {}
        found: dict[int, Chunk] = {}
        for line in self.path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break  # nothing of it was sent: a plan is on disk before its chunk goes out
            try:
                chunk = Chunk(**json.loads(line))
            except (ValueError, TypeError):
                raise CorruptError(f"{self.path} holds a line that cannot be read") from None
            # what was planned behind a chunk does not fit it any more once it is planned anew
            found = {number: earlier for number, earlier in found.items() if number < chunk.number} | {chunk.number: chunk}
        return found

    def _write(self, chunk: Chunk) -> None:
        whole = self.path.read_bytes().rfind(b"\n") + 1 if self.path.exists() else 0
        with self.path.open("ab") as file:
            file.truncate(whole)
            file.write(json.dumps(asdict(chunk)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _cut(event: dict[str, Any]) -> dict[str, Any]:
    cut: list[str] = []
    for name in _LARGE_TEXTS:
        if len(event.get(name) or "") > _CUT_CHARACTERS:
            event[name] = head_and_tail(event[name], _CUT_CHARACTERS)
            cut.append(name)
    if event.get("diff_unified"):
        event["diff_unified"] = without_content(event["diff_unified"])
        cut.append("diff")
    if event.pop("diff", None) is not None:
        cut.append("diff")
    return {**event, "extra": {**(event.get("extra") or {}), "cut": cut}}
