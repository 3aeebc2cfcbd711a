"""What the architecture page and the howto for operators state, against the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli import check
from app.cli.main import _COMMANDS, _EXIT_CODES
from app.dispatch.base import Dispatcher
from app.formats.base import Format
from app.formats.writing.base import Writer
from app.qa.base import Judge, Sandbox, SandboxSession, Tree
from app.qa.frameworks.base import Framework
from app.qa.replay_runs import SuiteRunner
from app.qa.run_cache import RunCache
from app.rules.seal import Signer
from app.storage.base import ArtifactStore, TraceStore
from app.storage.index import TraceIndex, TraceInventory
from app.storage.layout import Layout
from tests.docs.markdown import read, rows, section
from tests.e2e.server import ROOT

PAGE = read("docs/architecture.md")
INTERFACES = (
    TraceStore,
    ArtifactStore,
    TraceIndex,
    TraceInventory,
    Dispatcher,
    Signer,
    Tree,
    Sandbox,
    SandboxSession,
    Framework,
    RunCache,
    SuiteRunner,
    Format,
    Judge,
    Writer,
)


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.__name__)
def test_every_call_of_an_interface_is_named(interface: type) -> None:
    calls = {name: calls for name, calls, _ in rows(section(PAGE, "The small interfaces"))}
    named = next(calls[name] for name in calls if name.startswith(interface.__name__ + "`"))
    own = {name for name in vars(interface) if not name.startswith("_")}

    assert set(re.findall(r"[a-z_]+", re.sub(r"\(.*?\)", "", named))) == own


def test_every_place_on_disk_is_named() -> None:
    layout = Layout(Path("data"))
    some_hash = "ab12" + "0" * 60
    places = {
        layout.document("trace_id"): "data/traces/{trace_id}.json",
        layout.journal("trace_id"): "data/traces/{trace_id}.events.jsonl",
        layout.receipts("trace_id"): "data/traces/{trace_id}.receipts.jsonl",
        layout.marker("trace_id"): "data/finalizing/{trace_id}",
        layout.tombstone("trace_id"): "data/tombstones/{trace_id}.json",
        layout.held("trace_id") / some_hash: "data/artifacts/held/{trace_id}/ab12…",
        layout.blob(some_hash): "data/artifacts/ab/ab12…",
        layout.incoming: "data/artifacts/incoming/",
        layout.index: "data/index.sqlite",
        layout.lock: "data/lock",
        layout.owner: "data/owner",
    }
    shown = {line.split()[0] for line in section(PAGE, "Storage on disk").splitlines() if line.startswith("data/")}

    assert set(places.values()) <= shown
    assert [shown for path, shown in places.items() if not alike(path, shown)] == []


def alike(path: Path, shown: str) -> bool:
    pattern = (
        re.escape(shown.rstrip("/")).replace(re.escape("{trace_id}"), "trace_id").replace(re.escape("ab12…"), "ab12[0-9a-f]+")
    )
    return re.fullmatch(pattern, path.as_posix()) is not None


def test_every_exit_code_is_named() -> None:
    named = {int(code) for code, _ in rows(section(PAGE, "Errors"))}

    assert named == {0, 2, 70, *(code for _, code in _EXIT_CODES)}


def test_every_room_and_every_command_is_named() -> None:
    rooms = section(PAGE, "Rooms")
    folders = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and not path.name.startswith("__")}

    assert {room for room in folders if re.search(rf"\b{room}\b", rooms) is None} == set()
    assert {name for name in _COMMANDS if re.search(rf"^cli .*\b{name}\b", rooms, re.MULTILINE) is None} == set()


def test_the_exit_codes_of_check_are_those_of_the_command() -> None:
    named = {int(code) for code, _ in rows(section(read("docs/howto/operate.md"), "Check a data directory"))}

    assert named == {check.WHOLE, check.DAMAGED, check.DERIVABLE, 78}
