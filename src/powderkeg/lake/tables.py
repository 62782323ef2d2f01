"""Tables of market data as the user has them: Parquet or CSV files, or polars frames, of one market.

`read_table` recognises columns, picks the rows of one coin and venue, and hands on arrays in house units; a
value that cannot be market data stops it. Alignment with other tables comes later, in `powderkeg.maps`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from powderkeg.errors import InputError
from powderkeg.lake.column_names import Kind, missing_column, resolved_columns
from powderkeg.lake.column_values import Rule, numbers_of, times_of
from powderkeg.lake.one_market import rows_of_symbol, rows_of_venue
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import iso, row_text

Source = str | os.PathLike[str] | pl.DataFrame
SideMeaning = Literal["order", "position"]

_ROW = "__row"
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz", ".csv.zst")
_TIME = "__time"
_CANDLE: dict[str, Rule] = dict.fromkeys(("open", "high", "low", "close"), "positive")
_TEXT = (pl.String, pl.Categorical, pl.Enum)
_NEEDED: dict[Kind, dict[str, Rule]] = {
    "bars": {**_CANDLE, "volume": "non-negative"},
    "mark": _CANDLE,
    "funding": {"funding_rate": "finite"},
    "taker": {"taker_buy": "non-negative"},
    "long_short_ratio": {"long_short_ratio": "positive"},
}
# Candles that went through another program are off by rounding, not by a price.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """One market's rows of one table.

    Attributes
    ----------
    label
        What messages call it: the parameter it was given as, and its file.
    source
        The file's name, or ``frame``.
    times
        UTC milliseconds, shape (n,), ascending; without a repetition, except for liquidation events.
    rows
        Number of each row in the table as given, counted from 0, shape (n,).
    values
        Field name -> float64, shape (n,). Prices in quote per base and quantities in the table's own unit.
        Liquidations always come as ``long_notional`` and ``short_notional`` in USD; events with a ``price``
        too, where the table has it.
    column_names
        Field name -> the column it was read from.
    is_events
        True for liquidations one by one, False for rows that describe intervals.
    notes
        What was decided while reading.
    """

    label: str
    source: str
    times: IntArray
    rows: IntArray
    values: dict[str, FloatArray]
    column_names: dict[str, str]
    is_events: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.times)


def read_table(
    source: Source,
    kind: Kind,
    *,
    symbol: str,
    venue: str | None = None,
    columns: Mapping[str, str] | None = None,
    window: tuple[int, int] | None = None,
    side_meaning: SideMeaning | None = None,
) -> SeriesTable:
    """Return one market's rows of a table.

    Parameters
    ----------
    source
        Path of a Parquet (``.parquet``) or CSV (``.csv``, ``.csv.gz``) file, or a polars frame.
    kind
        What the table holds, which is also the parameter that messages name.
    symbol
        The coin, or an instrument's exact name. A table without a column that names coins is taken whole.
    venue
        The venue; None picks the one that covers the most of `window`, and says so in a note. A table
        without a column that names venues is taken whole.
    columns
        Field name -> column name; wins over the names that are recognised.
    window
        The bars' time, [start, end) in UTC milliseconds.
    side_meaning
        What a liquidation's column ``side`` says: ``order`` (sell closed a long, as at Binance) or
        ``position`` (buy is the long that was closed, as at Bybit).

    Raises
    ------
    MissingColumnError
        A needed column is not there; the message lists those that are, and the names that are recognised.
    InputError
        The file is missing, empty or neither Parquet nor CSV; it has no rows of the symbol or venue; a time
        is missing, repeated or out of order; a value is missing, not a number, not finite or impossible.
    """
    label, name, table = table_of_source(source, kind)
    found = resolved_columns(kind, table.columns, columns, label=label)
    for field in ("symbol", "venue"):
        # "base" may be a volume, and "coin" a number: only text names a market.
        if field in found and table.schema[found[field]] not in _TEXT and field not in (columns or {}):
            del found[field]
    if "ts" not in found:
        raise missing_column(kind, ["ts"], table.columns, label=label)
    fields = _fields_to_read(kind, found, table.columns, label=label)
    if table.is_empty():
        raise InputError(f"{label}: the table has no rows")
    chosen = {*fields.values(), *(found[field] for field in ("ts", "symbol", "venue") if field in found)}
    table = table.with_row_index(_ROW).select(_ROW, *sorted(chosen))
    if "symbol" in found:
        table = rows_of_symbol(table, found["symbol"], symbol, label=label)
    rows = table[_ROW].cast(pl.Int64).to_numpy()
    table = table.with_columns(pl.Series(_TIME, times_of(table[found["ts"]], rows, label=label)))
    notes: tuple[str, ...] = ()
    if "venue" in found:
        table, notes = rows_of_venue(table, found["venue"], venue, time=_TIME, window=window, label=label)
    is_events = kind == "liquidations" and "long_notional" not in fields
    if is_events:
        # Several in one millisecond and feeds merged out of order are ordinary, and only sums are taken.
        table = table.sort(_TIME, maintain_order=True)
    rows, times = table[_ROW].cast(pl.Int64).to_numpy(), table[_TIME].to_numpy()
    if not is_events:
        _check_ascending(times, rows, label=label)

    def numbers(field: str, rule: Rule) -> FloatArray:
        return numbers_of(table[fields[field]], times, rows, rule, label=label)

    if is_events:
        is_long = _is_long(table, fields, side_meaning, times, rows, label=label)
        values = _notional_by_side(fields, is_long, numbers)
    elif kind in _NEEDED:
        values = {field: numbers(field, rule) for field, rule in _NEEDED[kind].items()}
    else:
        values = {field: numbers(field, "non-negative") for field in fields}
    if "high" in values:
        _check_candles(values, times, rows, label=label)
    return SeriesTable(label, name, times, rows, values, fields, is_events, notes)


def table_of_source(source: Source, kind: Kind) -> tuple[str, str, pl.DataFrame]:
    """Return what messages call a table, its short name, and the table as it is.

    A folder stands for the one table in it.

    Raises
    ------
    InputError
        The file is missing, empty, or neither Parquet nor CSV; a folder holds none or several.
    """
    if isinstance(source, pl.DataFrame):
        return kind, "frame", source
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"{kind}: a {type(source).__name__}; expected a path or a polars DataFrame")
    path = Path(source)
    if path.is_dir():
        path = _only_table(path, kind)
    label = f"{kind} ({path.name})"
    if not path.is_file():
        raise InputError(f"{kind}: {path} does not exist; expected a Parquet or CSV file")
    if path.stat().st_size == 0:
        raise InputError(f"{label}: the file is empty")
    suffixes = path.name.lower()
    try:
        if suffixes.endswith(_PARQUET):
            return label, path.name, pl.read_parquet(path)
        if suffixes.endswith(_CSV):
            return label, path.name, pl.read_csv(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{label}: cannot be read as what its name says: {reason}") from error
    raise InputError(f"{label}: neither Parquet nor CSV by its name; expected .parquet, .csv or .csv.gz")


def _only_table(folder: Path, kind: Kind) -> Path:
    """Return the one table in a folder; which of several is meant is not guessed."""
    tables = [one for one in folder.iterdir() if one.name.lower().endswith(_PARQUET + _CSV)]
    if len(tables) != 1:
        raise InputError(
            f"{kind}: {folder} is a folder with {len(tables)} tables; expected a Parquet or CSV file, "
            "or a folder with one"
        )
    return tables[0]


def _fields_to_read(
    kind: Kind, found: Mapping[str, str], available: list[str], *, label: str
) -> dict[str, str]:
    """Return field name -> column of what a kind needs, or raise the error for what is missing."""

    def some_of(*names: str) -> dict[str, str]:
        return {name: found[name] for name in names if name in found}

    if kind == "open_interest":
        fields = some_of("open_interest", "open_interest_usd")
        if not fields:
            raise missing_column(kind, ["open_interest", "open_interest_usd"], available, label=label)
        return fields
    if kind == "liquidations":
        totals = some_of("long_notional", "short_notional")
        if len(totals) == 2:
            return totals
        events = some_of("position_side") or some_of("side")
        if not events:
            wanted = ["position_side", "long_notional", "short_notional"]
            raise missing_column(kind, wanted, available, label=label)
        amounts = some_of("notional") or some_of("price", "quantity")
        if len(amounts) != 2 and "notional" not in amounts:
            raise missing_column(kind, ["notional", "price", "quantity"], available, label=label)
        return {**events, **amounts, **some_of("price")}
    missing = [field for field in _NEEDED[kind] if field not in found]
    if missing:
        raise missing_column(kind, missing[:1], available, label=label)
    return some_of(*_NEEDED[kind])


def _is_long(
    table: pl.DataFrame,
    fields: Mapping[str, str],
    side_meaning: SideMeaning | None,
    times: IntArray,
    rows: IntArray,
    *,
    label: str,
) -> pl.Series:
    """Return True where a long was liquidated and False where a short was."""
    field = "position_side" if "position_side" in fields else "side"
    column = fields[field]
    sides = table[column].cast(pl.String).str.strip_chars().str.to_lowercase()
    meaning = {"long": True, "short": False}
    if field == "side":
        if side_meaning is None and sides.is_in(["buy", "sell"]).any():
            raise InputError(
                f"{label}: column {column!r} says buy or sell, which venues use in opposite ways (at Binance "
                "sell is the order that closed a long, at Bybit buy is the long that was closed); say "
                "liquidation_side_meaning='order' or 'position', or give a column position_side with "
                "long and short"
            )
        buy_is_long = side_meaning == "position"
        meaning |= {"buy": buy_is_long, "sell": not buy_is_long}
    known = sides.is_in(list(meaning))
    if not known.fill_null(value=False).all():
        first = int(np.argmin(known.fill_null(value=False).to_numpy()))
        raise InputError(
            f"{label}: {column!r} is {table[column][first]!r} in {row_text(rows[first], times[first])}; "
            f"expected one of {', '.join(meaning)}"
        )
    return sides.replace_strict(meaning, return_dtype=pl.Boolean)


def _notional_by_side(
    fields: Mapping[str, str], is_long: pl.Series, numbers: Callable[[str, Rule], FloatArray]
) -> dict[str, FloatArray]:
    if "notional" in fields:
        notional = numbers("notional", "non-negative")
    else:
        notional = numbers("price", "positive") * numbers("quantity", "non-negative")
    long = is_long.to_numpy()
    # Where the notional is told, a price may be missing: it says where, not how much.
    price = {"price": numbers("price", "positive or empty")} if "price" in fields else {}
    return {
        "long_notional": np.where(long, notional, 0.0),
        "short_notional": np.where(long, 0.0, notional),
        **price,
    }


def _check_ascending(times: IntArray, rows: IntArray, *, label: str) -> None:
    steps = np.diff(times)
    if np.all(steps > 0):
        return
    second = int(np.argmax(steps <= 0)) + 1
    place, before = row_text(rows[second], times[second]), f"row {rows[second - 1]}"
    if steps[second - 1] == 0:
        raise InputError(
            f"{label}: {place}, repeats the time of {before}; expected one row per time, and a column symbol "
            "or venue where the table holds several markets"
        )
    raise InputError(
        f"{label}: {place}, is earlier than {before} before it, {iso(times[second - 1])}; "
        "expected rows sorted by time"
    )


def _check_candles(values: Mapping[str, FloatArray], times: IntArray, rows: IntArray, *, label: str) -> None:
    for field, good, expected in (
        ("high", values["high"] >= values["low"] * (1 - _ROUNDING), "low"),
        ("high", values["high"] >= values["open"] * (1 - _ROUNDING), "open"),
        ("high", values["high"] >= values["close"] * (1 - _ROUNDING), "close"),
        ("low", values["low"] <= values["open"] * (1 + _ROUNDING), "open"),
        ("low", values["low"] <= values["close"] * (1 + _ROUNDING), "close"),
    ):
        if not np.all(good):
            first = int(np.argmin(good))
            relation = "not below" if field == "high" else "not above"
            raise InputError(
                f"{label}: {field} is {values[field][first]:.10g} in {row_text(rows[first], times[first])}; "
                f"expected {relation} its {expected}, {values[expected][first]:.10g}"
            )
