"""``demo``: the whole way of a session through a real server, on the bundled project."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import uvicorn
from pydantic import SecretStr

from app.cli.client import Client
from app.cli.report import render_comparison, render_report
from app.cli.serve import open_socket, server_config
from app.errors import SettingsError
from app.settings import Settings

SAMPLE_REPO = Path(__file__).resolve().parents[2] / "sample_repo"
SESSIONS = ("thoughtful-fix", "failed-attempt", "careless-success")
_START_TIMEOUT_S = 30


@click.command("demo")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep the results here. [a new temporary directory]")
def command(data_dir: Path | None) -> None:
    """Submit the bundled sessions to a server of their own, finalize them, and show what was found.

    The server listens on a free port of this machine, and only while the demo runs.
    """
    if not SAMPLE_REPO.is_dir():
        raise SettingsError(
            "The demo needs the folder sample_repo of a checkout of PR Telemetry; an installed package has none."
        )
    data_dir = data_dir or Path(tempfile.mkdtemp(prefix="pr-telemetry-demo-"))
    token = secrets.token_urlsafe(16)
    settings = Settings(data_dir=data_dir, api_token=SecretStr(token), host="127.0.0.1", port=0, log_level="WARNING")
    with _running(settings) as address:
        client = Client(address, token)
        client.get("/readyz")  # says in a sentence what is missing
        documents = [_submit(client, name) for name in SESSIONS]
    click.echo("\n" + render_report(documents[0]))
    click.echo("The three bundled sessions side by side:\n\n" + render_comparison(documents))
    click.echo(_next_steps(data_dir, documents[0]["trace_id"]))


@contextmanager
def _running(settings: Settings) -> Iterator[str]:
    """The address of a server that runs as long as it is needed."""
    with open_socket(settings.host, settings.port) as listening:
        server = uvicorn.Server(server_config(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="demo-server")
        thread.start()
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            Client(address, "", timeout_s=_START_TIMEOUT_S).get("/health")
            yield address
        finally:
            server.should_exit = True
            thread.join()


def _submit(client: Client, name: str) -> dict[str, Any]:
    trace = json.loads((SAMPLE_REPO / "sessions" / f"{name}.json").read_text(encoding="utf-8"))
    click.echo(f"Submitting {name}: {len(trace['events'])} events …")
    trace_id = client.post("/traces", trace)["trace_id"]
    client.put(f"/traces/{trace_id}/artifacts/workspace", pack_workspace(SAMPLE_REPO), "application/gzip")
    click.echo("  testing it before and after the fix, judging the reasoning …")
    document: dict[str, Any] = client.post(f"/traces/{trace_id}/finalize", {})
    return document


def pack_workspace(folder: Path) -> bytes:
    """A folder as a gzipped tar archive, recorded sessions and caches left out."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and relative.parts[0] != "sessions" and not {"__pycache__", ".pytest_cache"} & {*relative.parts}:
                archive.add(path, relative.as_posix(), recursive=False)
    return packed.getvalue()


def _next_steps(data_dir: Path, trace_id: str) -> str:
    document = data_dir / "traces" / f"{trace_id}.json"
    return f"""
The result is one JSON file per trace:
  {document}

Next, for instance:
  python -m json.tool {document} | less
  .venv/bin/python -m app verify {document} --public-key {data_dir}/keys/public/*.pem
  DATA_DIR={data_dir} API_TOKEN=secret .venv/bin/python -m app serve
  curl -H 'Authorization: Bearer secret' http://127.0.0.1:8000/traces/{trace_id}
"""
