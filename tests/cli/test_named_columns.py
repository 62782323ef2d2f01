"""``--column`` names columns of positions and of depth where a map, heatmap or squeeze reads them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from command_line import Command

NOON = 1_770_724_800_000
OWN_NAMES = "--column positions.ts=my_time --column positions.liquidation_price=gone_at --json"


@pytest.fixture
def positions(tmp_path: Path) -> Path:
    """Write a long that falls at 95 and a short that rises at 106, marks at 100, in unusual columns."""
    path = tmp_path / "positions.csv"
    pl.DataFrame(
        {
            "my_time": [NOON] * 2,
            "account": ["a", "b"],
            "coin": ["BTC", "BTC"],
            "direction": ["Long", "Short"],
            "size": [100_000.0, 50_000.0],
            "entry_px": [100.0, 100.0],
            "position_value": [1e7, 5e6],
            "gone_at": [95.0, 106.0],
        }
    ).write_csv(path)
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Write a level of a million at 101, 102, ... and at 99, 98, ..., in columns of other names."""
    path = tmp_path / "book.csv"
    prices = [100.0 + step for step in range(-10, 11) if step]
    sides = ["bid" if price < 100 else "ask" for price in prices]
    pl.DataFrame({"which": sides, "at_price": prices, "held": [1e6 / price for price in prices]}).write_csv(
        path
    )
    return path


def test_positions_of_a_map_and_a_heatmap(powderkeg: Command, positions: Path) -> None:
    done = powderkeg(f"map BTC {OWN_NAMES} --positions", positions)
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["as_of"] == "2026-02-10T12:00:00Z"
    for side, notional, level in (("long", 1e7, 95.0), ("short", 5e6, 106.0)):
        (filled,) = (one for one in found["bins"] if one[f"{side}_notional"])
        assert filled[f"{side}_notional"] == notional
        assert filled["price_low"] <= level <= filled["price_high"]
    done = powderkeg(f"heatmap BTC {OWN_NAMES} --positions", positions)
    (column,) = json.loads(done.out)["columns"]
    assert (column["long_notional"], column["short_notional"]) == (1e7, 5e6)


def test_positions_and_depth_of_a_squeeze(powderkeg: Command, positions: Path, book: Path) -> None:
    line = f"squeeze BTC {OWN_NAMES} --push 2e6 --side up --column depth.price=at_price"
    names = "--column depth.side=which --column depth.quantity=held"
    done = powderkeg(f"{line} {names} --positions", positions, "--depth", book)
    assert (done.status, done.err) == (0, "")
    (up,) = json.loads(done.out)["squeezes"]
    assert (up["depth"]["kind"], up["forced_total"]) == ("book", 5e6)
    assert up["ladder"][0]["price"] == pytest.approx(102.0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("--column positions.ts=their_time", "column 'their_time'"),
        ("--column positions.when=my_time", "'when' is not a field of this table"),
        ("", "no column for ts"),
    ],
)
def test_names_that_are_not_there_are_refused(
    powderkeg: Command, positions: Path, names: str, message: str
) -> None:
    done = powderkeg(f"map BTC {names} --positions", positions)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
