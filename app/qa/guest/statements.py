"""Tests in a file, and which of their statements are run in any case. Standard library only."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

_OPEN_BLOCKS = frozenset({"patch", "open", "TemporaryDirectory", "NamedTemporaryFile", "catch_warnings", "at_level", "chdir"})


class NotDisguisedError(Exception):
    """This test cannot be put in other words."""


def find_test(module: ast.Module, name: str) -> tuple[list[ast.stmt], Any]:
    """The body that a test stands in, and the test. A method inherited from a class of the same file is copied to where it
    is run.

    Raises:
        NotDisguisedError: it is not in this file, or it is a generator.
    """
    *classes, own = name.split("::")
    body: list[ast.stmt] = module.body
    owner: ast.ClassDef | None = None
    for class_name in classes:
        owner = _last(body, class_name, (ast.ClassDef,))
        if owner is None:
            raise NotDisguisedError(f"no class {class_name}")
        body = owner.body
    function = _last(body, own, (ast.FunctionDef, ast.AsyncFunctionDef))
    if function is None:
        function = copy.deepcopy(_inherited(module, owner, own, set()))
        if function is not None:
            body.append(function)
    if function is None:
        raise NotDisguisedError(f"no function {own}")
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(function)):
        raise NotDisguisedError("a generator")
    return body, function


def _last(body: list[ast.stmt], name: str, kinds: tuple[type, ...]) -> Any:
    found = [node for node in body if isinstance(node, kinds) and getattr(node, "name", None) == name]
    return found[-1] if found else None


def _inherited(module: ast.Module, owner: ast.ClassDef | None, name: str, seen: set[str]) -> Any:
    for base in owner.bases if owner is not None else ():
        if not isinstance(base, ast.Name) or base.id in seen:
            continue
        seen.add(base.id)
        parent = _last(module.body, base.id, (ast.ClassDef,))
        if parent is not None:
            found = _last(parent.body, name, (ast.FunctionDef, ast.AsyncFunctionDef)) or _inherited(module, parent, name, seen)
            if found is not None:
                return found
    return None


def own_nodes(function: Any) -> Iterator[ast.AST]:
    """Every node of a function, but for those of functions and classes inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def reached(function: Any) -> int:
    """How many of the statements of a function are reached in any case, if none raises."""
    for number, statement in enumerate(function.body):
        holder = ast.Module(body=[statement], type_ignores=[])
        if any(isinstance(node, ast.Return) for node in own_nodes(holder)):
            return number
    return len(function.body)


def certain_places(body: list[ast.stmt], count: int) -> Iterator[tuple[list[ast.stmt], int]]:
    """The places of statements that are run whenever the function is, and whose failure is its own: among the first ``count``
    statements, and in their ``with`` blocks where it is known that these let exceptions through."""
    for number, statement in enumerate(body[:count]):
        yield body, number
        if isinstance(statement, (ast.With, ast.AsyncWith)) and all(_lets_through(item) for item in statement.items):
            yield from certain_places(statement.body, len(statement.body))


def _lets_through(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and bool(_OPEN_BLOCKS.intersection(ast.unparse(call.func).split(".")))


def is_equality(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)


def unittest_call(statement: ast.stmt) -> str:
    """The name of the method where the statement is ``self.assertSomething(…)``."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
        return value.func.attr if value.func.value.id == "self" else ""
    return ""
