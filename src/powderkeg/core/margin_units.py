"""Where whole margin accounts are liquidated as one coin moves and the others follow by their betas.

A *margin unit* is what stands or falls together: all cross positions of an account, or one isolated position.
With x the relative move of one coin's mark, e_i the signed notional of a leg at the present marks and
beta_i how far its coin follows, a unit is liquidated where its equity meets what it has to maintain:

    f(x) = equity + sum_i e_i beta_i x - sum_i M_i(|e_i| (1 + beta_i x)) = 0

M is the maintenance margin of a tier table: continuous, with rates that rise, so it is the highest of its
tiers' lines, f is concave and has at most one root on either side of a solvent unit. Newton's method from far
outside walks down the pieces of f and ends on that root, bracket included; nothing is searched on a grid.

``beta`` 1 for the coin itself and 0 for all others is "other legs frozen", as venues show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np

from powderkeg.core.liquidation_price import SMALLEST_PRICE_SHARE
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only
from powderkeg.model.instrument import TierTable

# A rise this many times the price is none: nobody holds margin for it, and no order is sent there.
FARTHEST_RISE = 1e6
_STEPS = 100


@dataclass(frozen=True, slots=True)
class MaintenanceTables:
    """Tier tables of several coins in one pair of arrays, the last tier repeated to fill a row.

    Attributes
    ----------
    rates, amounts
        m and c of each tier, shape (coins, tiers): M(N) is the highest m N - c of a row.
    """

    rates: FloatArray
    amounts: FloatArray

    def __post_init__(self) -> None:
        for name in ("rates", "amounts"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def margin(self, coin: IntArray, notional: FloatArray) -> FloatArray:
        """Return the maintenance margins of notionals (>= 0, any shape) in the coins with these numbers."""
        lines = self.rates[coin] * notional[..., None] - self.amounts[coin]
        return np.asarray(lines.max(axis=-1))


def maintenance_tables(tables: Sequence[TierTable]) -> MaintenanceTables:
    """Return the tables of the coins in order.

    Raises
    ------
    InputError
        There is none, or one is of an inverse contract.
    """
    if not tables:
        raise InputError("tiers: no tables; expected one for each coin")
    for table in tables:
        if table.contract != "linear":
            raise InputError(f"tiers: {table.title} is of an inverse contract; expected linear ones")
    most = max(len(table.tiers) for table in tables)

    def filled(values: FloatArray) -> FloatArray:
        return np.concatenate([values, np.repeat(values[-1:], most - len(values))])

    return MaintenanceTables(
        np.array([filled(table.maintenance_margin_rates) for table in tables]),
        np.array([filled(table.maintenance_amounts) for table in tables]),
    )


@dataclass(frozen=True, slots=True)
class MarginUnits:
    """Margin units with their legs, units one after the other.

    Attributes
    ----------
    first_leg
        Number of each unit's first leg and, at the end, the number of legs, ascending strictly: no unit is
        without a leg; shape (units + 1,).
    equity
        In quote at the present marks, of either sign, shape (units,).
    coin
        Number of each leg's coin, shape (legs,).
    exposure
        Signed notional of each leg at the present marks, in quote, shape (legs,).

    Raises
    ------
    InputError
        The shapes do not agree.
    """

    first_leg: IntArray
    equity: FloatArray
    coin: IntArray
    exposure: FloatArray

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            object.__setattr__(self, name, read_only(getattr(self, name), kind))
        legs = len(self.exposure)
        if len(self.first_leg) != len(self.equity) + 1 or len(self.coin) != legs:
            raise InputError(
                f"margin units: {len(self.first_leg)} first legs, {len(self.equity)} equities, "
                f"{len(self.coin)} coins and {legs} exposures; expected one more first leg than units"
            )
        if self.first_leg[0] != 0 or self.first_leg[-1] != legs or np.any(np.diff(self.first_leg) <= 0):
            raise InputError(f"margin units: first legs do not rise from 0 to {legs}, the number of legs")

    def __len__(self) -> int:
        return len(self.equity)

    @property
    def unit(self) -> IntArray:
        """Number of each leg's unit, shape (legs,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.first_leg))


_KINDS: dict[str, type[np.generic]] = {
    "first_leg": np.int64, "equity": np.float64, "coin": np.int64, "exposure": np.float64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LiquidationMoves:
    """Relative moves of one coin's mark that liquidate units.

    Attributes
    ----------
    fall, rise
        In [-1, 0] and [0, inf), shape (units,); NaN where no fall or no rise does.
    short_of_margin
        Units that are short of their maintenance margin at the present marks; both moves are then 0.
    """

    fall: FloatArray
    rise: FloatArray
    short_of_margin: BoolArray


def liquidation_moves(
    units: MarginUnits,
    tables: MaintenanceTables,
    beta: FloatArray,
    *,
    kernel: Literal["numba", "numpy"] | None = None,
) -> LiquidationMoves:
    """Return the nearest moves of one coin, down and up, that liquidate each unit.

    Moves at which the mark of a leg's coin would be zero or less are none. Units with an equity that is not
    a number have none either.

    Parameters
    ----------
    units, tables
        The units, and what each coin demands.
    beta
        Relative move of each coin per relative move of the one in question, finite, shape (coins,).
    kernel
        ``numba`` or its plain twin ``numpy``; by default the faster one that can run.

    Raises
    ------
    InputError
        A beta is not finite, or a coin has no beta or no table.
    """
    beta = np.asarray(beta, np.float64)
    if not np.all(np.isfinite(beta)):
        raise InputError(f"beta: {beta[~np.isfinite(beta)][0]} of a coin; expected finite numbers")
    coins = min(len(beta), len(tables.rates))
    if len(units.coin) and int(units.coin.max()) >= coins:
        raise InputError(f"beta: coin {int(units.coin.max())} has no beta or no tiers; {coins} coins have")
    chosen = kernel or ("numba" if find_spec("numba") else "numpy")
    fall, rise = np.full(len(units), np.nan), np.full(len(units), np.nan)
    if chosen == "numba":
        from powderkeg.core.margin_units_kernel import move_limits_and_roots

        move_limits_and_roots(
            units.first_leg, units.equity, units.coin, units.exposure, beta, tables.rates, tables.amounts,
            FARTHEST_RISE, _STEPS, fall, rise,
        )  # fmt: skip
    else:
        _roots(units, tables, beta, fall, rise)
    short = (fall == 0) & (rise == 0)
    fall[fall <= -1 + SMALLEST_PRICE_SHARE] = np.nan
    return LiquidationMoves(fall, rise, short)


def _roots(
    units: MarginUnits, tables: MaintenanceTables, beta: FloatArray, fall: FloatArray, rise: FloatArray
) -> None:
    """Fill `fall` and `rise` in plain numpy: the meaning of `margin_units_kernel`."""
    if not len(units):
        return
    unit, follows = units.unit, beta[units.coin]
    known = np.isfinite(units.equity)
    with np.errstate(divide="ignore", over="ignore"):
        zero = -1.0 / follows  # the move at which a leg's coin is worth nothing
    lowest = np.maximum(np.maximum.reduceat(np.where(follows > 0, zero, -1.0), units.first_leg[:-1]), -1.0)
    highest = np.minimum.reduceat(
        np.where(follows < 0, np.minimum(zero, FARTHEST_RISE), FARTHEST_RISE), units.first_leg[:-1]
    )

    def value_and_slope(move: FloatArray) -> tuple[FloatArray, FloatArray]:
        size = np.abs(units.exposure)
        lines = tables.rates[units.coin] * (size * np.maximum(1 + follows * move[unit], 0.0))[:, None]
        lines -= tables.amounts[units.coin]
        tier = lines.argmax(axis=1)
        legs = np.arange(len(tier))
        value = units.exposure * follows * move[unit] - lines[legs, tier]
        slope = (units.exposure - tables.rates[units.coin, tier] * size) * follows
        first = units.first_leg[:-1]
        return units.equity + np.add.reduceat(value, first), np.add.reduceat(slope, first)

    solvent = value_and_slope(np.zeros(len(units)))[0] > 0
    fall[known & ~solvent] = rise[known & ~solvent] = 0.0
    for end, out in ((lowest, fall), (highest, rise)):
        move = end.copy()
        value, slope = value_and_slope(move)
        has_root = known & solvent & (value <= 0)
        for _ in range(_STEPS):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                nearer = move - value / slope
            going = has_root & (np.abs(nearer) < np.abs(move)) & (value < 0)
            if not going.any():
                break
            move = np.where(going, nearer, move)
            value, slope = value_and_slope(move)
        # The first step came from far away, where rounding is coarse.
        out[has_root] = (move - value / np.where(has_root, slope, 1.0))[has_root]


def frozen_units(units: MarginUnits, tables: MaintenanceTables) -> MarginUnits:
    """Return each leg as a unit of its own, whose equity is what the other legs leave it at their marks.

    Moving each leg's coin alone then liquidates it where the whole unit is liquidated with its other legs
    frozen: give `liquidation_moves` a beta of 1 for every coin.
    """
    maintained = tables.margin(units.coin, np.abs(units.exposure))
    total = np.bincount(units.unit, maintained, minlength=len(units))
    return MarginUnits(
        np.arange(len(units.exposure) + 1),
        units.equity[units.unit] - total[units.unit] + maintained,
        units.coin,
        units.exposure,
    )


def implied_equity(units: MarginUnits, tables: MaintenanceTables, level: FloatArray) -> FloatArray:
    """Return the equity of each leg's unit that its liquidation level implies, shape (legs,).

    Solves the identity of a unit with frozen other legs for its equity. Legs of one cross account agree, so
    that an account's equity is known from published levels alone, and an isolated leg gives itself away.

    Parameters
    ----------
    units
        Their equities are not looked at.
    tables
        What each coin demands.
    level
        Liquidation price of each leg over its present mark, > 0; NaN where there is none, and in the answer.
    """
    size = np.abs(units.exposure)
    maintained = tables.margin(units.coin, size)
    others = np.bincount(units.unit, maintained, minlength=len(units))[units.unit] - maintained
    known = np.isfinite(level)
    at_level = tables.margin(units.coin, size * np.where(known, level, 1.0))
    return np.where(known, at_level + others - units.exposure * (level - 1), np.nan)
