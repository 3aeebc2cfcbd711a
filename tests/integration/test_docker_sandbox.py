"""The Docker sandbox, with real containers: runs, trees and limits."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace

import pytest

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import SandboxProfile
from tests.integration.sandbox_runs import MIB, FileTree, ZeroTree, python, said, shell

pytestmark = pytest.mark.docker


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


def test_result_files_come_back_by_pattern(sandbox: DockerSandbox) -> None:
    script = "mkdir -p a/out b/out; echo 1 > a/out/TEST-1.xml; echo 2 > b/out/TEST-2.xml; echo 3 > b/out/3.xml; ln -s /etc c"

    result = shell(sandbox, script, result_files=("/work/*/out/TEST-*.xml", "/work/*/pass*"))

    assert result.files == {"/work/a/out/TEST-1.xml": b"1\n", "/work/b/out/TEST-2.xml": b"2\n"}


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
    result = shell(sandbox, "echo begun; sleep 600", timeout_s=4.0)

    assert (result.kind, result.exit_code) == ("timed_out", None)
    assert said(result) == "begun\n"
    assert result.duration_s is not None
    assert 4.0 <= result.duration_s < 30.0


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
