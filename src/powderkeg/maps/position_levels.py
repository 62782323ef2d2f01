"""Liquidation levels of the positions in a snapshot, computed from equity and margin tiers.

Beside what the venue publishes there are two ways to compute a level: with the account's other legs frozen,
which is what the venue does, and under a joint shock, in which other coins follow by their betas. The first
is the check of everything, the second what happens when markets fall together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.margin_units import (
    MaintenanceTables,
    MarginUnits,
    frozen_units,
    implied_equity,
    liquidation_moves,
    maintenance_tables,
)
from powderkeg.core.venue_tiers import venue_tier_table
from powderkeg.errors import InputError
from powderkeg.model.account_positions import ISOLATED, UNKNOWN_MODE, PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.instrument import TierTable

# Levels that imply equities this close, as a share of the account's notional, are of one cross account.
_AGREEMENT = 2e-3


@dataclass(frozen=True, slots=True)
class LevelCheck:
    """How published levels compare with computed ones.

    Attributes
    ----------
    compared
        Positions whose level is published and could be computed from something else than itself.
    within_rounding, within_one_percent
        Share of them whose levels differ by at most 1e-6, and 1e-2, as |ln(computed / published)|.
    median, worst
        Of that difference; NaN where nothing was compared.
    """

    compared: int
    within_rounding: float
    within_one_percent: float
    median: float
    worst: float


@dataclass(frozen=True, slots=True)
class MarginBook:
    """Positions of a snapshot as margin units, with what is known of their equity.

    Attributes
    ----------
    units
        Cross accounts and isolated positions; NaN equity where it cannot be known.
    tables
        Margin tiers by the snapshot's coin numbers.
    position
        Number of the snapshot's position that each leg is, shape (legs,).
    given
        Legs whose unit's equity the venue states; others' follows from published levels, shape (legs,).
    untabled
        Coins whose tiers nobody states: one tier at the highest leverage that anybody has set.
    """

    units: MarginUnits
    tables: MaintenanceTables
    position: IntArray
    given: BoolArray
    untabled: tuple[str, ...]


def margin_book(snapshot: PositionSnapshot, tiers: Mapping[str, TierTable] | None = None) -> MarginBook:
    """Return the margin units of a snapshot.

    Equities are moved from the marks of each account's state to those of the snapshot. Where the venue's
    answer holds no equity it follows from published levels: every leg of a cross account implies the same
    one. Of an account whose margin modes are not known, legs that imply another equity than the notional-
    weighted median of its legs are taken to be isolated. Accounts under portfolio margin are left out: one
    coin has no level there.

    Parameters
    ----------
    snapshot
        The positions.
    tiers
        Tier tables by coin; by default those that are shipped for the venue, see `MarginBook.untabled`.
    """
    tables, untabled = _tables(snapshot, tiers)
    kept = np.flatnonzero(~snapshot.portfolio_margin[snapshot.account])
    account, coin = snapshot.account[kept], snapshot.coin[kept]
    state_exposure = (snapshot.position_side * snapshot.quantity * snapshot.state_mark_price)[kept]
    exposure = (snapshot.position_side * snapshot.notional)[kept]
    level = (snapshot.liquidation_price / snapshot.state_mark_price)[kept]
    stated = snapshot.cross_account_value[account]
    mode = snapshot.margin_mode[kept]

    isolated = mode == ISOLATED
    own_equity = np.where(isolated, snapshot.isolated_margin[kept], np.nan)
    guess = ~isolated & ~np.isfinite(stated)
    inferred = np.full(len(kept), np.nan)
    if guess.any():
        alone, equity = _inferred(
            account, coin, state_exposure, level, guess, guess & (mode == UNKNOWN_MODE), tables
        )
        isolated = isolated | alone
        inferred = equity
        own_equity = np.where(alone, equity, own_equity)
    needs = isolated & ~np.isfinite(own_equity)
    if needs.any():
        single = MarginUnits(np.arange(len(kept) + 1), np.zeros(len(kept)), coin, state_exposure)
        own_equity = np.where(needs, implied_equity(single, tables, level), own_equity)

    # Isolated legs stand alone; cross legs of one account together.
    unit = np.where(isolated, len(snapshot.accounts) + np.arange(len(kept)), account)
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(unit[order]) != 0])) if len(kept) else np.empty(0)
    first_leg = np.concatenate([starts, [len(kept)]]).astype(np.int64) if len(kept) else np.zeros(1, np.int64)
    given = np.where(isolated, np.isfinite(snapshot.isolated_margin[kept]), np.isfinite(stated))
    equity = np.where(isolated, own_equity, np.where(np.isfinite(stated), stated, inferred))[order]
    moved = (exposure - state_exposure)[order]
    head = first_leg[:-1]
    units = MarginUnits(
        first_leg,
        (equity[head] + np.add.reduceat(moved, head)) if len(kept) else np.empty(0),
        coin[order],
        exposure[order],
    )
    return MarginBook(units, tables, kept[order], given[order], untabled)


def computed_levels(
    snapshot: PositionSnapshot, book: MarginBook, symbol: str, beta: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return where each position in a coin is liquidated by a fall and by a rise of it, and its number.

    Parameters
    ----------
    snapshot, book
        The positions and their margin units.
    symbol
        The coin that moves.
    beta
        Relative move of each coin of the snapshot per relative move of `symbol`, shape (coins,), 1 for
        `symbol` itself; None freezes all others.

    Returns
    -------
    tuple
        Prices at the snapshot's mark by (fall, rise) and the positions' numbers in the snapshot, all of shape
        (positions in the coin,). NaN where there is no such price; the mark itself on both sides where the
        unit is short of its maintenance margin already.
    """
    number = snapshot.number_of(symbol)
    legs = np.flatnonzero(book.units.coin == number)
    if beta is None:
        units = frozen_units(book.units, book.tables)
        units = MarginUnits(
            np.arange(len(legs) + 1), units.equity[legs], units.coin[legs], units.exposure[legs]
        )
        moves = liquidation_moves(units, book.tables, np.ones(len(snapshot.coins)))
        fall, rise = moves.fall, moves.rise
    else:
        if beta[number] != 1:
            raise InputError(f"beta: {beta[number]} of {symbol} itself; expected 1")
        moves = liquidation_moves(book.units, book.tables, beta)
        fall, rise = (values[book.units.unit[legs]] for values in (moves.fall, moves.rise))
    held = book.position[legs]
    mark = _mark(snapshot, held)
    return mark * (1 + fall), mark * (1 + rise), held


def level_check(snapshot: PositionSnapshot, book: MarginBook) -> LevelCheck:
    """Return how the published levels compare with those of frozen legs at the marks of the states.

    Only positions whose unit has an equity that does not follow from their own level alone are compared:
    the venue states it, or other legs imply it too.
    """
    units = book.units
    state = (snapshot.position_side * snapshot.quantity * snapshot.state_mark_price)[book.position]
    shift = np.bincount(units.unit, state - units.exposure, minlength=len(units))
    at_state = MarginUnits(units.first_leg, units.equity + shift, units.coin, state)
    published = (snapshot.liquidation_price / snapshot.state_mark_price)[book.position]
    alone = frozen_units(at_state, book.tables)
    moves = liquidation_moves(alone, book.tables, np.ones(len(snapshot.coins)))
    computed = 1 + np.where(published < 1, moves.fall, moves.rise)
    levelled = np.isfinite(published)
    others = np.bincount(units.unit, levelled, minlength=len(units))[units.unit] - levelled
    compared = levelled & np.isfinite(alone.equity) & (book.given | (others > 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(np.log(computed / published))[compared]
    difference = np.where(np.isfinite(difference), difference, np.inf)
    if not len(difference):
        return LevelCheck(0, np.nan, np.nan, np.nan, np.nan)
    return LevelCheck(
        len(difference),
        float(np.mean(difference <= 1e-6)),
        float(np.mean(difference <= 1e-2)),
        float(np.median(difference)),
        float(difference.max()),
    )


def _mark(snapshot: PositionSnapshot, held: IntArray) -> FloatArray:
    return snapshot.notional[held] / snapshot.quantity[held]


def _tables(
    snapshot: PositionSnapshot, tiers: Mapping[str, TierTable] | None
) -> tuple[MaintenanceTables, tuple[str, ...]]:
    found: list[TierTable] = []
    untabled = []
    for number, coin in enumerate(snapshot.coins):
        table = (tiers or {}).get(coin) or _shipped(snapshot.venue, coin)
        if table is None:
            untabled.append(coin)
            leverage = snapshot.leverage[snapshot.coin == number]
            highest = float(np.nanmax(leverage)) if np.isfinite(leverage).any() else 1.0
            table = TierTable.from_floors(
                venue=snapshot.venue,
                symbol=coin,
                base=coin,
                quote="USD",
                as_of="1970-01-01",
                source="the highest leverage that any account of the snapshot has set",
                notional_floors=(0.0,),
                maintenance_margin_rates=(0.5 / max(highest, 1.0),),
                maximum_leverages=(max(highest, 1.0),),
            )
        found.append(table)
    return maintenance_tables(found), tuple(untabled)


def _shipped(venue: str, coin: str) -> TierTable | None:
    try:
        table = venue_tier_table(venue, coin)
    except InputError:
        return None
    return table if table.symbol == coin else None


def _inferred(
    account: IntArray,
    coin: IntArray,
    exposure: FloatArray,
    level: FloatArray,
    guess: BoolArray,
    may_be_isolated: BoolArray,
    tables: MaintenanceTables,
) -> tuple[BoolArray, FloatArray]:
    """Return which legs are taken to be isolated, and the equity of each leg's unit as levels imply it."""
    alone = np.zeros(len(account), np.bool_)
    equity = np.full(len(account), np.nan)
    for _ in range(2):  # once to tell isolated legs apart, once more without them
        cross = np.flatnonzero(guess & ~alone)
        starts = np.flatnonzero(np.concatenate([[True], np.diff(account[cross]) != 0]))
        first = np.concatenate([starts, [len(cross)]]).astype(np.int64)
        if not len(cross):
            break
        units = MarginUnits(first, np.zeros(len(starts)), coin[cross], exposure[cross])
        implied = implied_equity(units, tables, level[cross])
        middle = _weighted_medians(units, implied)[units.unit]
        gross = np.bincount(units.unit, np.abs(units.exposure))[units.unit]
        equity[cross] = middle
        strange = np.abs(implied - middle) > _AGREEMENT * gross
        alone[cross[strange & may_be_isolated[cross]]] = True
    single = MarginUnits(np.arange(len(account) + 1), np.zeros(len(account)), coin, exposure)
    return alone, np.where(alone, implied_equity(single, tables, level), equity)


def _weighted_medians(units: MarginUnits, values: FloatArray) -> FloatArray:
    """Return the median of each unit's values weighted by exposure, NaN values left out; shape (units,)."""
    known = np.flatnonzero(np.isfinite(values))
    unit = units.unit[known]
    order = np.lexsort((values[known], unit))
    known, unit = known[order], unit[order]
    weight = np.abs(units.exposure[known])
    below = np.cumsum(weight)
    total = np.bincount(unit, weight, minlength=len(units))
    before = np.concatenate([[0.0], np.cumsum(total)[:-1]])
    half = before[unit] + total[unit] / 2
    out = np.full(len(units), np.nan)
    reached = below >= half
    # The first of each unit that reaches half of its weight; written last to first, so the first stays.
    places = np.flatnonzero(reached)[::-1]
    out[unit[places]] = values[known[places]]
    return out


def coins_of(snapshot: PositionSnapshot, betas: Mapping[str, float], symbol: str) -> FloatArray:
    """Return betas in the order of a snapshot's coins: 1 for `symbol`, and for coins that `betas` lacks."""
    return np.array([1.0 if coin == symbol else betas.get(coin, 1.0) for coin in snapshot.coins])


def untabled_note(coins: Sequence[str]) -> str:
    """Return what to say of coins whose tiers are not known."""
    shown = ", ".join(coins[:5]) + (f" and {len(coins) - 5} more" if len(coins) > 5 else "")
    return f"no margin tiers are known for {shown}: one tier at the highest leverage that anybody has set"
