from __future__ import annotations

import pytest

from powderkeg.errors import InputError
from powderkeg.model import market_rows
from powderkeg.model.market_rows import TABLES, Bar, Column, table_of


def test_every_row_class_has_one_table_with_a_key_of_its_columns() -> None:
    rows = {
        value for value in vars(market_rows).values() if isinstance(value, type) and hasattr(value, "_fields")
    } - {Column}
    assert {table.row for table in TABLES} == rows
    for table in TABLES:
        columns = table.columns
        assert list(columns) == list(table.row._fields)
        assert columns["ts"] == Column("int", optional=False)
        assert set(table.key) <= set(columns)
        assert not any(columns[name].optional for name in table.key)


def test_a_table_is_found_by_name_row_and_class() -> None:
    bar = Bar(0, 60_000, 1.0, 2.0, 0.5, 1.5, 3.0, None, None, None)
    assert table_of("bars") is table_of(Bar) is table_of(bar)
    with pytest.raises(InputError, match=r"table is 'candles'; expected one of instruments, .*bars"):
        table_of("candles")
