"""JSON values read one after the other out of a file that may be larger than the memory.

Strict where readers differ: a name stands once in an object, text is UTF-8, NaN and infinities are refused (I-JSON, RFC 7493).
An integer that a double does not hold exactly becomes the double that other readers see.
"""

from __future__ import annotations

import codecs
import json
from typing import Any, BinaryIO, NoReturn

MAX_VALUE_CHARACTERS = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024
_MAX_SAFE_INTEGER = 2**53 - 1
_WHITESPACE = " \t\n\r"
# what may still be missing from a number that the window's end cuts: "1" of "1.5", "1e+5"
_LONGEST_CUT = 2
# the decoder points at most this far before the place where it ran out of text
_ERROR_SLACK = 32


class UnreadableJsonError(ValueError):
    """The text is not JSON that every reader understands alike. The message says where."""


def parse_json(text: str) -> Any:
    """One value, read as strictly as ``JsonWindow`` reads it.

    Raises:
        UnreadableJsonError: it is not JSON.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableJsonError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise UnreadableJsonError("nested too deeply") from None


class JsonWindow:
    """A place in a file of JSON. Several windows may stand in one file; each keeps only the value at hand in memory.

    Every call raises ``UnreadableJsonError`` where the file does not hold what is asked for.
    """

    def __init__(self, file: BinaryIO) -> None:
        """``file`` is seekable; nobody else may move in it while the window reads."""
        self._file = file
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._passed = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _WHITESPACE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._read_on()

    def skip(self, character: str) -> bool:
        """Step over the next character if it is this one."""
        found = self.peek() == character
        self._at += found
        return found

    def expect(self, character: str) -> None:
        """Step over the next character, which has to be this one."""
        if not self.skip(character):
            self._refuse(f"expected {character!r}")

    def value(self) -> Any:
        """Step over the next value. It is what is returned."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or self._is_certain(error):
                    self._refuse(error.msg, error.pos)
            except RecursionError:
                self._refuse("nested too deeply")
            else:
                if self._ended or end + _LONGEST_CUT < len(self._text):
                    self._at = end
                    return value
            self._read_on()

    def _is_certain(self, error: json.JSONDecodeError) -> bool:
        """Whether more text would not help. A string without end is reported where it begins."""
        return error.pos + _ERROR_SLACK < len(self._text) and not error.msg.startswith("Unterminated string")

    def _read_on(self) -> None:
        rest = self._text[self._at :]
        if len(rest) > MAX_VALUE_CHARACTERS:
            self._refuse(f"a value is longer than {MAX_VALUE_CHARACTERS} characters")
        self._file.seek(self._offset)
        # as much again as there is: a long value is not tried over and over for every block
        block = self._file.read(max(_READ_BYTES, len(rest)))
        self._offset += len(block)
        self._ended = not block
        try:
            more = self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            raise UnreadableJsonError(f"not UTF-8 near byte {self._offset - len(block) + error.start}") from None
        self._passed += self._at
        self._text, self._at = rest + more, 0

    def _refuse(self, reason: str, position: int | None = None) -> NoReturn:
        at = self._passed + (self._at if position is None else position)
        raise UnreadableJsonError(f"{reason} at character {at}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise UnreadableJsonError("a name stands twice in one object")
    return result


def _integer(text: str) -> int | float:
    # a long row of digits is not worth an exact integer: it cannot be a safe one
    value = int(text) if len(text) <= len(str(-_MAX_SAFE_INTEGER)) else float(text)
    return value if abs(value) <= _MAX_SAFE_INTEGER else float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableJsonError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_refuse_constant)
