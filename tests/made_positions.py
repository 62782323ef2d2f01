"""Snapshots of positions, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from powderkeg.model.account_positions import UNKNOWN_MODE, PositionSnapshot

NOON = 1_770_724_800_000  # 2026-02-10 12:00


def snapshot_of(
    positions: Sequence[tuple[str, str, float, float, float]],
    *,
    marks: Mapping[str, float] | None = None,
    as_of: int = NOON,
    margin_mode: int = UNKNOWN_MODE,
) -> PositionSnapshot:
    """Return a snapshot of (account, coin, signed quantity, mark and entry price, liquidation price) rows.

    Without `marks` the first position in a coin says what its mark is.
    """
    accounts = tuple(dict.fromkeys(row[0] for row in positions))
    coins = tuple(dict.fromkeys(row[1] for row in positions))
    rows = sorted(positions, key=lambda row: accounts.index(row[0]))
    first = {coin: next(row[3] for row in rows if row[1] == coin) for coin in coins}
    signed = np.array([row[2] for row in rows])
    return PositionSnapshot(
        venue="hyperliquid",
        as_of=as_of,
        coins=coins,
        mark_price=np.array([(first if marks is None else marks).get(coin, np.nan) for coin in coins]),
        accounts=accounts,
        state_ts=np.full(len(accounts), as_of),
        cross_account_value=np.full(len(accounts), np.nan),
        portfolio_margin=np.zeros(len(accounts), np.bool_),
        account=np.array([accounts.index(row[0]) for row in rows], np.int64),
        coin=np.array([coins.index(row[1]) for row in rows], np.int64),
        position_side=np.sign(signed).astype(np.int64),
        quantity=np.abs(signed),
        entry_price=np.array([row[3] for row in rows]),
        state_mark_price=np.array([row[3] for row in rows]),
        leverage=np.full(len(rows), np.nan),
        margin_mode=np.full(len(rows), margin_mode),
        isolated_margin=np.full(len(rows), np.nan),
        liquidation_price=np.array([row[4] for row in rows]),
    )
