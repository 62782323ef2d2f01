"""How much of the liquidations a throttled feed shows: a bound from how often its slots are taken."""

from __future__ import annotations

import math

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray

CLUSTERING = 6.0
"""How many times more than random arrivals explain may have happened: on simulated throttled feeds the share
shown lay between a sixth of the bound of `throttled_coverage` and the bound (docs/method.md, Calibration)."""
RATE_WINDOW = 60
"""Slots over which the rate of a throttled feed is taken as constant."""


def throttled_coverage(times: IntArray, *, slot: int, window: int = 60_000) -> tuple[float, FloatArray]:
    """Return an upper bound of the share of events that a throttled feed shows, and the estimate per window.

    A feed that shows at most one event per slot, such as Binance's one per symbol and second, hides what
    falls into a taken slot. If events came at random, N taken slots out of T would mean -T ln(1 - N / T)
    events. Taken window by window with activity, since the rate changes; a window with every slot taken
    counts T ln(2 T) events. Events cluster inside a window too, so more are hidden than this says: the
    share is an upper bound, and it counts events, not USD.

    Parameters
    ----------
    times
        UTC milliseconds of the shown events, ascending, shape (n,), at least one.
    slot
        Milliseconds in which at most one event is shown.
    window
        Milliseconds over which the rate is taken as constant, a multiple of `slot`.

    Returns
    -------
    tuple of float and FloatArray
        Shown over estimated events, in (0, 1], and the estimated events of each window that has any.

    Raises
    ------
    InputError
        No event, or `window` is not a multiple of `slot`.

    References
    ----------
    Linear counting: Whang, Vander-Zanden and Taylor, ACM TODS 15 (1990).
    """
    if len(times) == 0:
        raise InputError("liquidations: no event to estimate the coverage of the feed from")
    if slot <= 0 or window <= 0 or window % slot:
        raise InputError(f"window: {window} ms; expected a positive multiple of the slot, {slot} ms")
    slots = window // slot
    taken = np.unique(times // slot)
    _, counts = np.unique(taken * slot // window, return_counts=True)
    free = np.maximum(slots - counts, 0.5)
    estimated = np.maximum(slots * np.log(slots / free), counts)
    share = float(counts.sum() / estimated.sum())
    return min(share, 1.0) if math.isfinite(share) else 1.0, np.asarray(estimated, np.float64)
