"""The only file that names concrete stores, sandbox and judges."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from app.dispatch.threads import ThreadDispatcher
from app.errors import InvalidError, PRTelemetryError, SettingsError
from app.models.judgement import JudgeIdentity, JudgeMode
from app.models.replay import ReplayResult
from app.models.trace import Trace
from app.qa.base import Judge, Sandbox
from app.qa.frameworks.pytest_framework import PRELOAD
from app.qa.images import ImageChooser
from app.qa.investigation import Effort
from app.qa.judge.calls import DEFAULT_BASE_URL, LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.llm import LLMJudge
from app.qa.judge.modes import DecliningJudge, judge_of_mode
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
from app.storage.recovery import RecoveryNote, recover
from app.storage.sqlite_index import SqliteTraceIndex
from app.utils.archives import ArchiveLimits
from app.utils.atomic import create_file
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
        traces=TraceService(store, blobs, signer, utc_now),
        queries=QueryService(index, updater),
        artifacts=artifacts,
        finalize=finalize,
        replays=ReplayService(store, replayer, find, dispatcher, settings.max_judged_bytes),
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
        return Judging(lambda mode, model: _judge(settings, mode, model), settings.judge, rubrics, names, _too_large(settings))
    except UnknownRubricError as error:
        raise SettingsError(f"JUDGE_RUBRICS: {error.detail}") from None
    except InvalidError as error:
        raise SettingsError(f"RUBRICS_DIR: {error.detail}") from None


def _judge(settings: Settings, mode: JudgeMode, model: str | None) -> Judge:
    """The judge of a mode: a request may ask for another one than the server's own, and for another model."""
    config = _llm_config(settings)
    if config is not None and model is not None:
        config = replace(config, model=model)
    return judge_of_mode(mode, HeuristicJudge(), LLMJudge(config) if config is not None else None)


def _too_large(settings: Settings) -> Judge:
    """Declines: a judge holds the whole trace in memory."""
    identity = JudgeIdentity(kind="heuristic", name="none", version="1")
    reason = f"too_large: the trace is larger than MAX_JUDGED_BYTES ({settings.max_judged_bytes})"
    return DecliningJudge(identity, "skipped", reason)


def _llm_config(settings: Settings) -> LLMConfig | None:
    if settings.openai_api_key is None:
        return None
    return LLMConfig(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url or DEFAULT_BASE_URL,
        model=settings.judge_model,
        temperature=settings.judge_temperature,
        timeout_s=settings.judge_timeout_s,
        deadline_s=settings.judge_deadline_s,
    )


def _describe_judge(settings: Settings) -> str:
    if settings.judge == "off":
        return "switched off"
    if settings.judge == "heuristic" or settings.openai_api_key is None:
        return "rules over the events; no language model"
    return f"language model {settings.judge_model}"
