"""The change that a session made, as a patch."""

from __future__ import annotations

from app.formats.writing.base import Code, Session, Tally
from app.formats.writing.pieces.patches import render_patch
from app.models.events import CodeEdit

_ATTEMPT = "attempt without its change"


def patch_of(session: Session, tally: Tally) -> str | None:
    """The change as one patch; ``None``, counted with the reason, where it cannot be told.

    Without a workspace, the diff of a file that was edited once is its change; that of one that was edited twice is not known.
    A diff that does not say where it belongs is none that others could apply.
    """
    code = session.code()
    patch = render_patch(code.changes, tally) if isinstance(code, Code) else _from_edits(session)
    if patch is None:
        tally.losses.add(_ATTEMPT, f"the code cannot be had: {code}")
    elif not patch:
        tally.losses.add(_ATTEMPT, "the session changed nothing")
    elif session.has_secrets(patch):
        tally.losses.add(_ATTEMPT, "it holds what looks like a secret")
    else:
        return patch
    return None


def _from_edits(session: Session) -> str | None:
    edits = [event for event in session.trace.events if isinstance(event, CodeEdit)]
    paths = [edit.data.file_path for edit in edits]
    if len(paths) != len(set(paths)) or any(map(_is_unanchored, edits)):
        return None
    return "".join(map(_headed, sorted(edits, key=lambda edit: edit.data.file_path)))


def _is_unanchored(edit: CodeEdit) -> bool:
    """Whether the diff does not say where it belongs, or is not known at all."""
    extra = edit.data.extra or {}
    unknown = extra.get("unknown")
    return bool(extra.get("unanchored")) or (isinstance(unknown, list) and "diff" in unknown) or "@@ -" not in edit.data.diff


def _headed(edit: CodeEdit) -> str:
    path, diff = edit.data.file_path, edit.data.diff
    hunks = diff[diff.index("@@ -") :]
    removed, added = f"a/{path}", f"b/{path}"
    if hunks.startswith("@@ -0,0 "):
        removed = "/dev/null"
    if "+0,0 @@" in hunks.partition("\n")[0]:
        added = "/dev/null"
    return f"--- {removed}\n+++ {added}\n{hunks}{'' if hunks.endswith(chr(10)) else chr(10)}"
