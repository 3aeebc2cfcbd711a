"""The small interfaces of quality assurance, and the values that pass through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol

from pydantic import JsonValue

from app.models.judgement import Estimate, Judgement
from app.models.qa import ImageRef, Limits
from app.models.rubric import Rubric
from app.models.trace import Trace


@dataclass(frozen=True)
class TreeFile:
    """One regular file of a tree. Folders are implied by the paths of their files."""

    path: str
    """Relative, normalised, ``/`` between the parts."""
    size_bytes: int
    content: BinaryIO
    """Read once, from where it stands, ``size_bytes`` long; valid until the next file is taken from the iterator."""
    executable: bool = False


class Tree(Protocol):
    """A set of files that can be read from the start as often as wanted, one file at a time, never whole in memory."""

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        ...


@dataclass(frozen=True)
class Guest:
    """A trusted program that loads the code under test into its own process, and tells what it sees as records."""

    source: str
    """Python, for the image's interpreter; finds ``GUEST_CONFIG``."""
    config: Mapping[str, JsonValue]
    preload: tuple[str, ...] = ()
    """Modules of the image to have imported beforehand."""


@dataclass(frozen=True)
class RunSpec:
    """A command to run on a tree."""

    argv: tuple[str, ...]
    tree: Tree
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    """Wall clock; the sandbox's own limit where it is left out, and never more than that."""
    result_files: tuple[str, ...] = ()
    """Absolute paths in the container to bring back after the run, as far as the size limits allow. ``*`` in a path stands for
    any characters of one name."""
    overlay: Mapping[str, bytes | None] = field(default_factory=dict)
    """Files that this run has in place of the tree's, or beside them, or (``None``) not at all."""
    image: str | None = None
    """The image to run in; the sandbox's own where it is left out."""
    guest: Guest | None = None
    """A program of ours that runs ``argv`` inside the image's interpreter, instead of ``argv`` as a command."""


@dataclass(frozen=True)
class RunResult:
    """What came of a run. ``could_not_run`` says nothing about the command: it never had its chance. ``corrupted`` says that
    the run's own report did not come or cannot be believed."""

    kind: Literal["exited", "timed_out", "out_of_memory", "could_not_run", "corrupted"]
    exit_code: int | None = None
    """Of the command, as a shell would say it (128 + signal); only with ``exited``."""
    reason: str | None = None
    output_head: bytes = b""
    """Standard output and error together, as they came: the first bytes."""
    output_tail: bytes = b""
    """The last bytes, where there were more than the head holds."""
    output_bytes: int = 0
    """How much there was in all."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The result files that were there, were regular files and were small enough, by path."""
    files_left_out: int = 0
    """Result files that were there, and were too large or too many."""
    duration_s: float | None = None
    """Of the command alone."""
    records: bytes = b""
    """What a guest reported. It shares its process with the code under test, so this is no more than a claim."""
    records_bytes: int = 0
    """How much there was in all."""


@dataclass(frozen=True)
class SandboxState:
    """Whether the sandbox can run anything now."""

    ready: bool
    reason: str | None = None
    """What is missing and how to get it."""


class SandboxSession(Protocol):
    """One place to run in, again and again. For one thread at a time."""

    def run(self, spec: RunSpec) -> RunResult:
        """As ``Sandbox.run``. A run finds nothing of those before it; a tree that is the very object of the run before travels
        only as far as that run has changed it."""
        ...

    def renew(self) -> None:
        """The next run happens where no other has been."""
        ...


class Sandbox(Protocol):
    """Runs a stranger's command on a stranger's files. Nothing of it stays, whatever happens."""

    @property
    def limits(self) -> Limits:
        """The bounds that every run has to keep."""
        ...

    def image(self, name: str | None = None) -> ImageRef:
        """The image that runs happen in, or another one; without a digest where the engine cannot tell now."""
        ...

    def run(self, spec: RunSpec) -> RunResult:
        """Run the command on the tree. Never raises for anything the engine, the image or the command does."""
        ...

    def sessions(self, most: int) -> AbstractContextManager[tuple[SandboxSession, ...]]:
        """At least one and at most so many places to run in at the same time, as the limit on parallel runs allows. Whoever
        asks first is served first."""
        ...

    def state(self) -> SandboxState:
        """Whether a run would have its chance now."""
        ...

    def sweep(self) -> int:
        """Remove what an earlier process of this server left behind. Returns how many; 0 where the engine is away."""
        ...


@dataclass(frozen=True)
class Evidence:
    """What a judge may look at."""

    trace: Trace
    trace_hash: str | None = None
    """Head of the hash chain over its events, in hexadecimal; ``None`` where they are not chained."""
    refuted: frozenset[str] = frozenset()
    """Ids of the events whose own claims were refuted: all that a judge learns of the outcome. The process is judged."""


class Judge(Protocol):
    """Scores a trace by a rubric, or declines with the reason. A judgement that declined is a value, not an error."""

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement, or several (a failed one and the one made beside it); the one that decides comes last. Never raises
        for anything a model or a network does."""
        ...

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:
        """What ``judge`` would take, at most. Asks nobody."""
        ...


def read_tree(tree: Tree, paths: Iterable[str], limit_bytes: int) -> dict[str, bytes]:
    """The contents of the named files, those that are there.

    Raises:
        ValueError: one is larger than ``limit_bytes``.
    """
    wanted = frozenset(paths)
    found: dict[str, bytes] = {}
    for file in tree.files():
        if file.path in wanted:
            if file.size_bytes > limit_bytes:
                raise ValueError(f"{file.path} is larger than {limit_bytes} bytes")
            found[file.path] = file.content.read()
    return found
