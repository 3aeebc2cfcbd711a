"""What a judge's agreement with reviewers on one dimension entitles it to."""

from __future__ import annotations

from dataclasses import dataclass

from app.rules.agreement.statistic import Measure
from app.rules.vouching import LabelName

MIN_TRACES = 50
USABLE_ABOVE = 0.4
MIN_TRACES_CALIBRATED = 100
CALIBRATED_ABOVE = 0.6
MAX_BELOW_HUMANS = 0.1

# .8 - .7 is a little more than .1 in binary
_DECIMALS = 9


@dataclass(frozen=True)
class Label:
    """One of three words, and why it is not a better one."""

    name: LabelName
    reason: str | None = None


def label(qwk: Measure, humans: Measure | None) -> Label:
    """The label of one dimension.

    Args:
        qwk: the judge against the reviewers, quadratic weighted kappa.
        humans: the reviewers against each other; ``None``: there is only one.
    """
    if qwk.n < MIN_TRACES:
        return Label("uncalibrated", f"fewer than {MIN_TRACES} traces")
    if qwk.value is None or qwk.interval is None:
        return Label("uncalibrated", qwk.reason)
    if qwk.interval.low <= USABLE_ABOVE:
        return Label("uncalibrated", f"the interval is not above {USABLE_ABOVE}")
    missing = _missing_for_calibrated(qwk, qwk.value, qwk.interval.low, humans)
    return Label("usable", missing) if missing else Label("calibrated")


def _missing_for_calibrated(qwk: Measure, value: float, low: float, humans: Measure | None) -> str | None:
    if qwk.n < MIN_TRACES_CALIBRATED:
        return f"fewer than {MIN_TRACES_CALIBRATED} traces"
    if low <= CALIBRATED_ABOVE:
        return f"the interval is not above {CALIBRATED_ABOVE}"
    if humans is None or humans.value is None:
        return "how far reviewers agree with each other is not known"
    if round(humans.value - value, _DECIMALS) > MAX_BELOW_HUMANS:
        return f"more than {MAX_BELOW_HUMANS} below the reviewers among themselves"
    return None
