"""What OKX answers over HTTP; https://www.okx.com/docs-v5/en/#public-data-rest-api, read 2026-11-25."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from powderkeg.errors import InputError
from powderkeg.fake_venues.dialect import Call, FakeMarket
from powderkeg.fake_venues.okx.wording import (
    BAR_CODES,
    candle,
    family_of,
    interest,
    liquidated,
    mark,
    naming,
    text,
)
from powderkeg.model.market_rows import (
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    LongShortRatio,
    MarkBar,
    OpenInterest,
    TakerVolume,
    variant_name,
)
from powderkeg.model.times import MINUTE
from powderkeg.model.window import Window

_BARS = {code: interval for interval, code in BAR_CODES.items()}
_PERIODS = {code: interval for code, interval in _BARS.items() if interval >= 5 * MINUTE}
_FOREVER = 4_102_444_800_000


def _answer(data: Sequence[Any]) -> bytes:
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})


def refused(code: int, message: str) -> bytes:
    """Return the body of a refusal."""
    return msgspec.json.encode({"code": str(code), "msg": message, "data": []})


def _instrument(symbol: str, row: InstrumentRow) -> dict[str, Any]:
    return {
        **naming(symbol, row),
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": row.settle,
        "ctType": row.contract,
        "ctVal": text(row.contract_size),
        "ctMult": "1",
        "ctValCcy": row.base if row.contract == "linear" else row.quote,
        "listTime": str(row.listed_ts or ""),
        "expTime": "",
        "lever": "" if row.maximum_leverage is None else text(row.maximum_leverage),
        "tickSz": text(row.tick_size),
        "lotSz": text(row.quantity_step),
        "minSz": text(row.quantity_step),
        "state": "live" if row.status == "trading" else row.status,
        "ruleType": "normal",
    }


def _mark_candle(row: MarkBar, _: str, __: InstrumentRow) -> list[str]:
    return [str(row.ts), *map(text, (row.open, row.high, row.low, row.close)), "1"]


def _funding(row: FundingRate, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    # The forecast is not what was paid.
    return {
        "instType": "SWAP",
        "instId": symbol,
        "formulaType": "withRate",
        "fundingRate": text(row.funding_rate + 1e-5),
        "realizedRate": text(row.funding_rate),
        "fundingTime": str(row.ts),
        "method": "current_period",
    }


def _interest_entry(row: OpenInterest, symbol: str, instrument: InstrumentRow) -> list[str]:
    told = interest(row, symbol, instrument)
    return [told[name] for name in ("ts", "oi", "oiCcy", "oiUsd")]


def _taker_entry(row: TakerVolume, _: str, __: InstrumentRow) -> list[str]:
    return [str(row.ts), text(row.taker_sell), text(row.taker_buy)]


def _ratio_entry(row: LongShortRatio, _: str, __: InstrumentRow) -> list[str]:
    return [str(row.ts), text(row.long_share / row.short_share)]


class _Series(NamedTuple):
    table: str
    population: str
    period: str
    periods: Mapping[str, int]
    newer: str
    older: str
    default: int
    largest: int
    word: Callable[[Any, str, InstrumentRow], Any]


_STATISTIC = ("period", _PERIODS, "begin", "end", 100, 100)
_RUBIK = "/api/v5/rubik/stat"
_SERIES = {
    "/api/v5/market/history-candles": _Series("bars", "", "bar", _BARS, "before", "after", 100, 300, candle),
    "/api/v5/market/history-mark-price-candles": _Series(
        "mark_bars", "", "bar", _BARS, "before", "after", 100, 100, _mark_candle
    ),
    "/api/v5/public/funding-rate-history": _Series(
        "funding", "", "", {}, "before", "after", 400, 400, _funding
    ),
    f"{_RUBIK}/contracts/open-interest-history": _Series("open_interest", "", *_STATISTIC, _interest_entry),
    f"{_RUBIK}/taker-volume-contract": _Series("taker_volume", "", *_STATISTIC, _taker_entry),
    f"{_RUBIK}/contracts/long-short-account-ratio-contract": _Series(
        "long_short_ratios", "accounts", *_STATISTIC, _ratio_entry
    ),
    f"{_RUBIK}/contracts/long-short-account-ratio-contract-top-trader": _Series(
        "long_short_ratios", "top_accounts", *_STATISTIC, _ratio_entry
    ),
    f"{_RUBIK}/contracts/long-short-position-ratio-contract-top-trader": _Series(
        "long_short_ratios", "top_positions", *_STATISTIC, _ratio_entry
    ),
}


def _between(query: Mapping[str, str], newer: str, older: str) -> Window:
    """Return the window of what is newer than one bound and older than the other, neither included."""
    start = int(query.get(newer, -1)) + 1
    return Window(start, max(int(query.get(older, _FOREVER)), start))


def _history(call: Call, market: FakeMarket, series: _Series) -> bytes:
    symbol = call.query.get("instId", "")
    if symbol not in market.instruments:
        return refused(51001, "Instrument ID, Instrument ID code or Spread ID doesn't exist.")
    if series.table == "taker_volume" and call.query.get("unit") != "0":
        return refused(51000, "Parameter unit error")  # this server keeps volumes in coin only
    interval = series.periods.get(call.query.get(series.period, ""), 0)
    if series.periods and not interval:
        return refused(51000, f"Parameter {series.period} error")
    plain = series.table in {"funding", "open_interest"}
    variant = "all" if plain else variant_name(interval, series.population)
    rows = market.rows(series.table, symbol, _between(call.query, series.newer, series.older), variant)
    if series.table == "open_interest":
        rows = [row for row in rows if row.ts % interval == 0]
    limit = min(int(call.query.get("limit", series.default)), series.largest)
    # The newest come first, and are those that a page has room for.
    newest = list(reversed(rows))[:limit]
    return _answer([series.word(row, symbol, market.instruments[symbol]) for row in newest])


def _families(call: Call, market: FakeMarket) -> list[str] | bytes:
    """Return the perpetuals of the families asked for, or the refusal."""
    if call.query.get("instType") != "SWAP":
        return refused(51000, "Parameter instType error")
    family = call.query.get("instFamily") or call.query.get("uly")
    if not family:
        return refused(50015, "Either parameter uly or instFamily is required")
    symbols = [f"{one}-SWAP" for one in family.split(",")]
    if not set(symbols) <= set(market.instruments):
        return refused(51000, "Parameter instFamily error")
    return symbols


def _liquidation_orders(call: Call, market: FakeMarket) -> bytes:
    symbols = _families(call, market)
    if isinstance(symbols, bytes):
        return symbols
    data = []
    for symbol in symbols:
        rows = market.rows("liquidations", symbol, _between(call.query, "before", "after"))
        data += liquidated(list(reversed(rows))[:100], symbol, market.instruments[symbol])
    return _answer(data)


def _newest(market: FakeMarket, table: str, symbol: str) -> list[Any]:
    rows = market.rows(table, symbol, Window(0, market.now + 1))
    return [row for row in rows if row.ts == rows[-1].ts]


def _contracts(bound: float, unit: str, instrument: InstrumentRow, market: FakeMarket, symbol: str) -> float:
    """Return a bound of a tier in contracts, at the newest mark price where they hold the other unit."""
    held = "base" if instrument.contract == "linear" else "quote"
    if unit != held:
        marks = _newest(market, "mark_prices", symbol)
        if not marks:
            raise InputError(
                f"{symbol}: tiers are in {unit} and there is no mark price; expected {held}, or one"
            )
        bound = bound / marks[-1].mark_price if held == "base" else bound * marks[-1].mark_price
    return bound / instrument.contract_size


def _position_tiers(call: Call, market: FakeMarket) -> bytes:
    symbols = _families(call, market)
    if isinstance(symbols, bytes):
        return symbols
    if call.query.get("tdMode") not in {"cross", "isolated"}:
        return refused(51000, "Parameter tdMode error")
    data = []
    for symbol in symbols:
        instrument = market.instruments[symbol]
        rows: list[LeverageTierRow] = _newest(market, "leverage_tiers", symbol)
        for row in rows:
            # Counted in contracts, and begun one contract above the tier below.
            begin, end = (
                _contracts(bound, row.unit, instrument, market, symbol)
                for bound in (row.notional_floor, row.notional_cap)
            )
            data.append(
                {
                    "uly": f"{instrument.base}-{instrument.quote}",
                    "instFamily": family_of(symbol),
                    "instId": "",
                    "tier": str(row.tier),
                    "minSz": text(begin + 1 if begin else 0.0),
                    "maxSz": text(end),
                    "mmr": text(row.maintenance_margin_rate),
                    "imr": text(1 / row.maximum_leverage),
                    "maxLever": text(row.maximum_leverage),
                    "optMgnFactor": "0",
                    "quoteMaxLoan": "",
                    "baseMaxLoan": "",
                }
            )
    return _answer(data)


def _security_fund(call: Call, market: FakeMarket) -> bytes:
    symbols = _families(call, market)
    if isinstance(symbols, bytes):
        return symbols
    data = []
    for symbol in symbols:
        rows: list[InsuranceFund] = _newest(market, "insurance_funds", symbol)
        change = {"amt": "12.5", "ccy": "USDT", "type": "liquidation_balance_deposit", "adlType": ""}
        details = [{"balance": text(row.balance), "ts": str(row.ts), **change} for row in rows]
        total = text(rows[-1].balance) if rows else "0"
        data.append({"details": details, "instFamily": family_of(symbol), "instType": "SWAP", "total": total})
    return _answer(data)


def _all_swaps(call: Call, market: FakeMarket) -> bytes:
    if call.query.get("instType") != "SWAP":
        return refused(51000, "Parameter instType error")
    if call.path.endswith("/instruments"):
        return _answer([_instrument(*item) for item in market.instruments.items()])
    table, word = _STATES[call.path]
    return _answer(
        [
            word(row, symbol, instrument)
            for symbol, instrument in market.instruments.items()
            for row in _newest(market, table, symbol)
        ]
    )


_STATES: dict[str, tuple[str, Callable[[Any, str, InstrumentRow], Any]]] = {
    "/api/v5/public/mark-price": ("mark_prices", mark),
    "/api/v5/public/open-interest": ("open_interest", interest),
}
_PATHS: dict[str, Callable[[Call, FakeMarket], bytes]] = {
    "/api/v5/public/instruments": _all_swaps,
    "/api/v5/public/mark-price": _all_swaps,
    "/api/v5/public/open-interest": _all_swaps,
    "/api/v5/public/liquidation-orders": _liquidation_orders,
    "/api/v5/public/position-tiers": _position_tiers,
    "/api/v5/public/insurance-fund": _security_fund,
}


def answered(call: Call, market: FakeMarket) -> bytes | None:
    """Return the body of the answer to a call, or None where OKX has no such path."""
    if call.path in _SERIES:
        return _history(call, market, _SERIES[call.path])
    return _PATHS[call.path](call, market) if call.path in _PATHS else None
