from __future__ import annotations

import os
from pathlib import Path

from app.qa.guest.results import MAX_FILES, choose_results, is_asked_for


def a_file(path: Path, size: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_a_star_stands_for_characters_of_one_name(tmp_path: Path) -> None:
    for name in ("out/TEST-a.xml", "out/TEST-b.xml", "out/a.xml", "out/TEST-c.xml/d.xml", "junit.xml"):
        a_file(tmp_path / name)
    patterns = [f"{tmp_path}/junit.xml", f"{tmp_path}/*/TEST-*.xml"]

    chosen, left_out = choose_results(patterns, 10, 100)

    assert chosen == [f"{tmp_path}/{name}" for name in ("junit.xml", "out/TEST-a.xml", "out/TEST-b.xml")]
    assert left_out == 0
    assert all(is_asked_for(path, patterns) for path in chosen)


def test_no_other_character_is_special() -> None:
    assert is_asked_for("/work/[a]?", ["/work/[a]?"])
    assert not is_asked_for("/work/a", ["/work/[a]"])
    assert not is_asked_for("/work/ab", ["/work/a?"])
    assert not is_asked_for("/work/a/b", ["/work/*"])
    assert not is_asked_for("/work/A.xml", ["/work/a.xml"])


def test_links_and_whatever_is_no_file_are_not_found(tmp_path: Path) -> None:
    a_file(tmp_path / "secret/a.xml")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link.xml").symlink_to(tmp_path / "secret/a.xml")
    (tmp_path / "out/folder.xml").mkdir()
    os.mkfifo(tmp_path / "out/pipe.xml")
    (tmp_path / "linked").symlink_to(tmp_path / "secret")

    assert choose_results([f"{tmp_path}/out/*.xml", f"{tmp_path}/linked/a.xml", f"{tmp_path}/link*/*"], 10, 100) == ([], 0)


def test_what_is_too_large_is_counted(tmp_path: Path) -> None:
    for name, size in (("a", 4), ("b", 11), ("c", 7), ("d", 3)):
        a_file(tmp_path / name, size)

    chosen, left_out = choose_results([f"{tmp_path}/*"], file_bytes=10, total_bytes=10)

    assert chosen == [f"{tmp_path}/a", f"{tmp_path}/d"]
    assert left_out == 2


def test_what_is_too_many_is_counted(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 3):
        (tmp_path / f"{number}.xml").touch()

    chosen, left_out = choose_results([f"{tmp_path}/*.xml"], 10, 100)

    assert (len(chosen), left_out) == (MAX_FILES, 3)


def test_a_file_that_two_patterns_mean_comes_once(tmp_path: Path) -> None:
    a_file(tmp_path / "a.xml")

    assert choose_results([f"{tmp_path}/a.xml", f"{tmp_path}/*.xml"], 10, 100) == ([f"{tmp_path}/a.xml"], 0)
