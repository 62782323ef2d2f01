"""How likely levels are touched by volatility alone, and who is offside: what surrounds a squeeze.

A risk measure. Touch probabilities know neither direction nor the liquidations themselves.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from powderkeg.core.crowding import MeasuredCrowding, ModelledCrowding
from powderkeg.core.touch_probability import expected_liquidation, touch_probability
from powderkeg.core.volatility import ewma_volatility
from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, duration_text

DISTANCES = (0.01, 0.03, 0.05, 0.10)
ENTRIES_OF_A_SUM = "entries of a sum over venues are not read"
"""Why a sum has no crowding."""
_WINDOW = 30 * DAY


@dataclass(frozen=True, slots=True)
class Touched:
    """A price, and how likely it is touched within the horizon.

    Attributes
    ----------
    price, distance
        The price, and that over the mark less 1.
    probability
        In [0, 1], from volatility alone.
    standing
        Notional that stands on the way there, USD.
    """

    price: float
    distance: float
    probability: float
    standing: float


@dataclass(frozen=True, slots=True)
class SqueezeConditions:
    """What surrounds a squeeze in one direction.

    Attributes
    ----------
    side
        ``up`` or ``down``.
    horizon
        Milliseconds.
    volatility
        Of the log price per root day.
    touched
        Levels at round distances and those asked about, nearest first.
    expected_liquidation
        Sum over bins of touch probability times what stands there, USD.
    crowding
        Who of the forced side is offside at the mark; None where it cannot be told.
    crowding_note
        Why it cannot be told; empty otherwise.
    """

    side: str
    horizon: int
    volatility: float
    touched: tuple[Touched, ...]
    expected_liquidation: float
    crowding: MeasuredCrowding | ModelledCrowding | None
    crowding_note: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``powderkeg squeeze --json`` prints as ``conditions``."""
        crowding = None
        if self.crowding is not None:
            kind = "measured" if isinstance(self.crowding, MeasuredCrowding) else "modelled"
            crowding = {"kind": kind, **asdict(self.crowding)}
        return {
            "horizon": duration_text(self.horizon),
            "volatility_per_root_day": self.volatility,
            "touched": [asdict(one) for one in self.touched],
            "expected_liquidation": self.expected_liquidation,
            "crowding": crowding,
            "crowding_note": self.crowding_note,
        }


def frame_volatility(frame: MarketFrame, at: int) -> float:
    """Return the volatility of log price per root day that was known at a time, from a month of bars.

    Raises
    ------
    InputError
        No two bars in a row are known.
    """
    rows = np.flatnonzero((frame.ts + frame.step <= at) & (frame.ts >= at - _WINDOW))
    volatility = float(ewma_volatility(frame.close[rows], frame.step)[-1]) if len(rows) else math.nan
    if not volatility > 0:
        raise InputError("volatility: the price never moved in the bars of the month before")
    return volatility


def squeeze_conditions(
    liquidation_map: LiquidationMap,
    direction: int,
    *,
    volatility: float,
    horizon: int,
    prices: tuple[float, ...] = (),
    crowding: MeasuredCrowding | ModelledCrowding | None = None,
    crowding_note: str = "",
) -> SqueezeConditions:
    """Return touch probabilities and expected liquidations in one direction.

    Parameters
    ----------
    liquidation_map
        The map.
    direction
        -1 or +1.
    volatility, horizon
        As in `powderkeg.core.touch_probability.touch_probability`.
    prices
        Further prices to tell of; those on the other side are left out.
    crowding, crowding_note
        To hand on.

    Raises
    ------
    InputError
        A number is outside its range.
    """
    mark = liquidation_map.mark_price
    round_ones = [mark * (1 + direction * distance) for distance in DISTANCES]
    asked = sorted(
        {*round_ones, *(price for price in prices if (price - mark) * direction > 0)},
        key=lambda price: abs(math.log(price / mark)),
    )
    chances = touch_probability(np.abs(np.log(np.array(asked) / mark)), volatility, horizon)
    mass = liquidation_map.standing_ahead(direction)
    expected = expected_liquidation(
        liquidation_map.grid, mass, mark, direction, volatility=volatility, horizon=horizon
    )
    return SqueezeConditions(
        side="up" if direction > 0 else "down",
        horizon=horizon,
        volatility=volatility,
        touched=tuple(
            Touched(price, price / mark - 1, float(chance), liquidation_map.liquidated_if(price).notional)
            for price, chance in zip(asked, chances, strict=True)
        ),
        expected_liquidation=float(expected.sum()),
        crowding=crowding,
        crowding_note=crowding_note,
    )
