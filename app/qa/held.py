"""A sandbox as one place: every run in the same session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.models.qa import ImageRef, Limits
from app.qa.base import RunResult, RunSpec, Sandbox, SandboxSession, SandboxState


@dataclass(frozen=True)
class HeldSandbox:
    """Runs everything in the session that it holds. For one thread at a time."""

    sandbox: Sandbox
    session: SandboxSession

    @property
    def limits(self) -> Limits:
        """See ``Sandbox.limits``."""
        return self.sandbox.limits

    def image(self, name: str | None = None) -> ImageRef:
        """See ``Sandbox.image``."""
        return self.sandbox.image(name)

    def run(self, spec: RunSpec) -> RunResult:
        """See ``Sandbox.run``."""
        return self.session.run(spec)

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        """The one session, however many are wanted."""
        del most
        yield (self.session,)

    def state(self) -> SandboxState:
        """See ``Sandbox.state``."""
        return self.sandbox.state()

    def sweep(self) -> int:
        """See ``Sandbox.sweep``."""
        return self.sandbox.sweep()
