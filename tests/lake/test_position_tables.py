"""Tables of positions: names that are recognised, and values that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from powderkeg.errors import InputError, MissingColumnError
from powderkeg.lake.position_tables import read_positions
from powderkeg.model.account_positions import CROSS, ISOLATED, UNKNOWN_MODE

NOON = 1_770_724_800_000


def table(**changed: Any) -> pl.DataFrame:
    """Return two positions of one account, with other columns in the place of these or none (None)."""
    columns: dict[str, Any] = {
        "ts": [NOON, NOON],
        "account": [7, 7],
        "coin": ["BTC", "ETH"],
        "direction": ["Long", "Short"],
        "size": [0.5, 3.0],
        "entry_px": [65_000.0, 2_000.0],
        "position_value": [33_000.0, 6_300.0],
        "liquidation_px": [50_000.0, None],
    } | changed
    return pl.DataFrame({name: values for name, values in columns.items() if values is not None})


def test_a_recorded_table_is_read_as_it_is() -> None:
    rows = read_positions(table())
    assert rows.row(0, named=True) | {"leverage": 0, "isolated_margin": 0, "cross_account_value": 0} == {
        "ts": NOON, "account": "7", "coin": "BTC", "position_side": 1, "quantity": 0.5,
        "entry_price": 65_000.0, "state_mark_price": 66_000.0, "liquidation_price": 50_000.0,
        "margin_mode": UNKNOWN_MODE, "leverage": 0, "isolated_margin": 0, "cross_account_value": 0,
    }  # fmt: skip
    assert rows["position_side"].to_list() == [1, -1]
    assert rows["liquidation_price"].is_nan().to_list() == [False, True]


def test_signed_sizes_margin_modes_and_margins_are_read() -> None:
    rows = read_positions(
        table(
            direction=None, size=None, szi=["0.5", "-3"], position_value=None, mark_px=[66_000.0, 2_100.0],
            leverage_type=["cross", "isolated"], margin_used=[1_000.0, 900.0], account_value=[5e4, 5e4],
        )
    )  # fmt: skip
    assert rows["position_side"].to_list() == [1, -1]
    assert rows["quantity"].to_list() == [0.5, 3.0]
    assert rows["margin_mode"].to_list() == [CROSS, ISOLATED]
    assert rows["isolated_margin"].is_nan().to_list() == [True, False]
    assert rows["cross_account_value"].to_list() == [5e4, 5e4]


def test_files_are_read_and_rows_sorted(tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    table(ts=[NOON + 1, NOON]).write_csv(path)
    assert read_positions(path)["ts"].to_list() == [NOON, NOON + 1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": [0.0, 3.0]}, r"'size' is 0 in row 0 .*2026-02-10"),
        ({"size": [-1.0, 3.0]}, r"'size' is -1"),
        ({"direction": ["Long", "both"]}, r"'direction' is 'both' in row 1 .*; expected one of long"),
        ({"direction": ["Long", None]}, r"'direction' is None in row 1"),
        ({"entry_px": [0.0, 1.0]}, r"'entry_px' is 0"),
        ({"liquidation_px": [-5.0, None]}, r"'liquidation_px' is -5"),
        ({"position_value": [None, 1.0]}, r"'position_value' is missing in row 0"),
        ({"coin": ["BTC", "BTC"]}, r"account '7' holds BTC twice in row 0"),
        ({"leverage_type": ["cross", "portfolio"]}, r"'leverage_type' is 'portfolio' in row 1"),
        ({"ts": [NOON, None]}, r"time 'ts' is missing"),
        ({"direction": None, "size": None, "szi": [1.0, 0.0]}, r"'szi' is 0 in row 1"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_row(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_positions(table(**changed))


@pytest.mark.parametrize("column", ["ts", "account", "coin", "entry_px", "liquidation_px", "direction"])
def test_a_column_that_is_needed_is_asked_for(column: str) -> None:
    with pytest.raises(MissingColumnError, match="no column for"):
        read_positions(table(**{column: None}))


def test_an_empty_snapshot_is_none() -> None:
    with pytest.raises(InputError, match="the table has no rows"):
        read_positions(table().clear())
