"""A finalized trace proves that nothing in it was changed, to anybody who has the public key and no server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.rules.integrity import verify_stream
from app.settings import Settings
from app.storage.keys import load_public_keys
from tests import independent_verifier
from tests.api.till import BUGGY, FIX, fixed_by_b
from tests.builders import a_session, a_tar, a_thought
from tests.fakes import ScriptedSandbox

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def finalized(client: TestClient, sandbox: ScriptedSandbox) -> bytes:
    """A document with events from both steps, artifacts, results and history."""
    sandbox.answer = fixed_by_b
    client.post("/traces", json=a_session(events=[a_thought("late", minute=9), FIX]))
    client.post("/traces/t-1/events", json={"events": [a_thought("ünï", minute=1, extra={"n": 1.5})]})
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    client.post("/traces/t-1/finalize")
    return client.post("/traces/t-1/finalize").content


def reports(content: bytes, settings: Settings) -> list[str]:
    keys = load_public_keys(settings.data_dir / "keys")
    return [
        finding.message
        for report in verify_stream(io.BytesIO(content), keys)
        for finding in report.findings
        if finding.is_broken
    ]


def test_what_the_server_seals_is_proven(finalized: bytes, settings: Settings) -> None:
    keys = load_public_keys(settings.data_dir / "keys")

    (report,) = verify_stream(io.BytesIO(finalized), keys)

    assert report.is_proven
    assert json.loads(finalized)["integrity"]["count"] == 3


def test_the_document_on_disk_is_the_one_that_is_handed_out(finalized: bytes, settings: Settings, client: TestClient) -> None:
    assert (settings.data_dir / "traces" / "t-1.json").read_bytes() == finalized == client.get("/traces/t-1").content


def test_any_changed_field_is_named(finalized: bytes, settings: Settings) -> None:
    document = json.loads(finalized)
    for name in document:
        if name in ("events", "integrity"):
            continue
        changed = {**document, name: "changed" if document[name] != "changed" else None}
        assert reports(json.dumps(changed).encode(), settings), name


def test_any_event_that_is_changed_removed_or_moved_is_named(finalized: bytes, settings: Settings) -> None:
    document = json.loads(finalized)
    events = document["events"]
    for index, event in enumerate(events):
        forged = [*events[:index], {**event, "timestamp": "2020-01-01T00:00:00Z"}, *events[index + 1 :]]
        for changed in (forged, events[:index] + events[index + 1 :], [*events, event]):
            assert reports(json.dumps({**document, "events": changed}).encode(), settings)


def test_verify_on_the_command_line_needs_no_server(finalized: bytes, settings: Settings, tmp_path: Path) -> None:
    exported = tmp_path / "trace.json"
    exported.write_bytes(finalized)
    (key,) = (settings.data_dir / "keys" / "public").glob("*.pem")

    def verify() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", "verify", str(exported), "--public-key", str(key)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    intact = verify()
    exported.write_bytes(finalized.replace("ünï".encode(), b"uni"))
    broken = verify()

    assert (intact.returncode, broken.returncode) == (0, 1)
    assert "3" in broken.stdout


def test_an_independent_verifier_agrees(finalized: bytes, settings: Settings) -> None:
    (key,) = (settings.data_dir / "keys" / "public").glob("*.pem")

    independent_verifier.verify(independent_verifier.read(finalized.decode()), key.read_bytes())

    with pytest.raises(independent_verifier.BrokenError):
        independent_verifier.verify(independent_verifier.read(finalized.decode().replace("ünï", "uni")), key.read_bytes())
