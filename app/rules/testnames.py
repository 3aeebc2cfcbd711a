"""Names of tests, compared as leniently as people write them: node id, ``Class::test``, the bare name, unittest's own way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_UNITTEST = re.compile(r"^(?P<name>\w+) \((?P<where>[\w.]+)\)$")
_DOTTED = re.compile(r"^\w+(?:\.\w+)+$")

Parts = tuple[str, ...]


def same_test(claimed: str, node_id: str) -> bool:
    """Whether a name that somebody wrote down means this test. A name without a case means every case."""
    return _parts(claimed) in set(_endings(node_id))


def missing_names(claimed: Iterable[str], found: Iterable[str]) -> list[str]:
    """The claimed names that mean none of the tests."""
    endings = {ending for test in found for ending in _endings(test)}
    return [name for name in claimed if _parts(name) not in endings]


def unnamed_tests(claimed: Iterable[str], found: Iterable[str]) -> list[str]:
    """The tests that no claimed name means."""
    names = {_parts(name) for name in claimed}
    return [test for test in found if names.isdisjoint(_endings(test))]


def _endings(node_id: str) -> Iterator[Parts]:
    """Every way to name a test: its parts from somewhere to the end, with its case and without."""
    parts = _parts(node_id)
    for start in range(len(parts)):
        yield parts[start:]
        yield (*parts[start:-1], parts[-1].partition("[")[0])


def _parts(name: str) -> Parts:
    """Folder by folder, module, class, test."""
    name = name.strip()
    if match := _UNITTEST.match(name):
        where = match["where"].split(".")
        return tuple(where) if where[-1] == match["name"] else (*where, match["name"])
    before, bracket, case = name.partition("[")
    if _DOTTED.match(before) and not before.endswith(".py"):
        *where, test = before.split(".")
        return (*where, test + bracket + case)
    path, *classes = before.split("::")
    if classes:
        classes[-1] += bracket + case
        return (*_modules(path), *classes)
    return _modules(name) if name.endswith(".py") else (name,)


def _modules(path: str) -> Parts:
    return tuple(part for part in path.replace("\\", "/").removesuffix(".py").split("/") if part not in ("", "."))
