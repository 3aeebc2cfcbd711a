"""Which tests are put in other words: those that decide, and some of the others."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from app.models.qa import TestRun
from app.rules.nodeids import function_of, is_named
from app.rules.reruns import PASSED

_MOST_DECIDING = 400
_SAMPLE = 24
_LEAST_SAMPLE = 4
"""So many are looked at however long they take."""
_SAMPLE_SHARE = 0.05
_SAMPLE_S = 2.5
_MOST_TRIED = 200


def choose_tests(
    before: TestRun | None,
    after: TestRun,
    turned: Iterable[str],
    unsteady: Collection[str],
    known_failing: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Test functions to be put in other words: those among ``turned``, and by chance some that passed all along."""
    chance = secrets.SystemRandom()
    steady = [name for name in after.tests if name not in unsteady]
    deciding = _functions(name for name in turned if name not in unsteady)
    known = [name for name in deciding if any(is_named(one, name) or function_of(one) == name for one in known_failing)]
    rest = [name for name in deciding if name not in known]
    chance.shuffle(rest)
    others = [name for name in _functions(name for name in steady if after.tests[name] in PASSED) if name not in deciding]
    chance.shuffle(others)
    return [*known, *rest][: max(_MOST_DECIDING, len(known))], _affordable(before, after, others)


def _affordable(before: TestRun | None, after: TestRun, functions: Sequence[str]) -> list[str]:
    """As many as take a small part of the time that all tests took. How long each one takes is not known: a test with many
    cases counts for as many. The quicker of two runs tells the time: a fix that dawdles does not get out of it."""
    cases = Counter(map(function_of, after.tests))
    times = [run.duration_s for run in (before, after) if run is not None and run.duration_s]
    share = max(_SAMPLE_SHARE, _SAMPLE_S / min(times)) if times else 1.0
    left = share * len(after.tests)
    sample: list[str] = []
    for function in functions[:_MOST_TRIED]:
        if len(sample) < _LEAST_SAMPLE or (cases[function] <= left and len(sample) < _SAMPLE):
            left -= cases[function]
            sample.append(function)
    return sample


def _functions(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(function_of(name) for name in names))
