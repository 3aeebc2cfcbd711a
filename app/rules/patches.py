"""Patches: a unified diff of one file or several, as ``git diff``, ``diff -u`` or ``difflib`` write it, file by file.

What a single file's hunks do is decided in ``app.rules.diffs``; this module finds where a file's part begins and ends, what
the file was and is called, its mode, and what git's binary format holds.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.rules.diffs import DiffError, apply_diff

_MAX_HEADER_CHARACTERS = 4096
MAX_BINARY_BYTES = 16 * 1024 * 1024
_HUNK = re.compile(r"^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_HUNK_SIDES = re.compile(r"^@@ -(\d+(?:,\d+)?) \+(\d+(?:,\d+)?) @@")
_GIT_NAMES = re.compile(r'^diff --git (?:"a/(?P<quoted>(?:[^"\\]|\\.)*)" .*|a/(?P<plain>.*) b/(?P=plain))$')
_MODE = re.compile(r"^(?:new file mode|new mode) 100([0-7]{3})$", re.MULTILINE)
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_BINARY = re.compile(r"^(literal|delta) (\d{1,12})$")
_BASE85_LENGTHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class LostContentError(DiffError):
    """The patch says that a file changed, and does not hold what it became."""


@dataclass(frozen=True)
class FilePatch:
    """The part of a patch that is about one file."""

    text: str
    old_path: str | None = None
    """``None``: there was no such file, or the part has no header."""
    new_path: str | None = None
    """``None``: there is no such file any more, or the part has no header."""
    is_rename: bool = False
    is_copy: bool = False
    executable: bool | None = None
    """``None``: as it was."""

    @property
    def creates(self) -> bool:
        """There was no such file before."""
        return self.old_path is None and self.new_path is not None

    @property
    def path(self) -> str | None:
        """The name of the file, the new one where it has two."""
        return self.new_path or self.old_path


def split_patch(text: str) -> list[FilePatch]:
    """The parts of a patch, in order. A single part may have no header at all.

    Raises:
        DiffError: a hunk does not hold the lines that it announces.
    """
    return [_read_part("".join(lines)) for lines in _parts(_lines(text))]


def apply_patch(before: bytes | None, patch: FilePatch) -> bytes | None:
    """The content of the file after its part of a patch; ``None`` stands for a file that is not there.

    A file that is no UTF-8 is tried in the encodings that an editor would show it in: every line still has to be the same.

    Raises:
        LostContentError: the patch does not hold the content.
        DiffError: it does not fit.
    """
    if "GIT binary patch" in patch.text:
        return _apply_binary(before, patch)
    if re.search(r"^Binary files .* differ$", patch.text, re.MULTILINE):
        raise LostContentError("it says that a binary file changed, and not how")
    if "@@ " not in patch.text and re.search(r"^(?:old mode|rename from|copy from|similarity index)", patch.text, re.MULTILINE):
        return before
    try:
        return apply_diff(before, patch.text)
    except DiffError as error:
        other = _apply_in_other_encodings(before, patch.text)
        if other is None:
            raise error from None
        return other


def undo_patch(after: bytes, patch: FilePatch) -> bytes:
    """The content that a part of a patch, applied, gives ``after``.

    Raises:
        DiffError: that cannot be told.
    """
    lines = _lines(patch.text)
    first = next((number for number, line in enumerate(lines) if _HUNK.match(line)), None)
    if first is None:
        raise DiffError("it holds no hunk")
    undone = apply_diff(after, "".join(_reversed(line) for line in lines[first:]))
    return undone if undone is not None else b""


def _reversed(line: str) -> str:
    header = _HUNK_SIDES.match(line)
    if header is not None:
        return f"@@ -{header[2]} +{header[1]} @@\n"
    return {"-": "+", "+": "-"}.get(line[:1], line[:1]) + line[1:]


def _lines(text: str) -> list[str]:
    """Lines with their ends; only ``\\n`` ends a line."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _parts(lines: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    old = new = 0
    hunks_seen = False
    for line in lines:
        if old > 0 or new > 0:
            old -= line[:1] in (" ", "-", "\n", "\r")
            new -= line[:1] in (" ", "+", "\n", "\r")
        elif match := _HUNK.match(line):
            old, new = (int(count) if count is not None else 1 for count in match.groups())
            hunks_seen = True
        elif part and (line.startswith("diff --git ") or (hunks_seen and line.startswith(("--- ", "Index: ", "diff ")))):
            yield part
            part, hunks_seen = [], False
        part.append(line)
    if old > 0 or new > 0:
        raise DiffError("the last hunk holds fewer lines than its header announces")
    if part:
        yield part


def _read_part(text: str) -> FilePatch:
    header = re.split(r"^(?:@@ |GIT binary patch)", text, maxsplit=1, flags=re.MULTILINE)[0]
    old, new = _git_names(header)
    if (line := _header_name(header, "--- ")) is not None:
        old = _without_prefix(line, "a/")
    if (line := _header_name(header, "+++ ")) is not None:
        new = _without_prefix(line, "b/")
    source, target = _header_name(header, "rename from "), _header_name(header, "rename to ")
    copied_from, copied_to = _header_name(header, "copy from "), _header_name(header, "copy to ")
    is_rename, is_copy = bool(source and target), bool(copied_from and copied_to)
    mode = _MODE.search(header)
    return FilePatch(
        text=text,
        old_path=source or copied_from or (None if re.search(r"^new file mode", header, re.MULTILINE) else old),
        new_path=target or copied_to or (None if re.search(r"^deleted file mode", header, re.MULTILINE) else new),
        is_rename=is_rename,
        is_copy=is_copy,
        executable=bool(int(mode[1], 8) & 0o100) if mode else None,
    )


def _git_names(header: str) -> tuple[str | None, str | None]:
    line = header.partition("\n")[0]
    # a name that is looked for twice in one line: on lines without end that would take time without end
    match = _GIT_NAMES.match(line) if len(line) <= _MAX_HEADER_CHARACTERS else None
    if match is None:
        return None, None
    name = _unquoted(match["quoted"]) if match["quoted"] is not None else match["plain"]
    return name, name


def _header_name(header: str, start: str) -> str | None:
    for line in header.split("\n"):
        if line.startswith(start):
            name = line.removeprefix(start).rstrip("\r")
            name = name.partition("\t")[0] if start in ("--- ", "+++ ") else name
            return _unquoted(name[1:-1]) if len(name) > 1 and name[0] == name[-1] == '"' else name
    return None


def _without_prefix(name: str, prefix: str) -> str | None:
    return None if name == "/dev/null" else name.removeprefix(prefix)


def _unquoted(name: str) -> str:
    """A name as git quotes it: bytes in octal, control characters by letter."""

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8)) if len(code) == 3 else _ESCAPES.get(code, code)

    found = _ESCAPE.sub(plain, name)
    try:
        return found.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return found


def _apply_in_other_encodings(before: bytes | None, text: str) -> bytes | None:
    """Apply the diff to the file's text rather than to its bytes, where the file is no UTF-8."""
    if before is None or _is_utf8(before):
        return None
    names = ("utf-16",) if before[:2] in (b"\xff\xfe", b"\xfe\xff") else ("cp1252", "latin-1")
    for name in names:
        try:
            shown = before.decode(name)
            after = apply_diff(shown.encode(), text)
            return None if after is None else _encoded(after.decode(), name, before)
        except (UnicodeError, DiffError):
            continue
    return None


def _encoded(text: str, name: str, before: bytes) -> bytes:
    if name != "utf-16":
        return text.encode(name)
    order = "utf-16-le" if before[:2] == b"\xff\xfe" else "utf-16-be"
    return before[:2] + text.encode(order)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _apply_binary(before: bytes | None, patch: FilePatch) -> bytes | None:
    """git's binary format: the new content whole, or as copies out of the old one; compressed, in base 85."""
    if patch.new_path is None and patch.old_path is not None:
        return None
    body = patch.text.partition("GIT binary patch\n")[2].split("\n")
    match = _BINARY.match(body[0].strip()) if body else None
    if match is None:
        raise DiffError("its binary part cannot be read")
    data = _inflated(body[1:])
    kind, size = match[1], int(match[2])
    if len(data) != size:
        raise DiffError("its binary part is not as long as it says")
    return data if kind == "literal" else _apply_delta(before or b"", data)


def _inflated(lines: list[str]) -> bytes:
    packed = bytearray()
    try:
        for line in lines:
            if not line.strip():
                break
            length = _BASE85_LENGTHS.index(line[0]) + 1
            packed += base64.b85decode(line[1:].rstrip("\r"))[:length]
        unpack = zlib.decompressobj()
        data = unpack.decompress(bytes(packed), MAX_BINARY_BYTES)
    except (ValueError, zlib.error):
        raise DiffError("its binary part cannot be read") from None
    if unpack.unconsumed_tail:
        raise DiffError(f"its binary part is larger than {MAX_BINARY_BYTES} bytes")
    return data


def _apply_delta(before: bytes, delta: bytes) -> bytes:
    try:
        old_size, position = _delta_size(delta, 0)
        new_size, position = _delta_size(delta, position)
        result = bytearray()
        while position < len(delta) and len(result) <= MAX_BINARY_BYTES:
            position = _delta_step(before, delta, position, result)
    except IndexError:
        raise DiffError("its binary part ends too early") from None
    if old_size != len(before) or new_size != len(result):
        raise DiffError("its binary part does not fit the file")
    return bytes(result)


def _delta_size(delta: bytes, position: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = delta[position]
        position += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size, position


def _delta_step(before: bytes, delta: bytes, position: int, result: bytearray) -> int:
    """Carry out one instruction: copy from the old content, or take what follows. Returns where the next one stands."""
    code = delta[position]
    position += 1
    if not code & 0x80:
        if code == 0:
            raise DiffError("its binary part cannot be read")
        result += delta[position : position + code]
        return position + code
    offset = size = 0
    for bit in range(4):
        if code & (1 << bit):
            offset |= delta[position] << (8 * bit)
            position += 1
    for bit in range(3):
        if code & (0x10 << bit):
            size |= delta[position] << (8 * bit)
            position += 1
    size = size or 0x10000
    result += before[offset : offset + size]
    return position
