"""Measured maps: liquidation levels of known positions, counted; not estimated, and not called complete."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from powderkeg.core.named_models import BIN_WIDTH
from powderkeg.core.position_distances import REACHES
from powderkeg.errors import InputError
from powderkeg.maps.counted_positions import (
    CountedSide,
    Reached,
    counted_side,
    fields_json,
    reached,
    refuse_open_interest,
    state_ages,
)
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.position_levels import (
    LevelCheck,
    coins_of,
    computed_levels,
    level_check,
    margin_book,
    untabled_note,
)
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.instrument import TierTable
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance, SeriesCoverage
from powderkeg.model.times import duration_text, iso

Levels = Literal["published", "frozen", "joint"]
SIDES = ("long", "short")
# Levels further away than this in log price, a factor of 148, are counted, and in no bin.
FARTHEST = 5.0
NO_OPEN_INTEREST = "the venue's open interest is not known, so neither is the coverage"


@dataclass(frozen=True, slots=True)
class MeasuredMap:
    """A map summed over known positions, and how much of the market they are.

    Attributes
    ----------
    map
        The map; ``map.kind`` is ``measured``. Its open interest is the venue's, or where that is not known
        the larger of the two sides that were counted.
    levels
        ``published``: as the venue states them. ``frozen``: computed with the other legs of an account at
        their marks. ``joint``: computed with other coins moving by their betas.
    scaled
        False: what was counted and nothing else. True: each side scaled to the venue's open interest.
    open_interest
        The venue's, one side, USD at the mark; None where it is not known.
    sides
        What was counted, (long, short).
    within
        Totals within 1, 3, 5 and 10 % of the mark.
    ages
        Ages of the states behind the positions in ms, weighted by notional: median, 90 % and oldest.
    check
        Published levels against computed ones, over all coins.
    portfolio_accounts
        Accounts under portfolio margin, which have no level of one coin; they are counted without one.
    """

    map: LiquidationMap
    levels: Levels
    scaled: bool
    open_interest: float | None
    sides: tuple[CountedSide, CountedSide]
    within: tuple[Reached, ...]
    ages: tuple[int, int, int]
    check: LevelCheck
    portfolio_accounts: int

    def as_json(self, clusters: int = 20) -> dict[str, Any]:
        """Return the map as ``powderkeg map --json`` prints one, with ``measured`` beside it."""
        return {
            **self.map.as_json(clusters),
            "measured": {
                "levels": self.levels,
                "scaled": self.scaled,
                "venue_open_interest": self.open_interest,
                **{name: fields_json(side) for name, side in zip(SIDES, self.sides, strict=True)},
                "within": [
                    fields_json(one) | {"band": None if one.band is None else fields_json(one.band)}
                    for one in self.within
                ],
                "state_age_seconds": dict(
                    zip(("median", "p90", "oldest"), (age / 1000 for age in self.ages), strict=True)
                ),
                "check": fields_json(self.check),
                "portfolio_margin_accounts": self.portfolio_accounts,
            },
        }


def measured_map(
    snapshot: PositionSnapshot,
    symbol: str,
    *,
    levels: Levels = "published",
    open_interest: float | None = None,
    scaled: bool = False,
    betas: Mapping[str, float] | None = None,
    tiers: Mapping[str, TierTable] | None = None,
    bin_width: float = BIN_WIDTH,
    source: str = "positions",
    notes: tuple[str, ...] = (),
) -> MeasuredMap:
    """Return the map of one coin, summed over the positions of a snapshot.

    Each position is liquidated whole at one price; notional is its quantity at the mark price. Of accounts
    that are liquidated by a rise and by a fall alike, longs are on the map where the fall does it and shorts
    where the rise does.

    Parameters
    ----------
    snapshot
        The positions, as they were known at its time.
    symbol
        The coin as the venue spells it.
    levels
        See `MeasuredMap`.
    open_interest
        The venue's open interest at that time, one side, USD at the mark.
    scaled
        Scale each side to `open_interest`: an assumption about accounts that nobody has seen.
    betas
        Relative move of other coins per relative move of `symbol`, for ``joint``; 1 for coins without one.
    tiers
        Margin tiers by coin; by default those shipped for the venue.
    bin_width
        In log price.
    source, notes
        For the provenance.

    Raises
    ------
    InputError
        Nobody holds the coin; its mark is not known; `levels` is none of those above; `open_interest` is not
        positive, or is needed for `scaled` and not given.
    """
    if levels not in get_args(Levels):
        raise InputError(f"levels: {levels!r}; expected one of {', '.join(get_args(Levels))}")
    refuse_open_interest(open_interest)
    if scaled and open_interest is None:
        raise InputError("scaled: needs the venue's open interest; give it, or take the map as counted")
    number = snapshot.number_of(symbol)
    symbol = snapshot.coins[number]
    held = np.flatnonzero(snapshot.coin == number)
    if not len(held):
        raise InputError(f"symbol: nobody in the snapshot of {iso(snapshot.as_of)} holds {symbol}")
    mark = float(snapshot.mark_price[number])
    if not np.isfinite(mark):
        raise InputError(f"mark price of {symbol} is not known at {iso(snapshot.as_of)}")
    book = margin_book(snapshot, tiers)
    fall, rise = snapshot.liquidation_price[held], snapshot.liquidation_price[held]
    if levels != "published":
        beta = None if levels == "frozen" else coins_of(snapshot, betas or {}, symbol)
        fall, rise, computed = computed_levels(snapshot, book, symbol, beta)
        # Accounts under portfolio margin have no computed level; the order of the others is the book's.
        places = np.searchsorted(held, computed)
        fall, rise = _placed(fall, places, len(held)), _placed(rise, places, len(held))
    long = snapshot.position_side[held] > 0
    level = np.where(long, fall, rise)
    against = np.where(long, rise, fall) if levels != "published" else np.full(len(held), np.nan)

    notional = snapshot.quantity[held] * mark
    with np.errstate(invalid="ignore"):
        passed = np.isfinite(level) & ((level >= mark) == long)
        other = ~np.isfinite(level) & np.isfinite(against)
        distance = np.abs(np.log(level / mark))
    far = np.isfinite(level) & ~passed & (distance > FARTHEST)
    shown = np.isfinite(level) & ~passed & ~far
    sides = tuple(
        counted_side(
            snapshot, held, notional, mine,
            {"in_map": shown, "far": far, "passed": passed, "other_side": other}, open_interest,
        )
        for mine in (long, ~long)
    )  # fmt: skip

    grid, masses = _binned(level[shown], notional[shown], long[shown], bin_width)
    factors = np.array(
        [
            open_interest / side.notional if scaled and open_interest and side.notional else 1.0
            for side in sides
        ]
    )
    total = open_interest or max(side.notional for side in sides)
    result = LiquidationMap(
        instrument=f"{snapshot.venue}:{symbol}",
        as_of=snapshot.as_of,
        mark_price=mark,
        open_interest=total,
        grid=grid,
        long_notional=masses[0] * factors[0],
        short_notional=masses[1] * factors[1],
        provenance=_provenance(snapshot, held, levels, betas, source, sides, open_interest, scaled),
    )
    within = tuple(
        reached(snapshot.account[held[mine]], notional[mine], distance[mine], shown[mine], side, sign * reach,
                 open_interest)
        for side, mine, sign in (("long", long, -1), ("short", ~long, 1))
        for reach in REACHES
    )  # fmt: skip
    check = level_check(snapshot, book)
    told = list(notes)
    if levels != "published" and book.untabled:
        told.append(untabled_note(book.untabled))
    result = replace(result, provenance=replace(result.provenance, notes=(*result.provenance.notes, *told)))
    return MeasuredMap(
        map=result,
        levels=levels,
        scaled=scaled,
        open_interest=open_interest,
        sides=(sides[0], sides[1]),
        within=within,
        ages=state_ages(snapshot.age[held], notional),
        check=check,
        portfolio_accounts=int(snapshot.portfolio_margin[np.unique(snapshot.account[held])].sum()),
    )


def _placed(values: FloatArray, places: IntArray, count: int) -> FloatArray:
    out = np.full(count, np.nan)
    out[places] = values
    return out


def _binned(
    level: FloatArray, notional: FloatArray, long: BoolArray, width: float
) -> tuple[PriceGrid, FloatArray]:
    """Return the bins that hold all levels, and the notional of (longs, shorts) in each."""
    if not len(level):
        return PriceGrid(width, 0, 0), np.zeros((2, 0))
    numbers = np.floor(np.log(level) / width).astype(np.int64)
    grid = PriceGrid(width, int(numbers.min()), int(np.ptp(numbers)) + 1)
    masses = [
        np.bincount(numbers[side] - grid.first, notional[side], minlength=grid.count)
        for side in (long, ~long)
    ]
    return grid, np.array(masses)


def _provenance(
    snapshot: PositionSnapshot,
    held: IntArray,
    levels: Levels,
    betas: Mapping[str, float] | None,
    source: str,
    sides: tuple[CountedSide, ...],
    open_interest: float | None,
    scaled: bool,
) -> Provenance:
    ages = snapshot.age[held]
    covered = [side.coverage for side in sides if side.coverage is not None]
    notes = [
        "counted from public positions: accounts that are not known are not in it"
        if not scaled
        else "SCALED: accounts that are not known are taken to hold levels as the known ones do",
    ]
    if covered:
        notes.append(
            "; ".join(
                f"{name}s: {side.coverage:.1%} of the venue's open interest"
                for name, side in zip(SIDES, sides, strict=True)
            )
        )
    else:
        notes.append(NO_OPEN_INTEREST)
    if levels == "joint":
        notes.append("other coins move by their betas times this coin's move" if betas else "every beta is 1")
    digest = hashlib.sha256(f"{levels} {sorted((betas or {}).items())} {scaled} {open_interest}".encode())
    return Provenance(
        kind="measured",
        model=f"{levels} levels of known positions" + ", SCALED to the open interest" * scaled,
        parameter_hash=digest.hexdigest()[:16],
        inputs=(
            SeriesCoverage(
                name="positions",
                source=source,
                start=int(snapshot.as_of - ages.max()),
                end=snapshot.as_of,
                cadence=0,
                rows=len(held),
                coverage=float(np.mean(covered)) if covered else float("nan"),
                notes=(f"the oldest state is {duration_text(int(ages.max()))} old",) if ages.any() else (),
            ),
        ),
        warm_up_share=(0.0, 0.0),
        kernel="none",
        notes=tuple(notes),
    )
