"""How much of an event is shown, from everything that its caps allow to one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LAST_EVENTS = 5
"""So many events at the end are shown on every level."""
START_SHARE, END_SHARE = 0.1, 0.2
"""Of the events: the parts that the coarsest level shows with more than one line for each edit and run."""
HEAD_LINES, TAIL_LINES, LINES_AROUND_ERRORS = 20, 40, 2
ONE_LINE = 200
"""Characters of a command that is shown as one line."""


@dataclass(frozen=True)
class Level:
    """One way to shorten every event. Caps are in characters."""

    number: int
    output: int
    diff: int
    text: int
    """Of a thought, a command, a message or a name, each."""
    output_lines: Literal["all", "ends", "errors"] = "all"
    diff_lines: Literal["all", "changed"] = "all"
    collapses_openings: bool = False
    """Of a row of files opened and closed, only the first event is shown."""
    shortens_successes: bool = False
    """A command that succeeded and ran no tests is one line."""
    outlines_middle: bool = False
    """Between start and end an edit or a run is one line, and what need not be kept is left out."""

    def squeezed(self, divisor: int) -> Level:
        """The same with smaller caps."""
        return replace(self, output=self.output // divisor, diff=self.diff // divisor, text=self.text // divisor)


_L0 = Level(0, output=4000, diff=8000, text=8000)
_L1 = replace(_L0, number=1, output=3000, diff=6000, text=4000, output_lines="ends")
_L2 = Level(2, 1500, 3000, 2000, output_lines="errors", diff_lines="changed", collapses_openings=True)
_L3 = replace(_L2, number=3, output=1000, diff=2000, text=1500, shortens_successes=True)
_L4 = replace(_L3, number=4, output=600, diff=1200, text=800, outlines_middle=True)

LEVELS = (_L0, _L1, _L2, _L3, _L4)
"""From finest to coarsest."""
SQUEEZED = (_L4, _L4.squeezed(2), _L4.squeezed(4), _L4.squeezed(8))
"""Ways to shorten the coarsest level further, for when events have to be left out that it would show."""
