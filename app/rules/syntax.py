"""Python source as a syntax tree, whoever wrote it; and what is found in one."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from app.models.qa import SuspicionKind

MAX_SOURCE_BYTES = 256 * 1024


class UnreadableError(Exception):
    """The source cannot be parsed. The message says why."""


@dataclass(frozen=True)
class Hint:
    """Something that stands out in a file."""

    kind: SuspicionKind
    message: str
    line: int | None = None


def parse_python(source: bytes) -> ast.Module:
    """The tree of a module.

    Raises:
        UnreadableError: it is too large, too deep, or no Python that this interpreter knows.
    """
    if len(source) > MAX_SOURCE_BYTES:
        raise UnreadableError(f"larger than {MAX_SOURCE_BYTES} bytes, so it was not looked into")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise UnreadableError(f"not Python as this server knows it: {_one_line(error)}") from None
    except (RecursionError, MemoryError):
        raise UnreadableError("nested too deeply to be looked into") from None


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` for the expression of that form; ``None`` for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < 16:
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(names)])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
