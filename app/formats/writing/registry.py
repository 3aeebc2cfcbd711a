"""Every format that traces are written in."""

from __future__ import annotations

from app.errors import InvalidError
from app.formats.writing.atif import AtifWriter
from app.formats.writing.base import Writer
from app.formats.writing.harbor import HarborWriter
from app.formats.writing.jsonl import CanonicalLines
from app.formats.writing.messages import Messages
from app.formats.writing.parquet import ParquetWriter
from app.formats.writing.preference import Preference
from app.formats.writing.process import Process
from app.formats.writing.sts import SessionViewer
from app.formats.writing.swe_bench import SweBenchWriter
from app.formats.writing.unpaired import Unpaired
from app.formats.writing.verifier import Verifier

WRITERS: tuple[Writer, ...] = (
    CanonicalLines(),
    ParquetWriter(),
    Messages(),
    Preference(),
    Unpaired(),
    Process(),
    Verifier(),
    AtifWriter(),
    SweBenchWriter(),
    HarborWriter(),
    SessionViewer(),
)


class UnknownWriterError(InvalidError):
    """Traces are not written in this format."""

    code = "unknown_export_format"


def find_writer(name: str) -> Writer:
    """The writer of this name.

    Raises:
        UnknownWriterError: there is none.
    """
    found = next((writer for writer in WRITERS if writer.name == name), None)
    if found is None:
        raise UnknownWriterError(f"{name} is no export format; there are {', '.join(writer.name for writer in WRITERS)}")
    return found
