"""Order books kept from snapshots and changes, to be written down every so often."""

from __future__ import annotations

from powderkeg.model.market_rows import DepthLevel
from powderkeg.venues.listening import BookChange

_LEVELS = 50


class OrderBooks:
    """The books of one connection.

    Parameters
    ----------
    every
        ms between two snapshots of one book.
    levels
        Levels a side that a snapshot has at most.
    """

    def __init__(self, every: int, levels: int = _LEVELS) -> None:
        self._every = every
        self._levels = levels
        self._books: dict[str, tuple[dict[float, float], dict[float, float]]] = {}
        self._next: dict[str, int] = {}

    def applied(self, change: BookChange, now: int) -> list[DepthLevel]:
        """Apply a change, and return the book's levels if it is time for a snapshot of it, else nothing.

        A change before the first snapshot is left alone: what it changes is not known.
        """
        if change.snapshot:
            self._books[change.symbol] = (dict(change.bids), dict(change.asks))
        book = self._books.get(change.symbol)
        if book is None:
            return []
        for levels, changed in zip(book, (change.bids, change.asks), strict=True):
            for price, quantity in changed:
                if quantity > 0:
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        if now < self._next.get(change.symbol, 0):
            return []
        self._next[change.symbol] = now + self._every
        return snapshot_levels(change.ts, book, self._levels)

    def forget(self) -> None:
        """Drop all books: after a gap they are not what the venue has."""
        self._books.clear()


def snapshot_levels(
    ts: int, book: tuple[dict[float, float], dict[float, float]], most: int
) -> list[DepthLevel]:
    """Return the best `most` levels of bids, then of asks, best first."""
    bids = sorted(book[0].items(), reverse=True)[:most]
    asks = sorted(book[1].items())[:most]
    return [DepthLevel(ts, "bid", level, *pair) for level, pair in enumerate(bids)] + [
        DepthLevel(ts, "ask", level, *pair) for level, pair in enumerate(asks)
    ]
