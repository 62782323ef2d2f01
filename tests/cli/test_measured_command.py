"""``map`` and ``heatmap`` of positions: from a file and from a lake."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cli.test_json_page import MAP, check
from command_line import Command
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import AccountPosition, AccountState, OpenInterest
from powderkeg.model.times import HOUR, iso

NOON = 1_770_724_800_000


@pytest.fixture
def positions(tmp_path: Path) -> Path:
    """Write two snapshots, six hours apart, of three accounts."""
    path = tmp_path / "positions.parquet"
    rows = [
        (at, account, coin, side, size, mark, level)
        for at in (NOON, NOON + 6 * HOUR)
        for account, coin, side, size, mark, level in (
            (1, "BTC", "Long", 2.0, 100_000.0, 95_500.0),
            (1, "ETH", "Short", 5.0, 4_000.0, 6_000.0),
            (2, "BTC", "Short", 1.0, 100_000.0, 104_000.0),
            (3, "BTC", "Long", 3.0, 100_000.0, None),
        )
    ]
    pl.DataFrame(
        {
            "ts": [row[0] for row in rows],
            "account": [row[1] for row in rows],
            "coin": [row[2] for row in rows],
            "direction": [row[3] for row in rows],
            "size": [row[4] for row in rows],
            "entry_px": [row[5] for row in rows],
            "position_value": [row[4] * row[5] for row in rows],
            "liquidation_px": [row[6] for row in rows],
        }
    ).write_parquet(path)
    return path


@pytest.fixture
def interest(tmp_path: Path) -> Path:
    path = tmp_path / "open_interest.csv"
    hours = range(NOON - 6 * HOUR, NOON + 8 * HOUR, HOUR)
    pl.DataFrame({"ts": list(hours), "open_interest_usd": [2e6] * len(hours)}).write_csv(path)
    return path


def test_a_map_of_a_file_counts_what_is_in_it(powderkeg: Command, positions: Path, interest: Path) -> None:
    done = powderkeg(f"map --symbol BTC --at {iso(NOON + HOUR)} --json --positions", positions)
    found = json.loads(done.out)
    assert (done.status, found["kind"], found["as_of"]) == (0, "measured", "2026-02-10T12:00:00Z")
    assert sum(row["long_notional"] for row in found["bins"]) == 200_000.0
    assert sum(row["short_notional"] for row in found["bins"]) == 100_000.0
    assert found["measured"]["long"]["without_level"] == 300_000.0
    assert found["measured"]["venue_open_interest"] is None
    assert found["measured"]["long"]["coverage"] is None
    check(done.out, *MAP, "`powderkeg map --measured --json`")

    covered = powderkeg("map BTC --json --positions", positions, "--open-interest", interest, "--sides", "2")
    found = json.loads(covered.out)
    assert found["measured"]["venue_open_interest"] == 1e6
    assert (found["measured"]["long"]["coverage"], found["measured"]["short"]["coverage"]) == (0.5, 0.1)
    check(covered.out, *MAP, "`powderkeg map --measured --json`")

    scaled = powderkeg(
        "map BTC --scaled --json --positions", positions, "--open-interest", interest, "--sides", "2"
    )
    assert sum(row["long_notional"] for row in json.loads(scaled.out)["bins"]) == 400_000.0


def test_people_read_what_was_counted_and_from_what(
    powderkeg: Command, positions: Path, interest: Path, tmp_path: Path
) -> None:
    done = powderkeg(
        "map BTC --levels joint --positions",
        positions,
        "--open-interest",
        interest,
        "--plot",
        tmp_path / "m.png",
    )
    assert done.status == 0
    for words in ("measured liquidation map", "What was counted", "25.0%", "Age of the states", "90 % of it"):
        assert words in done.out
    assert (tmp_path / "m.png").stat().st_size > 10_000


def test_a_heatmap_of_a_file_has_columns_and_a_picture(
    powderkeg: Command, positions: Path, tmp_path: Path
) -> None:
    line = "heatmap --symbol BTC --step 2h --json --positions"
    done = powderkeg(line, positions, "--plot", tmp_path / "h.png", "--output", tmp_path / "h.csv")
    columns = json.loads(done.out)["columns"]
    assert [column["as_of"][11:13] for column in columns] == ["12", "14", "16", "18"]
    assert [column["snapshot"][11:13] for column in columns] == ["12", "12", "12", "18"]
    assert all(column["counted_long"] == 500_000.0 for column in columns)
    check(done.out, "`powderkeg heatmap --json`", "`powderkeg heatmap --measured --json`", "`provenance`")
    assert (tmp_path / "h.png").stat().st_size > 10_000
    assert pl.read_csv(tmp_path / "h.csv")["long_notional"].sum() == 4 * 200_000.0
    told = powderkeg("heatmap --symbol BTC --positions", positions).out
    assert "measured heatmap" in told
    assert "open interest is not known" not in told


def test_a_map_and_a_heatmap_of_a_census(powderkeg: Command, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    held = AccountPosition(
        NOON, "0xa", "BTC", "long", 2.0, 95_000.0, 200_000.0, 0.0, 5.0, "cross", 40_000.0, 80_000.0
    )
    state = AccountState(NOON, "0xa", 50_000.0, 50_000.0, 2_500.0, 1, "")
    interest = OpenInterest(NOON, 4.0, 8.0, "base", 2, None)
    for table, symbol, row in (
        ("account_states", "perpetuals", state),
        ("positions", "perpetuals", held),
        ("open_interest", "BTC", interest),
    ):
        key = DatasetKey(table, "hyperliquid", symbol)
        lake.append(key, [row], received_ts=NOON, source="rest")
    later = iso(NOON + 2 * HOUR)
    found = json.loads(powderkeg(f"map BTC --measured --at {later} --json --lake", lake.root).out)
    assert found["measured"]["long"]["coverage"] == 0.5
    assert found["measured"]["state_age_seconds"]["median"] == 7200
    heatmap = powderkeg(f"heatmap BTC --measured --start {iso(NOON)} --end {later} --json --lake", lake.root)
    assert len(json.loads(heatmap.out)["columns"]) == 3
    stale = powderkeg(f"map BTC --measured --oldest 1h --at {later} --lake", lake.root)
    assert stale.status == 2
    assert "no account's state of the 1h before" in stale.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("map --positions {}", "no coin: name one"),
        ("map BTC --symbol ETH --positions {}", "BTC and --symbol ETH"),
        ("map BTC --measured --positions {}", "--positions reads a file, --measured the lake"),
        ("map BTC --scaled --positions {}", "needs the venue's open interest"),
        ("map BTC --at 2026-01-01 --positions {}", "is before the first snapshot"),
        ("map DOGE --positions {}", "'DOGE' is held by no account"),
        ("map BTC --levels joint", "expected --measured or --positions"),
        ("heatmap BTC --levels joint --positions {}", "a measured heatmap counts published levels"),
        ("heatmap BTC --end 2026-01-01 --positions {}", "--end: 2026-01-01T00:00:00Z is before the start"),
        ("heatmap BTC --open-interest x.csv --positions {}", "a measured heatmap tells no coverage"),
        ("heatmap BTC --step 1ms --positions {}", "expected at most 5,000"),
        ("map BTC --model diffuse --positions {}", "--model is of modelled maps"),
        ("map BTC --venues okx --positions {}", "--venues is of modelled maps"),
        ("map BTC --bars bars.csv --positions {}", "a measured map has no use for it"),
        ("map BTC --positions nowhere.parquet", "nowhere.parquet does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence(powderkeg: Command, positions: Path, line: str, message: str) -> None:
    done = powderkeg(line.format(positions))
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
