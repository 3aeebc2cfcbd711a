"""In other words, an original passes and every version that has to fail fails; nothing else tells one from the other."""

from __future__ import annotations

import ast
import asyncio
import itertools
import textwrap
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.qa.guest.disguise import disguise
from app.qa.guest.statements import reached

HEAD = """
import contextlib, os, unittest
from os import getpid, kill
from unittest import mock
import pytest
"""
VALUES = [
    "1",
    "-7",
    "0",
    "True",
    "None",
    "2.5",
    "'till'",
    "'ü\\n\"'",
    "b'x'",
    "(1, 'a')",
    "[1, 2]",
    "{'k': [1]}",
    "{1, 2}",
    "''",
    "1 << 40",
]
MUST_FAIL = ["false", "negated", "changed", "swapped"]

STATEMENTS = [
    "assert § == §",
    "assert [§] == [§], 'a message'",
    "n = §\nassert n == §",
    "n = m = §\nassert m is n",
    "assert § in [§]",
    "assert 3 == pytest.approx(3.0000001)",
    "assert not []",
    "assert 1 < 2 < 3",
    "assert § == § == §",
    "for i in range(3):\n    assert i == i\n    n = i\nassert n == 2",
    "while True:\n    n = 4\n    break\nassert n == 4",
    "with pytest.raises(ValueError):\n    int('x')",
    "with pytest.raises(ZeroDivisionError) as caught:\n    1 / 0\nassert 'zero' in str(caught.value)",
    "with pytest.raises(OSError):\n    raise ProcessLookupError",
    "with pytest.raises((KeyError, UnicodeError)):\n    raise UnicodeTranslateError('a', 0, 1, 'b')",
    "with pytest.raises(Exception):\n    raise BufferError",
    "with pytest.raises(BaseException):\n    raise KeyError",
    "with pytest.raises(SystemExit):\n    raise SystemExit(1)",
    "with contextlib.suppress(AssertionError):\n    assert § != §",
    "with open(os.devnull) as file:\n    assert file.name == '/dev/null'\n    assert § == §",
    "try:\n    assert 1 == 2\nexcept AssertionError as error:\n    n = §",
    "def inner(x=3):\n    'a docstring'\n    assert x == 3\n    return x\nassert inner() == 3",
    "class Inner:\n    n = §\n    def get(self):\n        return self.n\nassert Inner().get() == §",
    "get = lambda x=5: x\nassert get() == 5",
    "match [1, {'a': 2}]:\n    case [1, {'a': n}]:\n        assert n == 2\n    case _:\n        assert False",
    "n = 'ab'\nassert f'{n!r:>6} {1 + 1} {{}}' == \"  'ab' 2 {}\"",
    "assert (n := 4) == 4",
    "assert [x for x in range(3) if x != 1] == [0, 2]",
    "n: 'int' = 5\nassert n == 5",
    "n = 5\ndel n",
    "global total\ntotal = 3\nassert total == 3",
    "m = mock.Mock()\nm.work(1)\nm.work.assert_called_once_with(1)",
    "if getpid() < 0:\n    return\nassert § == §",
    "assert § == §\nreturn",
    "if True:\n    return\nassert False",
    "len = 3\nassert len == 3",
    "max = sum = sorted = None\nassert max is None",
    "assert 'a' 'b' == 'ab'",
    "assert -(-3) == 3 and not -0.0",
    "pass",
]
METHODS = [
    "self.assertEqual(§, §)",
    "n = §\nself.assertEqual(n, §, 'a message')",
    "self.assertTrue(1 < 2)",
    "self.assertIsNone(None)",
    "self.assertIn(2, [1, 2])",
    "self.assertAlmostEqual(0.1 + 0.2, 0.3)",
    "self.assertListEqual([1], [1])",
    "with self.assertRaises(KeyError):\n    {}['a']",
    "with self.subTest(n=1):\n    self.assertEqual(§, §)",
    "self.assertIsInstance(1, int)",
    "self.addCleanup(int)",
]


@dataclass(frozen=True)
class Sample:
    """A file with one test, and how to run it."""

    source: str
    name: str
    run: Callable[[dict[str, Any], str], None]


def plainly(names: dict[str, Any], name: str) -> None:
    """Call a function of the file, once for each of its cases."""
    function = names[name]
    cases = [mark.args[1] for mark in getattr(function, "pytestmark", ())]
    for values in itertools.product(*cases):
        function(*values)


def asynchronously(names: dict[str, Any], name: str) -> None:
    """Run a coroutine of the file."""
    asyncio.run(names[name]())


def as_a_method(names: dict[str, Any], name: str) -> None:
    """Call a method of a class."""
    owner, _, method = name.partition("::")
    getattr(names[owner](), method)()


def by_unittest(names: dict[str, Any], name: str) -> None:
    """Run a test case, and raise if it does not pass."""
    owner, _, method = name.partition("::")
    result = unittest.TestResult()
    names[owner](method).run(result)
    assert result.wasSuccessful()


@st.composite
def bodies(draw: st.DrawFn, pool: list[str]) -> str:
    """Some statements, with values in them, and perhaps a docstring before them."""
    chosen = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5, unique=True))
    filled = []
    for statement in chosen:
        filled.append(statement.replace("§", draw(st.sampled_from(VALUES))))
    docstring = draw(st.sampled_from(["", "'''A docstring.'''\n", "'words'\n"]))
    return docstring + "\n".join(filled)


def indented(text: str, depth: int) -> str:
    return textwrap.indent(text, "    " * depth)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Tests of every shape, all of which pass."""
    shape = draw(st.sampled_from(["function", "cases", "async", "method", "unittest", "inherited"]))
    body = draw(bodies(STATEMENTS + METHODS if shape in ("unittest", "inherited") else STATEMENTS))
    if shape == "cases":
        marks = "@pytest.mark.parametrize('a', [1, 'x'])\n@pytest.mark.parametrize('b', [None])\n"
        return Sample(f"{HEAD}\n{marks}def test_one(a, b):\n{indented(body, 1)}\n", "test_one", plainly)
    if shape == "async":
        return Sample(f"{HEAD}\nasync def test_one():\n{indented(body, 1)}\n", "test_one", asynchronously)
    if shape == "method":
        return Sample(
            f"{HEAD}\nclass TestOne:\n    def test_one(self):\n{indented(body, 2)}\n", "TestOne::test_one", as_a_method
        )
    if shape == "function":
        return Sample(f"{HEAD}\ndef test_one():\n{indented(body, 1)}\n", "test_one", plainly)
    cls = f"{HEAD}\nclass TestOne(unittest.TestCase):\n    def test_one(self):\n{indented(body, 2)}\n"
    if shape == "unittest":
        return Sample(cls, "TestOne::test_one", by_unittest)
    return Sample(cls + "\nclass TestTwo(TestOne):\n    pass\n", "TestTwo::test_one", by_unittest)


def passes(sample: Sample, source: str, name: str) -> bool:
    names: dict[str, Any] = {"__name__": "test_sample"}
    exec(compile(source, "test_sample.py", "exec"), names)
    try:
        sample.run(names, name)
    except (Exception, pytest.fail.Exception):
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(samples(), st.sampled_from(MUST_FAIL), st.booleans(), st.integers(0, 1 << 60))
def test_originals_pass_and_what_has_to_fail_fails(sample: Sample, kind: str, renames: bool, seed: int) -> None:
    assert passes(sample, sample.source, sample.name)

    for version in ("original", kind):
        made: Any = disguise(sample.source.encode(), "tests/test_sample.py", {sample.name: version}, renames=renames, seed=seed)

        assert made["made"][sample.name] == "original" or version != "original"
        assert passes(sample, made["source"], made["names"][sample.name]) is (version == "original"), made["source"]


@settings(max_examples=60, deadline=None)
@given(samples(), st.sampled_from(["original", *MUST_FAIL]), st.integers(0, 1 << 60))
def test_nothing_is_added_where_it_is_not_reached(sample: Sample, kind: str, seed: int) -> None:
    made: Any = disguise(sample.source.encode(), "test_sample.py", {sample.name: kind}, renames=False, seed=seed)

    before, after = (function_in(source, sample.name) for source in (sample.source, made["source"]))
    behind = len(before.body) - reached(before)
    assert len(after.body) - reached(after) == behind
    assert len(after.body) > len(before.body)


def function_in(source: str, name: str) -> Any:
    """The last function of this name, in whatever class."""
    nodes = ast.walk(ast.parse(source))
    return [
        node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name.split("::")[-1]
    ][-1]


@given(st.integers(0, 1 << 60), st.booleans())
def test_every_test_gets_a_name_of_its_own_that_nothing_in_the_file_has(seed: int, renames: bool) -> None:
    names = [f"test_{word}" for word in ("ba_co", "di_fen", "gu", "lor", "mi")]
    source = "\n".join(f"def {name}():\n    assert 1 == 1\n" for name in names)
    versions = dict.fromkeys(names, "original")

    made: Any = disguise(source.encode(), "tests/test_it.py", versions, renames=renames, seed=seed)

    new = list(made["names"].values())
    assert len(set(new)) == len(names)
    assert (set(new) == set(names)) is not renames
    assert renames is (made["new_path"] != "tests/test_it.py")
    assert made["new_path"].startswith("tests/test_")
    assert [node.name for node in ast.parse(made["source"]).body if isinstance(node, ast.FunctionDef)] == new


def test_the_samples_pass_by_themselves() -> None:
    for statement, value in itertools.product(STATEMENTS, VALUES):
        body = indented(statement.replace("§", value), 1)
        sample = Sample(f"{HEAD}\ndef test_one():\n{body}\n", "test_one", plainly)
        assert passes(sample, sample.source, "test_one"), body
