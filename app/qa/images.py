"""Runs in another image than the sandbox's own: one that the trace asks for and the operator allows, or one with the
dependencies that the trace declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Protocol

from app.models.qa import ImageRef, Limits
from app.models.trace import Repo, Trace
from app.qa.base import RunResult, RunSpec, Sandbox, SandboxSession, SandboxState
from app.qa.workspaces import Workspaces

DEPENDENCIES = "/opt/pr-telemetry/dependencies"
"""Where declared dependencies lie in an image: where the code under test finds them, and the program that runs it does not."""


class ImageError(Exception):
    """The image cannot be had. The message says why, in words for the person who reads the verdict."""


class DependencyImages(Protocol):
    """Images with dependencies in them."""

    def find_or_make(self, requirements: Sequence[str], base: str | None) -> str:
        """The name of an image that has them, on top of ``base``, or else of the sandbox's own image.

        Raises:
            ImageError: there is none, and it cannot be made.
        """
        ...


class ImageChooser:
    """Finds the image for a trace."""

    def __init__(self, allowed: Sequence[str], dependencies: DependencyImages | None) -> None:
        """``allowed`` are patterns of names. Without ``dependencies`` an image is taken to have what a trace declares."""
        self._allowed = allowed
        self._dependencies = dependencies

    def choose(self, trace: Trace, workspaces: Workspaces) -> Workspaces:
        """The workspaces with the image to test them in, or with the reason why there is none."""
        try:
            return replace(workspaces, image=self._image_for(trace.repo))
        except ImageError as error:
            return replace(workspaces, image_problem=str(error))

    def _image_for(self, repo: Repo) -> str | None:
        if repo.image is not None and not any(fnmatchcase(repo.image, pattern) for pattern in self._allowed):
            raise ImageError(f"the trace asks for the image {repo.image}, which ALLOWED_IMAGES does not name")
        if not repo.requirements or self._dependencies is None:
            return repo.image
        return self._dependencies.find_or_make(repo.requirements, repo.image)


def in_image(sandbox: Sandbox, workspaces: Workspaces) -> Sandbox:
    """The sandbox, with every run in the image for these workspaces; where there is none, every run says why."""
    if workspaces.image_problem is not None:
        return _NoImage(sandbox, workspaces.image_problem)
    return sandbox if workspaces.image is None else _InImage(sandbox, workspaces.image)


@dataclass(frozen=True)
class _InImage:
    sandbox: Sandbox
    name: str

    @property
    def limits(self) -> Limits:
        return self.sandbox.limits

    def image(self, name: str | None = None) -> ImageRef:
        return self.sandbox.image(name or self.name)

    def run(self, spec: RunSpec) -> RunResult:
        return self.sandbox.run(_dressed(spec, self.name))

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        with self.sandbox.sessions(most) as sessions:
            yield tuple(_SessionInImage(session, self.name) for session in sessions)

    def state(self) -> SandboxState:
        return self.sandbox.state()

    def sweep(self) -> int:
        return self.sandbox.sweep()


@dataclass(frozen=True)
class _SessionInImage:
    session: SandboxSession
    name: str

    def run(self, spec: RunSpec) -> RunResult:
        return self.session.run(_dressed(spec, self.name))

    def renew(self) -> None:
        self.session.renew()


@dataclass(frozen=True)
class _NoImage:
    """Says of every run why there is no image to make it in."""

    sandbox: Sandbox
    reason: str

    @property
    def limits(self) -> Limits:
        return self.sandbox.limits

    def image(self, name: str | None = None) -> ImageRef:
        return ImageRef(name=name or "none")

    def run(self, spec: RunSpec) -> RunResult:
        del spec
        return RunResult("could_not_run", reason=self.reason)

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        del most
        yield (self,)

    def renew(self) -> None:
        """There is nothing to renew."""

    def state(self) -> SandboxState:
        return SandboxState(False, self.reason)

    def sweep(self) -> int:
        return self.sandbox.sweep()


def _dressed(spec: RunSpec, image: str) -> RunSpec:
    if spec.guest is None:
        places = [place for place in (spec.env.get("PYTHONPATH"), DEPENDENCIES) if place]
        return replace(spec, image=image, env={**spec.env, "PYTHONPATH": ":".join(places)})
    folders = spec.guest.config.get("folders")
    if isinstance(folders, list):
        guest = replace(spec.guest, config={**spec.guest.config, "folders": [*folders, DEPENDENCIES]})
        return replace(spec, image=image, guest=guest)
    return replace(spec, image=image)
