"""The server: every service on a data directory that it owns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from app.bootstrap.exchanges import make_exports, redaction_policy
from app.bootstrap.judges import describe_judge, make_judging
from app.bootstrap.sandboxes import make_finder, make_replayer, make_sandbox, owner_of
from app.dispatch.threads import ThreadDispatcher
from app.errors import PRTelemetryError
from app.qa.base import Sandbox
from app.qa.investigation import Effort
from app.qa.judging import Judging
from app.qa.pipeline import QAPipeline
from app.qa.replay import Replayer
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.services.artifacts import ArtifactService
from app.services.descriptions import Descriptions
from app.services.exchange import ImportService
from app.services.export import ExportService
from app.services.finalize import FinalizeService
from app.services.health import HealthService
from app.services.idempotency import RequestKeys
from app.services.indexing import IndexUpdater
from app.services.ingest import IngestService
from app.services.intake import Intake
from app.services.judging import JudgingService
from app.services.keyed_sessions import KeyedSessions, secret_of_tokens
from app.services.qa_run import WorkspaceFinder
from app.services.queries import QueryService
from app.services.recording import RecordingService
from app.services.replays import ReplayService
from app.services.retention import RetentionService
from app.services.sealing import Sealer
from app.services.traces import TraceService
from app.settings import Settings
from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.keys import PUBLIC_FOLDER, load_or_create_key
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.recovery import RecoveryNote, recover
from app.storage.sqlite_index import SqliteTraceIndex
from app.utils.archives import ArchiveLimits
from app.utils.clock import utc_now
from app.utils.ids import new_uuid
from app.utils.periodic import Periodic

_log = logging.getLogger(__name__)
_WIPE_S = 3.0
_RETENTION_EVERY_S = 3600.0


@dataclass(frozen=True)
class Application:
    """Everything a door may call."""

    ingest: IngestService
    recording: RecordingService
    traces: TraceService
    queries: QueryService
    artifacts: ArtifactService
    finalize: FinalizeService
    replays: ReplayService
    imports: ImportService
    exports: ExportService
    judging: JudgingService
    health: HealthService
    public_keys: Callable[[], dict[str, str]]
    close: Callable[[], None]


def build_application(settings: Settings, sandbox: Sandbox | None = None) -> Application:
    """The application on its data directory, which it owns from now until it is closed.

    What an earlier process left behind is brought into order first: torn lines are cut off, interrupted deletions completed,
    interrupted finalizes taken up again. What is damaged is logged with its place and left alone.

    Raises:
        SettingsError: another process owns the data directory, or a setting does not fit.
        UnavailableError: the data directory cannot be used.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    lock = DataDirLock(layout.lock)
    try:
        return _build(settings, layout, sandbox, lock)
    except BaseException:
        lock.release()
        raise


def _build(settings: Settings, layout: Layout, sandbox: Sandbox | None, lock: DataDirLock) -> Application:
    blobs, store = FileArtifactStore(layout), FileTraceStore(layout)
    _log_recovery(recover(layout, store, blobs))
    signer = load_or_create_key(layout.keys, settings.signing_key_file)
    docker = make_sandbox(settings, owner_of(layout))
    sandbox = sandbox or docker
    sandbox.sweep()
    limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
    index = SqliteTraceIndex(layout.index)
    descriptions = Descriptions(store)
    updater = IndexUpdater(descriptions.of, store, index)
    store.watch(updater.touch, updater.grew)
    intake, keys = Intake(redaction_policy(settings)), RequestKeys()
    ingest = IngestService(store, intake, keys, utc_now, new_uuid, descriptions)
    artifacts = ArtifactService(store, blobs, limits)
    dispatcher = ThreadDispatcher(settings.max_parallel_finalizes)
    replayer, judging = make_replayer(settings, sandbox), make_judging(settings)
    pipeline = _pipeline(settings, sandbox, replayer, judging)
    sealer = Sealer(signer, utc_now)
    find = make_finder(settings, WorkspaceFinder(blobs, settings.repos_dir, limits), sandbox, owner_of(layout))
    finalize = FinalizeService(store, pipeline, find, dispatcher, sealer, utc_now, settings.max_judged_bytes)
    lifetime = timedelta(seconds=settings.upload_token_lifetime_s)
    keyed = KeyedSessions(owner_of(layout), secret_of_tokens(signer))

    background: list[Periodic] = []

    def close() -> None:
        for periodic in background:
            periodic.close()
        dispatcher.close()
        docker.close()
        # what was deleted is wiped from the index, too, where that takes no longer than this
        updater.drain(_WIPE_S)
        updater.close()
        index.close()
        lock.release()

    application = Application(
        ingest=ingest,
        recording=RecordingService(store, ingest, artifacts, finalize.submit, intake, keys, keyed, utc_now, lifetime),
        traces=TraceService(store, blobs, signer, utc_now, judging.forget),
        queries=QueryService(index, updater),
        artifacts=artifacts,
        finalize=finalize,
        replays=ReplayService(store, replayer, find, dispatcher, settings.max_judged_bytes),
        imports=ImportService(ingest, artifacts, intake),
        exports=make_exports(store, QueryService(index, updater), WorkspaceFinder(blobs, settings.repos_dir, limits), intake),
        judging=JudgingService(store, judging, dispatcher, sealer, settings.max_judged_bytes),
        health=HealthService(settings.data_dir, sandbox, lambda: describe_judge(settings)),
        public_keys=lambda: _public_keys(layout),
        close=close,
    )
    _begin(application, docker if sandbox is docker else None, updater)
    if settings.retention_days is not None:
        background.append(_retention(application, timedelta(days=settings.retention_days)))
    return application


def _pipeline(settings: Settings, sandbox: Sandbox, replayer: Replayer, judging: Judging) -> QAPipeline:
    effort = Effort(reruns=settings.reruns, budget_s=settings.rerun_budget_s)
    return QAPipeline(sandbox, replayer if settings.replay == "on" else None, judging, utc_now, effort)


def _begin(application: Application, docker: DockerSandbox | None, updater: IndexUpdater) -> None:
    """Take up what an earlier process left behind; where that fails, nothing stays open."""
    try:
        if docker is not None:
            docker.prepare()
        application.finalize.resume()
        updater.catch_up()
    except BaseException:
        application.close()
        raise


def _retention(application: Application, keep: timedelta) -> Periodic:
    service = RetentionService(application.queries, application.traces, keep, utc_now)

    def sweep() -> None:
        try:
            service.sweep()
        except PRTelemetryError as error:
            _log.error("traces could not be removed", extra={"problem": error.detail})

    return Periodic(sweep, _RETENTION_EVERY_S, "retention")


def _public_keys(layout: Layout) -> dict[str, str]:
    with disk_errors():
        return {path.stem: path.read_text() for path in sorted((layout.keys / PUBLIC_FOLDER).glob("[!.]*.pem"))}


def _log_recovery(notes: Iterable[RecoveryNote]) -> None:
    for note in notes:
        level = logging.ERROR if note.is_damage else logging.WARNING
        _log.log(level, "found at the start", extra={"trace_id": note.trace_id, "problem": note.problem})
