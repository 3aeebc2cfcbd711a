"""Which commands are run again, and which may have changed files."""

from __future__ import annotations

import pytest

from app.models.commands import split_command
from app.rules.repeatable import changes_files, is_test_run, kind_of, repeatable


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "python -m pytest tests",
        "python3.11 -I -m unittest -v",
        "/usr/bin/python3 -m pytest",
        "py.test",
        "make check",
    ],
)
def test_test_runs_are_known(command: str) -> None:
    assert is_test_run(split_command(command).argv, ("make", "check"))


@pytest.mark.parametrize(
    "command", ["python -m http.server", "python pytest", "make", "grep pytest a.py", "python x.py -m pytest"]
)
def test_other_commands_are_no_test_runs(command: str) -> None:
    assert not is_test_run(split_command(command).argv, ("make", "check"))


@pytest.mark.parametrize(
    "command",
    [
        "cat a.py",
        "head -n 5 a.py",
        "wc -l a.py b.py",
        "grep -n 'def x' a.py",
        "sed -n '80,138p' a.py",
        "sed -n 5p a.py",
        "diff a.py b.py",
        "sha256sum a.py",
        "sort -u a.txt",
        "echo hello",
        "true",
    ],
)
def test_reading_named_files_is_repeatable(command: str) -> None:
    assert repeatable(split_command(command).argv) == "exactly"


def test_a_listing_rests_on_files_that_were_never_sent() -> None:
    assert repeatable(("ls", "-a", "src")) == "if_equal"
    assert repeatable(("ls", "-l")) is None


@pytest.mark.parametrize(
    "command",
    [
        "cat /etc/passwd",
        "cat ../secret",
        "cat ~/x",
        "tail -f log",
        "grep -rn x .",
        "grep x",
        "sed -i s/a/b/ a.py",
        "sed -n w a.py",
        "sort -o a b",
        "python -c 'print(1)'",
        "git diff",
        "git log",
        "date",
        "find . -name x",
        "ps",
        "cat",
        "curl x",
    ],
)
def test_everything_else_is_left_alone(command: str) -> None:
    assert repeatable(split_command(command).argv) is None


@pytest.mark.parametrize(
    "command",
    [
        "git checkout -- a.py",
        "git -C sub stash",
        "git stash pop",
        "black .",
        "python -m black src",
        "uv run ruff format .",
        "ruff check --fix",
        "sed -i s/a/b/ a.py",
        "perl -pi -e s/a/b/ a.py",
        "mv a b",
        "rm -rf build",
        "echo x > a.py",
        "cat a >> b",
        "make && git reset --hard",
        "printf x | tee a.py",
        "FOO=1 touch a",
        "sudo cp a b",
    ],
)
def test_commands_that_change_files_are_known(command: str) -> None:
    assert changes_files(command)


@pytest.mark.parametrize(
    "command",
    [
        "git diff --stat",
        "git commit -a -m 'git checkout -- > x'",
        "git commit -m rm",
        "git add a.py",
        "git status",
        "pytest -q 2>&1",
        "pytest > /dev/null",
        "pytest 2>/dev/null | tail -3",
        "python -c 'print(1 > 0)'",
        "ruff check .",
        "sed -n 5p a.py",
        "black --check .",
        "grep '>' a.py",
        "python x.py",
    ],
)
def test_commands_that_only_look_are_known(command: str) -> None:
    assert not changes_files(command)


@pytest.mark.parametrize("command", ["cat *.py", "pytest $TESTS", "pytest | tail", "cat ~/a", "sh -c ls", "echo {a,b}", "   "])
def test_what_needs_a_shell_is_not_run(command: str) -> None:
    kind = kind_of(command)

    assert kind.split is None
    assert kind.problem


@pytest.mark.parametrize("command", ["pytest tests/a.py::test_b[x]", "grep '*' a.py", 'pytest -k "a and not b"'])
def test_what_a_shell_would_leave_alone_is(command: str) -> None:
    assert kind_of(command).split is not None
