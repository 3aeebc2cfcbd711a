"""Sealing what has changed: whoever changes a closed trace signs for what it has become."""

from __future__ import annotations

from app.models.trace import Trace
from app.rules.seal import Signer, document_fields, seal
from app.utils.clock import Clock


class Sealer:
    """Seals traces with the server's key, at the server's time."""

    def __init__(self, signer: Signer, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock

    def sealed(self, trace: Trace, chain: bytes) -> Trace:
        """The trace with a seal over what it now holds. ``chain`` is the hash of its last event."""
        count = trace.metrics.num_events if trace.metrics is not None else 0
        integrity = seal(document_fields(trace), head=chain, count=count, signer=self._signer, signed_at=self._clock())
        return trace.model_copy(update={"integrity": integrity})
