"""What is known of a trace without reading it again: all that a decision about its next events needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.errors import CorruptError
from app.models.trace import ArtifactRef, Trace
from app.rules.chain import genesis_of
from app.rules.metrics import Tally, facts_of_stored
from app.storage.base import Receipt, Record, TraceHead
from app.storage.codec import EventLine, StoredRecord, decode_record, parse_header, render_document
from app.storage.journal import Damage, first_checksum, read_lines
from app.storage.journal_writer import JournalWriter
from app.storage.trace_files import TraceFiles, damaged


@dataclass
class Known:
    """A trace as its files have it, kept up to date by whoever writes them."""

    trace: Trace
    """As the document has it, without events."""
    chain: bytes
    checksum: bytes
    """Of the journal's last line."""
    tally: Tally = field(default_factory=Tally)
    num_events: int = 0
    last_seq: int = 0
    event_ids: set[str] = field(default_factory=set)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    artifacts: dict[str, ArtifactRef] = field(default_factory=dict)
    redactions: Counter[str] = field(default_factory=Counter)
    last_chunk_seq: int | None = None
    records: int = 0
    """In the journal; each raises the revision by one."""
    last_seq_in_document: int = 0
    journal_bytes: int = 0
    """As far as the journal was whole when it was read."""
    writer: JournalWriter | None = None
    """Opened for the first append."""

    @property
    def whole_bytes(self) -> int:
        """How far the journal has whole lines."""
        return self.writer.size if self.writer is not None else self.journal_bytes

    def head(self) -> TraceHead:
        """The picture for a decision."""
        return TraceHead(
            trace=self.trace,
            revision=self.trace.revision + self.records,
            num_events=self.num_events,
            event_ids=self.event_ids,
            chain=self.chain,
            receipts=self.receipts,
            artifacts=self.artifacts,
            redactions=self.redactions,
            last_chunk_seq=self.last_chunk_seq,
            metrics=self.tally.metrics if self.trace.status == "open" else None,
        )

    def take(self, record: Record) -> None:
        """Note a record that was written."""
        events = record.events
        if events:
            self.tally.add_all(event.facts for event in events)
            self.event_ids.update([event.event_id for event in events])
            self.num_events += len(events)
            self.last_seq, self.chain = events[-1].seq, events[-1].hash
        self._take_rest(record)

    def take_stored(self, record: StoredRecord) -> None:
        """Note a record that was read. Its events that the document holds already are not counted twice."""
        for line in record.events:
            if line.seq > self.last_seq_in_document:
                self.take_line(line)
        self._take_rest(record)

    def take_line(self, line: EventLine) -> None:
        """Note an event that was read."""
        self.tally.add_all((facts_of_stored(line.fields),))
        self.event_ids.add(str(line.fields["event_id"]))
        self.num_events += 1
        if line.seq > self.last_seq:
            self.last_seq, self.chain = line.seq, bytes.fromhex(line.fields["hash"])

    def note_receipts(self, receipts: Iterable[Receipt]) -> None:
        """Remember requests."""
        for receipt in receipts:
            self.receipts[receipt.kind, receipt.name] = receipt
            if receipt.chunk_seq is not None:
                self.last_chunk_seq = max(receipt.chunk_seq, self.last_chunk_seq or 0)

    def _take_rest(self, record: Record | StoredRecord) -> None:
        self.records += 1
        self.artifacts.update(record.artifacts)
        self.note_receipts(record.receipts)
        if record.redactions:
            self.redactions.update(record.redactions)


def known_from_start(trace: Trace, record: Record) -> Known:
    """What ``read_known`` finds in the document of a trace that begins with this record; it has no journal yet."""
    known = _known_from(parse_header(*render_document(trace, ())))
    known.take(Record(record.events))
    known.records = 0
    known.last_seq_in_document = known.last_seq
    return known


def _known_from(header: Trace) -> Known:
    return Known(
        trace=header,
        chain=genesis_of(header),
        checksum=first_checksum(header.trace_id),
        artifacts=dict(header.artifacts),
        redactions=Counter(header.redactions),
    )


def read_known(files: TraceFiles, receipts: Iterable[Receipt]) -> Known:
    """What the files of a trace say.

    Raises:
        CorruptError: they are damaged; the message says where. A torn last line is no damage.
    """
    trace = files.header()
    if trace.trace_id != files.trace_id:
        raise CorruptError(f"The document of trace {files.trace_id} is another trace's", trace_id=files.trace_id)
    known = _known_from(trace)
    known.note_receipts(receipts)
    if trace.status == "open":
        for _, line in files.document_events():
            known.take_line(line)
        known.last_seq_in_document = known.last_seq
        _replay_journal(files, known)
    else:
        # closed: no event comes any more, and a journal that is still there was folded into the document
        known.num_events = trace.metrics.num_events if trace.metrics is not None else 0
        known.chain = bytes.fromhex(trace.integrity.head) if trace.integrity is not None else known.chain
    return known


def _replay_journal(files: TraceFiles, known: Known) -> None:
    if files.journal is None:
        return
    files.journal.seek(0)
    for line in read_lines(files.journal, files.trace_id):
        if isinstance(line, Damage):
            if line.is_torn:
                return
            raise damaged(files.trace_id, line)
        known.take_stored(decode_record(line.payload))
        known.checksum, known.journal_bytes = line.checksum, line.end
