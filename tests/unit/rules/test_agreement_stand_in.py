"""The alternative annotator test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]

from app.rules.agreement.raters import Raters
from app.rules.agreement.stand_in import may_stand_in
from tests.agreement import LEVELS, by_trace, noisy, raters


def reviewers(n: int, count: int = 3, spread: float = 0.8, seed: int = 2) -> tuple[list[float], Raters]:
    random = np.random.default_rng(seed)
    truth = [float(level) for level in random.integers(0, LEVELS, n)]
    return truth, raters(*(noisy(truth, random, spread) for _ in range(count)))


def test_a_judge_who_sees_better_than_reviewers_may_stand_in() -> None:
    truth, given = reviewers(100)
    found = may_stand_in(by_trace(truth), given)

    assert (found.passes, found.winning_rate) == (True, 1)
    assert all(one.judge_share > one.reviewer_share for one in found.left_out)
    assert found.advantage.interval is not None


def test_a_judge_who_guesses_may_not() -> None:
    truth, given = reviewers(100)
    found = may_stand_in(by_trace(np.random.default_rng(9).permutation(truth).tolist()), given)

    assert (found.passes, found.winning_rate) == (False, 0)


def test_a_judge_who_says_what_everybody_says_wins_without_a_doubt() -> None:
    truth, given = reviewers(40, spread=0)
    found = may_stand_in(by_trace(truth), given)

    assert found.passes is True
    assert [one.p_value for one in found.left_out] == [0, 0, 0]


def test_a_judge_who_is_always_farther_off_loses_without_a_doubt() -> None:
    given = raters(*[[1.0, 2.0] * 20] * 3)
    found = may_stand_in(by_trace([4.0, 5.0] * 20), given)

    assert found.passes is False
    assert [one.p_value for one in found.left_out] == [1, 1, 1]
    assert found.advantage.value == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_test_is_the_one_that_its_authors_describe(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, given = reviewers(60, count=4, seed=seed)
    judge = by_trace(noisy(truth, random, 0.9))
    found = may_stand_in(judge, given)
    p_values, shares = by_the_paper(judge, given, epsilon=0.1)
    rejected, adjusted = multipletests(p_values, alpha=0.05, method="fdr_by")[:2]

    assert [one.p_value for one in found.left_out] == pytest.approx(p_values)
    assert [one.adjusted_p_value for one in found.left_out] == pytest.approx(list(adjusted))
    assert found.winning_rate == np.mean(rejected)
    assert found.advantage.value == pytest.approx(np.mean(shares))


def by_the_paper(judge: dict[str, float], given: Raters, epsilon: float) -> tuple[list[float], list[float]]:
    """Sections 3.1 and 3.2, with the negative root mean squared error as score: p-values, and advantage probabilities."""
    p_values, shares = [], []
    for left_out, own in given.ratings.items():
        leads, holds = [], []
        for trace, level in own.items():
            others = [ratings[trace] for name, ratings in given.ratings.items() if name != left_out and trace in ratings]
            of_judge = -math.sqrt(sum((judge[trace] - other) ** 2 for other in others) / len(others))
            of_reviewer = -math.sqrt(sum((level - other) ** 2 for other in others) / len(others))
            leads.append(float(of_reviewer >= of_judge) - float(of_judge >= of_reviewer))
            holds.append(float(of_judge >= of_reviewer))
        p_values.append(float(DescrStatsW(leads).ttest_mean(epsilon, alternative="smaller")[1]))
        shares.append(sum(holds) / len(holds))
    return p_values, shares


def test_winning_against_half_of_the_reviewers_is_enough() -> None:
    random = np.random.default_rng(1)
    truth = [float(level) for level in random.integers(0, LEVELS, 150)]
    careful, careless = (noisy(truth, random, spread) for spread in (0, 3))
    given = raters(careful, careful, careless, noisy(truth, random, 3))
    found = may_stand_in(by_trace(noisy(truth, random, 0.9)), given)

    assert [one.is_won for one in found.left_out] == [False, False, True, True]
    assert (found.winning_rate, found.passes) == (0.5, True)


def test_a_judge_is_granted_epsilon() -> None:
    truth, given = reviewers(200, count=3, spread=0.6, seed=8)
    judge = by_trace(noisy(truth, np.random.default_rng(8), 0.6))

    assert may_stand_in(judge, given, epsilon=0).passes is False
    assert may_stand_in(judge, given, epsilon=0.3).passes is True


@pytest.mark.parametrize(("n", "count"), [(29, 3), (100, 2)])
def test_too_few_traces_or_reviewers_are_not_tested(n: int, count: int) -> None:
    truth, given = reviewers(n, count)
    found = may_stand_in(by_trace(truth), given)

    assert (found.passes, found.winning_rate, found.advantage.value) == (None, None, None)
    assert (found.reason or "").startswith("needs 3 reviewers with 30 shared traces each")


def test_a_reviewer_with_few_traces_is_named_and_still_counts_among_the_others() -> None:
    truth, given = reviewers(60, count=4)
    few = Raters({**given.ratings, "r-3": dict(list(given.ratings["r-3"].items())[:10])})
    found = may_stand_in(by_trace(truth), few)

    assert found.not_tested == ("r-3",)
    assert [one.reviewer for one in found.left_out] == ["r-0", "r-1", "r-2"]


def test_traces_that_nobody_else_rated_say_nothing() -> None:
    truth, given = reviewers(60)
    alone = Raters({**given.ratings, "r-0": {**given.ratings["r-0"], "alone": 3.0}})
    found = may_stand_in({**by_trace(truth), "alone": 3.0}, alone)

    assert {one.reviewer: one.n for one in found.left_out} == {"r-0": 60, "r-1": 60, "r-2": 60}
