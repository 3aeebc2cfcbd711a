"""A map from a judge's levels to the reviewers': when it is made, kept, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from app.rules.agreement.calibration import calibrate
from tests.agreement import LEVELS, noisy, pairs


def truth(n: int, seed: int = 1) -> list[float]:
    return [float(level) for level in np.random.default_rng(seed).integers(0, LEVELS, n)]


def test_a_judge_who_is_a_level_too_generous_is_mapped_down() -> None:
    right = truth(200)
    generous = [min(level + 1, LEVELS - 1) for level in right]
    found = calibrate(pairs(generous, right), LEVELS)

    assert found.is_kept
    assert found.calibrated_level(3) == pytest.approx(2)
    assert found.calibrated_level(2.5) == pytest.approx(1.5)
    assert (found.mae_calibrated or 0) < (found.mae_raw or 0)


def test_a_map_that_does_not_help_is_not_kept() -> None:
    right = truth(200)
    found = calibrate(pairs(right, right), LEVELS)

    assert not found.is_kept
    assert found.calibrated_level(3) is None
    assert (found.mae_raw, found.mae_calibrated) == (0, 0)
    assert found.reason is not None


def test_a_map_that_moves_levels_away_from_the_most_frequent_answer_is_not_kept() -> None:
    random = np.random.default_rng(4)
    right = [float(level) for level in random.choice([0, 5], 60)]
    found = calibrate(pairs([level if random.random() < 0.9 else 5 - level for level in right], right), LEVELS)

    assert not found.is_kept
    assert (found.mae_calibrated or 0) >= (found.mae_raw or 0)


@pytest.mark.parametrize(("n", "is_tried"), [(49, False), (50, True)])
def test_a_map_needs_fifty_traces(n: int, is_tried: bool) -> None:
    right = truth(n)
    found = calibrate(pairs([min(level + 1, LEVELS - 1) for level in right], right), LEVELS)

    assert (found.mae_raw is not None) is is_tried
    assert found.is_kept is is_tried


@pytest.mark.parametrize("seed", range(5))
def test_a_map_never_turns_the_order_round(seed: int) -> None:
    right = truth(80, seed)
    found = calibrate(pairs(noisy(right, np.random.default_rng(seed), 2), right), LEVELS)

    assert len(found.levels) == LEVELS
    assert list(found.levels) == sorted(found.levels)


def test_levels_beyond_those_seen_are_mapped_as_the_outermost_ones() -> None:
    right = [1.0, 2.0] * 40
    found = calibrate(pairs([level + 2 for level in right], right), LEVELS)

    assert found.levels == (1, 1, 1, 1, 2, 2)


def test_a_map_is_measured_on_traces_that_it_was_not_fitted_on() -> None:
    right = truth(60)
    said = noisy(right, np.random.default_rng(3), 1.5)
    found = calibrate(pairs(said, right), LEVELS)
    where_it_was_fitted = np.mean([abs(found.levels[int(level)] - known) for level, known in zip(said, right, strict=True)])

    assert (found.mae_calibrated or 0) > where_it_was_fitted
