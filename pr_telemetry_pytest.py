"""The pytest plugin of the recorder: tells test runs to a recording that is on in this tree, and does nothing otherwise.

It stands outside of the package, and imports nothing of it, because it is loaded into other people's test runs: a project may
have a package ``app`` of its own. What it sees is handed to the recorder's own Python. Whatever goes wrong in it goes wrong
silently; the tests never notice.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

_FOLDER, _HOOK = ".pr-telemetry", "hook.json"
_RUN, _TOLD_BY = "PR_TELEMETRY_RUN", "PR_TELEMETRY_PYTEST"
_TIMEOUT_S = 30
_COUNTED = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
_FINISHED = (0, 1, 2, 5)
"""Exit codes of runs that came to an end; pytest's own faults and wrong options are none."""


def pytest_configure(config: Any) -> None:
    """Listen, if somebody wants to know."""
    with suppress(Exception):
        if (
            hasattr(config, "workerinput")
            or config.option.collectonly
            or os.environ.get(_TOLD_BY, "") not in ("", str(os.getpid()))
        ):
            return
        hook = _find_hook(Path.cwd())
        if hook is not None:
            os.environ[_TOLD_BY] = str(os.getpid())
            config.pluginmanager.register(_Reporter(config, hook), "pr_telemetry_reporter")


class _Reporter:
    """Hands a run over when it is over."""

    def __init__(self, config: Any, hook: Path) -> None:
        self._config = config
        self._hook = hook
        self._started = time.monotonic()
        self._is_interrupted = False

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Somebody stopped the run. Files that cannot be collected end it likewise, with an exception of pytest's own."""
        self._is_interrupted = excinfo.type is KeyboardInterrupt

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> Generator[None, Any, None]:
        """The run is over, for all other plugins too."""
        yield
        with suppress(Exception):
            os.environ.pop(_TOLD_BY, None)
            if not self._is_interrupted and int(session.exitstatus) in _FINISHED:
                self._hand_over(self._report(int(session.exitstatus)))

    def _report(self, exit_code: int) -> dict[str, Any]:
        stats = self._config.pluginmanager.get_plugin("terminalreporter").stats
        found = [(word, report) for word in _COUNTED for report in stats.get(word, ())]
        failed = [report.nodeid for word, report in found if word in ("failed", "error")]
        return {
            "command": _command(self._config, [report.nodeid for _, report in found]),
            "cwd": str(self._config.invocation_params.dir),
            "exit_code": exit_code,
            "duration_s": time.monotonic() - self._started,
            "counts": {word: len(stats.get(word, ())) for word in _COUNTED},
            "failed": list(dict.fromkeys(failed)),
            "outcomes": {report.nodeid: word for word, report in found},
            "run": os.environ.get(_RUN),
            "version": pytest.__version__,
        }

    def _hand_over(self, report: dict[str, Any]) -> None:
        recorder = json.loads(self._hook.read_text("utf-8"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
        subprocess.run(
            [recorder["python"], "-m", "app.recorder.reports", str(self._hook.parent.parent)],
            cwd=recorder["package"], env=kept, input=json.dumps(report).encode(), timeout=_TIMEOUT_S, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _find_hook(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        hook = folder / _FOLDER / _HOOK
        # a recording of somebody else's is none of ours: it names the program that is started
        if hook.is_file() and hook.stat().st_uid == os.getuid():
            return hook
    return None


def _command(config: Any, ran: list[str]) -> str:
    """The run as a command that ends alike anywhere: where pytest chose tests on its way, or by memory, they are named."""
    program = ["python", "-m", "pytest"] if Path(sys.argv[0]).name == "__main__.py" else ["pytest"]
    options = config.option
    if any(getattr(options, name, False) for name in ("lf", "stepwise", "maxfail")):
        return shlex.join([*program, *dict.fromkeys(ran)])
    return shlex.join([*program, *map(str, config.invocation_params.args)])
