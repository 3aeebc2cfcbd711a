"""Reading the documentation: its code blocks, tables, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.server import ROOT

DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    language: str
    text: str


def read(path: str) -> str:
    """A page, named from the root of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def pages() -> list[Path]:
    """Every page of the documentation, the README and its siblings included."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "sample_repo" / "README.md"])


def blocks(text: str) -> list[Block]:
    """The code blocks of a page, in order."""
    return [Block(language, body) for language, body in _BLOCK.findall(text)]


def headings(text: str) -> list[str]:
    """The headings of a page, in order."""
    return _HEADING.findall(_BLOCK.sub("", text))


def links(text: str) -> list[str]:
    """Where a page links to."""
    return _LINK.findall(_BLOCK.sub("", text))


def anchor(heading: str) -> str:
    """The name by which a link finds a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


def rows(text: str) -> Iterator[tuple[str, ...]]:
    """The rows of every table of a text, head and rule left out; cells without their back quotes."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not line.startswith("|---") and not following.startswith("|---"):
            yield tuple(cell.strip().strip("`").replace("\\|", "|") for cell in _PIPE.split(line)[1:-1])


def section(text: str, heading: str) -> str:
    """What stands between a heading and the next one of any level.

    Raises:
        KeyError: the page has no such heading.
    """
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise KeyError(heading)
    return found[1]
