"""A session that is begun with a key is begun once, whenever the same is asked again."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from app.errors import TraceDeletedError, WrongCredentialsError
from app.models.recording import NewRecording
from app.rules.redaction.policy import parse_policy
from app.services.artifacts import ArtifactService
from app.services.idempotency import KEY_LIFETIME, KeyInUseError, KeyReusedError, RequestKey, RequestKeys
from app.services.ingest import IngestService
from app.services.intake import Intake
from app.services.keyed_sessions import KeyedSessions, secret_of_tokens
from app.services.recording import RecordingService, Started
from app.utils.archives import ArchiveLimits
from tests.builders import NOON
from tests.fakes import MemoryArtifactStore, MemoryTraceStore

LIFETIME = timedelta(days=7)
TICK = timedelta(microseconds=1)


@dataclass
class Server:
    """The recording service, on a clock that the test sets. Everything but the store is made anew by ``restart``."""

    store: MemoryTraceStore = field(default_factory=MemoryTraceStore)
    now: datetime = NOON
    keyed: KeyedSessions = field(default_factory=lambda: KeyedSessions("a-place", secrets.token_bytes(32)))
    lifetime: timedelta = LIFETIME

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        intake, self.keys, numbers = Intake(parse_policy("default")), RequestKeys(), count(1)
        ingest = IngestService(self.store, intake, self.keys, lambda: self.now, lambda: f"new-{next(numbers)}")
        artifacts = ArtifactService(self.store, MemoryArtifactStore(), ArchiveLimits(max_files=9, max_bytes=9999))
        self.service = RecordingService(
            self.store, ingest, artifacts, lambda _: None, intake, self.keys, self.keyed, lambda: self.now, self.lifetime
        )

    def begin(self, key: str | None = "k", caller: str = "api", **more: Any) -> Started:
        new = NewRecording.model_validate({"participant_id": "p", "task_id": "b", "task_title": "t", **more})
        return self.service.create(new, caller, key)

    def lets_in(self, started: Started) -> bool:
        try:
            self.service.authorise(started.trace_id, started.upload_token)
        except WrongCredentialsError:
            return False
        return True


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_same_request_has_the_same_answer_also_after_a_restart(server: Server) -> None:
    first = server.begin()
    again = server.begin()
    server.restart()

    assert first == again == server.begin()
    assert server.lets_in(first)


def test_another_request_with_the_key_is_refused(server: Server) -> None:
    server.begin()

    with pytest.raises(KeyReusedError):
        server.begin(task_title="another")
    server.restart()
    with pytest.raises(KeyReusedError):
        server.begin(test_command="pytest")


def test_without_a_key_every_request_begins_a_session(server: Server) -> None:
    assert server.begin(key=None).trace_id != server.begin(key=None).trace_id


def test_keys_of_two_callers_and_of_two_servers_never_meet(server: Server) -> None:
    mine, anothers = server.begin(caller="api"), server.begin(caller="somebody")
    elsewhere = Server(keyed=KeyedSessions("another-place", server.keyed.secret)).begin()

    assert len({mine.trace_id, anothers.trace_id, elsewhere.trace_id}) == 3
    assert len({mine.upload_token, anothers.upload_token, elsewhere.upload_token}) == 3


def test_a_request_that_is_running_is_not_begun_beside(server: Server) -> None:
    key = RequestKey("begin:api", "k", "0" * 64)

    with server.keys.running("", key), pytest.raises(KeyInUseError):
        server.begin()

    server.begin()


def test_however_many_ask_at_once_one_session_is_begun(server: Server) -> None:
    def ask(_: int) -> str | None:
        try:
            return server.begin().trace_id
        except KeyInUseError:
            return None

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(ask, range(200)))

    assert len(found - {None}) == 1


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_a_key_is_good_for_24_hours_whenever_they_begin(server: Server, hour: int) -> None:
    server.now = NOON.replace(hour=hour)
    first = server.begin()

    server.now += KEY_LIFETIME - TICK
    assert server.begin() == first
    server.now += TICK
    assert server.begin(task_title="something else").trace_id != first.trace_id


def test_a_key_that_is_used_every_day_stands_for_the_newest_session(server: Server) -> None:
    begun = []
    for _ in range(4):
        begun.append(server.begin())
        server.now += KEY_LIFETIME

    assert len({started.trace_id for started in begun}) == 4
    server.now -= TICK
    assert server.begin() == begun[-1]


def test_a_token_that_has_expired_is_good_again(server: Server) -> None:
    server.restart(lifetime=timedelta(minutes=10))
    first = server.begin()
    server.now += timedelta(hours=1)
    assert not server.lets_in(first)

    again = server.begin()

    assert again == first
    assert server.lets_in(again)


def test_a_token_is_good_for_as_long_as_it_was_where_nothing_was_lost(server: Server) -> None:
    first = server.begin()
    server.now += timedelta(hours=20)
    server.begin()

    server.now = NOON + LIFETIME
    assert not server.lets_in(first)


def test_after_the_servers_key_was_changed_the_session_is_found_and_has_a_new_token(server: Server) -> None:
    first = server.begin()
    server.restart(keyed=KeyedSessions(server.keyed.place, b"another secret"))

    again = server.begin()

    assert again.trace_id == first.trace_id
    assert again.upload_token != first.upload_token
    assert server.lets_in(again)
    assert not server.lets_in(first)


def test_a_session_that_is_over_gets_no_new_token(server: Server) -> None:
    first = server.begin()
    server.store.update(first.trace_id, lambda trace, _: trace.model_copy(update={"status": "finalized"}))
    before = server.store.head(first.trace_id).revision
    server.restart(keyed=KeyedSessions(server.keyed.place, b"another secret"))

    again = server.begin()

    assert again.trace_id == first.trace_id
    assert not server.lets_in(again)
    assert server.store.head(first.trace_id).revision == before


def test_a_session_that_was_deleted_is_not_begun_again(server: Server) -> None:
    first = server.begin()
    server.store.delete(first.trace_id, {"deleted_at": "now", "reason": "asked to"})

    with pytest.raises(TraceDeletedError):
        server.begin()


def test_what_tokens_are_made_with_is_not_shown(server: Server) -> None:
    assert repr(server.keyed.secret) not in repr(server.keyed)
    assert server.keyed.token("t-1") != server.keyed.token("t-2")
    assert len(server.keyed.token("t-1")) == 43


def test_the_secret_stays_with_the_signing_key() -> None:
    class Key:
        key_id = "k"

        def __init__(self, said: bytes) -> None:
            self._said = said

        def sign(self, statement: bytes) -> bytes:
            assert not statement.startswith(b"{"), "a seal could be taken for it"
            return self._said + statement

    assert secret_of_tokens(Key(b"one")) == secret_of_tokens(Key(b"one")) != secret_of_tokens(Key(b"two"))
    assert len(secret_of_tokens(Key(b"one"))) == 32
