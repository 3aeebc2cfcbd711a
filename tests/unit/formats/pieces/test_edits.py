"""Edits as diffs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.pieces.edits import after_replacing, between, render_diff, replaced, written
from app.rules.diffs import DiffError, apply_diff
from app.rules.ledger import sha256_of

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "ü\n", "-x\n", "@@ -1 +1 @@\n"]), max_size=30).map("".join)
ENDS = st.sampled_from(["", "end"])


@given(before=TEXTS, after=TEXTS, ends=st.tuples(ENDS, ENDS))
def test_a_diff_makes_one_text_of_the_other(before: str, after: str, ends: tuple[str, str]) -> None:
    old, new = before + ends[0], after + ends[1]

    edit = between("a.py", old, new, hashed=True)

    if old != new:
        assert apply_diff(old.encode(), render_diff(edit, "a.py")) == new.encode()
    assert (edit.hash_before, edit.hash_after) == (sha256_of(old.encode()), sha256_of(new.encode()))


@given(content=TEXTS)
def test_a_file_is_created_and_removed(content: str) -> None:
    created = apply_diff(None, render_diff(between("a.py", None, content), "a.py"))

    assert created == content.encode()
    assert apply_diff(content.encode(), render_diff(between("a.py", content, None), "a.py")) is None


def test_texts_that_are_too_long_to_be_compared_are_still_told_right() -> None:
    before = "".join(f"{number}\n" for number in range(5000))
    after = (
        "head\n" + "".join(f"{number}!\n" for number in range(4000)) + "".join(f"{number}\n" for number in range(4000, 5000))
    )

    assert apply_diff(before.encode(), render_diff(between("a.py", before, after), "a.py")) == after.encode()


def test_a_file_whose_earlier_content_is_not_known_is_told_with_what_it_became() -> None:
    edit = written("a.py", "a\nb\n")

    assert apply_diff(None, render_diff(edit, "a.py")) == b"a\nb\n"
    assert (edit.snapshot_after, edit.hash_after) == ("a\nb\n", sha256_of(b"a\nb\n"))
    assert edit.unknown == ("diff", "hash_before")


def test_a_replacement_without_its_place_is_never_taken_for_one_with_it() -> None:
    diff = render_diff(replaced("a.py", [("a", "b")]), "a.py")

    assert diff == "--- a/a.py\n+++ b/a.py\n@@\n-a\n+b\n"
    with pytest.raises(DiffError):
        apply_diff(b"a\n", diff)


@pytest.mark.parametrize(
    ("before", "old", "everywhere", "after"),
    [("a b", "a", False, "x b"), ("a a", "a", False, None), ("a a", "a", True, "x x"), ("b", "a", True, None),
     ("", "", False, "x"), ("b", "", False, None)],
)  # fmt: skip
def test_a_string_is_replaced_only_where_that_is_certain(before: str, old: str, everywhere: bool, after: str | None) -> None:
    assert after_replacing(before, old, "x", everywhere=everywhere) == after
