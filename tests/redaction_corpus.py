"""The labelled corpus of redaction: texts with secrets, and texts that only look as if they had some.

Every secret is made up. In the files a joiner stands inside each of them, so that scanners of repositories stay quiet.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.rules.redaction.patterns import KINDS, RULES
from app.rules.redaction.redact import marker, redact_text

FOLDER = Path(__file__).parent / "data" / "redaction"
_JOINER = "\N{PERPENDICULAR}"


@dataclass(frozen=True)
class Positive:
    """A text that holds secrets of one kind, and nothing else that is replaced."""

    kind: str
    text: str
    secrets: tuple[str, ...]

    @property
    def expected(self) -> str:
        """The text as it has to come out."""
        text = self.text
        for secret in self.secrets:
            text = text.replace(secret, marker(self.kind))
        return text


@dataclass(frozen=True)
class Negative:
    """A text that stays as it is."""

    group: str
    text: str


@dataclass
class Score:
    """What the rules of one kind did on the corpus."""

    secrets: int = 0
    found: int = 0
    false_alarms: int = 0
    """Markers of this kind in texts that hold no secret, and beside the secrets of texts that do."""


def positives() -> tuple[Positive, ...]:
    """Texts with secrets."""
    return tuple(Positive(row["kind"], row["text"], tuple(row["secrets"])) for row in _rows("positives"))


def negatives() -> tuple[Negative, ...]:
    """Texts without."""
    return tuple(Negative(row["group"], row["text"]) for row in _rows("negatives"))


def scores() -> dict[str, Score]:
    """Recall and false alarms of every kind over the whole corpus, optional kinds included."""
    table = {kind: Score() for kind in KINDS}
    alarms: Counter[str] = Counter()
    for positive in positives():
        redacted = redact_text(positive.text, RULES)
        markers = Counter(finding.kind for finding in redacted.findings)
        gone = sum(secret not in redacted.text for secret in positive.secrets)
        found = min(gone, markers[positive.kind])
        table[positive.kind].secrets += len(positive.secrets)
        table[positive.kind].found += found
        alarms += markers - Counter({positive.kind: found})
    for negative in negatives():
        alarms += Counter(finding.kind for finding in redact_text(negative.text, RULES).findings)
    for kind, count in alarms.items():
        table[kind].false_alarms = count
    return table


def _rows(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.replace(_JOINER, "").splitlines()]
