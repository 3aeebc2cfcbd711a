"""Finalize for real: repositories made on the spot, tested in real containers, the right answer each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api.app import create_app
from app.cli.demo import SAMPLE_REPO, SESSIONS, pack_workspace
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import SandboxProfile
from app.settings import Settings
from tests.builders import a_repo, a_session, a_tar, an_edit
from tests.conftest import AUTH, TOKEN
from tests.integration.sandbox_runs import containers_of, starts

pytestmark = pytest.mark.docker
GZIP = {"Content-Type": "application/gzip"}
MIB = 1024 * 1024
FIX = an_edit("calc.py", "@@ -1,2 +1,2 @@\n def double(x):\n-    return x + x + 1\n+    return 2 * x\n")
REPO = {
    "calc.py": "def double(x):\n    return x + x + 1\n",
    "test_calc.py": "import pytest\nfrom calc import double\n\n@pytest.mark.parametrize('x', [0, 2])\ndef test_double(x):\n"
    "    assert double(x) == 2 * x\n\ndef test_type():\n    assert isinstance(double(1), int)\n",
}

ServerFactory = Callable[..., TestClient]


@pytest.fixture
def serve(runner_image: str, tmp_path: Path) -> Iterator[ServerFactory]:
    """Servers with a real sandbox of small bounds."""
    started: list[TestClient] = []

    def start(**changes: Any) -> TestClient:
        settings = Settings(
            api_token=SecretStr(TOKEN),
            data_dir=tmp_path / "data",
            judge="heuristic",
            runner_image=runner_image,
            sandbox_memory_bytes=256 * MIB,
            sandbox_work_bytes=64 * MIB,
            sandbox_pids=64,
            sandbox_timeout_s=60,
        ).model_copy(update=changes)
        client = TestClient(create_app(settings), headers=AUTH, base_url="http://localhost")
        client.__enter__()
        started.append(client)
        return client

    yield start
    for client in started:
        client.__exit__(None, None, None)


def finalized(
    client: TestClient, files: dict[str, str], *events: dict[str, Any], command: str = "python -m pytest -q"
) -> dict[str, Any]:
    """What is found out about a repository and a session."""
    client.post("/traces", json=a_session(events=list(events), repo=a_repo(test_command=command))).raise_for_status()
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(files), headers=GZIP).raise_for_status()
    response = client.post("/traces/t-1/finalize")
    assert response.status_code == 200, response.text
    results: dict[str, Any] = response.json()["qa_results"]
    return results


def test_a_fix_is_seen_to_fix(serve: ServerFactory) -> None:
    results = finalized(serve(), REPO, FIX)

    assert results["tests_passed"] is True
    assert results["test_exit_code"] == 0
    assert "3 passed" in results["test_output_snippet"]
    verification = results["verification"]
    assert verification["verdict"] == "fixed"
    assert verification["fail_to_pass"] == ["test_calc.py::test_double[0]", "test_calc.py::test_double[2]"]
    assert verification["pass_to_pass"] == ["test_calc.py::test_type"]
    assert verification["image"]["digest"].startswith("sha256:")


def test_a_session_that_mends_nothing_is_seen_to_fail(serve: ServerFactory) -> None:
    wrong = an_edit("calc.py", "@@ -1,2 +1,2 @@\n def double(x):\n-    return x + x + 1\n+    return x + x + 2\n")

    results = finalized(serve(), REPO, wrong)

    assert results["tests_passed"] is False
    assert results["test_exit_code"] == 1
    assert results["verification"]["verdict"] == "not_fixed"
    assert len(results["verification"]["fail_to_fail"]) == 2


def test_a_fix_that_breaks_something_else_is_seen(serve: ServerFactory) -> None:
    breaks = an_edit("calc.py", "@@ -1,2 +1,2 @@\n def double(x):\n-    return x + x + 1\n+    return 2.0 * x\n")

    verification = finalized(serve(), REPO, breaks)["verification"]

    assert verification["verdict"] == "regressed"
    assert verification["pass_to_fail"] == ["test_calc.py::test_type"]


def test_a_hanging_suite_ends_in_time(serve: ServerFactory) -> None:
    files = {"test_hang.py": "import time\n\ndef test_hang():\n    print('still here', flush=True)\n    time.sleep(3600)\n"}

    results = finalized(serve(sandbox_timeout_s=8), files, command="python -m pytest -s")

    assert results["tests_passed"] is None
    assert results["verification"]["verdict"] == "inconclusive"
    assert results["verification"]["after"]["outcome"] == "timed_out"
    assert "still here" in results["test_output_snippet"]


def test_a_fork_bomb_is_contained(serve: ServerFactory) -> None:
    bomb = "import os\n\ndef test_bomb():\n    while True:\n        os.fork()\n"

    verification = finalized(serve(sandbox_timeout_s=10), {"test_bomb.py": bomb})["verification"]

    assert verification["verdict"] in ("not_fixed", "not_reproduced", "inconclusive")
    assert verification["verdict"] != "fixed"


def test_a_flood_on_stdout_is_bounded(serve: ServerFactory) -> None:
    flood = "import sys\n\ndef test_flood():\n    for _ in range(200):\n        sys.stdout.write('x' * 1_000_000 + '\\n')\n"

    results = finalized(serve(), {"test_flood.py": flood}, command="python -m pytest -s -q")

    assert results["tests_passed"] is True
    assert results["verification"]["after"]["output_bytes"] > 200_000_000
    assert len(results["test_output_snippet"]) <= 2000
    assert "1 passed" in results["test_output_snippet"]


def test_a_suite_that_takes_all_memory_is_inconclusive(serve: ServerFactory) -> None:
    hog = "def test_hog():\n    kept = []\n    while True:\n        kept.append(bytearray(10_000_000))\n"

    verification = finalized(serve(), {"test_hog.py": hog})["verification"]

    assert verification["verdict"] == "inconclusive"
    assert verification["after"]["outcome"] == "out_of_memory"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"app.py": "x = 1\n"}, "no test was run"),
        ({"test_a.py": "import not_installed\n\ndef test_a():\n    pass\n"}, "could not be collected"),
        ({"test_a.py": "def test_a(:\n"}, "could not be collected"),
    ],
)
def test_a_suite_that_collects_nothing_shows_nothing(serve: ServerFactory, files: dict[str, str], words: str) -> None:
    results = finalized(serve(), files)

    assert results["tests_passed"] is None
    assert results["verification"]["verdict"] == "inconclusive"
    assert words in results["verification"]["reason"]


def test_an_early_exit_is_no_success(serve: ServerFactory) -> None:
    files = {
        "conftest.py": "import os\n\ndef pytest_collection_finish():\n    os._exit(0)\n",
        "test_a.py": "def test_a():\n    assert False\n",
    }

    results = finalized(serve(), files)

    assert results["verification"]["verdict"] == "tampered"
    assert results["tests_passed"] is None


def test_unittest_style_and_odd_names_are_told_apart(serve: ServerFactory) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/tests/__init__.py": "",
        "pkg/tests/base.py": "import unittest\n\nclass Base(unittest.TestCase):\n    def test_inherited(self):\n        pass\n",
        "pkg/tests/test_odd.py": "import pytest\nfrom pkg.tests import base\n\nclass TestA(base.Base):\n"
        "    def test_own(self):\n        self.assertTrue(True)\n\n"
        "class TestOuter:\n    class TestInner:\n        def test_in(self): pass\n\n"
        "@pytest.mark.parametrize('s', ['a::b', 'x.y/z', 'sp ace', 'ü'])\ndef test_p(s): pass\n\n"
        "@pytest.mark.xfail\ndef test_x(): assert False\n\n@pytest.mark.skip\ndef test_s(): pass\n",
    }

    tests = finalized(serve(), files)["verification"]["after"]["tests"]

    odd = "pkg/tests/test_odd.py"
    assert tests == {
        f"{odd}::TestA::test_inherited": "passed",
        f"{odd}::TestA::test_own": "passed",
        f"{odd}::TestOuter::TestInner::test_in": "passed",
        f"{odd}::test_p[a::b]": "passed",
        f"{odd}::test_p[x.y/z]": "passed",
        f"{odd}::test_p[sp ace]": "passed",
        f"{odd}::test_p[\\xfc]": "passed",
        f"{odd}::test_x": "xfailed",
        f"{odd}::test_s": "skipped",
    }


def test_a_configured_repository_is_tested(serve: ServerFactory, tmp_path: Path) -> None:
    repository = tmp_path / "repos" / "till"
    repository.mkdir(parents=True)
    for name, content in REPO.items():
        (repository / name).write_text(content)
    client = serve(repos_dir=tmp_path / "repos")
    client.post("/traces", json=a_session(events=[FIX])).raise_for_status()

    verification = client.post("/traces/t-1/finalize").json()["qa_results"]["verification"]

    assert verification["verdict"] == "fixed"
    assert verification["trees_from"] == "the configured folder till, with 1 recorded edits applied"


@pytest.mark.parametrize(("session", "verdict"), [*zip(SESSIONS, ("fixed", "not_fixed", "fixed"), strict=True)])
def test_the_bundled_sessions_are_what_they_say(serve: ServerFactory, session: str, verdict: str) -> None:
    client = serve()
    trace = (SAMPLE_REPO / "sessions" / f"{session}.json").read_bytes()
    trace_id = client.post("/traces", content=trace).json()["trace_id"]
    client.put(f"/traces/{trace_id}/artifacts/workspace", content=pack_workspace(SAMPLE_REPO), headers=GZIP)

    results = client.post(f"/traces/{trace_id}/finalize").json()["qa_results"]

    assert results["verification"]["verdict"] == verdict
    assert 1.0 <= results["reasoning_score"] <= 5.0


def test_many_finalizes_at_once_all_come_to_their_end(serve: ServerFactory, engine: Engine) -> None:
    client = serve()
    for number in range(6):
        client.post("/traces", json=a_session(trace_id=f"t-{number}", events=[FIX]))
        client.put(f"/traces/t-{number}/artifacts/workspace", content=a_tar(REPO), headers=GZIP)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: client.post(f"/traces/t-{number}/finalize"), range(6)))

    assert [answer.json()["qa_results"]["verification"]["verdict"] for answer in answers] == ["fixed"] * 6


def test_an_engine_that_is_away_loses_nothing(serve: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve()
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
        first = finalized(client, REPO, FIX)
    second = client.post("/traces/t-1/finalize").json()

    assert first["verification"]["verdict"] == "inconclusive"
    assert first["tests_passed"] is None
    assert first["reasoning_score"] is not None or first["judgements"]
    assert second["qa_results"]["verification"]["verdict"] == "fixed"
    assert len(second["events"]) == 1


def test_an_image_that_is_missing_is_said(serve: ServerFactory) -> None:
    verification = finalized(serve(runner_image="pr-telemetry-no-such-image:0"), REPO, FIX)["verification"]

    assert verification["verdict"] == "inconclusive"
    assert "pr-telemetry-no-such-image:0" in verification["reason"]


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_server_starts_containers_ahead_and_takes_them_along_when_it_ends(
    runner_image: str, tmp_path: Path, profile: SandboxProfile, engine: Engine, ahead: int
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/owner").write_text(profile.owner)
    settings = Settings(
        api_token=SecretStr(TOKEN), data_dir=tmp_path / "data", judge="off", runner_image=runner_image, warm_sandboxes=ahead
    )
    with starts(profile) as started, TestClient(create_app(settings), headers=AUTH, base_url="http://localhost"):
        for _ in range(ahead):
            next(started)

        assert len(containers_of(engine, profile)) == ahead
    assert containers_of(engine, profile) == []
