"""What the server and the harness say to each other in one run, from the order to the report.

Nothing here knows of an engine. First go the order and the tree; ``UNPACKED`` comes back; the command has its time; ``READY``
comes back; then goes a nonce that nobody could know before, and the report comes back. Whatever does not fit is not believed.
"""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec, Tree, TreeFile
from app.qa.sandbox import harness
from app.qa.sandbox.channel import Channel, DeadlinePassedError, ProtocolBrokenError
from app.qa.sandbox.profile import SandboxProfile

_PIECE_BYTES = 256 << 10
_SMALL = harness.MAX_FRAME_BYTES

Kind = Literal["exited", "timed_out", "out_of_memory"]


@dataclass(frozen=True)
class Outcome:
    """What the harness says of the command."""

    exit_code: int | None
    """``None`` where its time was up."""
    oom_kills: int
    duration_s: float
    output_bytes: int


class Conversation:
    """One run, as far as the harness can tell of it."""

    def __init__(self, channel: Channel, profile: SandboxProfile, spec: RunSpec, timeout_s: float) -> None:
        self._channel = channel
        self._profile = profile
        self._spec = spec
        self._timeout_s = timeout_s
        self.began = False
        """Whether the command may have been started: only then can silence be its doing."""

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
        self._channel.put(harness.ORDER, self._order())
        send_tree(self._channel, self._spec.tree)
        refusal = self._refusal(harness.UNPACKED)
        self.began = refusal is None
        return refusal

    def _await_end(self) -> RunResult | None:
        self._channel.allow(self._timeout_s + self._profile.grace_s)
        return self._refusal(harness.READY)

    def _refusal(self, otherwise: bytes) -> RunResult | None:
        tag, payload = self._channel.receive({otherwise: 0, harness.REFUSED: _SMALL})
        if tag == otherwise:
            return None
        document = _document(payload)
        return RunResult("could_not_run", reason=self._why(str(document.get("why")), str(document.get("subject"))))

    def _take_report(self) -> RunResult:
        self._channel.allow(self._profile.transfer_s)
        nonce = secrets.token_hex(32)
        self._channel.put(harness.NONCE, nonce.encode("ascii"))
        self._channel.flush()
        outcome = parse_outcome(self._channel.receive({harness.OUTCOME: _SMALL})[1], nonce)
        head = self._channel.receive({harness.DATA: self._profile.output_head_bytes})[1]
        tail = self._channel.receive({harness.DATA: self._profile.output_tail_bytes})[1]
        files = self._take_files(nonce)
        return self._result(outcome, head, tail, files)

    def _take_files(self, nonce: str) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        while True:
            tag, payload = self._channel.receive({harness.FILE: _SMALL, harness.END: _SMALL})
            if tag == harness.END:
                _expect(payload == nonce.encode("ascii"), "it does not end with the nonce")
                return files
            path = _document(payload).get("path")
            _expect(path in self._spec.result_files and path not in files, "it brings a file that was not asked for")
            files[str(path)] = self._channel.receive({harness.DATA: self._profile.result_file_bytes})[1]

    def _result(self, outcome: Outcome, head: bytes, tail: bytes, files: dict[str, bytes]) -> RunResult:
        kind, reason = self._kind(outcome)
        return RunResult(
            kind,
            exit_code=outcome.exit_code if kind == "exited" else None,
            reason=reason,
            output_head=head,
            output_tail=tail,
            output_bytes=outcome.output_bytes,
            files=files,
            duration_s=outcome.duration_s,
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
        document = {
            "argv": list(self._spec.argv),
            "env": dict(self._spec.env),
            "timeout_s": self._timeout_s,
            "life_s": self._profile.lifetime_s(self._timeout_s),
            "result_files": list(self._spec.result_files),
            "head_bytes": self._profile.output_head_bytes,
            "tail_bytes": self._profile.output_tail_bytes,
            "file_bytes": self._profile.result_file_bytes,
        }
        return json.dumps(document).encode()

    def _why(self, why: str, subject: str) -> str:
        image = self._profile.image
        sentences = {
            harness.WHY_NO_PROGRAM: f"the image {image} has no program {subject!r}: use an image that has it",
            harness.WHY_NOT_EXECUTABLE: f"the command cannot be executed: {subject}",
            harness.WHY_TREE: f"the files cannot be laid out: {subject}",
            harness.WHY_FULL: f"the files do not fit into the work folder ({self._profile.work_bytes} bytes, "
            f"{self._profile.work_files} files and folders): it was full at {subject!r}",
            harness.WHY_NOT_FIRST: "the harness is not process 1 of the container: let the engine start it without an init",
        }
        return sentences.get(why, f"the harness refused: {why} {subject}")


def send_tree(channel: Channel, tree: Tree) -> None:
    """Stream every file; no more than a batch of it is in memory.

    Raises:
        CorruptError: a file is not as long as it should be.
        StreamLostError: nobody takes it.
        DeadlinePassedError: it took too long.
    """
    for file in tree.files():
        entry = {"path": file.path, "size": file.size_bytes, "executable": file.executable}
        channel.put(harness.FILE, json.dumps(entry).encode())
        _send_content(channel, file)
    channel.put(harness.END)
    channel.flush()


def _send_content(channel: Channel, file: TreeFile) -> None:
    left = file.size_bytes
    while left > 0:
        piece = file.content.read(min(left, _PIECE_BYTES))
        if not piece:
            raise CorruptError(f"{file.path} ends {left} bytes before its {file.size_bytes}", path=file.path)
        left -= len(piece)
        channel.put(harness.DATA, piece)


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
    _expect(_is_count(document.get("oom_kills")) and _is_count(document.get("output_bytes")), "it counts wrong")
    return Outcome(exit_code, document["oom_kills"], duration_s, document["output_bytes"])


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolBrokenError("it is not JSON") from error
    _expect(isinstance(document, dict), "it is not a JSON object")
    return dict(document)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expect(fits: bool, otherwise: str) -> None:
    if not fits:
        raise ProtocolBrokenError(otherwise)
