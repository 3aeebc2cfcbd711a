"""``check``: is a data directory whole?"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from app.bootstrap.checks import RubricNote, check_data_directory
from app.storage.check import CheckNote

WHOLE, DAMAGED, DERIVABLE = 0, 1, 3


@click.command("check")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--repair", is_flag=True, help="Make right what can be derived from what else is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each finding.")
@click.pass_context
def command(context: click.Context, data_dir: Path | None, *, repair: bool, as_json: bool) -> None:
    """Compare documents, journals, artifacts and index of a data directory that no server is using.

    A rubric that was changed without a new version is a warning: everything is whole, but its scores are not comparable.

    Torn lines, missing links and what belongs to no trace are repaired with --repair. What was changed since it was written is
    named with its place and left alone. An index that is behind is brought up to date by the next start of the server.

    \b
    Exit codes:
      0   everything is whole, or was repaired
      1   something was changed since it was written
      3   something is not in step, and can be repaired

    \b
    Examples:
      pr-telemetry check
      pr-telemetry check --data-dir backup/data --repair
    """
    counts: Counter[str] = Counter()
    for note in check_data_directory(data_dir, repair=repair):
        state = _state(note)
        counts[state] += 1
        click.echo(json.dumps(asdict(note)) if as_json else f"{state}: {note.subject} {note.name}: {note.problem}")
    if not as_json:
        click.echo(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "everything is whole")
    context.exit(DAMAGED if counts["damaged"] else DERIVABLE if counts["repairable"] else WHOLE)


def _state(note: CheckNote | RubricNote) -> str:
    if isinstance(note, RubricNote):
        return "warning"
    return "repaired" if note.is_repaired else "repairable" if note.is_derivable else "damaged"
