"""What a start does with what an earlier process left behind: cuts what was never acknowledged, and reports the rest."""

from __future__ import annotations

import os
from dataclasses import dataclass

from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.journal import Damage, read_lines
from app.storage.layout import Layout


@dataclass(frozen=True)
class RecoveryNote:
    """One thing that was found."""

    trace_id: str
    problem: str
    is_damage: bool
    """Something has changed the files since they were written; nothing was changed about it."""


def recover(layout: Layout, traces: FileTraceStore, artifacts: FileArtifactStore) -> list[RecoveryNote]:
    """Bring a data directory into order after a crash. What was acknowledged stays; what is damaged is named and left alone."""
    with disk_errors():
        artifacts.sweep()
        notes = _finish_deletions(layout, traces, artifacts)
        for path in sorted(layout.traces.iterdir()):
            name = path.name
            if name.startswith(".") and name.endswith(".draft"):
                path.unlink(missing_ok=True)
            elif name.endswith(".events.jsonl"):
                notes += _recover_journal(layout, name.removesuffix(".events.jsonl"))
        return notes


def _finish_deletions(layout: Layout, traces: FileTraceStore, artifacts: FileArtifactStore) -> list[RecoveryNote]:
    notes = []
    for tombstone in sorted(layout.tombstones.glob("*.json")):
        trace_id = tombstone.name.removesuffix(".json")
        if layout.document(trace_id).exists() or layout.held(trace_id).exists():
            traces.remove_files(trace_id)
            artifacts.release(trace_id)
            notes.append(RecoveryNote(trace_id, "an interrupted deletion was completed", is_damage=False))
    return notes


def _recover_journal(layout: Layout, trace_id: str) -> list[RecoveryNote]:
    journal = layout.journal(trace_id)
    if not layout.document(trace_id).exists():
        journal.unlink()
        return [RecoveryNote(trace_id, "a creation that was never acknowledged was removed", is_damage=False)]
    with journal.open("rb+") as file:
        damage = next((line for line in read_lines(file, trace_id) if isinstance(line, Damage)), None)
        if damage is None:
            return []
        if damage.is_torn:
            file.truncate(damage.offset)
            os.fsync(file.fileno())
            return [RecoveryNote(trace_id, f"a torn last line was cut off at byte {damage.offset}", is_damage=False)]
    return [RecoveryNote(trace_id, f"line {damage.line}, byte {damage.offset}: {damage.reason}", is_damage=True)]
