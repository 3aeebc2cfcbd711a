"""Verification with real containers: what a session shows, and what it cannot pretend."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from app.models.qa import Verification
from app.models.trace import Task
from app.qa.investigation import Effort, Progress
from app.qa.pipeline import no_progress
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import SandboxProfile
from app.qa.verify import Verifier
from app.qa.workspaces import Workspaces
from app.utils.clock import utc_now
from tests.builders import a_trace
from tests.integration.sandbox_runs import containers_of, starts
from tests.integration.wire import Wire
from tests.replaying import MemoryTree

pytestmark = pytest.mark.docker

Files = Mapping[str, str]
TILL = "def total(prices):\n    return sum(prices){}\n"
TESTS = """
import pytest
from till import total

@pytest.mark.parametrize("prices", [[1], [1, 2]], ids=["a::b", "x [1|2]"])
def test_total(prices):
    assert total(prices) == sum(prices)

def test_type():
    assert isinstance(total([]), int)
"""
BASE = {"till.py": TILL.format(" + 1"), "tests/test_till.py": TESTS}
FINAL = {**BASE, "till.py": TILL.format("")}
TOTAL = ["tests/test_till.py::test_total[a::b]", "tests/test_till.py::test_total[x [1|2]]"]


def tree(files: Files) -> MemoryTree:
    return MemoryTree({path: content.encode() for path, content in files.items()})


def verify(
    sandbox: DockerSandbox,
    base: Files = BASE,
    final: Files = FINAL,
    command: str = "pytest",
    known: tuple[str, ...] = (),
    reruns: int = 1,
    progress: Progress = no_progress,
) -> Verification:
    """What a session shows that led from one tree to the other."""
    verifier = Verifier(sandbox, utc_now, Effort(reruns=reruns))
    trace = a_trace(task=Task(known_failing_tests=known))
    return verifier.verify(trace, Workspaces(base=tree(base), final=tree(final), origin="here"), command, progress)


# --- honest sessions


@pytest.mark.parametrize("max_parallel", [1, 2])
def test_a_fix_is_confirmed_test_by_test_and_in_other_words(profile: SandboxProfile, engine: Engine, max_parallel: int) -> None:
    found = verify(DockerSandbox(profile, max_parallel=max_parallel), known=("tests/test_till.py::test_total",))

    assert found.verdict == "fixed", found.reason
    assert list(found.fail_to_pass) == TOTAL
    assert found.pass_to_pass == ("tests/test_till.py::test_type",)
    assert found.disguise is not None
    assert "tests/test_till.py::test_total" in found.disguise.confirmed
    assert found.reruns is not None
    assert (found.reruns.before, found.reruns.after) == (1, 1)
    assert containers_of(engine, profile) == []


def test_a_unittest_suite_is_confirmed_alike(sandbox: DockerSandbox) -> None:
    tests = "import unittest\nfrom till import total\n\nclass TestTill(unittest.TestCase):\n    def test_total(self):\n"
    tests += "        self.assertEqual(total([1, 2]), 3)\n"
    files = {"tests/__init__.py": "", "tests/test_till.py": tests}

    found = verify(sandbox, {**BASE, **files}, {**FINAL, **files}, "python -m unittest")

    assert found.verdict == "fixed", found.reason
    assert found.fail_to_pass == ("tests/test_till.py::TestTill::test_total",)


def test_a_crash_before_the_fix_is_an_error_of_the_test_that_it_happened_in(sandbox: DockerSandbox) -> None:
    crash = "import os, signal\n\ndef total(prices):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"

    found = verify(sandbox, {**BASE, "till.py": crash})

    assert found.verdict == "fixed", found.reason
    assert found.before is not None
    assert (found.before.outcome, found.before.exit_code) == ("died", 139)
    assert found.before.tests == {TOTAL[0]: "error"}
    assert set(found.before.not_run) == {TOTAL[1], "tests/test_till.py::test_type"}


def test_an_expectation_that_changes_with_the_code_is_no_weakened_test(sandbox: DockerSandbox) -> None:
    base = {
        "till.py": "def name():\n    return 'old'\n",
        "test_till.py": "from till import name\ndef test_name():\n    assert name() == 'old'\n",
    }
    final = {path: content.replace("old", "new") for path, content in base.items()}

    found = verify(sandbox, base, final)

    assert (found.verdict, found.fail_to_pass) == ("fixed", ("test_till.py::test_name",)), found.reason
    assert found.guard is not None


# --- sessions that do not fix


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        (TESTS.replace("== sum(prices)", "> 0"), "not_reproduced"),
        (TESTS.replace("def test_total", "@pytest.mark.skip\ndef test_total"), "not_reproduced"),
        (TESTS.replace("isinstance(total([]), int)", "total([]) == 1"), "regressed"),
    ],
    ids=["weakened", "skipped", "passes with the bug"],
)
def test_a_session_that_changes_its_tests_instead_of_the_code_fixes_nothing(
    sandbox: DockerSandbox, tests: str, verdict: str
) -> None:
    found = verify(sandbox, final={**BASE, "tests/test_till.py": tests})

    assert found.verdict != "fixed"
    assert found.verdict in (verdict, "not_fixed", "not_reproduced")


def test_a_fix_with_a_weakened_test_is_held_against_the_test_as_it_was(sandbox: DockerSandbox) -> None:
    final = {
        "till.py": TILL.format(" * 1 if prices == [1] else 0"),
        "tests/test_till.py": TESTS.replace("[[1], [1, 2]]", "[[1], [0]]"),
    }

    found = verify(sandbox, final=final)

    assert (found.verdict, found.tests_passed) == ("not_fixed", False), found.reason
    assert "as the session changed it" in found.reason


@pytest.mark.parametrize(
    "till",
    [
        "import os\n\ndef total(prices):\n    os._exit(0)\n",
        "class Whatever(int):\n    __eq__ = lambda *a: True\n\ndef total(prices):\n    return Whatever()\n",
        "import pytest\n\ndef total(prices):\n    pytest.exit('done', returncode=0)\n",
    ],
    ids=["exits", "equals everything", "ends pytest"],
)
def test_code_that_answers_for_its_tests_is_unmasked(sandbox: DockerSandbox, till: str) -> None:
    found = verify(sandbox, final={**BASE, "till.py": till})

    assert (found.verdict, found.tests_passed) == ("tampered", None), found.reason


def test_reports_that_a_new_conftest_rewrites_are_seen_through(sandbox: DockerSandbox) -> None:
    conftest = (
        "import pytest\n\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    outcome = yield\n    outcome.get_result().outcome = 'passed'\n"
    )

    found = verify(sandbox, final={**BASE, "conftest.py": conftest})

    assert (found.verdict, found.tests_passed) == ("tampered", None), found.reason


def test_what_one_tree_does_to_the_container_does_not_fail_the_tests_of_the_other(profile: SandboxProfile) -> None:
    starve = "import resource\nresource.prlimit(1, resource.RLIMIT_NOFILE, (12, 12))\n"
    files = {
        "till.py": "a = 1\n",
        "test_files.py": "def test_files():\n    assert len([open('/dev/null') for _ in range(40)]) == 40\n",
    }
    base, final = {**files, "conftest.py": ""}, {**files, "conftest.py": starve}

    found = verify(DockerSandbox(profile, max_parallel=1), base, final)

    assert found.verdict == "not_reproduced", found.reason


# --- chance


@pytest.mark.slow
def test_a_test_that_fails_half_of_the_time_is_flaky_every_time(sandbox: DockerSandbox) -> None:
    coin = "import random\n\ndef test_coin():\n    assert random.SystemRandom().random() < 0.5\n"
    base, final = {"till.py": "a = 1\n", "test_coin.py": coin}, {"till.py": "a = 2\n", "test_coin.py": coin}

    # by default, with seven reruns, chance alone would let one of the twenty seem steady once in 800 times
    verdicts = [verify(sandbox, base, final, reruns=12).verdict for _ in range(20)]

    assert verdicts == ["flaky"] * 20


def test_a_fix_that_works_now_and_then_is_no_fix(sandbox: DockerSandbox) -> None:
    lucky = "import random\n\ndef total(prices):\n    return sum(prices) + (random.SystemRandom().random() < 0.5)\n"

    found = verify(sandbox, final={**BASE, "till.py": lucky}, reruns=9)

    assert (found.verdict in ("flaky", "not_fixed"), found.tests_passed is True) == (True, False)


# --- engines that fail


def test_containers_that_are_removed_between_two_runs_are_replaced(profile: SandboxProfile, engine: Engine) -> None:
    stages: list[str] = []

    def remove(stage: str) -> None:
        stages.append(stage)
        for name in containers_of(engine, profile):
            engine.remove(name)

    found = verify(DockerSandbox(profile, max_parallel=1), progress=remove)

    assert found.verdict == "fixed", found.reason
    assert stages == ["tests after the fix", "tests before the fix", "the tests that decide, again", "the tests in other words"]
    assert containers_of(engine, profile) == []


HANGS = {**FINAL, "tests/test_till.py": "import time\n\ndef test_total():\n    time.sleep(600)\n"}


def test_an_engine_that_dies_shows_nothing_and_leaves_what_a_sweep_removes(
    profile: SandboxProfile, engine: Engine, wire: Wire
) -> None:
    found: list[Verification] = []
    sandbox = DockerSandbox(profile, environment={"DOCKER_HOST": wire.host})
    run = threading.Thread(target=lambda: found.append(verify(sandbox, final=HANGS)))
    with starts(profile) as started:
        run.start()
        # both of them: what the engine is still about to make when the wire is cut is there after the sweep
        for _ in range(2):
            next(started)
        wire.cut()
        run.join()

    assert (found[0].verdict, found[0].tests_passed) == ("inconclusive", None)
    assert "no container engine answers" in found[0].reason
    DockerSandbox(profile).sweep()
    assert containers_of(engine, profile) == []


def test_containers_that_somebody_removes_during_a_run_show_nothing(
    sandbox: DockerSandbox, profile: SandboxProfile, engine: Engine
) -> None:
    found: list[Verification] = []
    run = threading.Thread(target=lambda: found.append(verify(sandbox, base=HANGS, final=HANGS)))
    with starts(profile) as started:
        run.start()
        for _ in range(2):
            next(started)
        for name in containers_of(engine, profile):
            engine.remove(name)
        run.join()

    assert (found[0].verdict, found[0].tests_passed) == ("inconclusive", None)
