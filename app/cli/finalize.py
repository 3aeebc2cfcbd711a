"""``finalize``: have traces on a server checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from app.cli.client import client_of
from app.cli.finalizing import finalize_on, problem_of, render_found
from app.cli.main import exit_code_of
from app.cli.terminal import harmless, progress_line
from app.errors import DeniedError, PRTelemetryError

FINALIZED, SOME_FAILED = 0, 1
_JUDGES = ("auto", "llm", "heuristic", "off")


@click.command("finalize")
@click.argument("traces", metavar="ID…", nargs=-1, required=True)
@click.option("--judge", type=click.Choice(_JUDGES), help="Which judge scores the reasoning. [the server's JUDGE]")
@click.option("--rubric", "rubrics", metavar="ID", multiple=True, help="Judge by this; may be given again. [JUDGE_RUBRICS]")
@click.option("--reruns", type=click.IntRange(0, 100), help="How often the tests that decide are run again. [RERUNS]")
@click.option("--test-command", help="Run this instead of the trace's own test command.")
@click.option("--server", metavar="URL", help="The server (with API_TOKEN). [http://HOST:PORT of the settings]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each trace.")
def command(traces: Sequence[str], server: str | None, *, as_json: bool, **given: Any) -> None:
    """Have traces on a server checked: run their tests, replay them, judge them.

    A trace takes no more events from then on. One that is finalized already is checked anew; its earlier result is kept.
    The verdict plays no part in the exit code: it is what was found, not whether it could be looked for.

    \b
    Exit codes:
      0   every trace was checked
      1   some were, and some could not be
      66  none: there is no such trace
      73  none: it is being finalized already

    \b
    Examples:
      pr-telemetry finalize till-1
      pr-telemetry finalize till-1 till-2 --judge heuristic --rubric process-6
      pr-telemetry finalize till-1 --reruns 20 --test-command "python -m pytest -q tests/test_till.py" --json
    """
    client, request = client_of(server), _request(given)
    problems: list[PRTelemetryError] = []
    for number, trace_id in enumerate(traces):
        try:
            with progress_line(number, len(traces), trace_id) as on_stage:
                found = finalize_on(client, trace_id, request, on_stage)
        except DeniedError:
            raise
        except PRTelemetryError as error:
            problems.append(error)
            _tell_problem(trace_id, error, as_json=as_json)
        else:
            click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(render_found(found)))
    if problems:
        raise SystemExit(SOME_FAILED if len(problems) < len(traces) else exit_code_of(problems[0]))


def _request(given: dict[str, Any]) -> dict[str, Any]:
    """What the server is asked for; what is left out comes from the trace and its settings."""
    return {name: value for name, value in given.items() if value not in (None, ())}


def _tell_problem(trace_id: str, error: PRTelemetryError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"trace_id": trace_id, "problem": problem_of(error)}))
    else:
        click.echo(harmless(f"{trace_id}: {error.detail}"), err=True)
