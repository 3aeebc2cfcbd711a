"""Any honest sequence of edits replays to the tree that it made, and all of it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.events import CodeEditData
from app.qa.worktree import take_inventory, tree_hash
from app.rules.ledger import attempt_edit, sha256_of
from app.rules.patches import split_patch, undo_patch
from tests.replaying import MemoryTree, a_change, a_diff, lines_of, replayed, statuses

PATHS = st.sampled_from(["a.py", "b/c.py", "d e.txt"])
LINES = [
    "a\n",
    "b\n",
    "c\r\n",
    "\n",
    " \n",
    "--- x\n",
    "+++ y\n",
    "@@ -1 +1 @@\n",
    "diff --git a/x b/x\n",
    "\x0c\n",
    "ü\n",
    "\\ No newline\n",
]
NOT_UTF8 = [*LINES, "caf\udce9\n", "\udcff\udcfe\n"]
ENDS = st.sampled_from(["", "", "end", "ü"])

Steps = list[tuple[str, bytes | None]]


def texts(lines: list[str]) -> st.SearchStrategy[str]:
    """Files of text, with CRLF and with a last line without an end among them."""
    return st.builds(lambda lines, end: "".join(lines) + end, st.lists(st.sampled_from(lines), max_size=12), ENDS)


def contents() -> st.SearchStrategy[bytes | None]:
    """Files, and sometimes none."""
    return st.one_of(st.none(), *[texts(LINES).map(str.encode)] * 6)


SESSIONS = st.tuples(
    st.dictionaries(PATHS, texts(LINES).map(str.encode), max_size=3),
    st.lists(st.tuples(PATHS, contents()), max_size=8),
    st.booleans(),
)


def edits_of(base: Mapping[str, bytes], steps: Steps, *, hashed: bool) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The honest edits of a session, and the tree that it ends with."""
    tree, edits = dict(base), []
    for path, after in steps:
        before = tree.get(path)
        if before == after or not (before or after):
            continue
        edits.append(a_change(path, before, after, hashed=hashed))
        tree.pop(path, None)
        if after is not None:
            tree[path] = after
    return edits, tree


@settings(max_examples=200, deadline=None)
@given(SESSIONS)
def test_an_honest_session_ends_where_it_ended(session: tuple[dict[str, bytes], Steps, bool]) -> None:
    base, steps, hashed = session
    edits, final = edits_of(base, steps, hashed=hashed)

    result = replayed(*edits, base=base, final=final)

    assert statuses(result) == "c" * (len(edits) + 1)
    assert result.replay.tree_after == tree_hash(take_inventory(MemoryTree(final), ()).digests)


@settings(max_examples=200, deadline=None)
@given(SESSIONS, st.data())
def test_an_altered_hash_refutes_its_edit_and_no_other(
    session: tuple[dict[str, bytes], Steps, bool], data: st.DataObject
) -> None:
    base, steps, _ = session
    edits, final = edits_of(base, steps, hashed=True)
    places = [(at, name) for at, edit in enumerate(edits) for name in ("hash_before", "hash_after") if name in edit["data"]]
    if not places:
        return
    at, name = data.draw(st.sampled_from(places))
    edits[at]["data"][name] = "f" * 64

    claims = statuses(replayed(*edits, base=base, final=final))

    assert claims == "c" * at + "r" + "c" * (len(edits) - at)


@settings(max_examples=200, deadline=None)
@given(SESSIONS, st.data())
def test_a_dropped_edit_is_seen_and_blamed_on_one_claim_alone(
    session: tuple[dict[str, bytes], Steps, bool], data: st.DataObject
) -> None:
    base, steps, _ = session
    edits, final = edits_of(base, steps, hashed=True)
    if not edits:
        return
    dropped = edits.pop(data.draw(st.integers(0, len(edits) - 1)))
    path = dropped["data"]["file_path"]

    result = replayed(*edits, base=base, final=final)

    blamed = [claim for claim in result.claims if claim.status == "refuted"]
    assert len(blamed) == 1
    assert blamed[0].seq is None or edits[blamed[0].seq - 1]["data"]["file_path"] == path


@settings(max_examples=200, deadline=None)
@given(texts(NOT_UTF8), texts(NOT_UTF8))
def test_bytes_that_are_no_text_are_kept_as_they_are(before: str, after: str) -> None:
    diff = a_diff(lines_of(before), lines_of(after))
    if not diff:
        return
    old, new = (text.encode("utf-8", "surrogateescape") for text in (before, after))
    # such a diff cannot travel as JSON, but a diff of ours may hold it
    edit = CodeEditData.model_construct(file_path="f", diff=diff, hash_before=sha256_of(old), hash_after=sha256_of(new))
    (patch,) = split_patch(diff)

    assert attempt_edit(old, edit, patch).agrees
    assert undo_patch(new, patch) == old
