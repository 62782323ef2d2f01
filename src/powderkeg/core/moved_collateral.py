"""Margin added to positions and taken out of them, told from how their levels moved.

Margin dB moved into a position of size q at side s moves its level by -s dB / q, the maintenance rate of a
percent or two neglected. So at equal size dB = -s q (level after - level before). Explained is what funding
cost, and for a cross position what the account's other cross positions won or lost meanwhile; between that
and nothing where the margin mode is not known. What is left is collateral if it exceeds 0.5 % of the notional
behind it: that of the position if it is isolated, else of all that the account holds cross. Spot balances
that serve as collateral are not seen: their gains look like margin added.
"""

from __future__ import annotations

import numpy as np

from powderkeg.core.position_matching import same_names, taken
from powderkeg.model.account_positions import ISOLATED, UNKNOWN_MODE, PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray

_UNEXPLAINED = 0.005


def moved_collateral(
    before: PositionSnapshot,
    after: PositionSnapshot,
    after_row: IntArray,
    same: BoolArray,
    funding: FloatArray,
) -> FloatArray:
    """Return the quote by which the margin behind each position of `before` grew, negative where it shrank.

    0 where something else explains it. NaN where it cannot be told: without a level in both snapshots, at
    another size, and for positions that are not isolated where the account resized another such one or opened
    one, for what that realised is not known.

    Parameters
    ----------
    before, after
        The snapshots.
    after_row
        Row of each position in `after`, -1 where it has none, shape (n,).
    same
        Whether it is there at the same size, shape (n,).
    funding
        Sum of the funding rates in between, positive where longs pay, shape (coins of `before`,).
    """
    isolated = before.margin_mode == ISOLATED
    held = before.position_side * before.quantity
    mark = before.state_mark_price
    paid = held * funding[before.coin] * mark
    won = np.where(same & ~isolated, held * (taken(after.state_mark_price, after_row) - mark) - paid, 0.0)
    account_won, account_notional, account_changed = (
        np.bincount(before.account, values, minlength=len(before.accounts))[before.account]
        for values in (won, np.where(isolated, 0.0, before.quantity * mark), ~isolated & ~same)
    )
    others = np.where(isolated, 0.0, account_won - won)
    least = np.where(before.margin_mode == UNKNOWN_MODE, 0.0, others)
    moved = taken(after.liquidation_price, after_row) - before.liquidation_price
    margin = paid - held * moved
    left = margin - np.clip(margin, np.minimum(others, least), np.maximum(others, least))
    notional = np.where(isolated, before.quantity * mark, account_notional)
    alone = isolated | ((account_changed == 0) & ~_opened_another(before, after, after_row))
    told = same & np.isfinite(moved) & alone
    return np.where(told, np.where(np.abs(left) > _UNEXPLAINED * notional, left, 0.0), np.nan)


def _opened_another(before: PositionSnapshot, after: PositionSnapshot, after_row: IntArray) -> BoolArray:
    """Return which positions are of accounts that hold something in `after`, not isolated, that is new."""
    new = after.margin_mode != ISOLATED
    new[after_row[after_row >= 0]] = False
    names = same_names(before.accounts, after.accounts)
    return np.asarray(np.isin(names, after.account[new])[before.account])
