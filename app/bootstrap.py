"""The only file that names concrete stores, sandbox and judges."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from app.qa.base import Judge, Sandbox
from app.qa.judge.calls import DEFAULT_BASE_URL, LLMConfig
from app.qa.judge.modes import JudgeMode, make_judge
from app.qa.judge.rubric import load_reasoning_rubric
from app.qa.pipeline import QAPipeline
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import SandboxProfile
from app.services.artifacts import ArtifactService
from app.services.finalize import FinalizeService
from app.services.health import HealthService
from app.services.ingest import IngestService
from app.services.qa_run import WorkspaceFinder
from app.services.traces import TraceService
from app.settings import Settings
from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.utils.archives import ArchiveLimits
from app.utils.atomic import create_file
from app.utils.clock import utc_now
from app.utils.ids import new_uuid


@dataclass(frozen=True)
class Application:
    """Everything a door may call."""

    ingest: IngestService
    traces: TraceService
    artifacts: ArtifactService
    finalize: FinalizeService
    health: HealthService
    close: Callable[[], None]


def build_application(settings: Settings, sandbox: Sandbox | None = None) -> Application:
    """The application on its data directory, which it owns from now until it is closed.

    Raises:
        SettingsError: another process owns the data directory.
        UnavailableError: the data directory cannot be used.
    """
    layout = Layout(settings.data_dir)
    with disk_errors():
        layout.make()
    lock = DataDirLock(layout.lock)
    artifacts = FileArtifactStore(layout)
    artifacts.sweep()
    traces = FileTraceStore(layout)
    sandbox = sandbox or DockerSandbox(_sandbox_profile(settings, _owner(layout)))
    sandbox.sweep()
    limits = ArchiveLimits(max_files=settings.max_tree_files, max_bytes=settings.max_tree_bytes)
    finder = WorkspaceFinder(artifacts, settings.repos_dir, limits)
    pipeline = QAPipeline(sandbox, _judges(settings), settings.judge, utc_now)
    return Application(
        ingest=IngestService(traces, utc_now, new_uuid),
        traces=TraceService(traces),
        artifacts=ArtifactService(traces, artifacts, limits),
        finalize=FinalizeService(traces, pipeline, finder.find, utc_now),
        health=HealthService(settings.data_dir, sandbox, lambda: _describe_judge(settings)),
        close=lock.release,
    )


def _owner(layout: Layout) -> str:
    """A random name that stays with the data directory: by it, its containers are told from another server's."""
    if not layout.owner.exists():
        with disk_errors():
            create_file(layout.owner, secrets.token_hex(8).encode())
    return layout.owner.read_text().strip()


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


def _judges(settings: Settings) -> dict[str, Judge]:
    """The judge of every mode: a request may ask for another than the server's own."""
    modes: tuple[JudgeMode, ...] = ("auto", "llm", "heuristic", "off")
    rubric = load_reasoning_rubric()
    return {mode: make_judge(mode, rubric, _llm_config(settings)) for mode in modes}


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
