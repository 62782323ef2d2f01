"""A simulated minute from within: prices, trades and books by the second, made from its bar."""

from __future__ import annotations

import numpy as np

from powderkeg.errors import InputError
from powderkeg.fake_venues.scripted_market import Series
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.market_rows import DepthLevel, MarketRow, MarkPrice, OpenInterest, Trade
from powderkeg.model.times import MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.simulation.emission import VenueEmission

FEWEST = 4
_ROUGHNESS = 0.12
_MARKS, _TRADES = 60, 240
_BOOKS_EVERY, _INTEREST_EVERY = 5 * SECOND, 10 * SECOND
_LEVELS = 20
_NEAREST, _FARTHEST = 0.00005, 0.01
_DEPTH_MINUTES = 20.0
_SMALLEST = 1e-6


def minute_paths(
    opened: FloatArray,
    high: FloatArray,
    low: FloatArray,
    closed: FloatArray,
    steps: int,
    generator: np.random.Generator,
    known: FloatArray | None = None,
) -> FloatArray:
    """Return prices inside bars, shape (bars, steps), which have exactly these opens, highs, lows and closes.

    A path goes straight from the open to one extreme, to the other and to the close, at random times and in
    random order, with Gaussian noise of a share of each stretch that is cut off at the extremes. Where prices
    within a bar are known it goes straight from one to the next, and the extremes are put where it comes
    closest to them.

    Parameters
    ----------
    opened, high, low, closed
        Shape (bars,), low <= opened, closed <= high.
    steps
        Prices of each bar, at least `FEWEST`: the first is the open, the last the close.
    generator
        Of the randomness.
    known
        Prices known at some steps, NaN at others, shape (bars, steps); what is outside of a bar's range is
        taken for the extreme that it is beyond.

    Raises
    ------
    InputError
        There are fewer steps.
    """
    if steps < FEWEST:
        raise InputError(f"steps is {steps}; expected at least {FEWEST}: open, high, low and close")
    bars = len(opened)
    inner = np.sort(generator.permuted(np.tile(np.arange(1, steps - 1), (bars, 1)), axis=1)[:, :2], axis=1)
    rising = generator.random(bars) < np.where(closed >= opened, 0.25, 0.75)
    # Where the close is above the open the low mostly comes first.
    first, second = np.where(rising, high, low), np.where(rising, low, high)
    times = np.column_stack([np.zeros(bars), inner, np.full(bars, steps - 1)])
    values = np.column_stack([opened, first, second, closed])
    clock = np.arange(steps)
    knots = [
        dict(zip(at, price, strict=True))
        for at, price in zip(times.astype(int).tolist(), values.tolist(), strict=True)
    ]
    if known is not None:
        for one in np.flatnonzero(np.isfinite(known).any(axis=1)).tolist():
            prices = (float(column[one]) for column in (opened, high, low, closed))
            knots[one] = _through(known[one], *prices)
    paths = np.empty((bars, steps))
    for bar, points in enumerate(knots):
        places = sorted(points)
        straight = np.interp(clock, places, [points[place] for place in places])
        # A calm stretch of a wild minute stays calm.
        lengths = np.abs(np.diff([points[place] for place in places]))
        local = lengths[np.clip(np.searchsorted(places, clock, side="right") - 1, 0, len(lengths) - 1)]
        noise = _ROUGHNESS * local * generator.standard_normal(steps)
        paths[bar] = np.clip(straight + noise, low[bar], high[bar])
        paths[bar, places] = [points[place] for place in places]
    return paths


def _through(known: FloatArray, opened: float, high: float, low: float, closed: float) -> dict[int, float]:
    """Return step -> price of a path through what is known that has the bar's prices."""
    last = len(known) - 1
    points = {
        int(step): min(max(float(known[step]), low), high) for step in np.flatnonzero(np.isfinite(known))
    }
    points = {step: price for step, price in points.items() if 0 < step < last}
    free = [step for step in (1, last - 1) if step not in points]
    if len(points) < 2:
        points |= dict.fromkeys(free[: 2 - len(points)], min(max(opened, low), high))
    top = max(points, key=points.__getitem__)
    bottom = min((step for step in points if step != top), key=points.__getitem__)
    ends = (opened, closed)
    if high not in ends:
        points[top] = high
    if low not in ends:
        points[bottom] = low
    return points | {0: opened, last: closed}


def shares(totals: FloatArray, parts: int, generator: np.random.Generator) -> FloatArray:
    """Return each total in so many positive parts of random size, shape (totals, parts)."""
    weights = generator.exponential(1.0, (len(totals), parts)) + 0.05
    result: FloatArray = totals[:, None] * weights / weights.sum(axis=1, keepdims=True)
    return result


def live_detail(
    emission: VenueEmission, symbol: str, window: Window, generator: np.random.Generator
) -> dict[Series, list[MarketRow]]:
    """Return marks by the second, four trades a second, books and open interest of the minutes in a window.

    Marks have the opens, highs, lows and closes of the minute's mark bar, trades those of its bar, and the
    volumes that takers bought and sold; open interest between two values is on a line. A book has twenty
    levels a side to 1 % from the mark, together the volume of twenty median minutes of the day before.

    Parameters
    ----------
    emission
        As for `simulated_series`.
    symbol
        As the venue spells it.
    window
        Whole minutes that the emission has; others are left out.
    generator
        Of the randomness.
    """
    inside = (emission.ts >= window.start) & (emission.ts + MINUTE <= window.end)
    minutes = emission.ts[inside]
    opened, high, low, closed = (
        getattr(emission, f"mark_{name}")[inside] for name in ("open", "high", "low", "close")
    )
    fills = _fills(emission, minutes, _MARKS)
    marks = minute_paths(opened, high, low, closed, _MARKS, generator, fills).ravel()
    mark_ts = (minutes[:, None] + np.arange(_MARKS) * (MINUTE // _MARKS)).ravel()
    end = int(minutes[-1]) + MINUTE if len(minutes) else window.start
    interest_ts = np.arange(int(minutes[0]) if len(minutes) else end, end, _INTEREST_EVERY)
    interest = np.interp(interest_ts, emission.open_interest_ts, emission.open_interest)
    marks_then = np.interp(interest_ts, mark_ts, marks) if len(minutes) else interest
    return {
        ("mark_prices", symbol, "all"): [
            MarkPrice(ts, price, price, None, None)
            for ts, price in zip(mark_ts.tolist(), marks.tolist(), strict=True)
        ],
        ("trades", symbol, "all"): _trades(emission, inside, generator),
        ("open_interest", symbol, "all"): [
            OpenInterest(ts, value, value, "base", 1, price)
            for ts, value, price in zip(
                interest_ts.tolist(), interest.tolist(), marks_then.tolist(), strict=True
            )
        ],
        ("depth_levels", symbol, "all"): _books(emission, window, mark_ts, marks, generator),
    }


def _fills(emission: VenueEmission, minutes: IntArray, steps: int) -> FloatArray:
    """Return the last price of a liquidation in each step of each minute, NaN where there is none."""
    found = np.full((len(minutes), steps), np.nan)
    feed = emission.liquidations
    if len(minutes):
        places = (feed.ts - int(minutes[0])) * steps // MINUTE
        inside = (places >= 0) & (places < found.size)
        found.ravel()[places[inside]] = feed.price[inside]
    return found


def _trades(emission: VenueEmission, inside: BoolArray, generator: np.random.Generator) -> list[MarketRow]:
    """Return trades a quarter of a second apart, bought and sold in turn."""
    opened, high, low, closed = (getattr(emission, name)[inside] for name in ("open", "high", "low", "close"))
    minutes = emission.ts[inside]
    fills = _fills(emission, minutes, _TRADES)
    prices = minute_paths(opened, high, low, closed, _TRADES, generator, fills)
    bought = emission.taker_buy[inside]
    quantities = np.empty_like(prices)
    for first, total in ((0, bought), (1, emission.volume[inside] - bought)):
        quantities[:, first::2] = shares(np.maximum(total, _SMALLEST), _TRADES // 2, generator)
    # Numbers rise by one: some venues' do, and who listens takes a hole for something missed.
    first_id = int(minutes[0]) // MINUTE * _TRADES if len(minutes) else 0
    ts = minutes[:, None] + np.arange(_TRADES) * (MINUTE // _TRADES)
    return [
        Trade(at, str(first_id + number), price, quantity, "sell" if number % 2 else "buy")
        for number, (at, price, quantity) in enumerate(
            zip(ts.ravel().tolist(), prices.ravel().tolist(), quantities.ravel().tolist(), strict=True)
        )
    ]


def _books(
    emission: VenueEmission,
    window: Window,
    mark_ts: IntArray,
    marks: FloatArray,
    generator: np.random.Generator,
) -> list[MarketRow]:
    before = emission.volume[(emission.ts < window.start) & (emission.ts >= window.start - 1440 * MINUTE)]
    usual = float(np.median(before)) if len(before) else 1.0
    distances = np.geomspace(_NEAREST, _FARTHEST, _LEVELS)
    # As much in each stretch of price as it is long.
    sizes = np.diff(distances, prepend=0.0) / _FARTHEST * max(usual, _SMALLEST) * _DEPTH_MINUTES
    rows: list[MarketRow] = []
    times = mark_ts[mark_ts % _BOOKS_EVERY == 0]
    for ts, mark in zip(times.tolist(), marks[mark_ts % _BOOKS_EVERY == 0].tolist(), strict=True):
        for side, sign in (("bid", -1), ("ask", 1)):
            quantities = sizes * generator.uniform(0.8, 1.2, _LEVELS)
            for level, (distance, quantity) in enumerate(
                zip(distances.tolist(), quantities.tolist(), strict=True)
            ):
                price = mark * (1 + sign * distance)
                rows.append(DepthLevel(ts, side, level, price, quantity))  # type: ignore[arg-type]
    return rows
