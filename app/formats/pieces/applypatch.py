"""The patch language of ``apply_patch``: files by name, lines with their context, no line numbers."""

from __future__ import annotations

from app.formats.pieces.edits import FileEdit, between, deleted

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_ADD, _DELETE, _UPDATE, _MOVE = "*** Add File: ", "*** Delete File: ", "*** Update File: ", "*** Move to: "
_END_OF_FILE = "*** End of File"


def read_patch(text: str) -> list[FileEdit] | None:
    """The edits of a patch, one for each file; ``None`` where it is no such patch.

    The hunks of a changed file have no line numbers: such an edit is unanchored.
    """
    lines = text.strip().split("\n")
    if lines[0].strip() != _BEGIN or lines[-1].strip() != _END:
        return None
    edits: list[FileEdit] = []
    for part in _parts(lines[1:-1]):
        edit = _read_part(part)
        if edit is None:
            return None
        edits.append(edit)
    return edits or None


def _parts(lines: list[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    for line in lines:
        if line.startswith((_ADD, _DELETE, _UPDATE)):
            parts.append([line])
        elif parts:
            parts[-1].append(line)
        elif line.strip():
            return [[line]]
    return parts


def _read_part(lines: list[str]) -> FileEdit | None:
    head, body = lines[0], lines[1:]
    if head.startswith(_ADD):
        path = head.removeprefix(_ADD).strip()
        if not path or not all(line.startswith("+") or not line for line in body):
            return None
        return between(path, None, "".join(f"{line[1:]}\n" for line in body if line))
    if head.startswith(_DELETE):
        path = head.removeprefix(_DELETE).strip()
        return deleted(path) if path and not any(line.strip() for line in body) else None
    return _read_update(head.removeprefix(_UPDATE).strip(), body) if head.startswith(_UPDATE) else None


def _read_update(path: str, body: list[str]) -> FileEdit | None:
    target = None
    if body and body[0].startswith(_MOVE):
        target = body[0].removeprefix(_MOVE).strip()
        body = body[1:]
    hunks = [line for line in body if line.strip() != _END_OF_FILE]
    if not path or not all(line.startswith((" ", "+", "-", "@@")) or not line for line in hunks):
        return None
    # the first marker may be left out
    first = "" if hunks and hunks[0].startswith("@@") else "@@\n"
    diff = first + "".join(f"{line or ' '}\n" for line in hunks)
    return FileEdit(target or path, diff, moved_from=path if target else None, unknown=("diff",), unanchored=True)
