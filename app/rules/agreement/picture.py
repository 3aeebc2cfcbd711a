"""Two sides as a picture: where their levels fall, dimension by dimension, and their totals against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.rules.agreement.comparison import Agreement
from app.rules.agreement.statistic import Measure

PictureFormat = Literal["png", "svg"]

_COLUMNS = 3
_INCHES = 3.8
_DPI = 130
_WORDS = {"qwk": "QWK", "icc_a1": "ICC(A,1)"}


def render_picture(agreements: Sequence[Agreement], first: str, second: str, picture_format: PictureFormat) -> bytes:
    """The picture as a file: a confusion matrix for each dimension, a scatter of the totals.

    Subjects without a trace are left out; at least one has to have some.
    """
    shown = [agreement for agreement in agreements if agreement.n]
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(columns * _INCHES, rows * _INCHES), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, agreement in zip(panels, shown, strict=False):
        _draw(panel, agreement, first, second)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    file = BytesIO()
    # neither a date nor random ids: the same judgements give the same file
    with rc_context({"svg.hashsalt": "pr-telemetry"}):
        figure.savefig(file, format=picture_format, dpi=_DPI, metadata={"Date": None} if picture_format == "svg" else {})
    return file.getvalue()


def _draw(panel: Axes, agreement: Agreement, first: str, second: str) -> None:
    if agreement.table:
        _draw_table(panel, np.array(agreement.table))
    else:
        _draw_totals(panel, agreement)
    name, measure = next(iter(agreement.measures.items()))
    panel.set_title(f"{agreement.subject}\n{_WORDS[name]} {_told(measure)}, n = {measure.n}", fontsize=9, parse_math=False)
    panel.set_xlabel(second, fontsize=8, parse_math=False)
    panel.set_ylabel(first, fontsize=8, parse_math=False)
    panel.tick_params(labelsize=8)


def _draw_table(panel: Axes, table: np.ndarray[tuple[int, int], np.dtype[np.int_]]) -> None:
    panel.imshow(table, cmap="Blues", origin="lower", vmin=0)
    panel.set_xticks(range(len(table)))
    panel.set_yticks(range(len(table)))
    dark = table.max() * 0.6
    for (row, column), count in np.ndenumerate(table):
        if count:
            panel.text(
                column, row, str(count), ha="center", va="center", color="white" if count > dark else "black", fontsize=8
            )
    panel.plot([-0.5, len(table) - 0.5], [-0.5, len(table) - 0.5], color="grey", linewidth=0.6, linestyle=":")


def _draw_totals(panel: Axes, agreement: Agreement) -> None:
    points = Counter(zip(agreement.pairs.second.tolist(), agreement.pairs.first.tolist(), strict=True))
    across, up = zip(*points, strict=True)
    panel.scatter(across, up, s=[18 * count for count in points.values()], alpha=0.6, linewidths=0, color="tab:blue")
    panel.axline((across[0], across[0]), slope=1, color="grey", linewidth=0.6, linestyle=":")
    low, high = min(*across, *up), max(*across, *up)
    margin = max(high - low, 1) * 0.06
    panel.set_xlim(low - margin, high + margin)
    panel.set_ylim(low - margin, high + margin)
    panel.set_aspect("equal")


def _told(measure: Measure) -> str:
    if measure.value is None:
        return "undefined"
    interval = measure.interval
    return f"{measure.value:.2f}" + (f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else "")
