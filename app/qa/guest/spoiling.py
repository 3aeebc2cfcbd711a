"""Functions in which something fails in any case: helpers that tests call, and tests that are believed as a whole. Standard
library only."""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Iterator
from typing import Any

from app.qa.guest.records import Tell
from app.qa.guest.statements import NotDisguisedError, certain_places, find_test, reached
from app.qa.guest.versions import FALSE, Writer, bound_in


def sabotage(source: bytes, seed: int, wanted: set[str] | None = None) -> tuple[str, set[str]]:
    """The file with an assertion that fails in the wanted functions, or in all of its tests, and which these are.

    Raises:
        NotDisguisedError: the file cannot be read as Python.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotDisguisedError(f"not Python: {error}") from error
    writer = Writer(random.Random(seed), [], [], bound_in(module))  # noqa: S311 - the seed comes from a better source
    spoilt = set()
    for body in (module.body, *(node.body for node in module.body if isinstance(node, ast.ClassDef))):
        for node in body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if node.name in wanted if wanted is not None else node.name.startswith("test"):
                writer.version(node, FALSE)
                spoilt.add(node.name)
    return ast.unparse(ast.fix_missing_locations(module)), spoilt


def used_helpers(module: ast.Module, path: str, name: str) -> dict[str, set[str]]:
    """Functions that a test calls by the name under which its file imports them, by the path that they may come from."""
    try:
        _, function = find_test(module, name)
    except NotDisguisedError:
        return {}
    called = {call for body, number in certain_places(function.body, reached(function)) for call in _called_by(body[number])}
    found: dict[str, set[str]] = {}
    for node in module.body:
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names if (alias.asname or alias.name) in called}
            for candidate in _files_of(node, path):
                found.setdefault(candidate, set()).update(names)
    return {candidate: names for candidate, names in found.items() if names}


def _called_by(statement: ast.stmt) -> Iterator[str]:
    """The function that a statement calls in any case, where it does nothing else."""
    value = statement.test if isinstance(statement, ast.Assert) else getattr(statement, "value", None)
    if (
        isinstance(statement, (ast.Expr, ast.Assert, ast.Assign))
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
    ):
        yield value.func.id


def _files_of(node: ast.ImportFrom, path: str) -> list[str]:
    folder = os.path.dirname(path)
    for _ in range(node.level - 1):
        folder = os.path.dirname(folder)
    below = node.module.replace(".", "/") + ".py" if node.module else "__init__.py"
    return [os.path.join(folder, below)] if node.level else [os.path.join(folder, below), below]


def tell_helpers(tell: Tell, order: dict[str, Any]) -> None:
    """For each helper file that tests call: the file with those functions spoilt, and the tests that then have to fail."""
    wanted: dict[str, set[str]] = {}
    tests: dict[str, set[str]] = {}
    for path, names in order["files"].items():
        try:
            with open(path, "rb") as file:
                module = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        for name in names:
            for helper, functions in used_helpers(module, path, name).items():
                if helper in order["helpers"] and os.path.isfile(helper):
                    wanted.setdefault(helper, set()).update(functions)
                    tests.setdefault(helper, set()).add(f"{path}::{name}")
    for helper, functions in wanted.items():
        tell_sabotage(tell, helper, order["seed"], functions, sorted(tests[helper]))


def tell_sabotage(tell: Tell, path: str, seed: int, wanted: set[str] | None, tests: list[str]) -> None:
    """One file in which something has to fail."""
    try:
        with open(path, "rb") as file:
            text, spoilt = sabotage(file.read(), seed, wanted)
    except (OSError, NotDisguisedError, RecursionError, ValueError):
        return
    if spoilt and (wanted is None or spoilt >= wanted):
        tell("sabotaged", path=path, source=text, tests=tests)
