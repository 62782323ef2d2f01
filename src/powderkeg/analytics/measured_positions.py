"""Who is close to liquidation where positions are public: the largest of them, and how much of the market."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.core.account_resampling import Estimate
from powderkeg.core.position_distances import (
    QUANTILES,
    REACHES,
    DistanceDistribution,
    distance_distribution,
    distance_to_level,
    log_reach,
    refuse_contradictions,
    sample_notes,
)
from powderkeg.errors import InputError
from powderkeg.maps.counted_positions import (
    CountedSide,
    Reached,
    counted_side,
    fields_json,
    reached,
    refuse_open_interest,
)
from powderkeg.model.account_positions import CROSS, ISOLATED, UNKNOWN_MODE, PositionSnapshot
from powderkeg.model.times import iso
from powderkeg.version import __version__

SIDES = ("long", "short")
MARGIN_MODES = {CROSS: "cross", ISOLATED: "isolated", UNKNOWN_MODE: None}
UNITS = {
    "notional": "USD at the mark",
    "distance": "signed fraction of the mark: longs are liquidated below it",
    "share": "fraction of one side's open interest, the venue's where it is known, else what was counted",
    "log_distance": "|ln(level / mark)|",
}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPosition:
    """A position close to its liquidation.

    Attributes
    ----------
    rank
        1 for the largest.
    account
        Pseudonym.
    position_side
        ``long`` or ``short``.
    notional
        USD at the mark.
    liquidation_price
        As published.
    distance
        How far the mark has to move, a signed fraction of it: below 0 for longs.
    age
        Milliseconds since the account's state was taken.
    margin_mode
        ``cross``, ``isolated``, or None where it is not known.
    share
        Of one side's open interest: the venue's where it is known, else what was counted of the side.
    """

    rank: int
    account: str
    position_side: str
    notional: float
    liquidation_price: float
    distance: float
    age: int
    margin_mode: str | None
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPositions:
    """The positions in one coin that are close to liquidation, and what all of them add up to.

    Attributes
    ----------
    venue, coin
        Whose, and of which coin.
    as_of
        UTC milliseconds.
    mark_price
        Of the coin at that time.
    near
        What counts as close, a fraction of the mark.
    open_interest
        The venue's, one side, USD; None where it is not known.
    sides
        What was counted, (long, short).
    within
        What moves of 1, 3, 5 and 10 % liquidate, longs first.
    distances
        Distribution of effective distances, (long, short).
    positions
        The largest that are close, in order of size.
    close
        How many positions are close, and their notional.
    notes
        Who is in the sample, longs first.
    """

    venue: str
    coin: str
    as_of: int
    mark_price: float
    near: float
    open_interest: float | None
    sides: tuple[CountedSide, CountedSide]
    within: tuple[Reached, ...]
    distances: tuple[DistanceDistribution, DistanceDistribution]
    positions: tuple[NearPosition, ...]
    close: tuple[int, float]
    notes: tuple[tuple[str, ...], tuple[str, ...]]

    def as_json(self) -> dict[str, Any]:
        """Return everything as a JSON object; what is not known is null."""
        return {
            "venue": self.venue,
            "coin": self.coin,
            "kind": "measured",
            "as_of": iso(self.as_of),
            "mark_price": self.mark_price,
            "units": UNITS,
            "near": self.near,
            "open_interest": self.open_interest,
            "close": {"positions": self.close[0], "notional": self.close[1]},
            "positions": [fields_json(one) for one in self.positions],
            "within": [
                fields_json(one) | {"band": one.band and fields_json(one.band)} for one in self.within
            ],
            **{
                name: fields_json(side) | {"distances": distribution_json(found), "notes": list(notes)}
                for name, side, found, notes in zip(
                    SIDES, self.sides, self.distances, self.notes, strict=True
                )
            },
            "version": __version__,
        }


def measured_positions(
    snapshot: PositionSnapshot,
    coin: str,
    *,
    near: float = 0.05,
    limit: int = 20,
    open_interest: float | None = None,
    seed: int = 0,
) -> MeasuredPositions:
    """Return the largest positions in a coin within `near` of their liquidation, and what all add up to.

    Positions whose level the mark has passed are counted (``passed``) and not listed: their states are older
    than the move, or they have been liquidated since.

    Parameters
    ----------
    snapshot
        What was known of all accounts at one time.
    coin
        As the venue spells it.
    near
        What is close, a fraction of the mark, above 0 and below 1.
    limit
        How many to list.
    open_interest
        The venue's, one side, USD at the mark, > 0; None where it is not known.
    seed
        Of the resamples behind the sampling errors.

    Raises
    ------
    InputError
        Nobody holds the coin, its mark is not known, the snapshot contradicts itself, or an argument is out
        of its range.
    """
    refuse_contradictions(snapshot)
    refuse_open_interest(open_interest)
    number = snapshot.number_of(coin)
    mark = float(snapshot.mark_price[number])
    if not np.isfinite(mark):
        raise InputError(f"mark price of {coin} is not known at {iso(snapshot.as_of)}")
    held = np.flatnonzero(snapshot.coin == number)
    side, notional, distance = (
        snapshot.position_side[held],
        snapshot.notional[held],
        distance_to_level(snapshot),
    )
    close = (distance[held] > 0) & (distance[held] <= log_reach(near, side))
    nowhere = np.zeros(len(held), np.bool_)
    parts = {
        "in_map": distance[held] > 0, "passed": distance[held] <= 0, "far": nowhere, "other_side": nowhere
    }  # fmt: skip
    long, short = (
        counted_side(snapshot, held, notional, side == sign, parts, open_interest) for sign in (1, -1)
    )
    totals = {sign: open_interest or one.notional for sign, one in ((1, long), (-1, short))}
    largest = np.flatnonzero(close)[np.argsort(-notional[close], kind="stable")][:limit]
    generator = np.random.default_rng(seed)
    of_side = [(snapshot.coin == number) & (snapshot.position_side == sign) for sign in (1, -1)]
    distances = [distance_distribution(snapshot, chosen, generator) for chosen in of_side]
    notes = [sample_notes(snapshot, chosen, open_interest) for chosen in of_side]
    return MeasuredPositions(
        venue=snapshot.venue,
        coin=coin,
        as_of=snapshot.as_of,
        mark_price=mark,
        near=near,
        open_interest=open_interest,
        sides=(long, short),
        within=tuple(
            reached(
                snapshot.account[held][side == sign], notional[side == sign], distance[held][side == sign],
                (distance[held] > 0)[side == sign], name, -sign * reach, open_interest,
            )
            for name, sign in zip(SIDES, (1, -1), strict=True) for reach in REACHES
        ),
        distances=(distances[0], distances[1]),
        positions=tuple(
            NearPosition(
                rank=rank,
                account=pseudonym(snapshot.accounts[int(snapshot.account[row])]),
                position_side=SIDES[int(snapshot.position_side[row] < 0)],
                notional=float(snapshot.notional[row]),
                liquidation_price=float(snapshot.liquidation_price[row]),
                distance=float(snapshot.liquidation_price[row] / mark - 1),
                age=int(snapshot.age[row]),
                margin_mode=MARGIN_MODES[int(snapshot.margin_mode[row])],
                share=float(snapshot.notional[row] / totals[int(snapshot.position_side[row])]),
            )
            for rank, row in enumerate(held[largest].tolist(), 1)
        ),
        close=(int(close.sum()), float(notional[close].sum())),
        notes=(notes[0], notes[1]),
    )  # fmt: skip


def pseudonym(account: str) -> str:
    """Return the first 6 and last 4 characters of an address; any other name, such as a number, as it is."""
    return f"{account[:6]}…{account[-4:]}" if _ADDRESS.fullmatch(account) else account


def distribution_json(found: DistanceDistribution) -> dict[str, Any]:
    """Return a distribution of distances as a JSON object; its bounds are the central 90 % over accounts."""
    return {
        "positions": found.positions,
        "accounts": found.accounts,
        "effective_accounts": found.effective_accounts,
        "without_level": _estimate(found.without_level),
        "within": [
            {"fraction": reach, **_estimate(one)} for reach, one in zip(REACHES, found.within, strict=True)
        ],
        "quantiles": [
            {"quantile": level, **_estimate(one)}
            for level, one in zip(QUANTILES, found.quantiles, strict=True)
        ],
        "lognormal": {"median": _estimate(found.median), "sigma": _estimate(found.sigma)},
    }


def _estimate(one: Estimate) -> dict[str, float]:
    return {"value": one.value, "error": one.error, "low_90": one.low, "high_90": one.high}
