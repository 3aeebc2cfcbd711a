"""Looking whether a data directory and the sandbox are as they should be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.bootstrap.sandboxes import sandbox_profile
from app.errors import PRTelemetryError
from app.models.rubric import RubricRef
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.probes import run_probes
from app.rules.rubric_contents import changed_rubrics
from app.services.judging import judgements_of
from app.settings import Settings, load_unchecked_settings
from app.storage.check import CheckNote, DataDirectoryCheck
from app.storage.disk import disk_errors
from app.storage.file_traces import FileTraceStore
from app.storage.keys import load_public_keys
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.sqlite_index import SqliteTraceIndex


@dataclass(frozen=True)
class RubricNote:
    """A rubric that was changed without a new version. Everything is whole; scores by its contents are not to be mixed."""

    name: str
    """Id and version."""
    problem: str
    subject: Literal["rubric"] = "rubric"


def check_data_directory(data_dir: Path | None, *, repair: bool) -> Iterator[CheckNote | RubricNote]:
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
        for changed in changed_rubrics(_rubrics_of_judgements(layout)):
            yield RubricNote(f"{changed.id} {changed.version}", f"{changed}; give what was changed a new version")


def _rubrics_of_judgements(layout: Layout) -> Iterator[RubricRef]:
    """One for each judgement of each trace that can be read."""
    store = FileTraceStore(layout)
    for trace_id in layout.trace_ids():
        try:
            trace = store.head(trace_id).trace
        except PRTelemetryError:
            continue  # named already
        yield from (judgement.rubric for judgement in judgements_of(trace))


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
    profile = sandbox_profile(settings, f"doctor-{secrets.token_hex(8)}")
    sandbox = DockerSandbox(profile)
    state = sandbox.state()
    found = "ready" if state.ready else "not ready"
    yield SandboxCheck("sandbox", "Run something", found, state.reason or f"the image {profile.image} is here", state.ready)
    if attack and state.ready:
        for result in run_probes(sandbox, profile, frozenset(name.upper() for name in Settings.model_fields)):
            yield SandboxCheck(result.name, result.tries, result.state, result.detail, result.is_well)
