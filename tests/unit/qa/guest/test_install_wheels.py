from __future__ import annotations

import ast
import stat
import zipfile
from pathlib import Path

import pytest

from app.qa.guest.install_wheels import UnfitError, install
from app.qa.sandbox.bundle import bundle

LEFT = ["pytest", "_pytest"]


def unpacked(
    tmp_path: Path, *members: tuple[str | zipfile.ZipInfo, str], name: str = "a-1-py3-none-any.whl"
) -> tuple[Path, list[str]]:
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / name, "w") as archive:
        for member, content in members:
            archive.writestr(member, content)
    return target, install(str(wheels), str(target), 1000, LEFT)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_can_be_imported_is_put_in_place(tmp_path: Path) -> None:
    target, left_out = unpacked(
        tmp_path,
        ("a/__init__.py", "x = 1"),
        ("a-1.dist-info/METADATA", "m"),
        ("a-1.data/purelib/b.py", "p"),
        ("a-1.data/platlib/c.so", "l"),
        ("a-1.data/scripts/a", "#!python"),
        ("a-1.data/headers/a.h", "h"),
    )

    assert files_in(target) == {"a/__init__.py", "a-1.dist-info/METADATA", "b.py", "c.so"}
    assert left_out == []


def test_what_runs_by_itself_and_what_takes_the_runners_place_is_left_out(tmp_path: Path) -> None:
    target, left_out = unpacked(
        tmp_path,
        ("a.py", ""),
        ("a.pth", "import os"),
        ("a-1.data/purelib/b.pth", "import os"),
        ("sitecustomize.py", ""),
        ("pytest/__init__.py", ""),
        ("_pytest/runner.py", ""),
        ("pytest.py", ""),
    )

    assert files_in(target) == {"a.py"}
    assert set(left_out) == {"a.pth", "b.pth", "sitecustomize.py", "pytest/__init__.py", "_pytest/runner.py", "pytest.py"}


def test_the_runner_itself_is_left_to_the_image(tmp_path: Path) -> None:
    target, left_out = unpacked(tmp_path, ("anything.py", ""), name="pytest-9-py3-none-any.whl")

    assert files_in(target) == set()
    assert left_out == ["pytest-9-py3-none-any.whl"]


@pytest.mark.parametrize(
    "name", ["../a.py", "/etc/a.py", "a/../../b.py", "a//b.py", "./a.py", "a-1.data/purelib/../../../b.py"]
)
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnfitError):
        unpacked(tmp_path, (name, ""))


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(UnfitError):
        unpacked(tmp_path, (link, "/etc/passwd"))


def test_packages_have_a_bound(tmp_path: Path) -> None:
    with pytest.raises(UnfitError):
        unpacked(tmp_path, ("a.py", "x" * 1001))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/a-1-py3-none-any.whl").write_bytes(b"no")

    with pytest.raises(UnfitError):
        install(str(tmp_path / "wheels"), str(tmp_path / "target"), 1000, LEFT)


def test_it_is_a_program_for_python_3_8() -> None:
    ast.parse(bundle("install_wheels"), feature_version=(3, 8))
