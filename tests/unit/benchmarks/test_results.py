"""Figures compared: pair by pair, met by the median."""

from __future__ import annotations

from benchmarks.measure import percentile_ms
from benchmarks.results import Result, ratio, render


def test_a_ratio_pairs_the_runs_of_one_repetition() -> None:
    found = ratio("ours ÷ bare", [10.0, 20.0, 30.0], [10.0, 40.0, 30.0], at_least=0.9)

    assert (found.value.median, found.value.low, found.value.high) == (1.0, 0.5, 1.0)
    assert found.is_met


def test_a_missed_target_says_so() -> None:
    result = Result("w0", "nothing", 1, ratios=[ratio("ours ÷ bare", [1.0], [2.0], at_least=0.9)])

    assert "MISSED" in render(result)


def test_a_percentile_of_few_is_one_of_them() -> None:
    assert percentile_ms([0.003, 0.001, 0.002], 50) == 2.0
    assert percentile_ms([0.001], 99) == 1.0
