"""What a change took from tests."""

from __future__ import annotations

import ast
import re
from collections import Counter, deque
from collections.abc import Iterator

from app.rules.syntax import Hint, dotted

_TAKES_OUT = re.compile(r"(?:^|\.)(?:skip|skipif|skipIf|skipUnless|skipTest|xfail|expectedFailure|importorskip)$")
_HOOK = re.compile(r"^(?:load_tests|pytest_\w+)$")
_ORDINARY_DECORATORS = re.compile(r"(?:^|\.)(?:parametrize|patch|object|usefixtures|fixture|asyncio|slow|override_settings)$")
_OTHER_TESTS = re.compile(r"\b(?:it|test|describe|func Test\w*|@Test|def test_\w+|specify)\b")
_OTHER_SKIPS = re.compile(
    r"\b(?:xit|xtest|xdescribe|fit|fdescribe)\(|\.(?:skip|only|todo)\b|\bt\.Skip|@(?:Disabled|Ignore)\b|#\[ignore"
)
_OTHER_CHECKS = re.compile(r"\bexpect\(|\bassert\w*\b|\.should\b|\bt\.(?:Error|Fatal)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def weakened_tests(before: ast.Module, after: ast.Module) -> list[Hint]:
    """Tests that are gone, are taken out, or check less than before or something else."""
    old, new = dict(_tests(before)), dict(_tests(after))
    gone = [Hint("tests_weakened", f"{name} is gone") for name in old if name not in new]
    less = [hint for name, node in new.items() if name in old for hint in _less(name, old[name], node)]
    return [*gone, *_in_the_module(before, after), *less]


def weakened_other_tests(before: str, after: str) -> list[Hint]:
    """The same for a file in another language, as far as counting tells."""
    found = []
    if len(_OTHER_SKIPS.findall(after)) > len(_OTHER_SKIPS.findall(before)):
        found.append(Hint("tests_weakened", "tests are skipped, or others left out for them"))
    if len(_OTHER_TESTS.findall(after)) < len(_OTHER_TESTS.findall(before)):
        found.append(Hint("tests_weakened", "there are fewer tests than before"))
    if len(_OTHER_CHECKS.findall(after)) < len(_OTHER_CHECKS.findall(before)):
        found.append(Hint("tests_weakened", "there are fewer checks than before"))
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    waiting: deque[tuple[str, ast.AST]] = deque(("", node) for node in tree.body)
    while waiting:
        prefix, node = waiting.popleft()
        if isinstance(node, Function) and node.name.startswith("test"):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            waiting.extend((f"{prefix}{node.name}::", child) for child in node.body)
        elif isinstance(node, ast.If | ast.Try):
            waiting.extend((prefix, child) for child in ast.iter_child_nodes(node))


def _in_the_module(before: ast.Module, after: ast.Module) -> Iterator[Hint]:
    """What concerns every test of a file."""
    known = Counter(what for what, _ in _around_tests(before))
    for what, line in _around_tests(after):
        known[what] -= 1
        if known[what] < 0:
            yield Hint("tests_weakened", what, line)


def _around_tests(tree: ast.Module) -> Iterator[tuple[str, int]]:
    waiting: deque[ast.stmt] = deque(tree.body)
    while waiting:
        node = waiting.popleft()
        if isinstance(node, Function):
            if _HOOK.match(node.name):
                yield f"{node.name} decides which tests run, or what comes of them", node.lineno
        elif isinstance(node, ast.ClassDef):
            waiting.extend(node.body)
            if any(map(_taken_out, node.decorator_list)):
                yield f"{node.name} is skipped, or expected to fail", node.lineno
        elif isinstance(node, ast.Expr | ast.Assign) and _taken_out(node):
            yield "tests are skipped, or expected to fail, as a whole", node.lineno


def _less(name: str, before: Function, after: Function) -> Iterator[Hint]:
    old, new = Counter(_checks(before)), Counter(_checks(after))
    if _taken_out(after) > _taken_out(before):
        yield Hint("tests_weakened", f"{name} is skipped, or expected to fail", after.lineno)
    elif _decorators(after) - _decorators(before):
        yield Hint("tests_weakened", f"{name} is wrapped by something new", after.lineno)
    if new.total() < old.total():
        yield Hint("tests_weakened", f"{name} checks less than before", after.lineno)
    elif old - new:
        yield Hint("tests_weakened", f"{name} expects something else than before", after.lineno)
    elif _catches(after) > _catches(before):
        yield Hint("tests_weakened", f"{name} catches what its checks raise", after.lineno)


def _taken_out(node: ast.AST) -> int:
    names = (dotted(part) for part in ast.walk(node) if isinstance(part, ast.Attribute))
    return sum(name is not None and _TAKES_OUT.search(name) is not None for name in names)


def _decorators(node: Function) -> Counter[str]:
    names = [dotted(part.func if isinstance(part, ast.Call) else part) or "?" for part in node.decorator_list]
    return Counter(name for name in names if not _ORDINARY_DECORATORS.search(name))


def _checks(node: Function) -> Iterator[str]:
    """Assertions that can fail, and the cases they are made for."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert) and not isinstance(part.test, ast.Constant):
            yield ast.dump(part.test)
        elif isinstance(part, ast.Call):
            name = (dotted(part.func) or "").rpartition(".")[2]
            if name.startswith(("assert", "raises", "fail")):
                yield ast.dump(part)
            elif name == "parametrize":
                yield from (ast.dump(row) for values in part.args[1:2] for row in getattr(values, "elts", ()))


def _catches(node: ast.AST) -> int:
    return sum(isinstance(part, ast.ExceptHandler) for part in ast.walk(node))
