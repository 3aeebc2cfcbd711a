"""What a stranger's program can do in a real container, to the world and to its own report."""

from __future__ import annotations

import pytest

from app.qa.sandbox.docker_sandbox import DockerSandbox
from tests.integration.sandbox_runs import python, said, shell

pytestmark = pytest.mark.docker


# --- walls


def test_the_command_is_nobody_special(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")

    uid, gid, *status = said(result).split("\n")
    facts = dict(line.split(":\t") for line in status if line)
    assert (uid, gid) == ("1000", "1000")
    assert {facts.pop("NoNewPrivs"), facts.pop("Seccomp")} == {"1", "2"}
    assert facts
    assert all(int(capabilities, 16) == 0 for capabilities in facts.values())


def test_there_is_no_network(sandbox: DockerSandbox) -> None:
    program = """
import os, socket
print(sorted(os.listdir("/sys/class/net")))
for address in (("1.1.1.1", 53), ("169.254.169.254", 80), ("172.17.0.1", 22)):
    try:
        socket.create_connection(address, timeout=5)
    except OSError as error:
        print(error.strerror)
"""
    result = python(sandbox, program)

    assert said(result) == "['lo']\n" + 3 * "Network is unreachable\n"


def test_the_image_cannot_be_changed(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "for place in /usr/bin /etc /var/tmp /run /dev /; do touch $place/x && echo written; done")

    assert "written" not in said(result)


def test_programs_run_from_the_work_folder_only(sandbox: DockerSandbox) -> None:
    script = "for place in /tmp /home/runner /dev/shm /work; do cp /bin/true $place/t; $place/t && echo ran $place; done"

    result = shell(sandbox, script)

    assert [line for line in said(result).split("\n") if line.startswith("ran")] == ["ran /work"]


def test_the_environment_holds_nothing_of_the_server(sandbox: DockerSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-server")

    result = shell(sandbox, "env; cat /proc/1/environ; tr '\\0' '\\n' < /proc/1/cmdline")

    assert "HOME=/home/runner\n" in said(result)
    assert "secret-of-the-server" not in said(result)


def test_a_process_left_behind_is_dead_before_results_are_read(sandbox: DockerSandbox) -> None:
    forger = "(trap '' TERM; while :; do echo forged > report; done) &"
    script = f"{forger} while [ ! -s report ]; do :; done; setsid sleep 600 & echo done"

    result = shell(sandbox, script, result_files=("/work/report",))

    assert (result.kind, said(result)) == ("exited", "done\n")
    assert result.files["/work/report"] in (b"forged\n", b"")


def test_no_link_is_followed_to_a_result_file(sandbox: DockerSandbox) -> None:
    wanted = ("/work/link", "/work/folder/passwd", "/work/pipe", "/work/dir", "/work/device")
    script = "ln -s /etc/passwd link; ln -s /etc folder; mkfifo pipe; mkdir dir; ln -s /dev/zero device"

    result = shell(sandbox, script, result_files=wanted)

    assert (result.kind, dict(result.files)) == ("exited", {})


# --- attacks on the report


def test_the_harness_can_neither_be_written_for_nor_read_nor_signalled(sandbox: DockerSandbox) -> None:
    attack = """
import os, signal
for act in (
    lambda: open("/proc/1/fd/1", "wb").write(b"R"),
    lambda: open("/proc/1/fd/0", "rb").read(1),
    lambda: open("/proc/1/mem", "r+b"),
    lambda: os.listdir("/proc/1/fd"),
):
    try:
        act()
        print("stood open")
    except PermissionError:
        print("closed")
for number in signal.valid_signals() - {signal.SIGALRM}:
    os.kill(1, number)
os.kill(1, signal.SIGALRM)
os.kill(1, signal.SIGKILL)
raise SystemExit(5)
"""
    result = python(sandbox, attack)

    assert (result.kind, result.exit_code) == ("exited", 5)
    assert said(result) == 4 * "closed\n"


def test_a_harness_that_was_killed_is_corrupted_not_failed(sandbox: DockerSandbox) -> None:
    # The kernel itself kills a process beyond its share of processor time, and the limit can be set by the same user
    attack = "import os, resource; resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)); os.execvp('yes', ['yes'])"

    result = python(sandbox, attack)

    assert result.kind == "corrupted"
    assert "without a report" in (result.reason or "")
