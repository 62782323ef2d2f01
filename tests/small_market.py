"""A small market made on the spot, so that powderkeg can be tried without any data.

It is a price path with open interest, volume and funding that move as they do in real markets, with one short
squeeze and one crash planted in it. Nobody trades in it: liquidations do not move its price, and there are no
positions to be liquidated. What is drawn from it shows what the pictures look like, not what a market does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR, MINUTE

BAR = 5 * MINUTE
FUNDING_INTERVAL = 8 * HOUR
_TICKS_PER_BAR = 10
_BARS_PER_DAY = DAY // BAR


@dataclass(frozen=True, slots=True)
class SmallMarket:
    """Simulated public data of one instrument.

    Attributes
    ----------
    ts
        Start of each five-minute bar, UTC milliseconds, shape (n,).
    open, high, low, close
        Quote per base, shape (n,).
    volume
        Base units, shape (n,).
    open_interest_ts, open_interest
        One-sided open interest in base units every hour, at that instant.
    funding_ts, funding_rate
        Every eight hours, a fraction of notional.
    """

    ts: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    open_interest_ts: IntArray
    open_interest: FloatArray
    funding_ts: IntArray
    funding_rate: FloatArray


def small_market(
    generator: np.random.Generator, *, start: int, days: int = 45, price: float = 100_000.0
) -> SmallMarket:
    """Return `days` of five-minute bars from `start` on, the same for the same generator state.

    Log returns are Student-t with three degrees of freedom, rescaled to unit variance, with a volatility
    that clusters. After two fifths of the time the price is squeezed up by 9 % within four hours; after four
    fifths it falls by 16 % within two and recovers a third of it. Open interest builds up between these
    events and falls by a tenth and by a third in them. Volume grows with the size of the move.

    Parameters
    ----------
    generator
        Source of randomness.
    start
        UTC milliseconds, on a multiple of eight hours.
    days
        At least 10.
    price
        First price in quote per base, > 0.

    Raises
    ------
    InputError
        `days` or `price` is out of range, or `start` is not on a multiple of eight hours.
    """
    if days < 10:
        raise InputError(f"days: {days} is too short for the planted events; at least 10")
    if not price > 0:
        raise InputError(f"price: {price} is not positive")
    if start % FUNDING_INTERVAL:
        raise InputError(f"start: {start} is not on a multiple of eight hours")
    bars = days * _BARS_PER_DAY
    squeeze = _ramp(bars, begin=int(bars * 0.4), length=4 * HOUR // BAR)
    crash = _ramp(bars, begin=int(bars * 0.8), length=2 * HOUR // BAR)
    recovery = _ramp(bars, begin=int(bars * 0.8) + 2 * HOUR // BAR, length=16 * HOUR // BAR)
    planted = np.log(1.09) * squeeze + np.log(0.84) * crash - np.log(0.84) / 3 * recovery

    regime = np.exp(0.35 * _wander(generator, bars, memory=2 * _BARS_PER_DAY))
    stress = 1 + 5 * (np.gradient(squeeze) + np.gradient(crash)) / np.gradient(crash).max()
    volatility = 0.0009 * regime * stress
    shocks = generator.standard_t(3, size=(bars, _TICKS_PER_BAR)) / np.sqrt(3)
    ticks = shocks * (volatility / np.sqrt(_TICKS_PER_BAR))[:, None]
    ticks += np.diff(planted, prepend=0.0)[:, None] / _TICKS_PER_BAR
    # A weak pull back to the start keeps a long path in a range that looks like a market.
    path = np.cumsum(ticks.ravel())
    path = np.log(price) + 0.75 * (path - planted.repeat(_TICKS_PER_BAR)) + planted.repeat(_TICKS_PER_BAR)
    prices = np.exp(path).reshape(bars, _TICKS_PER_BAR)
    opens = np.concatenate([[price], prices[:-1, -1]])

    interest = 28_000 * np.exp(
        0.06 * _wander(generator, bars, memory=4 * _BARS_PER_DAY)
        + 0.25 * np.linspace(0, 1, bars)
        + np.log(0.9) * squeeze
        + np.log(0.67) * crash
    )
    span = np.log(np.maximum(prices.max(axis=1), opens) / np.minimum(prices.min(axis=1), opens))
    volume = 60 * generator.gamma(4.0, 0.25, size=bars) * (0.3 + span / 0.0009)
    # Every change of open interest is traded.
    volume += 1.05 * np.abs(np.diff(interest, prepend=interest[0]))

    every_hour = np.arange(0, bars, HOUR // BAR)
    every_funding = np.arange(0, bars, FUNDING_INTERVAL // BAR)
    trend = np.log(opens[every_funding] / opens[np.maximum(every_funding - 3 * _BARS_PER_DAY, 0)])
    ts = start + np.arange(bars, dtype=np.int64) * BAR
    return SmallMarket(
        ts=ts,
        open=opens,
        high=np.maximum(prices.max(axis=1), opens),
        low=np.minimum(prices.min(axis=1), opens),
        close=prices[:, -1],
        volume=volume,
        open_interest_ts=ts[every_hour],
        open_interest=interest[every_hour],
        funding_ts=ts[every_funding],
        funding_rate=np.clip(1e-4 + 0.004 * trend, -7.5e-4, 7.5e-4),
    )


def _ramp(bars: int, *, begin: int, length: int) -> FloatArray:
    """Return 0 before `begin`, 1 after `begin` + `length`, and a smooth step between, shape (bars,)."""
    x = np.clip((np.arange(bars) - begin) / length, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))


def _wander(generator: np.random.Generator, bars: int, *, memory: int) -> FloatArray:
    """Return a stationary autoregressive path of unit variance that forgets over `memory` bars."""
    keep = np.exp(-1.0 / memory)
    noise = generator.normal(size=bars) * np.sqrt(1 - keep * keep)
    path = np.empty(bars)
    value = generator.normal()
    for i in range(bars):
        value = keep * value + noise[i]
        path[i] = value
    return path
