"""Harbor task folders."""

from __future__ import annotations

import json
import tomllib

import pytest

from app.formats.writing.base import NO_VERIFIED_FIX, SAME_TASK, Change, Options
from app.formats.writing.harbor import HarborWriter
from app.models.trace import Task
from tests.unit.formats.writing.sessions import (
    BUGGY,
    MENDED,
    TEST,
    Files,
    a_finalized,
    a_repository,
    a_session_of,
    results,
    some_code,
    written,
)

FOLDER = "tasks/train/t-1"


def test_a_task_has_all_that_it_takes() -> None:
    found = written(HarborWriter(), a_session_of(a_finalized()))

    assert {path.removeprefix(f"{FOLDER}/") for path in found.files} == {
        "task.toml",
        "instruction.md",
        "environment/Dockerfile",
        "environment/workspace/till.py",
        "environment/workspace/tests/test_till.py",
        "tests/test.sh",
        "tests/check.py",
        "tests/outcomes.py",
        "tests/expected.json",
        "tests/files/tests/test_till.py",
        "solution/solve.sh",
        "solution/files/till.py",
    }
    assert found.files[f"{FOLDER}/environment/workspace/till.py"] == BUGGY.encode()
    assert found.files[f"{FOLDER}/solution/files/till.py"] == MENDED.encode()
    assert found.executable == {f"{FOLDER}/tests/test.sh", f"{FOLDER}/solution/solve.sh"}


def test_the_settings_are_toml_and_say_where_the_task_comes_from() -> None:
    title = 'A "quoted" \\ title\nwith\ta del \x7f'
    found = written(HarborWriter(), a_session_of(a_finalized("a..b", task=Task(title=title))))

    settings = tomllib.loads(found.files["tasks/train/a..b/task.toml"].decode())

    assert settings["task"] == {"name": "pr-telemetry/a_b", "description": title, "keywords": ["debugging"]}
    assert settings["metadata"]["trace_id"] == "a..b"
    assert settings["verifier"]["timeout_sec"] == 240.0
    assert settings["environment"] == {"build_timeout_sec": 900.0, "cpus": 2, "memory_mb": 512}


def test_the_tests_that_passed_have_to_pass() -> None:
    found = written(HarborWriter(), a_session_of(a_finalized()))

    expected = json.loads(found.files[f"{FOLDER}/tests/expected.json"])

    assert expected["test_command"] == "python -m pytest -q"
    assert expected["by_test"] is True
    assert expected["must_pass"] == ["tests/test_till.py::test_other", TEST]


def test_a_suite_that_is_no_pytest_is_judged_by_its_exit_status() -> None:
    checked = results().verification.model_copy(update={"test_command": "npm test"})
    found = written(HarborWriter(), a_session_of(a_finalized(qa_results=results(verification=checked))))

    expected = json.loads(found.files[f"{FOLDER}/tests/expected.json"])

    assert (expected["by_test"], expected["must_pass"]) == (False, [])


def test_one_bug_is_one_task_made_of_the_best_fix() -> None:
    sessions = [
        a_session_of(a_finalized("a", score=1.0)),
        a_session_of(a_finalized("b", score=5.0)),
        a_session_of(a_finalized("c", "not_fixed")),
        a_session_of(a_finalized("d", "not_fixed", bug_id="BUG-2")),
        a_session_of(a_finalized("e", bug_id=None)),
    ]

    found = written(HarborWriter(), *sessions)

    assert {path.split("/")[2] for path in found.files} == {"b", "e"}
    assert found.tally.left_out == {SAME_TASK: 2, NO_VERIFIED_FIX: 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("no workspace was uploaded", "the code cannot be had: no workspace was uploaded"),
        (some_code(base=Files({"settings.py": "password = 'hunter2'"})), "the workspace holds what looks like a secret"),
        (some_code(changes=(Change("a.py", None, b"hunter2"),)), "the fix holds what looks like a secret"),
    ],
)
def test_what_makes_no_task_is_counted(code: object, reason: str) -> None:
    found = written(HarborWriter(), a_session_of(a_finalized(), code))  # type: ignore[arg-type]  # one of the two

    assert found.files == {}
    assert [loss.reason for loss in found.tally.losses.losses()] == [reason]


def test_a_solution_quotes_what_it_removes() -> None:
    changes = (
        *some_code().changes,
        Change("a b'; rm -rf x.py", b"x", None),
        Change("tests/test_old.py", b"x", None, is_test=True),
    )

    found = written(HarborWriter(), a_session_of(a_finalized(), some_code(changes=changes)))

    assert found.files[f"{FOLDER}/solution/solve.sh"].decode().splitlines()[-1] == "rm -f -- '/app/a b'\"'\"'; rm -rf x.py'"


@pytest.mark.parametrize(
    ("base_image", "lines"),
    [
        (None, ["FROM runner:1", "USER root", "WORKDIR /app", "COPY workspace/ /app/"]),
        (
            "python:3.12",
            ["FROM python:3.12", "USER root", "RUN python3 -m pip install --no-cache-dir six==1.17.0", "WORKDIR /app",
             "COPY workspace/ /app/"],
        ),
    ],
)  # fmt: skip
def test_a_task_is_built_on_the_image_that_verified_or_another(base_image: str | None, lines: list[str]) -> None:
    trace = a_finalized(repo=a_repository(requirements=("six==1.17.0",)))

    found = written(HarborWriter(), a_session_of(trace), options=Options(base_image=base_image))

    assert found.files[f"{FOLDER}/environment/Dockerfile"].decode().splitlines()[1:] == lines
