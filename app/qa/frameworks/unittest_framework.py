"""unittest, run by a guest of ours."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from pydantic import JsonValue

from app.qa.base import Guest, RunResult, RunSpec, Tree
from app.qa.frameworks.base import Reading, Selection
from app.qa.frameworks.pytest_framework import PRELOAD
from app.qa.frameworks.telling import read_tests
from app.qa.sandbox.bundle import bundle

_DROPPED = frozenset({"-f", "--failfast", "-b", "--buffer", "-c", "--catch"})


@dataclass(frozen=True)
class UnittestFramework:
    """A ``python -m unittest`` command."""

    arguments: tuple[str, ...]
    folders: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    name = "unittest"
    can_select = True

    def spec(self, tree: Tree, selection: Selection, key: str) -> RunSpec:
        """See ``Framework.spec``."""
        config: dict[str, JsonValue] = {
            "key": key,
            "args": [argument for argument in self.arguments if argument not in _DROPPED],
            "folders": list(self.folders),
            "only": None if selection.only is None else list(selection.only),
        }
        guest = Guest(bundle("unittest_guest"), config, PRELOAD)
        return RunSpec(("python", "-m", "unittest"), tree, env=self.env, overlay=selection.overlay, guest=guest)

    def read(self, result: RunResult, paths: Set[str], key: str) -> Reading:
        """See ``Framework.read``."""
        del paths
        return read_tests(result, key, self.name)
