"""Asking a chat model: one loop of attempts under one deadline. Whatever the network or the server does comes back as a value.

The client's own retries are off. The key is handed to the client and appears in no log, no reason and no reply.
"""

from __future__ import annotations

import email.utils
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import openai

from app.errors import SettingsError
from app.utils.clock import Clock, utc_now

DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
MAX_ATTEMPTS = 4
FIRST_PAUSE_S, LONGEST_PAUSE_S, JITTER = 0.5, 8.0, 0.25
REDACTED = "[redacted]"

Message = dict[str, str]
Failure = Literal["configuration", "rate_limited", "unavailable", "timeout", "rejected"]

_RETRIED = frozenset({408, 409, 429})
_CONFIGURATION = frozenset({401, 403, 404})


@dataclass(frozen=True)
class LLMConfig:
    """Which model to ask, where, and for how long.

    Raises:
        SettingsError: the key or the address cannot be used in a request.
    """

    api_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    temperature: float = 0.3
    timeout_s: float = 30.0
    """Of one request."""
    deadline_s: float = 60.0
    """Of a whole judgement, pauses and repairs included."""
    input_budget_tokens: int = 48_000

    def __post_init__(self) -> None:
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            raise SettingsError("The judge's API key is empty or holds characters that no HTTP header can carry")
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise SettingsError("The judge's base URL has to begin with http:// or https:// and name a host")

    @property
    def endpoint_host(self) -> str:
        """Host and port of the endpoint, without path and credentials."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


@dataclass(frozen=True)
class Reply:
    """The server answered with a chat completion, or with something that is none."""

    content: str | None
    """``None`` where there is no text."""
    refusal: str | None = None
    finish_reason: str | None = None
    is_completion: bool = True
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True)
class Failed:
    """No answer was to be had."""

    reason: Failure
    detail: str
    """In our own words; nothing that the server wrote."""


@dataclass(frozen=True)
class BadRequest:
    """The server takes the endpoint and the key, but not the request."""

    status: int
    text: str
    """What the server says about it, for deciding what to leave out; not to be stored."""


@dataclass(frozen=True)
class _Retry:
    failure: Failed
    after_s: float | None = None


class ChatCalls:
    """The calls of one judgement; the deadline runs from the start of this object's life. Close it after use."""

    def __init__(
        self,
        config: LLMConfig,
        now: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._deadline = monotonic() + config.deadline_s
        self._client = openai.OpenAI(api_key=config.api_key, base_url=config.base_url, max_retries=0, timeout=config.timeout_s)
        self.requests = 0

    def close(self) -> None:
        """Give the connections back; a request that is still under way ends."""
        self._client.close()

    def ask(self, messages: Sequence[Message], options: Mapping[str, object]) -> Reply | BadRequest | Failed:
        """One answer, after as many attempts as the deadline and the limit allow."""
        failure = Failed("timeout", "the deadline had passed")
        for attempt in range(MAX_ATTEMPTS):
            if self._remaining() <= 0:
                return failure
            outcome = self._attempt(messages, options)
            if not isinstance(outcome, _Retry):
                return outcome
            failure = Failed(outcome.failure.reason, f"{outcome.failure.detail}, {_times(attempt + 1)}")
            pause = self._pause(attempt) if outcome.after_s is None else outcome.after_s
            if attempt + 1 == MAX_ATTEMPTS or pause >= self._remaining():
                return failure
            self._sleep(pause)
        return failure

    def _remaining(self) -> float:
        return self._deadline - self._monotonic()

    def _pause(self, attempt: int) -> float:
        spread = 1 - JITTER + 2 * JITTER * self._jitter()
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt * spread)

    def _attempt(self, messages: Sequence[Message], options: Mapping[str, object]) -> Reply | BadRequest | Failed | _Retry:
        timeout_s = min(self._config.timeout_s, self._remaining())
        self.requests += 1
        try:
            completion = _within(timeout_s, lambda: self._create(messages, options, timeout_s))
        except _TooSlowError:
            return Failed("timeout", f"the answer did not end within {timeout_s:.1f} s")
        except openai.APITimeoutError:
            return _Retry(Failed("timeout", f"no answer within {timeout_s:.1f} s"))
        except openai.APIStatusError as error:
            return self._status(error)
        except openai.APIConnectionError:
            return _Retry(Failed("unavailable", "no connection"))
        except (json.JSONDecodeError, UnicodeDecodeError, openai.OpenAIError):
            return Reply(None, is_completion=False)
        return _read_completion(completion, self._config.api_key)

    def _create(self, messages: Sequence[Message], options: Mapping[str, object], timeout_s: float) -> object:
        create: Callable[..., object] = self._client.chat.completions.create
        return create(model=self._config.model, messages=list(messages), timeout=timeout_s, **options)

    def _status(self, error: openai.APIStatusError) -> BadRequest | Failed | _Retry:
        status = error.status_code
        if status in _CONFIGURATION:
            return Failed("configuration", f"HTTP {status} from {self._config.endpoint_host}")
        if status == 429 and error.code == "insufficient_quota":
            return Failed("rate_limited", "HTTP 429, the quota is used up")
        if status in _RETRIED or status >= 500:
            reason: Failure = "rate_limited" if status == 429 else "timeout" if status == 408 else "unavailable"
            return _Retry(Failed(reason, f"HTTP {status}"), _retry_after(error.response.headers, self._now))
        return BadRequest(status, f"{error.param or ''} {error.message}".lower())


class _TooSlowError(Exception):
    """The answer kept coming, but not to its end."""


def _within(timeout_s: float, call: Callable[[], object]) -> object:
    """The value of ``call``. A socket's timeout begins anew with every byte that drips in; this one does not.

    Raises:
        _TooSlowError: it took longer, with a grace for the client's own timeout to come first. The call ends
            with its connection.
    """
    executor = futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-call")
    try:
        return executor.submit(call).result(timeout_s + min(1.0, timeout_s))
    except futures.TimeoutError as error:
        raise _TooSlowError from error
    finally:
        executor.shutdown(wait=False)


def _read_completion(completion: object, secret: str) -> Reply:
    """The parts of a completion that matter. Servers leave out what they like: nothing is taken for granted.

    The client builds its values without checking them; an answer that is no JSON arrives as a ``str``.
    """
    choices = getattr(completion, "choices", None)
    usage = getattr(completion, "usage", None)
    tokens = (_count(getattr(usage, "prompt_tokens", None)), _count(getattr(usage, "completion_tokens", None)))
    if not isinstance(choices, list) or not choices:
        return Reply(None, None, None, False, *tokens)
    message = getattr(choices[0], "message", None)
    content, refusal = getattr(message, "content", None), getattr(message, "refusal", None)
    finish = getattr(choices[0], "finish_reason", None)
    return Reply(
        content=content.replace(secret, REDACTED) if isinstance(content, str) and content.strip() else None,
        refusal=refusal if isinstance(refusal, str) and refusal.strip() else None,
        finish_reason=finish if isinstance(finish, str) else None,
        is_completion=message is not None,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _retry_after(headers: Mapping[str, str], now: Clock) -> float | None:
    """How long the server asks to wait: seconds, or a date."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(text) - now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds == seconds else None  # NaN is not equal to itself


def _times(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
