"""What one judge says of one trace by one rubric. ``null`` always means: could not be established."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from app.models.base import Sha256, ShortText, TraceId, Value
from app.models.rubric import RubricRef

JudgeMode = Literal["auto", "llm", "heuristic", "off"]
JudgeKind = Literal["llm", "heuristic", "human"]
JudgementStatus = Literal["scored", "partial", "not_scorable", "refused", "failed", "skipped"]
"""All but the first two say that the judge declined."""
Share = Annotated[float, Field(ge=0, le=1)]


MAX_MODEL_CHARACTERS = 200


def _models(text: str) -> str:
    names = dict.fromkeys(name.strip() for name in text.split(","))
    if not all(0 < len(name) <= MAX_MODEL_CHARACTERS and name.isprintable() for name in names):
        raise PydanticCustomError("no_model", "Name a model, or several with commas between them, without control characters")
    return ", ".join(names)


Models = Annotated[str, AfterValidator(_models)]
"""One model, or a jury, as judgements name it: each once, with a comma and a space between them."""


class Sample(Value):
    """One answer of a model on one dimension."""

    model: str
    level: int | None
    """``null`` where the model says that it cannot tell."""


class DimensionScore(Value):
    """One dimension of a rubric."""

    score: float | None
    """In the rubric's own range; ``null`` where it could not be established."""
    level: float | None = None
    """On the rubric's scale of levels: the nearest one of a judge that counts, a mean over samples of a model."""
    confidence: Share | None = None
    rationale: str
    evidence: tuple[str, ...] = ()
    """Ids of the events that the score rests on."""
    flags: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    """The valid answers of models, one by one."""


class Usage(Value):
    """What a judgement took. Answers that were read from the cache took nothing."""

    requests: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    """In the currency of the price file; ``null`` where a model's price is not known."""
    cached_samples: int = 0
    """Answers that were read from the cache."""


class Render(Value):
    """How much of the trace a model was shown."""

    level: int
    """From 0, everything, to 4, the least."""
    events_shown: int
    events_total: int


class Attempt(Value):
    """One request to a model."""

    model: str
    sample: int
    """Which answer it was for, from 0."""
    outcome: str
    """``answered``, or why it was of no use."""
    http_status: int | None = None
    request_id: str | None = None
    duration_ms: int


class JudgeIdentity(Value):
    """Who judged."""

    kind: JudgeKind
    name: str
    version: str
    model: str | None = None
    """Of a jury, every model, with commas between them."""
    endpoint_host: str | None = None
    prompt_sha256: Sha256 | None = None
    """Of everything that a model is told apart from the session."""
    params: dict[str, JsonValue] = {}


class Judgement(Value):
    """One judge's scores for one trace by one rubric. It is never changed; another one is made beside it."""

    judgement_id: ShortText | None = None
    """``null`` in documents of earlier versions, as are the next two."""
    trace_id: TraceId | None = None
    trace_hash: Sha256 | None = None
    """Head of the hash chain over the events that were judged."""
    rubric: RubricRef
    judge: JudgeIdentity
    status: JudgementStatus
    reason: str | None = None
    """Why there is no score, where there is none; stable words first, details after a colon."""
    dimensions: dict[str, DimensionScore] = {}
    total: float | None = None
    """Computed here from the dimensions, never taken from a model; ``null`` unless every dimension is scored."""
    partial: float | None = None
    """The mean of the dimensions that are scored, where some are not."""
    feedback: str = ""
    confidence: Share | None = None
    """The weighted mean of the dimensions' confidence."""
    flags: tuple[str, ...] = ()
    needs_review: bool = False
    """Whether a person should look before the scores are used."""
    counted: dict[str, JsonValue] = {}
    """Facts beside the scores: what a heuristic judge counted; what a model was shown that tries to steer it."""
    usage: Usage = Usage()
    render: Render | None = None
    attempts: tuple[Attempt, ...] = ()
    created_at: datetime
    duration_ms: int


class Estimate(Value):
    """What a judgement would take, at most. It is made without asking a judge."""

    rubric: RubricRef
    kind: JudgeKind
    model: str | None = None
    requests: int = 0
    prompt_tokens: int = 0
    """Estimated from the text."""
    completion_tokens: int = 0
    """As many as an answer may have."""
    cost: float | None = 0.0
    """In the currency of the price file; ``null`` where a model's price is not known."""
    cached_samples: int = 0
    """Answers that are in the cache, and cost nothing."""


class EstimateList(Value):
    """What judgements would take, one by one."""

    estimates: tuple[Estimate, ...]


class JudgementList(Value):
    """Judgements, the oldest first."""

    judgements: tuple[Judgement, ...]


class JudgeRequest(Value):
    """What a new judgement may ask for; what is left out comes from the settings."""

    rubrics: Annotated[tuple[ShortText, ...] | None, Field(min_length=1, max_length=16)] = None
    """Ids of rubrics, one judgement for each."""
    judge: JudgeMode | None = None
    """Which judge, instead of the server's own choice."""
    model: Models | None = None
    """Ask this model or this jury, instead of that of the settings; with a judge that asks a model."""
    dry_run: bool = False
    """Only say what it would take."""
