"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api.app import create_app
from app.bootstrap.server import build_application
from app.settings import Settings
from tests.fakes import ScriptedSandbox

TOKEN = "test-token"
AUTH = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """What a shell starts in the background ignores Ctrl-C, and hands that on to every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's ``.env`` or settings."""
    for name in Settings.model_fields:
        if name != "runner_image":
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


def a_server(settings: Settings, sandbox: ScriptedSandbox) -> TestClient:
    """A server that starts and stops with the client's context, and answers errors instead of raising them."""
    app = create_app(settings, lambda given: build_application(given, sandbox))
    return TestClient(
        app, raise_server_exceptions=False, headers=AUTH, base_url="http://localhost", client=("127.0.0.1", 50000)
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings on a directory of the test's own, judged by rules."""
    return Settings(api_token=SecretStr(TOKEN), data_dir=tmp_path / "data", judge="heuristic")


@pytest.fixture
def sandbox() -> ScriptedSandbox:
    """A sandbox that could not run anything unless the test says otherwise."""
    return ScriptedSandbox()


@pytest.fixture
def make_client(settings: Settings, sandbox: ScriptedSandbox) -> Iterator[Callable[..., TestClient]]:
    """Clients of servers with changed settings."""
    started = ExitStack()

    def make(**changes: Any) -> TestClient:
        return started.enter_context(a_server(settings.model_copy(update=changes), sandbox))

    with started:
        yield make


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    """A client with the right token."""
    return make_client()
