"""What known positions add up to: by side, within distances of the mark, and by the age of their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.core.bands import Band, ensemble_band
from powderkeg.errors import InputError
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray

_RESAMPLES = 200
_AGE_QUANTILES = (0.5, 0.9, 1.0)


def fields_json(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass with slots as they are, for scripts."""
    return {name: getattr(value, name) for name in value.__slots__}


def refuse_open_interest(open_interest: float | None) -> None:
    """Raise InputError for an open interest that is given and no positive amount."""
    if open_interest is not None and not (np.isfinite(open_interest) and open_interest > 0):
        raise InputError(f"open_interest: {open_interest:g} USD; expected a positive amount")


@dataclass(frozen=True, slots=True)
class CountedSide:
    """What was counted on one side of a coin, USD at the mark.

    Attributes
    ----------
    positions, accounts
        How many.
    notional
        Of all of them.
    in_map
        Of those whose level is on the map.
    far
        Of those whose level is too far away to be on it.
    without_level
        Of those that no move of this coin liquidates, or whose level is not known.
    passed
        Of those whose level the mark has passed: of states older than the move, or liquidated since.
    other_side
        Of those that a move *in their favour* liquidates, through what else the account holds: a long that a
        rise forces. Not on the map.
    coverage
        `notional` over the venue's one-sided open interest; None where that is not known. Above 1 the two
        contradict each other.
    """

    positions: int
    accounts: int
    notional: float
    in_map: float
    far: float
    without_level: float
    passed: float
    other_side: float
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Reached:
    """USD of one side liquidated when the mark has moved by a distance.

    Attributes
    ----------
    distance
        Signed fraction of the mark price: below 0 for longs.
    position_side
        ``long`` or ``short``.
    counted
        In the positions that are known.
    share
        `counted` over all that is counted on the side.
    scaled, band
        Of the whole open interest, if accounts that are not known hold levels as the known ones do, with the
        band of drawing the accounts again; None where the open interest is not known.
    """

    distance: float
    position_side: str
    counted: float
    share: float
    scaled: float | None
    band: Band | None


def counted_side(
    snapshot: PositionSnapshot,
    held: IntArray,
    notional: FloatArray,
    mine: BoolArray,
    parts: Mapping[str, BoolArray],
    open_interest: float | None,
) -> CountedSide:
    """Return what was counted on one side.

    Parameters
    ----------
    snapshot, held
        The positions, and the numbers of those in the coin, shape (n,).
    notional
        USD of each of them at the mark, shape (n,).
    mine
        Which are of the side, shape (n,).
    parts
        Field of `CountedSide` -> which positions it is the notional of, shape (n,); no position is in two.
    open_interest
        The venue's, one side, USD; None where it is not known.
    """
    amounts = {name: float(notional[mine & chosen].sum()) for name, chosen in parts.items()}
    total = float(notional[mine].sum())
    without = ~np.logical_or.reduce([*parts.values()])
    return CountedSide(
        positions=int(mine.sum()),
        accounts=len(np.unique(snapshot.account[held[mine]])),
        notional=total,
        without_level=float(notional[mine & without].sum()),
        coverage=None if open_interest is None else total / open_interest,
        **amounts,
    )


def reached(
    account: IntArray,
    notional: FloatArray,
    distance: FloatArray,
    shown: BoolArray,
    side: str,
    reach: float,
    open_interest: float | None,
) -> Reached:
    """Return what a move of the mark liquidates on one side.

    The band comes from drawing whole accounts again, with replacement: positions of one account are one
    decision. It holds the chance of who was seen, not that others may be another kind of trader.

    Parameters
    ----------
    account, notional, distance, shown
        Of the side's positions: whose, USD at the mark, |ln(level / mark)|, and whether the level is on the
        map; shape (n,).
    side, reach
        ``long`` or ``short``, and the signed fraction that the mark moves by.
    open_interest
        The venue's, one side, USD; None where it is not known.
    """
    total = float(notional.sum())
    hit = shown & (distance <= abs(np.log1p(reach)))
    counted = float(notional[hit].sum())
    scaled, band = None, None
    if open_interest is not None and total > 0:
        unseen = max(open_interest - total, 0.0)
        numbers = np.unique(account, return_inverse=True)[1]
        by_account = np.bincount(numbers, np.where(hit, notional, 0.0))
        all_of_it = np.bincount(numbers, notional)
        draws = np.random.default_rng(0).multinomial(
            len(all_of_it), np.full(len(all_of_it), 1 / len(all_of_it)), size=_RESAMPLES
        )
        shares = (draws @ by_account) / np.maximum(draws @ all_of_it, 1e-300)
        # What was counted is certain; only the accounts that nobody has seen are drawn.
        scaled = counted + unseen * counted / total
        band = ensemble_band(counted + unseen * shares)
    return Reached(reach, side, counted, counted / total if total else 0.0, scaled, band)


def state_ages(age: IntArray, notional: FloatArray) -> tuple[int, int, int]:
    """Return the median, 90 % and highest age of states weighted by notional; both of shape (n,), n > 0."""
    order = np.argsort(age)
    below = np.cumsum(notional[order])
    places = np.searchsorted(below, np.array(_AGE_QUANTILES) * below[-1] * (1 - 1e-12))
    middle, late, oldest = age[order][np.minimum(places, len(age) - 1)].tolist()
    return int(middle), int(late), int(oldest)
