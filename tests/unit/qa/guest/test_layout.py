"""A tree that is brought back to what it was, whatever a run has done to it."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.qa.guest import layout, protocol
from app.qa.guest.layout import Manifest, remove_files, restore, wipe
from app.qa.guest.protocol import Link, RefusedError
from tests.unit.qa.sandbox.test_harness import END, a_file, pipe

FRAMES = (a_file("till.py", b"code\n"), a_file("pkg/deep/run.sh", b"#!/bin/sh\n", executable=True), a_file("pkg/b.py"), END)
PATHS = ["pkg/b.py", "pkg/deep/run.sh", "till.py"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    return root


@pytest.fixture
def manifest(root: Path) -> Manifest:
    """What was laid out in the root."""
    manifest = Manifest()
    with pipe() as (reader, writer):
        os.write(writer, b"".join(FRAMES))
        layout.lay_out(Link(reader, writer), str(root), manifest)
    return manifest


def here(root: Path) -> list[str]:
    """Everything in a folder but folders."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() or not path.is_dir())


def swap_for(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else in the place of a file."""

    def swap(path: Path) -> None:
        path.unlink()
        make(path)

    return swap


def by_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)
        listener.bind(path.name)
        os.chdir(here)


# --- restore


def test_what_nobody_touched_stays(root: Path, manifest: Manifest) -> None:
    assert restore(str(root), manifest) == []
    assert here(root) == PATHS


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"CODE\n"),
        lambda path: path.write_bytes(b"code\nmore\n"),
        lambda path: path.chmod(0o755),
        lambda path: path.chmod(0o000),
        lambda path: path.chmod(0o4644),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("elsewhere")),
        swap_for(lambda path: path.symlink_to("/etc/passwd")),
        swap_for(lambda path: path.symlink_to("pkg/b.py")),
        swap_for(os.mkfifo),
        swap_for(Path.mkdir),
        swap_for(by_socket),
    ],
    ids=[
        "content",
        "length",
        "mode",
        "no rights",
        "setuid",
        "gone",
        "moved",
        "link out",
        "link in",
        "pipe",
        "folder",
        "socket",
    ],
)
def test_a_file_that_is_not_as_it_was_has_to_come_again(root: Path, manifest: Manifest, spoil: Callable[[Path], None]) -> None:
    spoil(root / "till.py")

    assert restore(str(root), manifest) == ["till.py"]
    assert here(root) == ["pkg/b.py", "pkg/deep/run.sh"]
    assert not (root / "till.py").exists()


def test_a_second_name_of_a_file_goes_and_what_stays_has_one(root: Path, manifest: Manifest) -> None:
    os.link(root / "till.py", root / "second name")
    os.link(root / "pkg/b.py", root / "pkg/a second name")

    missing = restore(str(root), manifest)

    assert here(root) == sorted(set(PATHS) - set(missing))
    assert {(root / path).stat().st_nlink for path in here(root)} == {1}


def test_whatever_was_added_goes(root: Path, manifest: Manifest) -> None:
    (root / "new.py").write_text("x")
    (root / "pkg/__pycache__").mkdir()
    (root / "pkg/__pycache__/b.pyc").write_text("x")
    (root / "a/b/c").mkdir(parents=True)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pkg/pipe")

    assert restore(str(root), manifest) == []
    assert here(root) == PATHS
    assert sorted(path.name for path in root.rglob("*") if path.is_dir()) == ["deep", "pkg"]


def test_a_folder_that_became_a_file_makes_room_for_what_was_in_it(root: Path, manifest: Manifest) -> None:
    (root / "pkg/deep/run.sh").unlink()
    (root / "pkg/deep").rmdir()
    (root / "pkg/deep").write_text("x")

    assert restore(str(root), manifest) == ["pkg/deep/run.sh"]
    assert here(root) == ["pkg/b.py", "till.py"]


def test_a_link_in_the_place_of_a_folder_is_not_followed(root: Path, manifest: Manifest, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (root / "pkg").rename(outside)
    (root / "pkg").symlink_to(outside)

    assert sorted(restore(str(root), manifest)) == ["pkg/b.py", "pkg/deep/run.sh"]
    assert here(root) == ["till.py"]
    assert here(outside) == ["b.py", "deep/run.sh"]


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o700, 0o777, 0o1755])
def test_a_folder_gets_its_rights_back(root: Path, manifest: Manifest, mode: int) -> None:
    (root / "pkg/deep").chmod(mode)
    (root / "pkg").chmod(mode)

    assert restore(str(root), manifest) == []
    assert [(root / folder).stat().st_mode & 0o7777 for folder in ("pkg", "pkg/deep")] == [0o755, 0o755]


def test_times_and_attributes_carry_nothing_to_the_next_run(root: Path, manifest: Manifest) -> None:
    places = [root, root / "pkg", root / "till.py"]
    for place in places:
        os.utime(place, ns=(1234, 5678))
        set_attribute(place)

    restore(str(root), manifest)

    assert {(place.stat().st_atime_ns, place.stat().st_mtime_ns) for place in places} == {(layout._TIME_NS, layout._TIME_NS)}
    assert [os.listxattr(place) for place in places] == [[], [], []]


def set_attribute(path: Path) -> None:
    try:
        os.setxattr(path, "user.note", b"seen")
    except OSError:
        pytest.skip("the file system knows no attributes")


@pytest.fixture
def abyss(root: Path) -> Iterator[None]:
    """Folders below the root, deeper than a path can be long."""
    place = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    yield
    subprocess.run(["rm", "-rf", root], check=True)


@pytest.mark.usefixtures("abyss")
def test_a_tree_that_is_nested_too_deeply_is_not_fit_for_another_run(root: Path, manifest: Manifest) -> None:
    with pytest.raises(RefusedError) as refused:
        restore(str(root), manifest)

    assert refused.value.why == protocol.WHY_DIRTY


# --- wipe and remove


def test_nothing_is_left_after_a_wipe(root: Path, manifest: Manifest, scratch: Path) -> None:
    home = root.parent / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config/x").write_text("x")
    (scratch / "x").symlink_to("/")
    (root / "locked/inner").mkdir(parents=True)
    (root / "locked/inner/file").write_text("x")
    (root / "locked/inner").chmod(0)
    (root / "locked").chmod(0)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe")

    wipe(str(root), str(home))

    assert [list(folder.iterdir()) for folder in (root, home, scratch)] == [[], [], []]
    assert [folder.stat().st_mode & 0o7777 for folder in (root, home)] == [0o755, 0o755]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of those that a wipe of a container empties, and nothing of this machine's memory."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(layout, "SCRATCH", (str(folder),))
    monkeypatch.setattr(layout, "_drop_ipc", lambda: None)
    return folder


@pytest.mark.usefixtures("scratch")
def test_a_wipe_follows_no_link_out_of_the_root(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (root / "link").symlink_to(outside)
    (root / "folder").mkdir()
    (root / "folder/link").symlink_to(outside)

    wipe(str(root), None)

    assert here(outside) == ["kept"]
    assert here(root) == []


def test_files_are_taken_away_where_they_are_there(root: Path, manifest: Manifest) -> None:
    remove_files(str(root), ["till.py", "absent.py", "pkg/absent/file.py"])

    assert here(root) == ["pkg/b.py", "pkg/deep/run.sh"]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "pkg", "", "pkg/../till.py", "a\0b"])
def test_what_is_no_file_of_the_tree_is_not_taken_away(root: Path, manifest: Manifest, path: str) -> None:
    (root.parent / "outside").write_text("x")

    with pytest.raises(RefusedError) as refused:
        remove_files(str(root), [path])

    assert refused.value.why == protocol.WHY_TREE
    assert (root.parent / "outside").exists()
    assert here(root) == PATHS
