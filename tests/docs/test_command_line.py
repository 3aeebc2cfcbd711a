"""The page on the command line against the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from app.cli.attachments import KINDS
from app.cli.demo import NAMES
from app.cli.main import _BROKEN_PIPE, _COMMANDS, _EXIT_CODES, _INTERRUPTED, cli
from tests.docs.markdown import blocks, read, rows, section

PAGE = read("docs/reference/command-line.md")
EVERY = "every command"
_CODES = re.compile(r"Exit codes:\n((?: +\d+ .*\n?)+)")
_CODE = re.compile(r"^ +(\d+) +(.*)$", re.MULTILINE)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, those of groups included."""
    context = click.Context(cli)
    for name in sorted(_COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None
        yield from within(name, command)


def within(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for below, more in command.commands.items():
            yield from within(f"{name} {below}", more)


def told(command: click.Command) -> dict[int, str]:
    """The exit codes in a command's help."""
    found = _CODES.search(command.help or "")
    return {int(code): meaning for code, meaning in _CODE.findall(found[1])} if found else {}


def documented() -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for name, code, meaning in rows(section(PAGE, "Exit codes")):
        found.setdefault(name, {})[int(code)] = meaning
    return found


def test_the_exit_codes_of_all_commands_are_those_of_the_program() -> None:
    families = {code for _, code in _EXIT_CODES}

    assert set(documented()[EVERY]) == families | {0, 2, 70, _INTERRUPTED, _BROKEN_PIPE}


def test_the_exit_codes_of_each_command_are_those_of_its_help() -> None:
    in_help = {name: codes for name, command in commands() if (codes := told(command))}

    assert {name: codes for name, codes in documented().items() if name != EVERY} == in_help


def test_every_command_is_on_the_page_with_an_example() -> None:
    examples = "\n".join(block.text for block in blocks(PAGE))

    assert [name for name in _COMMANDS if re.search(rf"pr-telemetry {name}\b", examples) is None] == []


def test_every_example_is_one_that_the_program_takes() -> None:
    known = dict(commands())
    wrong = []
    for line in "\n".join(block.text for block in blocks(PAGE)).splitlines():
        for said in re.findall(r"pr-telemetry ([^|>)\n]+)", line):
            words = shlex.split(said, comments=True)
            name = next(name for name in sorted(known, key=len, reverse=True) if said.startswith(name))
            taken = {option for parameter in known[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
            wrong += [f"{name} {word}" for word in words if word.startswith("--") and word not in taken]

    assert wrong == []


def test_the_names_of_the_demo_are_told() -> None:
    assert tuple(name for name, _ in rows(section(PAGE, "`demo`"))) == NAMES


def test_the_trees_beside_a_document_are_told() -> None:
    named = [re.findall(r"NAME\.(\w+)", cell)[0] for cell, _ in rows(section(PAGE, "`submit`"))]

    assert tuple(named) == KINDS
