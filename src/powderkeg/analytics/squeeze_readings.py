"""The parts of a squeeze report: where a push lands, what it takes to reach a price, where nothing stops."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from powderkeg.core.bands import Band


class ForcedZone(Protocol):
    """Anything with the notional that is force-closed inside it."""

    @property
    def forced(self) -> float:
        """Notional in quote, >= 0."""


_Zone = TypeVar("_Zone", bound=ForcedZone)


def telling_zones(zones: Sequence[_Zone], most: int) -> tuple[_Zone, ...]:
    """Return at most `most` zones in their order: the first, and of the others those that force most.

    Between two levels of a book nothing is absorbed, so that every gap with a position in it is a zone: by
    order alone a few dollars in the gaps ahead would hide a wall behind them.
    """
    others = heapq.nlargest(most - 1, range(1, len(zones)), key=lambda number: zones[number].forced)
    return tuple(zones[number] for number in sorted((*range(min(1, len(zones))), *others)))


@dataclass(frozen=True, slots=True)
class Landing:
    """What one push does.

    Attributes
    ----------
    push
        Order in quote.
    price, distance
        Where it lands, and that over the mark less 1; None where the book ends first.
    price_band
        Of the price; NaN bounds where more than that share of members runs out of the book.
    beyond_book
        Share of members in which the book ends first, in [0, 1].
    forced, forced_band
        Notional force-closed on the way; of a push beyond the book what stands up to its end.
    amplification
        (push + forced) / push, >= 1.
    book_price
        Where the same push lands if it forces nobody; None beyond the book.
    """

    push: float
    price: float | None
    distance: float | None
    price_band: Band
    beyond_book: float
    forced: float
    forced_band: Band
    amplification: float
    book_price: float | None


@dataclass(frozen=True, slots=True)
class ZoneReading:
    """A self-sustaining zone with its prices.

    Attributes
    ----------
    trigger_price, trigger_size, trigger_size_band
        Where it begins, and the push that gets there and on. The band is of the push that reaches its far
        side, in each member.
    landing_price, landing_band
        Where it ends, None where the book ends first; the band is of where the trigger size and a thousandth
        more lands.
    forced
        Notional force-closed inside it.
    branching
        Highest local branching ratio, > 1; None where nothing is absorbed at all.
    """

    trigger_price: float
    trigger_size: float
    trigger_size_band: Band
    landing_price: float | None
    landing_band: Band
    forced: float
    branching: float | None


@dataclass(frozen=True, slots=True)
class Reaching:
    """What it takes to reach a price, and what a print there would do.

    Attributes
    ----------
    price, distance
        The price asked about.
    push, push_band
        Smallest order that carries the price there; None beyond the book.
    forced
        Notional force-closed on the way.
    book_push
        What it would take if nobody were forced; None beyond the book.
    after_print, after_print_band
        Where the price comes to rest if it prints there without an order: what that forces meets the depth
        beyond. None where the book ends first.
    """

    price: float
    distance: float
    push: float | None
    push_band: Band
    forced: float
    book_push: float | None
    after_print: float | None
    after_print_band: Band
