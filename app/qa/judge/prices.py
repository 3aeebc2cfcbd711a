"""What models cost. The operator writes the file; no price is known without it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import SettingsError

PER = 1_000_000


@dataclass(frozen=True)
class Price:
    """Of one model, in the currency of the file."""

    input_per_million: float
    output_per_million: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.input_per_million + completion_tokens * self.output_per_million) / PER


@dataclass(frozen=True)
class Prices:
    """Prices by the exact name that a model is asked by."""

    models: Mapping[str, Price] = field(default_factory=dict)
    currency: str | None = None

    def of(self, model: str) -> Price | None:
        """The price of a model, where it is known."""
        return self.models.get(model)


class _RawPrice(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    input_per_million: Annotated[float, Field(ge=0)]
    output_per_million: Annotated[float, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _RawPrices(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, _RawPrice]


def load_prices(path: Path) -> Prices:
    """The prices of a file.

    Raises:
        SettingsError: it cannot be read, says something that is no price, or mixes currencies.
    """
    try:
        raw = _RawPrices.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"JUDGE_PRICES: {path} cannot be read") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"JUDGE_PRICES: {path} is not TOML: {error}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"JUDGE_PRICES: {path}: {told}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"JUDGE_PRICES: {path} cannot be read: too deep, or a number too long") from error
    currencies = sorted({price.currency for price in raw.models.values()})
    if len(currencies) > 1:
        raise SettingsError(f"JUDGE_PRICES: {path} mixes currencies: {', '.join(currencies)}")
    prices = {name: Price(price.input_per_million, price.output_per_million) for name, price in raw.models.items()}
    return Prices(prices, currencies[0] if currencies else None)
