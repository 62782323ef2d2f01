"""Depth from a file of the user's: levels of an order book, or bands as a venue adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl

from powderkeg.core.band_depth import band_depth
from powderkeg.core.book_depth import book_depth
from powderkeg.core.impact_law import impact_depth, recent_flow
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.column_names import missing_column, resolved_columns
from powderkeg.lake.column_values import numbers_of, times_of
from powderkeg.lake.tables import Source, table_of_source
from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, iso

_SIDES = {
    "bid": "bid",
    "bids": "bid",
    "b": "bid",
    "buy": "bid",
    "ask": "ask",
    "asks": "ask",
    "a": "ask",
    "sell": "ask",
}

_LAW_WINDOW = 7 * DAY


def depth_of_file(
    source: Source,
    *,
    direction: Direction,
    mark_price: float,
    at: int,
    columns: Mapping[str, str] | None = None,
) -> DepthCurve:
    """Return the depth of one direction from a table of levels or of bands.

    Levels have ``side`` (bid or ask), ``price`` and ``quantity`` in base; bands have ``distance`` (signed
    fraction) or ``percentage`` (as in Binance's files) and ``notional`` in quote. With a column of times the
    last one known at `at` is taken.

    Parameters
    ----------
    source
        Path of a Parquet or CSV file, or a polars frame.
    direction
        -1 for a fall, +1 for a rise.
    mark_price
        From where displacement counts.
    at
        UTC milliseconds.
    columns
        Field name -> column name, for names that are not recognised.

    Raises
    ------
    MissingColumnError, InputError
        The table is neither, a value in it cannot be, or as `powderkeg.core.book_depth.book_depth` and
        `powderkeg.core.band_depth.band_depth`.
    WindowError
        Nothing is known by then.
    """
    label, name, table = table_of_source(source, "depth")
    found = resolved_columns("depth", table.columns, columns, label=label)
    if table.is_empty():
        raise InputError(f"{label}: the table has no rows")
    rows = np.arange(table.height)
    as_of = at
    times = np.full(table.height, at)
    if "ts" in found:
        times = times_of(table[found["ts"]], rows, label=label)
        known = times[times <= at]
        if not len(known):
            raise WindowError(f"{label}: the first rows are of {iso(int(times.min()))}, after {iso(at)}")
        as_of = int(known.max())
        chosen = times == as_of
        table, rows, times = table.filter(pl.Series(chosen)), rows[chosen], times[chosen]

    def numbers(field: str, rule: Literal["positive", "non-negative", "finite"]) -> FloatArray:
        return numbers_of(table[found[field]], times, rows, rule, label=label)

    if "side" in found and "price" in found and "quantity" in found:
        said = table[found["side"]].cast(pl.String).str.strip_chars().str.to_lowercase()
        unknown = set(said.drop_nulls().unique()) - _SIDES.keys()
        if unknown or said.null_count():
            raise InputError(
                f"{label}: {found['side']!r} holds {min(unknown, default=None)!r}; expected bid or ask"
            )
        side = np.array([_SIDES[word] for word in said.to_list()])
        price, quantity = numbers("price", "positive"), numbers("quantity", "positive")
        bids, asks = (
            list(zip(price[side == one].tolist(), quantity[side == one].tolist(), strict=True))
            for one in ("bid", "ask")
        )
        return book_depth(
            bids, asks, direction=direction, source=f"levels of {name}", as_of=as_of, mark_price=mark_price
        )
    if "notional" in found and found.keys() & {"distance", "percentage"}:
        distance = (
            numbers("distance", "finite") if "distance" in found else numbers("percentage", "finite") / 100
        )
        return band_depth(
            distance,
            numbers("notional", "non-negative"),
            direction=direction,
            source=f"bands of {name}",
            as_of=as_of,
        )
    raise missing_column("depth", ["price", "distance"], table.columns, label=label)


def law_of_bars(frame: MarketFrame, at: int, direction: Direction) -> DepthCurve:
    """Return the depth that the impact law gives to the bars known at a time; see `core.impact_law`.

    Raises
    ------
    InputError
        Too few bars are known, or nothing was traded or moved in them.
    """
    rows = np.flatnonzero((frame.ts + frame.step <= at) & (frame.ts >= at - _LAW_WINDOW))
    volume, volatility = recent_flow(frame.close[rows], frame.volume[rows], frame.step)
    source = f"impact law of the bars of {frame.instrument}"
    return impact_depth(volume, volatility, direction=direction, source=source, as_of=at)
