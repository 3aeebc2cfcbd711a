"""A judge that asks language models, and checks everything they say.

The session is shown as quoted material; an answer that does not keep to the rubric is not used, and a citation of what was
not shown does not count. Where there is no usable answer there is no score: the judgement says why.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field, replace

from pydantic import JsonValue

from app.models.events import Event, ReasoningStep
from app.models.judgement import Attempt, Estimate, JudgeIdentity, Judgement, JudgementStatus, Render, Usage
from app.models.rubric import Rubric
from app.qa.base import Evidence, Judge
from app.qa.judge.abilities import AbilityMemory
from app.qa.judge.answer import Answer
from app.qa.judge.budget import Ledger, NoLedger, Purse
from app.qa.judge.cache import NoSampleCache, SampleCache, SampleName, Shelf
from app.qa.judge.calls import Deadline, carry_on
from app.qa.judge.config import LLMConfig
from app.qa.judge.endpoint import ChatEndpoint
from app.qa.judge.families import are_related
from app.qa.judge.features.measure import Measure
from app.qa.judge.heuristic import HeuristicJudge, measure_features
from app.qa.judge.injection import SuspectedInjection, suspicious_events
from app.qa.judge.pieces import pieces_of
from app.qa.judge.prices import Prices
from app.qa.judge.prompt import prompt_sha256, system_message, user_message
from app.qa.judge.record import Desk, Draft
from app.qa.judge.rendering import Rendering, describe_record, estimate_tokens, render_events
from app.qa.judge.rubric import REASONING
from app.qa.judge.sampling import Declined, Question, Sampler
from app.qa.judge.scoring import Given, Record, Scores, score, steering_events
from app.qa.judge.turns import Turns
from app.utils.clock import Clock, utc_now

VERSION = "2"
MIN_EVENTS_BUDGET = 1000

_FAILURES = ("configuration", "rejected", "rate_limited", "unavailable", "timeout", "invalid_output")
"""Where samples failed in several ways, the first of these is told."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JudgeTools:
    """What all model judges of a server share."""

    memory: AbilityMemory = field(default_factory=AbilityMemory)
    cache: SampleCache = field(default_factory=NoSampleCache)
    ledger: Ledger = field(default_factory=NoLedger)
    prices: Prices = field(default_factory=Prices)
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True)
class Timing:
    """Clock, stopwatch and rest of a judge."""

    now: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True)
class _Shown:
    """A session as models are shown it."""

    rendering: Rendering
    question: Question

    @property
    def render(self) -> Render:
        shown, total = len(self.rendering.shown), self.rendering.events_total
        return Render(level=self.rendering.level, events_shown=shown, events_total=total)


@dataclass(frozen=True)
class _Counted:
    """What is counted in a session, without a model."""

    measures: Mapping[str, Measure]
    heuristic_levels: Mapping[str, float | None]
    suspicious: Sequence[SuspectedInjection]


@dataclass(frozen=True)
class _Sitting:
    """What one judgement has: a question, the time and the means to ask it, and what came of every request."""

    evidence: Evidence
    rubric: Rubric
    deadline: Deadline
    purse: Purse
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True)
class _Heard:
    """What models said of a session that was shown in one way."""

    config: LLMConfig
    shown: _Shown
    given: Sequence[Given]
    declined: Sequence[Declined]
    cached: int

    @property
    def is_too_long(self) -> bool:
        """Whether nobody answered, and somebody because there was too much to read."""
        return not self.given and any(one.is_too_long for one in self.declined)


class LLMJudge:
    """Scores a trace by asking each model several times, all at once, under one deadline."""

    def __init__(
        self,
        config: LLMConfig,
        tools: JudgeTools | None = None,
        beside: Judge | None = None,
        timing: Timing = Timing(),
        new_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """``beside`` is a judge that counts: where the two differ, a person should look."""
        self._config = config
        self._tools = tools or JudgeTools()
        self._beside = beside or HeuristicJudge()
        self._timing = timing
        self._new_nonce = new_nonce
        self._desk = Desk(timing.now, timing.monotonic)

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement. With one valid sample or more ``scored`` or ``partial``, or ``not_scorable`` where none of them could
        judge any dimension; ``not_scorable`` without anything to judge, and then no model is asked; ``refused``, ``failed`` or
        ``skipped`` otherwise."""
        draft = self._desk.begin(evidence, rubric)
        reason = _why_not_scorable(evidence.trace.events, rubric)
        if reason is not None:
            return (draft.finish(self._identity(self._config, rubric), "not_scorable", reason),)
        # before a model is asked: a fault in here then loses nothing that was paid for
        counted = self._count(evidence, rubric)
        with self._turn(evidence, rubric):
            sitting = self._sit(evidence, rubric)
            heard = self._hear(sitting)
        usage = sitting.purse.usage(heard.cached)
        told = {"usage": usage, "render": heard.shown.render, "attempts": tuple(sitting.attempts)}
        if heard.given:
            return (self._scored(draft, heard, counted, told),)
        status, reason = _why_declined(heard.declined)
        self._log(reason, usage)
        return (draft.finish(self._identity(heard.config, rubric), status, reason, **told),)

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:
        """What a judgement would take, repairs and attempts that fail left out. Nobody is asked."""
        model = ", ".join(self._config.models)
        if _why_not_scorable(evidence.trace.events, rubric) is not None:
            return Estimate(rubric=rubric.ref, kind="llm", model=model)
        question = self._show(self._config, evidence, rubric).question
        found = self._look_up(self._config, evidence, rubric)
        missing = [name for name, answer in found.items() if answer is None]
        sizes = [(name.model, self._prompt_tokens(question, name.model)) for name in missing]
        return Estimate(
            rubric=rubric.ref,
            kind="llm",
            model=model,
            requests=len(missing),
            prompt_tokens=sum(tokens for _, tokens in sizes),
            completion_tokens=self._config.output_tokens * len(missing),
            cost=self._cost(sizes),
            cached_samples=len(found) - len(missing),
        )

    def _identity(self, config: LLMConfig, rubric: Rubric) -> JudgeIdentity:
        return JudgeIdentity(
            kind="llm",
            name="chat",
            version=VERSION,
            model=", ".join(config.models),
            endpoint_host=config.endpoint_host,
            prompt_sha256=prompt_sha256(rubric),
            params={**config.parameters, "samples": config.samples, "abilities": self._abilities()},
        )

    def _abilities(self) -> dict[str, JsonValue]:
        """What each model was asked with, by now."""
        known = {model: self._tools.memory.of(self._config.base_url, model) for model in self._config.models}
        return {model: one.told() for model, one in known.items()}

    def _count(self, evidence: Evidence, rubric: Rubric) -> _Counted:
        *_, beside = self._beside.judge(evidence, rubric)
        levels = {name: dimension.level for name, dimension in beside.dimensions.items()}
        return _Counted(measure_features(evidence), levels, suspicious_events(evidence.trace.events))

    def _turn(self, evidence: Evidence, rubric: Rubric) -> AbstractContextManager[None]:
        """Whoever asks these models the same at this moment goes first; what they answer is in the cache then."""
        if evidence.trace_hash is None:  # nothing of it is kept
            return nullcontext()
        trace_hash, endpoint = evidence.trace_hash, self._config.base_url
        return self._tools.turns.take((trace_hash, rubric.sha256, endpoint, model) for model in self._config.models)

    def _sit(self, evidence: Evidence, rubric: Rubric) -> _Sitting:
        deadline = Deadline(self._timing.monotonic() + self._config.deadline_s, self._timing.monotonic)
        purse = Purse(self._config.max_tokens, self._tools.prices, self._tools.ledger)
        return _Sitting(evidence, rubric, deadline, purse)

    def _hear(self, sitting: _Sitting) -> _Heard:
        """What the models say; where the session was too long for all that could be asked, of half as much of it, once."""
        heard = self._hear_of(self._show(self._config, sitting.evidence, sitting.rubric), self._config, sitting)
        if not heard.is_too_long:
            return heard
        config = replace(self._config, input_tokens=self._config.input_tokens // 2)
        shorter = self._show(config, sitting.evidence, sitting.rubric)
        if shorter.rendering.blocks == heard.shown.rendering.blocks:
            return heard
        return self._hear_of(shorter, config, sitting)

    def _hear_of(self, shown: _Shown, config: LLMConfig, sitting: _Sitting) -> _Heard:
        found = self._look_up(config, sitting.evidence, sitting.rubric)
        missing = [name for name, answer in found.items() if answer is None]
        answers = {**found, **self._ask(self._sampler(shown, config, sitting), missing)}
        given = [Given(name.model, answer) for name, answer in answers.items() if isinstance(answer, Answer)]
        declined = [answer for answer in answers.values() if isinstance(answer, Declined)]
        return _Heard(config, shown, given, declined, cached=len(found) - len(missing))

    def _show(self, config: LLMConfig, evidence: Evidence, rubric: Rubric) -> _Shown:
        events = evidence.trace.events
        system, facts = system_message(rubric), describe_record(events)
        budget = config.input_tokens - estimate_tokens(system) - estimate_tokens(facts)
        rendering = render_events(events, self._new_nonce(), max(MIN_EVENTS_BUDGET, budget), refuted=evidence.refuted)
        return _Shown(rendering, Question(rubric, system, user_message(rubric, facts, rendering)))

    def _look_up(self, config: LLMConfig, evidence: Evidence, rubric: Rubric) -> dict[SampleName, Answer | None]:
        """Every sample that is wanted, with the answer that is in the cache."""
        wanted = [SampleName(model, sample) for sample in range(config.samples) for model in config.models]
        shelf = Shelf(self._tools.cache, config, evidence, rubric)
        return {name: shelf.get(name) for name in wanted}

    def _sampler(self, shown: _Shown, config: LLMConfig, sitting: _Sitting) -> Sampler:
        return Sampler(
            config=config,
            question=shown.question,
            memory=self._tools.memory,
            purse=sitting.purse,
            deadline=sitting.deadline,
            jitter=self._timing.jitter,
            keep=Shelf(self._tools.cache, config, sitting.evidence, sitting.rubric).put,
            attempts=sitting.attempts,
        )

    def _ask(self, sampler: Sampler, names: Sequence[SampleName]) -> dict[SampleName, Answer | Declined]:
        if not names:
            return {}
        with closing(ChatEndpoint(self._config, self._timing.now)) as endpoint:
            talks = [sampler.converse(name) for name in names]
            ended = carry_on(talks, endpoint.ask, self._config.timeout_s, sampler.deadline, self._timing.sleep)
        return dict(zip(names, ended, strict=True))

    def _scored(self, draft: Draft, heard: _Heard, counted: _Counted, told: dict[str, object]) -> Judgement:
        rendering = heard.shown.rendering
        flags = {
            "fewer_samples": bool(heard.declined),
            "self_judged": any(are_related(model, _agent_model(draft.evidence)) for model in self._config.models),
            "suspected_injection": bool(counted.suspicious),
        }
        record = Record(rendering, counted.measures, counted.heuristic_levels)
        scores = score(draft.rubric, heard.given, record, [flag for flag, is_set in flags.items() if is_set])
        status, reason = _how_far_scored(scores)
        return draft.finish(
            self._identity(heard.config, draft.rubric),
            status,
            reason,
            counted={
                "instructions_seen": steering_events(heard.given, rendering),
                "suspicious_events": [asdict(one) for one in counted.suspicious],
            },
            **vars(scores),
            **told,
        )

    def _prompt_tokens(self, question: Question, model: str) -> int:
        return question.tokens(question.messages(self._tools.memory.of(self._config.base_url, model).answer_format))

    def _cost(self, sizes: Iterable[tuple[str, int]]) -> float | None:
        """What requests may cost at most; ``None`` where a price is not known."""
        prices = [(self._tools.prices.of(model), tokens) for model, tokens in sizes]
        costs = [price.of(tokens, self._config.output_tokens) for price, tokens in prices if price is not None]
        return sum(costs) if len(costs) == len(prices) else None

    def _log(self, reason: str, usage: Usage) -> None:
        facts = {"reason": reason, "model": self._config.model, "endpoint": self._config.endpoint_host}
        _log.warning("no model gave a usable answer", extra={**facts, "requests": usage.requests})


def _why_not_scorable(events: Sequence[Event], rubric: Rubric) -> str | None:
    if not events:
        return "no_events: the trace holds no events"
    is_about_reasoning = rubric.id == REASONING or all(dimension.needs_reasoning for dimension in rubric.dimensions)
    if is_about_reasoning and not any(_says_something(event) for event in events):
        return "no_reasoning: the trace holds no reasoning text"
    return None


def _says_something(event: Event) -> bool:
    return isinstance(event, ReasoningStep) and any(piece.text.strip() for piece in pieces_of(event))


def _how_far_scored(scores: Scores) -> tuple[JudgementStatus, str | None]:
    """The status of a judgement with a valid sample, and what is missing of it."""
    missing = [name for name, dimension in scores.dimensions.items() if dimension.score is None]
    if not missing:
        return "scored", None
    if len(missing) == len(scores.dimensions):
        return "not_scorable", "not_judged: no dimension could be judged from what was shown"
    return "partial", f"not_judged: {', '.join(missing)}"


def _why_declined(declined: Sequence[Declined]) -> tuple[JudgementStatus, str]:
    """The status of a judgement without a valid sample, and the most telling reason."""
    failures = [one for one in declined if one.kind == "failed"]
    if failures:
        return "failed", min(failures, key=lambda one: _FAILURES.index(one.reason.split(":")[0])).reason
    over = [one for one in declined if one.kind == "skipped"]
    return ("skipped", over[0].reason) if over else ("refused", declined[0].reason)


def _agent_model(evidence: Evidence) -> str | None:
    session = evidence.trace.session
    return session.agent.model if session is not None and session.agent is not None else None
