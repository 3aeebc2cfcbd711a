"""``compare``: two traces side by side."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from app.cli.facts import Facts, facts_of
from app.cli.places import opened_session
from app.cli.terminal import harmless, print_lines

_NAME_WIDTH = 32
_CELL_WIDTH = 42


@click.command("compare")
@click.argument("sessions", metavar="ID|FILE ID|FILE", nargs=2)
@click.option("--server", metavar="URL", help="Read from this server (with API_TOKEN) instead of a data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--no-pager", is_flag=True, help="Print at once, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(sessions: Sequence[str], server: str | None, data_dir: Path | None, *, no_pager: bool, as_json: bool) -> None:
    """Show two traces side by side: verdict, tests, edits, scores and claims.

    Each is an exported document, a session that was not sent yet, or the id of a trace in a data directory, which a server may
    be using meanwhile, or on a --server. What differs is marked with *.

    \b
    Exit codes:
      0   they were compared, whatever came of it
      65  a file holds no trace
      66  one of them is not there

    \b
    Examples:
      pr-telemetry compare till-1 till-2
      pr-telemetry compare till-1 till-2 --server http://127.0.0.1:8000 --json
      pr-telemetry compare sample_repo/sessions/thoughtful-fix.json sample_repo/sessions/careless-success.json
    """
    first, second = (_facts(name, server, data_dir) for name in sessions)
    if as_json:
        click.echo(json.dumps({"first": first, "second": second}, ensure_ascii=False))
    else:
        print_lines(render_side_by_side(first, second), pager=not no_pager)


def _facts(name: str, server: str | None, data_dir: Path | None) -> Facts:
    with opened_session(name, server, data_dir) as session:
        return facts_of(session)


def render_side_by_side(first: Facts, second: Facts) -> Iterator[str]:
    """The facts of two traces, one line for each, in groups."""
    for group in first:
        names = list(dict.fromkeys([*first[group], *second[group]]))
        if not names:
            continue
        yield click.style(group, bold=True)
        for name in names:
            yield from _row(name, _text(first[group].get(name)), _text(second[group].get(name)))


def _row(name: str, first: str, second: str) -> Iterator[str]:
    mark = "*" if first != second else " "
    left, right = _cell(first), _cell(second)
    for at in range(max(len(left), len(right))):
        cells = (left[at] if at < len(left) else "", right[at] if at < len(right) else "")
        head = f"{mark} {name:<{_NAME_WIDTH}}" if at == 0 else " " * (_NAME_WIDTH + 2)
        yield f"{head}  {cells[0]:<{_CELL_WIDTH}}  {cells[1]}".rstrip()


def _cell(text: str) -> list[str]:
    return textwrap.wrap(text, _CELL_WIDTH) or [""]


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return harmless(str(value))
