"""Do two sides agree on what they say of the same traces, how sure is that, and what may be concluded?

``pairs`` and ``raters`` hold what was said, and ``scale`` refuses what is no level; ``kappa``, ``alpha``, ``icc``, ``ranks``
and ``distances`` are the statistics; ``bootstrap`` puts an interval beside each; ``labels``, ``calibration`` and ``stand_in``
conclude; ``comparison`` does all of it, ``splits`` finds the parts to do it for, ``picture`` draws it. Where traces and
judgements come from is left to others.

The numbers rest on libraries of the extra ``agreement``. Where they are missing, importing this package raises
``UnavailableError``, which says what to install.
"""

from __future__ import annotations

from importlib import import_module

from app.errors import UnavailableError

_LIBRARIES = ("numpy", "scipy", "sklearn", "krippendorff", "matplotlib")

try:
    for _library in _LIBRARIES:
        import_module(_library)
except ImportError as error:
    raise UnavailableError("Agreement statistics need the extra: pip install 'pr-telemetry[agreement]'") from error
