"""Who has been opening and closing: open interest beside the direction of the price.

Every contract has a long and a short, so open interest itself has no side. What the market calls a "long
build-up" is a rise of open interest while the price rises: longs were the eager ones, if those who move the
price are those who open. That is an inference, and it is told as one. Changes are in base units, so that the
price alone changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from powderkeg.core.arguments import positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

BuildUp = Literal["long_build_up", "short_build_up", "short_covering", "long_unwinding"]
DEAD_ZONE = 1.0
"""A move has a name from this multiple of its usual size on: the median, so half of all moves have none."""
_NAMES: dict[tuple[bool, bool], BuildUp] = {
    (True, True): "long_build_up",
    (False, True): "short_build_up",
    (True, False): "short_covering",
    (False, False): "long_unwinding",
}


def build_up(
    price_change: float,
    open_interest_change: float,
    usual_price_change: float,
    usual_open_interest_change: float,
    *,
    dead_zone: float = DEAD_ZONE,
) -> BuildUp | None:
    """Return what a joint move of price and open interest is called; None inside the noise.

    ========== ============== =====================
    price      open interest  name
    ========== ============== =====================
    up         up             ``long_build_up``
    down       up             ``short_build_up``
    up         down           ``short_covering``
    down       down           ``long_unwinding``
    ========== ============== =====================

    None where either move is not larger than `dead_zone` times its usual size, or one of the four is not
    known (NaN): without a usual size nothing is a move.

    Parameters
    ----------
    price_change, open_interest_change
        Natural log of the ratio over the same time; open interest in base.
    usual_price_change, usual_open_interest_change
        As `powderkeg.core.usual_change.usual_change`, >= 0.
    dead_zone
        Multiple of the usual size, >= 0.

    Raises
    ------
    InputError
        `dead_zone` is negative.
    """
    if not dead_zone >= 0:
        raise InputError(f"dead_zone is {dead_zone:g}; expected a multiple from 0")
    moves = (price_change, usual_price_change), (open_interest_change, usual_open_interest_change)
    for change, usual in moves:
        # Comparisons with NaN are false, so what is not known has no name.
        if not abs(change) > dead_zone * usual:
            return None
    return _NAMES[price_change > 0, open_interest_change > 0]


@dataclass(frozen=True, slots=True)
class Opened:
    """Open interest that came and went while the price was inside a range.

    Attributes
    ----------
    opened, closed
        USD of the rises and of the falls of open interest, each step at its price, >= 0. What was opened and
        closed inside one step is in neither: both are floors.
    short_led, long_led
        USD of `opened` whose taker sold, and bought, if those who opened took as all who traded in the step
        did. NaN where the taker flow of no rise is known.
    flow_known
        Share of `opened` of which the taker flow is known; NaN where nothing was opened. The two above are
        of that part alone.
    steps
        How many steps lay inside the range with open interest known at both ends.
    """

    opened: float
    closed: float
    short_led: float
    long_led: float
    flow_known: float
    steps: int

    @property
    def net(self) -> float:
        """Opened less closed, USD."""
        return self.opened - self.closed


def opened_in_range(
    price: FloatArray,
    open_interest: FloatArray,
    low: float,
    high: float,
    sold_share: FloatArray | None = None,
) -> Opened:
    """Return what was opened and closed in the steps whose mean price lies in [low, high].

    With dO the change of open interest over a step and p the mean of the prices at its ends, `opened` is the
    sum of max(dO, 0) p and `closed` that of max(-dO, 0) p. As many longs as shorts were opened: only
    `short_led` and `long_led` say who was in a hurry, sum of max(dO, 0) p s and of max(dO, 0) p (1 - s) with
    s the share of the step's taker volume that sold.

    Parameters
    ----------
    price, open_interest
        At successive instants, quote per base and base units, NaN where not known, shape (n,).
    low, high
        Prices, 0 < low <= high.
    sold_share
        Share of taker volume that sold in the step that ends at each instant, [0, 1], NaN where not known,
        shape (n,); the first is not looked at.

    Raises
    ------
    InputError
        Shapes differ, or a price is not positive, or `high` is below `low`.
    """
    if price.shape != open_interest.shape or (sold_share is not None and sold_share.shape != price.shape):
        raise InputError(f"open_interest: shape {open_interest.shape} where price has {price.shape}")
    positive("low", low)
    if not high >= low:
        raise InputError(f"high is {high:g}; expected at least the low, {low:g}")
    middle = (price[1:] + price[:-1]) / 2
    change = np.diff(open_interest) * middle
    inside = np.isfinite(change) & (middle >= low) & (middle <= high)
    risen = np.where(inside, np.maximum(change, 0.0), 0.0)
    opened = float(risen.sum())
    sold = np.full(len(change), np.nan) if sold_share is None else sold_share[1:]
    known = np.isfinite(sold)
    told = float(risen[known].sum())
    short_led = float((risen * np.where(known, sold, 0.0)).sum())
    return Opened(
        opened=opened,
        closed=float(np.where(inside, np.maximum(-change, 0.0), 0.0).sum()),
        short_led=short_led if told > 0 else math.nan,
        long_led=told - short_led if told > 0 else math.nan,
        flow_known=told / opened if opened > 0 else math.nan,
        steps=int(inside.sum()),
    )
