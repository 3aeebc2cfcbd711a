"""Whatever a file holds, a reader answers with sessions that can be stored, or with its own error."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats.base import ReadOptions
from app.formats.errors import FormatError
from app.formats.registry import FORMATS, read_sessions
from app.formats.source import Source
from app.models.trace import TraceStart
from tests.unit.formats.reading import SAMPLES, open_sample, sample_files

NAMES = [path.relative_to(SAMPLES).as_posix() for path in sample_files()]
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, "", "x", "\ud800", "/", "../x", "\x00", "2026-03-02T12:00:00", [], {}, [[]], [None],
    {"": None}, ["x"], {"text": 1}, "```bash\nls\n```", "*** Begin Patch", "file:///x", "Exit code 1",
)  # fmt: skip


def mutated(value: Any, chance: random.Random, rate: float) -> Any:
    """The value, with some of what it holds removed or made something else."""
    if chance.random() < rate:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        return {name: mutated(item, chance, rate) for name, item in value.items() if chance.random() > rate / 2}
    if isinstance(value, list):
        found = [mutated(item, chance, rate) for item in value if chance.random() > rate / 2]
        return found + found[:1] if chance.random() < rate else found
    return value


def altered(name: str, seed: int, rate: float) -> bytes:
    """A sample that was tampered with, in its values or in its bytes."""
    content, chance = open_sample(name).file.read(), random.Random(seed)
    if name.endswith(".eval") or rate == 0:
        bytes_of = bytearray(content)
        for _ in range(1 + seed % 9):
            bytes_of[chance.randrange(len(bytes_of))] = chance.randrange(256)
        return bytes(bytes_of[: chance.randrange(len(bytes_of)) if chance.random() < 0.3 else None])
    try:
        return json.dumps(mutated(json.loads(content), chance, rate), indent=1).encode()
    except ValueError:
        lines = [mutated(json.loads(line), chance, rate) for line in content.splitlines()]
        return "\n".join(map(json.dumps, lines)).encode()


def read(content: bytes, name: str | None) -> None:
    try:
        for session in read_sessions(Source("file", io.BytesIO(content)), name, ReadOptions(sidechains=True)):
            TraceStart.model_validate_json(session.trace.model_dump_json())
            assert all(artifact.content.encode() for artifact in session.artifacts)
    except FormatError as error:
        assert error.detail  # noqa: PT017 -- anything else fails the test


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0, 0.002, 0.02, 0.1]))
def test_a_tampered_sample_is_read_or_refused(name: str, seed: int, rate: float) -> None:
    read(altered(name, seed, rate), None)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.02, 0.2]))
def test_a_format_that_is_insisted_on_reads_or_refuses(name: str, seed: int, rate: float) -> None:
    content = altered(name, seed, rate)

    for found in FORMATS:
        source = Source("file", io.BytesIO(content))
        try:
            for session in found.read(source, ReadOptions()):
                TraceStart.model_validate_json(session.trace.model_dump_json())
        except FormatError as error:
            assert error.detail  # noqa: PT017 -- anything else fails the test


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content, None)
