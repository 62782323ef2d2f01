"""Depth from cumulative bands: what rests within 1 to 5 % of the middle, as a venue adds it up.

Between bands depth is taken to grow evenly. Inside the first and beyond the last it follows a power law

    D(x) = D_1 (x / x_1)^a      and      D(x) = D_n (x / x_n)^a

whose exponent a is fitted to the bands by least squares in logs, and held within 0.3 and 1.5. With fewer than
two bands that hold anything a is 0.67: the shape that depth of bitcoin has near the middle according to a
third party, and about what bands of 1 to 5 % show (0.71 and 0.77 in those of 2025-05-19 that
binance-public-data issue 431 quotes, read 2026-11-25). Nearer than some 0.2 % a recorded book
rises more steeply, as x to x^2: a power law there says too much.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, non_negative, positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.depth_curve import DepthCurve, Direction

SHAPE_EXPONENT = 0.67
EXPONENT_BOUNDS = (0.3, 1.5)
_NEAREST, _POINTS = 1e-3, 32
# What the mean price of a band may be off: the mark of a venue is not the middle of its book.
_MARK_TOLERANCE = 0.01


def band_depth(
    distance: npt.ArrayLike,
    notional: npt.ArrayLike,
    *,
    direction: Direction,
    source: str,
    as_of: int,
    quantity: npt.ArrayLike | None = None,
    mark_price: float | None = None,
) -> DepthCurve:
    """Return the depth of one side from bands of one instant.

    Parameters
    ----------
    distance
        Signed fraction of the middle up to which each band counts, below 0 for bids, shape (n,); both sides
        or one, in any order.
    notional
        All that rests between the middle and there, in quote, >= 0, shape (n,).
    direction
        -1: bids absorb a fall; +1: asks absorb a rise.
    source, as_of
        As in `DepthCurve`.
    quantity, mark_price
        The same in base, and the mark of that time: given both, bands whose mean price cannot be that of the
        mark are refused. Binance's files of April and May 2025 hold bands 20 % away from the market.

    Raises
    ------
    InputError
        No band on that side, a number outside its range, two bands at one distance, a band that holds less
        than one inside it, nothing in any band, or bands of another price than the mark.
    """
    if direction not in (-1, 1):
        raise InputError(f"direction is {direction}; expected -1 or 1")
    place, held = finite("distance", distance), non_negative("notional", notional)
    if place.ndim != 1 or place.shape != held.shape:
        raise InputError(f"distance: shape {place.shape} where notional has {held.shape}")
    wrong = (place == 0) | (place <= -1)
    if wrong.any():
        raise InputError(f"distance is {place[wrong][0]:g}; expected a fraction above -1 that is not 0")
    ours = np.flatnonzero(np.sign(place) == direction)
    side = "bids" if direction < 0 else "asks"
    if not len(ours):
        raise InputError(f"bands: none of {side} among {len(place)}; expected at least one")
    if quantity is not None and mark_price is not None:
        base = non_negative("quantity", quantity)
        if base.shape != place.shape:
            raise InputError(f"quantity: shape {base.shape} where distance has {place.shape}")
        _check_prices(place, held, base, float(positive("mark_price", mark_price)))
    ours = ours[np.argsort(np.abs(place[ours]))]
    x, absorbed = np.abs(np.log1p(place[ours])), held[ours]
    for inner, outer in pairwise(ours.tolist()):
        if place[inner] == place[outer]:
            raise InputError(f"distance: two bands of {side} at {place[outer]:g}; expected one")
        if held[outer] < held[inner]:
            raise InputError(
                f"notional is {held[outer]:.10g} within {place[outer]:g}, less than the {held[inner]:.10g} "
                f"within {place[inner]:g}; expected cumulative notionals"
            )
    if absorbed[-1] == 0:
        raise InputError(f"bands: nothing in any of {side}; expected a book with orders in it")
    exponent = fitted_exponent(x, absorbed)
    near = np.geomspace(_NEAREST, 1.0, _POINTS)[:-1]
    inside = absorbed[0] * near**exponent
    return DepthCurve(
        direction=direction,
        displacement=np.concatenate([[0.0], x[0] * near, x]),
        absorbed=np.concatenate([[0.0], inside, absorbed]),
        tail_exponent=exponent,
        kind="bands",
        source=source,
        as_of=as_of,
    )


def fitted_exponent(displacement: FloatArray, absorbed: FloatArray) -> float:
    """Return the slope of ln D over ln x by least squares, within `EXPONENT_BOUNDS`.

    `SHAPE_EXPONENT` where fewer than two points hold anything.
    """
    known = (displacement > 0) & (absorbed > 0)
    if np.count_nonzero(known) < 2:
        return SHAPE_EXPONENT
    x, depth = np.log(displacement[known]), np.log(absorbed[known])
    away = x - x.mean()
    slope = float((away * depth).sum() / (away**2).sum())
    return min(max(slope, EXPONENT_BOUNDS[0]), EXPONENT_BOUNDS[1])


def _check_prices(place: FloatArray, notional: FloatArray, quantity: FloatArray, mark: float) -> None:
    held: BoolArray = (notional > 0) & (quantity > 0)
    mean = notional[held] / quantity[held]
    low = mark * (1 + np.minimum(place[held], 0.0)) * (1 - _MARK_TOLERANCE)
    high = mark * (1 + np.maximum(place[held], 0.0)) * (1 + _MARK_TOLERANCE)
    wrong = np.flatnonzero((mean < low) | (mean > high))
    if len(wrong):
        at = wrong[np.argmax(np.abs(np.log(mean[wrong] / mark)))]
        raise InputError(
            f"bands: orders within {place[held][at]:g} have a mean price of {mean[at]:.10g} where the mark "
            f"is {mark:.10g} ({mean[at] / mark - 1:+.0%}); expected one between {low[at]:.10g} and "
            f"{high[at]:.10g}: the bands are of another price than their time"
        )
