"""``powderkeg heatmap COIN``: fetched, summed over venues column by column, and who is missing is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import stamina

from cli.served_venues import ServedVenues, answer_that_filled
from command_line import Command
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.window import Window

BOTH = "heatmap BTC --venues binance,bybit --since 13d --step 8h"
COLUMN = ("as_of", "mark_price", "open_interest", "long_notional", "short_notional")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the tests that take the same heatmap have their lake; the first of them fills it."""
    return tmp_path_factory.mktemp("heatmap of a coin") / "lake"


@pytest.fixture
def filled(powderkeg: Command, settings: Path, lake: Path) -> dict[str, Any]:
    """Return the heatmap that the first test to need it asked for, which filled the lake."""
    return answer_that_filled(powderkeg, BOTH, settings, lake)


def test_every_column_is_the_sum_of_the_layers_and_the_last_one_is_the_map(
    powderkeg: Command, served: ServedVenues, settings: Path, filled: dict[str, Any]
) -> None:
    layers = filled["layers"]
    assert [layer["instrument"] for layer in layers] == ["binance:BTC", "bybit:BTC"]
    assert [layer["coverage"] for layer in layers] == [1.0, 1.0]
    assert (filled["instrument"], filled["kind"], filled["skipped"]) == ("BTC", "modelled", [])
    assert len(filled["columns"]) == 12 * 3
    for index, column in enumerate(filled["columns"]):
        own = [layer["columns"][index] for layer in layers]
        assert {one["as_of"] for one in own} == {column["as_of"]}
        assert column["missing"] == []
        assert column["mark_price"] == own[0]["mark_price"]
        for name in COLUMN[2:]:
            assert column[name] == pytest.approx(sum(one[name] for one in own), rel=1e-5)
    assert filled["columns"][-1]["as_of"] == iso(served.window.end)
    line = "map BTC --venues binance,bybit --since 13d --offline --json --settings"
    single = json.loads(powderkeg(line, settings).out)
    for name in COLUMN[:3]:
        assert filled["columns"][-1][name] == pytest.approx(single[name]), name
    for name in COLUMN[3:]:
        summed = sum(entry[name] for entry in single["bins"])
        assert filled["columns"][-1][name] == pytest.approx(summed, rel=1e-5)


def test_the_lake_alone_gives_the_same_and_a_picture_and_cells(
    powderkeg: Command, served: ServedVenues, settings: Path, filled: dict[str, Any]
) -> None:
    before = served.requests
    picture, cells = settings.parent / "sum.png", settings.parent / "sum.parquet"
    files = ("--plot", picture, "--output", cells, "--json")
    found = powderkeg(f"{BOTH} --offline --settings", settings, *files)
    assert served.requests == before
    again = json.loads(found.out)
    assert (again["columns"], again["layers"]) == (filled["columns"], filled["layers"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert pl.read_parquet(cells)["as_of"].n_unique() == len(filled["columns"])
    start, end = iso(served.window.start + 5 * DAY), iso(served.window.end - 3 * DAY)
    line = f"{BOTH} --offline --start {start} --end {end} --json --settings"
    part = json.loads(powderkeg(line, settings).out)
    assert (part["columns"][0]["as_of"], part["columns"][-1]["as_of"]) == (start, end)


def test_who_broke_off_is_in_the_columns_before_and_missing_after(
    powderkeg: Command, served: ServedVenues, settings: Path, lake: Path, filled: dict[str, Any]
) -> None:
    until = served.window.end - 2 * DAY
    window = Window(served.window.start, until)
    whole, broken = Lake(lake), Lake(settings.parent / "broken", create=True)
    for one in whole.datasets():
        rows = whole.read(one.key, window if one.key.venue == "bybit" else None)
        rows = rows.drop("received_ts", "source")
        broken.append_frame(one.key, rows, received_ts=until, source="rest")
    line = f"{BOTH} --offline --settings {settings} --lake {settings.parent / 'broken'}"
    result = json.loads(powderkeg(f"{line} --json").out)
    late = [column["as_of"] for column in result["columns"] if column["missing"]]
    assert late == [iso(until + hours * HOUR) for hours in range(8, 49, 8)]
    assert all(column["missing"] in ([], ["bybit:BTC"]) for column in result["columns"])
    layer = result["layers"][1]
    assert layer["missing"] == [{"start": iso(until), "end": iso(served.window.end)}]
    assert layer["coverage"] == 30 / 36
    # What bybit told at the very end of its part is not in it.
    assert result["columns"][:-7] == filled["columns"][:-7]
    alone, last = filled["layers"][0]["columns"][-1], result["columns"][-1]
    for name in COLUMN:
        assert last[name] == (pytest.approx(alone[name], rel=1e-6) if name != "as_of" else alone[name])
    found = powderkeg(line)
    assert (found.status, found.err) == (0, "")
    (told,) = (one for one in found.out.splitlines() if one.startswith("bybit:BTC: ") and "columns" in one)
    assert f"in 30 of 36 columns, from {result['columns'][0]['as_of']} to {iso(until)}" in told
    assert "in base units" not in found.out
    assert "--json" in found.out


def test_a_venue_that_does_not_answer_is_left_out_with_the_reason(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    served.write_settings(settings, unreachable=["bybit"])
    line = "heatmap BTC --venues binance,bybit --since 2d --step 8h"
    with stamina.set_testing(True, attempts=2):
        found = powderkeg(f"{line} --settings", settings)
        scripted = powderkeg(f"{line} --json --settings", settings)
    assert (found.status, scripted.status) == (0, 0)
    (skipped,) = json.loads(scripted.out)["skipped"]
    assert skipped["venue"] == "bybit"
    assert f"Without bybit: {skipped['reason']}" in found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("BTC --bars bars.parquet", "BTC comes from the lake, --bars from a file; expected one of them"),
        ("BTC --end noon", "--end: 'noon' is not an ISO 8601 time"),
        ("BTC --offline", "Leave out --offline, or fill one: powderkeg backfill binance BTC --settings"),
        ("", "no coin and no files: name a coin"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_status_2(
    powderkeg: Command, settings: Path, arguments: str, message: str
) -> None:
    found = powderkeg(f"heatmap {arguments} --settings", settings)
    assert found.status == 2
    assert message in " ".join(found.err.split())
    assert found.out == ""


def test_steps_and_starts_that_do_not_fit_are_refused(
    powderkeg: Command, served: ServedVenues, settings: Path, filled: dict[str, Any]
) -> None:
    assert filled["columns"]
    for options, message in (
        ("--step 7m", "step: 7m is not a multiple of the bars' 5m"),
        (f"--start {iso(served.window.end + DAY)}", "is not after the start"),
        (f"--start {iso(served.window.start - DAY)}", "before the first known open interest of any venue"),
    ):
        line = f"heatmap BTC --venues binance,bybit --since 13d --offline {options} --settings"
        found = powderkeg(line, settings)
        assert found.status == 2, options
        assert message in " ".join(found.err.split())
