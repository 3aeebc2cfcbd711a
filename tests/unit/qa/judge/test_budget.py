"""Money for each day, tokens for each judgement."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.qa.judge.budget import FileLedger, Held, NoLedger, OverBudget, Purse, Share
from app.qa.judge.prices import Price, Prices
from tests.unit.qa.judge.sessions import NOON

PRICES = Prices({"m": Price(1.0, 3.0)}, "EUR")


def a_ledger(folder: Path, limit: float = 1.0, now: datetime = NOON) -> FileLedger:
    return FileLedger(folder / "deep" / "spending.json", limit, lambda: now)


def put_aside(ledger: FileLedger, amount: float) -> Share:
    share = ledger.put_aside(amount)
    assert isinstance(share, Share)
    return share


def test_what_is_put_aside_counts_until_it_is_settled(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    share = put_aside(ledger, 0.8)

    assert isinstance(ledger.put_aside(0.3), OverBudget)
    ledger.settle(share, 0.1)
    assert ledger.spent_today == pytest.approx(0.1)
    assert isinstance(ledger.put_aside(0.3), Share)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    put_aside(a_ledger(tmp_path), 0.8)

    assert a_ledger(tmp_path).spent_today == 0.8
    assert isinstance(a_ledger(tmp_path).put_aside(0.3), OverBudget)


def test_the_day_is_that_of_utc(tmp_path: Path) -> None:
    late_evening = datetime(2026, 3, 2, 20, 0, tzinfo=ZoneInfo("America/New_York"))
    put_aside(a_ledger(tmp_path, now=late_evening), 0.8)

    assert a_ledger(tmp_path, now=NOON + timedelta(days=1)).spent_today == 0.8
    assert a_ledger(tmp_path, now=NOON).spent_today == 0.0


def test_a_share_of_yesterday_changes_nothing_today(tmp_path: Path) -> None:
    share = put_aside(a_ledger(tmp_path), 0.8)
    tomorrow = a_ledger(tmp_path, now=NOON + timedelta(days=1))
    put_aside(tomorrow, 0.5)
    tomorrow.settle(share, 0.0)

    assert tomorrow.spent_today == 0.5


@pytest.mark.parametrize("content", [b"", b"{}", b"x", b'{"day": "2026-03-02", "spent": -1}', b'{"day": 1, "spent": NaN}'])
def test_a_file_that_cannot_be_read_is_no_empty_one(tmp_path: Path, content: bytes) -> None:
    ledger = a_ledger(tmp_path)
    put_aside(ledger, 0.1)
    (tmp_path / "deep" / "spending.json").write_bytes(content)

    assert ledger.put_aside(0.1) == OverBudget("spending.json cannot be read")
    assert ledger.spent_today is None


def test_what_cannot_be_written_down_is_not_spent(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("in the way")

    assert isinstance(a_ledger(tmp_path).put_aside(0.1), OverBudget)


def test_many_threads_never_spend_more_than_there_is(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    with ThreadPoolExecutor(8) as many:
        shares = list(many.map(lambda _: ledger.put_aside(0.0625), range(40)))

    assert sum(isinstance(share, Share) for share in shares) == 16
    assert ledger.spent_today == 1.0


def hold(purse: Purse, prompt: int = 100, completion: int = 50) -> Held:
    held = purse.hold("m", prompt, completion)
    assert isinstance(held, Held)
    return held


def test_tokens_count_as_estimated_until_the_reply_tells() -> None:
    purse = Purse(200, PRICES, NoLedger())
    held = hold(purse)

    assert isinstance(purse.hold("m", 100, 50), OverBudget)
    purse.replied(held, 20, 10)
    hold(purse)


def test_a_reply_that_does_not_tell_counts_as_estimated() -> None:
    purse = Purse(200, PRICES, NoLedger())
    purse.replied(hold(purse), None, None)

    assert isinstance(purse.hold("m", 100, 50), OverBudget)
    assert purse.usage(0).cost is None


def test_requests_that_were_refused_or_not_sent_take_nothing(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    purse = Purse(200, PRICES, ledger)
    purse.refused(hold(purse))
    purse.unsent(hold(purse))

    assert (purse.usage(0).requests, purse.usage(0).cost) == (1, 0.0)
    assert ledger.spent_today == pytest.approx(0.0)


def test_a_lost_request_takes_what_it_might(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    purse = Purse(None, PRICES, ledger)
    purse.lost(hold(purse))

    assert purse.usage(0).cost is None
    assert ledger.spent_today == pytest.approx((100 * 1.0 + 50 * 3.0) / 1e6)


def test_cost_and_tokens_are_summed_over_replies(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    purse = Purse(None, PRICES, ledger)
    purse.replied(hold(purse), 200, 10)
    purse.replied(hold(purse), 100, 20)
    usage = purse.usage(1)

    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens, usage.cached_samples) == (2, 300, 30, 1)
    assert usage.cost == ledger.spent_today == pytest.approx((300 * 1.0 + 30 * 3.0) / 1e6)


def test_the_ledger_is_readable_by_people(tmp_path: Path) -> None:
    put_aside(a_ledger(tmp_path), 0.25)

    assert json.loads((tmp_path / "deep" / "spending.json").read_text()) == {"day": "2026-03-02", "spent": 0.25}
