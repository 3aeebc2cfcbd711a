"""The same request again: answered as before, stored once, also after a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import BusyError, InvalidError
from app.storage.base import Receipt, TraceHead

KEY_LIFETIME = timedelta(hours=24)


class KeyReusedError(InvalidError):
    """The Idempotency-Key belongs to another request; a new request needs a new key."""

    code = "idempotency_key_reused"


class KeyInUseError(BusyError):
    """The first request with this Idempotency-Key is still running; ask again shortly."""

    code = "idempotency_key_in_use"
    retry_after_s = 1


@dataclass(frozen=True)
class RequestKey:
    """An ``Idempotency-Key`` with what it stands for."""

    caller: str
    """Keys of different callers never meet."""
    key: str
    request_sha256: str

    @property
    def name(self) -> str:
        """The name of the receipt."""
        return f"{self.caller}:{self.key}"


class RequestKeys:
    """Knows which keyed requests are running in this process, and reads the receipts of those that ran."""

    def __init__(self) -> None:
        self._running: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    @contextmanager
    def running(self, trace_id: str, key: RequestKey | None) -> Iterator[None]:
        """Hold the key while its request runs.

        Raises:
            KeyInUseError: another request with this key is running.
        """
        if key is None:
            yield
            return
        name = (trace_id, key.name)
        with self._guard:
            if name in self._running:
                raise KeyInUseError
            self._running.add(name)
        try:
            yield
        finally:
            with self._guard:
                self._running.discard(name)


def known_answer(head: TraceHead, key: RequestKey | None, now: datetime) -> Mapping[str, object] | None:
    """What the first request with this key was answered; ``None`` where it is the first.

    Raises:
        KeyReusedError: the first request was another one.
    """
    receipt = head.receipts.get(("key", key.name)) if key is not None else None
    if key is None or receipt is None or (receipt.expires_at is not None and receipt.expires_at <= now):
        return None
    if receipt.request_sha256 != key.request_sha256:
        raise KeyReusedError
    return receipt.answer


def key_receipts(key: RequestKey | None, answer: Mapping[str, object], now: datetime) -> tuple[Receipt, ...]:
    """The receipt to keep with what a keyed request stored."""
    if key is None:
        return ()
    return (Receipt("key", key.name, key.request_sha256, now, answer, expires_at=now + KEY_LIFETIME),)
