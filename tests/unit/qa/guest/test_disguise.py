"""Test files in other words: what is said of each of them, and of those that cannot be read."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from app.qa.frameworks.telling import read_records
from app.qa.guest.disguise import disguise
from app.qa.guest.statements import NotDisguisedError
from tests.guest_runs import KEY, lay_out, run_disguise

PLAIN = b"def test_a():\n    assert 1 + 1 == 2\n"


def made(source: str | bytes, name: str = "test_a", kind: str = "original", *, renames: bool = False, seed: int = 1) -> Any:
    content = source if isinstance(source, bytes) else source.encode()
    return disguise(content, "tests/test_it.py", {name: kind}, renames=renames, seed=seed)


def why_not(source: str, name: str = "test_a") -> str:
    """Why a test was not put in other words."""
    found = made(source, name)
    assert found["names"] == {}
    return str(found["left_out"][name])


# --- what can be put in other words


@pytest.mark.parametrize(
    ("source", "kind", "becomes"),
    [
        ("def test_a():\n    assert f() == 2\n", "changed", "changed"),
        ("def test_a():\n    assert f() == 2\n\ndef test_b():\n    assert f() == 3\n", "swapped", "swapped"),
        ("def test_a():\n    assert f() == 2\n", "swapped", "changed"),
        ("def test_a():\n    assert f()\n", "swapped", "negated"),
        ("def test_a():\n    f()\n", "changed", "false"),
        ("def test_a():\n    for x in f():\n        assert x == 1\n", "changed", "false"),
        ("def test_a():\n    f()\n", "original", "original"),
    ],
)
def test_a_version_is_what_was_asked_for_or_the_next_best(source: str, kind: str, becomes: str) -> None:
    assert made(source, kind=kind)["made"] == {"test_a": becomes}


def test_the_same_seed_gives_the_same_words_and_another_seed_others() -> None:
    assert made(PLAIN, seed=1) == made(PLAIN, seed=1)
    assert made(PLAIN, seed=1)["source"] != made(PLAIN, seed=2)["source"]


def test_other_tests_of_the_file_stay_as_they_are() -> None:
    rest = "def test_b():\n    assert 5 == 5"

    assert rest in made(f"{PLAIN.decode()}\n{rest}\n", kind="changed", renames=True)["source"]


def test_of_two_tests_with_one_name_the_last_counts() -> None:
    source = made("def test_a():\n    old()\n\ndef test_a():\n    new()\n", renames=True)["source"]

    first, last = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    assert (first.name, ast.unparse(first.body[0])) == ("test_a", "old()")
    assert last.name != "test_a"


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("test_it.py", "test_*.py"), ("a/b/test_it.py", "a/b/test_*.py"), ("it_test.py", "*_test.py"), ("tests.py", "tests.py")],
)
def test_a_renamed_file_stays_in_its_folder_and_looks_like_a_test(path: str, pattern: str) -> None:
    found: Any = disguise(PLAIN, path, {"test_a": "original"}, renames=True, seed=3)

    assert Path(found["new_path"]).match(pattern)
    assert (found["new_path"] != path) is ("*" in pattern)


def test_mock_assertions_do_not_make_a_unittest_of_a_function() -> None:
    source = "def test_a(mocker):\n    mocker.patch('x')\n    mocker.assert_called()\n"

    for seed in range(30):
        assert "mocker.assertEqual" not in made(source, seed=seed)["source"]


# --- what cannot


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("", "test_a", "no function test_a"),
        ("test_a = print", "test_a", "no function test_a"),
        ("class TestB:\n    pass\n", "TestB::test_a", "no function test_a"),
        ("class TestB(other.Base):\n    pass\n", "TestB::test_a", "no function test_a"),
        ("class TestB(TestB):\n    pass\n", "TestB::test_a", "no function test_a"),
        ("def test_a():\n    pass\n", "TestB::test_a", "no class TestB"),
        ("def test_a():\n    yield 1\n", "test_a", "a generator"),
        ("def test_a():\n    x = yield from ()\n", "test_a", "a generator"),
    ],
)
def test_a_test_that_cannot_be_put_in_other_words_is_left_out_with_the_reason(source: str, name: str, words: str) -> None:
    assert why_not(source, name) == words


def test_a_generator_inside_of_a_test_does_not_make_one_of_it() -> None:
    assert made("def test_a():\n    def inner():\n        yield 1\n    assert list(inner()) == [1]\n")["names"]


@pytest.mark.parametrize(
    "source", [b"def test_a(:\n", b"\0", b"def test_a():\n    pass\n\0", b"\xff\xfe", b"# coding: nonsense\n", b"(" * 5000]
)
def test_a_file_that_is_not_python_is_refused(source: bytes) -> None:
    with pytest.raises(NotDisguisedError):
        made(source)


# --- the program

HOSTILE = {
    "null.py": b"def test_a():\n    pass\n\0",
    "parentheses.py": b"x = " + b"(" * 100_000 + b")" * 100_000,
    "attributes.py": b"def test_a():\n    assert x" + b".a" * 50_000 + b" == 1\n",
    "sums.py": b"def test_a():\n    assert 1" + b" + 1" * 50_000 + b" == 1\n",
    "blocks.py": b"\n".join(b" " * depth + b"if x:" for depth in range(200)) + b"\n" + b" " * 200 + b"pass\n",
    "latin.py": "# -*- coding: latin-1 -*-\ndef test_a():\n    assert 'ü' == 'ü'\n".encode("latin-1"),
    "unknown.py": b"# -*- coding: nonsense -*-\ndef test_a():\n    pass\n",
    "broken.py": b"def test_a():\n    assert '\xff' == 'a'\n",
    "mark.py": b"\xef\xbb\xbfdef test_a():\n    assert 1 == 1\n",
    "tabs.py": b"def test_a():\n\tif True:\n\t\tassert 1 == 1\n",
    "mixed.py": b"def test_a():\n\tif True:\n        \tassert 1 == 1\n",
    "breaks.py": b"def test_a():\r\n    assert 1 == 1\r\n",
    "surrogate.py": b"def test_a():\n    assert '\\ud800' == '\\ud800'\n",
    "numbers.py": b"def test_a():\n    assert 1" + b"0" * 5000 + b" == 1\n",
    "empty.py": b"",
}
READABLE = {"latin.py", "mark.py", "tabs.py", "breaks.py", "surrogate.py"}


def test_no_file_keeps_the_others_from_being_put_in_other_words(tmp_path: Path) -> None:
    lay_out(tmp_path, HOSTILE)
    files = {path: {"test_a": "changed"} for path in HOSTILE}

    result = run_disguise(tmp_path, [{"renames": True, "seed": 1, "files": files}])  # type: ignore[dict-item]

    *records, end = read_records(result, KEY)
    assert (result.exit_code, end["kind"], [record["path"] for record in records]) == (0, "end", list(HOSTILE))
    assert {record["path"] for record in records if record["names"]} >= READABLE
    assert all(record["left_out"] for record in records if not record["names"])


def test_words_survive_their_way_in_any_encoding(tmp_path: Path) -> None:
    lay_out(tmp_path, HOSTILE)

    result = run_disguise(tmp_path, [{"renames": False, "seed": 1, "files": {"latin.py": {"test_a": "original"}}}])

    source = read_records(result, KEY)[0]["source"]
    compile(source.encode(), "latin.py", "exec")
    assert "'ü' == 'ü'" in source
