"""The patch language of ``apply_patch``."""

from __future__ import annotations

import pytest

from app.formats.pieces.applypatch import read_patch
from app.formats.pieces.edits import render_diff
from app.rules.diffs import apply_diff


def a_patch(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch", ""))


def test_every_file_of_a_patch_is_an_edit() -> None:
    edits = read_patch(
        a_patch(
            "*** Add File: new.py", "+a", "+", "+b",
            "*** Delete File: old.py",
            "*** Update File: a.py", "@@ def f():", " x", "-y", "+z",
            "*** Update File: b.py", "*** Move to: c.py", "@@", "-p", "+q", "*** End of File",
        )
    )  # fmt: skip

    assert edits is not None
    assert [(edit.path, edit.kind, edit.moved_from, edit.unanchored) for edit in edits] == [
        ("new.py", "creates", None, False),
        ("old.py", "deletes", None, False),
        ("a.py", "changes", None, True),
        ("c.py", "changes", "b.py", True),
    ]
    assert apply_diff(None, render_diff(edits[0], "new.py")) == b"a\n\nb\n"
    assert edits[2].hunks == "@@ def f():\n x\n-y\n+z\n"


def test_the_first_marker_may_be_left_out() -> None:
    edits = read_patch(a_patch("*** Update File: a.py", "-y", "+z"))

    assert edits is not None
    assert edits[0].hunks == "@@\n-y\n+z\n"


@pytest.mark.parametrize(
    "text",
    ["", "*** Begin Patch", "*** Begin Patch\n*** End Patch", a_patch("what"), a_patch("*** Update File: a.py", "what"),
     a_patch("*** Add File: a.py", "no plus"), a_patch("*** Update File: "), "--- a\n+++ b\n"],
)  # fmt: skip
def test_what_is_no_patch_is_none(text: str) -> None:
    assert read_patch(text) is None
