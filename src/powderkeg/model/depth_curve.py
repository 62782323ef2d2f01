"""What a market absorbs on the way to a price: the book's side of a squeeze."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only

Direction = Literal[-1, 1]
DepthKind = Literal["book", "bands", "law"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCurve:
    """Notional absorbed on the way from the mark to each displacement, in one direction.

    An order of size Q lands at the least displacement whose absorbed notional is at least Q. Between the
    given points the curve is linear; a level of a book is a jump, given as two points of one displacement.

    Attributes
    ----------
    direction
        -1: the price falls, bids absorb; +1: it rises, asks do.
    displacement
        |ln(price / mark)|, >= 0, not descending, the first 0; shape (n,), n >= 2.
    absorbed
        Notional in quote up to there, not descending, the first 0; shape (n,).
    tail_exponent
        Beyond the last point absorbed notional grows as displacement to this power, > 0; None where nothing
        is known of it: what the last point does not absorb lands nowhere that can be named.
    kind
        ``book``: the levels of an order book. ``bands``: depth published within distances. ``law``: an
        impact law fitted to bars.
    source
        Where it comes from, for people.
    as_of
        When it was so, UTC milliseconds.

    Raises
    ------
    InputError
        A shape, order or number is wrong; or nothing is absorbed anywhere: depth of zero.
    """

    direction: Direction
    displacement: FloatArray
    absorbed: FloatArray
    tail_exponent: float | None
    kind: DepthKind
    source: str
    as_of: int

    def __post_init__(self) -> None:
        for name in ("displacement", "absorbed"):
            values = read_only(getattr(self, name))
            if values.ndim != 1 or len(values) < 2:
                raise InputError(f"depth: {name} has shape {values.shape}; expected two points or more")
            if not np.all(np.isfinite(values)) or values[0] != 0 or np.any(np.diff(values) < 0):
                raise InputError(f"depth: {name} does not rise from 0 in finite numbers")
            object.__setattr__(self, name, values)
        if len(self.displacement) != len(self.absorbed):
            raise InputError(
                f"depth: {len(self.displacement)} displacements and {len(self.absorbed)} absorbed notionals; "
                "expected as many of each"
            )
        if self.direction not in (-1, 1):
            raise InputError(f"depth: direction is {self.direction}; expected -1 or 1")
        if self.absorbed[-1] <= 0:
            raise InputError("depth: nothing is absorbed at any price; expected a book with orders in it")
        if self.tail_exponent is not None:
            if not 0 < self.tail_exponent < 10:
                raise InputError(f"depth: tail_exponent is {self.tail_exponent:g}; expected 0 to 10")
            if self.displacement[-1] <= 0:
                raise InputError("depth: a tail needs a last point away from the mark")

    def scaled(self, factor: float) -> Self:
        """Return the curve with `factor` times the depth everywhere, > 0: a stress regime.

        Raises
        ------
        InputError
            `factor` is not a positive finite number.
        """
        if not (np.isfinite(factor) and factor > 0):
            raise InputError(f"depth: factor is {factor:g}; expected a positive number")
        return replace(self, absorbed=self.absorbed * factor)

    def reaching(self, displacement: float, points: int = 64) -> Self:
        """Return the curve with its tail written out in points up to there; itself without a tail."""
        last = float(self.displacement[-1])
        if self.tail_exponent is None or displacement <= last:
            return self
        more = np.geomspace(last, displacement, points + 1)[1:]
        grown = self.absorbed[-1] * (more / last) ** self.tail_exponent
        return replace(
            self,
            displacement=np.concatenate([self.displacement, more]),
            absorbed=np.concatenate([self.absorbed, grown]),
        )
