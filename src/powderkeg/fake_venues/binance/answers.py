"""The answers of fapi.binance.com.

Of `/futures/data` the real one refuses times before the last thirty days; this one remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from powderkeg.fake_venues.dialect import Call, FakeMarket
from powderkeg.model.market_rows import (
    Bar,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LongShortRatio,
    MarkBar,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    variant_name,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window

BAR_CODES = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR,
    "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR, "1d": DAY,
}  # fmt: skip
_SERIES_CODES = {
    "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR,
    "6h": 6 * HOUR, "12h": 12 * HOUR, "1d": DAY,
}  # fmt: skip


def text(value: float | None) -> str:
    """Return a number as the venue writes it, in quotes; empty for None."""
    return "" if value is None else repr(value)


def _refused(code: int, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "msg": message})


_NO_SYMBOL = _refused(-1121, "Invalid symbol.")


def kline(row: Bar) -> list[Any]:
    """Return the twelve columns of a bar."""
    sold = row.volume - (row.taker_buy_volume or 0.0)
    share = 1 - sold / row.volume if row.volume else 0.0
    return [
        row.ts,
        *map(text, (row.open, row.high, row.low, row.close, row.volume)),
        row.ts + row.interval_ms - 1,
        text(row.turnover),
        row.trades or 0,
        text(row.taker_buy_volume),
        text((row.turnover or 0.0) * share),
        "0",
    ]


def mark_kline(row: MarkBar) -> list[Any]:
    """Return the twelve columns of a bar of mark prices, most of them to be ignored."""
    prices = map(text, (row.open, row.high, row.low, row.close))
    return [row.ts, *prices, "0 ", row.ts + row.interval_ms - 1, "0", 60, "0", "0", "0"]


def _funding(row: FundingRate, symbol: str) -> dict[str, Any]:
    named = {"symbol": symbol, "fundingTime": row.ts, "fundingRate": text(row.funding_rate)}
    return {**named, "markPrice": "", "rateType": "Regular"}


def _interest(row: OpenInterest, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "sumOpenInterest": text(row.open_interest),
        "sumOpenInterestValue": text(row.open_interest * (row.price or 1.0)),
        "CMCCirculatingSupply": "19000000",
        "timestamp": row.ts,
    }


def _ratio(row: LongShortRatio, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "longAccount": text(row.long_share),
        "longShortRatio": text(row.long_share / row.short_share),
        "shortAccount": text(row.short_share),
        "timestamp": row.ts,
    }


def _taker(row: TakerVolume, _: str) -> dict[str, Any]:
    ratio = row.taker_buy / row.taker_sell if row.taker_sell else 0.0
    volumes = {"buyVol": text(row.taker_buy), "sellVol": text(row.taker_sell)}
    return {"buySellRatio": text(ratio), **volumes, "timestamp": row.ts}


class _Series(NamedTuple):
    table: str
    population: str
    code_name: str
    codes: Mapping[str, int]
    default: int
    largest: int
    from_start: bool
    word: Callable[[Any, str], Any]


def _series_of_data(table: str, word: Callable[[Any, str], Any], population: str = "") -> _Series:
    return _Series(table, population, "period", _SERIES_CODES, 30, 500, False, word)


_SERIES = {
    "/fapi/v1/klines": _Series("bars", "", "interval", BAR_CODES, 500, 1500, True, lambda row, _: kline(row)),
    "/fapi/v1/markPriceKlines": _Series(
        "mark_bars", "", "interval", BAR_CODES, 500, 1500, True, lambda row, _: mark_kline(row)
    ),
    # 1000 by the page, 500 as seen.
    "/fapi/v1/fundingRate": _Series("funding", "", "", {}, 100, 500, True, _funding),
    "/futures/data/openInterestHist": _series_of_data("open_interest", _interest),
    "/futures/data/globalLongShortAccountRatio": _series_of_data("long_short_ratios", _ratio, "accounts"),
    "/futures/data/topLongShortAccountRatio": _series_of_data("long_short_ratios", _ratio, "top_accounts"),
    "/futures/data/topLongShortPositionRatio": _series_of_data("long_short_ratios", _ratio, "top_positions"),
    "/futures/data/takerlongshortRatio": _series_of_data("taker_volume", _taker),
}


def _series(call: Call, market: FakeMarket) -> bytes:
    series = _SERIES[call.path]
    symbol = call.query.get("symbol", "")
    if symbol not in market.instruments:
        return _NO_SYMBOL
    interval = series.codes.get(call.query.get(series.code_name, ""), 0)
    if series.codes and not interval:
        return _refused(-1120, "Invalid interval.")
    limit = int(call.query.get("limit", series.default))
    if call.path.endswith("lines") and not 0 < limit <= series.largest:
        return _refused(-1130, "Data sent for parameter 'limit' is not valid.")
    start = int(call.query.get("startTime", 0))
    end = int(call.query.get("endTime", market.now)) + 1
    if start >= end:
        return _refused(-1023, "Start time is greater than end time.")
    single = series.table in {"funding", "open_interest"}
    variant = "all" if single else variant_name(interval, series.population)
    rows = market.rows(series.table, symbol, Window(start, end), variant)
    if series.table == "open_interest":
        rows = [row for row in rows if row.ts % interval == 0]
    limit = min(limit, series.largest)
    chosen = rows[:limit] if series.from_start and "startTime" in call.query else rows[-limit:]
    return msgspec.json.encode([series.word(row, symbol) for row in chosen])


def _symbol(symbol: str, row: InstrumentRow) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": row.listed_ts or 0,
        "status": "TRADING" if row.status == "trading" else row.status,
        "baseAsset": row.base,
        "quoteAsset": row.quote,
        "marginAsset": row.settle,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.1",
                "maxPrice": "1e6",
                "tickSize": text(row.tick_size),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.001",
                "maxQty": "1e3",
                "stepSize": text(row.quantity_step),
            },
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _exchange_info(_: Call, market: FakeMarket) -> bytes:
    symbols = [_symbol(symbol, row) for symbol, row in market.instruments.items()]
    # Dated contracts and perpetuals on stocks are listed side by side with them.
    others = [
        {**one, "symbol": f"{one['symbol']}{ending}", "contractType": kind}
        for one in symbols
        for ending, kind in (("_261225", "CURRENT_QUARTER"), ("X", "TRADIFI_PERPETUAL"))
    ]
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": market.now,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
            ],
            "symbols": [*others, *symbols],
        }
    )


def _newest(market: FakeMarket, table: str, symbol: str) -> Sequence[Any]:
    rows = market.rows(table, symbol, Window(0, market.now + 1))
    return [row for row in rows if row.ts == rows[-1].ts]


def _open_interest(call: Call, market: FakeMarket) -> bytes:
    symbol = call.query.get("symbol", "")
    if symbol not in market.instruments:
        return _NO_SYMBOL
    rows: Sequence[OpenInterest] = _newest(market, "open_interest", symbol)
    if not rows:
        return _refused(-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
    return msgspec.json.encode(
        {"symbol": symbol, "openInterest": text(rows[0].open_interest), "time": rows[0].ts}
    )


def _premium_index(_: Call, market: FakeMarket) -> bytes:
    listed = []
    for symbol in market.instruments:
        rows: Sequence[MarkPrice] = _newest(market, "mark_prices", symbol)
        listed += [
            {
                "symbol": symbol,
                "markPrice": text(row.mark_price),
                "indexPrice": text(row.index_price),
                "estimatedSettlePrice": text(row.index_price),
                "lastFundingRate": text(row.funding_rate),
                "interestRate": "0.00010000",
                "nextFundingTime": row.next_funding_ts or 0,
                "time": row.ts,
            }
            for row in rows
        ]
    return msgspec.json.encode(listed)


def _insurance_balance(_: Call, market: FakeMarket) -> bytes:
    pools = []
    for symbol in market.instruments:
        rows: Sequence[InsuranceFund] = _newest(market, "insurance_funds", symbol)
        assets = [
            {"asset": row.asset, "marginBalance": text(row.balance), "updateTime": row.ts} for row in rows
        ]
        pools.append({"symbols": [symbol, f"{symbol}_261225"], "assets": assets})
    return msgspec.json.encode(pools)


_LATEST = {
    "/fapi/v1/exchangeInfo": _exchange_info,
    "/fapi/v1/openInterest": _open_interest,
    "/fapi/v1/premiumIndex": _premium_index,
    "/fapi/v1/insuranceBalance": _insurance_balance,
}


def rest_answer(call: Call, market: FakeMarket) -> bytes | None:
    """Return the answer of a path of the API, None where there is none."""
    if call.path in _SERIES:
        return _series(call, market)
    return _LATEST[call.path](call, market) if call.path in _LATEST else None
