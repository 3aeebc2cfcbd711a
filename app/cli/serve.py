"""``serve``: the server, with limits that plain ``uvicorn main:app`` does not have (how long headers may take)."""

from __future__ import annotations

import errno
import socket
from typing import Any

import click
import uvicorn

from app.api.app import create_app
from app.api.connections import guarded_protocol
from app.bootstrap.server import build_application
from app.errors import SettingsError
from app.settings import Settings, check_settings, load_settings
from app.utils.garbage import spare_what_stays
from app.utils.logger import configure_logging


@click.command("serve")
@click.option("--host", help="Address to listen on. [HOST, default 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one. [PORT, default 8000]")
def command(host: str | None, port: int | None) -> None:
    """Run the HTTP API.

    Settings come from environment variables and .env; see .env.example.

    \b
    Example:
      API_TOKEN=secret pr-telemetry serve --port 8000
    """
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = check_settings(load_settings().model_copy(update=given))
    with open_socket(settings.host, settings.port) as listening:
        config = server_config(settings)
        address, bound_port = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        click.echo(f"PR Telemetry listens on http://{shown}:{bound_port} (API documentation: /docs)", err=True)
        spare_what_stays()
        uvicorn.Server(config).run(sockets=[listening])


def server_config(settings: Settings, **more: Any) -> uvicorn.Config:
    """How uvicorn runs the application, which is built here: what keeps it from starting is said before anything listens.

    Raises:
        SettingsError: another process owns the data directory.
        UnavailableError: the data directory cannot be used.
    """
    configure_logging(settings.log_level, settings.log_format)
    application = build_application(settings)
    app = create_app(settings, lambda _: application)
    options: dict[str, Any] = {"log_level": "warning", "server_header": False, "timeout_keep_alive": 15, **more}
    return uvicorn.Config(app, http=guarded_protocol(settings.body_timeout_s), **options)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        SettingsError: the address cannot be had; the message says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)  # who comes before the server is up waits in line
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} is taken by another program. Stop it, or choose another with --port or PORT."
            ) from None
        raise SettingsError(f"Cannot listen on {host} port {port}: {error.strerror or error}") from None
    return listening
