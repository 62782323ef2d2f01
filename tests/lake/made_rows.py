"""Rows of every table, made from the classes themselves with a fixed seed."""

from __future__ import annotations

import random
import typing
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.model.market_rows import Bar, MarketRow, MarketTable

START = 1_738_360_800_000  # 2025-01-31T22:00:00Z: two hours before a month ends
MINUTES_5 = 300_000
HOUR = 3_600_000
RECEIVED = START + 10 * HOUR

BARS = DatasetKey("bars", "binance", "BTCUSDT", "5m")


def bar(index: int, close: float = 100.0) -> Bar:
    """Return the five-minute bar number `index` from START; the one of index 24 begins a month."""
    return Bar(START + index * MINUTES_5, MINUTES_5, 100.0, 110.0, 90.0, close, 7.5, None, 2.5, 3)


def made_rows(table: MarketTable, count: int, seed: int = 0) -> list[MarketRow]:
    """Return `count` rows with ascending times five minutes apart, and values of every kind that fits."""
    source = random.Random(f"{table.name} {seed}")  # noqa: S311
    hints = typing.get_type_hints(table.row)
    rows: list[MarketRow] = []
    for index in range(count):
        values = {name: _value(source, hint) for name, hint in hints.items()} | {
            "ts": START + index * MINUTES_5
        }
        rows.append(table.row(**values))
    return rows


def _value(source: random.Random, hint: Any) -> Any:
    if typing.get_origin(hint) is Literal:
        return source.choice(typing.get_args(hint))
    kinds = typing.get_args(hint) or (hint,)
    kind = source.choice(kinds)
    if kind is int:
        return source.choice((0, 1, -(2**63), 2**63 - 1, source.getrandbits(40)))
    if kind is float:
        return source.choice((0.0, -1.5, 5e-324, 1.7976931348623157e308, 0.1, source.random()))
    if kind is str:
        return source.choice(("", "base", "a,b\n\"c'", "1000PEPE", "ß→𝕏", "null"))
    return None


def standing(rows: Iterable[MarketRow], table: MarketTable) -> list[tuple[Any, ...]]:
    """Return what a dictionary keeps of rows told one after the other, sorted by the key with time first."""
    order = ["ts", *(name for name in table.key if name != "ts")]
    kept = {tuple(getattr(row, name) for name in order): tuple(row) for row in rows}
    return [kept[key] for key in sorted(kept)]


def plain(rows: Sequence[MarketRow]) -> list[tuple[Any, ...]]:
    """Return rows as plain tuples."""
    return [tuple(row) for row in rows]
