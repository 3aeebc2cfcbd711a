"""``doctor``: does the sandbox do what it is there for?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

import click

from app.bootstrap.checks import SandboxCheck, check_sandbox

WELL, UNWELL = 0, 1
_COLOURS = {"stopped": "green", "closed": "green", "NOT STOPPED": "red", "not tried": "red"}


@click.command("doctor")
@click.option("--sandbox", "attack", is_flag=True, help="Attack the sandbox from within a container, and see what is stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each finding.")
@click.pass_context
def command(context: click.Context, *, attack: bool, as_json: bool) -> None:
    """Look whether engine and image are there; with --sandbox, also whether the walls around a run hold.

    Each attack runs in a container like any test run's, with the server's own bounds, so that a run's memory and disk are used
    up for a moment. What is stopped here, now, was stopped; it is no proof that no other attack works. Some things are told and
    not judged: whether the kernel lets a container have them depends on the engine's version and settings.

    \b
    Exit codes:
      0   everything is there; every attack was stopped
      1   something is missing, an attack was not stopped, or could not be tried

    \b
    Examples:
      pr-telemetry doctor
      pr-telemetry doctor --sandbox --json
    """
    counts: Counter[str] = Counter()
    is_well = True
    for check in check_sandbox(attack=attack):
        counts[check.state] += 1
        is_well = is_well and check.is_well
        click.echo(json.dumps(asdict(check)) if as_json else _line(check))
    if not as_json:
        click.echo(_summary(counts, attack=attack))
    context.exit(WELL if is_well else UNWELL)


def _line(check: SandboxCheck) -> str:
    state = click.style(f"{check.state:<11}", fg=_COLOURS.get(check.state))
    return f"{state}  {check.name:<24}  {check.detail}"


def _summary(counts: Counter[str], *, attack: bool) -> str:
    if not attack:
        return "nothing was attacked: --sandbox does"
    judged = sum(counts[state] for state in ("stopped", "NOT STOPPED", "not tried"))
    told = _told(state for state in ("open", "closed") for _ in range(counts[state]))
    return f"{counts['stopped']} of {judged} attacks were stopped{told}. That does not prove that no other one works."


def _told(states: Iterable[str]) -> str:
    counts = Counter(states)
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"; of what is told and not judged {words}" if words else ""
