"""A task folder in a real container: its tests fail before the solution, and pass after it."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from app.cli.export_folder import write_files
from app.formats.writing.base import Code, Context, Item, Tally
from app.formats.writing.harbor import HarborWriter
from app.models.qa import ImageRef
from app.qa.workspaces import Workspaces
from app.services.export_code import CodeReader
from tests.unit.formats.writing.sessions import SAMPLES, Files, a_sample, a_session_of, chosen_of, results

pytestmark = pytest.mark.docker

NAMED = "tests/test_expiry.py::test_a_deadline_can_be_moved_back"
PASSING = "tests/test_memo.py::test_an_answer_is_forgotten_at_its_deadline"


@pytest.fixture
def task(tmp_path: Path, runner_image: str) -> Path:
    """The task of the bundled fix."""
    trace = a_sample("thoughtful-fix")
    workspace = {
        path.relative_to(SAMPLES.parent).as_posix(): path.read_bytes()
        for path in SAMPLES.parent.rglob("*")
        if path.is_file() and not {"sessions", "__pycache__", ".pytest_cache"} & {*path.parts}
    }
    code = CodeReader(lambda found: Workspaces(base=Files(workspace)), lambda text: text).code_of(trace)
    assert isinstance(code, Code), code
    # two of the suite's tests are enough here
    decided = {"fail_to_pass": (NAMED,), "pass_to_pass": (PASSING,), "image": ImageRef(name=runner_image)}
    checked = results().verification.model_copy(update=decided)
    session = a_session_of(trace.model_copy(update={"qa_results": results(verification=checked)}), code)
    context = Context(lambda chosen: session, Tally())
    write_files(HarborWriter().files("train", [Item((chosen_of(session),))], context), tmp_path)
    return tmp_path / "tasks" / "train" / trace.trace_id


@pytest.fixture
def engine_client() -> Iterator[Any]:
    """The container engine."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def image(task: Path, engine_client: Any) -> Iterator[str]:
    """The task's environment."""
    name = f"pr-telemetry-test-task:{uuid.uuid4().hex}"
    engine_client.images.build(path=str(task / "environment"), tag=name, rm=True)
    yield name
    engine_client.images.remove(name, force=True)


def reward(client: Any, image: str, task: Path, script: str) -> tuple[str, str]:
    """Run a script and then the tests, as Harbor does. Returns what was told, and the reward."""
    container = client.containers.create(image, ["bash", "-c", f"{script}; bash /tests/test.sh; cat /logs/verifier/reward.txt"])
    try:
        for folder in ("tests", "solution"):
            container.put_archive("/", packed(task, folder))
        container.start()
        container.wait(timeout=120)
        output = container.logs().decode().strip()
    finally:
        container.remove(force=True)
    told, _, last = output.rpartition("\n")
    return told, last


def packed(task: Path, folder: str) -> bytes:
    """A folder as the engine takes it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(task / folder, folder)
    return content.getvalue()


def test_the_reward_is_what_the_verification_says(task: Path, image: str, engine_client: Any) -> None:
    before, nothing = reward(engine_client, image, task, "true")
    _, all_of_it = reward(engine_client, image, task, "bash /solution/solve.sh")
    _, cheating = reward(engine_client, image, task, "rm -rf tests && mkdir tests && touch tests/test_expiry.py")

    assert (nothing, all_of_it, cheating) == ("0", "1", "0")
    assert f"did not pass: {NAMED}" in before
    assert json.loads((task / "tests" / "expected.json").read_text())["by_test"] is True
