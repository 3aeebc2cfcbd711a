"""What judging may take: tokens for each judgement, money for each day.

Before a request, what it may take at most is put aside; when its reply has told what it took, the rest is given back. What was
put aside for a request that never ended stays spent: the provider may have worked on it.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.models.judgement import Usage
from app.qa.judge.prices import Prices
from app.utils.atomic import replace_file
from app.utils.clock import Clock

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OverBudget:
    """There is nothing left for a request."""

    why: str


@dataclass(frozen=True)
class Share:
    """An amount that was put aside on a day."""

    day: str
    amount: float


class Ledger(Protocol):
    """Money spent on a day, by UTC. For any number of threads."""

    @property
    def is_bounded(self) -> bool:
        """Whether there is a limit at all, so that every price has to be known."""
        ...

    def put_aside(self, amount: float) -> Share | OverBudget:
        """Spend an amount for the time being. When this returns a share, the amount counts, whatever happens next."""
        ...

    def settle(self, share: Share, spent: float) -> None:
        """What was spent of a share in truth; the rest is given back."""
        ...


class NoLedger:
    """A ``Ledger`` without a limit."""

    @property
    def is_bounded(self) -> bool:
        """See ``Ledger.is_bounded``."""
        return False

    def put_aside(self, amount: float) -> Share | OverBudget:
        """See ``Ledger.put_aside``."""
        return Share("", amount)

    def settle(self, share: Share, spent: float) -> None:
        """See ``Ledger.settle``."""


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    day: str
    spent: float = Field(ge=0)


class FileLedger:
    """A ``Ledger`` in a file of one day, written before each request, so that a restart forgets nothing.

    It is exact for any number of threads of one process. A data directory is owned by one process, which holds its lock: two
    that wrote the same file would forget what the other spends.

    A file that cannot be read or written is not taken for an empty one: nothing is spent until it is right again.
    """

    def __init__(self, path: Path, limit: float, now: Clock) -> None:
        self._path = path
        self._limit = limit
        self._now = now
        self._guard = threading.Lock()

    @property
    def is_bounded(self) -> bool:
        """See ``Ledger.is_bounded``."""
        return True

    @property
    def spent_today(self) -> float | None:
        """What has been spent and put aside; ``None`` where it cannot be told."""
        with self._guard:
            page = self._page()
        return page.spent if page is not None else None

    def put_aside(self, amount: float) -> Share | OverBudget:
        """See ``Ledger.put_aside``."""
        with self._guard:
            page = self._page()
            if page is None:
                return OverBudget(f"{self._path.name} cannot be read")
            if page.spent + amount > self._limit:
                return OverBudget(f"{page.spent:.4f} of {self._limit:g} are spent today, and a request may take {amount:.4f}")
            if not self._write(page.day, page.spent + amount):
                return OverBudget(f"{self._path.name} cannot be written")
            return Share(page.day, amount)

    def settle(self, share: Share, spent: float) -> None:
        """See ``Ledger.settle``."""
        with self._guard:
            page = self._page()
            if page is not None and page.day == share.day:
                self._write(page.day, max(0.0, page.spent - share.amount + spent))

    def _page(self) -> _Page | None:
        """Today's page; ``None`` where it cannot be told."""
        today = self._now().astimezone(UTC).date().isoformat()
        try:
            page = _Page.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Page(day=today, spent=0.0)
        except (OSError, ValidationError):
            _log.error("what was spent on judging cannot be read", extra={"file": str(self._path)})
            return None
        return page if page.day == today else _Page(day=today, spent=0.0)

    def _write(self, day: str, spent: float) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._path, json.dumps({"day": day, "spent": spent}).encode())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            _log.error("what was spent on judging cannot be written", extra={"file": str(self._path), "reason": reason})
            return False
        return True


@dataclass(frozen=True)
class Held:
    """What was put aside for one request."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    share: Share

    @property
    def tokens(self) -> int:
        """In all."""
        return self.prompt_tokens + self.completion_tokens


class Purse:
    """What one judgement takes. For one thread."""

    def __init__(self, max_tokens: int | None, prices: Prices, ledger: Ledger) -> None:
        self._max_tokens = max_tokens
        self._prices = prices
        self._ledger = ledger
        self._tokens_gone = 0
        self._requests = 0
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self._cost: float | None = 0.0

    def hold(self, model: str, prompt_tokens: int, completion_tokens: int) -> Held | OverBudget:
        """Put aside what a request may take."""
        tokens = prompt_tokens + completion_tokens
        if self._max_tokens is not None and self._tokens_gone + tokens > self._max_tokens:
            used = f"{self._tokens_gone} of {self._max_tokens} tokens are used"
            return OverBudget(f"{used}, and a request may take {tokens}")
        price = self._prices.of(model)
        if price is None and self._ledger.is_bounded:
            return OverBudget(f"no price is known for {model}")
        share = self._ledger.put_aside(price.of(prompt_tokens, completion_tokens) if price is not None else 0.0)
        if isinstance(share, OverBudget):
            return share
        self._tokens_gone += tokens
        return Held(model, prompt_tokens, completion_tokens, share)

    def replied(self, held: Held, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """A reply came, and told what it took, or did not."""
        self._requests += 1
        price = self._prices.of(held.model)
        if prompt_tokens is None or completion_tokens is None:
            self._cost = None
        else:
            self._settle(held, prompt_tokens, completion_tokens)
            if self._cost is not None:
                self._cost = self._cost + price.of(prompt_tokens, completion_tokens) if price is not None else None
        self._prompt_tokens = _plus(self._prompt_tokens, prompt_tokens)
        self._completion_tokens = _plus(self._completion_tokens, completion_tokens)

    def lost(self, held: Held) -> None:
        """No reply came, and the model may have worked on it all the same."""
        del held
        self._requests += 1
        self._cost = None

    def refused(self, held: Held) -> None:
        """The request was sent, and the model did not work on it."""
        self._requests += 1
        self._settle(held, 0, 0)

    def unsent(self, held: Held) -> None:
        """The request was not sent after all."""
        self._settle(held, 0, 0)

    def usage(self, cached_samples: int) -> Usage:
        """What was taken by now."""
        if not self._requests:
            return Usage(prompt_tokens=0, completion_tokens=0, cost=0.0, cached_samples=cached_samples)
        return Usage(
            requests=self._requests,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost=self._cost,
            cached_samples=cached_samples,
        )

    def _settle(self, held: Held, prompt_tokens: int, completion_tokens: int) -> None:
        price = self._prices.of(held.model)
        self._tokens_gone += prompt_tokens + completion_tokens - held.tokens
        self._ledger.settle(held.share, price.of(prompt_tokens, completion_tokens) if price is not None else 0.0)


def _plus(known: int | None, more: int | None) -> int | None:
    return known if more is None else (known or 0) + more
