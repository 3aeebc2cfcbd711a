"""The comparison of two sets of judgements, as text for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.cli.judgement_rows import Scale
from app.cli.judgement_sets import JudgementSet, Ratings
from app.errors import InvalidError
from app.rules.agreement.comparison import Agreement, compare_levels, compare_totals
from app.rules.agreement.raters import Raters
from app.rules.agreement.splits import length_quartiles, split
from app.rules.agreement.stand_in import StandIn
from app.rules.agreement.statistic import Measure

LENGTH = "length"

_WORDS = {
    "qwk": "QWK",
    "kappa_linear": "kappa, linear",
    "kappa": "kappa, plain",
    "alpha_ordinal": "alpha, ordinal",
    "alpha_nominal": "alpha, nominal",
    "alpha_interval": "alpha, interval",
    "icc_a1": "ICC(A,1)",
    "spearman": "Spearman rho",
    "kendall_tau_b": "Kendall tau-b",
    "mae": "MAE",
    "bias": "bias (A - B)",
    "exact": "share exact",
    "within_one": "share within 1",
    "mean_pairwise_qwk": "B among themselves: QWK",
}
_ONLY_IN_JSON = {"alpha_nominal", "alpha_interval"}
_AMONG = "B among themselves: "

Line = tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two sets against each other: altogether, and part by part."""

    first: JudgementSet
    second: JudgementSet
    scale: Scale
    agreements: tuple[Agreement, ...]
    parts: Mapping[str, Mapping[str, tuple[Agreement, ...]]]
    """By what was split by, then by its value."""


def compare_sets(first: JudgementSet, second: JudgementSet, scale: Scale, split_by: Sequence[str]) -> Comparison:
    """Every dimension that both sets have, and the totals.

    Raises:
        InvalidError: they score nothing in common, or what to split by is known of no trace.
    """
    shared = first.traces & second.traces
    if not shared:
        raise InvalidError("The two sets have no trace in common.")
    agreements = _compare(first, second, scale, shared)
    if not any(agreement.n for agreement in agreements):
        raise InvalidError("The two sets score no dimension of the same trace.")
    keys = {name: _key(name, first, second, shared) for name in split_by}
    parts = {
        name: {value: _compare(first, second, scale, traces) for value, traces in split(shared, key).items()}
        for name, key in keys.items()
    }
    return Comparison(first, second, scale, agreements, parts)


def render_json(comparison: Comparison, *, with_calibration: bool) -> dict[str, Any]:
    """Everything, as values of JSON."""
    first, second = comparison.first, comparison.second
    return {
        "a": _side_as_json(first),
        "b": _side_as_json(second),
        "shared_traces": len(first.traces & second.traces),
        "levels": comparison.scale.levels,
        "agreements": [_as_json(one, comparison.scale, with_calibration) for one in comparison.agreements],
        "splits": {
            name: {value: [_as_json(one, comparison.scale, with_calibration) for one in part] for value, part in parts.items()}
            for name, parts in comparison.parts.items()
        },
    }


def render_text(comparison: Comparison, *, with_calibration: bool) -> str:
    """Everything, as tables."""
    first, second = comparison.first, comparison.second
    lines = [
        f"A: {_described(first)}",
        f"B: {_described(second)}",
        f"{_counted(len(first.traces & second.traces), 'trace')} in both, levels 0-{comparison.scale.top}",
        "",
        *_table(("", "n", "statistic", "value", "95 % interval", "label"), _statistics(comparison.agreements)),
        *(line for one in comparison.agreements if one.stand_in for line in ("", *_stand_in(one.subject, one.stand_in))),
    ]
    for name, parts in comparison.parts.items():
        lines += ["", f"By {name.replace('_', ' ')}:", *_table(_PART_HEADING, _part_lines(parts))]
    if with_calibration:
        lines += ["", *(line for one in comparison.agreements for line in _calibration(one, comparison.scale))]
    return "\n".join(lines)


def _compare(first: JudgementSet, second: JudgementSet, scale: Scale, traces: frozenset[str]) -> tuple[Agreement, ...]:
    def side(ratings: Ratings) -> Raters:
        return Raters(ratings).only(traces)

    known = first.levels.keys() & second.levels.keys()
    ordered = [one.id for one in scale.rubric.dimensions if one.id in known] if scale.rubric else sorted(known)
    dimensions = [compare_levels(name, side(first.levels[name]), side(second.levels[name]), scale.levels) for name in ordered]
    totals = [compare_totals(side(first.totals), side(second.totals))] if first.totals and second.totals else []
    return (*dimensions, *totals)


def _key(name: str, first: JudgementSet, second: JudgementSet, traces: frozenset[str]) -> Mapping[str, str]:
    known = {
        trace: found
        for trace in traces
        if (found := first.properties.get(trace, {}).get(name) or second.properties.get(trace, {}).get(name))
    }
    if not known:
        raise InvalidError(f"Neither set tells the {name.replace('_', ' ')} of any trace.")
    return length_quartiles({trace: int(length) for trace, length in known.items()}) if name == LENGTH else known


def _side_as_json(side: JudgementSet) -> dict[str, Any]:
    return {
        "name": side.name,
        "traces": len(side.traces),
        "raters": sorted(side.raters),
        "judges": [asdict(judge) for judge in sorted(side.judges, key=repr)],
        "rubrics": [asdict(rubric) for rubric in sorted(side.rubrics, key=repr)],
    }


def _as_json(agreement: Agreement, scale: Scale, with_calibration: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "subject": agreement.subject,
        "n": agreement.n,
        "measures": {name: asdict(measure) for name, measure in agreement.measures.items()},
        "among_b": {name: asdict(measure) for name, measure in agreement.reviewers.items()},
        "label": asdict(agreement.label) if agreement.label else None,
        "stand_in": _stand_in_as_json(agreement.stand_in) if agreement.stand_in else None,
        "table": agreement.table,
    }
    if with_calibration:
        found["calibration"] = _calibration_as_json(agreement, scale)
    return found


def _stand_in_as_json(found: StandIn) -> dict[str, Any]:
    return asdict(found) | {"left_out": [asdict(one) | {"is_won": one.is_won} for one in found.left_out]}


def _calibration_as_json(agreement: Agreement, scale: Scale) -> dict[str, Any] | None:
    found = agreement.calibration
    if found is None:
        return None
    return asdict(found) | {"scores": [{"score": raw, "calibrated_score": then} for raw, then in _scores(agreement, scale)]}


def _scores(agreement: Agreement, scale: Scale) -> list[tuple[float, float]]:
    """Each level's score with the calibrated one, where the rubric and so the scores are known and the map is kept."""
    found = agreement.calibration
    if found is None or not found.is_kept or scale.rubric is None:
        return []
    at = scale.rubric.scale.at
    return [(at(level), at(then)) for level, then in enumerate(found.levels)]


def _described(side: JudgementSet) -> str:
    return f"{side.name}, {_counted(len(side.traces), 'trace')}, {_counted(len(side.raters), 'rater')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _statistics(agreements: Sequence[Agreement]) -> Iterator[Line]:
    for agreement in agreements:
        measures = {_WORDS[name]: one for name, one in agreement.measures.items() if name not in _ONLY_IN_JSON}
        for name, one in agreement.reviewers.items():
            if name not in _ONLY_IN_JSON:
                measures[_AMONG + _WORDS[name].removeprefix(_AMONG)] = one
        subject, told = agreement.subject, _label(agreement)
        for name, one in measures.items():
            yield (subject, str(one.n), name, _value(one), _interval(one), told)
            subject, told = "", ""


def _label(agreement: Agreement) -> str:
    if agreement.label is None:
        return ""
    return agreement.label.name + (f": {agreement.label.reason}" if agreement.label.reason else "")


def _value(measure: Measure) -> str:
    return "undefined" if measure.value is None else f"{measure.value:.3f}"


def _interval(measure: Measure) -> str:
    if measure.interval is None:
        return measure.reason or ""
    return f"{measure.interval.low:.3f} to {measure.interval.high:.3f}"


_PART_HEADING = ("", "", "n", "statistic", "value", "95 % interval", "label")


def _part_lines(parts: Mapping[str, Sequence[Agreement]]) -> Iterator[Line]:
    """The deciding statistic of each subject in each part."""
    for value, agreements in parts.items():
        shown = value
        for agreement in agreements:
            name, one = next(iter(agreement.measures.items()))
            yield (shown, agreement.subject, str(one.n), _WORDS[name], _value(one), _interval(one), _label(agreement))
            shown = ""


def _stand_in(subject: str, found: StandIn) -> Iterator[str]:
    if found.passes is None:
        yield f"{subject}: may A stand in for a reviewer? Not tested: {found.reason}"
        return
    won = sum(one.is_won for one in found.left_out)
    yield (
        f"{subject}: may A stand in for a reviewer? {'yes' if found.passes else 'no'}: "
        f"it wins against {won} of {len(found.left_out)} (epsilon {found.epsilon:g})"
    )
    yield f"  advantage probability {_value(found.advantage)}, {_interval(found.advantage)}"
    for one in found.left_out:
        yield (
            f"  in place of {one.reviewer}: as close or closer {one.judge_share:.3f}, the reviewer {one.reviewer_share:.3f}, "
            f"n = {one.n}, adjusted p = {one.adjusted_p_value:.4f}"
        )
    if found.not_tested:
        yield f"  too few shared traces: {', '.join(found.not_tested)}"


def _calibration(agreement: Agreement, scale: Scale) -> Iterator[str]:
    found = agreement.calibration
    if found is None:
        return
    if not found.is_kept:
        yield f"{agreement.subject}: no map: {found.reason}{_maes(found.mae_raw, found.mae_calibrated)}"
        return
    yield f"{agreement.subject}: map kept{_maes(found.mae_raw, found.mae_calibrated)}"
    scores = dict(enumerate(_scores(agreement, scale)))
    for level, then in enumerate(found.levels):
        yield f"  level {level} -> {then:.2f}" + (f"   score {scores[level][0]:g} -> {scores[level][1]:.3f}" if scores else "")


def _maes(raw: float | None, calibrated: float | None) -> str:
    return "" if raw is None or calibrated is None else f" (MAE {raw:.3f} raw, {calibrated:.3f} on held-out traces)"


def _table(heading: Line, lines: Iterator[Line]) -> list[str]:
    rows = [heading, *lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
