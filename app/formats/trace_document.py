"""Traces as PR Telemetry itself writes them: a document that was exported, or a session as it is sent to ``POST /traces``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from app.errors import Fault
from app.formats.base import REQUIRED_FACTS, LossReport, ReadOptions, ReadSession
from app.formats.errors import FormatError
from app.formats.pieces.values import mapping, mappings, sequence
from app.formats.source import Source
from app.models.trace import TraceStart

_SERVERS = ("artifacts", "metrics", "qa_results", "qa_history", "integrity", "status", "created_at", "finalized_at", "revision",
            "redactions", "zone_assumed", "request_sha256")  # fmt: skip
_SERVERS_OF_EVENTS = ("seq", "received_at", "zone_assumed", "hash")
_LOST = {
    "artifacts": "a document names artifacts, and does not hold them",
    "qa_results": "a result belongs to the server that found it",
    "qa_history": "a result belongs to the server that found it",
    "integrity": "a seal is of the document as it was",
}


class TraceDocument:
    """One trace in a document; also several, one a line."""

    name = "trace"
    title = "a trace of PR Telemetry"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        return source.shape.kind in ("lines", "document") and any(map(_is_trace, source.shape.records))

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        if source.shape.kind == "document":
            if not _is_trace(source.document):
                raise FormatError(f"{source.name} is no trace: developer_id, start_time or repo is missing")
            yield _session(source, mapping(source.document), options)
            return
        for line in source.lines():
            if not _is_trace(line.value):
                raise FormatError(
                    f"{source.name} holds no trace in line {line.number}: {line.problem or 'its fields are missing'}"
                )
            yield _session(source, line.value, options)


def _is_trace(value: Any) -> bool:
    return isinstance(value, dict) and "developer_id" in value and isinstance(value.get("repo"), dict) and "start_time" in value


def _session(source: Source, document: Mapping[str, Any], options: ReadOptions) -> ReadSession:
    loss = LossReport()
    for name, reason in _LOST.items():
        if document.get(name):
            loss.add(name, reason, len(document[name]) if name in ("artifacts", "qa_history") else 1)
    fields = {name: value for name, value in document.items() if name not in _SERVERS and value is not None}
    arrived = sorted(mappings(document.get("events")), key=lambda event: event.get("seq") or 0 if _has_seq(event) else 0)
    strays = len(sequence(document.get("events"))) - len(arrived)
    if strays:
        loss.add("event", "it is no object", strays)
    fields["events"] = [{name: value for name, value in event.items() if name not in _SERVERS_OF_EVENTS} for event in arrived]
    given = options.repo.model_dump(mode="json", exclude_unset=True)
    fields["repo"] = {**given, **{name: value for name, value in document["repo"].items() if value is not None}}
    if options.developer_id is not None:
        fields["developer_id"] = options.developer_id
    trace = _validated(source, fields)
    missing = tuple(name for name in REQUIRED_FACTS if getattr(trace.repo, name) is None)
    return ReadSession(trace, loss.losses(), missing)


def _has_seq(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("seq"), int)


def _validated(source: Source, fields: Mapping[str, Any]) -> TraceStart:
    try:
        return TraceStart.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        faults = [Fault(tuple(fault["loc"]), fault["msg"]) for fault in error.errors(include_input=False, include_url=False)]
        shown = "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in faults[:3])
        raise FormatError(f"{source.name} is no valid trace: {shown}", faults) from None
