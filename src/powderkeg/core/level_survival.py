"""Do positions survive their level: those whose level the mark crossed against those whose it did not.

If levels mean anything, few positions are still there after the mark went through them. Those that are had
collateral added in time, or their level had moved; those that are gone though it was not crossed were closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.account_resampling import DRAWS, Estimate, account_estimates
from powderkeg.core.position_changes import (
    NOT_SEEN_AGAIN,
    UNCHANGED,
    PositionChanges,
)
from powderkeg.model.arrays import FloatArray

# Bounds of the classes of `crossed_by`, logs: not crossed by more than 10 %, ..., crossed by more than 1 %.
BOUNDS = (-np.inf, -0.10, -0.03, -0.01, 0.0, 0.003, 0.01, np.inf)
_GONE, _THERE, _SAME = 0.0, 1.0, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSurvival:
    """What became of the positions of one class.

    Attributes
    ----------
    crossed_from, crossed_to
        How far the mark went beyond their level, a log in [from, to); negative where it stayed away.
    positions, accounts
        How many there were, and of how many accounts.
    unknown
        Those whose account was not seen again. A sample that lists only accounts with positions loses
        those that lost their last one, so this is no accident.
    same_size
        Share still there at the same size, of those whose account was seen again.
    still_there
        Share still there at any size, of the same.
    seen_same_size
        Share seen again at the same size, of all: the unknown count as gone.
    not_seen
        Share of the unknown in all. Up to so much more than `seen_same_size` may still be there.
    """

    crossed_from: float
    crossed_to: float
    positions: int
    accounts: int
    unknown: int
    same_size: Estimate
    still_there: Estimate
    seen_same_size: Estimate
    not_seen: Estimate

    @property
    def crossed(self) -> bool:
        """Whether the mark reached the level."""
        return self.crossed_from >= 0


def level_survival(
    changes: Sequence[PositionChanges],
    generator: np.random.Generator,
    *,
    coins: Sequence[str] | None = None,
    bounds: Sequence[float] = BOUNDS,
    draws: int = DRAWS,
) -> tuple[LevelSurvival, ...]:
    """Return the survival of positions by how far their level was crossed, over all `changes` together.

    Intervals come from drawing accounts again, over all snapshots that an account is in. Two accounts of
    average size are added to each draw, one that kept all and one that lost all, so that a class in which
    nothing survived does not look certain. Positions without a level or without a known range are in no
    class.

    Parameters
    ----------
    changes
        Between one or more pairs of snapshots.
    generator
        Source of the resamples.
    coins
        Only these; all where not given.
    bounds
        Of the classes, logs, ascending; classes are half-open.
    draws
        Number of resamples.
    """
    names: dict[str, int] = {}
    parts = [np.zeros((0, 3))]
    for change in changes:
        before = change.before
        numbers = np.array([names.setdefault(name, len(names)) for name in before.accounts], np.int64)
        count = len(before)
        wanted = np.isfinite(change.crossed_by[:count])
        if coins is not None:
            wanted &= np.isin(np.array(before.coins)[before.coin], list(coins))
        there = np.where(change.after_row[:count] >= 0, _THERE, _GONE)
        fate = np.where(change.fate[:count] == UNCHANGED, _SAME, there)
        fate[change.fate[:count] == NOT_SEEN_AGAIN] = np.nan
        parts.append(np.column_stack([numbers[before.account], change.crossed_by[:count], fate])[wanted])
    rows = np.concatenate(parts)
    place = np.searchsorted(np.asarray(bounds), rows[:, 1], side="right") - 1
    return tuple(
        _of_class(rows[place == number], bounds[number], bounds[number + 1], generator, draws)
        for number in range(len(bounds) - 1)
    )


def _of_class(
    rows: FloatArray, low: float, high: float, generator: np.random.Generator, draws: int
) -> LevelSurvival:
    numbers, account = np.unique(rows[:, 0], return_inverse=True)
    fate, seen = rows[:, 2], ~np.isnan(rows[:, 2])
    everyone = np.ones_like(seen)
    parts = ((fate == _SAME, seen), (fate >= _THERE, seen), (fate == _SAME, everyone), (~seen, everyone))
    held, among = (
        np.array([np.bincount(account, part[column], minlength=len(numbers)) for part in parts])
        for column in (0, 1)
    )
    same, there, seen_same, not_seen = _shares(held, among, generator, draws)
    return LevelSurvival(
        crossed_from=float(low),
        crossed_to=float(high),
        positions=len(rows),
        accounts=len(numbers),
        unknown=int(np.count_nonzero(~seen)),
        same_size=same,
        still_there=there,
        seen_same_size=seen_same,
        not_seen=not_seen,
    )


def _shares(
    held: FloatArray, among: FloatArray, generator: np.random.Generator, draws: int
) -> list[Estimate]:
    """Return held / among, both of shape (k, accounts), added up, NaN where nothing is among.

    The intervals are of draws of all accounts and two of average size, one that holds all and one nothing.
    """
    whole = among.sum(axis=1)
    size = (whole / np.maximum(among.astype(bool).sum(axis=1), 1))[:, None]
    held, among = np.hstack([held, size, 0 * size]), np.hstack([among, size, size])

    def statistics(times: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore"):
            return np.asarray((held @ times) / (among @ times))

    found = account_estimates(statistics, np.arange(held.shape[1]), generator, draws)
    out = []
    for one, kept, total in zip(found, held[:, :-2].sum(axis=1), whole, strict=True):
        if not total:
            out.append(Estimate(*(float("nan"),) * 4))
            continue
        value = float(kept / total)
        out.append(Estimate(value, one.error, min(one.low, value), max(one.high, value)))
    return out
