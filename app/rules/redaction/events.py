"""Redaction on its way through a trace: every text that a client wrote, except names that other things are found by.

Left as they are: file paths, hashes and commit ids, references to artifacts, ids of events, developers and bugs. In free JSON
and in environments the key names its value, so ``{"DB_PASSWORD": "…"}`` is found as ``DB_PASSWORD="…"`` would be.
What needs no change is returned as the same object.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, JsonValue

from app.models.events import CodeEdit, CodeEditData, Event, EventData
from app.models.trace import Environment, NewTrace, Repo, Session, Task, Trace, TraceStart
from app.rules.redaction.policy import RedactionPolicy
from app.rules.redaction.redact import marker, redact_text
from app.rules.redaction.screening import find_suspects

_FOUND_BY = frozenset({"file_path", "sha", "parent_sha", "hash_before", "hash_after", "stdout_ref", "stderr_ref", "report_ref"})
_HASHED = ("diff", "snapshot_after")
_LONGEST_NAMED_VALUE = 4096
_LONGEST_SHORT_TEXT = 512
"""A field of type ``ShortText`` holds no more, so a marker may not make it longer."""

AnyTrace = TypeVar("AnyTrace", TraceStart, NewTrace, Trace)


def redact_events(events: Sequence[Event], policy: RedactionPolicy) -> tuple[tuple[Event, ...], Counter[str]]:
    """What ``redact_event`` makes of each event, and the counts of all: their texts are searched in one go."""
    counts: Counter[str] = Counter()
    if not policy.kinds:
        return tuple(events), counts
    texts: list[str] = []
    ends: list[int] = []
    for event in events:
        _gather_fields(event.data, texts)
        ends.append(len(texts))
    redacted = list(events)
    for index in {bisect_right(ends, suspect) for suspect in find_suspects(texts, policy.rules)}:
        redacted[index], found = redact_event(events[index], policy)
        counts += found
    return tuple(redacted), counts


def redact_event(event: Event, policy: RedactionPolicy) -> tuple[Event, Counter[str]]:
    """The event without its secrets, and how many of each kind there were.

    Where the diff or the snapshot of an edit changed, ``data.extra.redacted`` names them: hashes of that edit speak of the
    text as it was, and a replay that does not match them has a reason.
    """
    redactor = _Redactor(policy)
    if not policy.kinds:
        return event, redactor.counts
    changes = redactor.fields(event.data)
    if not changes:
        return event, redactor.counts
    if isinstance(event, CodeEdit):
        changes |= _note_hashed(event.data, changes)
    return event.model_copy(update={"data": event.data.model_copy(update=changes)}), redactor.counts


def redact_new_trace(trace: NewTrace, policy: RedactionPolicy) -> tuple[NewTrace, Counter[str]]:
    """A whole new trace: its own fields and its events."""
    trace, counts = redact_trace_fields(trace, policy)
    events, found = redact_events(trace.events, policy)
    if any(new is not old for new, old in zip(events, trace.events, strict=True)):
        trace = trace.model_copy(update={"events": events})
    return trace, counts + found


def redact_trace_fields(trace: AnyTrace, policy: RedactionPolicy) -> tuple[AnyTrace, Counter[str]]:
    """Repository, task, session and environment of a trace; its events stay as they are."""
    redactor = _Redactor(policy)
    changes: dict[str, Any] = {}
    if policy.kinds:
        for name in ("repo", "task", "session", "environment"):
            part: Repo | Task | Session | Environment | None = getattr(trace, name)
            if part is not None and (new := redactor.value(part, name)) is not part:
                changes[name] = new
    return (trace.model_copy(update=changes) if changes else trace), redactor.counts


class _Redactor:
    """Walks through values and counts what it finds."""

    def __init__(self, policy: RedactionPolicy) -> None:
        self._rules = policy.rules
        self.counts: Counter[str] = Counter()

    def fields(self, model: Any) -> dict[str, Any]:
        """The fields of a model that change, with their new values."""
        changes: dict[str, Any] = {}
        for name in model.model_fields_set:
            old = getattr(model, name)
            if old is None or name in _FOUND_BY:
                continue
            new = self.value(old, name)
            if new is not old:
                changes[name] = new
        return changes

    def value(self, old: Any, name: str) -> Any:
        """The value without secrets; the same object where it holds none."""
        if isinstance(old, str):
            return self._text(old, name)
        if isinstance(old, dict):
            return self._mapping(old)
        if isinstance(old, tuple | list):
            new = [self.value(item, name) for item in old]
            return type(old)(new) if _differs(new, old) else old
        if hasattr(old, "model_fields_set"):
            changes = self.fields(old)
            return old.model_copy(update=changes) if changes else old
        return old

    def _text(self, old: str, name: str) -> str:
        redacted = redact_text(old, self._rules)
        if not redacted.findings:
            return old
        self.counts += redacted.counts()
        if name in _SHORT_TEXTS and len(redacted.text) > _LONGEST_SHORT_TEXT:
            return marker(redacted.findings[0].kind)
        return redacted.text

    def _mapping(self, old: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        new = {self._text(key, ""): self._named(key, value) for key, value in old.items()}
        return new if list(new) != list(old) or _differs(list(new.values()), list(old.values())) else old

    def _named(self, key: str, value: Any) -> Any:
        """A value whose key may say that it is a secret."""
        new = self.value(value, "")
        if new is value and isinstance(value, str) and len(value) <= _LONGEST_NAMED_VALUE:
            kind = self._kind_by_name(key, value)
            if kind is not None:
                self.counts[kind] += 1
                return marker(kind)
        return new

    def _kind_by_name(self, key: str, value: str) -> str | None:
        for written in _written(key, value):
            start = len(written) - len(value) - written.endswith('"')
            redacted = redact_text(written, self._rules)
            if len(redacted.findings) == 1 and redacted.findings[0].start <= start:
                return redacted.findings[0].kind
        return None


def _written(key: str, value: str) -> tuple[str, str]:
    """The key and its value as a file of settings would have them."""
    return f'{key}="{value}"', f"{key}: {value}"


def _gather_fields(model: BaseModel, texts: list[str]) -> None:
    """Every text of a model that ``_Redactor.fields`` looks at."""
    values = model.__dict__
    for name in _names_of_texts(type(model)):
        value = values[name]
        if type(value) is str:
            texts.append(value)
        elif value is not None:
            _gather(value, texts)


@functools.cache
def _names_of_texts(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a kind of model that may hold a text to be searched: all that are not numbers."""
    return tuple(
        name for name, field in model.__pydantic_fields__.items() if name not in _FOUND_BY and not _is_number(field.annotation)
    )


def _is_number(annotation: Any) -> bool:
    """Numbers of any kind, truth values, and nothing."""
    kinds = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _is_number(kinds[0])
    return all(map(_is_number, kinds)) if kinds else annotation in (int, float, bool, type(None))


def _gather(value: Any, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            texts.append(key)
            _gather(item, texts)
            if isinstance(item, str) and len(item) <= _LONGEST_NAMED_VALUE:
                texts.extend(_written(key, item))
    elif isinstance(value, tuple | list):
        for item in value:
            _gather(item, texts)
    elif isinstance(value, BaseModel):
        _gather_fields(value, texts)


_SHORT_TEXTS = frozenset({"url", "branch", "name", "title", "language", "framework", "os", "ide_version", "python_version",
                          "version", "model", "commit_before", "commit_after", "lang", "tz"})  # fmt: skip


def _differs(new: list[Any], old: Any) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))


def _note_hashed(data: CodeEditData, changes: Mapping[str, Any]) -> dict[str, Any]:
    changed = [name for name in _HASHED if name in changes]
    if not changed:
        return {}
    return {"extra": _with_names(changes.get("extra", data.extra), "redacted", changed)}


def _with_names(extra: dict[str, JsonValue] | None, key: str, names: list[str]) -> dict[str, JsonValue]:
    known = (extra or {}).get(key)
    earlier = [name for name in known if isinstance(name, str)] if isinstance(known, list) else []
    return {**(extra or {}), key: [*sorted({*earlier, *names})]}


def note_names(data: EventData, key: str, names: list[str]) -> dict[str, JsonValue]:
    """``data.extra`` with ``names`` among the sorted list under ``key``; what else is there stays."""
    return _with_names(data.extra, key, names)
