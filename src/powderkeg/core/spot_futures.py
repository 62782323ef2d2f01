"""Spot against futures: whether positions were built with spot being bought, or without."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

QUIET = 0.01
"""Relative changes of open interest smaller than this count as none."""
_FEWEST = 0.9

Build = Literal[
    "open interest up, spot bought",
    "open interest up, spot not bought",
    "open interest down, spot bought",
    "open interest down, spot not bought",
    "open interest steady",
]


class TakerFlow(NamedTuple):
    """What takers did in a window.

    `net_usd` is what they bought less what they sold, `traded_usd` all that was traded in the same bars, and
    `known` the share of the window's bars of which both are known. The first two are None below nine in ten.
    """

    net_usd: float | None
    traded_usd: float | None
    known: float

    @property
    def share(self) -> float | None:
        """The net over what was traded, in [-1, 1]; None where it is not known, or nothing was."""
        return self.net_usd / self.traded_usd if self.net_usd is not None and self.traded_usd else None


def taker_flow(close: FloatArray, volume: FloatArray, taker_buy: FloatArray) -> TakerFlow:
    """Return the flow of takers over bars: sum of (2 buy - volume) x close.

    Parameters
    ----------
    close, volume, taker_buy
        Price, and base units traded and bought by takers, of each bar, shape (n,), n >= 1; NaN where not
        known.

    Raises
    ------
    InputError
        Shapes differ, or takers bought more than was traded, beyond rounding.
    """
    if not close.shape == volume.shape == taker_buy.shape or not len(close):
        raise InputError(
            f"close, volume, taker_buy: shapes {close.shape}, {volume.shape}, {taker_buy.shape}; expected one"
        )
    if np.any((taker_buy > volume * (1 + 1e-6) + 1e-9) | (taker_buy < 0)):
        row = int(np.argmax((taker_buy > volume * (1 + 1e-6) + 1e-9) | (taker_buy < 0)))
        raise InputError(
            f"taker_buy[{row}] is {taker_buy[row]:.10g}; expected 0 to the volume, {volume[row]:.10g}"
        )
    known = np.isfinite(close) & np.isfinite(volume) & np.isfinite(taker_buy)
    share = float(known.mean())
    if share < _FEWEST:
        return TakerFlow(None, None, share)
    net = float(((2 * taker_buy - volume) * close)[known].sum())
    traded = float((volume * close)[known].sum())
    return TakerFlow(net, traded, share)


def build_of(open_interest_change: float, spot_net_usd: float) -> Build:
    """Return what a change of open interest, as a fraction, and the net of spot takers are together.

    It describes the window. A seller stands behind every buyer: it says who was in a hurry.
    """
    if abs(open_interest_change) < QUIET:
        return "open interest steady"
    if open_interest_change > 0:
        return "open interest up, spot bought" if spot_net_usd > 0 else "open interest up, spot not bought"
    return "open interest down, spot bought" if spot_net_usd > 0 else "open interest down, spot not bought"
