"""Which trace is read next."""

from __future__ import annotations

from app.services.dirty import MIN_REST_S, DirtyTraces


def done(dirty: DirtyTraces, now: float, cost_s: float = 0.0, most: int = 10) -> list[str]:
    taken = dirty.take(now, most)
    dirty.finish(now + cost_s, cost_s)
    return taken


def test_what_has_changed_is_taken_once_in_order() -> None:
    dirty = DirtyTraces()
    for name in ("b", "a", "b", "c"):
        dirty.touch(name)

    assert dirty.wait_s(0) == 0
    assert done(dirty, 0, most=2) == ["b", "a"]
    assert done(dirty, 0) == ["c"]
    assert done(dirty, 0) == []
    assert dirty.wait_s(0) is None


def test_a_growing_trace_rests_after_it_was_read() -> None:
    dirty = DirtyTraces()
    dirty.grew("a", 10)
    assert done(dirty, 10) == ["a"]
    dirty.grew("a", 10.1)
    dirty.grew("a", 10.2)

    assert done(dirty, 10.5) == []
    assert dirty.wait_s(10.5) == MIN_REST_S - 0.5
    assert done(dirty, 11) == ["a"]
    assert done(dirty, 20) == []


def test_growing_traces_take_a_twentieth_of_the_time_together() -> None:
    dirty = DirtyTraces()
    dirty.grew("big", 0)
    dirty.grew("other", 0)
    assert done(dirty, 0, cost_s=2) == ["big"]

    assert dirty.wait_s(2) == 38
    assert done(dirty, 39.9) == []
    assert done(dirty, 40) == ["other"]


def test_a_change_does_not_wait_for_the_rest() -> None:
    dirty = DirtyTraces()
    dirty.grew("a", 0)
    done(dirty, 0, cost_s=5)
    dirty.grew("a", 5)
    dirty.touch("a")
    dirty.grew("a", 5)

    assert done(dirty, 5) == ["a"]
    assert dirty.wait_s(100) is None


def test_a_ticket_is_done_when_what_was_urgent_then_is() -> None:
    dirty = DirtyTraces()
    dirty.touch("a")
    first = dirty.ticket
    taken = dirty.take(0, 10)
    dirty.touch("a")
    second = dirty.ticket

    assert taken == ["a"]
    assert not dirty.is_done(first)
    dirty.finish(0, 0)
    assert dirty.is_done(first)
    assert not dirty.is_done(second)
    done(dirty, 0)
    assert dirty.is_done(second)


def test_what_could_not_be_done_is_first_again_and_its_ticket_open() -> None:
    dirty = DirtyTraces()
    dirty.touch("a")
    ticket = dirty.ticket
    dirty.take(0, 1)
    dirty.touch("b")
    dirty.touch("a")

    dirty.give_back(0)

    assert not dirty.is_done(ticket)
    assert done(dirty, 0) == ["a", "b"]
    assert dirty.is_done(ticket)


def test_a_growing_trace_that_could_not_be_read_is_growing_still() -> None:
    dirty = DirtyTraces()
    dirty.grew("a", 0)
    dirty.take(0, 1)

    dirty.give_back(0)

    assert done(dirty, 0) == ["a"]


def test_growing_traces_can_be_hastened() -> None:
    dirty = DirtyTraces()
    dirty.grew("a", 0)
    done(dirty, 0, cost_s=100)
    dirty.grew("a", 100)

    dirty.hasten()

    assert done(dirty, 100) == ["a"]
