"""Logs of Inspect AI: one evaluation, of which each sample is a session. As JSON, or as a zip archive of JSON files."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, cast

import zstandard

from app.formats.base import ReadOptions, ReadSession
from app.formats.errors import FormatError, NothingUsableError, UnreadableSourceError
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.toolbox import tell
from app.formats.pieces.values import mapping, mappings, milliseconds, moment, plain, sequence, short, text, words
from app.formats.source import Source, parse_document

MAX_SAMPLE_BYTES = 128 * 1024 * 1024
"""Largest file in an archive, unpacked: it is read whole, as a document by itself would be."""
MAX_ARCHIVE_BYTES = 4 * 1024 * 1024 * 1024
"""Most that the files of an archive may come to, unpacked, one after the other."""
MAX_ARCHIVE_FILES = 100_000
MAX_RATIO = 500
"""Unpacked ÷ packed, of a file that unpacks to more than ``_RATIO_FREE_BYTES``: repetitive text packs well, bombs better."""
_RATIO_FREE_BYTES = 16 * 1024 * 1024
_ZSTANDARD = 93
_LOCAL_HEADER = struct.Struct("<I22xHH")
_LOCAL_MAGIC = 0x04034B50
_MAX_WINDOW_BYTES = 128 * 1024 * 1024
"""What unpacking may hold in memory, whatever a file announces; the packer's own levels stay far below."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    zstandard.ZstdError,
    EOFError,
    ValueError,
    OSError,
    NotImplementedError,
    RuntimeError,
)
_SAMPLE = re.compile(r"^samples/[^/]+\.json$")
_ATTACHMENT = "attachment://"
_NO_EVENTS = ("span_begin", "span_end", "sample_init", "state", "store", "sandbox", "step", "subtask", "info", "input",
              "sample_limit", "approval", "logger", "error", "interrupt")  # fmt: skip


class InspectAi:
    """``*.eval`` and ``*.json``, log version 2."""

    name = "inspect-ai"
    title = "a log of Inspect AI"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        if source.shape.kind == "zip":
            return _is_archive(source)
        return source.shape.kind == "document" and _is_header(mapping(source.shape.records[0]))

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        found = 0
        for header, sample in _archive(source) if source.shape.kind == "zip" else _document(source):
            found += 1
            yield _session(Draft(self.name, options, agent_name="inspect-ai"), source, header, sample)
        if not found:
            raise NothingUsableError(f"{source.name} looks like {self.title}, and holds no sample")


def _is_header(document: Mapping[str, Any]) -> bool:
    return "eval" in document and "version" in document and ("plan" in document or "samples" in document)


def _document(source: Source) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    document = mapping(source.document)
    yield from ((document, sample) for sample in mappings(document.get("samples")))


def _is_archive(source: Source) -> bool:
    try:
        with zipfile.ZipFile(source.file) as archive:
            names = archive.namelist()[:MAX_ARCHIVE_FILES]
            return "header.json" in names or any(name.startswith("_journal/") for name in names)
    except _DAMAGE:
        return False


def _archive(source: Source) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The samples of an archive, one at a time. Nothing is unpacked to disk, and no name in it is ever a path here."""
    try:
        with zipfile.ZipFile(source.file) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARCHIVE_FILES:
                raise FormatError(f"{source.name} holds more than {MAX_ARCHIVE_FILES} files")
            names = {entry.filename for entry in entries}
            # an evaluation that was interrupted has its beginning in the journal alone
            header_name = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
            budget = _Budget(source, archive)
            header = mapping(budget.read(archive.getinfo(header_name))) if header_name is not None else {}
            for entry in entries:
                if _SAMPLE.match(entry.filename):
                    yield header, mapping(budget.read(entry))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        OSError,
        NotImplementedError,
        RuntimeError,
        zstandard.ZstdError,
    ) as error:
        raise UnreadableSourceError(
            source.name, f"its archive is damaged, or packed in a way that is not known: {error}"
        ) from None


class _Budget:
    """Reads files of an archive, and no more than may be."""

    def __init__(self, source: Source, archive: zipfile.ZipFile) -> None:
        self._source = source
        self._archive = archive
        self._left = MAX_ARCHIVE_BYTES

    def read(self, entry: zipfile.ZipInfo) -> Any:
        """The JSON of a file. What its header says of its size is not believed."""
        limit = min(MAX_SAMPLE_BYTES, self._left, max(_RATIO_FREE_BYTES, MAX_RATIO * entry.compress_size))
        with self._open(entry) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise FormatError(f"{self._source.name} holds a file that unpacks to more than {limit} bytes")
        self._left -= len(content)
        return parse_document(f"{entry.filename} in {self._source.name}", content)

    def _open(self, entry: zipfile.ZipInfo) -> AbstractContextManager[BinaryIO]:
        if entry.compress_type != _ZSTANDARD:
            return cast("AbstractContextManager[BinaryIO]", self._archive.open(entry))
        # the standard library knows this way of packing from Python 3.14 on
        file = self._source.file
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) != _LOCAL_HEADER.size:
            raise zipfile.BadZipFile("a file is not where the archive says")
        magic, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        if magic != _LOCAL_MAGIC:
            raise zipfile.BadZipFile("a file is not where the archive says")
        file.seek(name_bytes + extra_bytes, 1)
        packed = io.BytesIO(file.read(min(entry.compress_size, MAX_SAMPLE_BYTES)))
        unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        return cast("AbstractContextManager[BinaryIO]", unpacker.stream_reader(packed, read_across_frames=True))


def _session(draft: Draft, source: Source, header: Mapping[str, Any], sample: Mapping[str, Any]) -> ReadSession:
    evaluation = mapping(header.get("eval"))
    identity, epoch = text(sample.get("id")) or str(sample.get("id")), sample.get("epoch")
    draft.source_id = text(sample.get("uuid")) or f"{text(evaluation.get('eval_id'))}-{identity}-{epoch}"
    draft.bug_id, draft.model = identity, text(evaluation.get("model"))
    draft.agent_version = text(mapping(evaluation.get("packages")).get("inspect_ai"))
    draft.began, draft.ended = moment(sample.get("started_at")), moment(sample.get("completed_at"))
    draft.notes |= {"task": text(evaluation.get("task")), "epoch": epoch, "scores": plain(sample.get("scores"))}
    attached = mapping(sample.get("attachments"))
    draft.task = _asked(sample.get("input"), attached) or None
    events = [event for event in sequence(sample.get("events")) if isinstance(event, dict)]
    if any(event.get("event") in ("tool", "model") for event in events):
        for number, event in enumerate(events, 1):
            _tell_event(draft, event, attached, f"event-{number}")
    else:
        _tell_messages(draft, sample, attached)
    return draft.finish(source, may_be_empty=draft.task is not None)


def _asked(given: Any, attached: Mapping[str, Any]) -> str:
    if isinstance(given, list):
        asked = [message for message in mappings(given) if message.get("role") == "user"]
        return "\n\n".join(_words(message.get("content"), attached) for message in asked)
    return _words(given, attached)


def _words(value: Any, attached: Mapping[str, Any]) -> str:
    """The text of a content, with what the log keeps apart because it is long."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        return text(attached.get(value.removeprefix(_ATTACHMENT))) or ""
    if isinstance(value, list):
        return "\n".join(
            filter(None, (_words(part.get("text") if isinstance(part, dict) else part, attached) for part in value))
        )
    return words(value)


def _resolved(value: Any, attached: Mapping[str, Any]) -> Any:
    is_reference = isinstance(value, str) and value.startswith(_ATTACHMENT)
    return attached.get(value.removeprefix(_ATTACHMENT)) if is_reference else value


def _tell_event(draft: Draft, event: Mapping[str, Any], attached: Mapping[str, Any], number: str) -> None:
    kind, key = text(event.get("event")), text(event.get("uuid")) or number
    if event.get("pending") is True:
        draft.loss.add(f"event {short(kind) or 'without a kind'}", "it was not completed")
    elif kind == "model":
        choices = list(mappings(mapping(event.get("output")).get("choices")))
        _tell_message(draft, mapping(choices[0].get("message")) if choices else {}, event, attached, key)
    elif kind == "tool":
        _tell_tool(draft, event, attached, key)
    elif kind not in ("score", *_NO_EVENTS):
        draft.loss.add(f"event {short(kind) or 'without a kind'}", "a trace has no place for it")
    else:
        draft.loss.add(f"event {kind}", "it tells of the evaluation, not of the session")


def _tell_message(
    draft: Draft, message: Mapping[str, Any], event: Mapping[str, Any], attached: Mapping[str, Any], key: str
) -> None:
    when, content = moment(event.get("timestamp")), message.get("content")
    for number, part in enumerate(mappings(content), 1):
        if part.get("type") == "reasoning":
            draft.think(f"{key}/reasoning-{number}", when, _words(part.get("reasoning"), attached), thinking=True)
    draft.think(key, when, _words(content, attached))


def _tell_tool(draft: Draft, event: Mapping[str, Any], attached: Mapping[str, Any], key: str) -> None:
    arguments = {name: _resolved(value, attached) for name, value in mapping(event.get("arguments")).items()}
    call = Call(text(event.get("id")) or key, text(event.get("function")) or "tool", arguments, moment(event.get("timestamp")))
    failure = mapping(event.get("error"))
    shown = _words(event.get("result"), attached) or text(failure.get("message")) or ""
    call.result = Result(
        shown, moment(event.get("completed")), bool(failure), duration_ms=milliseconds(event.get("working_time"))
    )
    if failure.get("type") == "approval":
        draft.refused(call)
    elif call.tool == "python" and "code" in arguments:
        draft.run(call, text(arguments["code"]) or "", language="python")
    else:
        tell(draft, call)


def _tell_messages(draft: Draft, sample: Mapping[str, Any], attached: Mapping[str, Any]) -> None:
    """Of a log without events, the conversation."""
    answers = {text(message.get("tool_call_id")): message for message in mappings(sample.get("messages"))}
    for number, message in enumerate(mappings(sample.get("messages")), 1):
        key = text(message.get("id")) or f"message-{number}"
        if message.get("role") != "assistant":
            continue
        _tell_message(draft, message, {}, attached, key)
        for place, call in enumerate(mappings(message.get("tool_calls")), 1):
            identity = text(call.get("id"))
            answer = mapping(answers.get(identity) if identity is not None else None)
            event = {**call, "result": answer.get("content"), "error": answer.get("error")}
            _tell_tool(draft, event, attached, f"{key}/{place}")
