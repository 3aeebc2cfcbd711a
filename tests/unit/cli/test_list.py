"""``list``: finding traces in a directory and on a server."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.api.listing import ListParameters
from app.cli import list_
from app.cli.client import client_of
from app.cli.list_ import command
from app.errors import InvalidError, UnavailableError
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from tests.builders import a_session, a_thought
from tests.unit.cli.conftest import STORED


@pytest.fixture
def data_dir(tmp_path: Path) -> str:
    """A copy: an index is made in it."""
    shutil.copytree(STORED, tmp_path / "stored")
    return str(tmp_path / "stored")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["trace_id"] for line in result.output.splitlines()]


def fill(server: str, *traces: dict[str, Any]) -> None:
    client = client_of(server)
    for trace in traces:
        client.post("/traces", a_session(**trace))


def test_every_filter_of_the_api_is_an_option() -> None:
    named = {option.name for option in command.params}

    fields = {field.alias or name for name, field in ListParameters.model_fields.items()}
    assert fields - {"cursor"} <= {str(name).removesuffix("_") for name in named}


def test_a_directory_is_listed(data_dir: str) -> None:
    shown = run("--data-dir", data_dir).output.splitlines()

    assert shown[0].split() == [
        "trace",
        "stored",
        "status",
        "verdict",
        "reasoning",
        "events",
        "edits",
        "developer",
        "repo",
        "task",
    ]
    assert {line.split()[0]: line.split()[2:5] for line in shown[1:]}["finalized-1"] == ["finalized", "fixed", "1.48"]
    assert len(shown) == 4


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--verdict", "fixed"), ["finalized-1"]),
        (("--status", "open", "-q", "mail"), ["open-1"]),
        (("--min-score", "1", "--max-score", "2"), ["finalized-1"]),
        (("--event-type", "commit", "--verdict", "fixed"), ["finalized-1"]),
        (("--event-type", "file_close", "--status", "open"), []),
        (("--from", "2100-01-01"), []),
        (("--developer-id", "nobody"), []),
        (("--sort", "num_events", "--limit", "1", "--status", "open"), ["open-1"]),
    ],
)
def test_filters_are_those_of_the_api(data_dir: str, filters: tuple[str, ...], expected: list[str]) -> None:
    assert ids(run("--data-dir", data_dir, "--json", *filters)) == expected


def test_nothing_that_fits_is_said_and_is_no_failure(data_dir: str) -> None:
    result = run("--data-dir", data_dir, "--repo", "nowhere")

    assert (result.exit_code, result.output) == (list_.LISTED, "no trace fits\n")


def test_a_directory_in_use_is_listed_without_a_trace_of_it(data_dir: str) -> None:
    layout = Layout(Path(data_dir))
    with DataDirLock(layout.lock):
        before = {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")}
        found = ids(run("--data-dir", data_dir, "--json", "--verdict", "fixed"))

        assert found == ["finalized-1"]
        assert {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")} == before


def test_all_pages_of_a_server_are_fetched_and_no_more_than_wanted(server: str) -> None:
    fill(server, *({"trace_id": f"t-{number}", "developer_id": f"d-{number % 2}"} for number in range(203)))

    assert sorted(ids(run("--server", server, "--json"))) == sorted(f"t-{number}" for number in range(203))
    assert len(ids(run("--server", server, "--json", "--limit", "201"))) == 201
    assert len(ids(run("--server", server, "--json", "--developer-id", "d-1"))) == 101
    assert len(run("--server", server).output.splitlines()) == 204


def test_what_a_session_says_stays_in_its_line(server: str) -> None:
    fill(server, {"task": {"title": "a\nb\x1b[31m" + "c" * 100}, "events": [a_thought()]})

    (_, line) = run("--server", server).output.splitlines()

    assert line.endswith(f"a b{'c' * 44}…")


@pytest.mark.parametrize("place", ["server", "directory"])
def test_every_wrong_filter_is_named(place: str, server: str, data_dir: str) -> None:
    where = ("--server", server) if place == "server" else ("--data-dir", data_dir)

    error = run(*where, "--verdict", "nice", "--min-score", "x").exception

    assert isinstance(error, InvalidError)
    assert "verdict" in error.detail
    assert "min_score" in error.detail
    assert len(error.faults) == 2


def test_a_server_that_is_away_is_unavailable() -> None:
    assert isinstance(run("--server", "http://127.0.0.1:9").exception, UnavailableError)


def test_an_index_that_is_not_complete_is_told() -> None:
    with answering({"traces": [], "next_cursor": None, "complete": False}) as address:
        result = run("--server", address)

    assert result.exit_code == list_.INCOMPLETE
    assert "may be missing" in result.output


@contextmanager
def answering(document: dict[str, Any]) -> Iterator[str]:
    """A server that has one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()
