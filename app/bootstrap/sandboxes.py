"""The sandbox, and what replays and verifications stand on."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from app.models.trace import Trace
from app.qa.base import Sandbox
from app.qa.frameworks.pytest_framework import PRELOAD
from app.qa.images import ImageChooser
from app.qa.replay import Replayer
from app.qa.run_cache import FileRunCache
from app.qa.sandbox.dependencies import WheelImages, WheelSource
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import SandboxProfile
from app.qa.workspaces import Workspaces
from app.services.qa_run import WorkspaceFinder
from app.settings import Settings
from app.storage.disk import disk_errors
from app.storage.layout import Layout
from app.utils.atomic import create_file
from app.utils.clock import utc_now


def make_sandbox(settings: Settings, owner: str) -> DockerSandbox:
    """The sandbox of a server, which has containers started ahead."""
    return DockerSandbox(
        sandbox_profile(settings, owner),
        max_parallel=settings.max_parallel_sandboxes,
        warm=settings.warm_sandboxes,
        preload=PRELOAD,
    )


def sandbox_profile(settings: Settings, owner: str) -> SandboxProfile:
    """What its containers may do."""
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


def owner_of(layout: Layout) -> str:
    """A random name that stays with the data directory: by it, its containers are told from another server's."""
    if not layout.owner.exists():
        with disk_errors():
            create_file(layout.owner, secrets.token_hex(8).encode())
    return layout.owner.read_text().strip()


def make_finder(settings: Settings, finder: WorkspaceFinder, sandbox: Sandbox, owner: str) -> Callable[[Trace], Workspaces]:
    """Finds what a trace speaks of, and the image to test it in."""
    chooser = make_image_chooser(settings, sandbox, owner)
    return lambda trace: chooser.choose(trace, finder.find(trace))


def make_image_chooser(settings: Settings, sandbox: Sandbox, owner: str) -> ImageChooser:
    """Chooses the image that a trace is tested in."""
    images = None
    if settings.dependencies != "off":
        folder = settings.wheelhouse.resolve() if settings.dependencies == "wheelhouse" and settings.wheelhouse else None
        profile = sandbox_profile(settings, owner)
        images = WheelImages(sandbox, profile, WheelSource(folder), settings.max_dependency_images)
    allowed = [pattern.strip() for pattern in (settings.allowed_images or "").split(",") if pattern.strip()]
    return ImageChooser(allowed, images)


def make_replayer(settings: Settings, sandbox: Sandbox) -> Replayer:
    """Replays, and remembers what its runs have shown."""
    cache = FileRunCache(settings.data_dir / "cache" / "runs")
    return Replayer(sandbox, None, cache, utc_now, settings.replay_budget_s)
