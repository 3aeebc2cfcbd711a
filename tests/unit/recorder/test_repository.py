"""What git is asked, in repositories of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import InvalidError
from app.recorder.repository import Repository, find_repository
from tests.recording import a_work_tree, git, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return a_work_tree(tmp_path / "tree", a_DOT_py="one\n", _DOT_gitignore="*.log\n/build/\n")


def test_changes_of_ignored_files_alone_are_no_reason_to_look(tree: Path) -> None:
    write(tree, "x.log", "x")
    write(tree, "build/out.o", "x")
    repository = Repository(tree)

    assert not repository.heeds({str(tree / "x.log"), str(tree / "build" / "out.o")})
    assert repository.heeds({str(tree / "x.log"), str(tree / "a.py")})
    assert repository.heeds({str(tree / "gone.py")})


def test_a_tracked_file_is_heeded_though_its_name_is_ignored(tree: Path) -> None:
    write(tree, "kept.log", "x")
    git(tree, "add", "-f", "kept.log")

    assert Repository(tree).heeds({str(tree / "kept.log")})


def test_so_many_changes_are_a_reason_to_look_whatever_they_are(tree: Path) -> None:
    assert Repository(tree).heeds({str(tree / f"{number}.log") for number in range(1000)})


def test_a_file_of_a_commit_is_read_as_a_checkout_would_write_it(tmp_path: Path) -> None:
    tree = a_work_tree(tmp_path / "tree", _DOT_gitattributes="*.txt text eol=crlf\n", a_DOT_txt="one\r\n")

    assert git(tree, "cat-file", "-p", "HEAD:a.txt") == "one"
    assert Repository(tree).content("HEAD", "a.txt") == b"one\r\n"
    assert Repository(tree).differing("HEAD") == set()


def test_the_work_tree_is_found_from_within(tree: Path, tmp_path: Path) -> None:
    (tree / "sub").mkdir()

    assert find_repository(tree / "sub").root == tree.resolve()
    with pytest.raises(InvalidError):
        find_repository(tmp_path)


def test_the_branch_is_named_where_there_is_one(tree: Path) -> None:
    git(tree, "checkout", "-q", "-b", "fix/renewed keys".replace(" ", "-"))
    assert Repository(tree).branch() == "fix/renewed-keys"

    git(tree, "checkout", "-q", "--detach")
    assert Repository(tree).branch() is None


def test_a_pattern_is_excluded_once(tree: Path) -> None:
    (tree / ".git" / "info" / "exclude").write_text("mine")
    repository = Repository(tree)

    repository.exclude("/.x/")
    repository.exclude("/.x/")

    assert (tree / ".git" / "info" / "exclude").read_text() == "mine\n/.x/\n"


def test_a_commit_is_read_with_its_parent_and_whole_message(tree: Path) -> None:
    first = git(tree, "rev-parse", "HEAD")
    write(tree, "a.py", "two\n")
    git(tree, "commit", "-qam", "Say two\n\nOne was too few.")

    made = Repository(tree).commit(git(tree, "rev-parse", "HEAD"))

    assert made is not None
    assert (made.parent, made.message) == (first, "Say two\n\nOne was too few.")
    assert Repository(tree).commit("0" * 40) is None
