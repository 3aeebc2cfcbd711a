"""Any other command: believed by a JUnit report where it leaves one, by its exit status otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from app.qa.base import RunResult, RunSpec, Tree
from app.qa.frameworks.base import Reading, Selection
from app.qa.frameworks.reporting import USUAL_PLACES, Telling, tell_where
from app.qa.guest.protocol import WORK
from app.qa.junit import ReportError, TestReport, may_be_report, parse_junit


@dataclass(frozen=True)
class CommandFramework:
    """A command of which nothing else is known."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    can_select = False

    @property
    def name(self) -> str:
        """The program."""
        return self.argv[0]

    def spec(self, tree: Tree, selection: Selection, key: str) -> RunSpec:
        """See ``Framework.spec``."""
        told = self._told(key)
        places = (_place(key), *USUAL_PLACES)
        return RunSpec(told.argv, tree, env={**told.env, **self.env}, overlay=selection.overlay, result_files=places)

    def read(self, result: RunResult, paths: Set[str], key: str) -> Reading:
        """See ``Framework.read``. A report at the path of a file of the tree is not taken for one of this run."""
        if result.files_left_out:
            return Reading("could_not_run", f"{result.files_left_out} of its reports are too large, or too many, to be read")
        own = result.files.get(_place(key))
        usual = [content for path, content in result.files.items() if path.removeprefix(f"{WORK}/") not in paths]
        reports = [own] if own is not None else [content for content in usual if may_be_report(content)]
        if not reports:
            return self._without_report(result, key)
        try:
            report = parse_junit(reports, paths, WORK)
        except ReportError as error:
            return Reading("unbelievable", str(error), evidence="report")
        if result.exit_code == 0 and report.names_failures:
            return Reading("unbelievable", "the command ended with status 0, and its report names tests that failed")
        return Reading("completed", None, report.tests, "report", _not_collected(report, paths))

    def _told(self, key: str) -> Telling:
        return tell_where(self.argv, _place(key)) or Telling(self.argv)

    def _without_report(self, result: RunResult, key: str) -> Reading:
        if result.exit_code == 0 and self._told(key).always_reports:
            return Reading("unbelievable", "the command ended with status 0 and left no report")
        return Reading("completed")


def _place(key: str) -> str:
    """Where the report of the run with this key is to be."""
    return f"/tmp/{key}.xml"  # noqa: S108 -- in the container


def _not_collected(report: TestReport, paths: Set[str]) -> tuple[str, ...]:
    """With the files that ended badly as a whole: their tests, if they have any, were not run."""
    files = {name for name, outcome in report.tests.items() if outcome == "error" and name in paths}
    return tuple(sorted({*report.collection_errors, *files}))
