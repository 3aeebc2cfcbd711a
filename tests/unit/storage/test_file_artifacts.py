"""What the file artifact store does beyond the interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import CorruptError
from app.storage.file_artifacts import FileArtifactStore
from app.storage.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


def test_a_content_that_changed_on_disk_is_not_handed_out(layout: Layout) -> None:
    store = FileArtifactStore(layout)
    blob = store.put("t-1", [b"true"])
    layout.blob(blob.sha256).write_bytes(b"lies")

    with pytest.raises(CorruptError, match="not what was stored"), store.open(blob.sha256):
        pass


def test_uploads_that_an_earlier_process_left_behind_are_swept(layout: Layout) -> None:
    (layout.incoming / "draft").write_bytes(b"half")

    FileArtifactStore(layout).sweep()

    assert list(layout.incoming.iterdir()) == []
