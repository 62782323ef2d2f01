"""What happened to each position between two snapshots of the same accounts.

A snapshot is a state, not a record of events, so every verdict is a law with an ambiguity:

    unchanged        same size, whatever its level did
    increased        larger
    reduced          smaller, and its level was not inside the range of the mark in between
    closed           gone from an account that was seen again, its level not inside that range
    liquidated       gone or smaller, and its level was inside that range. Its owner may have closed it in
                     time, or moved its level away and closed it later. One whose level moved into the range
                     first counts as closed or reduced
    opened           not there before, in an account that was seen before
    not seen again   its account has no newer state: nothing is known of it
    first seen       its account was not seen before: it may be old

A position that changed sides is one closed or liquidated, and one opened. Sizes agree within a millionth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powderkeg.core.moved_collateral import moved_collateral
from powderkeg.core.position_distances import distance_to_level, log_reach, refuse_contradictions
from powderkeg.core.position_matching import rows_in, same_names, taken
from powderkeg.errors import InputError
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only
from powderkeg.model.times import iso

FATES = (
    "unchanged",
    "increased",
    "reduced",
    "closed",
    "liquidated",
    "opened",
    "not seen again",
    "first seen",
)
UNCHANGED, INCREASED, REDUCED, CLOSED, LIQUIDATED, OPENED, NOT_SEEN_AGAIN, FIRST_SEEN = range(len(FATES))
CRITICAL = 0.02
_SAME_SIZE = 1e-6
# A position approaches its level if so much of its distance is gone, at least half of that by the mark.
_LEAST_APPROACH = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanges:
    """Every position of two snapshots, once; arrays of shape (n,).

    Attributes
    ----------
    before, after
        The snapshots.
    before_row, after_row
        Row of the position in each, -1 where it is in none.
    fate
        Code in `FATES`; the head of this file states the law of each.
    crossed_by
        How far the mark went beyond the level that the position had before, as a log; negative is how far it
        stayed away at the closest. NaN without such a level or without a range.
    approaching
        Still there with its log distance shorter by a tenth of itself or more, at least half of that because
        the mark moved.
    critical
        Still there, or new, and within `CRITICAL` (or what was asked for) of its level.
    collateral
        Quote by which the margin behind it grew (positive) or shrank with nothing else to explain it, 0 where
        something else does, NaN where it cannot be told; see `position_changes`. Of a cross account every
        position tells the same change: it is not to be added up.
    """

    before: PositionSnapshot
    after: PositionSnapshot
    before_row: IntArray
    after_row: IntArray
    fate: IntArray
    crossed_by: FloatArray
    approaching: BoolArray
    critical: BoolArray
    collateral: FloatArray

    def __post_init__(self) -> None:
        for name in ("before_row", "after_row", "fate"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))
        for name in ("crossed_by", "collateral"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        for name in ("approaching", "critical"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.bool_))

    def __len__(self) -> int:
        return len(self.fate)

    @property
    def still_there(self) -> BoolArray:
        """Positions that are in both snapshots."""
        return np.asarray((self.before_row >= 0) & (self.after_row >= 0))

    def account_of(self, number: int) -> str:
        """Return whose the position is."""
        snapshot, row = self._where(number)
        return snapshot.accounts[int(snapshot.account[row])]

    def coin_of(self, number: int) -> str:
        """Return which coin the position is in."""
        snapshot, row = self._where(number)
        return snapshot.coins[int(snapshot.coin[row])]

    def _where(self, number: int) -> tuple[PositionSnapshot, int]:
        row = int(self.before_row[number])
        return (self.before, row) if row >= 0 else (self.after, int(self.after_row[number]))


def position_changes(
    before: PositionSnapshot,
    after: PositionSnapshot,
    *,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
    funding: FloatArray | None = None,
    critical: float = CRITICAL,
) -> PositionChanges:
    """Return what became of every position of `before`, and what is new in `after`.

    Collateral is told by `powderkeg.core.moved_collateral`.

    Parameters
    ----------
    before, after
        Of one venue, `after` the later one.
    low, high
        Lowest and highest mark of each coin of `before` in between, shape (coins,), NaN where not known. The
        marks of both snapshots are always inside the range, and all of it where nothing is given. It should
        reach from the oldest state of `before` on.
    funding
        Sum of the funding rates in between, positive where longs pay, shape (coins,); 0 where not given.
    critical
        What is near, a fraction of the mark.

    Raises
    ------
    InputError
        A snapshot contradicts itself, they are of two venues or in the wrong order, a range is upside down or
        has another shape, or `critical` is not above 0 and below 1.
    """
    _check(before, after)
    low, high = _ranges(before, after, low, high)
    funding = np.zeros(len(before.coins)) if funding is None else np.asarray(funding, np.float64)
    if funding.shape != (len(before.coins),):
        raise InputError(f"funding: shape {funding.shape}, expected ({len(before.coins)},)")
    account, coin = same_names(before.accounts, after.accounts), same_names(before.coins, after.coins)
    renewed = (account >= 0) & (after.state_ts[account] > before.state_ts if len(after.accounts) else False)
    after_row = rows_in(after, account[before.account], coin[before.coin], before.position_side)
    after_row[~renewed[before.account]] = -1
    crossed_by = _crossed_by(before, low, high)
    fate = _fates(before, after, after_row, crossed_by, renewed)
    new, new_fate = _new_rows(before, after, after_row, account[renewed])
    rows = np.concatenate([after_row, new])
    distance = distance_to_level(after)
    return PositionChanges(
        before=before,
        after=after,
        before_row=np.concatenate([np.arange(len(before)), np.full(len(new), -1)]),
        after_row=rows,
        fate=np.concatenate([fate, new_fate]),
        crossed_by=np.concatenate([crossed_by, np.full(len(new), np.nan)]),
        approaching=np.concatenate([_approaching(before, after, after_row), np.zeros(len(new), np.bool_)]),
        critical=taken(distance <= log_reach(critical, after.position_side), rows, absent=False),
        collateral=np.concatenate(
            [
                moved_collateral(before, after, after_row, fate == UNCHANGED, funding),
                np.full(len(new), np.nan),
            ]
        ),
    )


def _check(before: PositionSnapshot, after: PositionSnapshot) -> None:
    for snapshot in (before, after):
        refuse_contradictions(snapshot)
    if before.venue != after.venue:
        raise InputError(f"venue: snapshots of {before.venue} and {after.venue}; expected two of one venue")
    if after.as_of <= before.as_of:
        raise InputError(
            f"as_of: the later snapshot is of {iso(after.as_of)}, the earlier one of {iso(before.as_of)}"
        )


def _ranges(
    before: PositionSnapshot, after: PositionSnapshot, low: FloatArray | None, high: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest mark of each coin of `before`, both snapshots' marks included."""
    given = []
    for name, values in (("low", low), ("high", high)):
        array = np.full(len(before.coins), np.nan) if values is None else np.asarray(values, np.float64)
        if array.shape != (len(before.coins),):
            raise InputError(f"{name}: shape {array.shape}, expected ({len(before.coins)},)")
        given.append(array)
    if np.any(given[0] > given[1]):
        number = int(np.argmax(given[0] > given[1]))
        raise InputError(
            f"low: {given[0][number]:g} of {before.coins[number]} is above high, {given[1][number]:g}"
        )
    marks = np.stack([before.mark_price, taken(after.mark_price, same_names(before.coins, after.coins))])
    return np.fmin(given[0], np.fmin(*marks)), np.fmax(given[1], np.fmax(*marks))


def _crossed_by(before: PositionSnapshot, low: FloatArray, high: FloatArray) -> FloatArray:
    closest = np.where(before.position_side > 0, low[before.coin], high[before.coin])
    out = np.full(len(before), np.nan)
    known = np.isfinite(distance_to_level(before)) & np.isfinite(closest)
    ratio = before.liquidation_price[known] / closest[known]
    out[known] = before.position_side[known] * np.log(ratio)
    return out


def _fates(
    before: PositionSnapshot,
    after: PositionSnapshot,
    after_row: IntArray,
    crossed_by: FloatArray,
    renewed: BoolArray,
) -> IntArray:
    change = taken(after.quantity, after_row) / before.quantity - 1
    crossed = crossed_by >= 0
    return np.select(
        [
            ~renewed[before.account],
            after_row < 0,
            np.abs(change) <= _SAME_SIZE,
            change > 0,
        ],
        [
            NOT_SEEN_AGAIN,
            np.where(crossed, LIQUIDATED, CLOSED),
            UNCHANGED,
            INCREASED,
        ],
        np.where(crossed, LIQUIDATED, REDUCED),
    )


def _new_rows(
    before: PositionSnapshot, after: PositionSnapshot, after_row: IntArray, renewed: IntArray
) -> tuple[IntArray, IntArray]:
    """Return rows of `after` that no position of `before` became, and whether they were opened."""
    known = np.isin(after.account, renewed)
    seen = np.isin(np.arange(len(after)), after_row)
    stale = np.isin(after.account, same_names(before.accounts, after.accounts)) & ~known
    rows = np.flatnonzero(~seen & ~stale)
    return rows, np.where(known[rows], OPENED, FIRST_SEEN)


def _approaching(before: PositionSnapshot, after: PositionSnapshot, after_row: IntArray) -> BoolArray:
    distance = distance_to_level(before)
    shrank = distance - taken(distance_to_level(after), after_row)
    marks = taken(after.mark_price, same_names(before.coins, after.coins))
    towards = before.position_side * np.log(before.mark_price / marks)[before.coin]
    return np.asarray((distance > 0) & (shrank >= _LEAST_APPROACH * distance) & (towards >= shrank / 2))
