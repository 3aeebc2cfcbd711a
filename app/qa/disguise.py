"""The tests that decide, run again in other words: who answers for a test without passing it does not know which is which.

Each test is run as it is, under its own name and under another one, and in versions that have to fail
(``app.qa.guest.disguise``), never two of them in one run. They are written in a container in which the code under test does not
run afterwards, and which is which is known to the server alone.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from app.models.qa import DisguiseCheck, TestRun
from app.qa.base import Guest, RunSpec, SandboxSession, Tree, TreeFile
from app.qa.frameworks.base import Framework, Selection
from app.qa.frameworks.telling import ForgedRecordsError, read_records
from app.qa.sandbox.bundle import bundle
from app.qa.suites import TestTree, run_suite
from app.rules.nodeids import file_of, function_of
from app.rules.reruns import FAILED, PASSED
from app.rules.testfiles import is_test_file

_FEW = 8
"""Up to so many tests that decide, each of them has to fail in eight runs; otherwise in three of four."""
_MIXED_RENAMES = (False, True, False, True)
_MOST_SPOILT = 200


class DisguiseError(Exception):
    """The tests could not be put in other words. The message says why."""


@dataclass(frozen=True)
class Costume:
    """One run in other words."""

    overlay: Mapping[str, bytes | None]
    names: Mapping[str, str]
    """By the test function's own id, the one that it has in this run."""
    must_pass: frozenset[str] = frozenset()
    must_fail: Mapping[str, str] = field(default_factory=dict)
    """With the kind of each. Of the others, nothing is expected: they stand beside one that fails, and may rest on it."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """By the path of a test file, the one that it has in this run."""


@dataclass
class _Tally:
    runs: int = 0
    passed: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    unlike: dict[str, list[Costume]] = field(default_factory=dict)
    passed_wrongly: dict[str, list[Costume]] = field(default_factory=dict)

    def depends_on_its_name(self, test: str) -> bool:
        """Whether it fails as it is, and passes where it says the opposite. A test that asks for its own name does so under
        another one, and code that asks for the name of the test makes it do so: there is no telling which."""
        kinds = {costume.must_fail[test] for costume in self.passed_wrongly.get(test, ())}
        return test in self.unlike and kinds <= {"negated", "unequal"}


@dataclass(frozen=True)
class _ChosenTree:
    base: Tree
    paths: frozenset[str]

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        return (file for file in self.base.files() if file.path in self.paths)


class Disguise:
    """Checks some tests of a suite."""

    def __init__(
        self, framework: Framework, tree: TestTree, chance: random.Random | None = None, *, whole_files: bool = False
    ) -> None:
        """``whole_files``: the tests build on others of their file, so that all of it has to be run."""
        self._framework = framework
        self._tree = tree
        self._chance = chance or secrets.SystemRandom()
        self._whole_files = whole_files

    def make(self, session: SandboxSession, functions: Sequence[str], deciding: int) -> tuple[list[Costume], dict[str, str]]:
        """Have the tests put in other words, and learn which could not be. The first ``deciding`` of them decide. The session
        is renewed afterwards: what is in its memory is not for the code under test.

        Raises:
            DisguiseError: nothing came of it.
        """
        by_file: dict[str, list[str]] = {}
        for function in functions:
            path, _, name = function.partition("::")
            by_file.setdefault(path, []).append(name)
        helpers = [path for path in self._tree.paths if is_test_file(path) and path.endswith(".py") and path not in by_file]
        orders = self._orders(by_file, functions[:deciding] if deciding <= _FEW else ())
        config: dict[str, JsonValue] = {
            "runs": [order.document() for order in orders],
            "taken": [path for path in self._tree.paths if is_test_file(path)],
            "helpers": {"files": by_file, "helpers": helpers, "seed": self._chance.getrandbits(60)},  # type: ignore[dict-item]
        }
        records = self._written(session, config, frozenset([*by_file, *helpers]))
        costumes, left_out = _costumes(orders, records)
        costumes += [_sabotaged(record) for record in records if record["kind"] == "sabotaged"]
        self._chance.shuffle(costumes)
        return costumes, left_out

    def spoil(self, session: SandboxSession) -> Mapping[str, bytes | None]:
        """Test files in which every test has to fail, for a command that is believed as a whole. None where there are no tests
        that are written in Python. The session is renewed afterwards.

        Raises:
            DisguiseError: nothing came of it.
        """
        paths = sorted(path for path in self._tree.paths if is_test_file(path) and path.endswith(".py"))[:_MOST_SPOILT]
        if not paths:
            return {}
        config: dict[str, JsonValue] = {"runs": [], "spoil": paths, "seed": self._chance.getrandbits(60)}  # type: ignore[dict-item]
        return {record["path"]: _bytes(record["source"]) for record in self._written(session, config, frozenset(paths))}

    def wear(
        self, costumes: Iterable[Costume], session: SandboxSession, plain: TestRun, left_out: Mapping[str, str]
    ) -> tuple[DisguiseCheck, list[Costume]]:
        """Run the tests of the tree in other words. Returns the check, and the costumes in which something was not as it
        should be."""
        tally = _Tally()
        problem = None
        for costume in costumes:
            run = self._run(costume, session, plain)
            tally.runs += 1
            if run.outcome not in ("completed", "died"):
                problem = f"{run.outcome}: {run.reason}"
                break
            for name in costume.names:
                _note(tally, costume, name, run, plain)
        return _check(tally, left_out, problem), _unique([*tally.unlike.values(), *tally.passed_wrongly.values()])

    def _written(self, session: SandboxSession, config: dict[str, JsonValue], paths: frozenset[str]) -> list[dict[str, Any]]:
        key = secrets.token_hex(16)
        guest = Guest(bundle("disguise"), {**config, "key": key})
        result = session.run(RunSpec(("disguise",), _ChosenTree(self._tree, paths), guest=guest))
        session.renew()
        if result.kind != "exited" or result.exit_code != 0:
            raise DisguiseError(result.reason or f"writing them ended with status {result.exit_code}")
        try:
            return [record for record in read_records(result, key) if record["kind"] != "end"]
        except ForgedRecordsError as error:
            raise DisguiseError(str(error)) from error

    def _run(self, costume: Costume, session: SandboxSession, plain: TestRun) -> TestRun:
        only = list(costume.names.values())
        if self._whole_files:
            files = {file_of(name) for name in costume.names}
            beside = (name for name in map(function_of, plain.tests) if file_of(name) in files and name not in costume.names)
            only += [costume.moved.get(file_of(name), file_of(name)) + name[len(file_of(name)) :] for name in beside]
        selection = Selection(only=tuple(dict.fromkeys(only)), overlay=costume.overlay)
        # a tree object of its own: nothing of the run before is kept, the order and the numbers of its files neither
        return run_suite(session, self._framework, "after", self._tree.anew(), selection)

    def _orders(self, by_file: Mapping[str, Sequence[str]], thorough: Collection[str]) -> list[_Order]:
        """Two runs in which every test is as it is, and some in which each has to fail, now this one and now that one."""
        functions = [f"{path}::{name}" for path, names in by_file.items() for name in names]
        flags = (2 if thorough else 1) * _MIXED_RENAMES
        mixed: list[dict[str, str]] = [{} for _ in flags]
        for function in functions:
            for renames, kinds in self._kinds(is_thorough=function in thorough).items():
                numbers = [number for number, flag in enumerate(flags) if flag is renames]
                for number, kind in zip(self._chance.sample(numbers, len(kinds)), kinds, strict=True):
                    mixed[number][function] = kind
        plans: list[tuple[bool, dict[str, str]]] = [(False, {}), (True, {}), *zip(flags, mixed, strict=True)]
        return [
            _Order(
                renames=renames,
                seed=self._chance.getrandbits(60),
                kinds={name: wrong.get(name, "original") for name in functions},
            )
            for renames, wrong in plans
        ]

    def _kinds(self, *, is_thorough: bool) -> dict[bool, list[str]]:
        """How one test has to fail: under its own name, and under another one. Who knows it by its name, and answers wrongly
        otherwise, passes what says the opposite under another."""
        if is_thorough:
            return {False: ["false", "changed", "swapped", "swapped"], True: ["negated", "unequal", "unequal", "swapped"]}
        return {False: [self._chance.choice(("false", "changed", "swapped"))], True: ["negated", "unequal"]}


@dataclass(frozen=True)
class _Order:
    renames: bool
    seed: int
    kinds: Mapping[str, str]
    """What each test function is to become."""

    @property
    def is_all_original(self) -> bool:
        """Whether nothing in it has to fail."""
        return set(self.kinds.values()) == {"original"}

    def document(self) -> JsonValue:
        """As it is sent."""
        files: dict[str, dict[str, JsonValue]] = {}
        for function, kind in self.kinds.items():
            path, _, name = function.partition("::")
            files.setdefault(path, {})[name] = kind
        return {"renames": self.renames, "seed": self.seed, "files": files}  # type: ignore[dict-item]


def _sabotaged(record: Mapping[str, Any]) -> Costume:
    """A run in which a helper is spoilt, and the tests that use it have to fail."""
    names = {str(name): str(name) for name in record["tests"]}
    return Costume({record["path"]: _bytes(record["source"])}, names, must_fail=dict.fromkeys(names, "spoilt"))


def _costumes(orders: Sequence[_Order], records: Sequence[dict[str, Any]]) -> tuple[list[Costume], dict[str, str]]:
    left_out: dict[str, str] = {}
    costumes = []
    for number, order in enumerate(orders):
        overlay: dict[str, bytes | None] = {}
        names: dict[str, str] = {}
        moved: dict[str, str] = {}
        failing: dict[str, str] = {}
        for record in (record for record in records if record["kind"] == "disguised" and record["run"] == number):
            path = record["path"]
            left_out |= {f"{path}::{name}": str(why) for name, why in record["left_out"].items()}
            if record["names"]:
                moved[path] = record["new_path"]
                # the words that everybody knows are nowhere to be read, and who imports the file still can
                overlay[path] = overlay[record["new_path"]] = _bytes(record["source"])
            names |= {f"{path}::{name}": f"{record['new_path']}::{new}" for name, new in record["names"].items()}
            failing |= {f"{path}::{name}": str(made) for name, made in record["made"].items() if made != "original"}
        if names:
            passing = frozenset(names) if order.is_all_original else frozenset()
            costumes.append(Costume(overlay, names, passing, failing, moved))
    return costumes, left_out


def _bytes(source: str) -> bytes:
    return source.encode("utf-8", "surrogatepass")


def _note(tally: _Tally, costume: Costume, name: str, run: TestRun, plain: TestRun) -> None:
    outcomes = _outcomes(run, costume.names[name])
    wanted = _outcomes(plain, name)
    if name in costume.must_fail:
        # a test that was not even reached has not failed, and has not passed either
        if PASSED.intersection(outcomes):
            tally.passed_wrongly.setdefault(name, []).append(costume)
        elif outcomes:
            tally.failed[name] = tally.failed.get(name, 0) + 1
    elif name in costume.must_pass:
        # as many cases as there are without disguise, and none worse
        if outcomes and not FAILED.intersection(outcomes) and outcomes.count("passed") >= wanted.count("passed"):
            tally.passed[name] = tally.passed.get(name, 0) + 1
        else:
            tally.unlike.setdefault(name, []).append(costume)


def _outcomes(run: TestRun, function: str) -> list[str]:
    return [outcome for name, outcome in run.tests.items() if function_of(name) == function]


def _check(tally: _Tally, left_out: Mapping[str, str], problem: str | None) -> DisguiseCheck:
    confirmed = {name for name, count in tally.passed.items() if count > 1 and tally.failed.get(name, 0) > 1}
    wrong = [name for name in tally.passed_wrongly if not tally.depends_on_its_name(name)]
    return DisguiseCheck(
        runs=tally.runs,
        confirmed=tuple(sorted(confirmed.difference(tally.unlike, tally.passed_wrongly))),
        unlike=tuple(sorted(tally.unlike)),
        passed_wrongly=tuple(sorted(wrong)),
        not_disguised=dict(sorted(left_out.items())),
        problem=problem,
    )


def _unique(groups: Collection[list[Costume]]) -> list[Costume]:
    found: list[Costume] = []
    for costume in (costume for group in groups for costume in group):
        if costume not in found:
            found.append(costume)
    return found
