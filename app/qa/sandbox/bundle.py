"""Programs for the container, as one text each: a module with those of its siblings that it needs, in front of it."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files

_ROOM = "app.qa.guest"


@cache
def bundle(name: str) -> str:
    """The module ``app.qa.guest.NAME`` as a program that needs nothing but the standard library.

    What it imports from its siblings stands in the text itself, once, in the order of need.
    """
    bodies: dict[str, list[ast.stmt]] = {}
    _collect(name, bodies)
    body = [statement for statements in bodies.values() for statement in statements]
    future = ast.ImportFrom(module="__future__", names=[ast.alias("annotations")], level=0)
    return ast.unparse(ast.fix_missing_locations(ast.Module(body=[future, *body], type_ignores=[])))


def _collect(name: str, bodies: dict[str, list[ast.stmt]]) -> None:
    tree = ast.parse(files(_ROOM).joinpath(f"{name}.py").read_text(encoding="utf-8"))
    own: list[ast.stmt] = []
    for statement in _without_docstrings(tree).body:
        if not isinstance(statement, ast.ImportFrom) or statement.module is None:
            own.append(statement)
        elif statement.module.startswith(f"{_ROOM}."):
            sibling = statement.module.removeprefix(f"{_ROOM}.")
            if sibling not in bodies:
                _collect(sibling, bodies)
        elif statement.module != "__future__":
            own.append(statement)
    bodies[name] = own


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [part for part in node.body if not _is_string(part)] or [ast.Pass()]
    return tree


def _is_string(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
