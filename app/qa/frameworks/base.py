"""What a test framework has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from app.models.qa import Evidence, RunOutcome, TestOutcome
from app.qa.base import RunResult, RunSpec, Tree


@dataclass(frozen=True)
class Selection:
    """Which tests to run, and what to have in place of the tree's files."""

    only: tuple[str, ...] | None = None
    """Node ids, or ids of test functions for all of their cases; all tests of the command where it is left out."""
    overlay: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What a run shows."""

    outcome: RunOutcome
    reason: str | None = None
    tests: Mapping[str, TestOutcome] = field(default_factory=dict)
    evidence: Evidence = "status"
    collection_errors: Sequence[str] = ()
    not_run: Sequence[str] = ()
    """Tests that were found and of which nothing was heard any more."""


class Framework(Protocol):
    """Runs the tests of one command."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def can_select(self) -> bool:
        """Whether it can run some of its tests, and these in other words."""
        ...

    def spec(self, tree: Tree, selection: Selection, key: str) -> RunSpec:
        """The run to make. ``key`` is for this run alone."""
        ...

    def read(self, result: RunResult, paths: Set[str], key: str) -> Reading:
        """What the run shows. ``paths`` are the files of the tree. Only for runs that exited by themselves."""
        ...
