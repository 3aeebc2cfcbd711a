"""May the judge stand in for a reviewer? The alternative annotator test.

Calderon, N., Reichart, R. & Dror, R. (2025), The Alternative Annotator Test for LLM-as-a-Judge: How to Statistically Justify
Replacing Human Annotators with LLMs, Proceedings of ACL 2025, pages 16051–16081.

Each reviewer is left out once. On each trace, the judge's level and the one of the reviewer who was left out are scored by
their closeness to the levels of the others: minus the root of the mean squared distance. The judge wins against a reviewer
where a one-sided paired t-test rejects that it is as close or closer less often than the reviewer, by ε or more; ε is what a
judge is granted because it costs less. False discoveries over all reviewers are held at 5 % by the procedure of Benjamini and
Yekutieli, since the tests share their data. The judge passes if it wins against half of the reviewers or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control, ttest_1samp  # type: ignore[import-untyped]

from app.rules.agreement.bootstrap import measure
from app.rules.agreement.raters import Raters
from app.rules.agreement.statistic import FloatArray, Measure, Statistic

EPSILON = 0.1
MIN_REVIEWERS = 3
MIN_TRACES = 30
"""Of each reviewer; the t-test does not hold for fewer."""
FALSE_DISCOVERY_RATE = 0.05
PASSING_RATE = 0.5


@dataclass(frozen=True)
class LeftOut:
    """The judge in the place of one reviewer."""

    reviewer: str
    n: int
    judge_share: float
    """How often the judge is as close to the others as the reviewer, or closer."""
    reviewer_share: float
    """How often the reviewer is as close to the others as the judge, or closer."""
    p_value: float
    adjusted_p_value: float
    """Over all reviewers, by Benjamini and Yekutieli."""

    @property
    def is_won(self) -> bool:
        """Whether the judge does as well as this reviewer, but for ε."""
        return self.adjusted_p_value <= FALSE_DISCOVERY_RATE


@dataclass(frozen=True)
class StandIn:
    """What came of the test."""

    passes: bool | None
    """``None``: it could not be carried out."""
    winning_rate: float | None
    """The share of the tested reviewers against whom the judge wins."""
    advantage: Measure
    """The mean share of traces on which the judge is as close to the others as the reviewer left out, or closer."""
    left_out: tuple[LeftOut, ...] = ()
    not_tested: tuple[str, ...] = ()
    """Reviewers with too few traces that the judge and another reviewer rated too."""
    epsilon: float = EPSILON
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class _Trial:
    """One reviewer left out, trace by trace."""

    reviewer: str
    traces: tuple[str, ...]
    judge_holds: FloatArray
    """1 where the judge is as close to the others as the reviewer, or closer; else 0."""
    reviewer_holds: FloatArray


def may_stand_in(judge: Mapping[str, float], reviewers: Raters, epsilon: float = EPSILON) -> StandIn:
    """Compare the judge with each reviewer who is left out."""
    trials = [_trial(judge, reviewers, name) for name in reviewers.names]
    tested = [trial for trial in trials if len(trial.traces) >= MIN_TRACES]
    not_tested = tuple(trial.reviewer for trial in trials if trial not in tested)
    if len(tested) < MIN_REVIEWERS:
        reason = f"needs {MIN_REVIEWERS} reviewers with {MIN_TRACES} shared traces each, and there are {len(tested)}"
        return StandIn(None, None, Measure(None, 0, reason=reason), not_tested=not_tested, epsilon=epsilon, reason=reason)
    left_out = _decide(tested, epsilon)
    rate = sum(one.is_won for one in left_out) / len(left_out)
    advantage = measure({"advantage": _advantage(tested)})["advantage"]
    return StandIn(rate >= PASSING_RATE, rate, advantage, left_out, not_tested, epsilon)


def _trial(judge: Mapping[str, float], reviewers: Raters, name: str) -> _Trial:
    own = reviewers.ratings[name]
    others = {
        trace: np.array([given[trace] for other, given in reviewers.ratings.items() if other != name and trace in given])
        for trace in sorted(own.keys() & judge.keys())
    }
    traces = tuple(trace for trace, said in others.items() if len(said))
    judge_scores = np.array([_closeness(judge[trace], others[trace]) for trace in traces])
    own_scores = np.array([_closeness(own[trace], others[trace]) for trace in traces])
    return _Trial(name, traces, (judge_scores >= own_scores).astype(float), (own_scores >= judge_scores).astype(float))


def _closeness(level: float, others: FloatArray) -> float:
    return -float(np.sqrt(np.mean((others - level) ** 2)))


def _decide(trials: list[_Trial], epsilon: float) -> tuple[LeftOut, ...]:
    p_values = [_p_value(trial, epsilon) for trial in trials]
    adjusted = false_discovery_control(p_values, method="by")
    return tuple(
        LeftOut(
            trial.reviewer,
            len(trial.traces),
            float(trial.judge_holds.mean()),
            float(trial.reviewer_holds.mean()),
            p_value,
            float(adjusted_p_value),
        )
        for trial, p_value, adjusted_p_value in zip(trials, p_values, adjusted, strict=True)
    )


def _p_value(trial: _Trial, epsilon: float) -> float:
    lead = trial.reviewer_holds - trial.judge_holds
    if np.ptp(lead) == 0:  # the t statistic would be infinite
        return 0.0 if lead[0] < epsilon else 1.0
    return float(ttest_1samp(lead, epsilon, alternative="less").pvalue)


def _advantage(trials: list[_Trial]) -> Statistic:
    traces = sorted({trace for trial in trials for trace in trial.traces})
    places = {trace: place for place, trace in enumerate(traces)}
    columns = [[places[trace] for trace in trial.traces] for trial in trials]

    def resampled(weights: FloatArray) -> FloatArray:
        shares = [
            weights[:, own] @ trial.judge_holds / weights[:, own].sum(axis=1)
            for trial, own in zip(trials, columns, strict=True)
        ]
        return np.asarray(np.mean(shares, axis=0))

    return Statistic(len(traces), lambda: float(np.mean([trial.judge_holds.mean() for trial in trials])), resampled)
