"""One request to a chat model over the OpenAI client. Whatever the network or the server does comes back as a value.

The client's own retries are off and redirects are not followed: what is judged goes to the configured host and to no other.
Answers are bounded in size and in time. The key is handed to the client and appears in no log, no reason and no reply.
"""

from __future__ import annotations

import email.utils
import json
import logging
import math
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
import openai

from app.qa.judge.config import LLMConfig
from app.utils.clock import Clock, in_zone

MAX_REPLY_BYTES = 4 * 1024 * 1024
MAX_COMPLAINT = 20_000
MAX_REASON = 300
"""Characters in which a server says what is wrong, before it repeats what was sent to it."""
MAX_TOKENS_TOLD = 100_000_000
"""More than any reply takes; a server that tells more is not believed."""
THREAD_NAME = "judge-call"

Message = dict[str, str]
Failure = Literal["configuration", "rate_limited", "unavailable", "timeout", "rejected"]

_PASSING = frozenset({408, 409, 429})
_CONFIGURATION = frozenset({401, 403, 404})
_ADJUSTABLE = frozenset({400, 422})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
"""Codes by which some providers say that they held the question back."""
_PACKINGS = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_TOO_LONG = "context_length_exceeded"
_ABOUT_LENGTH = re.compile(
    r"context[ _](?:length|window|size)|(?:prompt|input|request) is too long|too many (?:input )?tokens|input token count",
    re.IGNORECASE,
)
_ABOUT_LIMIT = re.compile(r"max_(?:completion_)?tokens\W{1,3}(?:or \W?max_completion_tokens\W{1,3})?is too large")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/=+-]{1,128}")
_TRANSPORT_LOGS = (
    "openai._base_client",
    "openai._legacy_response",
    "openai._response",
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
)


@dataclass(frozen=True)
class ChatRequest:
    """What one request says."""

    model: str
    messages: Sequence[Message]
    options: Mapping[str, object] = field(default_factory=dict)


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
    may_pass: bool = False
    """Whether the same request may succeed later."""
    after_s: float | None = None
    """How long the server asks to wait."""
    may_cost: bool = False
    """Whether the model may have worked on it all the same."""


@dataclass(frozen=True)
class BadRequest:
    """The server takes the endpoint and the key, but not the request."""

    status: int
    text: str
    """What the server says about it, for deciding what to leave out; not to be stored."""
    is_too_long: bool = False
    """Whether the question does not fit the model, whatever is left out of the options."""


@dataclass(frozen=True)
class Exchange:
    """What came of one request."""

    outcome: Reply | Failed | BadRequest
    http_status: int | None = None
    request_id: str | None = None


class ChatEndpoint:
    """Connections to the endpoint, for any number of threads. Close it after use."""

    def __init__(self, config: LLMConfig, now: Clock) -> None:
        _keep_transport_quiet()
        self._config = config
        self._now = now
        self._client = openai.OpenAI(
            api_key=config.api_key,
            base_url=config.base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultHttpx2Client(follow_redirects=False, event_hooks={"response": [self._bound]}),
        )
        self._calling = threading.local()

    def close(self) -> None:
        """Give the connections back; a request that is still under way ends with its next byte."""
        self._client.close()

    def ask(self, request: ChatRequest, timeout_s: float) -> Exchange:
        """The answer to one request, whose body has come whole within ``timeout_s`` of real time."""
        create: Callable[..., Any] = self._client.chat.completions.with_raw_response.create
        self._calling.ends_at = time.monotonic() + timeout_s
        try:
            raw = create(model=request.model, messages=list(request.messages), timeout=timeout_s, **request.options)
        except openai.APITimeoutError as error:
            never_sent = isinstance(error.__cause__, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            return Exchange(Failed("timeout", _no_answer_within(timeout_s), may_pass=True, may_cost=not never_sent))
        except openai.APIStatusError as error:
            return self._described(self._refusal(error), error.response)
        except openai.APIConnectionError as error:
            return Exchange(_unconnected(error))
        return self._described(_read_completion(raw.content), raw.http_response)

    def _described(self, outcome: Reply | Failed | BadRequest, response: httpx2.Response) -> Exchange:
        named = response.headers.get("x-request-id", "")
        is_plain = _REQUEST_ID.fullmatch(named) is not None and self._config.api_key not in named
        return Exchange(outcome, response.status_code, named if is_plain else None)

    def _bound(self, response: httpx2.Response) -> None:
        """Called with each answer before its body is read, in the thread that asked."""
        # the transport would unpack whatever comes, to any size
        packing = response.headers.pop("content-encoding", "identity")
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _BoundedBody(response.stream, packing, self._calling.ends_at, is_cut=not response.is_success)

    def _refusal(self, error: openai.APIStatusError) -> Reply | Failed | BadRequest:
        status, host = error.status_code, self._config.endpoint_host
        if status == 400 and error.code in _FILTERED:
            return Reply(None, finish_reason="content_filter", prompt_tokens=0, completion_tokens=0)
        if status < 400:
            return Failed("configuration", f"HTTP {status} from {host}, which sends elsewhere")
        if status in _CONFIGURATION:
            return Failed("configuration", f"HTTP {status} from {host}")
        if status == 429 and error.code == "insufficient_quota":
            return Failed("rate_limited", "HTTP 429, the quota is used up")
        if status in _PASSING or status >= 500:
            reason: Failure = "rate_limited" if status == 429 else "timeout" if status == 408 else "unavailable"
            return Failed(reason, f"HTTP {status}", may_pass=True, after_s=retry_after(error.response.headers, self._now))
        if status in _ADJUSTABLE:
            complaint = f"{error.param or ''} {error.response.text[:MAX_COMPLAINT]}".lower()
            return BadRequest(status, complaint, _says_too_long(error))
        return Failed("rejected", f"HTTP {status} from {host}")


def late(timeout_s: float) -> Exchange:
    """What becomes of a request that is not waited for any longer."""
    return Exchange(Failed("timeout", _no_answer_within(timeout_s), may_pass=True, may_cost=True))


def retry_after(headers: Mapping[str, str], now: Clock) -> float | None:
    """How long the server asks to wait: milliseconds, seconds, or until a date. ``None`` where it does not say."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        moment = in_zone(email.utils.parsedate_to_datetime(text))
        return max(0.0, (moment - now()).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


class _UnusableError(httpx2.RequestError):
    """The body is larger than any answer, or cannot be unpacked."""


class _BoundedBody(httpx2.SyncByteStream):
    """A body of at most ``MAX_REPLY_BYTES``, up to a moment. A socket's timeout begins anew with every byte that drips in.

    Nothing packed is asked for; where it comes all the same, it is unpacked here, as far as the bound. A body that ``is_cut``
    ends where it cannot be read any further: of an error, the status counts, whatever is said with it.
    """

    def __init__(self, body: httpx2.SyncByteStream, packing: str, ends_at: float, is_cut: bool) -> None:
        self._body = body
        self._is_cut = is_cut
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if packing.strip().lower() in _PACKINGS else None
        self._ends_at = ends_at

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._bounded()
        except _UnusableError:
            if not self._is_cut:
                raise

    def _bounded(self) -> Iterator[bytes]:
        size = 0
        for packed in self._body:
            chunk = self._unpacked(packed)
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise _UnusableError("the body is too large")
            if time.monotonic() > self._ends_at:
                raise httpx2.ReadTimeout("the body takes too long")
            yield chunk

    def _unpacked(self, chunk: bytes) -> bytes:
        try:
            return self._unpacker.decompress(chunk, MAX_REPLY_BYTES + 1) if self._unpacker is not None else chunk
        except zlib.error as error:
            raise _UnusableError("the body cannot be unpacked") from error

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()


class _NotOurCalls(logging.Filter):
    """Holds back what is said in the threads of our calls: a server fills the headers that are told there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter.filter``."""
        del record
        return not threading.current_thread().name.startswith(THREAD_NAME)


_NOT_OUR_CALLS = _NotOurCalls()


def _keep_transport_quiet() -> None:
    for name in _TRANSPORT_LOGS:
        logging.getLogger(name).addFilter(_NOT_OUR_CALLS)


def _says_too_long(error: openai.APIStatusError) -> bool:
    """Whether the question is too long. A server that wants less room for the answer does not say that."""
    told = _field(error.body, "message")
    reason = (told if isinstance(told, str) else error.response.text)[:MAX_REASON]
    is_about_length = error.code == _TOO_LONG or _ABOUT_LENGTH.search(reason) is not None
    return is_about_length and _ABOUT_LIMIT.search(reason) is None


def _unconnected(error: openai.APIConnectionError) -> Reply | Failed:
    if isinstance(error.__cause__, _UnusableError):
        return Reply(None, is_completion=False)
    never_sent = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ProxyError)
    return Failed(
        "unavailable", "no connection" if never_sent else "the connection broke", may_pass=True, may_cost=not never_sent
    )


def _read_completion(body: bytes) -> Reply:
    """The parts of a completion that matter. Servers leave out what they like: nothing is taken for granted."""
    try:
        completion = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(None, is_completion=False)
    usage = _field(completion, "usage")
    tokens = (_count(_field(usage, "prompt_tokens")), _count(_field(usage, "completion_tokens")))
    choices = _field(completion, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = _field(first, "message")
    if not isinstance(message, dict):
        return Reply(None, None, _text(_field(first, "finish_reason")), False, *tokens)
    return Reply(
        content=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(_field(first, "finish_reason")),
        is_completion=True,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
    )


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TOKENS_TOLD else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _no_answer_within(timeout_s: float) -> str:
    return f"no whole answer within {timeout_s:.1f} s"
