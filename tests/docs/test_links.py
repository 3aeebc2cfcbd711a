"""Links within the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, anchor, headings, links, pages
from tests.e2e.server import ROOT


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page: Path) -> None:
    broken = [link for link in links(page.read_text(encoding="utf-8")) if "://" not in link and not resolves(page, link)]

    assert broken == []


def resolves(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not fragment or fragment in map(anchor, headings(target.read_text(encoding="utf-8")))


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        found = [link.partition("#")[0] for link in links(page.read_text(encoding="utf-8")) if "://" not in link]
        waiting += [(page.parent / link).resolve() for link in found if link]

    assert set(DOCS.rglob("*.md")) <= reached
