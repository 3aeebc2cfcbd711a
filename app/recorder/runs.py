"""Commands that were run through the recorder. One that the recorder did not live to see the end of is told, too."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.recorder.outbox import Outbox
from app.recorder.output import KeptOutput
from app.recorder.plugin import with_plugin
from app.recorder.privacy import Privacy
from app.recorder.state import HeldElsewhereError, StateFolder, locked
from app.utils.atomic import replace_file

RUN_VARIABLE = "PR_TELEMETRY_RUN"
"""By this a program that runs under the recorder knows of which run it is part."""


@dataclass(frozen=True)
class BegunRun:
    """A command that began. On disk it has no secrets."""

    run_id: str
    command: str
    started_at: float
    cwd: str | None


@dataclass(frozen=True)
class Runs:
    """The runs of a session."""

    folder: Path
    outbox: Outbox
    privacy: Privacy

    @contextmanager
    def begun(self, argv: Sequence[str], cwd: str | None) -> Iterator[BegunRun]:
        """Note that a command begins. As long as this process lives, the run counts as under way."""
        moment = self.outbox.reserve_time()
        command = self.privacy.text(shlex.join(argv)) if self.privacy.consent.commands else ""
        run = BegunRun(f"run-{secrets.token_hex(6)}", command, moment, cwd)
        with locked(self._lock(run.run_id)):
            replace_file(self._file(run.run_id), json.dumps(asdict(run)).encode())
            yield run

    def end(self, run: BegunRun, exit_code: int, duration_s: float, kept: KeptOutput) -> bool:
        """Tell how a command ended. Returns whether that is recorded: consent may not cover commands."""
        extra: dict[str, Any] = {"output_bytes": kept.total_bytes, **({"cut": ["output"]} if kept.is_cut else {})}
        self._tell(run, exit_code=exit_code, duration_ms=round(duration_s * 1000), output=kept.text(), extra=extra)
        return self.privacy.consent.commands

    def recover(self) -> int:
        """Tell the runs whose recorder was killed: what is known of them, and that their end is not. Returns how many."""
        found = 0
        for file in sorted(self.folder.glob("*.json")):
            try:
                with locked(self._lock(file.stem), wait=False):
                    run = BegunRun(**json.loads(file.read_bytes()))
                    found += self._tell(run, extra={"unknown": ["exit_code", "duration_ms", "output"]}, output="")
            except (HeldElsewhereError, FileNotFoundError):
                continue  # it is under way, or another recorder was faster
        return found

    def _tell(self, run: BegunRun, **fields: Any) -> bool:
        is_told = any(written.event["id"] == run.run_id for written in self.outbox.read())
        if not is_told and self.privacy.consent.commands:
            event = {"id": run.run_id, "type": "cmd_run", "ts_client_s": run.started_at, "cmd": run.command, **fields}
            self.outbox.append([event | ({"cwd": run.cwd} if run.cwd else {})])
        self._file(run.run_id).unlink(missing_ok=True)
        self._lock(run.run_id).unlink(missing_ok=True)
        return not is_told

    def _file(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def _lock(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.lock"


def cwd_within(root: Path, cwd: Path) -> str | None:
    """Where in the work tree a command is run; ``None`` at its root."""
    try:
        relative = cwd.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None
    return None if relative == "." else relative


def environment_of(run: BegunRun, folder: StateFolder) -> dict[str, str]:
    """What the command of a run sees."""
    return with_plugin({**os.environ, RUN_VARIABLE: run.run_id}, folder)


class Stopwatch:
    """Measures how long something takes."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def elapsed_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._start
