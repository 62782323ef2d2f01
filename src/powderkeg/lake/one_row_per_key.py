"""One row per key: which of the rows that agree in the key stands.

The row that was heard last stands: greatest `confirmed_ts`, then the later write, then the later position.
Rows with its values that were heard right before it, with no other between, are the same news told again:
their earliest `received_ts` stays, with its source, because that is when the row was learned.

So the values that stand do not depend on which rows were merged first. Neither does `received_ts`, as long
as each append, which is merged in itself before it is written, holds what was received since the one before;
where appends come late, it is when one of the tellings came.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from powderkeg.lake.checked_rows import CONFIRMED, RECEIVED, SOURCE, sort_order
from powderkeg.model.market_rows import MarketTable

GENERATION = "__generation"
_GROUP = "__group"
_DIFFERS = "__differs"


class OneRowPerKey(NamedTuple):
    """Sorted rows, and how many gave way: `duplicates` to their like, `conflicts` to other values."""

    frame: pl.DataFrame
    duplicates: int
    conflicts: int


def one_row_per_key(frame: pl.DataFrame, table: MarketTable) -> OneRowPerKey:
    """Return the rows that stand, sorted by the key with time first.

    Parameters
    ----------
    frame
        Rows in the order of their writing: the key, `confirmed_ts`, any other columns of a part, and the
        column `GENERATION` with the number of the write, which is not in the result. Where `received_ts`,
        `source` or fields are left out, the counts mean nothing, but the values are right.
    table
        Whose key it is.
    """
    if frame.height < 2:
        return OneRowPerKey(frame.drop(GENERATION), 0, 0)
    order = sort_order(table)
    frame = frame.sort([*order, CONFIRMED, GENERATION], maintain_order=True)
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in order)
    frame = frame.with_columns(begins.alias(_GROUP)).with_columns(
        (pl.col(_GROUP) | (pl.int_range(pl.len()) == 0)).cum_sum().alias(_GROUP)
    )
    if frame[_GROUP][-1] == frame.height:
        return OneRowPerKey(frame.drop(_GROUP, GENERATION), 0, 0)

    size = pl.len().over(_GROUP)
    single, several = frame.filter(size == 1), frame.filter(size > 1)
    columns = [name for name in frame.columns if name not in (_GROUP, GENERATION)]
    values = [name for name in columns if name not in (*order, RECEIVED, CONFIRMED, SOURCE)]
    differs = [pl.col(name).ne_missing(pl.col(name).last().over(_GROUP)) for name in values]
    several = several.with_columns(
        (pl.any_horizontal(differs) if differs else pl.lit(value=False)).alias(_DIFFERS)
    )
    # Rows behind the last one that differs: they are what stands, told once or more often.
    told = several.filter(pl.col(_DIFFERS).cum_sum(reverse=True).over(_GROUP) == 0)
    kept = {
        RECEIVED: pl.col(RECEIVED).min(),
        CONFIRMED: pl.col(CONFIRMED).max(),
        SOURCE: pl.col(SOURCE).get(pl.col(RECEIVED).arg_min())
        if RECEIVED in columns
        else pl.col(SOURCE).last(),
    }
    standing = told.group_by(_GROUP, maintain_order=True).agg(
        kept.get(name, pl.col(name).last()).alias(name) for name in columns
    )
    conflicts = int(several[_DIFFERS].sum())
    duplicates = several.height - standing.height - conflicts
    merged = pl.concat([single.select(_GROUP, *columns), standing.select(_GROUP, *columns)]).sort(_GROUP)
    return OneRowPerKey(merged.drop(_GROUP), duplicates, conflicts)
