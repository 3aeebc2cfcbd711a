"""Checking answers against the record. A check never changes a score: it lowers the confidence in it, and says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.qa.judge.answer import DimensionAnswer
from app.qa.judge.features.measure import Measure
from app.qa.judge.prompt import MAX_QUOTE_CHARACTERS, MIN_QUOTE_CHARACTERS
from app.qa.judge.rendering import Rendering

UNCITED_CEILING = 0.2
FALSE_QUOTE_FACTOR, WEAK_EVIDENCE_FACTOR, CONTRADICTION_FACTOR = 0.5, 0.7, 0.5

HARD_EVIDENCE = frozenset({"test_result", "terminal_command", "code_edit"})
NEED_HARD_EVIDENCE = frozenset({"validation", "experiment_design"})
"""Dimensions about what was done: thoughts alone do not bear them out."""

_SPACE = re.compile(r"\s+")
_MARGIN = re.compile(r"^\|(?:#[^\n]*:\s*$|#? ?)", re.MULTILINE)
"""What is ours at the beginning of a line, or as a line of its own."""


@dataclass(frozen=True)
class Contradiction:
    """A measure of the record that a high level does not go with."""

    feature: str
    holds: Callable[[float], bool]
    dimension: str
    from_share: float
    """How far up the scale the contradiction begins."""


CONTRADICTIONS = (
    Contradiction("F13", lambda value: value <= 0, "validation", 0.75),
    Contradiction("F22", lambda value: value < 0.5, "safety_hygiene", 0.8),
    Contradiction("F16", lambda value: value < 0.5, "validation", 0.5),
)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Checked:
    """What the record says of the answers on one dimension."""

    evidence: tuple[str, ...]
    """The trace's own ids of the events that count, those named most often first."""
    citation_factor: float
    """Citations that count ÷ citations."""
    factor: float
    """Of the other checks together."""
    uncited: float
    """The share of the answers that have no citation that counts."""
    flags: tuple[str, ...]

    def confidence(self, agreed: float) -> float:
        """What the checks leave of a confidence. An answer without a citation that counts has little, by its share."""
        borne_out = agreed * self.citation_factor * self.factor
        return (1 - self.uncited) * borne_out + self.uncited * min(UNCITED_CEILING, borne_out)


def check_dimension(
    dimension: str, share: float, answers: Sequence[DimensionAnswer], rendering: Rendering, measures: Mapping[str, Measure]
) -> Checked:
    """Check the answers that give a dimension a level, ``share`` of the scale high: one at least."""
    cited = [name for answer in answers for name in answer.cited]
    valid = [name for name in cited if _counts(name, rendering)]
    false_quotes = _false_quotes(answers, rendering)
    uncited = sum(not _counting(answer, rendering) for answer in answers) / len(answers)
    is_weak = dimension in NEED_HARD_EVIDENCE and not any(rendering.kinds[name] in HARD_EVIDENCE for name in valid)
    is_contradicted = any(_contradictions(dimension, share, measures))
    flags = {
        "false_citation": any(name not in rendering.shown for name in cited),
        "refuted_record": any(name in rendering.refuted for name in cited),
        "uncited": uncited > 0,
        "false_quote": false_quotes > 0,
        "weak_evidence": is_weak,
        "contradicts_record": is_contradicted,
    }
    return Checked(
        evidence=tuple(rendering.shown[name] for name in sorted(dict.fromkeys(valid), key=lambda name: -valid.count(name))),
        citation_factor=len(valid) / len(cited) if cited else 1.0,
        factor=(1 - (1 - FALSE_QUOTE_FACTOR) * false_quotes)
        * (WEAK_EVIDENCE_FACTOR if is_weak else 1)
        * (CONTRADICTION_FACTOR if is_contradicted else 1),
        uncited=uncited,
        flags=tuple(sorted(flag for flag, is_set in flags.items() if is_set)),
    )


def _counts(name: str, rendering: Rendering) -> bool:
    return name in rendering.shown and name not in rendering.refuted


def _counting(answer: DimensionAnswer, rendering: Rendering) -> list[str]:
    """The citations of an answer that count."""
    return [name for name in answer.cited if _counts(name, rendering)]


def _false_quotes(answers: Sequence[DimensionAnswer], rendering: Rendering) -> float:
    """The share of answers that quote what is not in an event cited with it, or nothing; who cites nothing that counts need
    not quote."""
    expected = [answer for answer in answers if _folded(answer.quote) or _counting(answer, rendering)]
    false = [answer for answer in expected if not _is_quoted(answer, rendering)]
    return len(false) / len(expected) if expected else 0.0


def _is_quoted(answer: DimensionAnswer, rendering: Rendering) -> bool:
    """White space does not matter, nor do margins that were quoted with the text."""
    contents = [_folded(rendering.content_of(name)) for name in _counting(answer, rendering)]
    wanted = {_folded(text[:MAX_QUOTE_CHARACTERS]) for text in (answer.quote, _MARGIN.sub("", answer.quote))}
    return any(_is_in(quote, content) for quote in wanted for content in contents)


def _is_in(quote: str, content: str) -> bool:
    """A quote that is too short says nothing, unless there is no more to quote."""
    return quote in content and (len(quote) >= MIN_QUOTE_CHARACTERS or (bool(quote) and quote == content))


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _contradictions(dimension: str, share: float, measures: Mapping[str, Measure]) -> Iterator[Contradiction]:
    for one in CONTRADICTIONS:
        value = measures[one.feature].value if one.feature in measures else None
        is_high = dimension == one.dimension and share >= one.from_share - _ROUNDING
        if is_high and value is not None and one.holds(value):
            yield one
