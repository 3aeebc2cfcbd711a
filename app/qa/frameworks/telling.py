"""What a guest's records say, once they have been checked against each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.models.qa import RunOutcome, TestOutcome
from app.qa.base import RunResult
from app.qa.frameworks.base import Reading

_INTERRUPTED, _INTERNAL_ERROR, _USAGE_ERROR = 2, 3, 4


class ForgedRecordsError(Exception):
    """These records were not written by the guest alone. The message says what gives them away."""


_OUTCOMES: frozenset[str] = frozenset({"passed", "failed", "error", "skipped", "xfailed", "xpassed"})


@dataclass
class _Test:
    started: int = 0
    is_over: bool = False
    outcome: TestOutcome | None = None

    def hear(self, when: str, outcome: TestOutcome) -> None:
        """A phase is over. What fails outside of the test itself is an error, and the first bad news stays."""
        self.is_over = when == "teardown"
        if self.outcome in ("failed", "error"):
            return
        if when != "call" and outcome == "failed":
            self.outcome = "error"
        elif outcome != "passed" or self.outcome is None:
            self.outcome = outcome


def read_records(result: RunResult, key: str) -> list[dict[str, Any]]:
    """The records of a run.

    Raises:
        ForgedRecordsError: there is something else among them, or one is missing.
    """
    if result.records_bytes > len(result.records):
        raise ForgedRecordsError("more was reported than any suite has to say")
    records = []
    lines = result.records.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines) and not line.endswith(b"\n") and result.exit_code:
                # whoever was killed may have been writing
                break
            raise ForgedRecordsError("something wrote among the results that is no result") from None
        if not isinstance(record, dict) or record.get("key") != key:
            raise ForgedRecordsError("somebody else than the runner reported results")
        if record.get("n") != number:
            raise ForgedRecordsError("results are missing, or stand twice")
        records.append(record)
    return records


def read_tests(result: RunResult, key: str, framework: str) -> Reading:
    """What the records of a test run show. For runs that exited by themselves."""
    try:
        return _Telling(read_records(result, key)).reading(result, framework)
    except (ForgedRecordsError, KeyError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ForgedRecordsError) else "a result has not the form that results have"
        return Reading("unbelievable", reason, evidence="process")


class _Telling:
    def __init__(self, records: list[dict[str, Any]]) -> None:
        self._expected: Counter[str] | None = None
        self._not_collected: set[str] = set()
        self._tests: dict[str, _Test] = {}
        self._status: int | None = None
        take = {
            "collected": self._collected,
            "not_collected": self._uncollected,
            "start": self._start,
            "phase": self._phase,
            "beside": self._beside,
            "end": self._end,
        }
        for record in records:
            if self._status is not None:
                raise ForgedRecordsError("results came after the end")
            take[record["kind"]](record)

    def _collected(self, record: dict[str, Any]) -> None:
        if self._expected is not None:
            raise ForgedRecordsError("the tests were collected twice")
        self._expected = Counter(str(name) for name in record["ids"])

    def _uncollected(self, record: dict[str, Any]) -> None:
        self._not_collected.add(str(record["id"]))

    def _start(self, record: dict[str, Any]) -> None:
        name = record["id"]
        if self._expected is None or name not in self._expected:
            raise ForgedRecordsError(f"{name} was reported, and is none of the tests")
        test = self._tests.setdefault(name, _Test())
        test.started += 1
        test.is_over = False
        if test.started > self._expected[name]:
            raise ForgedRecordsError(f"{name} was reported twice")

    def _phase(self, record: dict[str, Any]) -> None:
        test = self._tests.get(record["id"])
        if test is None or test.is_over:
            raise ForgedRecordsError(f"{record['id']} was reported without having begun")
        if record["outcome"] not in _OUTCOMES:
            raise ForgedRecordsError(f"{record['id']} has an outcome that there is not")
        test.hear(record["when"], record["outcome"])

    def _beside(self, record: dict[str, Any]) -> None:
        """Something that is no test of its own has failed."""
        self._tests[str(record["id"])] = _Test(started=1, is_over=True, outcome="error")

    def _end(self, record: dict[str, Any]) -> None:
        self._status = int(record["status"])

    def reading(self, result: RunResult, framework: str) -> Reading:
        """All of it together."""
        # a test in whose midst everything ended did not pass
        tests: dict[str, TestOutcome] = {
            name: test.outcome if test.is_over and test.outcome is not None else "error" for name, test in self._tests.items()
        }
        not_run = tuple(sorted((self._expected or Counter()).keys() - tests.keys()))
        outcome, reason = self._outcome(result.exit_code, framework, tests, not_run)
        return Reading(
            outcome,
            reason,
            tests,
            "process",
            tuple(sorted(self._not_collected)),
            not_run,
        )

    def _outcome(
        self, exit_code: int | None, framework: str, tests: Mapping[str, TestOutcome], not_run: Sequence[str]
    ) -> tuple[RunOutcome, str | None]:
        unfinished = [name for name, test in self._tests.items() if not test.is_over]
        where = (
            f"in the midst of {unfinished[-1]}" if unfinished else f"after {len(tests)} of {len(tests) + len(not_run)} tests"
        )
        if self._status is None:
            if exit_code == 0:
                return "unbelievable", f"the process ended with status 0 {where}"
            if self._expected is None:
                return "could_not_run", f"{framework} did not get to run tests (status {exit_code})"
            return "died", f"the process ended with status {exit_code} {where}"
        if self._status == _INTERNAL_ERROR:
            return "could_not_run", f"{framework} had an internal error"
        if self._status == _USAGE_ERROR:
            return "could_not_run", f"{framework} did not get to run tests (status {exit_code})"
        if (not_run or unfinished) and self._status in (0, 1):
            return "unbelievable", f"{framework} came to its end, and results are missing {where}"
        if self._status == _INTERRUPTED or not_run or unfinished:
            return "died", f"{framework} was interrupted {where}"
        if exit_code == 0 and (self._not_collected or any(outcome in ("failed", "error") for outcome in tests.values())):
            return "unbelievable", "the process ended with status 0, and tests failed"
        return "completed", None
