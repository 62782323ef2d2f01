"""What happened to the positions in a coin between two snapshots: counts by fate, and those worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.measured_positions import SIDES, pseudonym
from powderkeg.core.position_changes import FATES, LIQUIDATED, PositionChanges
from powderkeg.core.position_distances import distance_to_level
from powderkeg.core.position_matching import taken
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.times import iso

MARKS = ("approaching", "critical", "collateral_added", "collateral_taken")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPosition:
    """One position that was liquidated, approaches its level, is critical, or had collateral moved.

    Attributes
    ----------
    account
        Pseudonym.
    position_side
        ``long`` or ``short``.
    fate
        One of `powderkeg.core.position_changes.FATES`.
    marks
        Those of `MARKS` that hold.
    notional
        USD at the later mark where it is still there, else at the earlier one.
    distance_before, distance_after
        |ln(level / mark)| then and now, None where there is none.
    crossed_by
        How far the mark went beyond the level as it was, a log; below 0 it stayed away. None if not known.
    collateral
        USD by which the margin behind it grew, None where it cannot be told. Of a cross account every
        position tells the same.
    """

    account: str
    position_side: str
    fate: str
    marks: tuple[str, ...]
    notional: float
    distance_before: float | None
    distance_after: float | None
    crossed_by: float | None
    collateral: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredChanges:
    """Changes of one coin.

    Attributes
    ----------
    since, until
        Times of the two snapshots, UTC milliseconds.
    counts
        By side and fate: number of positions and their notional; all fates, zeros too.
    marks
        By side and one of `MARKS`: the same.
    positions
        Those with a mark or liquidated, largest first.
    range_source
        What the range of the mark in between was taken from.
    """

    since: int
    until: int
    counts: dict[str, dict[str, tuple[int, float]]]
    marks: dict[str, dict[str, tuple[int, float]]]
    positions: tuple[ChangedPosition, ...]
    range_source: str

    def as_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "since": iso(self.since),
            "until": iso(self.until),
            "range_source": self.range_source,
            **{
                side: {
                    name: {"positions": count, "notional": notional}
                    for name, (count, notional) in {**self.counts[side], **self.marks[side]}.items()
                }
                for side in SIDES
            },
            "positions": [
                {name: getattr(one, name) for name in ChangedPosition.__slots__} for one in self.positions
            ],
        }


def measured_changes(
    changes: PositionChanges, coin: str, *, range_source: str, limit: int = 20
) -> MeasuredChanges:
    """Return the changes in one coin.

    Parameters
    ----------
    changes
        Of all coins.
    coin
        Whose; nobody may hold it, then there are none.
    range_source
        What the range of the mark in between was taken from, in words.
    limit
        How many positions to list.
    """
    before, after = changes.before, changes.after
    both = (changes.before_row, before), (changes.after_row, after)
    here, long, notional, distance = (np.zeros(len(changes), kind) for kind in (bool, bool, float, float))
    distances: list[FloatArray] = []
    for rows, snapshot in both:
        there = rows >= 0
        mine = np.array([name == coin for name in snapshot.coins], np.bool_)
        here |= taken(mine[snapshot.coin], rows, absent=False)
        long |= taken(snapshot.position_side > 0, rows, absent=False)
        notional = np.where(there, taken(snapshot.notional, rows), notional)
        distance = taken(distance_to_level(snapshot), rows)
        distances.append(distance)
    flags: dict[str, BoolArray] = {
        "approaching": changes.approaching,
        "critical": changes.critical,
        "collateral_added": changes.collateral > 0,
        "collateral_taken": changes.collateral < 0,
    }

    def tally(chosen: BoolArray, sign: bool) -> tuple[int, float]:
        rows = chosen & here & (long == sign)
        return int(np.count_nonzero(rows)), float(notional[rows].sum())

    notable = here & ((changes.fate == LIQUIDATED) | np.logical_or.reduce(list(flags.values())))
    rows = np.flatnonzero(notable)
    rows = rows[np.argsort(-notional[rows], kind="stable")][:limit]
    signs = zip(SIDES, (True, False), strict=True)
    return MeasuredChanges(
        since=before.as_of,
        until=after.as_of,
        counts={
            side: {fate: tally(changes.fate == code, sign) for code, fate in enumerate(FATES)}
            for side, sign in zip(SIDES, (True, False), strict=True)
        },
        marks={side: {name: tally(flag, sign) for name, flag in flags.items()} for side, sign in signs},
        positions=tuple(
            ChangedPosition(
                account=pseudonym(changes.account_of(row)),
                position_side=SIDES[int(not long[row])],
                fate=FATES[int(changes.fate[row])],
                marks=tuple(name for name, flag in flags.items() if flag[row]),
                notional=float(notional[row]),
                distance_before=_known(distances[0][row]),
                distance_after=_known(distances[1][row]),
                crossed_by=_known(changes.crossed_by[row]),
                collateral=_known(changes.collateral[row]),
            )
            for row in rows.tolist()
        ),
        range_source=range_source,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
