"""What the server and the harness say to each other in one run, from the order to the report.

Nothing here knows of an engine. First go the order and the tree, or what the run before has changed of it; ``UNPACKED``
comes back; the command has its time; ``READY`` comes back; then goes a nonce that nobody could know before, and the report
comes back. Whatever does not fit is not believed.
"""

from __future__ import annotations

import io
import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec, Tree, TreeFile
from app.qa.guest import protocol
from app.qa.guest.results import is_asked_for
from app.qa.sandbox.channel import Channel, DeadlinePassedError, ProtocolBrokenError
from app.qa.sandbox.profile import SandboxProfile

_PIECE_BYTES = 256 << 10
_SMALL = protocol.MAX_FRAME_BYTES

Kind = Literal["exited", "timed_out", "out_of_memory"]


@dataclass(frozen=True)
class Outcome:
    """What the harness says of the command."""

    exit_code: int | None
    """``None`` where its time was up."""
    oom_kills: int
    duration_s: float
    output_bytes: int
    records_bytes: int
    files_left_out: int


class Conversation:
    """One run, as far as the harness can tell of it."""

    def __init__(
        self, channel: Channel, profile: SandboxProfile, spec: RunSpec, timeout_s: float, *, keeps_tree: bool = False
    ) -> None:
        """``keeps_tree``: the harness has the spec's tree, from the run before."""
        self._channel = channel
        self._profile = profile
        self._spec = spec
        self._timeout_s = timeout_s
        self._keeps_tree = keeps_tree
        self.began = False
        """Whether the command may have been started: only then can silence be its doing."""
        self.is_over = False
        """Whether the harness has said all that it had to say of this run, and waits for the next order."""
        self.was_dirty = False
        """Whether the harness could not remove what an earlier run left."""

    def hold(self) -> RunResult:
        """Send the order and the tree, wait for the command, and take the report.

        Raises:
            StreamLostError: the container or the engine has gone.
            CorruptError: a file of the tree is not as long as it should be.
        """
        try:
            refusal = self._bring_in() or self._await_end()
            return refusal or self._take_report()
        except ProtocolBrokenError as error:
            return RunResult("corrupted", reason=f"the report of the run cannot be believed: {error}")
        except DeadlinePassedError:
            return self._overdue()

    def _bring_in(self) -> RunResult | None:
        self._channel.allow(self._profile.transfer_s)
        self._channel.put(protocol.ORDER, self._order())
        wanted = None
        if self._keeps_tree:
            self._channel.flush()
            tag, payload = self._channel.receive({protocol.NEED: protocol.MAX_NEED_BYTES, protocol.REFUSED: _SMALL})
            if tag == protocol.REFUSED:
                return self._refused(payload)
            wanted = _names(payload)
        send_files(self._channel, _chosen(self._spec.tree, wanted))
        send_files(self._channel, _overlay(self._spec.overlay))
        self._channel.flush()
        refusal = self._refusal(protocol.UNPACKED)
        self.began = refusal is None
        return refusal

    def _await_end(self) -> RunResult | None:
        self._channel.allow(self._timeout_s + self._profile.grace_s)
        return self._refusal(protocol.READY)

    def _refusal(self, otherwise: bytes) -> RunResult | None:
        tag, payload = self._channel.receive({otherwise: 0, protocol.REFUSED: _SMALL})
        return None if tag == otherwise else self._refused(payload)

    def _refused(self, payload: bytes) -> RunResult:
        document = _document(payload)
        self.was_dirty = document.get("why") == protocol.WHY_DIRTY
        return RunResult("could_not_run", reason=self._why(str(document.get("why")), str(document.get("subject"))))

    def _take_report(self) -> RunResult:
        self._channel.allow(self._profile.transfer_s)
        nonce = secrets.token_hex(32)
        self._channel.put(protocol.NONCE, nonce.encode("ascii"))
        self._channel.flush()
        outcome = parse_outcome(self._channel.receive({protocol.OUTCOME: _SMALL})[1], nonce)
        head = self._channel.receive({protocol.DATA: self._profile.output_head_bytes})[1]
        tail = self._channel.receive({protocol.DATA: self._profile.output_tail_bytes})[1]
        records = self._channel.receive({protocol.DATA: self._profile.records_bytes})[1]
        files = self._take_files(nonce)
        self.is_over = True
        return self._result(outcome, head, tail, records, files)

    def _take_files(self, nonce: str) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        while True:
            tag, payload = self._channel.receive({protocol.FILE: _SMALL, protocol.END: _SMALL})
            if tag == protocol.END:
                _expect(payload == nonce.encode("ascii"), "it does not end with the nonce")
                return files
            path = str(_document(payload).get("path"))
            _expect(self._is_wanted(path) and path not in files, "it brings a file that was not asked for")
            files[path] = self._channel.receive({protocol.DATA: self._profile.result_file_bytes})[1]

    def _is_wanted(self, path: str) -> bool:
        return is_asked_for(path, list(self._spec.result_files))

    def _result(self, outcome: Outcome, head: bytes, tail: bytes, records: bytes, files: dict[str, bytes]) -> RunResult:
        kind, reason = self._kind(outcome)
        return RunResult(
            kind,
            exit_code=outcome.exit_code if kind == "exited" else None,
            reason=reason,
            output_head=head,
            output_tail=tail,
            output_bytes=outcome.output_bytes,
            files=files,
            files_left_out=outcome.files_left_out,
            duration_s=outcome.duration_s,
            records=records,
            records_bytes=outcome.records_bytes,
        )

    def _kind(self, outcome: Outcome) -> tuple[Kind, str | None]:
        # A run that lost a process to the limit says nothing about the command, however it ended
        if outcome.oom_kills:
            return "out_of_memory", f"the run needed more than its {self._profile.memory_bytes} bytes of memory"
        if outcome.exit_code is None:
            return "timed_out", f"the command did not end within {self._timeout_s:g} s"
        return "exited", None

    def _overdue(self) -> RunResult:
        if self.began:
            reason = f"the command did not end within {self._timeout_s:g} s, and its container had to be killed"
            return RunResult("timed_out", reason=reason)
        return RunResult(
            "could_not_run", reason=f"the files were not in the sandbox within {self._profile.transfer_s:g} s; try again"
        )

    def _order(self) -> bytes:
        guest = self._spec.guest
        document = {
            "argv": list(self._spec.argv),
            "env": dict(self._spec.env),
            "timeout_s": self._timeout_s,
            "life_s": self._profile.lifetime_s(self._timeout_s),
            "result_files": list(self._spec.result_files),
            "head_bytes": self._profile.output_head_bytes,
            "tail_bytes": self._profile.output_tail_bytes,
            "file_bytes": self._profile.result_file_bytes,
            "files_bytes": self._profile.result_files_bytes,
            "records_bytes": self._profile.records_bytes,
            "keeps_tree": self._keeps_tree,
            "removed": sorted(self._spec.overlay),
            "guest": guest.source if guest is not None else None,
            "guest_config": dict(guest.config) if guest is not None else {},
            "preload": list(guest.preload) if guest is not None else [],
        }
        return json.dumps(document).encode()

    def _why(self, why: str, subject: str) -> str:
        image = self._profile.image
        sentences = {
            protocol.WHY_NO_PROGRAM: f"the image {image} has no program {subject!r}: use an image that has it",
            protocol.WHY_NOT_EXECUTABLE: f"the command cannot be executed: {subject}",
            protocol.WHY_TREE: f"the files cannot be laid out: {subject}",
            protocol.WHY_DIRTY: f"what an earlier run left behind could not be removed: {subject}",
            protocol.WHY_FULL: f"the files do not fit into the work folder ({self._profile.work_bytes} bytes, "
            f"{self._profile.work_files} files and folders): it was full at {subject!r}",
            protocol.WHY_NOT_FIRST: "the harness is not process 1 of the container: let the engine start it without an init",
        }
        return sentences.get(why, f"the harness refused: {why} {subject}")


def send_files(channel: Channel, files: Iterable[TreeFile]) -> None:
    """Stream every file; no more than a batch of it is in memory.

    Raises:
        CorruptError: a file is not as long as it should be.
        StreamLostError: nobody takes it.
        DeadlinePassedError: it took too long.
    """
    for file in files:
        entry = {"path": file.path, "size": file.size_bytes, "executable": file.executable}
        channel.put(protocol.FILE, json.dumps(entry).encode())
        _send_content(channel, file)
    channel.put(protocol.END)


def _chosen(tree: Tree, wanted: frozenset[str] | None) -> Iterator[TreeFile]:
    """The files of the tree, or those that are wanted; a tree is not opened for none."""
    if wanted is None:
        yield from tree.files()
    elif wanted:
        yield from (file for file in tree.files() if file.path in wanted)


def _overlay(files: Mapping[str, bytes | None]) -> Iterator[TreeFile]:
    for path, content in files.items():
        if content is not None:
            yield TreeFile(path, len(content), io.BytesIO(content))


def _send_content(channel: Channel, file: TreeFile) -> None:
    left = file.size_bytes
    while left > 0:
        piece = file.content.read(min(left, _PIECE_BYTES))
        if not piece:
            raise CorruptError(f"{file.path} ends {left} bytes before its {file.size_bytes}", path=file.path)
        left -= len(piece)
        channel.put(protocol.DATA, piece)


def parse_outcome(payload: bytes, nonce: str) -> Outcome:
    """The harness's word on the command.

    Raises:
        ProtocolBrokenError: it does not know the nonce, or says something impossible.
    """
    document = _document(payload)
    told = document.get("nonce")
    _expect(isinstance(told, str) and told.isascii() and secrets.compare_digest(told, nonce), "it has a wrong nonce")
    exit_code, duration_s = document.get("exit_code"), document.get("duration_s", math.nan)
    _expect(exit_code is None or (_is_count(exit_code) and exit_code < 256), "it has an impossible exit code")
    _expect(isinstance(duration_s, float) and 0 <= duration_s < math.inf, "it has an impossible duration")
    counts = [document.get(name) for name in ("oom_kills", "output_bytes", "records_bytes", "files_left_out")]
    _expect(all(_is_count(count) for count in counts), "it counts wrong")
    killed, output_bytes, records_bytes, left_out = (int(count or 0) for count in counts)
    return Outcome(exit_code, killed, duration_s, output_bytes, records_bytes, left_out)


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolBrokenError("it is not JSON") from error
    _expect(isinstance(document, dict), "it is not a JSON object")
    return dict(document)


def _names(payload: bytes) -> frozenset[str]:
    try:
        names = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolBrokenError("it is not JSON") from error
    _expect(isinstance(names, list) and all(isinstance(name, str) for name in names), "it is no list of names")
    return frozenset(names)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expect(fits: bool, otherwise: str) -> None:
    if not fits:
        raise ProtocolBrokenError(otherwise)
