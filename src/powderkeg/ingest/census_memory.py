"""What the lake remembers of a census: accounts that are known, and the last state of each."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from powderkeg.core.census_policy import Outlook
from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY
from powderkeg.model.window import Window

REACH = 30 * DAY
"""How far back states are looked for: an older one says little, and its account is as good as new."""
_STATE = ("ts", "account", "account_value", "positions", "margining")
_POSITION = ("ts", "account", "coin", "position_side", "quantity", "notional", "liquidation_price")


class LastStates(NamedTuple):
    """The last state of each account, one row each, and the positions of those states.

    `states` has ts, account, account_value, positions and margining; `positions` ts, account, coin,
    position_side, quantity, notional and liquidation_price.
    """

    states: pl.DataFrame
    positions: pl.DataFrame


def known_accounts(lake: Lake, key: DatasetKey) -> list[str]:
    """Return the accounts that were found, the first found first; `key` is of the table ``accounts``.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    rows = lake.read(key, columns=("ts", "account")).sort("ts").unique("account", maintain_order=True)
    return list(rows["account"])


def last_states(lake: Lake, states_key: DatasetKey, positions_key: DatasetKey, now: int) -> LastStates:
    """Return the last state of each account that was asked in the `REACH` before `now`, UTC ms.

    A position without a state of its time and account is nobody's: a crash left it.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    summary = lake.summary(states_key)
    states = lake.read(states_key, Window(0, 1), columns=_STATE)
    positions = lake.read(positions_key, Window(0, 1), columns=_POSITION)
    if summary.first_ts is None or summary.last_ts is None:
        return LastStates(states, positions)
    first = max(summary.first_ts, now - REACH) // DAY
    for day in range(summary.last_ts // DAY, first - 1, -1):
        window = Window(day * DAY, (day + 1) * DAY)
        told = lake.read(states_key, window, columns=_STATE).sort("ts")
        fresh = told.unique("account", keep="last").join(states.select("account"), on="account", how="anti")
        if len(fresh):
            held = lake.read(positions_key, window, columns=_POSITION)
            positions = pl.concat([positions, held.join(fresh, on=("ts", "account"), how="semi")])
            states = pl.concat([states, fresh])
    return LastStates(states.sort("ts"), positions)


def remember(schedule: CensusSchedule, accounts: list[str], last: LastStates) -> None:
    """Put accounts into an empty schedule, each in the place that its last state gives it, oldest first."""
    mark = pl.col("notional") / pl.col("quantity")
    held = last.positions.with_columns(mark.alias("mark"))
    total = held.group_by("account").agg(pl.col("notional").sum().alias("total"))
    nearest = (
        held.filter(pl.col("liquidation_price").is_not_null() & (pl.col("notional") > 0))
        .sort((pl.col("liquidation_price") / pl.col("mark") - 1).abs())
        .unique("account", keep="first", maintain_order=True)
        .select("account", "coin", pl.col("liquidation_price").alias("level"), "mark")
    )
    rows = (
        last.states.select("ts", "account")
        .join(total, on="account", how="left", maintain_order="left")
        .join(nearest, on="account", how="left", maintain_order="left")
        .with_columns(
            pl.col("total").fill_null(0.0),
            pl.col("coin").fill_null(""),
            pl.col("level", "mark").fill_null(float("nan")),
        )
    )
    for ts, account, notional, coin, level, price in rows.iter_rows():
        schedule.seen(account, ts, Outlook(notional, coin, level, price))
    for account in accounts:
        schedule.add(account)
