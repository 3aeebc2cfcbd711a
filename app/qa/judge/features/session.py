"""A session in the terms that features are defined in: results, readings, edits, episodes and reasoning steps.

Built in one walk over the events, in the order of the stored document. Positions count from 0, over the events that were not
refuted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.models.events import Event
from app.qa.judge.features.changes import Change
from app.qa.judge.features.commands import CommandKind
from app.qa.judge.features.dangers import Danger
from app.qa.judge.features.terms import Terms

EditKind = Literal["source", "test", "document", "scratch"]


@dataclass(frozen=True)
class Step:
    """A reasoning step that says something and does not repeat an earlier one."""

    position: int
    event: str
    text: str
    """Everything it says."""
    claims: int
    """Success claims, outside plans and hypotheses."""
    terms: Terms
    words: frozenset[str]
    grounded: bool
    """Whether it names what an event before it showed."""
    seen_words: int
    """How many sub-words it shares with events before it."""
    states_hypothesis: bool
    """Whether its ``hypothesis`` field is filled."""
    suggests_cause: bool
    """Whether it has a hypothesis cue; of use only where cues apply."""
    looks_further: bool
    """Whether it has an edge-case or alternative cue; of use only where cues apply."""


@dataclass(frozen=True)
class Result:
    """A test run, or another command that ran a program: something that can fail."""

    position: int
    events: tuple[str, ...]
    is_test: bool
    selection: str
    """Of a test run; the words of the command where it is none."""
    failed: bool | None
    """``None`` where neither the exit code nor the output tells."""
    terms: Terms
    """The names in its output."""
    tests: int | None = None
    """How many tests ran, where that is stated."""


@dataclass(frozen=True)
class Reading:
    """A file opened, or a command that reads."""

    position: int
    event: str
    what: str


@dataclass(frozen=True)
class Ran:
    """A command in a terminal."""

    position: int
    event: str
    text: str
    kind: CommandKind
    exit_code: int | None
    cwd: str | None
    dangers: tuple[Danger, ...]
    waits: bool
    """Whether it waits for somebody at a keyboard."""


@dataclass(frozen=True)
class Edit:
    """A file changed."""

    position: int
    event: str
    path: str
    kind: EditKind
    change: Change
    terms: Terms
    """The names of the file and in the diff."""
    is_first: bool
    """Whether it is the first edit of this file."""
    was_known: bool
    """Whether it is the first edit of a file that had been opened, named in a read command, or named with a line in output."""
    diff: str
    has_snapshot: bool
    """Whether the content after the edit is there, too."""


@dataclass(frozen=True)
class Facts:
    """What a trace says of itself apart from its events."""

    repository: bool = False
    """Whether it names its repository."""
    start_commit: bool = False
    """Whether it names the commit that the session began at."""
    test_command: bool = False
    end_state: bool = False
    """Whether it names the commit that the session ended at, or holds the tree or patch that it ended with."""


@dataclass(frozen=True)
class Session:
    """What a judge that counts looks at."""

    length: int
    """Number of events that count; positions are below it."""
    recorded: tuple[tuple[str, Event], ...]
    """These events, with the names that evidence knows them by."""
    refuted: tuple[str, ...]
    """Names of the events that do not count, because their own claims were refuted."""
    facts: Facts
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    openings: tuple[Reading, ...]
    read_commands: tuple[Reading, ...]
    edits: tuple[Edit, ...]
    commands: tuple[Ran, ...]
    commits: tuple[int, ...]
    """Positions of commits, and of commands that commit."""
    first_other: int | None
    """Position of the first event that is not reasoning."""
    cues_apply: bool
    """Whether English word lists may be used on this reasoning."""

    @cached_property
    def source_edits(self) -> tuple[Edit, ...]:
        """Edits of source code; of tests where there are none."""
        source = tuple(edit for edit in self.edits if edit.kind == "source")
        return source or self.test_edits

    @cached_property
    def test_edits(self) -> tuple[Edit, ...]:
        """Edits of tests."""
        return tuple(edit for edit in self.edits if edit.kind == "test")

    @cached_property
    def first_edit(self) -> int | None:
        """Position of the first source edit."""
        return self.source_edits[0].position if self.source_edits else None

    @cached_property
    def last_edit(self) -> int | None:
        """Position of the last source edit."""
        return self.source_edits[-1].position if self.source_edits else None

    @cached_property
    def until_first_edit(self) -> int:
        """The position before which investigation counts: the first source edit, or the end."""
        return self.length if self.first_edit is None else self.first_edit

    @cached_property
    def test_runs(self) -> tuple[Result, ...]:
        """Results that are test runs."""
        return tuple(result for result in self.results if result.is_test)

    @cached_property
    def runs_after(self) -> tuple[Result, ...]:
        """Test runs after the last source edit."""
        return () if self.last_edit is None else tuple(run for run in self.test_runs if run.position > self.last_edit)

    @cached_property
    def episodes(self) -> tuple[tuple[Edit, ...], ...]:
        """Source edits in groups that have no result between them."""
        groups: list[list[Edit]] = []
        results = iter(self.results)
        result = next(results, None)
        for edit in self.source_edits:
            fresh = not groups
            while result is not None and result.position < edit.position:
                fresh = fresh or result.position > groups[-1][-1].position
                result = next(results, None)
            if fresh:
                groups.append([])
            groups[-1].append(edit)
        return tuple(map(tuple, groups))


def names_edit(step: Step, edit: Edit) -> bool:
    """Whether a step names the edited file, or something in the changed lines."""
    stem = edit.path.rsplit("/", 1)[-1].split(".")[0].lower()
    return stem in step.words or shares_names(step.terms, step.words, edit.terms, least_words=2)


def shares_names(terms: Terms, words: frozenset[str], others: Terms, least_words: int) -> bool:
    """Whether a text names something that is among ``others``: a salient token, or so many of its sub-words."""
    return not terms.tokens.isdisjoint(others.tokens) or len(words & others.sub_words) >= least_words
