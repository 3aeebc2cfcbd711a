"""Finalized traces in the shape of the recording API, and of the recorders that came before it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.errors import Fault
from app.formats.base import REQUIRED_FACTS, LossReport, ReadOptions, ReadSession
from app.formats.errors import FormatError
from app.formats.pieces.values import mapping, mappings, moment, text
from app.formats.source import Source
from app.models.events import Event
from app.models.recording import RecordedEvent
from app.models.trace import TraceStart
from app.rules.recording import as_event
from app.utils.clock import in_zone

_RECORDED: TypeAdapter[RecordedEvent] = TypeAdapter(RecordedEvent)
_OF_SESSION = ("role", "agent", "consent", "client_clock", "recorder")
_OF_REPO = (*REQUIRED_FACTS, "language_stats", "image", "requirements")
_OF_ENVIRONMENT = ("os", "ide_version", "python_version", "tools")
_OF_EVENTS = ("ts_server_s", "received_at", "hash", "zone_assumed", "edit_bytes")
_LOST = {
    "artifacts": "a document names artifacts, and does not hold them",
    "qa": "a result belongs to the server that found it",
    "integrity": "a seal is of the document as it was",
}


class RecordingDocument:
    """What ``GET /v1/traces/{trace_id}`` answers."""

    name = "recording"
    title = "a session of the recording API"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        document = mapping(source.shape.records[0]) if source.shape.kind == "document" else {}
        return "trace_version" in document and isinstance(document.get("session"), dict) and "events" in document

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        document, loss = mapping(source.document), LossReport()
        for name, reason in _LOST.items():
            if document.get(name):
                loss.add(name, reason)
        fields = _fields(source, document, options)
        try:
            trace = TraceStart.model_validate_json(json.dumps(fields))
        except ValidationError as error:
            raise _invalid(source, error, ()) from None
        began = in_zone(moment(document.get("created_at")) or trace.start_time)
        events = tuple(_event(source, event, began, number) for number, event in enumerate(_arrived(document, loss)))
        trace = trace.model_copy(update={"events": events})
        missing = tuple(name for name in REQUIRED_FACTS if getattr(trace.repo, name) is None)
        yield ReadSession(trace, loss.losses(), missing)


def _fields(source: Source, document: Mapping[str, Any], options: ReadOptions) -> dict[str, Any]:
    session, task, repo = mapping(document.get("session")), mapping(document.get("task")), mapping(document.get("repo"))
    stated = {
        **repo,
        "url": repo.get("url") or repo.get("origin"),
        "commit_before": repo.get("commit_before") or repo.get("start_commit"),
    }
    given = options.repo.model_dump(mode="json", exclude_unset=True)
    environment = {name: value for name, value in mapping(document.get("environment")).items() if name in _OF_ENVIRONMENT}
    consent = {} if options.consent is None else {"consent": options.consent.model_dump()}
    fields = {
        "trace_id": session.get("trace_id") or f"recording-{source.sha256[:32]}",
        "developer_id": options.developer_id or session.get("participant_id"),
        "bug_id": task.get("task_id"),
        "start_time": session.get("start_time") or document.get("created_at"),
        "end_time": session.get("end_time"),
        "repo": {**given, **{name: value for name, value in stated.items() if name in _OF_REPO and value is not None}},
        "task": {
            "title": task.get("task_title"),
            "description": task.get("task_description"),
            "known_failing_tests": task.get("known_failing_tests") or [],
        },
        "session": {**consent, **{name: session[name] for name in _OF_SESSION if session.get(name) is not None}},
        "environment": environment or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _arrived(document: Mapping[str, Any], loss: LossReport) -> list[Mapping[str, Any]]:
    found = list(mappings(document.get("events")))
    known = [event for event in found if text(event.get("type")) is not None]
    if len(known) != len(found):
        loss.add("event", "it has no type", len(found) - len(known))
    return known


def _event(source: Source, fields: Mapping[str, Any], began: datetime, number: int) -> Event:
    plain = {
        name: value for name, value in fields.items() if name not in _OF_EVENTS or (name == "edit_bytes" and value is not None)
    }
    if isinstance(plain.get("structured"), dict) and not plain["structured"]:
        del plain["structured"]
    try:
        return as_event(_RECORDED.validate_json(json.dumps(plain)), {}, {}, began)
    except ValidationError as error:
        raise _invalid(source, error, ("events", number)) from None
    except ValueError as error:
        raise FormatError(f"{source.name}: events.{number}: {error}") from None


def _invalid(source: Source, error: ValidationError, where: tuple[str | int, ...]) -> FormatError:
    found = error.errors(include_input=False, include_url=False)
    faults = [Fault((*where, *fault["loc"]), fault["msg"]) for fault in found]
    shown = "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in faults[:3])
    return FormatError(f"{source.name} is no valid session of the recording API: {shown}", faults)
