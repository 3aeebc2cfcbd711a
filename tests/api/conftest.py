"""What tests of the HTTP doors share."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.api.till import BUGGY, FIX
from tests.builders import a_session, a_tar, a_thought


@pytest.fixture
def with_workspace(client: TestClient) -> TestClient:
    """A server with a trace, its fix and its workspace."""
    client.post("/traces", json=a_session(events=[a_thought("because"), FIX]))
    client.put(
        "/traces/t-1/artifacts/workspace",
        content=a_tar(BUGGY, prefix="till-1.0/"),
        headers={"Content-Type": "application/gzip"},
    )
    return client
