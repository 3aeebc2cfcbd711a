"""A test suite for a ``ScriptedSandbox``: it tells what a guest in a container would tell of it, and can be made to cheat."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.models.qa import TestOutcome
from app.qa.base import Guest, RunResult, RunSpec
from app.qa.frameworks.telling import read_records
from app.rules.nodeids import file_of, function_of
from tests.guest_runs import lay_out, run_guest

Record = dict[str, Any]
Outcomes = Mapping[str, TestOutcome]
"""By node id, in the order in which the tests run."""


@dataclass(frozen=True)
class Asked:
    """A test, as it is asked for in one run."""

    name: str
    """Its node id in this run."""
    own_name: str
    """Its node id without disguise."""
    outcome: TestOutcome
    """What comes of it without disguise."""
    must_fail: bool = False
    """Whether this version of it has to fail."""


@dataclass
class Told:
    """What one run tells, for a cheat to change."""

    key: str
    exit_code: int
    records: list[Record]
    """Without key and number, which they get when they are written."""
    rest: bytes = b""
    """What follows the last record."""

    def content(self) -> bytes:
        """The bytes that come out of the container."""
        lines = (json.dumps({"key": self.key, "n": n, **record}) for n, record in enumerate(self.records, 1))
        return "".join(f"{line}\n" for line in lines).encode() + self.rest


Answer = Callable[[Asked], TestOutcome]
Cheat = Callable[[Told], None]


def honestly(asked: Asked) -> TestOutcome:
    """As a suite answers that knows nothing of disguises."""
    return "failed" if asked.must_fail else asked.outcome


@dataclass(frozen=True)
class Worn:
    """What a file in other words is, in truth."""

    path: str
    new_path: str
    names: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """By the new id of a test function, its own, and whether it has to fail. Functions that are left out are as they were."""
    fails_whole: bool = False
    """Whether every test has to fail."""


@dataclass
class ScriptedSuite:
    """An answer for ``ScriptedSandbox``. pytest and unittest commands tell by test, any other by its exit status alone."""

    outcomes: Callable[[Mapping[str, bytes]], Outcomes]
    """From the files of a tree to what comes of its tests."""
    answer: Answer = honestly
    cheat: Cheat = lambda told: None
    output: bytes = b""
    duration_s: float = 0.1
    """Of each run."""
    _worn: dict[bytes, Worn] = field(default_factory=dict)
    """By the content of a file in other words."""

    def __call__(self, spec: RunSpec, files: Mapping[str, bytes]) -> RunResult:
        if spec.argv == ("disguise",) and spec.guest is not None:
            return self._disguise(spec.guest, files)
        worn = [self._worn[content] for content in present(spec.overlay).values() if content in self._worn]
        asked = as_asked(self.outcomes({**files, **present(spec.overlay)}), worn)
        if spec.guest is None:
            return self._exited(int(has_failed(map(self.answer, asked))))
        return self._run([test for test in asked if is_wanted(test.name, spec.guest)], spec.guest)

    def _run(self, asked: Sequence[Asked], guest: Guest) -> RunResult:
        outcomes = {test.name: self.answer(test) for test in asked}
        status = 1 if has_failed(outcomes.values()) else 0 if outcomes else 5
        records: list[Record] = [{"kind": "collected", "ids": list(outcomes), "left_out": 0}]
        for name, outcome in outcomes.items():
            records += records_of(name, outcome)
        told = Told(str(guest.config["key"]), status, [*records, {"kind": "end", "status": status}])
        self.cheat(told)
        return self._exited(told.exit_code, told.content())

    def _disguise(self, guest: Guest, files: Mapping[str, bytes]) -> RunResult:
        with tempfile.TemporaryDirectory() as folder:
            lay_out(Path(folder), files)
            result = run_guest(guest.source, guest.config, Path(folder))
        for record in read_records(result, str(guest.config["key"])):
            if record["kind"] in ("disguised", "sabotaged") and "source" in record:
                self._worn[record["source"].encode("utf-8", "surrogatepass")] = as_worn(record)
        return result

    def _exited(self, code: int, records: bytes = b"") -> RunResult:
        return RunResult(
            "exited",
            exit_code=code,
            output_head=self.output,
            output_bytes=len(self.output),
            duration_s=self.duration_s,
            records=records,
            records_bytes=len(records),
        )


def as_worn(record: Record) -> Worn:
    """What a file is that the writer of other words has told of."""
    path = record["path"]
    if record["kind"] == "sabotaged":
        names = {name: (name, True) for name in record["tests"]}
        return Worn(path, path, names, fails_whole=not names)
    made = record["made"]
    names = {
        f"{record['new_path']}::{new}": (f"{path}::{own}", made[own] != "original") for own, new in record["names"].items()
    }
    return Worn(path, record["new_path"], names)


def as_asked(outcomes: Outcomes, worn: Sequence[Worn]) -> list[Asked]:
    """The tests of a tree, as they are there in a run in which files are in other words."""
    new_names = {own: (new, must_fail) for file in worn for new, (own, must_fail) in file.names.items()}
    moved = {file.path: file.new_path for file in worn}
    failing = {file.path for file in worn if file.fails_whole}
    asked = []
    for name, outcome in outcomes.items():
        function, path = function_of(name), file_of(name)
        new, must_fail = new_names.get(function, (moved.get(path, path) + function.removeprefix(path), path in failing))
        asked.append(Asked(new + name.removeprefix(function), name, outcome, must_fail))
    return asked


def records_of(name: str, outcome: TestOutcome) -> list[Record]:
    """What a guest tells of one test."""
    phases = [("setup", "passed"), ("call", outcome), ("teardown", "passed")]
    if outcome in ("error", "skipped"):
        phases = [("setup", "failed" if outcome == "error" else "skipped"), phases[-1]]
    told = ({"kind": "phase", "id": name, "when": when, "outcome": what, "altered": False} for when, what in phases)
    return [{"kind": "start", "id": name}, *told]


def is_wanted(name: str, guest: Guest) -> bool:
    """Whether a guest that may be told which tests to run was told this one."""
    only = guest.config["only"]
    return only is None or name in a_list(only) or function_of(name) in a_list(only)


def has_failed(outcomes: Any) -> bool:
    """Whether a suite with these outcomes ends with status 1."""
    return any(outcome in ("failed", "error") for outcome in outcomes)


def present(overlay: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """The files that an overlay brings."""
    return {path: content for path, content in overlay.items() if content is not None}


def a_list(value: Any) -> list[Any]:
    """What is known to be a list."""
    assert isinstance(value, list)
    return value


# --- cheats -----------------------------------------------------------------------------------------------------------


def pass_everything(asked: Asked) -> TestOutcome:
    """Answers for every test, whatever it says."""
    return "passed"


def pass_by_name(asked: Asked) -> TestOutcome:
    """Answers for the tests whose names it knows; the others fail."""
    return "passed" if function_of(asked.name) == function_of(asked.own_name) else "failed"


def pass_by_file(asked: Asked) -> TestOutcome:
    """Answers for every test of a file whose name it knows."""
    return "passed" if file_of(asked.name) == file_of(asked.own_name) else "failed"


def drop_the_last_result(told: Told) -> None:
    """One test was found, and nothing more is heard of it."""
    last = max(number for number, record in enumerate(told.records) if record["kind"] == "start")
    del told.records[last:-1]


def tell_twice(told: Told) -> None:
    """The first test is reported once more."""
    name = told.records[0]["ids"][0]
    told.records[-1:-1] = records_of(name, "passed")


def tell_of_another(told: Told) -> None:
    """A test is reported that nobody has found."""
    told.records[-1:-1] = records_of("tests/test_till.py::test_of_nobody", "passed")


def end_early(told: Told) -> None:
    """The process ends with status 0 after the first test has begun."""
    del told.records[2:]
    told.exit_code = 0


def go_on_after_the_end(told: Told) -> None:
    """Results follow the end."""
    told.records.append({"kind": "not_collected", "id": "x"})


def guess_the_key(told: Told) -> None:
    """Somebody writes who has not been told the key."""
    told.key = "0" * len(told.key)


def write_garbage(told: Told) -> None:
    """Something else is written among the results."""
    told.rest = b"\xff\x00 2 passed\n"


def deny_failures(told: Told) -> None:
    """The process ends with status 0, although tests failed."""
    told.exit_code = 0
