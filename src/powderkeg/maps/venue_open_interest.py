"""A venue's open interest at one instant, for what was counted to be a share of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from powderkeg.core.alignment import cadence_of
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.tables import Source, read_table
from powderkeg.maps.input_coverage import Stamp
from powderkeg.model.times import duration_text, iso

_STALE_CADENCES = 3


def open_interest_at(
    source: Source,
    *,
    symbol: str,
    venue: str,
    at: int,
    mark_price: float,
    sides: Literal[1, 2] = 1,
    stamp: Stamp = "interval",
    unit: Literal["base", "usd"] | None = None,
    columns: Mapping[str, str] | None = None,
) -> float:
    """Return the last open interest known at a time, one side, USD.

    Parameters
    ----------
    source
        Path of a Parquet or CSV file, or a polars frame.
    symbol, venue
        Which rows, where the table has several.
    at
        UTC milliseconds; a row counts from when it was known.
    mark_price
        Turns base units into USD.
    sides, stamp, unit, columns
        As in `powderkeg.maps.market_frame.market_frame`.

    Raises
    ------
    WindowError
        Nothing is known by then, or what is known is older than three cadences.
    InputError
        As in `powderkeg.lake.tables.read_table`; or the unit contradicts the column.
    """
    table = read_table(source, "open_interest", symbol=symbol, venue=venue, columns=columns)
    cadence = cadence_of(table.times)
    known_at = table.times + (cadence if stamp == "interval" else 0)
    row = int((known_at <= at).sum()) - 1
    if row < 0:
        raise WindowError(
            f"{table.label}: the first row is known at {iso(int(known_at[0]))}, after {iso(at)}"
        )
    if cadence and at - int(known_at[row]) > _STALE_CADENCES * cadence:
        raise WindowError(
            f"{table.label}: the last row known at {iso(at)} is of {iso(int(table.times[row]))}; expected "
            f"one of the {duration_text(_STALE_CADENCES * cadence)} before"
        )
    in_usd, in_base = table.values.get("open_interest_usd"), table.values.get("open_interest")
    if unit == "usd" and in_usd is None and in_base is not None:
        return float(in_base[row]) / sides  # the caller knows better than the column's name
    if in_base is not None and (unit == "base" or in_usd is None):
        return float(in_base[row]) * mark_price / sides
    if unit == "base" or in_usd is None:
        name = table.column_names["open_interest_usd"]
        raise InputError(f"{table.label}: open_interest_unit is 'base', but the only column is {name!r}")
    return float(in_usd[row]) / sides
