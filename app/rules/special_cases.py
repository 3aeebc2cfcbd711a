"""Whether code knows the answers: literals of one expectation of the tests that stand together in the code."""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from app.rules.syntax import Hint

Literal = tuple[str, object]
"""A value with the name of its type: 1 and 1.0 and True are not the same."""
Expectation = frozenset[Literal]

_MAX_EXPECTATIONS = 2000
_COMPARISONS = (ast.Compare, ast.Dict, ast.match_case, ast.Subscript)
_COMMON = (0, 1, 2, 10, 100)


def expectations_of(tree: ast.Module) -> list[Expectation]:
    """The literals of each assertion, and of each case of a parametrised test, those that could be anything alone left out."""
    return [literals for node in _statements(tree) if (literals := frozenset(_literals(node)))][:_MAX_EXPECTATIONS]


def special_cases(tree: ast.Module, expected: Iterable[Expectation]) -> list[Hint]:
    """The functions that hold all literals of an expectation."""
    by_literal: dict[Literal, set[Expectation]] = defaultdict(set)
    for expectation in expected:
        for literal in expectation:
            by_literal[literal].add(expectation)
    return [hint for node in _outermost(tree) for hint in _known_in(node, by_literal)]


def _known_in(node: ast.stmt, by_literal: dict[Literal, set[Expectation]]) -> Iterator[Hint]:
    own = frozenset(_literals(node))
    candidates = {expectation for literal in own for expectation in by_literal.get(literal, ())}
    if not candidates:
        return
    compared = frozenset(literal for part in ast.walk(node) if isinstance(part, _COMPARISONS) for literal in _literals(part))
    for expectation in candidates:
        shared = expectation & compared
        if expectation <= own and shared and (len(expectation) > 1 or all(map(_is_striking, shared))):
            shown = ", ".join(sorted(repr(value) for _, value in expectation)[:4])
            yield Hint("special_case", f"holds what a test asserts: {shown[:120]}", node.lineno)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", "")
            if name == "parametrize":
                yield from (row for values in node.args[1:2] for row in getattr(values, "elts", ()))
            elif name.startswith("assert"):
                yield node


def _outermost(tree: ast.Module) -> Iterator[ast.stmt]:
    """Functions, methods and assignments of a module, none within another."""
    waiting: deque[ast.AST] = deque(tree.body)
    while waiting:
        node = waiting.popleft()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign):
            yield node
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _literals(node: ast.AST) -> Iterator[Literal]:
    """Those that could not be anything."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and _says_something(part.value):
            yield type(part.value).__name__, part.value


def _says_something(value: object) -> bool:
    if isinstance(value, bool | None) or value is Ellipsis:
        return False
    if isinstance(value, str | bytes):
        return len(value) > 1
    return value not in _COMMON


def _is_striking(literal: Literal) -> bool:
    """Whether it hardly stands in two places by chance."""
    value = literal[1]
    if isinstance(value, str | bytes):
        return len(value) > 7
    return not isinstance(value, int) or abs(value) > 999
