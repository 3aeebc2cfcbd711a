"""The only file that names concrete stores, sandbox and judges."""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from app import __version__
from app.dispatch.threads import ThreadDispatcher
from app.errors import InvalidError, PRTelemetryError, SettingsError, UnavailableError
from app.models.judgement import JudgeIdentity, JudgeMode
from app.models.replay import ReplayResult
from app.models.trace import Trace
from app.qa.base import Judge, Sandbox
from app.qa.frameworks.pytest_framework import PRELOAD
from app.qa.images import ImageChooser
from app.qa.investigation import Effort
from app.qa.judge.budget import FileLedger, NoLedger
from app.qa.judge.cache import FileSampleCache, NoSampleCache
from app.qa.judge.config import DEFAULT_BASE_URL, LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.llm import JudgeTools, LLMJudge
from app.qa.judge.modes import NO_MODEL, DecliningJudge, judge_of_mode
from app.qa.judge.prices import Prices, load_prices
from app.qa.judge.rubric import load_rubrics
from app.qa.judging import Judging, UnknownRubricError
from app.qa.pipeline import QAPipeline
from app.qa.replay import Replayer, ReplayTask
from app.qa.run_cache import FileRunCache, NoRunCache
from app.qa.sandbox.dependencies import WheelImages, WheelSource
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.probes import run_probes
from app.qa.sandbox.profile import SandboxProfile
from app.qa.workspaces import Workspaces
from app.rules.redaction.policy import RedactionPolicy, parse_policy
from app.rules.summaries import describe
from app.services.artifacts import ArtifactService
from app.services.exchange import ImportService
from app.services.export import ExportService
from app.services.export_code import CodeReader
from app.services.finalize import FinalizeService
from app.services.health import HealthService
from app.services.idempotency import RequestKeys
from app.services.indexing import IndexUpdater
from app.services.ingest import IngestService
from app.services.intake import Intake
from app.services.judging import JudgingService
from app.services.qa_run import WorkspaceFinder
from app.services.queries import QueryService
from app.services.recording import RecordingService
from app.services.replays import ReplayService
from app.services.retention import RetentionService
from app.services.sealing import Sealer
from app.services.traces import TraceService
from app.settings import Settings, load_unchecked_settings
from app.storage.check import CheckNote, DataDirectoryCheck
from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.keys import PUBLIC_FOLDER, load_or_create_key, load_public_keys
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.reading import TraceReader
from app.storage.recovery import RecoveryNote, recover
from app.storage.sqlite_index import SqliteTraceIndex
from app.utils.archives import ArchiveLimits
from app.utils.atomic import create_file
from app.utils.clock import utc_now
from app.utils.ids import new_uuid
from app.utils.periodic import Periodic

_log = logging.getLogger(__name__)
_WIPE_S = 3.0
_CATCH_UP_S = 600.0
"""A command that works through a whole data directory waits so long for its index."""
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
    docker = _sandbox(settings, _owner(layout))
    sandbox = sandbox or docker
    sandbox.sweep()
    limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
    index = SqliteTraceIndex(layout.index)
    updater = IndexUpdater(lambda trace_id: describe(*store.scan(trace_id)), store, index)
    store.watch(updater.touch, updater.grew)
    intake, keys = Intake(_redaction_policy(settings)), RequestKeys()
    ingest = IngestService(store, intake, keys, utc_now, new_uuid)
    artifacts = ArtifactService(store, blobs, limits)
    dispatcher = ThreadDispatcher(settings.max_parallel_finalizes)
    replayer, judging = _replayer(settings, sandbox), _judging(settings)
    pipeline = QAPipeline(
        sandbox,
        replayer if settings.replay == "on" else None,
        judging,
        utc_now,
        Effort(reruns=settings.reruns, budget_s=settings.rerun_budget_s),
    )
    sealer = Sealer(signer, utc_now)
    find = _finder(settings, WorkspaceFinder(blobs, settings.repos_dir, limits), sandbox, _owner(layout))
    finalize = FinalizeService(store, pipeline, find, dispatcher, sealer, utc_now, settings.max_judged_bytes)
    lifetime = timedelta(seconds=settings.upload_token_lifetime_s)

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
        recording=RecordingService(store, ingest, artifacts, finalize.submit, intake, keys, utc_now, lifetime),
        traces=TraceService(store, blobs, signer, utc_now, judging.forget),
        queries=QueryService(index, updater),
        artifacts=artifacts,
        finalize=finalize,
        replays=ReplayService(store, replayer, find, dispatcher, settings.max_judged_bytes),
        imports=ImportService(ingest, artifacts, intake),
        exports=_exports(store, QueryService(index, updater), WorkspaceFinder(blobs, settings.repos_dir, limits), intake),
        judging=JudgingService(store, judging, dispatcher, sealer, settings.max_judged_bytes),
        health=HealthService(settings.data_dir, sandbox, lambda: _describe_judge(settings)),
        public_keys=lambda: _public_keys(layout),
        close=close,
    )
    try:
        if sandbox is docker:
            docker.prepare()
        finalize.resume()
        updater.catch_up()
    except BaseException:
        close()
        raise
    if settings.retention_days is not None:
        background.append(_retention(application, timedelta(days=settings.retention_days)))
    return application


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
        updater = IndexUpdater(lambda trace_id: describe(*store.scan(trace_id)), store, index)
        store.watch(updater.touch, updater.grew)
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        ingest = IngestService(store, intake_of(settings), RequestKeys(), utc_now, new_uuid)
        with closing(updater):
            updater.catch_up()
            yield ImportService(ingest, ArtifactService(store, blobs, limits), intake_of(settings))
            # what is left then is taken up by the next start of the server
            updater.drain(_CATCH_UP_S)


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
        updater = IndexUpdater(lambda trace_id: describe(*store.scan(trace_id)), store, index)
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        finder = WorkspaceFinder(FileArtifactStore(layout), settings.repos_dir, limits)
        with closing(updater):
            updater.catch_up()
            if not updater.drain(_CATCH_UP_S):
                raise UnavailableError("The index of the data directory does not come into step; try again")
            yield _exports(store, QueryService(index, updater), finder, intake_of(settings))


def _exports(store: FileTraceStore, queries: QueryService, finder: WorkspaceFinder, intake: Intake) -> ExportService:
    def has_secrets(text: str) -> bool:
        # an address of a person stands in many a file of a public repository; that is no secret
        return not intake.screen_text(text)[1].keys() <= {"email", "user_path"}

    code = CodeReader(finder.find, lambda text: intake.screen_text(text)[0])
    return ExportService(store, queries.find, code, has_secrets, __version__)


def intake_of(settings: Settings) -> Intake:
    """What the operator wants replaced before anything is kept.

    Raises:
        SettingsError: ``REDACTION`` is no policy.
    """
    return Intake(_redaction_policy(settings))


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
        sandbox = DockerSandbox(_sandbox_profile(settings, _owner(layout)))
        limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
        finder = WorkspaceFinder(FileArtifactStore(layout), settings.repos_dir, limits)
        find = _finder(settings, finder, sandbox, _owner(layout))
        replayer = _replayer(settings, sandbox)
        yield ReplayService(FileTraceStore(layout), replayer, find, dispatcher, settings.max_judged_bytes)


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
        updater = IndexUpdater(lambda trace_id: describe(*store.scan(trace_id)), store, index)
        store.watch(updater.touch, updater.grew)
        sealer = Sealer(load_or_create_key(layout.keys, settings.signing_key_file), utc_now)
        with closing(updater), closing(ThreadDispatcher(at_once)) as dispatcher:
            updater.catch_up()
            if not updater.drain(_CATCH_UP_S):
                raise UnavailableError("The index of the data directory does not come into step; try again")
            judging = JudgingService(store, _judging(settings), dispatcher, sealer, settings.max_judged_bytes)
            yield StoredTraces(QueryService(index, updater), judging, _models(settings))


def _models(settings: Settings) -> str | None:
    """As judgements name them."""
    config = _llm_config(settings)
    return ", ".join(config.models) if config is not None else None


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
            if not updater.drain(_CATCH_UP_S):
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


def replay_document(settings: Settings, task: ReplayTask) -> ReplayResult:
    """The replay of a session that is in no data directory; what its runs show is not kept."""
    owner = secrets.token_hex(8)
    sandbox = DockerSandbox(_sandbox_profile(settings, owner))
    workspaces = _image_chooser(settings, sandbox, owner).choose(task.trace, task.workspaces)
    replayer = Replayer(sandbox, None, NoRunCache(), utc_now, settings.replay_budget_s)
    return replayer.replay(replace(task, workspaces=workspaces))


def _finder(settings: Settings, finder: WorkspaceFinder, sandbox: Sandbox, owner: str) -> Callable[[Trace], Workspaces]:
    """Finds what a trace speaks of, and the image to test it in."""
    chooser = _image_chooser(settings, sandbox, owner)
    return lambda trace: chooser.choose(trace, finder.find(trace))


def _image_chooser(settings: Settings, sandbox: Sandbox, owner: str) -> ImageChooser:
    images = None
    if settings.dependencies != "off":
        folder = settings.wheelhouse.resolve() if settings.dependencies == "wheelhouse" and settings.wheelhouse else None
        profile = _sandbox_profile(settings, owner)
        images = WheelImages(sandbox, profile, WheelSource(folder), settings.max_dependency_images)
    allowed = [pattern.strip() for pattern in (settings.allowed_images or "").split(",") if pattern.strip()]
    return ImageChooser(allowed, images)


def _replayer(settings: Settings, sandbox: Sandbox) -> Replayer:
    cache = FileRunCache(settings.data_dir / "cache" / "runs")
    return Replayer(sandbox, None, cache, utc_now, settings.replay_budget_s)


def _retention(application: Application, keep: timedelta) -> Periodic:
    service = RetentionService(application.queries, application.traces, keep, utc_now)

    def sweep() -> None:
        try:
            service.sweep()
        except PRTelemetryError as error:
            _log.error("traces could not be removed", extra={"problem": error.detail})

    return Periodic(sweep, _RETENTION_EVERY_S, "retention")


def check_data_directory(data_dir: Path | None, *, repair: bool) -> Iterator[CheckNote]:
    """Everything that is not as it should be in a data directory that no server is using.

    Raises:
        SettingsError: a server is using it.
    """
    layout = Layout(data_dir or load_unchecked_settings().data_dir)
    with disk_errors():
        layout.make()
    with DataDirLock(layout.lock):
        index = SqliteTraceIndex(layout.index)
        try:
            yield from DataDirectoryCheck(layout, index, load_public_keys(layout.keys), repair=repair).run()
        finally:
            index.close()


@dataclass(frozen=True)
class SandboxCheck:
    """One thing that was looked at."""

    name: str
    tries: str
    state: str
    detail: str
    is_well: bool


def check_sandbox(*, attack: bool) -> Iterator[SandboxCheck]:
    """Whether the sandbox can run anything; and, where it can and this is asked for, what small attacks achieve in there.

    Raises:
        SettingsError: a setting is wrong.
    """
    settings = load_unchecked_settings()
    profile = _sandbox_profile(settings, f"doctor-{secrets.token_hex(8)}")
    sandbox = DockerSandbox(profile)
    state = sandbox.state()
    found = "ready" if state.ready else "not ready"
    yield SandboxCheck("sandbox", "Run something", found, state.reason or f"the image {profile.image} is here", state.ready)
    if attack and state.ready:
        for result in run_probes(sandbox, profile, frozenset(name.upper() for name in Settings.model_fields)):
            yield SandboxCheck(result.name, result.tries, result.state, result.detail, result.is_well)


def _public_keys(layout: Layout) -> dict[str, str]:
    with disk_errors():
        return {path.stem: path.read_text() for path in sorted((layout.keys / PUBLIC_FOLDER).glob("[!.]*.pem"))}


def _log_recovery(notes: Iterable[RecoveryNote]) -> None:
    for note in notes:
        level = logging.ERROR if note.is_damage else logging.WARNING
        _log.log(level, "found at the start", extra={"trace_id": note.trace_id, "problem": note.problem})


def _redaction_policy(settings: Settings) -> RedactionPolicy:
    try:
        return parse_policy(settings.redaction)
    except InvalidError as error:
        raise SettingsError(f"REDACTION: {error.detail}") from None


def _owner(layout: Layout) -> str:
    """A random name that stays with the data directory: by it, its containers are told from another server's."""
    if not layout.owner.exists():
        with disk_errors():
            create_file(layout.owner, secrets.token_hex(8).encode())
    return layout.owner.read_text().strip()


def _sandbox(settings: Settings, owner: str) -> DockerSandbox:
    return DockerSandbox(
        _sandbox_profile(settings, owner),
        max_parallel=settings.max_parallel_sandboxes,
        warm=settings.warm_sandboxes,
        preload=PRELOAD,
    )


def _sandbox_profile(settings: Settings, owner: str) -> SandboxProfile:
    return SandboxProfile(
        owner=owner,
        image=settings.runner_image,
        runtime=settings.sandbox_runtime,
        memory_bytes=settings.sandbox_memory_bytes,
        cpus=settings.sandbox_cpus,
        pids=settings.sandbox_pids,
        timeout_s=settings.sandbox_timeout_s,
        work_bytes=settings.sandbox_work_bytes,
    )


def _judging(settings: Settings) -> Judging:
    try:
        rubrics = load_rubrics(settings.rubrics_dir)
        names = [name.strip() for name in settings.judge_rubrics.split(",")]
        tools = _judge_tools(settings)
        return Judging(
            partial(_judge, settings, tools), settings.judge, rubrics, names, _too_large(settings), tools.cache.forget
        )
    except UnknownRubricError as error:
        raise SettingsError(f"JUDGE_RUBRICS: {error.detail}") from None
    except InvalidError as error:
        raise SettingsError(f"RUBRICS_DIR: {error.detail}") from None


def _judge(settings: Settings, tools: JudgeTools, mode: JudgeMode, model: str | None) -> Judge:
    """The judge of a mode: a request may ask for another one than the server's own, and for another model or jury."""
    try:
        config = _llm_config(settings, model)
    except SettingsError as error:
        return DecliningJudge(NO_MODEL, "failed", f"configuration: {error.detail}")
    counting = HeuristicJudge()
    return judge_of_mode(mode, counting, LLMJudge(config, tools, counting) if config is not None else None)


def _judge_tools(settings: Settings) -> JudgeTools:
    """What all model judges of this application share.

    Raises:
        SettingsError: the judge cannot be asked by these settings.
    """
    prices = load_prices(settings.judge_prices) if settings.judge_prices is not None else Prices()
    config, budget = _llm_config(settings), settings.judge_daily_budget
    unpriced = [model for model in config.models if prices.of(model) is None] if config is not None else []
    if budget is not None and unpriced:
        raise SettingsError(f"JUDGE_DAILY_BUDGET is set, but JUDGE_PRICES tells no price for {', '.join(unpriced)}")
    folder, entries = settings.data_dir / "cache" / "judgements", settings.judge_cache_entries
    return JudgeTools(
        cache=FileSampleCache(folder, entries) if entries else NoSampleCache(),
        ledger=FileLedger(settings.data_dir / "judge-spending.json", budget, utc_now) if budget is not None else NoLedger(),
        prices=prices,
    )


def _too_large(settings: Settings) -> Judge:
    """Declines: a judge holds the whole trace in memory."""
    identity = JudgeIdentity(kind="heuristic", name="none", version="1")
    reason = f"too_large: the trace is larger than MAX_JUDGED_BYTES ({settings.max_judged_bytes})"
    return DecliningJudge(identity, "skipped", reason)


def _llm_config(settings: Settings, model: str | None = None) -> LLMConfig | None:
    """How models are asked, those of the settings or others; ``None`` where no key is set.

    Raises:
        SettingsError: something of it cannot be used.
    """
    if settings.openai_api_key is None:
        return None
    return LLMConfig(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url or DEFAULT_BASE_URL,
        model=settings.judge_model if model is None else model,
        samples=settings.judge_samples,
        temperature=settings.judge_temperature,
        timeout_s=settings.judge_timeout_s,
        deadline_s=settings.judge_deadline_s,
        input_tokens=settings.judge_input_tokens,
        output_tokens=settings.judge_output_tokens,
        max_tokens=settings.judge_max_tokens,
    )


def _describe_judge(settings: Settings) -> str:
    if settings.judge == "off":
        return "switched off"
    if settings.judge == "heuristic" or settings.openai_api_key is None:
        return "rules over the events; no language model"
    models = _models(settings) or ""
    return f"language model{'s' * (',' in models)} {models}"
