"""Reading a data directory, also beside a running server: nothing is written, and no lock is taken."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.errors import SettingsError, UnavailableError
from app.rules.summaries import describe
from app.services.indexing import IndexUpdater
from app.services.queries import QueryService
from app.settings import Settings
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.reading import TraceReader
from app.storage.sqlite_index import SqliteTraceIndex

CATCH_UP_S = 600.0
"""A command that works through a whole data directory waits so long for its index."""


def reader_of(settings: Settings) -> TraceReader:
    """Reads what lies in a data directory, whether or not a server is using it."""
    return TraceReader(Layout(settings.data_dir))


@contextmanager
def queries_of(settings: Settings) -> Iterator[QueryService]:
    """Finding what lies in a data directory. Where a server is using it, nothing in there is written.

    Raises:
        UnavailableError: the traces cannot be read now.
    """
    layout = Layout(settings.data_dir)
    reader = TraceReader(layout)
    with _index_place(layout) as place, closing(SqliteTraceIndex(place)) as index:
        updater = IndexUpdater(lambda trace_id: describe(*reader.scan(trace_id)), FileTraceStore(layout), index)
        with closing(updater):
            updater.catch_up()
            if not updater.drain(CATCH_UP_S):
                raise UnavailableError("The traces of the data directory cannot be read now; try again")
            yield QueryService(index, updater)


@contextmanager
def _index_place(layout: Layout) -> Iterator[Path]:
    """The directory's own index where nobody else writes there; elsewhere an empty one where somebody does, or nobody may."""
    try:
        lock = DataDirLock(layout.lock)
    except (SettingsError, OSError):
        with tempfile.TemporaryDirectory(prefix="pr-telemetry-index-") as folder:
            yield Path(folder) / layout.index.name
        return
    with lock:
        yield layout.index
