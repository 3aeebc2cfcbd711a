"""Patches that others can apply."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.writing.base import Change, Tally
from app.formats.writing.pieces.patches import render_patch
from app.rules.patches import apply_patch, split_patch

LINES = st.lists(st.sampled_from(["a", "b", "", "  c", "-x", "+y", "@@ -1 +1 @@", "é\r"]), max_size=12)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


@given(before=st.none() | TEXTS, after=st.none() | TEXTS)
def test_a_patch_leads_from_the_one_to_the_other(before: str | None, after: str | None) -> None:
    old, new = (text.encode() if text is not None else None for text in (before, after))
    change = Change("a.txt", old, new)

    patch = render_patch([change], Tally())

    found = change.before
    for part in split_patch(patch) if patch else ():
        found = apply_patch(found, part)
    assert (found or b"") == (change.after or b"")


@pytest.mark.parametrize("name", ["till.py", "a b.py", "ü.py", "folder/with space/x.py"])
def test_git_applies_it(tmp_path: Path, name: str) -> None:
    changes = [
        Change(name, b"one\ntwo\n", b"one\nthree"),
        Change("new.sh", None, b"#!/bin/sh\n", executable=True),
        Change("gone.py", b"x\n", None),
    ]
    for change in changes:
        if change.before is not None:
            (tmp_path / change.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / change.path).write_bytes(change.before)

    patch = render_patch(changes, Tally())
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True)

    assert (tmp_path / name).read_bytes() == b"one\nthree"
    assert (tmp_path / "new.sh").stat().st_mode & 0o100
    assert not (tmp_path / "gone.py").exists()


def test_what_is_no_text_is_counted() -> None:
    tally = Tally()

    patch = render_patch([Change("logo.png", b"\x89PNG\xff", b"\x89PNG\xfe")], tally)

    assert patch == ""
    assert [(loss.kind, loss.count) for loss in tally.losses.losses()] == [("change of a file", 1)]
