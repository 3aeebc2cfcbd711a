"""The Docker sandbox, with real containers: what a stranger's program can and cannot do, and what is left of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import docker
import pytest

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec, TreeFile
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import DEADLINE_LABEL, LABEL, OWNER_LABEL, SandboxProfile

pytestmark = pytest.mark.docker

MIB = 1 << 20


@dataclass(frozen=True)
class FileTree:
    """A tree from a mapping."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        for path, content in self.contents.items():
            yield TreeFile(path, len(content), io.BytesIO(content), path in self.executable)


class Zeros(io.RawIOBase):
    """So many zeros, made when they are read."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # as much of a buffer as is used here
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


@dataclass(frozen=True)
class ZeroTree:
    """One large file; ``short_bytes`` are missing at its end."""

    size_bytes: int
    short_bytes: int = 0

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        content = cast(BinaryIO, io.BufferedReader(Zeros(self.size_bytes - self.short_bytes)))
        yield TreeFile("zeros.bin", self.size_bytes, content)


@pytest.fixture
def profile(runner_image: str) -> SandboxProfile:
    return SandboxProfile(
        owner=f"test-{uuid.uuid4().hex}",
        image=runner_image,
        memory_bytes=256 * MIB,
        work_bytes=64 * MIB,
        tmp_bytes=32 * MIB,
        timeout_s=60,
    )


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(timeout_s=30) as engine:
        yield engine


def containers_of(engine: Engine, profile: SandboxProfile) -> list[str]:
    return [found.name for found in engine.containers(f"{OWNER_LABEL}={profile.owner}")]


@pytest.fixture
def sandbox(profile: SandboxProfile, engine: Engine) -> Iterator[DockerSandbox]:
    """A sandbox whose test fails if it leaves a container behind."""
    yield DockerSandbox(profile)

    assert containers_of(engine, profile) == []


def shell(sandbox: DockerSandbox, script: str, **spec: object) -> RunResult:
    return sandbox.run(replace(RunSpec(("sh", "-c", script), FileTree()), **spec))  # type: ignore[arg-type]


def python(sandbox: DockerSandbox, program: str, **spec: object) -> RunResult:
    return sandbox.run(replace(RunSpec(("python3", "-c", program), FileTree()), **spec))  # type: ignore[arg-type]


def said(result: RunResult) -> str:
    return result.output_head.decode()


# --- ordinary runs


def test_a_command_runs_on_the_tree_in_the_work_folder(sandbox: DockerSandbox) -> None:
    tree = FileTree(
        {"a/b/data.txt": b"hello", "run.sh": b"#!/bin/sh\npwd; cat a/b/data.txt; echo $NAME >&2"}, frozenset({"run.sh"})
    )

    result = sandbox.run(RunSpec(("./run.sh",), tree, env={"NAME": "world"}))

    assert (result.kind, result.exit_code, result.reason) == ("exited", 0, None)
    assert said(result) == "/work\nhelloworld\n"
    assert result.output_bytes == len(result.output_head)
    assert result.duration_s is not None


def test_a_failing_command_has_its_exit_code(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "exit 7")

    assert (result.kind, result.exit_code) == ("exited", 7)


def test_a_command_killed_by_a_signal_has_the_code_that_a_shell_would_show(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "kill -TERM $$")

    assert (result.kind, result.exit_code) == ("exited", 143)


def test_result_files_come_back(sandbox: DockerSandbox) -> None:
    wanted = ("/tmp/report.xml", "/work/out/b.bin", "/work/absent")

    result = shell(sandbox, "echo '<x/>' > /tmp/report.xml; mkdir out; printf 'a\\0b' > out/b.bin", result_files=wanted)

    assert result.files == {"/tmp/report.xml": b"<x/>\n", "/work/out/b.bin": b"a\0b"}


def test_a_result_file_that_is_too_large_does_not_come_back(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, result_file_bytes=1000))

    result = shell(
        sandbox, "head -c 1001 /dev/zero > big; head -c 1000 /dev/zero > fits", result_files=("/work/big", "/work/fits")
    )

    assert result.files == {"/work/fits": bytes(1000)}


def test_a_program_that_the_image_lacks_is_no_failed_run(sandbox: DockerSandbox) -> None:
    result = sandbox.run(RunSpec(("no-such-runner",), FileTree()))

    assert result.kind == "could_not_run"
    assert "has no program 'no-such-runner'" in (result.reason or "")


def test_a_file_that_is_no_program_cannot_be_executed(sandbox: DockerSandbox) -> None:
    result = sandbox.run(RunSpec(("./data",), FileTree({"data": b"hello"})))

    assert result.kind == "could_not_run"
    assert "cannot be executed" in (result.reason or "")


def test_several_threads_can_run_at_once(sandbox: DockerSandbox) -> None:
    results: dict[int, RunResult] = {}
    threads = [
        threading.Thread(target=lambda code=code: results.update({code: shell(sandbox, f"exit {code}")})) for code in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {code: result.exit_code for code, result in results.items()} == {1: 1, 2: 2, 3: 3}


# --- trees


def test_a_large_tree_is_streamed(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, memory_bytes=512 * MIB, work_bytes=256 * MIB))
    tracemalloc.start()

    result = sandbox.run(RunSpec(("stat", "-c", "%s", "zeros.bin"), ZeroTree(128 * MIB)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert said(result).strip() == str(128 * MIB)
    assert peak_bytes < 20 * MIB


def test_a_tree_that_does_not_fit_could_not_run(sandbox: DockerSandbox) -> None:
    result = sandbox.run(RunSpec(("true",), ZeroTree(65 * MIB)))

    assert result.kind == "could_not_run"
    assert f"{64 * MIB} bytes" in (result.reason or "")


def test_a_tree_with_too_many_files_could_not_run(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, work_files=100))

    result = sandbox.run(RunSpec(("true",), FileTree({f"f{number}": b"" for number in range(200)})))

    assert result.kind == "could_not_run"
    assert "100 files" in (result.reason or "")


@pytest.mark.parametrize("path", ["../escaped", "/etc/passwd", "a/../../b", "./a", ""])
def test_a_name_outside_the_tree_is_refused(sandbox: DockerSandbox, path: str) -> None:
    result = sandbox.run(RunSpec(("true",), FileTree({path: b"x"})))

    assert result.kind == "could_not_run"
    assert "no name inside the tree" in (result.reason or "")


def test_a_file_that_is_also_a_folder_is_refused(sandbox: DockerSandbox) -> None:
    result = sandbox.run(RunSpec(("true",), FileTree({"a": b"x", "a/b": b"y"})))

    assert result.kind == "could_not_run"
    assert "cannot be laid out" in (result.reason or "")


def test_a_tree_that_breaks_off_is_an_error_of_the_tree(sandbox: DockerSandbox) -> None:
    with pytest.raises(CorruptError, match="ends 5 bytes before"):
        sandbox.run(RunSpec(("true",), ZeroTree(1000, short_bytes=5)))


# --- limits


def test_a_command_that_hangs_is_ended_at_its_time_with_what_it_has_said(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "echo begun; sleep 600", timeout_s=1.0)

    assert (result.kind, result.exit_code) == ("timed_out", None)
    assert said(result) == "begun\n"
    assert result.duration_s is not None
    assert 1.0 <= result.duration_s < 11.0


def test_a_command_that_ignores_signals_is_ended_all_the_same(sandbox: DockerSandbox) -> None:
    result = shell(sandbox, "trap '' TERM INT HUP ALRM; while :; do sleep 1; done", timeout_s=1.0)

    assert result.kind == "timed_out"


def test_no_command_gets_more_time_than_the_profile_gives(profile: SandboxProfile) -> None:
    result = shell(DockerSandbox(replace(profile, timeout_s=1)), "sleep 600", timeout_s=500.0)

    assert result.kind == "timed_out"


def test_a_fork_bomb_stays_within_the_limit_of_processes(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, pids=64))
    bomb = """
import os, signal
count = 0
try:
    while True:
        if os.fork() == 0:
            signal.pause()
        count += 1
except OSError as error:
    print(count < 64, error.strerror)
"""
    result = python(sandbox, bomb)

    assert said(result) == "True Resource temporarily unavailable\n"


def test_processes_that_keep_forking_do_not_outlive_the_time(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, pids=64))

    result = shell(sandbox, "bomb() { bomb | bomb & }; bomb; sleep 600", timeout_s=2.0)

    assert result.kind in ("timed_out", "exited")


def test_a_flood_of_output_is_counted_and_only_its_ends_are_kept(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, output_head_bytes=100, output_tail_bytes=200))

    result = shell(sandbox, f"echo first; yes | head -c {200 * MIB}; echo last")

    assert result.kind == "exited"
    assert result.output_bytes == 200 * MIB + len("first\nlast\n")
    assert result.output_head.startswith(b"first\ny\n")
    assert len(result.output_head) == 100
    assert result.output_tail.endswith(b"y\nlast\n")
    assert len(result.output_tail) == 200


def test_a_command_that_takes_too_much_memory_is_told_apart_from_a_failing_one(sandbox: DockerSandbox) -> None:
    result = python(sandbox, "print('begun', flush=True)\nx = bytearray(1 << 40 >> 11)\nx[::4096] = b'1' * len(x[::4096])")

    assert (result.kind, result.exit_code) == ("out_of_memory", None)
    assert said(result) == "begun\n"


def test_filling_the_memory_with_files_is_told_apart_too(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, memory_bytes=64 * MIB, work_bytes=512 * MIB))

    result = shell(sandbox, "cat /dev/zero > full")

    assert result.kind == "out_of_memory"


def test_the_disk_cannot_be_filled(sandbox: DockerSandbox) -> None:
    result = shell(
        sandbox, "for place in /work /tmp /home/runner /dev/shm; do cat /dev/zero > $place/full; done; stat -c %s /tmp/full"
    )

    assert result.kind in ("exited", "out_of_memory")
    assert "No space left on device" in said(result) or "File too large" in said(result)


def test_the_disk_cannot_be_flooded_with_empty_files(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, work_files=200))

    result = shell(
        sandbox,
        "for place in /work /tmp /home/runner /dev/shm; do cd $place; seq 300 | xargs touch 2> /dev/null; ls | wc -l; done",
    )

    assert all(int(count) < 200 for count in said(result).split())


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


# --- the engine


def test_an_image_that_is_missing_is_named(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, image="pr-telemetry-runner:none"))

    result = sandbox.run(RunSpec(("true",), FileTree()))

    assert result.kind == "could_not_run"
    assert result.reason == sandbox.state().reason == "the image pr-telemetry-runner:none is not here: run `make image`"
    assert sandbox.image().digest is None


def test_a_runtime_that_is_missing_is_named(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, runtime="no-such-runtime"))

    result = sandbox.run(RunSpec(("true",), FileTree()))

    assert result.kind == "could_not_run"
    assert "no-such-runtime" in (result.reason or "")
    assert "no-such-runtime" in (sandbox.state().reason or "")


def test_a_container_that_does_not_start_is_removed(profile: SandboxProfile, engine: Engine) -> None:
    result = DockerSandbox(replace(profile, memory_bytes=7 * MIB)).run(RunSpec(("true",), FileTree()))

    assert result.kind in ("could_not_run", "out_of_memory")
    assert containers_of(engine, profile) == []


def test_the_image_has_a_digest(sandbox: DockerSandbox, runner_image: str) -> None:
    image = sandbox.image()

    assert image.name == runner_image
    assert (image.digest or "").startswith("sha256:")


class Wire:
    """A way to the real engine that can be cut, as if the engine had died."""

    def __init__(self, path: Path, real: str) -> None:
        self.host = f"unix://{path}"
        self._real = real
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._spawn(self._accept)

    def cut(self) -> None:
        """End every connection, and take no new one."""
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                self._ends += [near, far]
                far.connect(self._real)
                self._spawn(self._pump, near, far)
                self._spawn(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire() -> Iterator[Wire]:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("needs an engine on a local socket, to stand between")
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(Path(folder) / "engine", host.removeprefix("unix://"))
        yield wire
        wire.cut()


@contextmanager
def starts(profile: SandboxProfile) -> Iterator[Iterator[object]]:
    """One item for each container of the profile that starts from here on."""
    client = docker.APIClient(timeout=60)
    events = client.events(filters={"label": f"{OWNER_LABEL}={profile.owner}", "event": "start"}, decode=True)
    try:
        yield iter(events)
    finally:
        events.close()
        client.close()


def test_an_engine_that_dies_during_a_run_is_no_failed_run(profile: SandboxProfile, engine: Engine, wire: Wire) -> None:
    sandbox = DockerSandbox(profile, environment={"DOCKER_HOST": wire.host})
    results: list[RunResult] = []
    run = threading.Thread(target=lambda: results.append(shell(sandbox, "sleep 600")))

    with starts(profile) as started:
        run.start()
        next(started)
        wire.cut()
        run.join()

    assert results[0].kind == "could_not_run"
    assert "no container engine answers" in (results[0].reason or "")
    assert DockerSandbox(profile).sweep() == 1


# --- leftovers


def a_leftover(profile: SandboxProfile, owner: str, deadline: float) -> str:
    """A container as a server that died would leave it."""
    name = f"pr-telemetry-test-{uuid.uuid4().hex}"
    labels = {LABEL: "1", OWNER_LABEL: owner, DEADLINE_LABEL: str(int(deadline))}
    client = docker.from_env()
    try:
        client.containers.create(profile.image, ["true"], name=name, labels=labels)
    finally:
        client.close()
    return name


def test_a_sweep_takes_ours_and_overdue_ones_and_leaves_others(profile: SandboxProfile, engine: Engine) -> None:
    now = datetime.now(UTC)
    later, earlier = now.timestamp() + 1000, now.timestamp() - 1000
    ours = a_leftover(profile, profile.owner, later)
    overdue = a_leftover(profile, f"other-{profile.owner}", earlier)
    foreign = a_leftover(profile, f"other-{profile.owner}", later)
    try:
        removed = DockerSandbox(profile, clock=lambda: now).sweep()
        left = {found.name for found in engine.containers(LABEL)}
    finally:
        engine.remove(foreign)

    assert removed >= 2
    assert ours not in left
    assert overdue not in left
    assert foreign in left


SERVER = """
import json, sys
from app.qa.base import RunSpec
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import SandboxProfile

class NoFiles:
    def files(self):
        return iter(())

DockerSandbox(SandboxProfile(**json.loads(sys.argv[1]))).run(RunSpec(("sleep", "600"), NoFiles()))
"""


def test_a_container_ends_when_its_server_is_killed(profile: SandboxProfile, engine: Engine) -> None:
    arguments = json.dumps({"owner": profile.owner, "image": profile.image})
    with starts(profile) as started:
        server = subprocess.Popen([sys.executable, "-c", SERVER, arguments], cwd=Path(__file__).parents[2])
        try:
            next(started)
        finally:
            server.kill()
            server.wait()

    (name,) = containers_of(engine, profile)
    ended = engine.wait(name, timeout_s=60)
    swept = DockerSandbox(profile).sweep()

    assert ended is not None
    assert ended.exit_code != 0
    assert swept >= 1
    assert containers_of(engine, profile) == []
