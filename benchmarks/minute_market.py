"""One-minute bars made on the spot for benchmarks: like a market in their volatility and nothing else."""

from __future__ import annotations

import numpy as np

from powderkeg.core.named_models import worlds
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import MINUTE
from powderkeg.model.worlds_parameters import WorldsParameters

YEAR = 365 * 24 * 60
_START = 1_735_689_600_000


def minute_market(bars: int) -> MarketFrame:
    """Return `bars` one-minute bars with 60 % yearly volatility and hourly open interest."""
    generator = np.random.default_rng(1)
    shocks = generator.standard_t(3, bars) / np.sqrt(3) * 0.6 / np.sqrt(YEAR)
    close = np.log(100_000.0) + np.cumsum(shocks)
    opened = np.concatenate([[close[0]], close[:-1]])
    wick = np.abs(generator.normal(size=(2, bars))) * 0.0003
    high, low = np.exp(np.maximum(opened, close) + wick[0]), np.exp(np.minimum(opened, close) - wick[1])
    hours = np.exp(0.01 * np.cumsum(generator.normal(size=bars // 60 + 1)) / 3)
    return MarketFrame(
        symbol="BTC",
        venue="made",
        step=MINUTE,
        ts=_START + np.arange(bars, dtype=np.int64) * MINUTE,
        open=np.exp(opened),
        high=high,
        low=low,
        close=np.exp(close),
        volume=generator.gamma(1.0, 20.0, size=bars),
        mark_high=high,
        mark_low=low,
        mark_close=np.exp(close),
        open_interest=30_000 * hours.repeat(60)[:bars],
        open_interest_age=np.zeros(bars, np.int64),
        valid=np.ones(bars, np.bool_),
    )


def parameters_of(distance_classes: int) -> WorldsParameters:
    """Return the default dictionary thinned to `distance_classes` times 4 worlds; it must divide 16."""
    full = worlds()
    group = full.nearest.shape[1] // distance_classes
    return WorldsParameters(
        name=f"{distance_classes * 4} worlds",
        nearest=full.nearest[:, ::group],
        farthest=full.farthest[:, group - 1 :: group],
        turnover=full.turnover,
        weights=full.weights.reshape(2, distance_classes, group, 4).sum(axis=2),
        bin_width=full.bin_width,
        source=full.source,
    )
