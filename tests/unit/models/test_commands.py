"""Which commands can be run without a shell."""

from __future__ import annotations

import pytest

from app.models.commands import SplitCommand, split_command


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("pytest", ("pytest",)),
        ('pytest "tests/test_a.py::test_b[x|y]"', ("pytest", "tests/test_a.py::test_b[x|y]")),
        ('pytest -k "a and not b"', ("pytest", "-k", "a and not b")),
        ("pytest 'a;b' \"c>d\" e\\;f", ("pytest", "a;b", "c>d", "e;f")),
        ("python -m pytest tests/foo..bar.py", ("python", "-m", "pytest", "tests/foo..bar.py")),
        ('pytest "cost is $5"', ("pytest", "cost is $5")),
        ("pytest tests/test_sh.py tests/bash", ("pytest", "tests/test_sh.py", "tests/bash")),
        ("npx jest --testNamePattern='a (b)'", ("npx", "jest", "--testNamePattern=a (b)")),
    ],
)
def test_ordinary_commands_are_split_as_a_shell_would(command: str, argv: tuple[str, ...]) -> None:
    assert split_command(command) == SplitCommand(argv)


def test_assignments_before_a_command_are_its_environment() -> None:
    assert split_command("PYTHONPATH=src A='b c' pytest -q") == SplitCommand(
        ("pytest", "-q"), (("PYTHONPATH", "src"), ("A", "b c"))
    )


@pytest.mark.parametrize(
    "command",
    [
        "pytest; rm -rf /",
        "pytest && curl x",
        "pytest || true",
        "pytest | tee log",
        "pytest > out",
        "pytest < in",
        "pytest & ",
        "pytest $(id)",
        "pytest `id`",
        'pytest "$(id)"',
        'pytest "`id`"',
        "pytest ${HOME}",
        "pytest\nrm x",
        "pytest\rrm x",
        "pytest\x00",
        "(pytest)",
        "sh -c pytest",
        "bash -lc 'pytest'",
        "/bin/sh -c pytest",
        "env A=b sh -c pytest",
        "timeout 5 bash -c pytest",
        "A=b sh -c 'x'",
        "eval pytest",
        "cmd.exe /c pytest",
        "pytest 'a' ; 'b'",
    ],
)
def test_what_only_a_shell_could_do_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="dangerous patterns"):
        split_command(command)


@pytest.mark.parametrize("command", ["", "   ", "pytest 'open", "A=b", "pytest " + "x" * 9000])
def test_what_is_no_command_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="command"):
        split_command(command)
