"""A judge that asks a language model, and checks everything it says.

The session is shown as quoted material; an answer that does not keep to the rubric is not used, and a citation of what was
not shown does not count. Where there is no usable answer there is no score: the judgement is ``failed`` or ``refused``, with
the reason.
"""

from __future__ import annotations

import hashlib
import logging
import random
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import JsonValue

from app.models.events import Event, ReasoningStep
from app.models.judgement import DimensionScore, JudgeIdentity, Judgement, JudgementStatus, Usage
from app.models.rubric import Rubric
from app.qa.base import Evidence
from app.qa.judge.answer import Answer, DimensionAnswer, Unusable, read_answer
from app.qa.judge.calls import BadRequest, ChatCalls, Failed, LLMConfig, Message, Reply
from app.qa.judge.pieces import pieces_of
from app.qa.judge.prompt import (
    MAX_QUOTE_CHARACTERS,
    answer_schema,
    prompt_fingerprint,
    repair_message,
    system_message,
    user_message,
)
from app.qa.judge.rendering import Rendering, describe_record, estimate_tokens, render_events
from app.qa.judge.visible import make_visible
from app.utils.clock import Clock, utc_now

AnswerFormat = Literal["json_schema", "json_object", "text"]

LADDER: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")
"""How an answer's form is asked for, strictest first; a server that cannot do one is asked for the next."""
MAX_REPAIRS = 1
MAX_REPLY_QUOTED = 8000
MIN_EVENTS_BUDGET = 1000

_FORMAT_WORDS = re.compile(r"response_format|json_schema|json_object|json schema|structured output|response format|guided")
_SPACE = re.compile(r"\s+")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Declined:
    status: JudgementStatus
    reason: str


@dataclass
class _Spent:
    """What the replies so far took; unknown as long as no reply says so."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def add(self, reply: Reply) -> None:
        self.prompt_tokens = _plus(self.prompt_tokens, reply.prompt_tokens)
        self.completion_tokens = _plus(self.completion_tokens, reply.completion_tokens)


class LLMJudge:
    """Scores a trace by asking one model once, with one request for repair."""

    def __init__(self, config: LLMConfig, **tools: Any) -> None:
        self._config = config
        self._tools = tools
        self._judges: dict[str, _RubricJudge] = {}

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement."""
        if rubric.sha256 not in self._judges:
            self._judges[rubric.sha256] = _RubricJudge(rubric, self._config, **self._tools)
        return self._judges[rubric.sha256].judge(evidence)


class _RubricJudge:
    def __init__(
        self,
        rubric: Rubric,
        config: LLMConfig,
        now: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        new_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._rubric = rubric
        self._config = config
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._new_nonce = new_nonce
        self._rung = 0
        self._sends_temperature = True
        self._identity = JudgeIdentity(
            kind="llm", name="chat", version="1", model=config.model, endpoint_host=config.endpoint_host
        )
        self._prompt_sha256 = hashlib.sha256(prompt_fingerprint(rubric).encode("utf-8")).hexdigest()

    def judge(self, evidence: Evidence) -> tuple[Judgement, ...]:
        """One judgement: ``scored``; ``partial`` where the model could not judge a dimension; ``not_scorable`` without
        reasoning, and then no model is asked; ``refused``; or ``failed`` with the reason."""
        events = evidence.trace.events
        if not any(_says_something(event) for event in events):
            reason = "no_reasoning: the trace holds no reasoning text" if events else "no_events: the trace holds no events"
            judgement = Judgement(
                rubric=self._rubric.ref,
                judge=self._identity,
                status="not_scorable",
                reason=reason,
                created_at=self._now(),
                duration_ms=0,
            )
            return (judgement,)
        started_at, start = self._now(), self._monotonic()
        calls = ChatCalls(self._config, self._now, self._monotonic, self._sleep, self._jitter)
        spent = _Spent()
        try:
            rendering, messages = self._question(events)
            answer = self._converse(calls, messages, spent)
        finally:
            calls.close()
        usage = Usage(requests=calls.requests, prompt_tokens=spent.prompt_tokens, completion_tokens=spent.completion_tokens)
        duration_ms = round((self._monotonic() - start) * 1000)
        if isinstance(answer, _Declined):
            self._log(answer, calls.requests)
            judgement = Judgement(
                rubric=self._rubric.ref,
                judge=self._identity,
                status=answer.status,
                reason=answer.reason,
                counted=self._render_facts(rendering),
                usage=usage,
                created_at=started_at,
                duration_ms=duration_ms,
            )
            return (judgement,)
        return (self._judgement(answer, rendering, usage, started_at, duration_ms),)

    def _question(self, events: Sequence[Event]) -> tuple[Rendering, list[Message]]:
        system, facts, nonce = system_message(self._rubric), describe_record(events), self._new_nonce()
        budget = self._config.input_budget_tokens - estimate_tokens(system) - estimate_tokens(facts)
        rendering = render_events(events, nonce, max(MIN_EVENTS_BUDGET, budget))
        user = user_message(self._rubric, facts, rendering)
        return rendering, [{"role": "system", "content": system}, {"role": "user", "content": user}]

    def _converse(self, calls: ChatCalls, messages: list[Message], spent: _Spent) -> Answer | _Declined:
        """Ask, and ask once more where the answer cannot be used."""
        unusable = Unusable([], is_json=False)
        for _ in range(1 + MAX_REPAIRS):
            reply = self._ask(calls, messages)
            if isinstance(reply, Failed):
                return _Declined("failed", f"{reply.reason}: {reply.detail}")
            if isinstance(reply, BadRequest):
                return _Declined("failed", f"rejected: HTTP {reply.status} from {self._config.endpoint_host}")
            spent.add(reply)
            read = self._read(reply)
            if not isinstance(read, Unusable):
                return read
            unusable = read
            if reply.is_completion and not read.is_json:
                self._step_down()
            messages = [*messages, *_repair(reply, read)]
        return _Declined("failed", f"invalid_output: {'; '.join(unusable.faults)}")

    def _ask(self, calls: ChatCalls, messages: Sequence[Message]) -> Reply | BadRequest | Failed:
        """One reply, asked for in a way that the server can do; what it cannot do is remembered."""
        while True:
            outcome = calls.ask(messages, self._options())
            if not isinstance(outcome, BadRequest) or not self._give_way(outcome):
                return outcome

    def _options(self) -> dict[str, object]:
        options: dict[str, object] = {"temperature": self._config.temperature} if self._sends_temperature else {}
        form = LADDER[self._rung]
        if form == "json_schema":
            schema = {"name": "judgement", "strict": True, "schema": answer_schema(self._rubric)}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form == "json_object":
            options["response_format"] = {"type": "json_object"}
        return options

    def _give_way(self, refused: BadRequest) -> bool:
        """Whether there is something to leave out that the server complains about."""
        if refused.status in (400, 422) and self._rung + 1 < len(LADDER) and _FORMAT_WORDS.search(refused.text):
            self._step_down()
            return True
        if refused.status == 400 and self._sends_temperature and "temperature" in refused.text:
            self._sends_temperature = False
            return True
        return False

    def _step_down(self) -> None:
        self._rung = min(self._rung + 1, len(LADDER) - 1)

    def _read(self, reply: Reply) -> Answer | Unusable | _Declined:
        if reply.refusal is not None:
            return _Declined("refused", "refusal: the model declined to judge this session")
        if reply.finish_reason == "content_filter":
            return _Declined("refused", "content_filter: the provider held the answer back")
        if not reply.is_completion:
            return Unusable(["the server's reply is no chat completion"], is_json=False)
        if reply.finish_reason == "length":
            return Unusable(["the answer was cut off; be briefer"], is_json=True)
        if reply.content is None:
            return Unusable(["the reply holds no text"], is_json=False)
        return read_answer(reply.content, self._rubric)

    def _judgement(
        self, answer: Answer, rendering: Rendering, usage: Usage, started_at: datetime, duration_ms: int
    ) -> Judgement:
        dimensions = {name: self._score(one, rendering) for name, one in answer.dimensions.items()}
        missing = [name for name, dimension in dimensions.items() if dimension.score is None]
        return Judgement(
            rubric=self._rubric.ref,
            judge=self._identity,
            status="partial" if missing else "scored",
            reason=f"not_judged: {', '.join(missing)}" if missing else None,
            dimensions=dimensions,
            total=self._rubric.total({name: dimension.score for name, dimension in dimensions.items()}),
            feedback=answer.feedback,
            counted=self._render_facts(rendering),
            flags=_flags(answer, rendering),
            usage=usage,
            created_at=started_at,
            duration_ms=duration_ms,
        )

    def _score(self, answer: DimensionAnswer, rendering: Rendering) -> DimensionScore:
        return DimensionScore(
            score=None if answer.level is None else self._rubric.scale.at(answer.level),
            rationale=answer.rationale,
            evidence=tuple(rendering.shown[name] for name in answer.cited if name in rendering.shown),
        )

    def _render_facts(self, rendering: Rendering) -> dict[str, JsonValue]:
        return {
            "render": {
                "level": rendering.level,
                "events_shown": len(rendering.shown),
                "events_total": rendering.events_total,
            },
            "prompt_sha256": self._prompt_sha256,
            "answer_format": LADDER[self._rung],
            "temperature": self._config.temperature if self._sends_temperature else None,
        }

    def _log(self, declined: _Declined, requests: int) -> None:
        facts = {"reason": declined.reason, "model": self._config.model, "endpoint": self._config.endpoint_host}
        _logger.warning("The judge's model gave no usable answer", extra={**facts, "requests": requests})


def _says_something(event: Event) -> bool:
    return isinstance(event, ReasoningStep) and any(piece.text.strip() for piece in pieces_of(event))


def _repair(reply: Reply, unusable: Unusable) -> list[Message]:
    said = [{"role": "assistant", "content": make_visible(reply.content[:MAX_REPLY_QUOTED])}] if reply.content else []
    return [*said, {"role": "user", "content": repair_message(unusable.faults)}]


def _flags(answer: Answer, rendering: Rendering) -> tuple[str, ...]:
    flags = {"unwrapped": answer.unwrapped, "instructions_seen": answer.instructions_seen}
    for one in answer.dimensions.values():
        shown = [name for name in one.cited if name in rendering.shown]
        flags["false_citation"] = flags.get("false_citation", False) or len(shown) < len(one.cited)
        flags["uncited"] = flags.get("uncited", False) or (not shown and one.level is not None)
        flags["false_quote"] = flags.get("false_quote", False) or not _is_quoted(one.quote, shown, rendering)
    return tuple(sorted(flag for flag, is_set in flags.items() if is_set))


def _is_quoted(quote: str, shown: list[str], rendering: Rendering) -> bool:
    """Whether the quote stands in an event cited with it; white space does not matter, and no quote is no false quote."""
    wanted = _folded(quote[:MAX_QUOTE_CHARACTERS])
    return not wanted or any(wanted in _folded(rendering.blocks[name].replace("\n| ", "\n")) for name in shown)


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _plus(known: int | None, more: int | None) -> int | None:
    return known if more is None else (known or 0) + more
