"""Liquidation price of one coin in a cross-margined account of several linear positions.

All positions draw on one wallet, so what happens to the others while this coin moves decides where it is
liquidated. Every answer here is the root of one linear equation in the relative move x of this coin's mark,
and the only thing that differs is how far each leg follows it, its beta:

=========  ===================================================================================
beta 1     a leg of the same instrument: the long and the short of a hedge-mode account
beta 0     "other legs frozen": a leg that stays at its mark, as venues show it
any other  "joint shock": a leg in another coin that moves by beta times the relative move
=========  ===================================================================================

The level may lie on the unexpected side of the mark: a nearly balanced hedge is liquidated by a *rise* even
when it is net long, because the maintenance margin of both legs grows with the price. So the side is part of
the answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, fraction, non_negative, positive, sign_of
from powderkeg.core.liquidation_price import SMALLEST_PRICE_SHARE
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray


class CrossLiquidation(NamedTuple):
    """Liquidation prices of the first leg's coin, with what they mean; all of one shape.

    Attributes
    ----------
    liquidation_price
        Quote per base, > 0; NaN where no move of this coin brings the account to its maintenance margin.
    side_of_mark
        -1: below the mark, a fall liquidates. +1: above it, a rise does. 0: there is no such price, or it is
        the mark itself.
    liquidated_at_mark
        True where the account is already short of maintenance margin. The price is then the one at which it
        would be whole again, on the side that `side_of_mark` says.
    """

    liquidation_price: FloatArray
    side_of_mark: IntArray
    liquidated_at_mark: BoolArray


def cross_liquidation_price(
    *,
    wallet_balance: npt.ArrayLike,
    mark_price: npt.ArrayLike,
    entry_price: npt.ArrayLike,
    quantity: npt.ArrayLike,
    position_side: npt.ArrayLike,
    maintenance_margin_rate: npt.ArrayLike,
    maintenance_amount: npt.ArrayLike = 0.0,
    fee_rate: npt.ArrayLike = 0.0,
    beta: npt.ArrayLike = 0.0,
) -> CrossLiquidation:
    """Return the prices of the first leg's coin at which whole accounts are liquidated.

    With leg prices P_i(x) = M_i (1 + beta_i x) around the marks M_i, where x is the relative move of the
    first leg's coin, solves for x

        wallet + sum_i s_i q_i (P_i - E_i) = sum_i (q_i (m_i + f_i) P_i - c_i)

    and returns M_0 (1 + x). Rates and deductions are those that the caller gives for each leg, whatever x:
    take them from the brackets of the notionals at the answer.

    Parameters
    ----------
    wallet_balance
        Realised cash of the account in quote, of either sign; shape (...).
    mark_price, entry_price
        M and E, quote per base, > 0; shape (..., legs). These and all below broadcast against each other.
    quantity
        q, in base, >= 0; a leg of 0 is not there. At least one leg moves with the coin.
    position_side
        s, +1 for a long and -1 for a short.
    maintenance_margin_rate, fee_rate
        m and f, in [0, 1), together below 1.
    maintenance_amount
        c, in quote, >= 0.
    beta
        How far a leg follows the first one: shape (..., legs), of which the first is 1 by definition and its
        value here is not used. The default freezes the others.

    Returns
    -------
    CrossLiquidation
        Arrays of shape (...). NaN where nothing that is held moves with the coin, where the root is not a
        positive price, and where the move would take another leg's price to zero or below.

    Raises
    ------
    InputError
        An argument is outside its range, there is no leg, or the two rates of a leg together reach 1.

    References
    ----------
    Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" (support FAQ
    b3c689c1f50a44cabb3a84e663b81d93, read in November 2026): the cases of beta 1 and 0.
    """
    marks = positive("mark_price", mark_price)
    held = non_negative("quantity", quantity)
    side = sign_of("position_side", position_side)
    charge = fraction("maintenance_margin_rate", maintenance_margin_rate) + fraction("fee_rate", fee_rate)
    if not np.all(charge < 1):
        raise InputError("maintenance_margin_rate plus fee_rate reaches 1; expected the two to stay below it")
    profit = side * held * (marks - positive("entry_price", entry_price))
    deduction = np.where(held > 0, non_negative("maintenance_amount", maintenance_amount), 0.0)
    surplus_by_leg, slope_by_leg, marks, held, betas = np.broadcast_arrays(
        profit - held * marks * charge + deduction,
        held * marks * (side - charge),
        marks,
        held,
        finite("beta", beta),
    )
    if surplus_by_leg.ndim == 0 or surplus_by_leg.shape[-1] == 0:
        raise InputError(
            "the account has no legs; expected arrays of shape (..., legs) with at least one leg"
        )
    betas = betas.copy()
    betas[..., 0] = 1.0

    surplus = np.asarray(finite("wallet_balance", wallet_balance) + surplus_by_leg.sum(axis=-1))
    slope = np.broadcast_to((betas * slope_by_leg).sum(axis=-1), surplus.shape)
    move = np.full(surplus.shape, np.nan)
    with np.errstate(over="ignore"):  # a slope that is all but zero: no move is large enough
        np.divide(-surplus, slope, out=move, where=slope != 0)
    move = np.where(np.isfinite(move), move, np.nan)
    prices_hold = (1.0 + betas * move[..., np.newaxis] > 0) | (held == 0)
    move = np.where((1.0 + move > SMALLEST_PRICE_SHARE) & prices_hold.all(axis=-1), move, np.nan)
    price = np.asarray(marks[..., 0] * (1.0 + move))
    return CrossLiquidation(
        liquidation_price=price,
        side_of_mark=np.asarray((price > marks[..., 0]).astype(np.int64) - (price < marks[..., 0])),
        liquidated_at_mark=np.asarray(surplus < 0),
    )
