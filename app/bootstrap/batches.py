"""Working through a data directory that no server is using."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from app.bootstrap.exchanges import intake_of, make_exports
from app.bootstrap.judges import asked_models, make_judging
from app.bootstrap.readings import CATCH_UP_S
from app.bootstrap.sandboxes import make_finder, make_image_chooser, make_replayer, owner_of, sandbox_profile
from app.bootstrap.server import _log_recovery
from app.dispatch.threads import ThreadDispatcher
from app.errors import UnavailableError
from app.models.replay import ReplayResult
from app.qa.replay import Replayer, ReplayTask
from app.qa.run_cache import NoRunCache
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.services.artifacts import ArtifactService
from app.services.descriptions import Descriptions
from app.services.exchange import ImportService
from app.services.export import ExportService
from app.services.idempotency import RequestKeys
from app.services.indexing import IndexUpdater
from app.services.ingest import IngestService
from app.services.judging import JudgingService
from app.services.qa_run import WorkspaceFinder
from app.services.queries import QueryService
from app.services.replays import ReplayService
from app.services.sealing import Sealer
from app.settings import Settings
from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.keys import load_or_create_key
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.recovery import recover
from app.storage.sqlite_index import SqliteTraceIndex
from app.utils.archives import ArchiveLimits
from app.utils.clock import utc_now
from app.utils.ids import new_uuid


@contextmanager
def imports_into(settings: Settings) -> Iterator[ImportService]:
    """Imports into a data directory that no server is using.

    Raises:
        SettingsError: a server is using it.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    with DataDirLock(layout.lock), closing(SqliteTraceIndex(layout.index)) as index:
        blobs, store = FileArtifactStore(layout), FileTraceStore(layout)
        _log_recovery(recover(layout, store, blobs))
        descriptions = Descriptions(store)
        updater = IndexUpdater(descriptions.of, store, index)
        store.watch(updater.touch, updater.grew)
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        ingest = IngestService(store, intake_of(settings), RequestKeys(), utc_now, new_uuid, descriptions)
        with closing(updater):
            updater.catch_up()
            yield ImportService(ingest, ArtifactService(store, blobs, limits), intake_of(settings))
            # what is left then is taken up by the next start of the server
            updater.drain(CATCH_UP_S)


@contextmanager
def exports_of(settings: Settings) -> Iterator[ExportService]:
    """Exports of what lies in a data directory that no server is using.

    Raises:
        SettingsError: a server is using it.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    with DataDirLock(layout.lock), closing(SqliteTraceIndex(layout.index)) as index:
        store = FileTraceStore(layout)
        updater = IndexUpdater(Descriptions(store).of, store, index)
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        finder = WorkspaceFinder(FileArtifactStore(layout), settings.repos_dir, limits)
        with closing(updater):
            updater.catch_up()
            if not updater.drain(CATCH_UP_S):
                raise UnavailableError("The index of the data directory does not come into step; try again")
            yield make_exports(store, QueryService(index, updater), finder, intake_of(settings))


@contextmanager
def replays_of(settings: Settings) -> Iterator[ReplayService]:
    """Replays of what lies in a data directory that no server is using.

    Raises:
        SettingsError: a server is using it.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    with DataDirLock(layout.lock), closing(ThreadDispatcher(1)) as dispatcher:
        sandbox = DockerSandbox(sandbox_profile(settings, owner_of(layout)))
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        finder = WorkspaceFinder(FileArtifactStore(layout), settings.repos_dir, limits)
        find = make_finder(settings, finder, sandbox, owner_of(layout))
        replayer = make_replayer(settings, sandbox)
        yield ReplayService(FileTraceStore(layout), replayer, find, dispatcher, settings.max_judged_bytes)


def replay_document(settings: Settings, task: ReplayTask) -> ReplayResult:
    """The replay of a session that is in no data directory; what its runs show is not kept."""
    owner = secrets.token_hex(8)
    sandbox = DockerSandbox(sandbox_profile(settings, owner))
    workspaces = make_image_chooser(settings, sandbox, owner).choose(task.trace, task.workspaces)
    replayer = Replayer(sandbox, None, NoRunCache(), utc_now, settings.replay_budget_s)
    return replayer.replay(replace(task, workspaces=workspaces))


@dataclass(frozen=True)
class StoredTraces:
    """Finding and judging what lies in a data directory."""

    queries: QueryService
    judging: JudgingService
    models: str | None
    """Which models are asked; ``None``: none are."""


@contextmanager
def judging_of(settings: Settings, at_once: int) -> Iterator[StoredTraces]:
    """Judging, ``at_once`` traces at a time, in a data directory that no server is using.

    Raises:
        SettingsError: a server is using it, or a setting of the judge is wrong.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    with DataDirLock(layout.lock), closing(SqliteTraceIndex(layout.index)) as index:
        store = FileTraceStore(layout)
        updater = IndexUpdater(Descriptions(store).of, store, index)
        store.watch(updater.touch, updater.grew)
        sealer = Sealer(load_or_create_key(layout.keys, settings.signing_key_file), utc_now)
        with closing(updater), closing(ThreadDispatcher(at_once)) as dispatcher:
            updater.catch_up()
            if not updater.drain(CATCH_UP_S):
                raise UnavailableError("The index of the data directory does not come into step; try again")
            judging = JudgingService(store, make_judging(settings), dispatcher, sealer, settings.max_judged_bytes)
            yield StoredTraces(QueryService(index, updater), judging, asked_models(settings))
