"""pytest, run by a guest of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from pydantic import JsonValue

from app.qa.base import Guest, RunResult, RunSpec, Tree
from app.qa.frameworks.base import Reading, Selection
from app.qa.frameworks.telling import read_tests
from app.qa.pytest_command import PytestCommand
from app.qa.pytest_settings import PytestSettings
from app.qa.sandbox.bundle import bundle

_PYTEST = """
mark main runner fixtures helpconfig python terminal debugging unittest capture skipping legacypath tmpdir
monkeypatch recwarn pastebin assertion assertion.rewrite assertion.util junitxml doctest setuponly setupplan
stepwise warnings logging reports python_path unraisableexception threadexception faulthandler pathlib subtests
_code _code.source _io python_api raises
"""
_STANDARD = """
unittest unittest.mock importlib.metadata importlib.resources email.parser email.message doctest pdb difflib
pprint ast tokenize logging tempfile configparser tomllib tomli shlex decimal fractions datetime random uuid
dataclasses concurrent.futures asyncio xml.etree.ElementTree gc faulthandler getpass zipfile statistics socket
ssl http.client urllib.request
"""
PRELOAD = ("pytest", *(f"_pytest.{name}" for name in _PYTEST.split()), *_STANDARD.split())
"""What most suites import sooner or later. What an image does not have is passed over."""


@dataclass(frozen=True)
class PytestFramework:
    """A pytest command."""

    command: PytestCommand
    settings: PytestSettings
    env: Mapping[str, str] = field(default_factory=dict)

    name = "pytest"
    can_select = True

    def spec(self, tree: Tree, selection: Selection, key: str) -> RunSpec:
        """See ``Framework.spec``."""
        config: dict[str, JsonValue] = {
            "key": key,
            "args": [*self._options(selection), *self._where(selection)],
            "ini": self.settings.text(),
            "folders": list(self.settings.folders),
            "only": None if selection.only is None else list(selection.only),
        }
        guest = Guest(bundle("pytest_guest"), config, PRELOAD)
        return RunSpec(("pytest",), tree, env=self.env, overlay=selection.overlay, guest=guest)

    def read(self, result: RunResult, paths: Set[str], key: str) -> Reading:
        """See ``Framework.read``."""
        del paths
        return read_tests(result, key, self.name)

    def _options(self, selection: Selection) -> Iterable[str]:
        # where it is settled which tests these are, what would leave some out no longer counts
        filters = (*self.settings.filters, *self.command.filters) if selection.only is None else ()
        return (*self.settings.options, *self.command.options, *filters, "--continue-on-collection-errors")

    def _where(self, selection: Selection) -> Iterable[str]:
        if selection.only is not None:
            places: Iterable[str] = dict.fromkeys(name.partition("::")[0] for name in selection.only)
        else:
            places = self.command.selection
        # a name must not be taken for an option, or for a file with further arguments
        return (f"./{place}" if place.startswith(("-", "@")) else place for place in places)
