"""Depth of several venues together, a near book continued by a far estimate, and depth under stress.

Stress is a factor on all depth. How far depth falls is known from a few events only (read 2026-11-25):

- ``thin`` 0.7: bitcoin within 1 %, from 20 to 14 million USD in the weeks after 10 October 2025 (CoinDesk
  Research).
- ``stressed`` 0.4: November 2022, -57 % at Kraken, -41 % within 2 % on all venues (Kaiko).
- ``collapsed`` 0.1: more than 90 % gone at large venues in the cascade of 10 October 2025 (FTI Consulting);
  books appeared empty for minutes but for orders some 4 % away (Kaiko).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve, DepthKind

STRESS_FACTORS = {"calm": 1.0, "thin": 0.7, "stressed": 0.4, "collapsed": 0.1}
"""What is left of depth in each regime."""

# From what is counted to what is guessed: a sum is no better than its worst part.
_KINDS: tuple[DepthKind, ...] = ("book", "bands", "law")


def combined_depth(curves: Sequence[DepthCurve]) -> DepthCurve:
    """Return what venues absorb together when all of them are displaced alike: D(x) = sum_i D_i(x).

    Displacement counts from each venue's own mark, so a basis between them is taken to stay. A book that ends
    absorbs no more beyond; a tail goes on, and the sum's exponent is the slope of the sum at its last point.
    Its kind is that of its least certain part, its time that of the oldest.

    Raises
    ------
    InputError
        No curves, or of different directions.
    """
    if not curves:
        raise InputError("curves: none; expected at least one venue's depth")
    _same_direction(curves)
    last = max(float(curve.displacement[-1]) for curve in curves)
    curves = [curve.reaching(last) for curve in curves]
    places = np.unique(np.concatenate([curve.displacement for curve in curves]))
    sides = np.sum([_before_and_at(curve, places) for curve in curves], axis=0)
    displacement = np.concatenate([[0.0], np.repeat(places, 2)])
    absorbed = np.concatenate([[0.0], sides.T.ravel()])
    kept = np.ones(len(displacement), np.bool_)
    kept[1:] = (np.diff(displacement) > 0) | (np.diff(absorbed) > 0)
    return DepthCurve(
        direction=curves[0].direction,
        displacement=displacement[kept],
        absorbed=absorbed[kept],
        tail_exponent=_slope_at_the_end(curves, float(absorbed[-1])),
        kind=max((curve.kind for curve in curves), key=_KINDS.index),
        source="; ".join(dict.fromkeys(curve.source for curve in curves)),
        as_of=min(curve.as_of for curve in curves),
    )


def continued_depth(near: DepthCurve, far: DepthCurve) -> DepthCurve:
    """Return `near` up to its last point, and from there on what `far` adds beyond it.

    For a book of a few levels: twenty levels of bitcoin reach 0.003 %, and no exponent carries them to 5 %.
    `near` itself where `far` says nothing of what lies beyond.

    Raises
    ------
    InputError
        The directions differ.
    """
    _same_direction([near, far])
    last = float(near.displacement[-1])
    # A tail that begins nearer than the book ends is written out, well beyond it.
    far = far.reaching(2 * last)
    beyond = far.displacement > last
    if not beyond.any():
        return near
    added = far.absorbed[beyond] - _before_and_at(far, np.array([last]))[1, 0]
    absorbed = np.concatenate([near.absorbed, near.absorbed[-1] + np.maximum(added, 0.0)])
    return DepthCurve(
        direction=near.direction,
        displacement=np.concatenate([near.displacement, far.displacement[beyond]]),
        absorbed=absorbed,
        tail_exponent=_slope_at_the_end([far], float(absorbed[-1])),
        kind=max(near.kind, far.kind, key=_KINDS.index),
        source=f"{near.source}; beyond {np.expm1(last):.3%}: {far.source}",
        as_of=min(near.as_of, far.as_of),
    )


def stressed_depth(curve: DepthCurve, regime: str) -> DepthCurve:
    """Return the curve in one of the regimes of `STRESS_FACTORS`.

    Raises
    ------
    InputError
        No regime has that name.
    """
    if regime not in STRESS_FACTORS:
        raise InputError(f"regime is {regime!r}; expected one of {', '.join(STRESS_FACTORS)}")
    return curve.scaled(STRESS_FACTORS[regime])


def _same_direction(curves: Sequence[DepthCurve]) -> None:
    found = {curve.direction for curve in curves}
    if len(found) > 1:
        named = ", ".join(f"{curve.source} {curve.direction:+d}" for curve in curves)
        raise InputError(f"direction: curves of both directions ({named}); expected one")


def _slope_at_the_end(curves: Sequence[DepthCurve], absorbed: float) -> float | None:
    """Return d ln D / d ln x of a sum where its tails begin, `absorbed` being all of it there."""
    growth = sum(
        curve.tail_exponent * float(curve.absorbed[-1]) for curve in curves if curve.tail_exponent is not None
    )
    return growth / absorbed if growth > 0 else None


def _before_and_at(curve: DepthCurve, places: FloatArray) -> FloatArray:
    """Return what is absorbed just before each place and at it, shape (2, n)."""
    first = np.searchsorted(curve.displacement, places, side="left")
    last = np.searchsorted(curve.displacement, places, side="right")
    between = np.interp(places, curve.displacement, curve.absorbed)
    values = np.array([curve.absorbed[np.minimum(first, len(curve.absorbed) - 1)], curve.absorbed[last - 1]])
    return np.where(first < last, values, between)
