"""A command does not notice that it is looked at. Each test runs the recorder's own loop in a process of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.server import ROOT

PROGRAM = """
import os, sys
from app.recorder.output import KeptOutput
from app.recorder.terminal import run_command
kept = KeptOutput()
code = run_command(sys.argv[2:], os.environ, kept)
open(sys.argv[1], "w").write(kept.text())
sys.exit(code)
"""


def watched(tmp_path: Path, *argv: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(tmp_path / "kept"), *argv]


def through_pipes(tmp_path: Path, *argv: str, typed: bytes = b"") -> tuple[subprocess.CompletedProcess[bytes], str]:
    done = subprocess.run(watched(tmp_path, *argv), cwd=ROOT, input=typed, capture_output=True, check=False, timeout=60)
    return done, (tmp_path / "kept").read_text()


def on_a_terminal(tmp_path: Path, *argv: str, typed: bytes = b"") -> tuple[int, bytes, str]:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, watched(tmp_path, *argv))
    shown = b""
    while b"ready" not in shown and typed:
        shown += os.read(terminal, 1024)
    os.write(terminal, typed)
    try:
        while block := os.read(terminal, 1024):
            shown += block
    except OSError:
        pass  # so Linux says that the other side is closed
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown, (tmp_path / "kept").read_text()


def python(text: str) -> tuple[str, str, str]:
    return sys.executable, "-c", text


def test_both_streams_come_through_apart_and_are_kept_together(tmp_path: Path) -> None:
    done, kept = through_pipes(tmp_path, *python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))

    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)
    assert sorted(kept.splitlines()) == ["err", "out"]


def test_bytes_come_through_unchanged(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000

    done, _ = through_pipes(tmp_path, *python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)"))

    assert done.stdout == content


def test_input_reaches_the_command(tmp_path: Path) -> None:
    done, kept = through_pipes(tmp_path, "cat", typed=b"typed\n")

    assert done.stdout == b"typed\n"
    assert kept == "typed\n"


def test_what_cannot_be_found_ends_as_in_a_shell(tmp_path: Path) -> None:
    done, kept = through_pipes(tmp_path, "no-such-program-here")

    assert done.returncode == 127
    assert "no-such-program-here" in kept


def test_a_command_that_a_signal_ends_is_told_as_in_a_shell(tmp_path: Path) -> None:
    done, _ = through_pipes(tmp_path, *python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert done.returncode == 128 + signal.SIGKILL


def test_signals_are_sent_on_to_the_command(tmp_path: Path) -> None:
    text = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(60)"
    process = subprocess.Popen(watched(tmp_path, *python(text)), cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    process.terminate()

    assert process.wait(30) == 7
    process.stdout.close()


def test_a_child_that_is_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()

    done, kept = through_pipes(
        tmp_path, *python("import subprocess; subprocess.Popen(['sleep', '30'], stderr=-3); print('left', flush=True)")
    )

    assert kept == "left\n"
    assert done.returncode == 0
    assert time.monotonic() - started < 25


def test_on_a_terminal_the_command_has_one_too(tmp_path: Path) -> None:
    code, shown, kept = on_a_terminal(
        tmp_path, *python("import sys; print([sys.stdin.isatty(), sys.stdout.isatty()]); sys.exit(5)")
    )

    assert code == 5
    assert shown == b"[True, True]\r\n"
    assert kept == "[True, True]\n"


def test_keys_reach_the_command(tmp_path: Path) -> None:
    code, shown, _ = on_a_terminal(tmp_path, *python("print('ready'); print('got', input())"), typed=b"hello\n")

    assert code == 0
    assert b"got hello" in shown


def test_ctrl_c_goes_to_the_command_and_not_to_the_recorder(tmp_path: Path) -> None:
    text = (
        "import sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('stopped'); sys.exit(9)"
    )

    code, shown, kept = on_a_terminal(tmp_path, *python(text), typed=b"\x03")

    assert code == 9
    assert b"stopped" in shown
    assert kept.endswith("stopped\n")
