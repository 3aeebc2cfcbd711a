"""The command line's door: finds the command, loads it alone, turns errors into sentences and exit codes."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import NoReturn

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

_COMMANDS = {
    "check": "app.cli.check",
    "demo": "app.cli.demo",
    "doctor": "app.cli.doctor",
    "replay": "app.cli.replay",
    "serve": "app.cli.serve",
    "verify": "app.cli.verify",
}

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
    """Loads a command when it is called, so that ``--help`` does not wait for a web framework."""

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


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pr-telemetry")
def cli() -> None:
    """PR Telemetry: debugging sessions as data that can be trusted."""


def main() -> NoReturn:
    """Run the command that the arguments name."""
    try:
        cli(prog_name="pr-telemetry", standalone_mode=True)
    except PRTelemetryError as error:
        click.echo(f"pr-telemetry: {error.detail}", err=True)
        sys.exit(next((code for family, code in _EXIT_CODES if isinstance(error, family)), 1))
    except Exception:
        logging.getLogger(__name__).exception("command failed unexpectedly")
        sys.exit(70)
    sys.exit(0)
