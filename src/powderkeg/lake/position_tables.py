"""Tables of positions as the user has them: one row per account, coin and time, all coins together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from powderkeg.errors import InputError
from powderkeg.lake.column_names import missing_column, resolved_columns
from powderkeg.lake.column_values import Rule, numbers_of, times_of
from powderkeg.lake.tables import Source, table_of_source
from powderkeg.model.account_positions import CROSS, ISOLATED, UNKNOWN_MODE
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import row_text

_SIDES = {"long": 1, "buy": 1, "b": 1, "short": -1, "sell": -1, "a": -1, "s": -1}
_MODES = {"cross": CROSS, "isolated": ISOLATED}
_OPTIONAL = ("leverage", "margin", "cross_account_value")


def read_positions(source: Source, *, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Return the positions of a table in house units, sorted by ts and account.

    Columns of the answer: ``ts`` (UTC ms), ``account`` and ``coin`` (text), ``position_side`` (+1 or -1),
    ``quantity`` (base), ``entry_price``, ``state_mark_price``, ``liquidation_price``, ``leverage``,
    ``isolated_margin`` and ``cross_account_value`` (NaN where the table has none), ``margin_mode`` (of
    `powderkeg.model.account_positions`).

    Parameters
    ----------
    source
        Path of a Parquet or CSV file, or a polars frame. The side is a column of its own (long or short), or
        the sign of a signed quantity; the mark price is a column or notional over quantity.
    columns
        Field name -> column name, of the fields of ``positions`` in `powderkeg.lake.column_names`.

    Raises
    ------
    MissingColumnError
        A needed column is not there.
    InputError
        The table is no file, empty, or a value in it cannot be; a side or margin mode is another word; an
        account holds a coin twice at one time, which contradicts itself.
    """
    label, _, table = table_of_source(source, "positions")
    found = resolved_columns("positions", table.columns, columns, label=label)
    for needed in ("ts", "account", "coin", "entry_price", "liquidation_price"):
        if needed not in found:
            raise missing_column("positions", [needed], table.columns, label=label)
    if "signed_quantity" not in found and not {"quantity", "position_side"} <= found.keys():
        raise missing_column("positions", ["signed_quantity", "quantity"], table.columns, label=label)
    if not found.keys() & {"mark_price", "notional"}:
        raise missing_column("positions", ["mark_price", "notional"], table.columns, label=label)
    if table.is_empty():
        raise InputError(f"{label}: the table has no rows")
    rows = np.arange(table.height)
    times = times_of(table[found["ts"]], rows, label=label)

    def numbers(field: str, rule: Rule) -> FloatArray:
        return numbers_of(table[found[field]], times, rows, rule, label=label)

    def words(field: str, meanings: Mapping[str, int], empty: int | None) -> IntArray:
        return _numbered(table[found[field]], meanings, empty, times, label=label)

    if "signed_quantity" in found:
        signed = numbers("signed_quantity", "finite")
        if np.any(signed == 0):
            where = row_text(int(np.argmax(signed == 0)), int(times[np.argmax(signed == 0)]))
            raise InputError(f"{label}: {found['signed_quantity']!r} is 0 in {where}; expected a position")
        side, quantity = np.sign(signed).astype(np.int64), np.abs(signed)
    else:
        side, quantity = words("position_side", _SIDES, None), numbers("quantity", "positive")
    mark = (
        numbers("mark_price", "positive")
        if "mark_price" in found
        else numbers("notional", "positive") / quantity
    )
    nothing = np.full(len(rows), np.nan)
    optional = {name: numbers(name, "finite") if _has(table, found, name) else nothing for name in _OPTIONAL}
    mode = (
        words("margin_mode", _MODES, UNKNOWN_MODE)
        if "margin_mode" in found
        else np.full(len(rows), UNKNOWN_MODE)
    )
    positions = pl.DataFrame(
        {
            "ts": times,
            "account": table[found["account"]].cast(pl.String),
            "coin": table[found["coin"]].cast(pl.String),
            "position_side": side,
            "quantity": quantity,
            "entry_price": numbers("entry_price", "positive"),
            "state_mark_price": mark,
            "liquidation_price": numbers("liquidation_price", "positive or empty"),
            "leverage": optional["leverage"],
            "margin_mode": mode,
            "isolated_margin": np.where(mode == ISOLATED, optional["margin"], np.nan),
            "cross_account_value": optional["cross_account_value"],
        }
    )
    _check_once(positions, label=label)
    return positions.sort("ts", "account", "coin")


def _has(table: pl.DataFrame, found: Mapping[str, str], field: str) -> bool:
    return field in found and table[found[field]].null_count() < table.height


def _numbered(
    column: pl.Series, meanings: Mapping[str, int], empty: int | None, times: IntArray, *, label: str
) -> IntArray:
    """Return words as the numbers they mean; `empty` for a missing one, where it may be missing."""
    said = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    numbers = said.replace_strict(dict(meanings), default=None, return_dtype=pl.Int64)
    if empty is not None:
        numbers = pl.select(pl.when(said.is_null()).then(empty).otherwise(numbers)).to_series()
    if numbers.null_count():
        first = int(numbers.is_null().to_numpy().argmax())
        raise InputError(
            f"{label}: {column.name!r} is {column[first]!r} in {row_text(first, int(times[first]))}; "
            f"expected one of {', '.join(meanings)}"
        )
    return np.asarray(numbers.to_numpy(), np.int64)


def _check_once(positions: pl.DataFrame, *, label: str) -> None:
    key = ("ts", "account", "coin")
    twice = positions.select(pl.struct(key).is_duplicated()).to_series()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        account, coin = positions["account"][row], positions["coin"][row]
        raise InputError(
            f"{label}: account {account!r} holds {coin} twice in {row_text(row, int(positions['ts'][row]))}; "
            "expected one position per account, coin and time"
        )
