"""The pieces of the harness that work outside a container too."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.qa.guest import harness, layout, processes, protocol
from app.qa.guest.processes import CappedOutput, Watch
from app.qa.guest.protocol import Link, RefusedError, ServerGoneError
from app.qa.sandbox.bundle import bundle

SOURCE = bundle("harness")


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def lay_out(root: Path, *frames: bytes) -> None:
    """Let the harness unpack what these frames hold."""
    with pipe() as (reader, writer):
        os.write(writer, b"".join(frames))
        layout.lay_out(Link(reader, writer), str(root))


def a_file(path: str, *pieces: bytes, executable: bool = False) -> bytes:
    entry = {"path": path, "size": sum(map(len, pieces)), "executable": executable}
    frames = [
        protocol.pack(protocol.FILE, json.dumps(entry).encode()),
        *(protocol.pack(protocol.DATA, piece) for piece in pieces),
    ]
    return b"".join(frames)


END = protocol.pack(protocol.END)


def test_the_harness_is_a_program_for_python_3_8() -> None:
    ast.parse(SOURCE, feature_version=(3, 8))


def test_the_harness_fits_into_one_argument() -> None:
    assert len(SOURCE.encode()) < 128 << 10


def test_the_harness_needs_nothing_but_the_standard_library() -> None:
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}

    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_outside_a_container_the_harness_refuses() -> None:
    done = subprocess.run([sys.executable, "-s", "-c", SOURCE], input=b"", capture_output=True, check=False)

    assert done.returncode == 2
    assert done.stdout.startswith(protocol.REFUSED)
    assert protocol.WHY_NOT_FIRST.encode() in done.stdout


def test_outside_a_container_nothing_is_killed() -> None:
    with pytest.raises(RuntimeError):
        processes.end_every_other_process()


@pytest.mark.parametrize("step", [1, 3, 7, 100])
@pytest.mark.parametrize(("head_bytes", "tail_bytes"), [(0, 0), (0, 5), (5, 0), (4, 6), (100, 100)])
def test_capped_output_keeps_both_ends(step: int, head_bytes: int, tail_bytes: int) -> None:
    flood = bytes(range(50))
    output = CappedOutput(head_bytes, tail_bytes)

    for start in range(0, len(flood), step):
        output.feed(flood[start : start + step])

    rest = flood[head_bytes:]
    assert output.head() == flood[:head_bytes]
    assert output.tail() == rest[max(len(rest) - tail_bytes, 0) :]
    assert output.total_bytes == len(flood)


def test_a_frame_arrives_as_it_was_sent() -> None:
    with pipe() as (reader, writer):
        link = Link(reader, writer)

        link.send_json(protocol.OUTCOME, {"a": 1})

        assert link.receive(protocol.OUTCOME, protocol.END) == (protocol.OUTCOME, b'{"a": 1}')


def test_an_unexpected_frame_is_no_server_of_ours() -> None:
    with pipe() as (reader, writer):
        os.write(writer, protocol.pack(b"Z"))

        with pytest.raises(ServerGoneError):
            Link(reader, writer).receive(protocol.ORDER)


def test_a_tree_is_laid_out_with_its_modes(tmp_path: Path) -> None:
    lay_out(tmp_path, a_file("a/b.sh", b"one", b"two", executable=True), a_file("empty"), END)

    assert (tmp_path / "a/b.sh").read_bytes() == b"onetwo"
    assert os.access(tmp_path / "a/b.sh", os.X_OK)
    assert (tmp_path / "empty").read_bytes() == b""
    assert not (tmp_path / "empty").stat().st_mode & 0o111


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../../b", "a\0b", "\ud800"])
def test_a_name_that_leaves_the_root_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(RefusedError) as refused:
        lay_out(tmp_path, a_file(path, b"x"), END)

    assert refused.value.why == protocol.WHY_TREE
    assert list(tmp_path.iterdir()) == []


def test_a_link_on_the_way_is_not_written_through(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    (root / "link").symlink_to(outside)

    with pytest.raises(RefusedError):
        lay_out(root, a_file("link", b"x"), END)

    assert not outside.exists()


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        lay_out(tmp_path, a_file("a", b"1"), a_file("a", b"2"), END)

    assert (tmp_path / "a").read_bytes() == b"1"


def test_a_result_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "report").write_bytes(b"12345")

    assert harness.read_result(str(tmp_path / "report"), 5) == b"12345"
    assert harness.read_result(str(tmp_path / "report"), 4) is None


def test_only_a_regular_file_without_links_on_the_way_is_a_result(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real/file")
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")

    for name in ("link", "folder/file", "pipe", "real", "absent", "real/file/below"):
        assert harness.read_result(str(tmp_path / name), 100) is None


def test_exit_codes_are_those_of_a_shell() -> None:
    assert processes.exit_code(7 << 8) == 7
    assert processes.exit_code(9) == 137


def test_a_watch_ends_when_the_server_goes() -> None:
    server, other_end = os.pipe()
    with pipe() as (output_fd, _), pipe() as (wake_fd, _):
        watch = Watch({output_fd: CappedOutput(10, 10)}, wake_fd, server)
        os.close(other_end)

        with pytest.raises(ServerGoneError):
            watch.until(-1, time.monotonic() + 60)
    os.close(server)


def test_a_watch_ends_at_its_deadline_with_what_has_come() -> None:
    output = CappedOutput(10, 10)
    with pipe() as (output_fd, writer), pipe() as (wake_fd, _), pipe() as (server_fd, _):
        os.write(writer, b"partial")

        assert Watch({output_fd: output}, wake_fd, server_fd).until(-1, time.monotonic() + 0.2) is None
    assert output.head() == b"partial"
