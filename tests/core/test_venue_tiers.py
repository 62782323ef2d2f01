"""The shipped tier tables: what they say, how they are found, and that other records agree."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from powderkeg.core.margin_tiers import maintenance_margin
from powderkeg.core.venue_tiers import VENUE_TIERS, base_and_quote, venue_tier_table
from powderkeg.errors import InputError


def test_every_table_names_its_day_and_its_source_and_is_found_by_its_own_symbol() -> None:
    for table in VENUE_TIERS:
        assert len(table.source) > 20
        assert venue_tier_table(table.venue, table.symbol) is table
    assert len({(table.venue, table.symbol) for table in VENUE_TIERS}) == len(VENUE_TIERS)


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("btc-usdt-swap", "BTC", "USDT"),
        ("BTC/USDT:USDT", "BTC", "USDT"),
        ("BTC_USDT", "BTC", "USDT"),
        ("BTCUSD_PERP", "BTC", "USD"),
        ("BTC-USD", "BTC", "USD"),
        ("XBTUSD", "BTC", "USD"),
        ("BTC-PERPETUAL", "BTC", None),
        ("BTC-PERP", "BTC", None),
        ("BTCPERP", "BTC", None),
        ("BTC", "BTC", None),
        (" kPEPE ", "KPEPE", None),
        ("1000BONKUSDT", "1000BONK", "USDT"),
        ("PERPUSDT", "PERP", "USDT"),
        ("USDCUSDT", "USDC", "USDT"),
        ("USDC", "USDC", None),
    ],
)
def test_symbols_of_many_venues_name_a_coin_and_a_quote(symbol: str, base: str, quote: str | None) -> None:
    assert base_and_quote(symbol) == (base, quote)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC-USDT-SWAP", "btc/usdt:usdt", "BTC"])
def test_the_spellings_of_one_contract_find_one_table(symbol: str) -> None:
    table = venue_tier_table("Binance", symbol)

    assert (table.symbol, table.contract, table.notional_unit) == ("BTCUSDT", "linear", "USDT")


def test_the_quote_or_the_contract_picks_the_inverse_table() -> None:
    for table in (
        venue_tier_table("binance", "BTCUSD_PERP"),
        venue_tier_table("binance", "BTC", contract="inverse"),
    ):
        assert (table.symbol, table.contract, table.notional_unit) == ("BTCUSD_PERP", "inverse", "BTC")


def test_hyperliquid_lists_one_perpetual_per_coin_whatever_quote_is_asked_for() -> None:
    for symbol in ("BTC", "BTCUSDT", "BTC-USD", "BTC/USDC:USDC"):
        assert venue_tier_table("hyperliquid", symbol).symbol == "BTC"
    assert venue_tier_table("hyperliquid", "KPEPE").symbol == "kPEPE"


def test_hyperliquid_btc_needs_half_the_initial_margin_of_each_tier() -> None:
    table = venue_tier_table("hyperliquid", "BTC")

    assert table.maintenance_margin_rates.tolist() == [0.0125, 0.025]
    assert table.notional_floors.tolist() == [0, 150e6]
    assert float(maintenance_margin(200e6, table)) == pytest.approx(150e6 * 0.0125 + 50e6 * 0.025)


@pytest.mark.parametrize(
    ("venue", "symbol", "message"),
    [
        ("okx", "BTC", "no margin tiers are shipped for venue 'okx'; expected one of binance, hyperliquid"),
        ("binance", "BTCUSDC", "for 'BTCUSDC' at binance; expected one of BTCUSDT, ADAUSDT, BTCUSD_PERP, or"),
        ("binance", "NOPEUSDT", "for 'NOPEUSDT' at binance; expected one of BTCUSDT"),
        ("hyperliquid", "NOPE", "for 'NOPE' at hyperliquid; expected one of BTC, ETH, SOL"),
        ("binance", "", "symbol is ''; expected one such as BTCUSDT"),
    ],
)
def test_an_unknown_instrument_is_answered_with_what_there_is(venue: str, symbol: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        venue_tier_table(venue, symbol)


def test_a_contract_that_is_not_shipped_is_named() -> None:
    with pytest.raises(InputError, match="for 'ADAUSDT' at binance as an inverse contract; expected one of"):
        venue_tier_table("binance", "ADAUSDT", contract="inverse")


@pytest.mark.shared
def test_hyperliquid_tables_agree_with_an_independent_transcription(shared: Path) -> None:
    path = shared / "data" / "leverage-tiers" / "btc_tiers.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["exchange"] == "hyperliquid"]

    assert {row["symbol"] for row in rows} == {"BTC", "ETH", "SOL", "XRP"}
    for row in rows:
        tier = venue_tier_table("hyperliquid", row["symbol"]).tiers[int(row["tier"]) - 1]
        assert tier.notional_floor == float(row["min"])
        assert tier.maximum_leverage == float(row["max_leverage"])
        assert tier.maintenance_margin_rate == pytest.approx(float(row["maintenance_margin_rate"]))
        assert tier.maintenance_amount == pytest.approx(float(row["maintenance_deduction"]))
