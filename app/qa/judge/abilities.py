"""What servers can do: asked for until they refuse it, and remembered from then on."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

AnswerFormat = Literal["json_schema", "json_object", "text"]
LimitName = Literal["max_completion_tokens", "max_tokens"]

LADDER: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")
"""How an answer's form is asked for, strictest first; a server that cannot do one is asked for the next."""

_LIMITS: tuple[LimitName | None, ...] = ("max_completion_tokens", "max_tokens", None)
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|json schema|structured output|response format|guided")


@dataclass(frozen=True)
class Abilities:
    """What a model at an endpoint is asked with."""

    answer_format: AnswerFormat = "json_schema"
    limit: LimitName | None = "max_completion_tokens"
    """The name that the output limit goes by; ``None``: no limit is sent."""
    seed: bool = True
    temperature: bool = True

    def without(self, refused: str) -> Abilities | None:
        """What is left after a server's complaint; ``None`` where it concerns nothing that was sent."""
        if self.answer_format != LADDER[-1] and _ABOUT_FORMAT.search(refused):
            return self.lowered()
        if self.seed and re.search(r"\bseed\b", refused):
            return replace(self, seed=False)
        if self.temperature and "temperature" in refused:
            return replace(self, temperature=False)
        if self.limit is not None and self.limit in refused:
            return replace(self, limit=_LIMITS[_LIMITS.index(self.limit) + 1])
        return None

    def lowered(self) -> Abilities:
        """The next step of the ladder; the last one stays."""
        return replace(self, answer_format=LADDER[min(LADDER.index(self.answer_format) + 1, len(LADDER) - 1)])

    def told(self) -> dict[str, JsonValue]:
        """As it stands in judgements."""
        return dict(asdict(self))

    def common(self, other: Abilities) -> Abilities:
        """What both are content with."""
        return Abilities(
            answer_format=max(self.answer_format, other.answer_format, key=LADDER.index),
            limit=max(self.limit, other.limit, key=_LIMITS.index),
            seed=self.seed and other.seed,
            temperature=self.temperature and other.temperature,
        )


@dataclass
class AbilityMemory:
    """What is known of each model at each endpoint. One for all judges of a server; for any number of threads."""

    _known: dict[tuple[str, str], Abilities] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def of(self, base_url: str, model: str) -> Abilities:
        """What is known now; everything, where nothing is."""
        with self._guard:
            return self._known.get((base_url, model), Abilities())

    def learn(self, base_url: str, model: str, at_most: Abilities) -> None:
        """No more than this from now on. Whoever learned less before takes nothing back."""
        with self._guard:
            known = self._known.get((base_url, model), Abilities())
            self._known[base_url, model] = known.common(at_most)
