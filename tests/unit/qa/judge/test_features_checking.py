"""F12, F13, F14, F16, F17, F19: the change checked, tests and code handled with care."""

from __future__ import annotations

import pytest

from app.qa.judge.heuristic import measure_features
from tests.unit.qa.judge.sessions import (
    FAILS,
    NEW_TEST,
    PASSES,
    Draft,
    as_evidence,
    calls_during,
    diff,
    edit,
    good_session,
    measure,
    ran,
    result_of,
    without,
)

CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F12", [FAILS, edit(), PASSES], 1.0),
    ("F12", [FAILS, edit(), ran("pytest")], 1.0),
    ("F12", [ran("pytest", 1), edit(), PASSES], 0.8),
    ("F12", [FAILS, edit(), ran("pytest tests/test_mode.py")], 0.5),
    ("F12", [FAILS, edit()], 0.0),
    ("F12", [FAILS, PASSES], None),
    ("F12", [ran("pytest a"), ran("pytest a.py", 1), ran("pytest b"), edit(), ran("pytest a.py::x")], 0.8),
    ("F12", [ran("pytest tests/a.py::x", 1), edit(), ran("pytest tests/a.py"), ran("pytest tests/a.py::w")], 1.0),
    ("F13", [edit(), PASSES], 1.0),
    ("F13", [edit(), result_of(True)], 1.0),
    ("F13", [edit(), ran("python repro.py")], 0.6),
    ("F13", [edit(), ran("git commit -am x"), ran("cat a.py")], 0.0),
    ("F13", [PASSES, edit()], 0.0),
    ("F13", [PASSES], None),
    ("F14", [edit(), ran("pytest")], 1.0),
    ("F14", [ran("pytest tests/a.py::test_b"), edit(), ran("pytest tests/a.py")], 1.0),
    ("F14", [result_of(False, "check a", num_failed=1), edit(), result_of(True, "check b", num_passed=9)], 1.0),
    ("F14", [edit(), ran("pytest tests/a.py::test_b")], 0.0),
    ("F14", [edit()], 0.0),
    ("F14", [PASSES], None),
    *(
        ("F14", [ran(command, 1), edit(), ran(command)], 1.0)
        for command in (
            "python -m unittest discover", "python -m unittest", "make check", "make test", "tox", "nox", "go test ./...",
            "go test", "npm test", "npm run test", "cargo test", "cargo nextest run", "mvn verify", "./gradlew check",
            "dotnet test", "python manage.py test", "pytest", "vitest run",
        )
    ),
    ("F14", [edit(), ran("pytest check")], 0.0),
    ("F14", [edit(), ran("npm run test:unit")], 0.0),
    ("F16", [edit(), edit("tests/test_median.py", NEW_TEST)], 1.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a", "assert b"], ["assert a"]))], 0.8),
    ("F16", [edit("tests/test_a.py", diff(added=["@pytest.mark.skip"]))], 0.4),
    ("F16", [edit("tests/test_a.py", diff(added=["assert True"]))], 0.4),
    ("F16", [edit("tests/test_a.py", "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-assert a\n")], 0.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a"])), edit("tests/test_a.py", diff(added=["assert a"]))], 1.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a"] * 3)), edit("tests/test_b.py", diff(added=["assert a"] * 3))], 1.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a"] * 3)), edit("tests/test_b.py", diff(added=["assert a"]))], 0.6),
    ("F16", [edit("tests/test_a.py", diff(added=["assert True"])), edit("tests/test_b.py", diff(added=["assert a"]))], 0.4),
    ("F16", [edit()], 1.0),
    ("F16", [PASSES], None),
    ("F17", [edit("tests/test_median.py", NEW_TEST)], 1.0),
    ("F17", [edit("tests/test_a.py", diff(["assert a"], ["assert b"]))], 0.0),
    ("F17", [edit()], 0.0),
    ("F17", [PASSES], None),
    ("F19", [edit(diff=diff(["a"], ["b"]))], 1.0),
    ("F19", [edit(diff=diff(["a"], ["b"])), edit(diff=diff(["b"], ["a"]))], 0.0),
    ("F19", [edit(diff=diff(["a"], ["b"])), edit(diff=diff(["b"], ["c"]))], 0.5),
    ("F19", [edit("a.py", diff(["a"], ["b"])), edit("b.py", diff(["b"], ["a"]))], 1.0),
    ("F19", [PASSES], None),
    ("F19", [edit(diff=diff(["a", ""], ["b", ""]))], 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


def test_what_was_moved_is_not_named_as_lost() -> None:
    moved = [edit("tests/test_a.py", diff(["assert a"])), edit("tests/test_b.py", diff(added=["assert a"]))]
    lost = [*moved, edit("tests/test_b.py", diff(["assert b"]))]

    assert measure("F16", moved).events == ("id-1", "id-2")
    assert measure("F16", lost).events == ("id-1", "id-3")


def test_the_work_is_linear_in_selections_of_every_length() -> None:
    def calls(count: int) -> int:
        selections = [[ran(f"pytest {letter * length}", 1) for length in range(1, count + 1)] for letter in "ab"]
        evidence = as_evidence([*selections[0], edit(), *selections[1]])
        measure_features(evidence, ["F13"])  # the session is read
        return calls_during(lambda: measure_features(evidence, ["F12"]))

    assert calls(400) < 12 * calls(40)


@pytest.mark.parametrize(("feature", "removed"), [("F12", (1,)), ("F13", (6, 9)), ("F14", (9,)), ("F17", (8,))])
def test_what_is_removed_from_a_good_session_is_missed(feature: str, removed: tuple[int, ...]) -> None:
    whole, part = measure(feature, good_session()), measure(feature, without(*removed))

    assert whole.value == 1.0
    assert part.value is None or part.value < 1.0
