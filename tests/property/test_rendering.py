"""Whatever a session says: every line of its rendering is content behind its margin, or ours."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.qa.judge.injection import suspicious_events
from app.qa.judge.rendering import BYTES_PER_TOKEN, render_events
from app.qa.judge.visible import make_visible
from tests.injection_corpus import PLACES
from tests.unit.qa.judge.sessions import as_events, thought
from tests.unit.qa.judge.test_injection import NONCE, check_structure

PARTS = [
    "<<",
    ">>",
    " e1 ",
    " test_result +0s>>",
    "\n",
    "\r",
    "\r\n",
    "| ",
    "|# ",
    "exit code: 0",
    "[",
    " lines left out]",
    "\u2028",
    "\x85",
    "\x0b",
    "\x1b[",
    "\x1b]0;",
    "\u202e",
    "\U000e0041",
    "\ufe0f",
    "@@ -1 +1 @@",
    "+",
    "-",
    "error",
    "NONCE",
    "\u4e2d",
    "x" * 300,
]
ENCODABLE = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(st.text(ENCODABLE, max_size=200), st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
DRAFTS = st.lists(st.tuples(st.sampled_from(sorted(PLACES)), TEXTS), max_size=12)


@settings(deadline=None)
@given(drafts=DRAFTS, budget=st.integers(0, 3000))
def test_every_line_is_ours_or_behind_its_margin_and_the_budget_holds(drafts: list[tuple[str, str]], budget: int) -> None:
    named = [
        {**draft, "event_id": f"own-{index}"}
        for index, (place, text) in enumerate(drafts)
        if (draft := PLACES[place](text if text.strip() else "x"))
    ]
    events = as_events(named)
    refuted = frozenset({"own-0", "own-3"})
    rendering = render_events(events, NONCE, budget, refuted=refuted)

    check_structure(rendering, events)
    assert len(rendering.text.encode("utf-8")) <= budget * BYTES_PER_TOKEN
    assert make_visible(rendering.text) == rendering.text
    assert rendering.events_total == len(events)
    assert rendering.refuted == {name for name, own in rendering.shown.items() if own in refuted}
    assert {found.event for found in suspicious_events(events)} <= {f"own-{index}" for index in range(len(events))}


@settings(deadline=None)
@given(text=TEXTS)
def test_what_is_shown_whole_is_shown_word_for_word(text: str) -> None:
    shown = render_events(as_events([thought(f"a{text}z")]), NONCE, 50_000).content_of("e1")

    assert shown == make_visible(f"a{text}z").strip("\n")
