"""Provided series from files: CSV or Parquet, a row per day."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

from powderkeg.errors import InputError, MissingColumnError
from powderkeg.lake.column_values import numbers_of, times_of
from powderkeg.model.provided_series import MEANINGS, HeldSeries, ProvidedRow, SeriesKind, checked_value

TIME_COLUMNS = ("ts", "time", "timestamp", "date", "datetime")
KNOWN_COLUMN = "known_at"
VALUE_COLUMNS: dict[SeriesKind, dict[str, float]] = {
    "etf_flow": {
        "value": 1.0,
        "flow_usd": 1.0,
        "total_usd": 1.0,
        "flow_usd_m": 1e6,
        "total_usd_m": 1e6,
    },
    "exchange_netflow": {"value": 1.0, "netflow_usd": 1.0, "netflow_usd_m": 1e6},
    "fear_and_greed": {"value": 1.0, "fear_and_greed": 1.0, "fng": 1.0},
}
"""Kind -> column that holds its values -> what they are multiplied by; the first that a file has is read."""
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz", ".csv.zst")


def file_series(path: str | os.PathLike[str], kind: SeriesKind, *, name: str | None = None) -> HeldSeries:
    """Return the series in a file, whole: what changes in it later is not seen.

    One column of `TIME_COLUMNS` (dates are days that begin at 00:00 UTC), one of `VALUE_COLUMNS`, and where
    the file has one, `KNOWN_COLUMN`: since when the row was known. Without it that follows from the kind, see
    `powderkeg.model.provided_series.MEANINGS`. A row without a value is left out: it is not known. Other
    columns are not read.

    Parameters
    ----------
    path
        ``.csv``, ``.csv.gz``, ``.csv.zst``, ``.parquet`` or ``.pq``.
    kind
        What the values are.
    name
        What it is called where its numbers are shown; the file's name by default.

    Raises
    ------
    MissingColumnError
        It has no column of times, or none of values.
    InputError
        The file cannot be read, a time or number is none, a value is outside what its kind can be, a row is
        known before its time, or rows are not sorted by time, one per time.
    """
    file = Path(path)
    label = name or file.name
    table = _table(file, kind)
    time = _column(table, TIME_COLUMNS, kind, label)
    value = _column(table, tuple(VALUE_COLUMNS[kind]), kind, label)
    table = table.with_row_index("__row").filter(_told(table, value))
    if table.is_empty():
        raise InputError(f"{label}: no row has a value in {value!r}")
    rows = table["__row"].cast(pl.Int64).to_numpy()
    times = times_of(table[time], rows, label=label)
    numbers = numbers_of(table[value], times, rows, "finite", label=label) * VALUE_COLUMNS[kind][value]
    if KNOWN_COLUMN in table.columns:
        known = times_of(table[KNOWN_COLUMN], rows, label=label)
    else:
        known = np.asarray(times + MEANINGS[kind].known_after, np.int64)
    return HeldSeries(
        label,
        tuple(
            ProvidedRow(ts, checked_value(number, kind, label, ts), known_at)
            for ts, number, known_at in zip(times.tolist(), numbers.tolist(), known.tolist(), strict=True)
        ),
    )


def _table(file: Path, kind: SeriesKind) -> pl.DataFrame:
    if not file.is_file():
        raise InputError(f"{kind}: {file} is no file; expected a Parquet or CSV file")
    low = file.name.lower()
    try:
        if low.endswith(_PARQUET):
            return pl.read_parquet(file)
        if low.endswith(_CSV):
            return pl.read_csv(file, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{kind} ({file.name}): cannot be read as what its name says: {reason}") from error
    raise InputError(
        f"{kind} ({file.name}): neither Parquet nor CSV by its name; expected .parquet, .csv or .csv.gz"
    )


def _column(table: pl.DataFrame, names: tuple[str, ...], kind: SeriesKind, label: str) -> str:
    for name in names:
        if name in table.columns:
            return name
    raise MissingColumnError(
        f"{label}: it has the columns {', '.join(table.columns)}; expected one of {', '.join(names)} "
        f"for {kind}"
    )


def _told(table: pl.DataFrame, value: str) -> pl.Series:
    told = table[value].is_not_null()
    if table.schema[value] == pl.String:
        told &= table[value].str.strip_chars() != ""
    elif table.schema[value].is_float():
        told &= table[value].is_not_nan()
    return told
