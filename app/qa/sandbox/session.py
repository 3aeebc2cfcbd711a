"""One container, in which one run follows another."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from app.qa.base import RunResult, RunSpec, Tree
from app.qa.guest import protocol
from app.qa.sandbox.bundle import bundle
from app.qa.sandbox.channel import Channel, DeadlinePassedError, ProtocolBrokenError, StreamLostError
from app.qa.sandbox.conversation import Conversation
from app.qa.sandbox.engine import Attached, Engine, EngineUnavailableError
from app.qa.sandbox.profile import SandboxProfile, container_options, host_options
from app.utils.clock import Clock

_log = logging.getLogger(__name__)


class Container:
    """A container that was started, with its harness waiting for orders. For one thread at a time."""

    def __init__(self, profile: SandboxProfile, clock: Clock, connect: Callable[[], Engine], name: str) -> None:
        """Create and start it.

        Raises:
            EngineUnavailableError: the engine cannot.
        """
        self.name = name
        self._profile = profile
        self._engine = connect()
        self._attached: Attached | None = None
        self._tree: Tree | None = None
        self._was_ready = False
        """It waited for orders already: if it fails now, another one may do."""
        self.is_usable = True
        self._born = time.monotonic()
        try:
            removable_from = clock() + timedelta(seconds=profile.container_life_s)
            options = container_options(profile, bundle("harness"), removable_from)
            self._engine.create(name, options, host_options(profile))
            self.image_id = self._engine.image_of(name)
            self._attached = self._engine.attach(name)
            self._engine.start(name)
            self._channel = Channel(self._attached.sock)
        except BaseException:
            self.remove()
            raise

    def warm_up(self, modules: tuple[str, ...]) -> bool:
        """Have the harness import what programs will need. Returns whether it did: it is of no use otherwise."""
        order = {"modules": list(modules), "life_s": self._profile.idle_s + self._profile.engine_timeout_s}
        self._channel.allow(self._profile.transfer_s)
        try:
            self._channel.put(protocol.WARM_UP, json.dumps(order).encode())
            self._channel.flush()
            self._channel.receive({protocol.WARM: 0})
        except (StreamLostError, DeadlinePassedError, ProtocolBrokenError):
            self.is_usable = False
        self._was_ready = self.is_usable
        return self.is_usable

    @property
    def age_s(self) -> float:
        """Seconds since it was asked for."""
        return time.monotonic() - self._born

    def run(self, spec: RunSpec) -> RunResult | None:
        """Run the command on the tree; ``None`` where the container had gone, or was not fit for it, before it could begin.

        Raises:
            CorruptError: a file of the tree is not as long as it should be.
            EngineUnavailableError: the engine went away.
        """
        limit_s = self._profile.timeout_s
        timeout_s = limit_s if spec.timeout_s is None else min(spec.timeout_s, limit_s)
        keeps_tree = spec.tree is self._tree
        self.is_usable = False
        conversation = Conversation(self._channel, self._profile, spec, timeout_s, keeps_tree=keeps_tree)
        try:
            result = conversation.hold()
        except StreamLostError:
            if self._was_ready and not conversation.began:
                return None
            self._channel.listen_to_the_end()
            return self._explain_loss(conversation.began, self._channel.complaint)
        if conversation.was_dirty and self._was_ready:
            return None
        self._tree = spec.tree
        self._was_ready = self.is_usable = conversation.is_over
        return result

    def remove(self) -> None:
        """End it, whatever it does."""
        self.is_usable = False
        if self._attached is not None:
            self._attached.close()
        try:
            self._engine.remove(self.name)
        except EngineUnavailableError as error:
            # The harness ends by itself now that its stream is closed; a sweep takes the rest
            _log.warning("A container could not be removed", extra={"container": self.name, "reason": error.detail})
        finally:
            self._engine.close()

    def _explain_loss(self, began: bool, complaint: str) -> RunResult:
        ended = self._engine.wait(self.name, self._profile.grace_s)
        if ended is None:
            return RunResult("could_not_run", reason="the container was removed by somebody else during the run; try again")
        if ended.oom_killed:
            reason = f"the run needed more than its {self._profile.memory_bytes} bytes of memory"
            return RunResult("out_of_memory", reason=reason)
        if ended.was_told_to:
            return RunResult("could_not_run", reason="the container was ended from outside during the run; try again")
        facts = f"exit code {ended.exit_code}" + (f", {complaint}" if complaint else "")
        if not began:
            reason = f"the harness ended before the command could begin ({facts}): check the image {self._profile.image}"
            return RunResult("could_not_run", reason=reason)
        return RunResult("corrupted", reason=f"the container ended without a report ({facts})")


class Session:
    """Runs, in one container as long as that is fit for it, in the next one otherwise."""

    def __init__(
        self, take: Callable[[str | None], Container], give_back: Callable[[Container], None], session_s: float
    ) -> None:
        self._take = take
        self._give_back = give_back
        self._session_s = session_s
        self._container: Container | None = None
        self._image: str | None = None

    def run(self, spec: RunSpec) -> RunResult:
        """See ``SandboxSession.run``.

        Raises:
            CorruptError: a file of the tree is not as long as it should be.
        """
        try:
            result = self._run(spec)
            return result if result is not None else self._run_anew(spec)
        except EngineUnavailableError as error:
            return RunResult("could_not_run", reason=error.detail)
        finally:
            if self._container is not None and not self._container.is_usable:
                self.close()

    def renew(self) -> None:
        """See ``SandboxSession.renew``."""
        self.close()

    def close(self) -> None:
        """Give the container back. The next run takes another one."""
        container, self._container = self._container, None
        if container is not None:
            self._give_back(container)

    def _run_anew(self, spec: RunSpec) -> RunResult:
        self.close()
        result = self._run(spec)
        return result or RunResult("could_not_run", reason="no container stayed long enough for the run; try again")

    def _run(self, spec: RunSpec) -> RunResult | None:
        if self._container is not None and (self._container.age_s > self._session_s or self._image != spec.image):
            self.close()
        if self._container is None:
            self._container, self._image = self._take(spec.image), spec.image
        return self._container.run(spec)


def new_name() -> str:
    """A name for a container."""
    return f"pr-telemetry-{uuid.uuid4().hex}"
