"""One answer of one model: asked for in a way that the server can do, tried again where that may help, repaired once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.models.judgement import Attempt
from app.models.rubric import Rubric
from app.qa.judge.abilities import Abilities, AbilityMemory, AnswerFormat
from app.qa.judge.answer import Answer, Unusable, read_answer
from app.qa.judge.budget import Held, OverBudget, Purse
from app.qa.judge.cache import SampleName
from app.qa.judge.calls import Came, Conversation, Deadline, Pause
from app.qa.judge.config import LLMConfig
from app.qa.judge.endpoint import BadRequest, ChatRequest, Failed, Message, Reply
from app.qa.judge.prompt import answer_schema, repair_message, schema_message
from app.qa.judge.rendering import estimate_tokens
from app.qa.judge.visible import make_visible

MAX_ATTEMPTS = 4
MAX_REPAIRS = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S, JITTER = 0.5, 8.0, 0.25
MAX_REPLY_QUOTED = 8000
MAX_FAULTS_TOLD = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What a model is asked about a session."""

    rubric: Rubric
    system: str
    user: str

    def messages(self, answer_format: AnswerFormat, repair: Repair | None = None) -> list[Message]:
        """The question; where the form is not asked for apart, with the schema in words."""
        words = self.user if answer_format == "json_schema" else f"{self.user}\n\n{schema_message(self.rubric)}"
        return [{"role": "system", "content": self.system}, *_turns(words, repair)]

    def response_format(self, answer_format: AnswerFormat) -> dict[str, object]:
        """The option that asks for the form."""
        if answer_format == "json_schema":
            schema = {"name": "judgement", "strict": True, "schema": answer_schema(self.rubric)}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        return {"response_format": {"type": "json_object"}} if answer_format == "json_object" else {}

    def tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens a request may say, its schema included."""
        said = sum(estimate_tokens(message["content"]) for message in messages)
        return said + estimate_tokens(schema_message(self.rubric))


@dataclass(frozen=True)
class Repair:
    """An answer that could not be used, and why."""

    said: str | None
    faults: Sequence[str]


@dataclass(frozen=True)
class Declined:
    """No answer came of a sample."""

    kind: Literal["refused", "failed", "skipped"]
    reason: str
    is_too_long: bool = False
    """Whether the question was too long for the model."""


@dataclass(frozen=True)
class Refusal:
    """The model, or its provider, declined."""

    reason: str


@dataclass(frozen=True)
class _Asked:
    """What came of one request."""

    result: Answer | Unusable | Refusal | Failed | BadRequest | OverBudget
    abilities: Abilities
    reply: Reply | None = None

    @property
    def was_cut_off(self) -> bool:
        return self.reply is not None and self.reply.finish_reason == "length"

    @property
    def is_in_form(self) -> bool:
        """Whether a JSON object came: the server can be asked in this way."""
        return isinstance(self.result, Answer) or (isinstance(self.result, Unusable) and self.result.is_json)

    @property
    def was_no_json(self) -> bool:
        """Whether the model answered, and not in the form that was asked for at all."""
        is_completion = self.reply is not None and self.reply.is_completion
        return isinstance(self.result, Unusable) and not self.result.is_json and is_completion and not self.was_cut_off


@dataclass
class Sampler:
    """The conversations of one judgement. For one thread."""

    config: LLMConfig
    question: Question
    memory: AbilityMemory
    purse: Purse
    deadline: Deadline
    jitter: Callable[[], float]
    keep: Callable[[SampleName, Answer], None]
    """Called with every answer that can be used, the moment it is there."""
    attempts: list[Attempt] = field(default_factory=list)
    """Every request that was sent, as they ended."""

    def converse(self, name: SampleName) -> Conversation[Answer | Declined]:
        """Ask for one answer, and once more where it cannot be used."""
        repair, limit, at_most = None, self.config.output_tokens, Abilities()
        for _ in range(1 + MAX_REPAIRS):
            asked = yield from self._persist(name, repair, limit, at_most)
            if isinstance(asked, Declined):
                return asked
            if isinstance(asked.result, Answer):
                self.keep(name, asked.result)
                return asked.result
            at_most = asked.abilities.lowered() if asked.was_no_json else asked.abilities
            limit = 2 * limit if asked.was_cut_off else limit
            repair = _repair(asked)
        return Declined("failed", f"invalid_output: {'; '.join(repair.faults[:MAX_FAULTS_TOLD]) if repair else ''}")

    def _persist(
        self, name: SampleName, repair: Repair | None, limit: int, at_most: Abilities
    ) -> Generator[ChatRequest | Pause, Came | None, _Asked | Declined]:
        """One reply, after as many attempts as the deadline and their number allow. What a server complained about is
        remembered once it has answered without it."""
        tries = 0
        while True:
            asked = yield from self._once(name, repair, limit, at_most)
            result = asked.result
            if isinstance(result, BadRequest):
                left = _left_after(result, asked.abilities)
                if left is None:
                    return self._rejected(result)
                at_most = left
            elif isinstance(result, Failed):
                tries += 1
                pause_s = self._pause_s(tries, result)
                if not result.may_pass:
                    return Declined("failed", f"{result.reason}: {result.detail}")
                if tries == MAX_ATTEMPTS or pause_s >= self.deadline.remaining_s:
                    return Declined("failed", f"{result.reason}: {result.detail}, {_times(tries)}")
                yield Pause(pause_s)
            elif isinstance(result, OverBudget):
                return Declined("skipped", f"budget: {result.why}")
            elif isinstance(result, Refusal):
                return Declined("refused", result.reason)
            else:
                if asked.is_in_form:
                    self.memory.learn(self.config.base_url, name.model, asked.abilities)
                return asked

    def _once(
        self, name: SampleName, repair: Repair | None, limit: int, at_most: Abilities
    ) -> Generator[ChatRequest | Pause, Came | None, _Asked]:
        """One request, if the budget allows it."""
        abilities = self.memory.of(self.config.base_url, name.model).common(at_most)
        request = self._request(name, abilities, repair, limit)
        held = self.purse.hold(name.model, self.question.tokens(request.messages), limit)
        if isinstance(held, OverBudget):
            return _Asked(held, abilities)
        came = yield request
        if came is None:
            raise RuntimeError("A request was sent, and nothing came of it")
        asked = self._read(came, abilities)
        self._account(held, came)
        if came.was_sent:
            self._note(name, came, asked)
        return asked

    def _request(self, name: SampleName, abilities: Abilities, repair: Repair | None, limit: int) -> ChatRequest:
        options = self.question.response_format(abilities.answer_format)
        if abilities.temperature:
            options["temperature"] = self.config.asked_temperature
        if abilities.seed:
            options["seed"] = self.config.seed(name.sample)
        if abilities.limit is not None:
            options[abilities.limit] = limit
        return ChatRequest(name.model, self.question.messages(abilities.answer_format, repair), options)

    def _rejected(self, refused: BadRequest) -> Declined:
        if refused.is_too_long:
            return Declined("failed", "rejected: the session is too long for the model", is_too_long=True)
        return Declined("failed", f"rejected: HTTP {refused.status} from {self.config.endpoint_host}")

    def _pause_s(self, tries: int, failed: Failed) -> float:
        if failed.after_s is not None:
            return failed.after_s
        spread = 1 - JITTER + 2 * JITTER * self.jitter()
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (tries - 1) * spread)

    def _read(self, came: Came, abilities: Abilities) -> _Asked:
        outcome = came.exchange.outcome
        if not isinstance(outcome, Reply):
            return _Asked(outcome, abilities)
        return _Asked(read_reply(outcome, self.question.rubric, self.config.api_key), abilities, outcome)

    def _account(self, held: Held, came: Came) -> None:
        outcome = came.exchange.outcome
        if not came.was_sent:
            self.purse.unsent(held)
        elif isinstance(outcome, Reply):
            self.purse.replied(held, outcome.prompt_tokens, outcome.completion_tokens)
        elif isinstance(outcome, Failed) and outcome.may_cost:
            self.purse.lost(held)
        else:
            self.purse.refused(held)

    def _note(self, name: SampleName, came: Came, asked: _Asked) -> None:
        exchange = came.exchange
        attempt = Attempt(
            model=name.model,
            sample=name.sample,
            outcome=_outcome(asked),
            http_status=exchange.http_status,
            request_id=exchange.request_id,
            duration_ms=came.duration_ms,
        )
        self.attempts.append(attempt)
        _log.info("a model was asked", extra={"endpoint": self.config.endpoint_host, **attempt.model_dump()})


def read_reply(reply: Reply, rubric: Rubric, secret: str = "") -> Answer | Unusable | Refusal:
    """What a reply says; ``secret`` is in none of it."""
    if reply.refusal is not None:
        return Refusal("refusal: the model declined to judge this session")
    if reply.finish_reason == "content_filter":
        return Refusal("content_filter: the provider held the answer back")
    if not reply.is_completion:
        return Unusable(["the server's reply is no chat completion"], is_json=False)
    if reply.finish_reason == "length":
        return Unusable(["the answer was cut off; be briefer"], is_json=False)
    if reply.content is None:
        return Unusable(["the reply holds no text"], is_json=False)
    return read_answer(reply.content, rubric, secret)


def _left_after(refused: BadRequest, abilities: Abilities) -> Abilities | None:
    """What to ask with next; ``None`` where leaving something out does not help. A question that is too long is refused with
    any options, and the complaint may repeat them all."""
    return None if refused.is_too_long else abilities.without(refused.text)


def _repair(asked: _Asked) -> Repair:
    faults = asked.result.faults if isinstance(asked.result, Unusable) else []
    # of an answer that was cut off, nothing is shown again: it would take the room that the whole one needs
    said = asked.reply.content if asked.reply is not None and not asked.was_cut_off else None
    return Repair(make_visible(said[:MAX_REPLY_QUOTED]) if said else None, faults)


def _turns(words: str, repair: Repair | None) -> list[Message]:
    """The user's turn, and where an answer is to be repaired, that answer and what is wrong with it."""
    if repair is None:
        return [{"role": "user", "content": words}]
    wish = repair_message(repair.faults)
    if repair.said is None:
        # some servers refuse two turns of the same side in a row
        return [{"role": "user", "content": f"{words}\n\n{wish}"}]
    return [
        {"role": "user", "content": words},
        {"role": "assistant", "content": repair.said},
        {"role": "user", "content": wish},
    ]


def _outcome(asked: _Asked) -> str:
    """``answered``, or why it was of no use."""
    result = asked.result
    if isinstance(result, Answer):
        return "answered"
    if isinstance(result, Unusable):
        return "cut_off" if asked.was_cut_off else "invalid_output"
    if isinstance(result, Failed):
        return result.reason
    if isinstance(result, BadRequest):
        return "rejected" if _left_after(result, asked.abilities) is None else "not_supported"
    return "refused"


def _times(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
