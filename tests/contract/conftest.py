"""Every implementation of every store, under one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.storage.base import ArtifactStore, TraceStore
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from tests.fakes import MemoryArtifactStore, MemoryTraceStore


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TraceStore:
    """A trace store."""
    if request.param == "memory":
        return MemoryTraceStore()
    layout = Layout(tmp_path)
    layout.make()
    return FileTraceStore(layout)


@pytest.fixture(params=["file", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """An artifact store."""
    if request.param == "memory":
        return MemoryArtifactStore()
    layout = Layout(tmp_path)
    layout.make()
    return FileArtifactStore(layout)
