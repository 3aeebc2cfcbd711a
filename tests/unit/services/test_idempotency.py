"""Idempotency keys, exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.services.idempotency import (
    KEY_LIFETIME,
    KeyInUseError,
    KeyReusedError,
    RequestKey,
    RequestKeys,
    key_receipts,
    known_answer,
)
from app.storage.base import Record, TraceHead
from tests.builders import NOON, a_trace
from tests.fakes import MemoryTraceStore

KEY = RequestKey("api", "k-1", "0" * 64)


def a_head(key: RequestKey = KEY) -> TraceHead:
    store = MemoryTraceStore()
    store.create(a_trace(), Record(receipts=key_receipts(key, {"n": 1}, NOON)))
    return store.head("t-1")


def test_a_key_whose_first_request_is_running_is_refused() -> None:
    keys = RequestKeys()

    with keys.running("t-1", KEY), pytest.raises(KeyInUseError), keys.running("t-1", KEY):
        pass

    with keys.running("t-1", KEY):
        pass


def test_keys_of_other_traces_and_callers_run_beside_it() -> None:
    keys = RequestKeys()

    with keys.running("t-1", KEY), keys.running("t-2", KEY), keys.running("t-1", RequestKey("upload", "k-1", "0" * 64)):
        pass
    with keys.running("t-1", None), keys.running("t-1", None):
        pass


def test_the_same_request_is_answered_as_before() -> None:
    assert known_answer(a_head(), KEY, NOON) == {"n": 1}


def test_another_request_with_the_key_is_refused() -> None:
    with pytest.raises(KeyReusedError):
        known_answer(a_head(), RequestKey("api", "k-1", "1" * 64), NOON)


def test_a_key_is_forgotten_after_a_day() -> None:
    last_moment = NOON + KEY_LIFETIME - timedelta(microseconds=1)

    assert known_answer(a_head(), KEY, last_moment) == {"n": 1}
    assert known_answer(a_head(), KEY, NOON + KEY_LIFETIME) is None


def test_a_request_without_a_key_is_always_the_first() -> None:
    assert known_answer(a_head(), None, NOON) is None
    assert key_receipts(None, {}, NOON) == ()
