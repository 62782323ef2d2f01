"""Snapshots of positions from rows: the user's files, and what a lake holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from powderkeg.errors import InputError, WindowError
from powderkeg.lake.position_tables import read_positions
from powderkeg.lake.tables import Source
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import iso

_COLUMNS = (
    "position_side", "quantity", "entry_price", "state_mark_price", "leverage", "margin_mode",
    "isolated_margin", "liquidation_price",
)  # fmt: skip


def position_snapshots(
    source: Source, *, venue: str = "hyperliquid", columns: Mapping[str, str] | None = None
) -> list[PositionSnapshot]:
    """Return one snapshot for each time in a table of positions, ascending.

    Each holds the accounts that have a row at that time, and no others: what an account that is missing
    holds then is not known. The mark of a coin is the median of those its rows were valued at.

    Parameters
    ----------
    source
        Path of a Parquet or CSV file, or a polars frame, see `powderkeg.lake.position_tables`.
    venue
        Whose accounts they are.
    columns
        Field name -> column name, for names that are not recognised.

    Raises
    ------
    MissingColumnError, InputError
        As `powderkeg.lake.position_tables.read_positions`.
    """
    positions = read_positions(source, columns=columns)
    return [
        _snapshot_of_table(rows, int(rows["ts"][0]), venue)
        for rows in positions.partition_by("ts", maintain_order=True)
    ]


def snapshot_at(
    snapshots: Sequence[PositionSnapshot], at: int | None, *, oldest: int = 0
) -> PositionSnapshot:
    """Return what was known of all accounts at a time: each as it was last seen.

    Parameters
    ----------
    snapshots
        Ascending, at least one.
    at
        UTC milliseconds; the time of the last snapshot by default.
    oldest
        How long before the newest snapshot known at `at` an account may have been seen last, in
        milliseconds; 0 takes that snapshot alone.

    Raises
    ------
    WindowError
        `at` is before the first snapshot.
    """
    if not snapshots:
        raise InputError("positions: no snapshots; expected at least one")
    end = snapshots[-1].as_of if at is None else at
    known = [one for one in snapshots if one.as_of <= end]
    if not known:
        raise WindowError(f"at: {iso(end)} is before the first snapshot, {iso(snapshots[0].as_of)}")
    newest = known[-1]
    merged = [one for one in known if one.as_of >= newest.as_of - oldest]
    return newest if len(merged) == 1 else _merged(merged)


def built_snapshot(
    states: pl.DataFrame, positions: pl.DataFrame, marks: Mapping[str, float], *, as_of: int, venue: str
) -> PositionSnapshot:
    """Return the snapshot of these accounts and positions.

    Parameters
    ----------
    states
        One row per account: ``account``, ``state_ts``, ``cross_account_value``, ``portfolio_margin``.
    positions
        ``account``, ``coin`` and the fields of `PositionSnapshot` by their names, in any order; positions of
        accounts that are not among `states` are left out.
    marks
        Mark price of each coin at `as_of`, where it is known.
    as_of, venue
        As in `PositionSnapshot`.
    """
    states = states.sort("account").with_row_index("__account")
    coins = positions["coin"].unique().sort().to_list()
    numbers = pl.DataFrame({"coin": coins, "__coin": range(len(coins))}, schema_overrides={"coin": pl.String})
    rows = (
        positions.join(states.select("account", "__account"), on="account")
        .join(numbers, on="coin")
        .sort("__account", "__coin")
    )
    held: dict[str, Any] = {name: _floats(rows[name]) for name in _COLUMNS}
    return PositionSnapshot(
        venue=venue,
        as_of=as_of,
        coins=tuple(coins),
        mark_price=np.array([marks.get(coin, np.nan) for coin in coins], np.float64),
        accounts=tuple(states["account"].to_list()),
        state_ts=states["state_ts"].to_numpy(),
        cross_account_value=_floats(states["cross_account_value"]),
        portfolio_margin=states["portfolio_margin"].to_numpy(),
        account=rows["__account"].cast(pl.Int64).to_numpy(),
        coin=rows["__coin"].cast(pl.Int64).to_numpy(),
        **held,
    )


def median_marks(positions: pl.DataFrame) -> dict[str, float]:
    """Return the median mark that the positions in each coin were valued at."""
    return dict(positions.group_by("coin").agg(pl.col("state_mark_price").median()).iter_rows())


def _floats(column: pl.Series) -> FloatArray:
    return np.asarray(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), np.float64)


def _snapshot_of_table(rows: pl.DataFrame, as_of: int, venue: str) -> PositionSnapshot:
    states = rows.group_by("account").agg(
        pl.col("cross_account_value").first(),
        pl.col("ts").first().alias("state_ts"),
        pl.lit(value=False).alias("portfolio_margin"),
    )
    return built_snapshot(states, rows, median_marks(rows), as_of=as_of, venue=venue)


def _merged(snapshots: Sequence[PositionSnapshot]) -> PositionSnapshot:
    """Return the newest of several snapshots with accounts that only older ones have as they were there."""
    newest = snapshots[-1]
    states: dict[str, PositionSnapshot] = {}
    marks: dict[str, float] = {}
    for one in snapshots:
        states |= dict.fromkeys(one.accounts, one)
        known = np.isfinite(one.mark_price)
        marks |= {one.coins[number]: float(one.mark_price[number]) for number in np.flatnonzero(known)}
    parts, held = [], []
    for one in snapshots:
        latest = np.array([states[account] is one for account in one.accounts])
        parts.append(
            pl.DataFrame(
                {
                    "account": np.array(one.accounts)[latest],
                    "state_ts": one.state_ts[latest],
                    "cross_account_value": one.cross_account_value[latest],
                    "portfolio_margin": one.portfolio_margin[latest],
                }
            )
        )
        chosen = one.rows(latest[one.account])
        held.append(
            pl.DataFrame(
                {
                    "account": np.array(one.accounts)[chosen.account],
                    "coin": np.array(one.coins)[chosen.coin],
                    **{name: getattr(chosen, name) for name in _COLUMNS},
                }
            )
        )
    return built_snapshot(pl.concat(parts), pl.concat(held), marks, as_of=newest.as_of, venue=newest.venue)
