"""The journal of what was recorded: appended to and fsynced, never changed. What stands in it was seen, and will be sent.

A line is written whole or cut off again. Numbers and times are given here, under a lock, so that any number of processes of the
recorder may write: the time never runs backwards, whatever the machine's clock does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.errors import CorruptError
from app.models.recording import RecordedEvent
from app.recorder.privacy import Privacy
from app.recorder.state import locked
from app.utils.clock import Clock

_EVENT: TypeAdapter[Any] = TypeAdapter(RecordedEvent)
_TICK_S = 0.001
_TAIL_BYTES = 64 * 1024
_LINE_START = b'{"seq":'
NewEvent = Mapping[str, Any]
"""An event in the recording API's words, still without ``id``, ``seq`` and ``ts_client_s`` where the outbox is to give them."""


@dataclass(frozen=True)
class Written:
    """An event as it stands in the outbox."""

    seq: int
    event: Mapping[str, Any]
    size_bytes: int


@dataclass(frozen=True)
class _End:
    """Where the journal ends."""

    seq: int
    clock: float
    size_bytes: int


@dataclass(frozen=True)
class Outbox:
    """The journal of one session."""

    path: Path
    lock: Path
    privacy: Privacy
    clock: Clock

    def append(self, events: Sequence[NewEvent]) -> list[int]:
        """Write events down. Returns their numbers. They are on disk afterwards; where a crash cut that off, the first may be.

        Raises:
            ValidationError: an event is not one that the server takes.
        """
        if not events:
            return []
        with locked(self.lock):
            end = self._cut_torn_line()
            lines, seq, clock = [], end.seq, end.clock
            for event in events:
                seq += 1
                now = max(self.clock().timestamp(), clock + _TICK_S)
                time = float(event.get("ts_client_s", now))
                clock = max(clock, time)
                lines.append(
                    self._line(seq, clock, {"id": event_id_of(seq), **event, "seq": seq, "ts_client_s": round(time, 6)})
                )
            self._write(b"".join(lines))
            return list(range(end.seq + 1, seq + 1))

    def reserve_time(self) -> float:
        """A moment after everything so far, and before everything to come, for an event that is written down later."""
        with locked(self.lock):
            end = self._cut_torn_line()
            moment = round(max(self.clock().timestamp(), end.clock + _TICK_S), 6)
            self._write(_json_line({"seq": end.seq, "clock": moment}))
            return moment

    def read(self, after: int = 0) -> Iterator[Written]:
        """The events with greater numbers, in order. A line that is being written is not read.

        Raises:
            CorruptError: a line cannot be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                if _seq_of(line) <= after:
                    continue
                said = _parsed(line, self.path)
                if "event" in said and said["seq"] > after:
                    yield Written(said["seq"], said["event"], len(line))

    def last_seq(self) -> int:
        """The number of the last event; 0 where there is none."""
        return self._end().seq

    def size_bytes(self) -> int:
        """How large the journal is by now: it grows with every event."""
        return self.path.stat().st_size if self.path.exists() else 0

    def _line(self, seq: int, clock: float, event: NewEvent) -> bytes:
        cleaned = self.privacy.clean(event)
        _EVENT.validate_json(json.dumps(cleaned))
        return _json_line({"seq": seq, "clock": round(clock, 6), "event": cleaned})

    def _end(self) -> _End:
        if not self.path.exists():
            return _End(0, 0.0, 0)
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            reach = _TAIL_BYTES
            while True:
                start = max(0, size - reach)
                file.seek(start)
                block = file.read(size - start)
                whole = block[: block.rfind(b"\n") + 1]
                last = whole[:-1].rfind(b"\n")
                if last >= 0 or start == 0:
                    break
                reach *= 4
        if not whole:
            return _End(0, 0.0, 0)
        said = _parsed(whole[last + 1 :], self.path)
        return _End(said["seq"], said["clock"], start + len(whole))

    def _cut_torn_line(self) -> _End:
        end = self._end()
        if self.size_bytes() > end.size_bytes:
            with self.path.open("r+b") as file:
                file.truncate(end.size_bytes)
        return end

    def _write(self, lines: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


def event_id_of(seq: int) -> str:
    """The id of an event that brings none of its own."""
    return f"e{seq}"


def _json_line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _seq_of(line: bytes) -> float:
    """The number that a line begins with, without reading the rest of it; of any other line one beyond all."""
    number = line[len(_LINE_START) : line.find(b",")] if line.startswith(_LINE_START) else b""
    return int(number) if number.isdigit() else float("inf")


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        said = json.loads(line)
        if isinstance(said, dict) and isinstance(said.get("seq"), int):
            return said
    except ValueError:
        pass
    raise CorruptError(f"{path} holds a line that cannot be read; what stands before it was recorded")
