"""The interface of writers: chosen traces become the files of a dataset, and what did not fit is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol

from app.formats.base import LossReport
from app.models.judgement import JudgeKind
from app.models.qa import Verdict
from app.models.trace import Trace
from app.utils.paths import normalise_path

ConsentKind = Literal["rationales", "commands", "snapshots"]

NO_COUNTERPART = "no_counterpart"
"""Left out: no other attempt at the same bug to set it against."""
NO_VERIFIED_FIX = "no_verified_fix"
"""Left out: the format needs a fix of the bug that held, and there is none among the chosen traces."""
SAME_TASK = "same_task"
"""Left out: another trace stands for the same task."""


class File(Protocol):
    """One regular file of a tree."""

    @property
    def path(self) -> str:
        """Relative, normalised, ``/`` between the parts."""
        ...

    @property
    def size_bytes(self) -> int:
        """How long the content is."""
        ...

    @property
    def content(self) -> BinaryIO:
        """Read once; valid until the next file is taken from the iterator."""
        ...

    @property
    def executable(self) -> bool:
        """Whether it may be run."""
        ...


class Tree(Protocol):
    """Files that can be read from the start as often as wanted, one at a time."""

    def files(self) -> Iterator[File]:
        """Every file once."""
        ...


@dataclass(frozen=True)
class Change:
    """What a session made of one file in all."""

    path: str
    before: bytes | None
    """``None``: there was none."""
    after: bytes | None
    executable: bool = False
    is_test: bool = False


@dataclass(frozen=True)
class Code:
    """The code that a trace speaks of."""

    base: Tree
    """From before the session, without the tests that decide."""
    tests: Tree
    """The tests that decided, and the settings that they run by."""
    changes: tuple[Change, ...]
    """Between the workspace before and after the session, by path."""
    test_changes: tuple[Change, ...]
    """Between the tests before the session and those that decided, by path."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The judgement whose score counts in this export."""

    total: float | None = None
    judge_kind: JudgeKind | None = None
    judge: str | None = None
    """The judge's name, or its model."""
    rubric: str | None = None
    needs_review: bool = False


@dataclass(frozen=True)
class Session:
    """A trace with all that writers may ask about it."""

    trace: Trace
    scored: Scored
    document: Callable[[], Iterator[bytes]]
    """The stored document, in pieces, on one line."""
    code: Callable[[], Code | str]
    """The code, or why it cannot be had. Read anew at each call."""
    read_base: Callable[[Iterable[str]], Mapping[str, bytes]]
    """The text files of these names in the workspace before the session, secrets replaced; those that are there and small."""
    has_secrets: Callable[[str], bool]
    """Whether the operator's rules of redaction find something in a text."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is remembered of a chosen trace while the others are looked at."""

    trace_id: str
    revision: int
    repository: str
    """By which it is put into a split."""
    bug: str | None
    """The same for attempts at the same bug on the same code; ``None`` where the trace names no bug."""
    verdict: Verdict
    score: float | None
    split: str = "train"


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes one row or one folder: a trace, or several at the same bug, the one that decides first."""

    traces: tuple[Chosen, ...]

    @property
    def first(self) -> Chosen:
        """The one that decides."""
        return self.traces[0]


@dataclass
class Tally:
    """What came of an export, counted while it goes on."""

    left_out: Counter[str] = field(default_factory=Counter)
    """Traces, by the reason."""
    rows: Counter[str] = field(default_factory=Counter)
    """By split; what a row is, the format says."""
    losses: LossReport = field(default_factory=LossReport)
    """What traces hold that the format cannot say."""


@dataclass(frozen=True)
class OutputFile:
    """A file of a dataset. Its content is made while it is read; the next file comes after that.

    Raises:
        ValueError: the path would leave the dataset.
    """

    path: str
    chunks: Iterable[bytes]
    executable: bool = False

    def __post_init__(self) -> None:
        if normalise_path(self.path) != self.path:
            raise ValueError(f"Invalid file path: {self.path!r}")


@dataclass(frozen=True)
class Options:
    """What is asked of a writer beside the traces."""

    base_image: str | None = None
    """For task folders: the image to build on, instead of the one that the tests were verified in."""
    score_margin: float = 1.0
    """For pairs: how much lower a score has to be to be the worse one."""


@dataclass(frozen=True)
class Needs:
    """Which traces a format is made of, unless the caller says otherwise."""

    verdicts: frozenset[Verdict] | None = None
    """``None``: all."""
    consent: frozenset[ConsentKind] = frozenset()
    """Without these kinds of content, a session has holes that the format cannot do without."""


@dataclass(frozen=True)
class Context:
    """What a writer works with."""

    load: Callable[[Chosen], Session | None]
    """Reads a trace again; ``None`` where it is not there any more, or another one by now. That is counted already."""
    tally: Tally
    options: Options = Options()


class Writer(Protocol):
    """One format. Traces come by id; the same traces give the same bytes."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def title(self) -> str:
        """What one row, file or folder of it is, in words."""
        ...

    @property
    def needs(self) -> Needs:
        """Which traces it is made of."""
        ...

    @property
    def is_lines(self) -> bool:
        """Whether it is JSON lines, which can be handed out without any folder."""
        ...

    @property
    def tables(self) -> Mapping[str, str]:
        """For readers of datasets: where each table's files lie, with ``{split}`` for the split. The first is the default."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """What stands in each row, for the card; empty where a format has its own description elsewhere."""
        ...

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """What becomes a row or a folder, in order. Traces that become part of none are counted.

        Raises:
            UnavailableError: something that the format needs is not installed.
        """
        ...

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """The files of one split."""
        ...


def one_each(chosen: Sequence[Chosen]) -> list[Item]:
    """Every trace by itself."""
    return [Item((one,)) for one in chosen]


def by_bug(chosen: Sequence[Chosen]) -> list[list[Chosen]]:
    """The attempts at each bug, in the order of the traces. A trace that names no bug stands by itself."""
    groups: dict[str, list[Chosen]] = {}
    for one in chosen:
        groups.setdefault(one.bug or f"\0{one.trace_id}", []).append(one)
    return list(groups.values())


def best_first(attempts: Sequence[Chosen]) -> list[Chosen]:
    """By score, the highest first; those without a score last."""
    return sorted(attempts, key=lambda one: (one.score is None, -(one.score or 0.0), one.trace_id))
