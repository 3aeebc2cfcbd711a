"""What runs showed, kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.models.commands import split_command
from app.qa.run_cache import FileRunCache, NoRunCache, RunKey
from tests.replaying import a_run

RUN = a_run({"a.py": b"bug ok"})


def a_key(tree: str = "t", command: str = "pytest -q", image: str = "sha256:1") -> RunKey:
    return RunKey(tree, split_command(command), image)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "runs"


def files(folder: Path) -> Iterator[Path]:
    return folder.glob("*/*")


def test_what_was_put_is_there_also_for_the_next_process(folder: Path) -> None:
    FileRunCache(folder).put(a_key(), [RUN, RUN])

    assert FileRunCache(folder).get(a_key()) == (RUN, RUN)


@pytest.mark.parametrize(
    "other", [a_key("u"), a_key(command="pytest"), a_key(command="A=1 pytest -q"), a_key(image="sha256:2")]
)
def test_tree_command_and_image_tell_runs_apart(folder: Path, other: RunKey) -> None:
    cache = FileRunCache(folder)
    cache.put(a_key(), [RUN])

    assert cache.get(other) == ()


def test_a_command_is_the_same_however_it_is_quoted(folder: Path) -> None:
    assert a_key(command="pytest '-q'").sha256 == a_key().sha256


@pytest.mark.parametrize("content", [b"", b"{", b"[]x", b'[{"tree":"replay"}]', b"\xff"])
def test_what_cannot_be_read_is_as_good_as_not_there(folder: Path, content: bytes) -> None:
    cache = FileRunCache(folder)
    cache.put(a_key(), [RUN])
    (path,) = files(folder)
    path.write_bytes(content)

    assert cache.get(a_key()) == ()
    cache.put(a_key(), [RUN])
    assert cache.get(a_key()) == (RUN,)


def test_it_may_be_deleted_at_any_time(folder: Path) -> None:
    cache = FileRunCache(folder)
    cache.put(a_key(), [RUN])
    for path in files(folder):
        path.unlink()
        path.parent.rmdir()

    assert cache.get(a_key()) == ()
    cache.put(a_key(), [RUN])
    assert cache.get(a_key()) == (RUN,)


def test_above_its_bound_what_was_used_longest_ago_goes(folder: Path) -> None:
    cache = FileRunCache(folder, max_entries=10)
    for number in range(10):
        cache.put(a_key(str(number)), [RUN])
    for age, path in enumerate(sorted(files(folder))):
        os.utime(path, (age, age))
    kept = cache.get(a_key("0"))

    cache.put(a_key("more"), [RUN])

    assert kept == cache.get(a_key("0")) == (RUN,)
    assert cache.get(a_key("more")) == (RUN,)
    assert len(list(files(folder))) == 9


def test_a_disk_that_refuses_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    cache = FileRunCache(tmp_path / "cache" / "runs")

    cache.put(a_key(), [RUN])

    assert cache.get(a_key()) == ()


def test_one_that_keeps_nothing_has_nothing() -> None:
    cache = NoRunCache()
    cache.put(a_key(), [RUN])

    assert cache.get(a_key()) == ()
