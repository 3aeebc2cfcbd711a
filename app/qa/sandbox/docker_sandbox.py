"""The sandbox on a Docker engine: one fresh container per run, gone when the run is over."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from importlib.resources import files

from app.models.qa import ImageRef, Limits
from app.qa.base import RunResult, RunSpec, SandboxState
from app.qa.sandbox.channel import Channel, StreamLostError
from app.qa.sandbox.conversation import Conversation
from app.qa.sandbox.engine import Engine, EngineUnavailableError, Leftover
from app.qa.sandbox.profile import (
    DEADLINE_LABEL,
    LABEL,
    OWNER_LABEL,
    SandboxProfile,
    container_options,
    host_options,
)
from app.utils.clock import Clock, utc_now

_log = logging.getLogger(__name__)


class DockerSandbox:
    """Runs commands in containers. Any number of threads may use one object at the same time.

    It needs no engine to be made: each call looks for the engine anew.
    """

    def __init__(self, profile: SandboxProfile, clock: Clock = utc_now, environment: Mapping[str, str] | None = None) -> None:
        """``environment`` has DOCKER_HOST and its siblings; the process's own where it is left out."""
        self._profile = profile
        self._clock = clock
        self._environment = environment
        self._harness = files("app.qa.sandbox").joinpath("harness.py").read_text(encoding="utf-8")
        self._live: set[str] = set()
        self._live_lock = threading.Lock()

    @property
    def limits(self) -> Limits:
        """The bounds that every run has to keep."""
        return self._profile.limits

    def image(self) -> ImageRef:
        """The image that runs happen in; without a digest where the engine cannot tell now."""
        try:
            with self._engine() as engine:
                return ImageRef(name=self._profile.image, digest=engine.image_id(self._profile.image))
        except EngineUnavailableError:
            return ImageRef(name=self._profile.image)

    def run(self, spec: RunSpec) -> RunResult:
        """Run the command on the tree. Never raises for anything the engine, the image or the command does.

        Raises:
            CorruptError: a file of the tree is not as long as it should be.
        """
        try:
            with self._engine() as engine, self._removed_afterwards(engine) as name:
                return self._run(engine, name, spec)
        except EngineUnavailableError as error:
            return RunResult("could_not_run", reason=error.detail)

    def state(self) -> SandboxState:
        """Whether a run would have its chance now."""
        runtime = self._profile.runtime
        try:
            with self._engine() as engine:
                engine.image_id(self._profile.image)
                if runtime is not None and runtime not in engine.runtimes():
                    return SandboxState(False, f"the container engine has no runtime {runtime!r}: install it there")
        except EngineUnavailableError as error:
            return SandboxState(False, error.detail)
        return SandboxState(True)

    def sweep(self) -> int:
        """Remove what an earlier process of this server left behind, and whatever is past its deadline; the runs of this
        object are left alone. Returns how many containers; 0 where the engine is away."""
        try:
            with self._engine() as engine:
                ours = [found for found in engine.containers(LABEL) if self._is_left_behind(found)]
                return sum(engine.remove(found.name) for found in ours)
        except EngineUnavailableError as error:
            _log.warning("Leftover containers could not be swept", extra={"reason": error.detail})
            return 0

    def _engine(self) -> Engine:
        return Engine(self._profile.engine_timeout_s, self._environment)

    @contextmanager
    def _removed_afterwards(self, engine: Engine) -> Iterator[str]:
        """A name for a container, which is gone afterwards whether or not anybody heard of its creation."""
        name = f"pr-telemetry-{uuid.uuid4().hex}"
        with self._live_lock:
            self._live.add(name)
        try:
            yield name
        finally:
            self._remove(engine, name)
            with self._live_lock:
                self._live.discard(name)

    def _remove(self, engine: Engine, name: str) -> None:
        try:
            engine.remove(name)
        except EngineUnavailableError as error:
            # The harness ends by itself now that its stream is closed; a sweep takes the rest
            _log.warning("A container could not be removed", extra={"container": name, "reason": error.detail})

    def _run(self, engine: Engine, name: str, spec: RunSpec) -> RunResult:
        limit_s = self._profile.timeout_s
        timeout_s = limit_s if spec.timeout_s is None else min(spec.timeout_s, limit_s)
        removable_from = self._clock() + timedelta(seconds=self._profile.lifetime_s(timeout_s))
        container = container_options(self._profile, self._harness, removable_from)
        engine.create(name, container, host_options(self._profile))
        with closing(engine.attach(name)) as attached:
            engine.start(name)
            channel = Channel(attached.sock)
            conversation = Conversation(channel, self._profile, spec, timeout_s)
            try:
                return conversation.hold()
            except StreamLostError:
                channel.listen_to_the_end()
                return self._explain_loss(engine, name, conversation.began, channel.complaint)

    def _explain_loss(self, engine: Engine, name: str, began: bool, complaint: str) -> RunResult:
        ended = engine.wait(name, self._profile.grace_s)
        if ended is None:
            return RunResult("could_not_run", reason="the container was removed by somebody else during the run; try again")
        if ended.oom_killed:
            reason = f"the run needed more than its {self._profile.memory_bytes} bytes of memory"
            return RunResult("out_of_memory", reason=reason)
        facts = f"exit code {ended.exit_code}" + (f", {complaint}" if complaint else "")
        if not began:
            reason = f"the harness ended before the command could begin ({facts}): check the image {self._profile.image}"
            return RunResult("could_not_run", reason=reason)
        return RunResult("corrupted", reason=f"the container ended without a report ({facts})")

    def _is_left_behind(self, found: Leftover) -> bool:
        with self._live_lock:
            if found.name in self._live:
                return False
        deadline = found.labels.get(DEADLINE_LABEL, "")
        overdue = deadline.isdecimal() and int(deadline) < self._clock().timestamp()
        return overdue or found.labels.get(OWNER_LABEL) == self._profile.owner
