"""Writes tests in other words: the same test under another name, or one that differs in what it expects and has to fail.

Runs in a container of its own on test files alone, and imports none of them. Python 3.9 or newer, standard library only.

Each version of a test has one or two assertions more than the test, about constants and about what the test has at hand. Only
in whether they are true, or in one expectation of the test's own, does a version that has to fail differ from one that has to
pass. Nothing is added behind a ``return``, so that whatever is added is reached.
"""

from __future__ import annotations

import ast
import builtins
import copy
import keyword
import os
import random
import re
import sys
from collections.abc import Iterator, Set
from typing import Any

from app.qa.guest.records import Tell, teller

ORIGINAL, FALSE, NEGATED, UNEQUAL, CHANGED, SWAPPED = "original", "false", "negated", "unequal", "changed", "swapped"

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
_OPEN_BLOCKS = frozenset({"patch", "open", "TemporaryDirectory", "NamedTemporaryFile", "catch_warnings", "at_level", "chdir"})
_STOPS_EVERYTHING = ("BaseException", "KeyboardInterrupt", "GeneratorExit", "Exit")
_NEVER_RAISED = ("BufferError", "UnicodeTranslateError", "StopAsyncIteration", "ProcessLookupError")
_OUR_FUNCTIONS = frozenset({"len", "max", "sorted", "sum"})
_LARGE = 1 << 31
_NO_VALUE = object()
_APPROXIMATIONS = ("approx", "pytest.approx")
_EXACT = 1e5
"""Up to here, what ``pytest.approx`` lets pass is less than one."""
_SYLLABLES = ("ba", "co", "di", "fen", "gu", "lor", "mi", "na", "per", "ri", "sal", "tu", "ve", "zon")


class NotDisguisedError(Exception):
    """This test cannot be put in other words."""


# --- finding tests ----------------------------------------------------------------------------------------------------


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


# --- assertions of our own --------------------------------------------------------------------------------------------


class Writer:
    """Makes versions of tests, with the chance of one seed."""

    def __init__(
        self, chance: random.Random, words: list[str], literals: list[ast.expr], bound: Set[str] = frozenset()
    ) -> None:
        """``words`` are for names; ``literals`` are what other tests expect; ``bound`` are names that mean something else in
        this file."""
        self._chance = chance
        self._words = words
        self._literals = literals
        self._bound = bound

    def version(self, function: Any, kind: str) -> str:
        """Change the function into a version of this kind, or the next best. Returns what it became."""
        made = kind
        if made == SWAPPED and not self._alter(function, self._with_swapped_literal):
            made = CHANGED
        if made == CHANGED and not self._alter(function, self._with_changed_literal):
            made = NEGATED
        if made == UNEQUAL and not self._alter(function, _unequal):
            made = NEGATED
        if made == NEGATED and not self._alter(function, _negated):
            made = FALSE
        for _ in range(self._chance.randint(0, 1) if made == FALSE else self._chance.randint(1, 2)):
            self._insert(function, is_true=True)
        if made == FALSE:
            self._insert(function, is_true=False)
        _Blur(self._chance, self._bound).apply(function)
        return made

    def name(self, old: str, taken: set[str]) -> str:
        """A name for a test that says nothing of the old one."""
        while True:
            words = "_".join(self._chance.choice(self._words) for _ in range(self._chance.randint(2, 3)))
            new = f"test_{words}" if old.startswith("test") else f"{old}_{words}"
            if new not in taken and new.isidentifier() and not keyword.iskeyword(new):
                taken.add(new)
                return new

    def _insert(self, function: Any, *, is_true: bool) -> None:
        first = 1 if ast.get_docstring(function, clean=False) is not None else 0
        place = self._chance.randint(first, max(reached(function), first))
        left, right = self._comparison(_names_before(function, place), is_true=is_true)
        if _is_unittest(function) and self._chance.random() < 0.7:
            called = ast.Attribute(ast.Name(function.args.args[0].arg, ast.Load()), "assertEqual", ast.Load())
            statement: ast.stmt = ast.Expr(ast.Call(called, [left, right], []))
        else:
            statement = ast.Assert(ast.Compare(left, [ast.Eq()], [right]), None)
        function.body.insert(place, statement)

    def _comparison(self, names: list[str], *, is_true: bool) -> tuple[ast.expr, ast.expr]:
        chance = self._chance
        a, b = chance.randint(2, 99), chance.randint(2, 99)
        off = 0 if is_true else chance.choice([-2, -1, 1, 2, 10])
        word = "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 3)))
        forms = [
            (f"{a} * {b}", f"{a * b + off}"),
            (f"{a} + {b}", f"{a + b + off}"),
            (f"len({word!r})", f"{len(word) + off}"),
            (f"sorted([{a + b}, {a}])", f"[{a}, {a + b + off}]"),
            (f"{word!r}.upper()", repr(word.upper() + ("" if is_true else chance.choice("ABCDE")))),
            (f"max({a}, {a + b})", f"{a + b + off}"),
            (f"{{{word!r}: {a}}}[{word!r}]", f"{a + off}"),
        ]
        if names:
            name = chance.choice(names)
            forms += 2 * [(f"({name}, {a})", f"({name}, {a + off})"), (f"[{a}, {name}][0]", f"{a + off}")]
        forms = [form for form in forms if form[0].partition("(")[0] not in self._bound]
        left, right = chance.choice(forms)
        return ast.parse(left, mode="eval").body, ast.parse(right, mode="eval").body

    # --- the test's own expectations ---

    def _alter(self, function: Any, alter: Any) -> bool:
        places = list(_certain(function.body, reached(function)))
        self._chance.shuffle(places)
        for body, number in places:
            new = alter(copy.deepcopy(body[number]), self._chance)
            if new is not None:
                body[number] = new
                return True
        return False

    def _with_changed_literal(self, statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
        return _with_literal(statement, lambda literal: _other_literal(literal, chance))

    def _with_swapped_literal(self, statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
        """What another test of the file expects: an answer that fits whatever any of them expects gives itself away."""

        def another(literal: ast.expr) -> ast.expr | None:
            value = _value(literal)
            others = [other for other in self._literals if _may_stand_for(value, _value(other))]
            return chance.choice(others) if others else None

        return _with_literal(statement, another)


class _Blur(ast.NodeTransformer):
    """Writes some constants as sums and as joined parts, so that they stand in the code no more."""

    _PROBABILITY = 0.4

    def __init__(self, chance: random.Random, bound: Set[str]) -> None:
        self._chance = chance
        self._can_add = "sum" not in bound

    def apply(self, function: Any) -> None:
        """Change the body of a function."""
        if any(type(node).__name__ == "Match" for node in own_nodes(function)):
            return
        first = 1 if ast.get_docstring(function, clean=False) is not None else 0
        function.body[first:] = [self.visit(statement) for statement in function.body[first:]]

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Its parts are no expressions of their own."""
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Identity is not for constants that are made anew."""
        return node if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Types are no values."""
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A constant."""
        value = node.value
        if self._chance.random() > self._PROBABILITY:
            return node
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGE and self._can_add:
            part = self._chance.randint(-9, 99)
            return ast.parse(f"sum([{part}, {value - part}])", mode="eval").body
        if isinstance(value, str) and 1 < len(value) < _LARGE:
            place = self._chance.randint(1, len(value) - 1)
            return ast.parse(f"''.join([{value[:place]!r}, {value[place:]!r}])", mode="eval").body
        return node


def _with_literal(statement: ast.stmt, replace: Any) -> ast.stmt | None:
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
    if isinstance(statement, ast.Assert) and _is_equality(statement.test):
        compare: Any = statement.test
        # the left side stands alone; a comparison the other way round says the same
        if _value(compare.left) is not _NO_VALUE:
            compare.left, compare.comparators[0] = compare.comparators[0], compare.left
        return [(compare.comparators, 0)]
    if _unittest_call(statement) in _EQUALITIES and len(statement.value.args) > 1:  # type: ignore[attr-defined]
        arguments: list[ast.expr] = statement.value.args  # type: ignore[attr-defined]
        return [(arguments, 0), (arguments, 1)]
    return []


def expectations_of(module: ast.Module) -> list[ast.expr]:
    """Every literal that a test of the file compares with."""
    statements = (node for node in ast.walk(module) if isinstance(node, (ast.Assert, ast.Expr)))
    sides = (holder[number] for statement in statements for holder, number in _compared(copy.deepcopy(statement)))
    return [side for side in sides if _value(side) is not _NO_VALUE]


def _may_stand_for(value: object, other: object) -> bool:
    """Whether a test that expects the one may expect the other, and would fail for it."""
    if value is _NO_VALUE or other is _NO_VALUE or isinstance(value, bool) or type(value) is not type(other):
        return False
    return value != other


def _magnitude(node: ast.expr) -> float:
    value = _value(node)
    return abs(value) if isinstance(value, (int, float)) else float("inf")


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NO_VALUE


def _is_unittest(function: Any) -> bool:
    """Whether it uses the assertions of unittest, of which any object may have the like."""
    own = function.args.args[0].arg if function.args.args else None
    return own is not None and any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == own
        and node.attr in (*_OPPOSITE, *_EQUALITIES, *_RAISES)
        for node in own_nodes(function)
    )


def bound_in(module: ast.Module) -> set[str]:
    """The functions of the language that we write with, as far as the file may mean something else by their names."""
    bound: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.alias):
            bound.update(_OUR_FUNCTIONS if node.name == "*" else [(node.asname or node.name).partition(".")[0]])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        else:
            bound.update(str(getattr(node, field, None)) for field in ("name", "arg"))
    return bound & _OUR_FUNCTIONS


def _names_before(function: Any, place: int) -> list[str]:
    """Names that have a value when the statement at ``place`` begins."""
    if any(isinstance(node, (ast.Delete, ast.Global, ast.Nonlocal)) for node in own_nodes(function)):
        return []
    assigned = [node for node in function.body[:place] if isinstance(node, ast.Assign)]
    return sorted({target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)})


def _certain(body: list[ast.stmt], count: int) -> Iterator[tuple[list[ast.stmt], int]]:
    """The places of statements that are run whenever the function is, and whose failure is its own: among the first ``count``
    statements, and in their ``with`` blocks where it is known that these let exceptions through."""
    for number, statement in enumerate(body[:count]):
        yield body, number
        if isinstance(statement, (ast.With, ast.AsyncWith)) and all(_lets_through(item) for item in statement.items):
            yield from _certain(statement.body, len(statement.body))


def _lets_through(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and bool(_OPEN_BLOCKS.intersection(ast.unparse(call.func).split(".")))


def _negated(statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
    if isinstance(statement, ast.Assert):
        statement.test = ast.UnaryOp(ast.Not(), statement.test)
        return statement
    method = _unittest_call(statement)
    if method in _OPPOSITE:
        statement.value.func.attr = _OPPOSITE[method]  # type: ignore[attr-defined]
        return statement
    if isinstance(statement, ast.With) and len(statement.items) == 1:
        return _expecting_another(statement, chance)
    return None


def _unequal(statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
    """With ``!=`` where it has ``==``: an answer that fits whatever is expected may have forgotten this side of it."""
    if isinstance(statement, ast.Assert) and _is_equality(statement.test):
        statement.test.ops = [ast.NotEq()]  # type: ignore[attr-defined]
        return statement
    return _negated(statement, chance) if _unittest_call(statement) == "assertEqual" else None


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


def _is_equality(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)


def _unittest_call(statement: ast.stmt) -> str:
    """The name of the method where the statement is ``self.assertSomething(…)``."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
        return value.func.attr if value.func.value.id == "self" else ""
    return ""


def _other_literal(node: ast.expr, chance: random.Random) -> ast.expr | None:
    """Another value, like this one and not equal to it; ``None`` where this is no literal."""
    value = _value(node)
    extra = "".join(chance.choice(_SYLLABLES) for _ in range(2))
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


# --- files ------------------------------------------------------------------------------------------------------------


def words_of(module: ast.Module) -> list[str]:
    """Words that names in this file are made of."""
    names = [node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names += [node.id for node in ast.walk(module) if isinstance(node, ast.Name)]
    words = {word.lower() for name in names for word in name.split("_") if word.isalpha() and len(word) > 2}
    return sorted((words - {"test", "tests", "self"}) | set(_SYLLABLES))


def other_path(path: str, writer: Writer, taken: set[str]) -> str:
    """A path for a test file in the same folder; the same where its name is not like that of a test."""
    folder, name = os.path.split(path)
    if name.startswith("test_"):
        new = writer.name("test", taken) + ".py"
    elif name.endswith("_test.py"):
        new = writer.name("test", taken).replace("test_", "", 1) + "_test.py"
    else:
        return path
    return os.path.join(folder, new) if folder else new


def disguise(
    source: bytes, path: str, versions: dict[str, str], *, renames: bool, seed: int, avoid: Set[str] = frozenset()
) -> dict[str, object]:
    """One file in other words.

    ``versions`` says for each test which kind it is to become. Returns the new path, the source, for each test its new name,
    and what it became; tests that cannot be put in other words are left out and listed with the reason. ``avoid`` are paths
    that are taken.

    Raises:
        NotDisguisedError: the file cannot be read as Python.
    """
    try:
        module = ast.parse(source)
        words, literals = words_of(module), expectations_of(module)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotDisguisedError(f"not Python: {error}") from error
    # files with the same words must not get the same names
    writer = Writer(random.Random(f"{seed} {path}"), words, literals, bound_in(module))  # noqa: S311 - the seed comes from a better source
    taken = {node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef))} | {"test"}
    names, made, left_out = {}, {}, {}
    for name, kind in versions.items():
        try:
            _, function = find_test(module, name)
        except NotDisguisedError as error:
            left_out[name] = str(error)
            continue
        made[name] = writer.version(function, kind)
        if renames:
            function.name = writer.name(function.name, taken)
        names[name] = "::".join([*name.split("::")[:-1], function.name])
    text = ast.unparse(ast.fix_missing_locations(module))
    new_path = other_path(path, writer, taken) if renames else path
    while renames and new_path in avoid and new_path != path:
        new_path = other_path(path, writer, taken)
    return {"path": path, "new_path": new_path, "source": text, "names": names, "made": made, "left_out": left_out}


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
    called = {call for body, number in _certain(function.body, reached(function)) for call in _called_by(body[number])}
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


def run(config: dict[str, Any]) -> int:
    """Disguise every file for every run, as the configuration says."""
    tell = teller(config["records_fd"], config["key"])
    if config.get("helpers") is not None:
        tell_helpers(tell, config["helpers"])
    for path in config.get("spoil", ()):
        tell_sabotage(tell, path, config["seed"], None, [])
    for number, order in enumerate(config["runs"]):
        taken = set(config.get("taken", ()))
        for path, versions in order["files"].items():
            with open(path, "rb") as file:
                source = file.read()
            try:
                found = disguise(source, path, versions, renames=order["renames"], seed=order["seed"], avoid=taken)
                taken.add(str(found["new_path"]))
            except (NotDisguisedError, RecursionError, ValueError) as error:
                found = {"path": path, "left_out": dict.fromkeys(versions, str(error)), "names": {}, "made": {}}
            tell("disguised", run=number, **found)
    tell("end", status=0)
    return 0


if "GUEST_CONFIG" in globals():
    sys.exit(run(globals().pop("GUEST_CONFIG")))
