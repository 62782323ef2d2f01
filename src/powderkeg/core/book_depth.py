"""Depth from the levels of an order book: each level a jump."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from powderkeg.core.arguments import positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.instrument import Contract

Levels = Sequence[tuple[float, float]]

# A mark farther from the middle of the book than this is of another instrument, unit or time.
_FARTHEST_MARK = 0.05


def book_depth(
    bids: Levels,
    asks: Levels,
    *,
    direction: Direction,
    source: str,
    as_of: int,
    mark_price: float | None = None,
    contract: Contract = "linear",
    contract_size: float = 1.0,
    tail_exponent: float | None = None,
) -> DepthCurve:
    """Return what the levels of one side absorb: with S the notional of a level, D jumps by S at its price.

    Nothing is guessed: between levels nothing is absorbed, and beyond the last one nothing either, unless a
    `tail_exponent` says so.

    Parameters
    ----------
    bids, asks
        (price, quantity) of each level, both > 0, in any order. Both sides are needed whichever way the price
        goes: a book with one side alone is damaged, or of a halted market.
    direction
        -1: bids absorb a fall; +1: asks absorb a rise.
    source, as_of, tail_exponent
        As in `DepthCurve`.
    mark_price
        From where displacement counts, quote per base; the middle of the best bid and ask by default. A level
        that the mark has passed absorbs at displacement 0.
    contract, contract_size
        ``linear``: quantities are in units of `contract_size` base, and S = price x quantity x size.
        ``inverse``: in contracts of `contract_size` quote, and S = quantity x size at any price.

    Raises
    ------
    InputError
        A side is empty, a number is not positive, the book is crossed (best bid at or above best ask), or the
        mark is more than 5 % from the middle.
    """
    if direction not in (-1, 1):
        raise InputError(f"direction is {direction}; expected -1 or 1")
    if contract not in ("linear", "inverse"):
        raise InputError(f"contract is {contract!r}; expected 'linear' or 'inverse'")
    size = float(positive("contract_size", contract_size))
    (bid_price, bid_quantity), (ask_price, ask_quantity) = _side("bids", bids), _side("asks", asks)
    best_bid, best_ask = float(bid_price.max()), float(ask_price.min())
    if best_bid >= best_ask:
        raise InputError(
            f"book: crossed, best bid {best_bid:.10g} and best ask {best_ask:.10g}; expected the bid below"
        )
    middle = (best_bid + best_ask) / 2
    mark = middle if mark_price is None else float(positive("mark_price", mark_price))
    if abs(math.log(mark / middle)) > _FARTHEST_MARK:
        raise InputError(
            f"mark_price is {mark:.10g} where the middle of the book is {middle:.10g}; expected it within "
            f"{_FARTHEST_MARK:.0%}"
        )
    price, quantity = (bid_price, bid_quantity) if direction < 0 else (ask_price, ask_quantity)
    displacement = np.maximum(direction * np.log(price / mark), 0.0)
    notional = quantity * size * (price if contract == "linear" else 1.0)
    order = np.argsort(displacement, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(notional[order])])
    return DepthCurve(
        direction=direction,
        displacement=np.concatenate([[0.0], np.repeat(displacement[order], 2)]),
        absorbed=np.concatenate([[0.0], np.column_stack([total[:-1], total[1:]]).ravel()]),
        tail_exponent=tail_exponent,
        kind="book",
        source=source,
        as_of=as_of,
    )


def _side(name: str, levels: Levels) -> tuple[FloatArray, FloatArray]:
    if not len(levels):
        raise InputError(f"{name}: no levels; expected a book with both sides")
    pairs = np.asarray(levels, np.float64)
    if pairs.shape != (len(levels), 2):
        raise InputError(f"{name}: shape {pairs.shape}; expected a price and a quantity per level")
    return positive(f"price of {name}", pairs[:, 0]), positive(f"quantity of {name}", pairs[:, 1])
