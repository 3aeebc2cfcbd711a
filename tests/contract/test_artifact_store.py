"""What every ``ArtifactStore`` promises."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from app.errors import ArtifactNotFoundError
from app.storage.base import ArtifactStore, StoredBlob


def test_a_content_is_found_by_its_hash(artifacts: ArtifactStore) -> None:
    sha256 = hashlib.sha256(b"hello world").hexdigest()

    assert artifacts.put("t-1", [b"hello ", b"world"]) == StoredBlob(sha256, 11)

    with artifacts.open(sha256) as content:
        assert content.read() == b"hello world"


def test_the_same_content_twice_is_one(artifacts: ArtifactStore) -> None:
    assert artifacts.put("t-1", [b"x"]) == artifacts.put("t-1", [b"x"])


def test_what_the_check_refuses_is_not_kept(artifacts: ArtifactStore) -> None:
    def refuse(content: BinaryIO, blob: StoredBlob) -> None:
        raise ValueError(content.read().decode())

    with pytest.raises(ValueError, match="bad"):
        artifacts.put("t-1", [b"bad"], refuse)

    with pytest.raises(ArtifactNotFoundError), artifacts.open(hashlib.sha256(b"bad").hexdigest()):
        pass


def test_an_upload_that_breaks_off_leaves_nothing(artifacts: ArtifactStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        artifacts.put("t-1", broken())

    with pytest.raises(ArtifactNotFoundError), artifacts.open(hashlib.sha256(b"half").hexdigest()):
        pass


def test_a_content_stays_as_long_as_one_trace_holds_it(artifacts: ArtifactStore) -> None:
    shared = artifacts.put("t-1", [b"shared"])
    artifacts.put("t-2", [b"shared"])
    alone = artifacts.put("t-1", [b"alone"])

    artifacts.release("t-1")

    with artifacts.open(shared.sha256) as content:
        assert content.read() == b"shared"
    with pytest.raises(ArtifactNotFoundError), artifacts.open(alone.sha256):
        pass
    artifacts.release("t-2")
    with pytest.raises(ArtifactNotFoundError), artifacts.open(shared.sha256):
        pass


def test_a_trace_that_holds_nothing_has_nothing_to_release(artifacts: ArtifactStore) -> None:
    artifacts.release("nobody")
