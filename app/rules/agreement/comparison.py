"""Everything that is said of two sides: on one dimension, or on the totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.rules.agreement import distances
from app.rules.agreement.alpha import alpha
from app.rules.agreement.bootstrap import measure
from app.rules.agreement.calibration import Calibration, calibrate
from app.rules.agreement.icc import icc
from app.rules.agreement.kappa import kappa, mean_pairwise_kappa, tables
from app.rules.agreement.labels import Label, label
from app.rules.agreement.pairs import Pairs, pair
from app.rules.agreement.ranks import kendall, spearman
from app.rules.agreement.raters import Raters
from app.rules.agreement.scale import check_raters
from app.rules.agreement.stand_in import StandIn, may_stand_in
from app.rules.agreement.statistic import Measure, Statistic

TOTAL = "total"


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far two sides agree on one subject: a dimension, or the total."""

    subject: str
    pairs: Pairs
    measures: Mapping[str, Measure]
    """By name; the one that decides comes first."""
    reviewers: Mapping[str, Measure]
    """The second side's raters among themselves; empty where there is only one."""
    label: Label | None = None
    """``None`` for the total: labels are given for levels."""
    stand_in: StandIn | None = None
    """``None`` where the second side has only one rater, and for the total."""
    calibration: Calibration | None = None
    table: tuple[tuple[int, ...], ...] = ()
    """How often the first side said the row while the second said the column; empty for the total."""

    @property
    def n(self) -> int:
        """Traces that both sides scored."""
        return len(self.pairs)


def compare_levels(subject: str, first: Raters, second: Raters, levels: int) -> Agreement:
    """Two sides on one dimension, on levels from 0 to ``levels`` - 1. Several raters of a side count as their median.

    A mean of levels counts as the nearest one.

    Raises:
        ValueError: a rating lies outside of the scale; it names every one.
    """
    both = {f"{rater} (first side)": given for rater, given in first.ratings.items()}
    both |= {f"{rater} (second side)": given for rater, given in second.ratings.items()}
    check_raters(Raters(both), levels, between=True)
    judge, reviewers = first.on_levels().consensus_level(), second.on_levels()
    pairs = pair(judge, reviewers.consensus_level())
    measures = measure(_on_levels(pairs, levels))
    among = measure(_among(reviewers, levels)) if len(reviewers.names) > 1 else {}
    return Agreement(
        subject=subject,
        pairs=pairs,
        measures=measures,
        reviewers=among,
        label=label(measures["qwk"], among.get("mean_pairwise_qwk")),
        stand_in=may_stand_in(judge, reviewers) if among else None,
        calibration=calibrate(pairs, levels),
        table=_table(pairs, levels),
    )


def compare_totals(first: Raters, second: Raters) -> Agreement:
    """Two sides on totals, which are continuous. Several raters of a side count as their median."""
    pairs = pair(first.consensus(), second.consensus())
    statistics = {
        "icc_a1": icc(pairs),
        "spearman": spearman(pairs),
        "kendall_tau_b": kendall(pairs),
        "mae": distances.mean_absolute_error(pairs),
        "bias": distances.bias(pairs),
    }
    return Agreement(TOTAL, pairs, measure(statistics), {})


def _on_levels(pairs: Pairs, levels: int) -> dict[str, Statistic]:
    sides = Raters(
        {
            "first": dict(zip(pairs.traces, map(float, pairs.first), strict=True)),
            "second": dict(zip(pairs.traces, map(float, pairs.second), strict=True)),
        }
    )
    return {
        "qwk": kappa(pairs, levels, "quadratic"),
        "kappa_linear": kappa(pairs, levels, "linear"),
        "kappa": kappa(pairs, levels, "plain"),
        "alpha_ordinal": alpha(sides, levels, "ordinal"),
        "alpha_nominal": alpha(sides, levels, "nominal"),
        "alpha_interval": alpha(sides, levels, "interval"),
        "spearman": spearman(pairs),
        "kendall_tau_b": kendall(pairs),
        "mae": distances.mean_absolute_error(pairs),
        "bias": distances.bias(pairs),
        "exact": distances.exact_share(pairs),
        "within_one": distances.within_one_share(pairs),
    }


def _among(reviewers: Raters, levels: int) -> dict[str, Statistic]:
    return {
        "mean_pairwise_qwk": mean_pairwise_kappa(reviewers, levels),
        "alpha_ordinal": alpha(reviewers, levels, "ordinal"),
        "alpha_nominal": alpha(reviewers, levels, "nominal"),
        "alpha_interval": alpha(reviewers, levels, "interval"),
    }


def _table(pairs: Pairs, levels: int) -> tuple[tuple[int, ...], ...]:
    if not len(pairs):
        return ()
    counts = tables(pairs, levels, np.ones((1, len(pairs))))[0]
    return tuple(tuple(int(count) for count in row) for row in counts)
