"""Bars of a frame merged into the columns of a heatmap."""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame


def candles(frame: MarketFrame, stops: IntArray, rows: int) -> tuple[FloatArray, ...]:
    """Return open, high, low and close over the `rows` bars before each stop; NaN where none is valid."""
    out = np.full((4, len(stops)), np.nan)
    begins = np.maximum(stops - rows, 0)
    bounds = np.column_stack([begins, stops]).ravel()
    # reduceat takes [begin, stop) pairs at every other place; a stop at the very end needs one more element.
    padded_high = np.append(np.where(frame.valid, frame.high, -np.inf), -np.inf)
    padded_low = np.append(np.where(frame.valid, frame.low, np.inf), np.inf)
    high = np.maximum.reduceat(padded_high, bounds)[::2]
    low = np.minimum.reduceat(padded_low, bounds)[::2]
    seen = np.isfinite(high)
    index = np.arange(len(frame))
    next_valid = np.minimum.accumulate(np.where(frame.valid, index, len(frame))[::-1])[::-1]
    last_valid = np.maximum.accumulate(np.where(frame.valid, index, -1))
    out[0, seen] = frame.open[next_valid[begins[seen]]]
    out[1, seen] = high[seen]
    out[2, seen] = low[seen]
    out[3, seen] = frame.close[last_valid[stops[seen] - 1]]
    return tuple(out)


def last_observed(values: FloatArray, observed: BoolArray) -> FloatArray:
    """Return for each row the value of the last observed row up to it; the first row's before any was."""
    return values[np.maximum.accumulate(np.where(observed, np.arange(len(values)), 0))]
