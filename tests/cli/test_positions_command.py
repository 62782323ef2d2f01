"""``powderkeg positions``, from files and from a lake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from command_line import Command
from made_positions import NOON
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import (
    AccountPosition,
    AccountState,
    MarkBar,
    MarketRow,
    OpenInterest,
    PositionSide,
)
from powderkeg.model.times import HOUR, MINUTE
from recorded_positions import positions_file

ADDRESS = "0x" + "0123456789abcdef0123456789abcdef01234f2e"
EARLIER = NOON - 6 * HOUR
Row = tuple[int, str, str, float, float, float | None]


def written(path: Path, rows: Sequence[Row]) -> Path:
    """Write a file of (ts, account, coin, signed quantity, mark, liquidation price) rows."""
    pl.DataFrame(
        {
            "ts": [row[0] for row in rows],
            "account": [row[1] for row in rows],
            "coin": [row[2] for row in rows],
            "direction": ["Long" if row[3] > 0 else "Short" for row in rows],
            "size": [abs(row[3]) for row in rows],
            "entry_px": [row[4] for row in rows],
            "leverage": [10.0] * len(rows),
            "position_value": [abs(row[3]) * row[4] for row in rows],
            "liquidation_px": pl.Series([row[5] for row in rows], dtype=pl.Float64),
        }
    ).write_parquet(path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return two snapshots six hours apart."""
    return written(
        tmp_path / "positions.parquet",
        [
            (EARLIER, ADDRESS, "BTC", 3.0, 105.0, 97.0),
            (EARLIER, "17", "BTC", 1.0, 105.0, 101.0),
            (EARLIER, "17", "ETH", 9.0, 10.0, 5.0),
            (EARLIER, "18", "BTC", -2.0, 105.0, 106.0),
            (NOON, ADDRESS, "BTC", 3.0, 100.0, 97.0),
            (NOON, "17", "ETH", 9.0, 10.0, 5.0),
            (NOON, "19", "BTC", -2.0, 100.0, 150.0),
        ],
    )


def test_json_of_a_file_tells_who_is_close_and_what_changed(powderkeg: Command, file: Path) -> None:
    found = powderkeg("positions BTC --near 5% --changes-since 6h --json --positions", file)
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    assert (result["as_of"], result["mark_price"]) == ("2026-02-10T12:00:00Z", 100.0)
    assert result["open_interest"] is None
    assert [(one["account"], one["position_side"]) for one in result["positions"]] == [
        ("0x0123…4f2e", "long")
    ]
    assert result["positions"][0]["distance"] == pytest.approx(-0.03)
    assert result["positions"][0]["margin_mode"] is None
    assert result["within"][1]["share"] == 1.0
    changes = result["changes"]
    assert changes["since"] == "2026-02-10T06:00:00Z"
    assert changes["long"]["liquidated"] == {"positions": 1, "notional": 105.0}
    assert changes["short"]["not seen again"]["positions"] == 1
    assert changes["short"]["first seen"]["positions"] == 1
    assert changes["long"]["approaching"]["positions"] == 1
    assert "marks of 2 snapshots" in changes["range_source"]
    assert ADDRESS not in found.out


def test_people_see_tables_within_a_hundred_columns(powderkeg: Command, file: Path) -> None:
    found = powderkeg(
        "positions BTC --near 0.05 --open-interest 1000 --changes-since 2026-02-10T06:00Z --positions", file
    )
    assert found.status == 0
    for words in (
        "BTC  measured positions of hyperliquid as of 2026-02-10 12:00 UTC", "open interest $1.00k per side",
        "Share of open interest", "Largest within 5% of liquidation: 1 position, $300", "0x0123…4f2e",
        "-3.00%", "30.00%", "Who was counted", "1 position of 1 account", "not drawn at random",
        "Since 2026-02-10 06:00 UTC", "not seen again", "approaching", "liquidated", "unknown, not closed",
        "not a forecast",
    ):  # fmt: skip
        assert words in found.out
    tables = [line for line in found.out.splitlines() if "accounts as they were found" not in line]
    assert (
        max(len(line) for line in tables if not line.startswith(("Range of", "  ", "longs", "shorts"))) <= 100
    )


def test_an_earlier_time_knows_nothing_of_what_came_later(powderkeg: Command, file: Path) -> None:
    found = powderkeg("positions BTC --at 2026-02-10T11:59Z --near 2% --json --positions", file)
    result = json.loads(found.out)
    assert result["as_of"] == "2026-02-10T06:00:00Z"
    assert [one["account"] for one in result["positions"]] == ["18"]


def test_nobody_close_says_so(powderkeg: Command, file: Path) -> None:
    found = powderkeg("positions ETH --near 1% --positions", file)
    assert found.status == 0
    assert "No position that is known stands within 1% of its liquidation" in found.out
    assert "shorts: no positions" in found.out


def test_positions_without_any_level_are_counted(powderkeg: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "none.parquet", [(NOON, "a", "BTC", 1.0, 100.0, None)])
    found = powderkeg("positions BTC --json --positions", path)
    result = json.loads(found.out)
    assert result["long"]["without_level"] == 100.0
    assert result["long"]["distances"]["without_level"]["value"] == 1.0
    assert result["long"]["distances"]["lognormal"]["median"]["value"] is None
    assert "without a level 100.0%" in powderkeg("positions BTC --positions", path).out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("BTC --near 0%", "--near: '0%'; expected more than 0 and less than 100 %"),
        ("BTC --near 100%", "--near: '100%'; expected more than 0"),
        ("BTC --near -3%", "--near: '-3%'; expected more than 0"),
        ("BTC --near close", "--near: 'close'; expected more than 0"),
        ("BTC --open-interest 0", "--open-interest: 0 USD; expected a positive amount"),
        ("DOGE", "coin: 'DOGE' is held by no account of this snapshot; it has BTC, ETH"),
        ("BTC --at 2026-02-09", "--at: 2026-02-09T00:00:00Z is before the first snapshot"),
        ("BTC --at soon", "--at: 'soon' is neither a time"),
        ("BTC --changes-since 2d", "--changes-since: 2026-02-08T12:00:00Z is before the first snapshot"),
        ("BTC --changes-since 2026-02-10T12:00Z", "is not before the positions shown"),
        ("BTC --lake here", "--positions reads a file, --lake a lake; expected one of them"),
    ],
)
def test_bad_input_is_refused(powderkeg: Command, file: Path, options: str, message: str) -> None:
    found = powderkeg(f"positions {options} --positions", file)
    assert (found.status, found.out) == (2, "")
    assert message in found.err


def test_an_account_twice_at_one_time_is_refused(powderkeg: Command, tmp_path: Path) -> None:
    rows: list[Row] = [(NOON, "a", "BTC", 1.0, 100.0, 90.0), (NOON, "a", "BTC", -1.0, 100.0, 110.0)]
    found = powderkeg("positions BTC --positions", written(tmp_path / "twice.parquet", rows))
    assert (found.status, found.out) == (2, "")
    assert "BTC" in found.err


def put(lake: Lake, ts: int, account: str, *held: tuple[PositionSide, float, float, float]) -> None:
    """Write the state of an account at a time: (side, quantity, mark, level) of its BTC position, or none."""
    state = AccountState(ts, account, 60.0, 60.0, 4.0, len(held), "standard")
    positions = [
        AccountPosition(ts, account, "BTC", side, size, mark, size * mark, 0.0, 5.0, "isolated", 40.0, level)
        for side, size, mark, level in held
    ]
    tables: dict[str, Sequence[MarketRow]] = {"account_states": [state], "positions": positions}
    for table, rows in tables.items():
        lake.append(DatasetKey(table, "hyperliquid", "perpetuals"), rows, received_ts=ts, source="rest")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return a lake with two states of an account that was crossed, and one of another."""
    made = Lake(tmp_path / "lake", create=True)
    put(made, EARLIER, ADDRESS, ("long", 3.0, 100.0, 97.0))
    put(made, NOON - MINUTE, ADDRESS)
    put(made, EARLIER, "0x" + "9" * 40, ("short", 2.0, 100.0, 103.0))
    bars = [MarkBar(EARLIER + HOUR, MINUTE, 100.0, 101.0, 96.0, 100.0)]
    made.append(DatasetKey("mark_bars", "hyperliquid", "BTC", "1m"), bars, received_ts=NOON, source="rest")
    interest = OpenInterest(NOON - HOUR, 20.0, 40.0, "base", 2, None)
    made.append(
        DatasetKey("open_interest", "hyperliquid", "BTC"), [interest], received_ts=NOON, source="rest"
    )
    return made.root


def test_a_lake_knows_open_interest_ages_modes_and_the_range_in_between(
    powderkeg: Command, lake: Path
) -> None:
    line = "positions BTC --at 2026-02-10T12:00Z --changes-since 2026-02-10T06:00Z --json --lake"
    found = powderkeg(line, lake)
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    assert result["open_interest"] == pytest.approx(2_000.0)
    (one,) = result["positions"]
    assert (one["account"], one["age"], one["margin_mode"]) == ("0x9999…9999", 6 * HOUR, "isolated")
    assert one["share"] == pytest.approx(0.1)
    assert result["changes"]["long"]["liquidated"]["positions"] == 1
    assert result["changes"]["short"]["not seen again"]["positions"] == 1
    assert result["changes"]["range_source"] == "mark prices in the lake"


def test_without_a_lake_the_command_that_fills_one_is_named(powderkeg: Command, tmp_path: Path) -> None:
    found = powderkeg("positions BTC --lake", tmp_path / "none")
    assert (found.status, found.out) == (2, "")
    assert "powderkeg census run" in found.err


def test_the_recorded_file_is_read_as_it_is(powderkeg: Command, shared: Path) -> None:
    found = powderkeg(
        "positions BTC --near 5% --at 2026-02-16T20:00Z --changes-since 12h --json --positions",
        positions_file(shared),
    )
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    assert result["as_of"] == "2026-02-16T19:47:34.376Z"
    assert result["positions"][0]["account"] == "1480"
    assert all(abs(one["distance"]) <= 0.05 for one in result["positions"])
    assert result["changes"]["long"]["unchanged"]["positions"] > 10
