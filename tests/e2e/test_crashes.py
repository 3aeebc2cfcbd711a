"""Crashes, full disks and very long sessions, with real processes: what was acknowledged is there, once, in order."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.rules.chain import genesis, link, split_hash
from app.rules.integrity import verify_stream
from app.storage.keys import load_public_keys
from tests.builders import a_session, a_thought
from tests.e2e.server import Server, a_server_process

KILLS = int(os.environ.get("KILLS", "25"))
"""How often the server is killed; the release is tested with 200."""
WRITERS = 4


@dataclass
class Writer:
    """Writes to two traces of its own, one through each API, and remembers what was acknowledged."""

    number: int
    token: str = ""
    recorded_id: str = ""
    chunk_seq: int = 0
    acknowledged: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    unanswered_chunk: dict[str, Any] | None = None

    @property
    def document_id(self) -> str:
        return f"doc-{self.number}"

    def start(self, client: httpx.Client) -> None:
        client.post("/traces", json=a_session(trace_id=self.document_id)).raise_for_status()
        session = {"participant_id": "p", "task_id": "t", "task_title": "t"}
        begun = client.post("/v1/traces", json=session).raise_for_status().json()
        self.recorded_id, self.token = begun["trace_id"], begun["upload_token"]

    def write_until(self, server: Server, stop: threading.Event) -> None:
        with server.client() as client:
            while not stop.is_set():
                try:
                    self._append(client)
                    self._send_chunk(client)
                except httpx.TransportError:
                    return

    def _append(self, client: httpx.Client) -> None:
        name = f"{self.number}-{len(self.acknowledged)}-{random.random()}"
        answer = client.post(f"/traces/{self.document_id}/events", json={"events": [a_thought(name)]})
        assert answer.status_code == 200, answer.text
        self.acknowledged.append(name)

    def _send_chunk(self, client: httpx.Client) -> None:
        # a chunk that was not answered is sent again, as a recorder would
        if self.unanswered_chunk is None:
            self.chunk_seq += 1
            event = {"id": f"e{self.chunk_seq}", "type": "rationale_note", "ts_client_s": self.chunk_seq, "freeform": "x"}
            self.unanswered_chunk = {"chunk_id": f"c{self.chunk_seq}", "chunk_seq": self.chunk_seq, "events": [event]}
        path = f"/v1/traces/{self.recorded_id}/events:ingest"
        answer = client.post(path, json=self.unanswered_chunk, headers={"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["total_events"] == self.chunk_seq
        self.recorded.append(f"e{self.chunk_seq}")
        self.unanswered_chunk = None


def stored_events(client: httpx.Client, trace_id: str) -> list[dict[str, Any]]:
    """All events, their chain checked link by link."""
    document = client.get(f"/traces/{trace_id}").raise_for_status().json()
    chain, found, after = genesis(trace_id, document["created_at"]), [], 0
    while after is not None:
        page = client.get(f"/traces/{trace_id}/events", params={"after": after, "limit": 1000}).raise_for_status()
        for raw in _raw_events(page.content):
            split = split_hash(raw)
            assert split is not None
            chain = link(chain, split[0])
            assert chain == split[1]
            found.append(json.loads(raw))
        after = page.json()["next_after"]
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    return found


def _raw_events(page: bytes) -> list[bytes]:
    """The bytes of the events of a page: every event ends with its hash."""
    body = page.removeprefix(b'{"events":[').rpartition(b'],"next_after"')[0]
    pieces = body.split(b'"},{"data"')
    return [b'{"data"' * (index > 0) + piece + b'"}' * (index < len(pieces) - 1) for index, piece in enumerate(pieces) if piece]


@pytest.mark.slow
def test_whatever_was_acknowledged_survives_kills_at_random_moments(tmp_path: Path) -> None:
    writers = [Writer(number) for number in range(WRITERS)]
    chance = random.Random(17)
    with a_server_process(tmp_path / "data") as server, server.client() as client:
        for writer in writers:
            writer.start(client)
    for _ in range(KILLS):
        with a_server_process(tmp_path / "data") as server:
            stop = threading.Event()
            threads = [threading.Thread(target=writer.write_until, args=(server, stop)) for writer in writers]
            for thread in threads:
                thread.start()
            # at first until each of them was heard, however slow the machine is
            while not all(writer.acknowledged and writer.recorded for writer in writers):
                assert any(thread.is_alive() for thread in threads)
                stop.wait(0.02)
            stop.wait(chance.uniform(0.02, 0.4))
            server.kill()
            stop.set()
            for thread in threads:
                thread.join()
    with a_server_process(tmp_path / "data") as server, server.client() as client:
        for writer in writers:
            contents = [event["data"]["content"] for event in stored_events(client, writer.document_id)]
            assert len(contents) == len(set(contents))
            assert [content for content in contents if content in set(writer.acknowledged)] == writer.acknowledged
            ids = [event["event_id"] for event in stored_events(client, writer.recorded_id)]
            assert ids[: len(writer.recorded)] == writer.recorded
            assert len(ids) <= len(writer.recorded) + 1
    assert all(writer.acknowledged and writer.recorded for writer in writers)


@contextmanager
def a_small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_507_and_the_service_resumes_when_there_is_room(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk", "6m") as disk, a_server_process(disk / "data") as server, server.client() as client:
        client.post("/traces", json=a_session()).raise_for_status()
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(64 * 1024))
            except OSError:
                pass
        stored, statuses = 0, set()
        for number in range(50):
            answer = client.post("/traces/t-1/events", json={"events": [a_thought("x" * 20_000, extra={"n": number})]})
            statuses.add(answer.status_code)
            stored += answer.status_code == 200
            if answer.status_code != 200:
                assert answer.json()["code"] == "storage_full"
        refused = client.post("/traces", json=a_session(trace_id="t-2", events=[a_thought("y" * 200_000)]))
        upload = client.put("/traces/t-1/artifacts/log", content=bytes(5_000_000))
        assert statuses <= {200, 507}
        assert 507 in statuses
        assert (refused.status_code, upload.status_code) == (507, 507)
        assert client.get("/health").status_code == 200
        assert len(stored_events(client, "t-1")) == stored

        ballast.unlink()

        assert client.post("/traces/t-1/events", json={"events": [a_thought("room")]}).status_code == 200
        assert client.post("/traces", json=a_session(trace_id="t-2")).status_code == 201
        assert len(stored_events(client, "t-1")) == stored + 1
        assert client.get("/traces/t-1/artifacts").json() == {}


def test_a_read_only_disk_is_503_and_reading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (
        a_small_disk(tmp_path / "data" / "traces", "8m") as disk,
        a_server_process(tmp_path / "data") as server,
        server.client() as client,
    ):
        client.post("/traces", json=a_session(events=[a_thought("kept")])).raise_for_status()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

        created = client.post("/traces", json=a_session(trace_id="t-2"))
        appended = client.post("/traces/t-1/events", json={"events": [a_thought("lost")]})
        read = client.get("/traces/t-1")

        assert (created.status_code, appended.status_code) == (503, 503)
        assert created.json()["code"] == "unavailable"
        assert [event["data"]["content"] for event in read.json()["events"]] == ["kept"]
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert client.post("/traces", json=a_session(trace_id="t-2")).status_code == 201
        assert client.post("/traces/t-1/events", json={"events": [a_thought("kept, too")]}).status_code == 200
        assert len(stored_events(client, "t-1")) == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_a_very_long_session(tmp_path: Path) -> None:
    events, per_request = int(os.environ.get("LONG_SESSION_EVENTS", "20000")), 500
    with a_server_process(tmp_path / "data", MAX_JUDGED_BYTES="1000000") as server, server.client(600) as client:
        client.post("/traces", json=a_session()).raise_for_status()

        def append(first: int) -> None:
            body = {"events": [a_thought("x" * 2000, minute=number % 977) for number in range(first, first + per_request)]}
            client.post("/traces/t-1/events", json=body).raise_for_status()

        append(0)
        before = server.peak_memory_bytes()
        for first in range(per_request, events, per_request):
            append(first)
        document = client.post("/traces/t-1/finalize", timeout=600)
        pages = sum(
            len(client.get("/traces/t-1/events", params={"after": after, "limit": 100}).json()["events"])
            for after in range(0, events, max(events // 5, 1))
        )
        grown = server.peak_memory_bytes() - before
    stored = document.content
    with (tmp_path / "data" / "traces" / "t-1.json").open("rb") as file:
        (report,) = verify_stream(file, load_public_keys(tmp_path / "data" / "keys"))
    assert document.status_code == 200
    assert len(stored) > events * 2000
    assert pages == 500
    assert report.is_proven
    # ids, places and a request's worth of text; not the text of the session
    assert grown < 30 * 1024 * 1024 + events * 600
