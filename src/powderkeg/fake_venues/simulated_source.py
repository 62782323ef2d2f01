"""The simulated market as the rows that a fake venue serves: the whole product, live, without any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from powderkeg.fake_venues.scripted_market import Series
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    DepthLevel,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    Liquidation,
    LiquidationTotal,
    LongShortRatio,
    MarkBar,
    MarketRow,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    Trade,
)
from powderkeg.model.times import HOUR, MINUTE, duration_text
from powderkeg.simulation.emission import VenueEmission

_LENGTHS = (MINUTE, 5 * MINUTE, HOUR)
_BOOK_LEVELS, _BOOK_STEP = 20, 0.0001
_FUND = 1e8
_TRIGGER = -0.3
_TOLD_AGAIN = MINUTE // 2


def simulated_series(
    emission: VenueEmission,
    symbol: str,
    *,
    price_meaning: str = "fill",
    live_since: int | None = None,
    by_minute: bool = True,
) -> dict[Series, Sequence[MarketRow]]:
    """Return what one simulated venue publishes as rows in house units, by table, symbol and variant.

    Bars, mark bars, open interest, funding, ratios and liquidations are the simulation's. What it does not
    have is made from them, plainly: trades are two a minute that add up to the minute's volume, each side
    at its close; the order book is a ladder around the mark whose size grows with the minute's volume; the
    insurance fund is constant.

    Parameters
    ----------
    emission
        A venue that counts open interest once, in base, at instants, and publishes every liquidation.
    symbol
        What the fake venue calls it.
    price_meaning
        What the fake venue's price of a liquidation is called, for the rows to say.
    live_since
        From when on to tell twice a minute what venues tell again and again: the mark price, and beside the
        simulation's own an order book of forty rows and that no deleveraging is near. None makes none.
    by_minute
        Whether there are bars of a minute, mark prices and trades; a long past is made sooner without.
    """
    rows: dict[Series, Sequence[MarketRow]] = {}
    for length in _LENGTHS if by_minute else _LENGTHS[1:]:
        variant = duration_text(length)
        rows["bars", symbol, variant] = _bars(emission, length)
        rows["mark_bars", symbol, variant] = _mark_bars(emission, length)
        rows["taker_volume", symbol, variant] = [
            TakerVolume(bar.ts, length, taker_buy, bar.volume - taker_buy, "base")
            for bar, taker_buy in _with_taker(rows["bars", symbol, variant])
        ]
        rows["liquidation_totals", symbol, variant] = _totals(emission, length)
    for population in ("accounts", "top_accounts", "top_positions"):
        rows["long_short_ratios", symbol, f"{population}-5m"] = [
            LongShortRatio(int(ts), 5 * MINUTE, population, ratio / (1 + ratio), 1 / (1 + ratio))
            for ts, ratio in zip(
                emission.long_short_ratio_ts, emission.long_short_ratio.tolist(), strict=True
            )
        ]
    rows["open_interest", symbol, "all"] = [
        OpenInterest(int(ts), value, value, "base", 1, _mark_at(emission, int(ts)))
        for ts, value in zip(emission.open_interest_ts, emission.open_interest.tolist(), strict=True)
    ]
    rows["funding", symbol, "all"] = [
        FundingRate(int(ts), rate, emission.venue.funding_interval)
        for ts, rate in zip(emission.funding_ts, emission.funding_rate.tolist(), strict=True)
    ]
    rows["liquidations", symbol, "all"] = _liquidations(emission, price_meaning)
    if by_minute:
        rows["mark_prices", symbol, "all"] = _marks(emission)
        rows["trades", symbol, "all"] = _trades(emission)
    rows["leverage_tiers", symbol, "all"] = [
        LeverageTierRow(
            int(emission.ts[0]),
            number,
            tier.notional_floor,
            tier.notional_cap if np.isfinite(tier.notional_cap) else 1e12,
            tier.maintenance_margin_rate,
            tier.maintenance_amount,
            tier.maximum_leverage,
        )
        for number, tier in enumerate(emission.venue.tiers.tiers, start=1)
    ]
    rows["insurance_funds", symbol, "all"] = [InsuranceFund(int(emission.ts[0]), "USDT", _FUND)]
    if live_since is not None:
        marks = _marks(emission)
        rows["mark_prices", symbol, "all"] = sorted(
            (*marks, *(row._replace(ts=row.ts + _TOLD_AGAIN) for row in marks if row.ts >= live_since))
        )
        rows["depth_levels", symbol, "all"] = _books(emission, live_since)
        rows["deleveraging_signals", symbol, "all"] = no_deleveraging(
            live_since, int(emission.ts[-1]) + MINUTE
        )
    return rows


def no_deleveraging(start: int, end: int) -> list[DeleveragingSignal]:
    """Return rows of [start, end) that say that none is near, half a minute apart."""
    return [DeleveragingSignal(ts, _FUND, None, 0.0, _TRIGGER) for ts in range(start, end, _TOLD_AGAIN)]


def _marks(emission: VenueEmission) -> list[MarkPrice]:
    return [
        MarkPrice(int(ts) + MINUTE, close, close, None, None)
        for ts, close in zip(emission.ts, emission.mark_close.tolist(), strict=True)
    ]


def told_by(
    series: Mapping[Series, Sequence[MarketRow]], symbol: str, price_meaning: str
) -> dict[Series, Sequence[MarketRow]]:
    """Return the same rows under another symbol, liquidations with another meaning of their price."""
    return {
        (table, symbol, variant): [row._replace(price_meaning=price_meaning) for row in rows]  # type: ignore[call-arg]
        if table == "liquidations"
        else rows
        for (table, _, variant), rows in series.items()
    }


def simulated_instrument(ts: int, coin: str) -> InstrumentRow:
    """Return a plain linear instrument on `coin`, listed at `ts`."""
    return InstrumentRow(ts, coin, "USDT", "USDT", "linear", 1.0, 0.1, 0.001, "trading", ts, 100.0)


def _grouped(values: FloatArray, length: int) -> FloatArray:
    """Return minutes as rows of whole intervals, shape (intervals, minutes in one)."""
    size = length // MINUTE
    return values[: len(values) // size * size].reshape(-1, size)


def _bars(emission: VenueEmission, length: int) -> list[Bar]:
    starts = emission.ts[: len(emission.ts) // (length // MINUTE) * (length // MINUTE) : length // MINUTE]
    middle = (emission.open + emission.high + emission.low + emission.close) / 4
    columns = (
        _grouped(emission.open, length)[:, 0],
        _grouped(emission.high, length).max(axis=1),
        _grouped(emission.low, length).min(axis=1),
        _grouped(emission.close, length)[:, -1],
        _grouped(emission.volume, length).sum(axis=1),
        _grouped(emission.volume * middle, length).sum(axis=1),
        _grouped(emission.taker_buy, length).sum(axis=1),
    )
    values = zip(*(column.tolist() for column in columns), strict=True)
    count = 2 * (length // MINUTE)
    return [
        Bar(int(ts), length, opened, high, low, close, volume, turnover, bought, count)
        for ts, (opened, high, low, close, volume, turnover, bought) in zip(starts, values, strict=True)
    ]


def _mark_bars(emission: VenueEmission, length: int) -> list[MarkBar]:
    starts = emission.ts[: len(emission.ts) // (length // MINUTE) * (length // MINUTE) : length // MINUTE]
    columns = (
        _grouped(emission.mark_open, length)[:, 0],
        _grouped(emission.mark_high, length).max(axis=1),
        _grouped(emission.mark_low, length).min(axis=1),
        _grouped(emission.mark_close, length)[:, -1],
    )
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [
        MarkBar(int(ts), length, opened, high, low, close)
        for ts, (opened, high, low, close) in zip(starts, values, strict=True)
    ]


def _with_taker(bars: Sequence[MarketRow]) -> list[tuple[Bar, float]]:
    return [(bar, bar.taker_buy_volume or 0.0) for bar in bars if isinstance(bar, Bar)]


def _totals(emission: VenueEmission, length: int) -> list[LiquidationTotal]:
    feed, start = emission.liquidations, int(emission.ts[0])
    count = len(emission.ts) * MINUTE // length
    interval = (feed.ts - start) // length
    long = feed.position_side == "long"
    sides = [
        np.bincount(interval[mine], feed.notional[mine], minlength=count)[:count] for mine in (long, ~long)
    ]
    return [
        LiquidationTotal(start + number * length, length, long_usd, short_usd)
        for number, (long_usd, short_usd) in enumerate(zip(*(side.tolist() for side in sides), strict=True))
    ]


def _liquidations(emission: VenueEmission, meaning: str) -> list[Liquidation]:
    feed = emission.liquidations
    seen: dict[tuple[int, str, float, float], int] = {}
    rows = []
    for ts, side, price, quantity, notional in zip(
        feed.ts.tolist(),
        feed.position_side.tolist(),
        feed.price.tolist(),
        feed.quantity.tolist(),
        feed.notional.tolist(),
        strict=True,
    ):
        key = (ts, side, price, quantity)
        occurrence = seen.get(key, 0)
        seen[key] = occurrence + 1
        rows.append(Liquidation(ts, side, price, meaning, quantity, notional, None, "", occurrence))
    return rows


def _trades(emission: VenueEmission) -> list[Trade]:
    rows = []
    columns = (emission.close, emission.taker_buy, emission.volume - emission.taker_buy)
    for number, (ts, (close, bought, sold)) in enumerate(
        zip(emission.ts.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True)
    ):
        at = ts + MINUTE - 1
        rows.append(Trade(at, str(2 * number + 1), close, max(bought, 1e-9), "buy"))
        rows.append(Trade(at, str(2 * number + 2), close, max(sold, 1e-9), "sell"))
    return rows


def _books(emission: VenueEmission, since: int) -> list[DepthLevel]:
    rows: list[DepthLevel] = []
    for ts, mark, volume in zip(
        emission.ts.tolist(), emission.mark_close.tolist(), emission.volume.tolist(), strict=True
    ):
        if ts + MINUTE + _TOLD_AGAIN < since:
            continue
        for told in (ts + MINUTE, ts + MINUTE + _TOLD_AGAIN):
            for side, sign in (("bid", -1), ("ask", 1)):
                for level in range(_BOOK_LEVELS):
                    distance = _BOOK_STEP * (level + 1)
                    quantity = max(volume, 1e-6) * (level + 1) / _BOOK_LEVELS
                    price = mark * (1 + sign * distance)
                    rows.append(DepthLevel(told, side, level, price, quantity))  # type: ignore[arg-type]
    return rows


def _mark_at(emission: VenueEmission, ts: int) -> float:
    """Return the mark price at `ts`: the close of the minute that ends then."""
    place = int(np.searchsorted(emission.ts, ts, side="left")) - 1
    return float(emission.mark_close[max(place, 0)])


def shifted(emission: VenueEmission, by: int) -> VenueEmission:
    """Return the same publications `by` milliseconds later; whole hours keep bars on their marks."""
    return replace(
        emission,
        ts=emission.ts + by,
        open_interest_ts=emission.open_interest_ts + by,
        funding_ts=emission.funding_ts + by,
        long_short_ratio_ts=emission.long_short_ratio_ts + by,
        liquidations=replace(emission.liquidations, ts=emission.liquidations.ts + by),
    )
