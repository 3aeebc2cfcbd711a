from collections.abc import Callable

import pytest

from larder import FOREVER, Cache, ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now=1000.0)


def test_what_was_put_can_be_got(clock: ManualClock) -> None:
    cache = Cache(2, clock=clock)
    cache.put("a", 1)

    assert cache.get("a") == 1
    assert cache.get("b", "nothing") == "nothing"
    assert cache.stats.hit_ratio == 0.5


def test_the_key_used_longest_ago_makes_room(clock: ManualClock) -> None:
    cache = Cache(2, clock=clock)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)

    assert list(cache) == ["a", "c"]
    assert cache.stats.evictions == 1


def test_an_entry_that_is_due_makes_room_before_any_other(clock: ManualClock) -> None:
    cache = Cache(2, clock=clock)
    cache.put("a", 1)
    cache.put("b", 2, ttl=5)
    clock.advance(5)
    cache.put("c", 3)

    assert list(cache) == ["a", "c"]
    assert (cache.stats.evictions, cache.stats.expirations) == (0, 1)


@pytest.mark.parametrize(("passed", "there"), [(0, True), (9.5, True), (10, False), (11, False)])
def test_an_entry_is_gone_at_its_deadline(clock: ManualClock, passed: float, there: bool) -> None:
    cache = Cache(2, ttl=10, clock=clock)
    cache.put("a", 1)
    clock.advance(passed)

    assert ("a" in cache) is there


@pytest.mark.parametrize(
    "renew",
    [
        pytest.param(lambda cache: cache.put("a", 1, ttl=10), id="put"),
        pytest.param(lambda cache: cache.touch("a", ttl=10), id="touch"),
    ],
)
def test_a_renewed_entry_lives_until_its_new_deadline(clock: ManualClock, renew: Callable[[Cache], object]) -> None:
    cache = Cache(2, ttl=10, clock=clock)
    cache.put("a", 1)
    clock.advance(6)
    renew(cache)
    clock.advance(6)

    assert cache.get("a") == 1

    clock.advance(4)

    assert "a" not in cache


def test_a_key_put_again_after_its_removal_starts_afresh(clock: ManualClock) -> None:
    cache = Cache(2, clock=clock)
    cache.put("a", "old", ttl=10)
    cache.put("b", "other", ttl=8)
    clock.advance(6)
    cache.remove("a")
    cache.put("a", "new", ttl=10)
    clock.advance(4)

    assert list(cache) == ["a"]
    assert cache.get("a") == "new"


def test_an_entry_can_be_made_permanent(clock: ManualClock) -> None:
    cache = Cache(2, ttl=10, clock=clock)
    cache.put("a", 1)
    cache.touch("a", ttl=FOREVER)
    clock.advance(1_000_000)

    assert cache.get("a") == 1
    assert cache.next_deadline() is None


def test_a_lifetime_can_be_shortened(clock: ManualClock) -> None:
    cache = Cache(2, ttl=10, clock=clock)
    cache.put("a", 1)
    cache.touch("a", ttl=3)
    clock.advance(3)

    assert cache.purge() == 1
    assert cache.ttl_left("a") is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
def test_a_lifetime_of_nothing_is_refused(ttl: float) -> None:
    with pytest.raises(ValueError):
        Cache(1).put("a", 1, ttl=ttl)
