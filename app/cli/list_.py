"""``list``: which traces there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.places import place_of
from app.cli.terminal import harmless, print_lines, table

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LISTED, INCOMPLETE = 0, 3
_LARGEST_PAGE = 200
_WIDEST_CELL = 48
_COLUMNS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "trace": lambda trace: trace["trace_id"],
    "stored": lambda trace: trace["created_at"][:10],
    "status": lambda trace: trace["status"],
    "verdict": lambda trace: trace["verdict"],
    "reasoning": lambda trace: None if trace["reasoning_score"] is None else f"{trace['reasoning_score']:.2f}",
    "events": lambda trace: trace["num_events"],
    "edits": lambda trace: trace["num_edits"],
    "developer": lambda trace: trace["developer_id"],
    "repo": lambda trace: trace["repo"],
    "task": lambda trace: trace["task_title"],
}

_SORT_HELP = "created_at, start_time, score, num_events or duration; - in front turns it around. [-created_at]"

Summaries = Iterator[Mapping[str, Any]]


def _choices(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completes what ``GET /traces`` takes for a parameter."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from typing import get_args

        from click.shell_completion import CompletionItem

        from app.models import qa, query, trace

        types = {"verdict": qa.Verdict, "status": trace.Status, "event_type": query.EventType, "sort": query.SortField}
        return [CompletionItem(value) for value in get_args(types[name]) if value.startswith(incomplete)]

    return complete


@click.command("list")
@click.option("--developer-id", metavar="ID", help="Exactly this developer.")
@click.option("--bug-id", metavar="ID", help="Exactly this bug.")
@click.option("--repo", metavar="NAME", help="Exactly this name of a repository.")
@click.option(
    "--status", metavar="STATUS", shell_complete=_choices("status"), help="How far it is: open, finalizing, finalized."
)
@click.option("--verdict", metavar="VERDICT", shell_complete=_choices("verdict"), help="What its tests showed, such as fixed.")
@click.option("--min-score", metavar="SCORE", help="Reasoning score, at least.")
@click.option("--max-score", metavar="SCORE", help="Reasoning score, at most.")
@click.option("--from", metavar="TIME", help="Stored at or after this time, such as 2026-03-01.")
@click.option("--to", metavar="TIME", help="Stored before this time.")
@click.option("--event-type", metavar="TYPE", shell_complete=_choices("event_type"), help="Holds at least one such event.")
@click.option("-q", metavar="WORDS", help='Words and "quoted phrases" in the task, the reasoning or the commands.')
@click.option("--sort", metavar="FIELD", shell_complete=_choices("sort"), help=_SORT_HELP)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many traces. [all]")
@click.option("--server", metavar="URL", help="Ask this server (with API_TOKEN) instead of reading a data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--no-pager", is_flag=True, help="Print at once, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each trace.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    limit: int | None,
    server: str | None,
    data_dir: Path | None,
    no_pager: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Find traces in a data directory or on a server.

    The filters are those of GET /traces, and all have to fit. In a data directory that a server is using, nothing is written;
    every document is read then, which a large directory takes some time for: ask the server instead.

    \b
    Exit codes:
      0   the traces are listed, or none fits
      3   the server's index is still being built, and traces may be missing

    \b
    Examples:
      pr-telemetry list --verdict fixed --min-score 4 --sort -score
      pr-telemetry list --server http://127.0.0.1:8000 -q '"off by one" heap' --limit 20
      pr-telemetry list --status open --json | jq -r .trace_id
    """
    filters = [(name, value) for name, value in given.items() if value is not None]
    found = _Found(place_of(server, data_dir).pages([*filters, ("limit", str(min(limit or _LARGEST_PAGE, _LARGEST_PAGE)))]))
    traces = islice(found.traces(), limit)
    print_lines(_as_json(traces) if as_json else _as_table(traces), pager=not (as_json or no_pager))
    if not found.is_complete:
        click.echo("The index is still being built: traces may be missing.", err=True)
        context.exit(INCOMPLETE)


class _Found:
    """The traces of all pages, asked for as they are wanted."""

    def __init__(self, pages: Iterator[Mapping[str, Any]]) -> None:
        self._pages = pages
        self.is_complete = True

    def traces(self) -> Summaries:
        for page in self._pages:
            self.is_complete = self.is_complete and page["complete"]
            yield from page["traces"]


def _as_json(traces: Summaries) -> Iterator[str]:
    return (json.dumps(trace, ensure_ascii=False) for trace in traces)


def _as_table(traces: Summaries) -> Iterator[str]:
    """The first page says how wide the columns are."""
    first = list(islice(traces, _LARGEST_PAGE))
    if not first:
        yield "no trace fits"
        return
    rows = [tuple(_COLUMNS), *map(_row, first)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    head, *shown = table(rows, widths)
    yield click.style(head, bold=True)
    yield from chain(shown, (table([_row(trace)], widths)[0] for trace in traces))


def _row(trace: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_cell(read(trace)) for read in _COLUMNS.values())


def _cell(value: object) -> str:
    text = "-" if value is None else " ".join(harmless(str(value)).split())
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"
