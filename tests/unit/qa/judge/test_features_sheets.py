"""What was counted of a trace is kept as long as its evidence, and no longer."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.qa.judge.features.sheets import KEPT, Sheets
from tests.unit.qa.judge.sessions import as_evidence, good_session


def test_evidence_is_known_by_identity() -> None:
    sheets, evidence = Sheets(), as_evidence(good_session())
    again = replace(evidence)

    assert sheets.of(evidence) is sheets.of(evidence)
    assert sheets.of(again) is not sheets.of(evidence)
    assert sheets.of(again).measures(["F01"]) == sheets.of(evidence).measures(["F01"])


def test_evidence_is_not_held() -> None:
    sheets, evidence = Sheets(), as_evidence(good_session())
    sheets.of(evidence).measures(["F01"])
    del evidence
    gc.collect()

    assert len(sheets) == 0


def test_a_few_sheets_are_kept() -> None:
    sheets = Sheets()
    held = [as_evidence(good_session()) for _ in range(KEPT + 3)]
    for evidence in held:
        sheets.of(evidence)

    assert len(sheets) == KEPT


def test_threads_may_share_them() -> None:
    sheets = Sheets()
    held = [as_evidence(good_session()) for _ in range(2 * KEPT)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda evidence: sheets.of(evidence).measures(["F13"])["F13"].value, held * 20))

    assert set(found) == {1.0}
    assert len(sheets) <= KEPT
