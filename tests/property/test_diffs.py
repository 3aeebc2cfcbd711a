"""Applying the diff between two files to the first gives the second, whoever made the diff."""

from __future__ import annotations

import contextlib
import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.diffs import DiffError, apply_diff, parse_diff

LINES = st.lists(
    st.sampled_from(["a\n", "b\n", "c\r\n", "\n", " \n", "--- x\n", "+++ y\n", "@@ -1 +1 @@\n", "ü\n", "\\ No newline\n"]),
    max_size=25,
)


@given(LINES, LINES, st.integers(0, 5))
def test_a_diff_of_difflib_applies(before: list[str], after: list[str], context: int) -> None:
    diff = "".join(difflib.unified_diff(before, after, "a/f", "b/f", n=context))
    if diff:
        assert apply_diff("".join(before).encode(), diff) == "".join(after).encode()


@settings(max_examples=60, deadline=None)
@given(LINES, LINES, st.booleans(), st.booleans())
def test_a_diff_of_diff_applies(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str], cut_a: bool, cut_b: bool
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    old, new = ("".join(lines).encode() for lines in (before, after))
    old, new = (old.rstrip(b"\n") if cut_a else old), (new.rstrip(b"\n") if cut_b else new)
    (folder / "a").write_bytes(old)
    (folder / "b").write_bytes(new)
    diff = subprocess.run(["diff", "-u", "a", "b"], cwd=folder, capture_output=True, check=False).stdout.decode()
    if diff:
        assert apply_diff(old, diff) == new


@given(LINES, LINES, LINES)
def test_a_diff_never_applies_to_what_it_does_not_fit(before: list[str], after: list[str], other: list[str]) -> None:
    diff = "".join(difflib.unified_diff(before, after, n=100))
    if not diff or other[: len(before)] == before:
        return
    try:
        result = apply_diff("".join(other).encode(), diff)
    except DiffError:
        return
    assert before == []  # only a diff without context fits another file: it inserts at the start
    assert result == "".join(after + other).encode()


@given(st.text())
def test_whatever_is_no_diff_is_a_diff_error(text: str) -> None:
    with contextlib.suppress(DiffError):
        assert parse_diff(text).added >= 0


def test_files_come_and_go(tmp_path: Path) -> None:
    created = apply_diff(None, "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a\n+b\n")

    assert created == b"a\nb\n"
    assert apply_diff(created, "--- a/new.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n") is None


@pytest.mark.parametrize(
    ("before", "diff", "words"),
    [
        (b"a\n", "", "no hunk"),
        (b"a\n", "hello", "neither a header nor a hunk"),
        (b"a\n", "@@ -1 +1 @@\n-a\n", "fewer lines"),
        (b"a\n", "@@ -1 +1 @@\n-a\n+b\n+c\n", "no hunk header|more lines"),
        (b"a\n", "@@ -1 +1 @@\n-x\n+b\n", "does not match the file at line 1"),
        (b"a\n", "@@ -9 +9 @@\n-a\n+b\n", "does not match the file at line 9"),
        (b"a\n", "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n", "there already"),
        (None, "@@ -1 +1 @@\n-a\n+b\n", "not there"),
        (b"a\nb\n", "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "without naming all"),
        (b"a\n", "GIT binary patch\nliteral 3\n", "binary"),
        (b"a\nb\n", "@@ -1 +1 @@\n-a\n+x\n@@ -1 +1 @@\n-x\n+y\n", "overlaps"),
    ],
)
def test_what_does_not_apply_says_why(before: bytes | None, diff: str, words: str) -> None:
    with pytest.raises(DiffError, match=words):
        apply_diff(before, diff)
