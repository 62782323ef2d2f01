"""Rows on their way into the lake: refused if a value cannot be what its column says.

A message names the table, the column, the value, the row (counted from 0 as given) and what was expected.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from powderkeg.errors import InputError, MissingColumnError
from powderkeg.model.market_rows import Column, Kind, MarketRow, MarketTable
from powderkeg.model.times import milliseconds, row_text

RECEIVED = "received_ts"
CONFIRMED = "confirmed_ts"
SOURCE = "source"

_TYPES: dict[Kind, type[pl.DataType]] = {"int": pl.Int64, "float": pl.Float64, "text": pl.String}
_WORDS: dict[Kind, str] = {"int": "a whole number of 64 bits", "float": "a finite number", "text": "text"}
_TIME = Column("int", optional=False)
_TEXT = (pl.String, pl.Categorical, pl.Enum)
# The cap of a top tier is infinite where the venue states none; see powderkeg.model.instrument.LeverageTier.
_MAY_BE_INFINITE = {("leverage_tiers", "notional_cap")}


@functools.cache
def columns_of(table: MarketTable) -> Mapping[str, Column]:
    """Return `table.columns`, which takes half a millisecond to find out, at once."""
    return table.columns


@functools.cache
def part_schema(table: MarketTable) -> Mapping[str, type[pl.DataType]]:
    """Return the columns of a part of this table and their types.

    They are the fields of its row; `received_ts` and `source`, when and from where the row was first learned
    as it is; and `confirmed_ts`, when it was last heard again, which decides between conflicting rows.
    """
    fields = {name: _TYPES[column.kind] for name, column in columns_of(table).items()}
    return {**fields, RECEIVED: pl.Int64, CONFIRMED: pl.Int64, SOURCE: pl.String}


def sort_order(table: MarketTable) -> list[str]:
    """Return the columns that rows are sorted by: the key, time first."""
    return ["ts", *(name for name in table.key if name != "ts")]


def frame_of_rows(
    table: MarketTable, rows: Sequence[MarketRow], *, received_ts: int | Sequence[int], source: str
) -> pl.DataFrame:
    """Return rows as a frame with the columns of a part, in the order given.

    Parameters
    ----------
    table
        The table that they belong to.
    rows
        Instances of its row class.
    received_ts
        When they were learned, UTC milliseconds: one time for all, or one for each.
    source
        From where, such as ``rest``, ``bulk`` or ``live``.

    Raises
    ------
    InputError
        A row is of another class; a value is of the wrong type, missing where it must be there, not finite,
        or no time between 2009 and 2100; or there are not as many times as rows.
    """
    if set(map(type, rows)) - {table.row}:
        at = next(index for index, row in enumerate(rows) if type(row) is not table.row)
        raise InputError(
            f"{table.name}: {row_text(at)} is {rows[at]!r}; expected instances of {table.row.__name__}"
        )
    values = zip(*rows, strict=True) if rows else ([] for _ in columns_of(table))
    columns = [
        _series(table, name, column, given)
        for (name, column), given in zip(columns_of(table).items(), values, strict=True)
    ]
    return _with_origin(table, pl.DataFrame(columns), received_ts, source)


def checked_frame(
    table: MarketTable, frame: pl.DataFrame, *, received_ts: int | Sequence[int], source: str
) -> pl.DataFrame:
    """Return a frame with the fields of a table's rows as one with the columns of a part.

    Integers of any width, float32 and categories are converted; anything else must have the type already.

    Raises
    ------
    MissingColumnError
        A field has no column.
    InputError
        There is a column too many, or one of another type; otherwise as for `frame_of_rows`.
    """
    absent = [name for name in columns_of(table) if name not in frame.columns]
    if absent:
        raise MissingColumnError(
            f"{table.name}: no column {absent[0]!r}; expected {', '.join(columns_of(table))}, "
            f"found {', '.join(frame.columns)}"
        )
    unknown = [name for name in frame.columns if name not in columns_of(table)]
    if unknown:
        raise InputError(
            f"{table.name}: column {unknown[0]!r} is not a field of the table; "
            f"expected {', '.join(columns_of(table))}"
        )
    columns = [_converted(table, frame[name], column) for name, column in columns_of(table).items()]
    return _with_origin(table, pl.DataFrame(columns), received_ts, source)


def check_whole_number(name: str, value: object) -> None:
    """Raise an `InputError` that names `name` unless the value is an integer, for times in milliseconds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name} is {value!r}; expected UTC milliseconds as an integer")


def check_name(name: str, value: object, expected: str) -> None:
    """Raise an `InputError` that names `name` unless the value is text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} is {value!r}; expected {expected}")


def _series(table: MarketTable, name: str, column: Column, values: Sequence[Any]) -> pl.Series:
    expected: type = {"int": numbers.Integral, "float": numbers.Real, "text": str}[column.kind]
    kinds: set[type] = set(map(type, values)) - {type(None)}
    strange = {kind for kind in kinds if kind is bool or not issubclass(kind, expected)}
    if strange:
        at = next(index for index, value in enumerate(values) if type(value) in strange)
        raise _refusal(table, name, column, values[at], at)
    try:
        return pl.Series(name, values, dtype=_TYPES[column.kind], strict=True)
    except (TypeError, OverflowError, UnicodeEncodeError, pl.exceptions.PolarsError):
        at = next(index for index, value in enumerate(values) if not _is_storable(value))
        raise _refusal(table, name, column, values[at], at) from None


def _is_storable(value: Any) -> bool:
    """Say whether polars can hold a value of the right type: 64 bits, or text without lone surrogates."""
    if isinstance(value, str):
        return all(not "\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, numbers.Integral) or -(2**63) <= int(value) < 2**63


def _converted(table: MarketTable, series: pl.Series, column: Column) -> pl.Series:
    kind, found = column.kind, series.dtype
    fits = (
        (kind == "int" and found.is_integer())
        or (kind == "float" and found.is_numeric())
        or (kind == "text" and found in _TEXT)
        or (column.optional and found == pl.Null)
    )
    if not fits:
        raise InputError(f"{table.name}: column {series.name!r} holds {found}; expected {_WORDS[kind]}")
    converted = series.cast(_TYPES[kind], strict=False)
    if converted.null_count() > series.null_count():
        at = int((converted.is_null() & series.is_not_null()).arg_true()[0])
        raise _refusal(table, series.name, column, series[at], at)
    return converted


def _with_origin(
    table: MarketTable, frame: pl.DataFrame, received_ts: int | Sequence[int], source: str
) -> pl.DataFrame:
    """Check values, and return the frame with when and from where its rows were learned."""
    check_name("source", source, "a word such as rest, bulk or live")
    received: pl.Expr | pl.Series
    if isinstance(received_ts, Sequence):
        if len(received_ts) != frame.height:
            raise InputError(
                f"{table.name}: received_ts holds {len(received_ts)} times for {frame.height} rows; "
                "expected one time, or one for each row"
            )
        if None in received_ts:
            raise _refusal(table, RECEIVED, _TIME, None, received_ts.index(None))
        received = _series(table, RECEIVED, _TIME, received_ts)
        _check_times(table, received)
    else:
        check_whole_number(RECEIVED, received_ts)
        received = pl.lit(milliseconds(received_ts, RECEIVED), dtype=pl.Int64)
    _check_values(table, frame)
    return frame.with_columns(
        received.alias(RECEIVED), received.alias(CONFIRMED), pl.lit(source, dtype=pl.String).alias(SOURCE)
    )


def _check_values(table: MarketTable, frame: pl.DataFrame) -> None:
    bad = {
        name: _is_bad(table, name, column)
        for name, column in columns_of(table).items()
        if column.kind == "float" or not column.optional
    }
    # All columns at once, because one row has to be through here in well under a millisecond.
    found = frame.select(expression.any().alias(name) for name, expression in bad.items())
    for name, is_bad in zip(found.columns, found.row(0), strict=True):
        if is_bad:
            at = frame.select(bad[name].arg_max()).item()
            raise _refusal(table, name, columns_of(table)[name], frame[name][at], at)
    _check_times(table, frame["ts"])


def _is_bad(table: MarketTable, name: str, column: Column) -> pl.Expr:
    """Return where a column is empty but must not be, or holds a number that is none."""
    value = pl.col(name)
    bad = pl.lit(value=False) if column.optional else value.is_null()
    if column.kind == "float":
        good = value.is_not_nan() if (table.name, name) in _MAY_BE_INFINITE else value.is_finite()
        bad |= ~good.fill_null(value=True)
    return bad


def _check_times(table: MarketTable, times: pl.Series) -> None:
    """Refuse times outside 2009 to 2100: seconds or microseconds that were taken for milliseconds."""
    for at in (times.arg_min(), times.arg_max()):
        if at is not None:
            milliseconds(times[at], f"{table.name}: {times.name} in {row_text(at)}")


def _refusal(table: MarketTable, name: str, column: Column, value: object, row: int) -> InputError:
    expected = _WORDS[column.kind] + (" or None" if column.optional else "")
    return InputError(f"{table.name}: {name} is {value!r} in {row_text(row)}; expected {expected}")
