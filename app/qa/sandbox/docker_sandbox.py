"""The sandbox on a Docker engine: containers that nobody else has been in, gone when whoever ran in them is done."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

from app.models.qa import ImageRef, Limits
from app.qa.base import RunResult, RunSpec, SandboxSession, SandboxState
from app.qa.sandbox.engine import Engine, EngineUnavailableError, Leftover
from app.qa.sandbox.profile import DEADLINE_LABEL, LABEL, OWNER_LABEL, SandboxProfile
from app.qa.sandbox.session import Container, Session, new_name
from app.qa.sandbox.slots import Slots
from app.utils.clock import Clock, utc_now

_log = logging.getLogger(__name__)


class DockerSandbox:
    """Runs commands in containers. Any number of threads may use one object at the same time.

    It needs no engine to be made: each call looks for the engine anew.
    """

    def __init__(
        self,
        profile: SandboxProfile,
        clock: Clock = utc_now,
        environment: Mapping[str, str] | None = None,
        *,
        max_parallel: int = 2,
        warm: int = 0,
        preload: tuple[str, ...] = (),
    ) -> None:
        """``environment`` has DOCKER_HOST and its siblings; the process's own where it is left out. ``warm`` containers are
        started ahead, with the modules ``preload`` imported, as soon as one was used."""
        self._profile = profile
        self._clock = clock
        self._environment = environment
        self._slots = Slots(max_parallel)
        self._warm_count = warm
        self._preload = preload
        self._warm: deque[Container] = deque()
        self._live: set[str] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._janitor = ThreadPoolExecutor(1, thread_name_prefix="sandbox") if warm else None

    @property
    def limits(self) -> Limits:
        """The bounds that every run has to keep."""
        return self._profile.limits

    def image(self, name: str | None = None) -> ImageRef:
        """See ``Sandbox.image``."""
        name = name or self._profile.image
        try:
            with self._engine() as engine:
                return ImageRef(name=name, digest=engine.image_id(name))
        except EngineUnavailableError:
            return ImageRef(name=name)

    def run(self, spec: RunSpec) -> RunResult:
        """Run the command on the tree. Never raises for anything the engine, the image or the command does.

        Raises:
            CorruptError: a file of the tree is not as long as it should be.
        """
        with self.sessions(1) as (session,):
            return session.run(spec)

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        """See ``Sandbox.sessions``. A session takes its container when it first runs something."""
        taken = self._slots.take(most)
        sessions = tuple(Session(self._take, self._discard, self._profile.session_s) for _ in range(taken))
        try:
            yield sessions
        finally:
            for session in sessions:
                session.close()
            self._slots.give_back(taken)

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

    def prepare(self) -> None:
        """Start containers ahead, behind the caller's back."""
        if self._janitor is not None and not self._is_closed:
            # closed in between, it takes nothing more
            with suppress(RuntimeError):
                self._janitor.submit(self._refill)

    def close(self) -> None:
        """Remove the containers that were started ahead. Runs that go on are left alone."""
        self._is_closed = True
        if self._janitor is not None:
            self._janitor.shutdown(wait=True, cancel_futures=False)
        while self._warm:
            self._remove(self._warm.popleft())

    def _engine(self) -> Engine:
        return Engine(self._profile.engine_timeout_s, self._environment)

    def _take(self, image: str | None) -> Container:
        """A container that nobody has been in. Those that were started ahead have the sandbox's own image.

        Raises:
            EngineUnavailableError: the engine cannot start one.
        """
        if image not in (None, self._profile.image):
            return self._start(image)
        container = self._take_warm()
        self.prepare()
        return container or self._start()

    def _take_warm(self) -> Container | None:
        image_id = self.image().digest if self._warm else None
        while True:
            with self._lock:
                if not self._warm:
                    return None
                container = self._warm.popleft()
            if container.image_id == image_id and container.age_s < self._profile.idle_s:
                return container
            self._discard(container)

    def _start(self, image: str | None = None) -> Container:
        name = new_name()
        profile = replace(self._profile, image=image or self._profile.image)
        with self._lock:
            self._live.add(name)
        try:
            return Container(profile, self._clock, self._engine, name)
        except BaseException:
            with self._lock:
                self._live.discard(name)
            raise

    def _refill(self) -> None:
        while not self._is_closed and len(self._warm) < self._warm_count:
            try:
                container = self._start()
            except EngineUnavailableError as error:
                _log.info("No container could be started ahead", extra={"reason": error.detail})
                return
            if not container.warm_up(self._preload):
                self._remove(container)
                return
            with self._lock:
                self._warm.append(container)

    def _discard(self, container: Container) -> None:
        """Remove it, behind the caller's back where there is somebody for that."""
        if self._janitor is not None and not self._is_closed:
            try:
                self._janitor.submit(self._remove, container)
            except RuntimeError:
                self._remove(container)
        else:
            self._remove(container)

    def _remove(self, container: Container) -> None:
        try:
            container.remove()
        finally:
            with self._lock:
                self._live.discard(container.name)

    def _is_left_behind(self, found: Leftover) -> bool:
        with self._lock:
            if found.name in self._live:
                return False
        deadline = found.labels.get(DEADLINE_LABEL, "")
        overdue = deadline.isdecimal() and int(deadline) < self._clock().timestamp()
        return overdue or found.labels.get(OWNER_LABEL) == self._profile.owner
