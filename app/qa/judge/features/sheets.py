"""What was counted of a trace, kept as long as somebody holds its evidence: several rubrics and judges ask for the same."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from functools import cached_property

from app.qa.base import Evidence
from app.qa.judge.features.hypotheses import find_hypotheses
from app.qa.judge.features.measure import Measure
from app.qa.judge.features.reading import session_of
from app.qa.judge.features.registry import FEATURES
from app.qa.judge.features.session import Session

KEPT = 4
"""The sheets of so many traces are kept, the latest."""


class Sheet:
    """A session and what its features come to; each feature is measured when it is first asked for."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._measures: dict[str, Measure] = {}

    def measures(self, names: Iterable[str]) -> dict[str, Measure]:
        """What the named features come to, by id, in the order of the registry."""
        wanted = frozenset(names)
        return {name: self._measure(name) for name in FEATURES if name in wanted}

    @cached_property
    def has_hypothesis(self) -> bool:
        """Whether a cause was proposed anywhere."""
        return bool(find_hypotheses(self.session))

    def _measure(self, name: str) -> Measure:
        if name not in self._measures:
            self._measures[name] = FEATURES[name].measure(self.session)
        return self._measures[name]


class Sheets:
    """Sheets by evidence, which is known by identity and not held. Threads may share it: at worst, two count the same."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[Evidence], Sheet]] = {}

    def __len__(self) -> int:
        """How many sheets are kept."""
        return len(self._kept)

    def of(self, evidence: Evidence) -> Sheet:
        """The sheet of a trace's evidence."""
        key = id(evidence)
        kept = self._kept.get(key)
        if kept is not None and kept[0]() is evidence:
            return kept[1]
        sheet = Sheet(session_of(evidence))
        self._kept[key] = (weakref.ref(evidence, lambda _: self._kept.pop(key, None)), sheet)
        for old in list(self._kept)[:-KEPT]:
            self._kept.pop(old, None)
        return sheet


SHEETS = Sheets()
"""What all judges of the program have counted."""
