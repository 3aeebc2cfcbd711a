"""The command line's door: finds the command, loads it alone, turns errors into sentences and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from app import __version__
from app.errors import (
    ConflictError,
    CorruptError,
    DeniedError,
    InvalidError,
    NotFoundError,
    PRTelemetryError,
    SettingsError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = {
    "check": "app.cli.check",
    "compare": "app.cli.compare",
    "completion": "app.cli.completion",
    "demo": "app.cli.demo",
    "doctor": "app.cli.doctor",
    "export": "app.cli.export",
    "finalize": "app.cli.finalize",
    "import": "app.cli.import_",
    "judge": "app.cli.judge",
    "list": "app.cli.list_",
    "record": "app.cli.record",
    "replay": "app.cli.replay",
    "serve": "app.cli.serve",
    "show": "app.cli.show",
    "submit": "app.cli.submit",
    "verify": "app.cli.verify",
}

# what ``--help`` says of each, so that it loads none of them
_SUMMARIES = {
    "check": "Compare documents, journals, artifacts and index of a data directory that no server is using.",
    "compare": "Show two traces side by side: verdict, tests, edits, scores and claims.",
    "completion": "Print what a shell needs to complete commands and options.",
    "demo": "Submit the bundled sessions to a server of their own, finalize them, and show what was found.",
    "doctor": "Look whether engine and image are there; with --sandbox, also whether the walls around a run hold.",
    "export": "Write verified traces as a dataset, with a card and a report of what was left out and why.",
    "finalize": "Have traces on a server checked: run their tests, replay them, judge them.",
    "import": "Import sessions that other tools recorded.",
    "judge": "Judge finalized traces that are in a data directory or on a server, and keep the judgements with them.",
    "list": "Find traces in a data directory or on a server.",
    "record": "Record a session of fixing a bug, beside any editor.",
    "replay": "Carry sessions out again, edit by edit and test run by test run, and compare each event with what came of it.",
    "serve": "Run the HTTP API.",
    "show": "Show a trace: its timeline with diffs, test runs and claims, and what was found out about it.",
    "submit": "Send recorded sessions, with the trees that their tests run on, to a server.",
    "verify": "Recompute everything in exported documents, and name the first broken place of each.",
}

_BROKEN_PIPE, _INTERRUPTED = 141, 130

# sysexits.h, where it has a word for it
_EXIT_CODES: tuple[tuple[type[PRTelemetryError], int], ...] = (
    (SettingsError, 78),
    (InvalidError, 65),
    (TooLargeError, 65),
    (NotFoundError, 66),
    (DeniedError, 77),
    (ConflictError, 73),
    (UnavailableError, 69),
    (CorruptError, 74),
)


class _LazyGroup(click.Group):
    """Loads a command when it is called, so that neither ``--help`` nor a completion waits for a web framework."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)  # noqa: S101 -- every module of the table has one
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES.get(name, "")) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        named = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=_SUMMARIES.get(name, "")) for name in named),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def invoke(self, ctx: click.Context) -> object:
        with _unheard():
            return super().invoke(ctx)


@contextmanager
def _unheard() -> Iterator[None]:
    """A reader that has enough, and a person who has, end the command without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # nothing more can be written there, not even by the interpreter at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(_BROKEN_PIPE) from None
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pr-telemetry")
@click.pass_context
def cli(context: click.Context) -> None:
    """PR Telemetry: debugging sessions as data that can be trusted.

    \b
    A first look, on a server of its own and a bundled bug:
      pr-telemetry demo
    A session of yours, on a server that runs:
      pr-telemetry submit session.json --finalize
      pr-telemetry list --server http://127.0.0.1:8000
      pr-telemetry show session-1

    Each command has its own --help, with examples. Settings come from environment variables and .env.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


def main() -> NoReturn:
    """Run the command that the arguments name."""
    try:
        cli(prog_name="pr-telemetry", standalone_mode=True)
    except PRTelemetryError as error:
        click.echo(f"pr-telemetry: {error.detail}", err=True)
        sys.exit(exit_code_of(error))
    except Exception:
        import logging

        logging.getLogger(__name__).exception("command failed unexpectedly")
        sys.exit(70)
    sys.exit(0)


def exit_code_of(error: PRTelemetryError) -> int:
    """The exit code of a command that this error ends."""
    return next((code for family, code in _EXIT_CODES if isinstance(error, family)), 1)
