"""What models cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.qa.judge.prices import Price, load_prices


def a_file(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text)
    return path


GOOD = '[models."gpt-4o-mini"]\ninput_per_million = 0.15\noutput_per_million = 0.60\ncurrency = "USD"\n'


def test_prices_are_read_by_the_models_exact_name(tmp_path: Path) -> None:
    prices = load_prices(a_file(tmp_path, GOOD))

    assert (prices.of("gpt-4o-mini"), prices.of("gpt-4o"), prices.currency) == (Price(0.15, 0.6), None, "USD")
    assert Price(0.15, 0.6).of(2_000_000, 1_000_000) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models = 1", "models"),
        ("[models", "not TOML"),
        (f"x = {'[' * 20000}", "cannot be read"),
        (f"x = {'9' * 5000}", "cannot be read"),
        (GOOD.replace("0.15", "-1"), "input_per_million"),
        (GOOD.replace("0.15", "nan"), "input_per_million"),
        (GOOD.replace('"USD"', '"dollars"'), "currency"),
        (GOOD.replace("output_per_million = 0.60", ""), "output_per_million"),
        (GOOD + "per_image = 3", "per_image"),
        (GOOD + '[models.b]\ninput_per_million = 1\noutput_per_million = 1\ncurrency = "EUR"', "mixes currencies: EUR, USD"),
    ],
)
def test_a_wrong_price_file_is_a_wrong_setting(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match="JUDGE_PRICES") as wrong:
        load_prices(a_file(tmp_path, text))

    assert told in wrong.value.detail


def test_a_missing_price_file_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_prices(tmp_path / "none.toml")
