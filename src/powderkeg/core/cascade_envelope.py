"""How far an order carries the price when it forces more orders: every order size in one pass.

With x >= 0 the displacement |ln(P / mark)| in the direction of the push, D(x) the notional that the book
absorbs up to x and L(x) the notional that is force-closed up to x, an order of size Q needs
D(x) = Q + L(x), so it lands where G = D - L first reaches it:

    x*(Q) = inf {x : G(x) >= Q}

Both curves are piecewise linear, so G is, and the running maximum of G at its breakpoints answers every Q.
Where G lies below its running maximum the price does not stop: a *self-sustaining zone* that begins at its
trigger and ends where G has risen to the same height again. In it the local branching ratio n = L' / D'
exceeds 1 at first: each dollar sold forces more than a dollar.

`cascade_envelope_kernel` is the same, compiled; `walked_landing` is a slow walk that tests compare both with.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.price_grid import PriceGrid

# ln 3: how far the tail of a depth curve is followed.
FARTHEST = 1.1


@dataclass(frozen=True, slots=True)
class ForcedCurve:
    """Notional force-closed on the way from the mark to each displacement.

    Attributes
    ----------
    displacement
        As in `DepthCurve`, shape (n,), n >= 1.
    forced
        Notional in quote up to there, not descending, the first 0; shape (n,). Nothing beyond the last point.

    Raises
    ------
    InputError
        A shape, order or number is wrong.
    """

    displacement: FloatArray
    forced: FloatArray

    def __post_init__(self) -> None:
        for name in ("displacement", "forced"):
            values = read_only(getattr(self, name))
            if values.ndim != 1 or not len(values) or values[0] != 0 or np.any(np.diff(values) < 0):
                raise InputError(f"forced orders: {name} does not rise from 0")
            if not np.all(np.isfinite(values)):
                raise InputError(f"forced orders: {name} holds a number that is not finite")
            object.__setattr__(self, name, values)
        if len(self.displacement) != len(self.forced):
            raise InputError("forced orders: as many displacements as notionals were expected")


def forced_curve(
    grid: PriceGrid, notional: FloatArray, mark_price: float, direction: int, pass_through: float = 1.0
) -> ForcedCurve:
    """Return what one side of a map releases on the way from the mark.

    Parameters
    ----------
    grid, notional
        The side that the direction liquidates, longs below or shorts above the mark: quote per bin, >= 0.
        Within a bin it is uniform in log price, in the mark's own bin over the part that lies ahead. What
        lies behind the mark is released at once.
    mark_price
        Quote per base, > 0.
    direction
        -1 for a fall, +1 for a rise.
    pass_through
        Share of what stands that is really forced, >= 0.

    Raises
    ------
    InputError
        A number is outside its range.
    """
    if not (np.isfinite(pass_through) and pass_through >= 0):
        raise InputError(f"pass_through: {pass_through:g}; expected a number from 0")
    if not (np.isfinite(mark_price) and mark_price > 0):
        raise InputError(f"mark_price: {mark_price:g}; expected a positive price")
    if grid.count == 0:
        return ForcedCurve(np.zeros(1), np.zeros(1))
    mark = np.log(mark_price)
    edges = np.arange(grid.first, grid.first + grid.count + 1) * grid.width
    outward = edges - mark if direction > 0 else (mark - edges)[::-1]
    mass = np.asarray(notional if direction > 0 else notional[::-1], np.float64) * pass_through
    displacement = np.maximum(outward, 0.0)
    behind = int(np.searchsorted(outward, 0.0, side="right"))  # first edge beyond the mark
    passed = float(mass[: max(behind - 1, 0)].sum())
    displacement = np.concatenate([[0.0, 0.0], displacement[behind:]])
    forced = np.concatenate([[0.0], passed + np.concatenate([[0.0], np.cumsum(mass[max(behind - 1, 0) :])])])
    return ForcedCurve(displacement[: len(forced)], forced[: len(displacement)])


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of price on which the market does not stop once it has entered.

    Attributes
    ----------
    trigger
        Displacement at which it begins.
    trigger_size
        Order, in quote, above which the price goes there and on.
    landing
        Displacement at which it ends; NaN where the book ends first.
    forced
        Notional force-closed inside it.
    branching
        The highest local branching ratio inside it, > 1; inf where nothing at all is absorbed.
    """

    trigger: float
    trigger_size: float
    landing: float
    forced: float
    branching: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """The answer for every order size, in one direction.

    Attributes
    ----------
    displacement
        Breakpoints of both curves, not descending from 0, shape (k,).
    absorbed, forced
        D and L there.
    reach
        Running maximum of D - L: the largest order that stops at or before each breakpoint.
    """

    displacement: FloatArray
    absorbed: FloatArray
    forced: FloatArray
    reach: FloatArray

    def landing(self, order: npt.ArrayLike) -> FloatArray:
        """Return where orders of these sizes in quote (>= 0) land; NaN beyond the end of the book.

        Raises
        ------
        InputError
            A size is negative or not finite.
        """
        size = _sizes(order)
        gap = self.absorbed - self.forced
        index = np.searchsorted(self.reach, size, side="left")
        inside = np.minimum(index, len(self.reach) - 1)
        before = np.maximum(inside - 1, 0)
        rise = gap[inside] - gap[before]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(rise > 0, (size - gap[before]) / rise, 0.0)
        step = self.displacement[inside] - self.displacement[before]
        found = self.displacement[before] + np.clip(share, 0.0, 1.0) * step
        found = np.where(size <= 0, 0.0, found)
        return np.asarray(np.where(index < len(self.reach), found, np.nan))

    def forced_at(self, displacement: npt.ArrayLike) -> FloatArray:
        """Return the notional forced up to displacements; at a jump, all of it. NaN for NaN."""
        return _value_at(self.displacement, self.forced, np.asarray(displacement, np.float64))

    def absorbed_at(self, displacement: npt.ArrayLike) -> FloatArray:
        """Return the notional absorbed up to displacements; at a jump, all of it. NaN for NaN."""
        return _value_at(self.displacement, self.absorbed, np.asarray(displacement, np.float64))

    def book_landing(self, order: npt.ArrayLike) -> FloatArray:
        """Return where the orders would land if they forced nobody: the plain walk through the book."""
        size = _sizes(order)
        return _first_reaching(self.displacement, self.absorbed, size)

    def push_reaching(self, displacement: float) -> float:
        """Return the smallest order that carries the price to a displacement; NaN beyond the book."""
        if not 0 <= displacement <= self.displacement[-1]:
            return float("nan")
        before = self.displacement < displacement
        at = _value_at(self.displacement, self.absorbed - self.forced, np.array(displacement))
        jump = np.searchsorted(self.displacement, displacement, side="left")
        first = (
            float(self.absorbed[jump] - self.forced[jump]) if self.displacement[jump] == displacement else at
        )
        return float(max(self.reach[before].max(initial=0.0), first, 0.0))

    def landing_after_print(self, displacement: float) -> float:
        """Return where the price comes to rest when a print at `displacement` has triggered what lay before.

        The print itself takes nothing out of the book: what it forces, L(x0), meets the depth beyond it, and
        the price lands where D(x) - D(x0) first reaches L(x). NaN beyond the end of the book.

        Raises
        ------
        InputError
            `displacement` is negative or not finite.
        """
        if not (np.isfinite(displacement) and displacement >= 0):
            raise InputError(f"displacement: {displacement:g}; expected a number from 0")
        taken = float(self.absorbed_at(displacement))
        beyond = np.flatnonzero(self.displacement > displacement)
        gap = self.absorbed - self.forced - taken
        here = taken - float(self.forced_at(displacement)) - taken
        if here >= 0:
            return displacement
        for index in beyond.tolist():
            if gap[index] >= 0:
                step = self.displacement[index] - displacement
                return float(displacement + step * -here / (gap[index] - here))
            displacement, here = float(self.displacement[index]), float(gap[index])
        return float("nan")

    def zones(self) -> list[Zone]:
        """Return the self-sustaining zones, nearest first."""
        gap = self.absorbed - self.forced
        below = gap < self.reach - 1e-12 * np.maximum(self.reach, 1.0)
        zones = []
        index, count = 0, len(gap)
        while index < count:
            if not below[index]:
                index += 1
                continue
            # The price waits where the running maximum was first reached; what follows may be level.
            first = int(np.searchsorted(self.reach, self.reach[index - 1])) if index else -1
            while index < count and below[index]:
                index += 1
            height = float(self.reach[first]) if first >= 0 else 0.0
            start = float(self.displacement[first]) if first >= 0 else 0.0
            landing = float("nan")
            if index < count:
                rise = gap[index] - gap[index - 1]
                share = (height - gap[index - 1]) / rise
                landing = float(
                    self.displacement[index - 1]
                    + share * (self.displacement[index] - self.displacement[index - 1])
                )
            inside = slice(max(first, 0), min(index, count - 1) + 1)
            forced = np.diff(self.forced[inside])
            absorbed = np.diff(self.absorbed[inside])
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(forced > 0, forced / absorbed, 0.0)
            end = self.forced_at(landing) if np.isfinite(landing) else self.forced[-1]
            zones.append(
                Zone(
                    trigger=start,
                    trigger_size=max(height, 0.0),
                    landing=landing,
                    forced=float(end - (self.forced[first] if first >= 0 else 0.0)),
                    branching=float(ratio.max(initial=0.0)),
                )
            )
        return zones


def envelope(
    depth: DepthCurve, forced: ForcedCurve, *, kernel: Literal["numba", "numpy"] | None = None
) -> Envelope:
    """Return the envelope of a book and what its prices force; both in the same direction and unit.

    A depth curve with a tail is followed to `FARTHEST`, a price three times or a third of the mark: farther
    away nothing that rests today says anything.

    Parameters
    ----------
    depth, forced
        The two curves.
    kernel
        ``numba`` or its plain twin ``numpy``; by default the faster one that can run.
    """
    depth = depth.reaching(FARTHEST)
    chosen = kernel or ("numba" if find_spec("numba") else "numpy")
    if chosen == "numba":
        from powderkeg.core.cascade_envelope_kernel import merged_curves

        columns = merged_curves(depth.displacement, depth.absorbed, forced.displacement, forced.forced)
    else:
        columns = _merged(depth, forced)
    for column in columns:
        column.flags.writeable = False
    return Envelope(*columns)


def _merged(depth: DepthCurve, forced: ForcedCurve) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return breakpoints, both curves at them and the running maximum; the meaning of the kernel.

    A jump is two breakpoints: at one displacement the book's jump comes after that of the forced orders, as
    what a price forces meets what rests there. What lies beyond the end of the book is left out.
    """
    last = depth.displacement[-1]
    inside = forced.displacement <= last
    places = np.unique(np.concatenate([depth.displacement, forced.displacement[inside]]))
    before_depth, after_depth = _sides_at(depth.displacement, depth.absorbed, places)
    before_forced, after_forced = _sides_at(forced.displacement, forced.forced, places)
    # Three moments at each place: before, with the forced orders out, and with the book's level eaten.
    displacement = np.repeat(places, 3)
    absorbed = np.column_stack([before_depth, before_depth, after_depth]).ravel()
    released = np.column_stack([before_forced, after_forced, after_forced]).ravel()
    same = np.zeros(len(displacement), np.bool_)
    same[1:] = (np.diff(displacement) == 0) & (np.diff(absorbed) == 0) & (np.diff(released) == 0)
    displacement, absorbed, released = displacement[~same], absorbed[~same], released[~same]
    return displacement, absorbed, released, np.asarray(np.maximum.accumulate(absorbed - released))


def _sides_at(points: FloatArray, values: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a curve just before each place and at it, jumps included; its last value beyond its end."""
    left = np.searchsorted(points, places, side="left")
    right = np.searchsorted(points, places, side="right")
    linear = np.interp(places, points, values)
    hit = left < right
    before = np.where(hit, values[np.minimum(left, len(values) - 1)], linear)
    after = np.where(hit, values[np.maximum(right - 1, 0)], linear)
    return np.where(places > points[-1], values[-1], before), np.where(places > points[-1], values[-1], after)


def walked_landing(depth: DepthCurve, forced: ForcedCurve, order: float) -> float:
    """Return where one order lands by walking from breakpoint to breakpoint: slow, and plain to read.

    The walker owes the market `order`. On each stretch what is forced adds to the debt and what is absorbed
    pays it off; the price rests where nothing is owed. NaN where the book ends first.
    """
    depth = depth.reaching(FARTHEST)
    if order <= 0:
        return 0.0
    places: list[float] = sorted({*depth.displacement.tolist(), *forced.displacement.tolist()})
    owed, here = float(order), 0.0
    before_forced = before_depth = 0.0
    for place in places:
        if place > depth.displacement[-1]:
            break
        at = np.array([place])
        reached_forced, all_forced = (float(v[0]) for v in _sides_at(forced.displacement, forced.forced, at))
        reached_depth, all_depth = (float(v[0]) for v in _sides_at(depth.displacement, depth.absorbed, at))
        paid = (reached_depth - before_depth) - (reached_forced - before_forced)
        if paid >= owed and place > here:
            return here + (place - here) * owed / paid
        owed -= paid
        owed += all_forced - reached_forced
        if all_depth - reached_depth >= owed:
            return place
        owed -= all_depth - reached_depth
        before_forced, before_depth, here = all_forced, all_depth, place
    return float("nan")


def _sizes(order: npt.ArrayLike) -> FloatArray:
    size = np.asarray(order, np.float64)
    if not np.all(np.isfinite(size) & (size >= 0)):
        raise InputError(
            f"order: {size[~(np.isfinite(size) & (size >= 0))].flat[0]:g}; expected sizes from 0"
        )
    return size


def _first_reaching(points: FloatArray, values: FloatArray, size: FloatArray) -> FloatArray:
    index = np.searchsorted(values, size, side="left")
    inside = np.minimum(index, len(values) - 1)
    before = np.maximum(inside - 1, 0)
    rise = values[inside] - values[before]
    share = np.where(rise > 0, (size - values[before]) / np.where(rise > 0, rise, 1.0), 0.0)
    found = points[before] + np.clip(share, 0.0, 1.0) * (points[inside] - points[before])
    return np.asarray(np.where(index < len(values), np.where(size <= 0, 0.0, found), np.nan))


def _value_at(points: FloatArray, values: FloatArray, places: FloatArray) -> FloatArray:
    right = np.searchsorted(points, places, side="right") - 1
    exact = points[np.clip(right, 0, len(points) - 1)] == places
    found = np.where(exact, values[np.clip(right, 0, len(points) - 1)], np.interp(places, points, values))
    return np.asarray(np.where(np.isnan(places), np.nan, found))
