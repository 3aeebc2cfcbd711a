"""What a test expects, and how it comes to expect something else. Standard library only.

Nothing here runs a test: statements are looked at and changed as syntax.
"""

from __future__ import annotations

import ast
import builtins
import copy
import random
import re
from typing import Any

from app.qa.guest.statements import is_equality, own_nodes, unittest_call

_OPPOSITE = {
    "assertEqual": "assertNotEqual",
    "assertNotEqual": "assertEqual",
    "assertTrue": "assertFalse",
    "assertFalse": "assertTrue",
    "assertIs": "assertIsNot",
    "assertIsNot": "assertIs",
    "assertIsNone": "assertIsNotNone",
    "assertIsNotNone": "assertIsNone",
    "assertIn": "assertNotIn",
    "assertNotIn": "assertIn",
    "assertIsInstance": "assertNotIsInstance",
    "assertNotIsInstance": "assertIsInstance",
    "assertGreater": "assertLessEqual",
    "assertLessEqual": "assertGreater",
    "assertLess": "assertGreaterEqual",
    "assertGreaterEqual": "assertLess",
    "assertRegex": "assertNotRegex",
    "assertNotRegex": "assertRegex",
    "assertAlmostEqual": "assertNotAlmostEqual",
    "assertNotAlmostEqual": "assertAlmostEqual",
}
_EQUALITIES = ("assertEqual", "assertEquals", "assertListEqual", "assertDictEqual", "assertTupleEqual", "assertSetEqual")
_RAISES = ("raises", "assertRaises")
_STOPS_EVERYTHING = ("BaseException", "KeyboardInterrupt", "GeneratorExit", "Exit")
_NEVER_RAISED = ("BufferError", "UnicodeTranslateError", "StopAsyncIteration", "ProcessLookupError")
_NO_VALUE = object()
_APPROXIMATIONS = ("approx", "pytest.approx")
_EXACT = 1e5
"""Up to here, what ``pytest.approx`` lets pass is less than one."""
SYLLABLES = ("ba", "co", "di", "fen", "gu", "lor", "mi", "na", "per", "ri", "sal", "tu", "ve", "zon")


def uses_unittest(function: Any) -> bool:
    """Whether it uses the assertions of unittest, of which any object may have the like."""
    own = function.args.args[0].arg if function.args.args else None
    return own is not None and any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == own
        and node.attr in (*_OPPOSITE, *_EQUALITIES, *_RAISES)
        for node in own_nodes(function)
    )


def negated(statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
    if isinstance(statement, ast.Assert):
        statement.test = ast.UnaryOp(ast.Not(), statement.test)
        return statement
    method = unittest_call(statement)
    if method in _OPPOSITE:
        statement.value.func.attr = _OPPOSITE[method]  # type: ignore[attr-defined]
        return statement
    if isinstance(statement, ast.With) and len(statement.items) == 1:
        return _expecting_another(statement, chance)
    return None


def unequal(statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
    """With ``!=`` where it has ``==``: an answer that fits whatever is expected may have forgotten this side of it."""
    if isinstance(statement, ast.Assert) and is_equality(statement.test):
        statement.test.ops = [ast.NotEq()]  # type: ignore[attr-defined]
        return statement
    return negated(statement, chance) if unittest_call(statement) == "assertEqual" else None


def _expecting_another(statement: ast.With, chance: random.Random) -> ast.stmt | None:
    call = statement.items[0].context_expr
    if not isinstance(call, ast.Call) or not isinstance(call.func, (ast.Attribute, ast.Name)) or not call.args:
        return None
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
    expected = ast.unparse(call.args[0])
    words = frozenset(re.findall(r"\w+", expected))
    # what the code raises may be any that the expected one stands for
    others = [other for other in _NEVER_RAISED if not words & _stands_below(other)]
    if name not in _RAISES or not others or any(word in expected for word in _STOPS_EVERYTHING):
        return None
    call.args[0] = ast.Name(chance.choice(others), ast.Load())
    return statement


def _stands_below(name: str) -> set[str]:
    kind = getattr(builtins, name)
    names = {base.__name__ for base in kind.__mro__}
    return names | {"EnvironmentError", "IOError", "error"} if issubclass(kind, OSError) else names


def with_literal(statement: ast.stmt, replace: Any) -> ast.stmt | None:
    """The statement with another literal in the place of one that it compares with; ``None`` where it is no such statement."""
    for holder, number in _compared(statement):
        literal = holder[number]
        if isinstance(literal, ast.Call) and ast.unparse(literal.func) in _APPROXIMATIONS and len(literal.args) == 1:
            holder, number, literal = literal.args, 0, literal.args[0]
            if _magnitude(literal) > _EXACT:
                continue
        other = replace(literal)
        if other is not None:
            holder[number] = other
            return statement
    return None


def _compared(statement: ast.stmt) -> list[tuple[list[ast.expr], int]]:
    """The places of the two sides of an equality."""
    if isinstance(statement, ast.Assert) and is_equality(statement.test):
        compare: Any = statement.test
        # the left side stands alone; a comparison the other way round says the same
        if literal_value(compare.left) is not _NO_VALUE:
            compare.left, compare.comparators[0] = compare.comparators[0], compare.left
        return [(compare.comparators, 0)]
    if unittest_call(statement) in _EQUALITIES and len(statement.value.args) > 1:  # type: ignore[attr-defined]
        arguments: list[ast.expr] = statement.value.args  # type: ignore[attr-defined]
        return [(arguments, 0), (arguments, 1)]
    return []


def expectations_of(module: ast.Module) -> list[ast.expr]:
    """Every literal that a test of the file compares with."""
    statements = (node for node in ast.walk(module) if isinstance(node, (ast.Assert, ast.Expr)))
    sides = (holder[number] for statement in statements for holder, number in _compared(copy.deepcopy(statement)))
    return [side for side in sides if literal_value(side) is not _NO_VALUE]


def may_stand_for(value: object, other: object) -> bool:
    """Whether a test that expects the one may expect the other, and would fail for it."""
    if value is _NO_VALUE or other is _NO_VALUE or isinstance(value, bool) or type(value) is not type(other):
        return False
    return value != other


def _magnitude(node: ast.expr) -> float:
    value = literal_value(node)
    return abs(value) if isinstance(value, (int, float)) else float("inf")


def literal_value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NO_VALUE


def other_literal(node: ast.expr, chance: random.Random) -> ast.expr | None:
    """Another value, like this one and not equal to it; ``None`` where this is no literal."""
    value = literal_value(node)
    extra = "".join(chance.choice(SYLLABLES) for _ in range(2))
    if isinstance(value, bool):
        other: object = not value
    elif isinstance(value, (int, float, complex)):
        other = value + chance.randint(1, 9)
        if other == value:
            return None
    elif isinstance(value, str):
        other = value + chance.choice(extra)
    elif isinstance(value, bytes):
        other = value + chance.choice(extra).encode()
    elif isinstance(value, list):
        other = [*value, extra]
    elif isinstance(value, tuple):
        other = (*value, extra)
    elif isinstance(value, set):
        other = {*value, extra}
    elif isinstance(value, dict):
        other = {**value, extra: chance.randint(1, 99)}
    else:
        return None
    return ast.parse(repr(other), mode="eval").body
