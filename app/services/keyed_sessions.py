"""Sessions that are begun with an ``Idempotency-Key``: the same key stands for the same trace and the same upload token.

Both are made out of the key, so that nothing but the trace itself has to be remembered, and a repeated request is answered as
the first one was, also after a restart. The token stays a secret: what it is made with never leaves the server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.rules.seal import Signer
from app.services.idempotency import KEY_LIFETIME, RequestKey

_SECRET_OF_TOKENS = b"pr-telemetry: what upload tokens of keyed sessions are made with, 1"
"""No statement that is signed elsewhere: those are JSON."""
_TOKEN = b"upload-token:"


@dataclass(frozen=True)
class KeyedSessions:
    """Makes trace ids and upload tokens out of keys."""

    place: str
    """The name of the data directory: the same key on another server is another trace."""
    secret: bytes = field(repr=False)
    """What tokens are made with."""

    def trace_ids(self, key: RequestKey, now: datetime) -> tuple[str, str]:
        """The id of the session that a request with this key begins now, and of the one that it may have begun the day before.

        An id is good for a day by UTC. A key is good for 24 hours, so that the two are all that it can stand for.
        """
        return self._trace_id(key, now), self._trace_id(key, now - KEY_LIFETIME)

    def token(self, trace_id: str) -> str:
        """The upload token of a session that was begun with a key."""
        made = hmac.digest(self.secret, _TOKEN + trace_id.encode(), "sha256")
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def _trace_id(self, key: RequestKey, day: datetime) -> str:
        # neither a place nor a day nor a key holds a line break
        said = f"{self.place}\n{day.astimezone(UTC).date().isoformat()}\n{key.name}"
        return str(uuid.UUID(bytes=hashlib.sha256(said.encode()).digest()[:16], version=4))


def secret_of_tokens(signer: Signer) -> bytes:
    """A secret that stays with the signing key, and from which the key cannot be told."""
    # Ed25519 (RFC 8032) gives the same signature again, and nobody else can make it
    return hashlib.sha256(signer.sign(_SECRET_OF_TOKENS)).digest()
