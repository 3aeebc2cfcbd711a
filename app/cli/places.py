"""Where traces lie: in a data directory, on a server, or in a file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from app.cli.terminal import progress_line
from app.errors import NotFoundError, SettingsError

if TYPE_CHECKING:
    from app.cli.client import Client
    from app.cli.session_document import SessionDocument
    from app.settings import Settings

_IN_MEMORY_BYTES = 4 * 1024 * 1024
Filters = Sequence[tuple[str, str]]
"""Parameters of ``GET /traces`` by name."""


class Place(Protocol):
    """Traces by id, and found by filters."""

    def pages(self, filters: Filters) -> Iterator[Mapping[str, Any]]:
        """Page after page, in the shape that ``GET /traces`` answers in.

        Raises:
            InvalidError: a filter is unknown or wrong; ``faults`` names each.
        """
        ...

    def write(self, trace_id: str, file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        """The document of a trace, into a file.

        Raises:
            NotFoundError: no trace has this id.
        """
        ...


class ServerPlace:
    """Traces on a server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def pages(self, filters: Filters) -> Iterator[Mapping[str, Any]]:
        """See ``Place``."""
        cursor: str | None = None
        while True:
            page = self._client.get(f"/traces?{urlencode([*filters, *([('cursor', cursor)] if cursor else [])])}")
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def write(self, trace_id: str, file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        """See ``Place``."""
        with self._client.stream(f"/traces/{quote(trace_id, safe='')}") as answer:
            shutil.copyfileobj(answer, file)


class DirectoryPlace:
    """Traces in a data directory, whether or not a server is using it."""

    def __init__(self, settings: Settings) -> None:
        if not (settings.data_dir / "traces").is_dir():
            raise SettingsError(f"{settings.data_dir} is no data directory; name one with --data-dir, or a --server")
        self._settings = settings

    def pages(self, filters: Filters) -> Iterator[Mapping[str, Any]]:
        """See ``Place``."""
        from app.api.listing import TraceListing, parse_parameters
        from app.bootstrap.readings import queries_of

        query = parse_parameters(list(filters)).query()
        with ExitStack() as stack:
            with progress_line(0, 1, "looking through the data directory"):
                queries = stack.enter_context(queries_of(self._settings))
            while True:
                page = queries.find(query)
                listing = TraceListing(traces=page.items, next_cursor=page.next_cursor, complete=page.complete)
                yield listing.model_dump(mode="json")
                if page.next_cursor is None:
                    return
                query = query.model_copy(update={"cursor": page.next_cursor})

    def write(self, trace_id: str, file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        """See ``Place``."""
        from app.bootstrap.readings import reader_of

        for block in reader_of(self._settings).read(trace_id).blocks:
            file.write(block)


def place_of(server: str | None, data_dir: Path | None) -> Place:
    """The place that the options name; the data directory of the settings where they name none.

    Raises:
        SettingsError: both are named, or there is no such data directory.
    """
    if server is not None and data_dir is not None:
        raise SettingsError("--server and --data-dir exclude each other")
    if server is not None:
        from app.cli.client import client_of

        return ServerPlace(client_of(server))
    from app.settings import load_unchecked_settings

    settings = load_unchecked_settings()
    return DirectoryPlace(settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir}))


@contextmanager
def opened_session(name: str, server: str | None, data_dir: Path | None) -> Iterator[SessionDocument]:
    """The trace in a file of this name; where there is none, the one with this id.

    Raises:
        InvalidError: the file holds no trace.
        NotFoundError: there is neither.
    """
    from app.cli.session_document import read_session

    path = Path(name)
    if path.is_file():
        with path.open("rb") as file:
            yield read_session(name, file)
        return
    if path.suffix == ".json" or "/" in name:
        raise NotFoundError(f"There is no file {name}")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
        place_of(server, data_dir).write(name, copy)
        yield read_session(f"trace {name}", copy)  # type: ignore[arg-type]  # a seekable binary file, whatever its class says
