"""The rows of one market in a table that holds several coins or venues."""

from __future__ import annotations

import re

import polars as pl

from powderkeg.errors import InputError

# Longest first. BUSD and TUSD are not among them: BNBUSD is BNB in USD, and XBTUSD is no XB.
_QUOTES = ("FDUSD", "USDT", "USDC", "PERP", "USD")
_ALIASES = {"XBT": "BTC"}
_MOST_LISTED = 20


def base_coin(name: str) -> str:
    """Return the coin that an instrument's name begins with, in upper case.

    ``BTC``, ``btc``, ``BTCUSDT``, ``BTC-USDT-SWAP``, ``BTC/USDT:USDT`` and ``XBTUSD`` are all ``BTC``.
    """
    first = re.split(r"[-/_:\s]", name.strip().upper(), maxsplit=1)[0]
    for quote in _QUOTES:
        if first.endswith(quote) and first != quote:
            first = first.removesuffix(quote)
            break
    return _ALIASES.get(first, first)


def rows_of_symbol(table: pl.DataFrame, column: str, symbol: str, *, label: str) -> pl.DataFrame:
    """Return the rows whose `column` names the coin `symbol`.

    A value equal to `symbol` but for its case is taken alone; otherwise the one value with the same coin.

    Raises
    ------
    InputError
        No value fits, or several do (``BTCUSDT`` and ``BTCUSDC``); the message lists them.
    """
    names = _names(table, column)
    chosen = [name for name in names if name.casefold() == symbol.strip().casefold()]
    if not chosen:
        chosen = [name for name in names if base_coin(name) == base_coin(symbol)]
    if not chosen:
        raise InputError(f"{label}: no rows of symbol {symbol!r}; column {column!r} has {_listed(names)}")
    if len(chosen) > 1:
        raise InputError(
            f"{label}: symbol {symbol!r} fits several of column {column!r}: {_listed(chosen)}; "
            "pass the exact one as symbol"
        )
    return table.filter(pl.col(column).cast(pl.String) == chosen[0])


def rows_of_venue(
    table: pl.DataFrame,
    column: str,
    venue: str | None,
    *,
    time: str,
    window: tuple[int, int] | None,
    label: str,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the rows of one venue, and a note if it was chosen here.

    Where the caller names none, it is the venue that covers the most of `window`: rows inside it times their
    usual distance, the first by name among equals.

    Parameters
    ----------
    column
        The column that names venues; compared without case.
    venue
        What the caller asks for, or None.
    time
        The column of UTC milliseconds.
    window
        The time that matters, [start, end) in UTC milliseconds; None for all of it.

    Raises
    ------
    InputError
        `venue` is not among those of the table; the message lists them.
    """
    names = _names(table, column)
    if venue is not None:
        chosen = [name for name in names if name.casefold() == venue.strip().casefold()]
        if not chosen:
            raise InputError(f"{label}: no rows of venue {venue!r}; column {column!r} has {_listed(names)}")
        return table.filter(pl.col(column).cast(pl.String).is_in(chosen)), ()
    if len(names) < 2:
        return table, ()
    inside = table if window is None else table.filter(pl.col(time).is_between(*window, closed="left"))
    covered = (
        inside.group_by(pl.col(column).cast(pl.String).alias("venue"))
        .agg((pl.len() * pl.col(time).sort().diff().median().fill_null(0)).alias("time"))
        .sort("time", "venue", descending=[True, False])
    )
    best = str(covered["venue"][0]) if covered.height else names[0]
    note = f"venue {best} taken of {_listed(names)}: none was named, and it covers the most time"
    return table.filter(pl.col(column).cast(pl.String) == best), (note,)


def _names(table: pl.DataFrame, column: str) -> list[str]:
    return table[column].cast(pl.String).unique().drop_nulls().sort().to_list()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
