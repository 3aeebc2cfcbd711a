"""Versions of a test: with other constants, other assertions, another name. Standard library only."""

from __future__ import annotations

import ast
import copy
import keyword
import random
from collections.abc import Set
from typing import Any

from app.qa.guest.expectations import (
    SYLLABLES,
    literal_value,
    may_stand_for,
    negated,
    other_literal,
    unequal,
    uses_unittest,
    with_literal,
)
from app.qa.guest.statements import certain_places, own_nodes, reached

ORIGINAL, FALSE, NEGATED, UNEQUAL, CHANGED, SWAPPED = "original", "false", "negated", "unequal", "changed", "swapped"
_OUR_FUNCTIONS = frozenset({"len", "max", "sorted", "sum"})
_LARGE = 1 << 31


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
        if made == UNEQUAL and not self._alter(function, unequal):
            made = NEGATED
        if made == NEGATED and not self._alter(function, negated):
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
        if uses_unittest(function) and self._chance.random() < 0.7:
            called = ast.Attribute(ast.Name(function.args.args[0].arg, ast.Load()), "assertEqual", ast.Load())
            statement: ast.stmt = ast.Expr(ast.Call(called, [left, right], []))
        else:
            statement = ast.Assert(ast.Compare(left, [ast.Eq()], [right]), None)
        function.body.insert(place, statement)

    def _comparison(self, names: list[str], *, is_true: bool) -> tuple[ast.expr, ast.expr]:
        chance = self._chance
        a, b = chance.randint(2, 99), chance.randint(2, 99)
        off = 0 if is_true else chance.choice([-2, -1, 1, 2, 10])
        word = "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 3)))
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
        places = list(certain_places(function.body, reached(function)))
        self._chance.shuffle(places)
        for body, number in places:
            new = alter(copy.deepcopy(body[number]), self._chance)
            if new is not None:
                body[number] = new
                return True
        return False

    def _with_changed_literal(self, statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
        return with_literal(statement, lambda literal: other_literal(literal, chance))

    def _with_swapped_literal(self, statement: ast.stmt, chance: random.Random) -> ast.stmt | None:
        """What another test of the file expects: an answer that fits whatever any of them expects gives itself away."""

        def another(literal: ast.expr) -> ast.expr | None:
            value = literal_value(literal)
            others = [other for other in self._literals if may_stand_for(value, literal_value(other))]
            return chance.choice(others) if others else None

        return with_literal(statement, another)


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
