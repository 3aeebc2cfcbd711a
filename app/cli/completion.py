"""``completion``: what a shell has to know to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands and options.

    The command has to be installed as pr-telemetry: a shell completes programs by their names.

    \b
    Exit codes:
      0   it was printed

    \b
    Examples:
      eval "$(pr-telemetry completion bash)"                                         in ~/.bashrc
      eval "$(pr-telemetry completion zsh)"                                          in ~/.zshrc
      pr-telemetry completion fish > ~/.config/fish/completions/pr-telemetry.fish
    """
    root = context.find_root()
    name = str(root.info_name)
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    click.echo(_SHELLS[shell](root.command, {}, name, variable).source())
