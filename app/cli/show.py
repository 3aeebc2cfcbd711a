"""``show``: one trace, for a person to read."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from app.cli.places import opened_session
from app.cli.report import render_results
from app.cli.session_document import SessionDocument
from app.cli.terminal import harmless, print_lines
from app.cli.timeline import Shown, one_line, render_timeline


@click.command("show")
@click.argument("session", metavar="ID|FILE")
@click.option("--server", metavar="URL", help="Read from this server (with API_TOKEN) instead of a data directory.")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="[DATA_DIR, default data]")
@click.option("--brief", is_flag=True, help="One line for each event: no diffs, no outputs.")
@click.option("--full", is_flag=True, help="Outputs from beginning to end, however long they are.")
@click.option("--no-pager", is_flag=True, help="Print at once, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the document as it is.")
def command(
    session: str, server: str | None, data_dir: Path | None, *, brief: bool, full: bool, no_pager: bool, as_json: bool
) -> None:
    """Show a trace: its timeline with diffs, test runs and claims, and what was found out about it.

    A FILE is an exported document, or a session that was not sent yet. An ID names a trace of a data directory, which a server
    may be using meanwhile, or of a --server. On a terminal it comes through a pager ($PAGER, or less).

    \b
    Exit codes:
      0   it was shown
      65  the file holds no trace
      66  there is no such trace

    \b
    Examples:
      pr-telemetry show sample_repo/sessions/thoughtful-fix.json
      pr-telemetry show till-1 --brief
      pr-telemetry show till-1 --server http://127.0.0.1:8000 | grep refuted
      pr-telemetry show till-1 --json | python -m json.tool
    """
    if brief and full:
        raise click.UsageError("--brief and --full exclude each other")
    with opened_session(session, server, data_dir) as found:
        if as_json:
            _copy(found)
        else:
            print_lines(session_lines(found, details=not brief, whole=full), pager=not no_pager)


def _copy(session: SessionDocument) -> None:
    session.file.seek(0)
    shutil.copyfileobj(session.file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def session_lines(session: SessionDocument, *, details: bool, whole: bool = False) -> Iterator[str]:
    """The lines of a whole trace, heading to findings."""
    yield from _heading(session)
    yield from render_timeline(session, Shown(details, whole))
    yield ""
    if session.head.get("qa_results") is not None:
        yield from map(harmless, render_results(session.head).splitlines())
    else:
        yield f"  Nothing was checked yet: {'finalize' if session.is_stored else 'submit'} it to have that done."


def _heading(session: SessionDocument) -> Iterator[str]:
    head = session.head
    task, repo = head.get("task") or {}, head["repo"]
    yield click.style(one_line([session.title]), bold=True) + _after(": ", one_line([task.get("title")]))
    commits = " to ".join(one_line([repo[name]])[:12] for name in ("commit_before", "commit_after") if repo.get(name))
    yield f"  {one_line([repo.get('name'), repo.get('branch'), commits])}"
    yield f"  {one_line([head.get('developer_id'), *_who(head.get('session') or {}), head['start_time']])}"
    yield f"  {one_line([_state(head), head.get('bug_id')])}"
    yield ""


def _who(session: dict[str, Any]) -> Iterator[object]:
    agent = session.get("agent") or {}
    yield (session.get("role") or "").replace("_", " ")
    yield " ".join(str(agent[name]) for name in ("name", "version", "model") if agent.get(name))


def _state(head: Any) -> str:
    verdict = ((head.get("qa_results") or {}).get("verification") or {}).get("verdict")
    state = head.get("status", "not submitted")
    return f"{state}: {verdict}" if verdict else str(state)


def _after(separator: str, text: str) -> str:
    return separator + text if text else ""
