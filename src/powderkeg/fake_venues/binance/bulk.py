"""The files of data.binance.vision: a day in a zip, and its SHA-256 beside it.

Written as they were found, faults included: no header before 2022, metrics out of order and some of them
twice, open interest and ratios of metrics five minutes early.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from powderkeg.fake_venues.binance.answers import BAR_CODES, kline, mark_kline
from powderkeg.fake_venues.dialect import Call, FakeMarket
from powderkeg.model.market_rows import (
    DepthBand,
    LongShortRatio,
    OpenInterest,
    TakerVolume,
    Trade,
    variant_name,
)
from powderkeg.model.times import DAY, MINUTE
from powderkeg.model.window import Window

_PATH = re.compile(
    r"/data/futures/um/daily/(?P<kind>\w+)/(?P<symbol>[^/]+)/(?:(?P<code>\w+)/)?"
    r"(?P<name>(?P=symbol)-(?:(?P=kind)|\w+)-(?P<day>\d{4}-\d\d-\d\d))\.zip(?P<checksum>\.CHECKSUM)?"
)
_STEP = 5 * MINUTE
_FIRST_WITH_HEADER = "2022-01-01"
_BAR_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)


def _written(ts: int) -> str:
    return dt.datetime.fromtimestamp(ts / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _klines(
    market: FakeMarket, symbol: str, day: Window, code: str | None
) -> tuple[str, list[Sequence[Any]]]:
    interval = BAR_CODES.get(code or "", 0)
    return _BAR_HEADER, [kline(row) for row in _rows(market, "bars", symbol, day, interval)]


def _mark_klines(
    market: FakeMarket, symbol: str, day: Window, code: str | None
) -> tuple[str, list[Sequence[Any]]]:
    interval = BAR_CODES.get(code or "", 0)
    return _BAR_HEADER, [mark_kline(row) for row in _rows(market, "mark_bars", symbol, day, interval)]


def _metrics(market: FakeMarket, symbol: str, day: Window, _: str | None) -> tuple[str, list[Sequence[Any]]]:
    late = Window(day.start + _STEP, day.end + _STEP)
    interests: Iterable[OpenInterest] = _rows(market, "open_interest", symbol, late, 0)
    values = {row.ts - _STEP: row for row in interests if row.ts % _STEP == 0}
    ratios: dict[str, dict[int, str]] = {}
    for population in ("accounts", "top_accounts", "top_positions"):
        found: Iterable[LongShortRatio] = _rows(market, "long_short_ratios", symbol, late, _STEP, population)
        ratios[population] = {row.ts - _STEP: repr(row.long_share / row.short_share) for row in found}
    volumes: Iterable[TakerVolume] = _rows(market, "taker_volume", symbol, day, _STEP)
    takers = {row.ts: repr(row.taker_buy / row.taker_sell) for row in volumes if row.taker_sell}
    rows: list[Sequence[Any]] = [
        (
            _written(ts),
            symbol,
            repr(values[ts].open_interest) if ts in values else "0E-16",
            repr(values[ts].open_interest * (values[ts].price or 1.0)) if ts in values else "0E-16",
            ratios["top_accounts"].get(ts, '""'),
            ratios["top_positions"].get(ts, '""'),
            ratios["accounts"].get(ts, '""'),
            takers.get(ts, '""'),
        )
        for ts in sorted({*values, *takers, *(ts for one in ratios.values() for ts in one)})
    ]
    header = (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
        "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
    )
    return header, [*rows[1::2], *rows[::2], *rows[:3]]


def _book_depth(
    market: FakeMarket, symbol: str, day: Window, _: str | None
) -> tuple[str, list[Sequence[Any]]]:
    bands: Iterable[DepthBand] = _rows(market, "depth_bands", symbol, day, 0)
    rows: list[Sequence[Any]] = [
        (_written(row.ts), f"{row.distance * 100:.2f}", repr(row.quantity), repr(row.notional))
        for row in bands
    ]
    return "timestamp,percentage,depth,notional", rows


def _agg_trades(
    market: FakeMarket, symbol: str, day: Window, _: str | None
) -> tuple[str, list[Sequence[Any]]]:
    trades: Iterable[Trade] = _rows(market, "trades", symbol, day, 0)
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    rows: list[Sequence[Any]] = [
        (
            row.trade_id,
            repr(row.price),
            repr(row.quantity),
            row.trade_id,
            row.trade_id,
            row.ts,
            "true" if row.side == "sell" else "false",
        )
        for row in trades
    ]
    return header, rows


def _rows(
    market: FakeMarket, table: str, symbol: str, window: Window, interval: int, population: str = ""
) -> Sequence[Any]:
    return market.rows(table, symbol, window, variant_name(interval, population))


_FILES: dict[str, Callable[[FakeMarket, str, Window, str | None], tuple[str, list[Sequence[Any]]]]] = {
    "klines": _klines,
    "markPriceKlines": _mark_klines,
    "metrics": _metrics,
    "bookDepth": _book_depth,
    "aggTrades": _agg_trades,
}


def bulk_answer(call: Call, market: FakeMarket) -> bytes | None:
    """Return a file or its checksum; None for what is not published: unknown, empty or not a day old."""
    found = _PATH.fullmatch(call.path)
    if found is None or found["kind"] not in _FILES or found["symbol"] not in market.instruments:
        return None
    start = int(dt.datetime.fromisoformat(found["day"]).replace(tzinfo=dt.UTC).timestamp()) * 1000
    if market.now < start + 2 * DAY:
        return None
    header, rows = _FILES[found["kind"]](market, found["symbol"], Window(start, start + DAY), found["code"])
    if not rows:
        return None
    lines = [header] if found["day"] >= _FIRST_WITH_HEADER else []
    lines += [",".join(map(str, row)) for row in rows]
    packed = _zip(f"{found['name']}.csv", "\n".join(lines) + "\n")
    if found["checksum"]:
        return f"{hashlib.sha256(packed).hexdigest()}  {found['name']}.zip\n".encode()
    return packed


def _zip(name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        # With a time of its own a file packed twice would have two checksums.
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
