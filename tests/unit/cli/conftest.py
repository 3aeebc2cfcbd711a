"""A server that listens, for commands that ask one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from app.api.app import create_app
from app.bootstrap.server import build_application
from app.cli.serve import open_socket
from app.settings import Settings
from tests.conftest import TOKEN
from tests.fakes import ScriptedSandbox

STORED = Path(__file__).parents[2] / "data" / "stored-1.0"


@pytest.fixture
def server(settings: Settings, sandbox: ScriptedSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server in this process, whose token is in the environment."""
    monkeypatch.setenv("API_TOKEN", TOKEN)
    application = build_application(settings, sandbox)
    with open_socket("127.0.0.1", 0) as listening:
        config = uvicorn.Config(create_app(settings, lambda _: application), log_level="warning")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()
