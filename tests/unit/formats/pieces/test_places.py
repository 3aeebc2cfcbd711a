"""Where a file lies."""

from __future__ import annotations

import pytest

from app.formats.pieces.places import folder_of, relative_to


@pytest.mark.parametrize(
    ("folder", "path", "place"),
    [
        ("/repo", "/repo/src/a.py", "src/a.py"),
        ("/repo/", "/repo//src/./a.py", "src/a.py"),
        ("/repo", "src/a.py", "src/a.py"),
        ("/repo", "./a.py", "a.py"),
        ("/repo", "src/../a.py", "a.py"),
        ("C:\\repo", "C:\\repo\\src\\a.py", "src/a.py"),
        ("/repo", "/repository/a.py", None),
        ("/repo", "/repo/../etc/passwd", None),
        ("/repo", "../a.py", None),
        ("/repo", "/repo", None),
        ("/", "/etc/passwd", None),
        (None, "/repo/a.py", None),
        (None, "a.py", "a.py"),
        ("/repo", "a\x00b", None),
        ("/repo", "~/a.py", "~/a.py"),
    ],
)
def test_a_path_is_relative_to_the_working_directory_or_outside(folder: str | None, path: str, place: str | None) -> None:
    assert relative_to(folder, path) == place


@pytest.mark.parametrize(
    ("value", "folder"),
    [("file:///a%20b", "/a b"), ("/a", "/a"), ("C:/a", "C:/a"), ("a", None), ("", None), (None, None), ("file://[", None)],
)
def test_a_folder_is_absolute(value: str | None, folder: str | None) -> None:
    assert folder_of(value) == folder
