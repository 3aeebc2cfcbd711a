"""What holds for every pair of sides: symmetry, order of traces, range, and what no variance means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.agreement.comparison import Agreement, compare_levels, compare_totals
from app.rules.agreement.raters import Raters
from tests.agreement import LEVELS, by_trace, raters

LEVEL = st.integers(0, LEVELS - 1)
TOTAL = st.integers(0, 500).map(lambda hundredths: hundredths / 100)
SIDES = st.lists(st.tuples(LEVEL, LEVEL), min_size=1, max_size=25).map(lambda rows: tuple(zip(*rows, strict=True)))
SEVERAL = st.lists(st.tuples(LEVEL, LEVEL | st.none(), LEVEL | st.none(), LEVEL), min_size=1, max_size=20)
AGREEMENT = {"qwk", "kappa_linear", "kappa", "alpha_ordinal", "alpha_nominal", "alpha_interval", "spearman", "kendall_tau_b"}
AT_MOST_ONE = {*AGREEMENT, "exact", "within_one"}
CORRELATION = {"spearman", "kendall_tau_b"}

thoroughly = settings(max_examples=40, deadline=None)


def compared(first: tuple[float, ...], second: tuple[float, ...]) -> Agreement:
    return compare_levels("d", raters(first), raters(second), LEVELS)


def values(agreement: Agreement) -> dict[str, float | None]:
    return {name: measure.value for name, measure in agreement.measures.items()}


@thoroughly
@given(SIDES)
def test_it_does_not_matter_who_is_first_but_for_the_direction(sides: tuple[tuple[int, ...], ...]) -> None:
    one, other = values(compared(*sides)), values(compared(*reversed(sides)))
    direction = one.pop("bias"), other.pop("bias")

    assert direction[0] == pytest.approx(-(direction[1] or 0))
    assert one == pytest.approx(other)


@thoroughly
@given(SEVERAL, st.randoms(use_true_random=False))
def test_the_order_of_traces_and_raters_does_not_matter(rows: list[tuple[int | None, ...]], shuffle: random.Random) -> None:
    judge, *reviewers = (by_trace(side) for side in zip(*rows, strict=True))
    named = {f"r-{number}": given for number, given in enumerate(reviewers)}

    def shuffled(side: dict[str, float]) -> dict[str, float]:
        return dict(shuffle.sample(list(side.items()), len(side)))

    one = compare_levels("d", Raters({"j": judge}), Raters(named), LEVELS)
    other = compare_levels(
        "d",
        Raters({"j": shuffled(judge)}),
        Raters({name: shuffled(named[name]) for name in shuffle.sample(list(named), len(named))}),
        LEVELS,
    )

    assert (one.measures, one.reviewers, one.label, one.stand_in) == (
        other.measures,
        other.reviewers,
        other.label,
        other.stand_in,
    )


@thoroughly
@given(SIDES)
def test_values_and_intervals_stay_in_range(sides: tuple[tuple[int, ...], ...]) -> None:
    for name, measure in compared(*sides).measures.items():
        low = -1 if name in AGREEMENT else 1 - LEVELS
        high = 1 if name in AT_MOST_ONE else LEVELS - 1
        assert measure.value is None or low - 1e-9 <= measure.value <= high + 1e-9
        if measure.interval:
            assert low - 1e-9 <= measure.interval.low <= measure.interval.high <= high + 1e-9


@thoroughly
@given(st.lists(LEVEL, min_size=1, max_size=25))
def test_a_side_agrees_with_itself_or_says_nothing(side: list[int]) -> None:
    found = compared(tuple(side), tuple(side))
    expected = 1 if len(set(side)) > 1 else None

    assert {name: found.measures[name].value for name in AGREEMENT} == pytest.approx(dict.fromkeys(AGREEMENT, expected))
    assert (found.measures["mae"].value, found.measures["bias"].value, found.measures["exact"].value) == (0, 0, 1)


@thoroughly
@given(LEVEL, st.lists(LEVEL, min_size=1, max_size=25))
def test_a_side_that_never_varies_has_neither_kappa_nor_correlation(level: int, side: list[int]) -> None:
    found = compared((level,) * len(side), tuple(side)).measures

    for name in ("qwk", "kappa_linear", "kappa", *CORRELATION):
        assert (found[name].value, found[name].interval) == (None, None)
        assert found[name].reason == "the first side says the same of every trace"


@thoroughly
@given(st.lists(st.tuples(TOTAL, TOTAL), min_size=2, max_size=25), st.floats(0.1, 10), st.floats(-5, 5))
def test_totals_agree_alike_in_other_units(rows: list[tuple[float, float]], factor: float, shift: float) -> None:
    moved = [(one * factor + shift, other * factor + shift) for one, other in rows]
    before, after = (values(compare_totals(*(raters(side) for side in zip(*both, strict=True)))) for both in (rows, moved))

    distances = {name: (before[name] or 0) * factor for name in ("mae", "bias")}

    assert known(before, "icc_a1", *CORRELATION) == pytest.approx(known(after, "icc_a1", *CORRELATION), rel=1e-5, abs=1e-5)
    assert distances == pytest.approx(known(after, "mae", "bias"), abs=1e-6)


def known(found: dict[str, float | None], *names: str) -> dict[str, float]:
    return {name: value for name in names if (value := found[name]) is not None}
