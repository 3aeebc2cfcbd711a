"""What every command does alike at a terminal: pages, colours, progress, and text that nobody has to trust."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# control characters but tab and newline, and those that turn the direction of a line around
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BAR_WIDTH = 20
_CLEAR_LINE = "\r\x1b[K"


def harmless(text: str) -> str:
    """Text of a session as a terminal may be given it: colours are left out, other control characters are spelt out."""
    return _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", _ANSI.sub("", text.replace("\r\n", "\n")))


def print_lines(lines: Iterable[str], *, pager: bool) -> None:
    """Print the lines as they come: through a pager at a terminal, and without colours anywhere else.

    ``NO_COLOR`` and ``PAGER`` are honoured.
    """
    has_colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if pager and sys.stdout.isatty():
        # as git has it: short texts stay on the screen, and colours are shown
        os.environ.setdefault("LESS", "FRX")
        click.echo_via_pager((f"{line}\n" for line in lines), color=has_colours)
        return
    for line in lines:
        click.echo(line, color=has_colours)


@contextmanager
def progress_line(done: int, total: int, label: str) -> Iterator[Callable[[str], None]]:
    """A bar on the terminal of errors, with the label and the stage that is under way. At the end its line is free again.

    What is found may be printed to the same terminal in between. Elsewhere nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    filled = _BAR_WIDTH * done // total
    head = f"[{'#' * filled}{'-' * (_BAR_WIDTH - filled)}] {done + 1} of {total}"

    def show(stage: str) -> None:
        line = harmless(f"{head}  {label}{': ' if stage else ''}{stage}")
        sys.stderr.write(f"{_CLEAR_LINE}{line[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()

    try:
        show("")
        yield show
    finally:
        sys.stderr.write(_CLEAR_LINE)
        sys.stderr.flush()


def table(rows: list[tuple[str, ...]], widths: list[int]) -> list[str]:
    """The rows with their columns under each other."""
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
