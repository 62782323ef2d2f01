"""The command line as people and scripts meet it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from command_line import Command, Files
from powderkeg.cli import terminal
from small_market import SmallMarket

START, DAY = 1_767_398_400_000, 86_400_000
COMMANDS = (
    *("map", "heatmap", "price", "calibrate", "compare", "score", "score-simulated", "models", "demo"),
    *("backfill", "record", "liquidations", "lake", "venues", "fake-venue"),
)


def test_help_lists_every_command_and_each_explains_itself(powderkeg: Command) -> None:
    listing = powderkeg("--help")
    assert listing.status == 0
    for command in COMMANDS:
        assert command in listing.out
        help_text = powderkeg(command, "--help")
        assert help_text.status == 0
        assert "Usage: powderkeg" in help_text.out


def test_help_does_not_load_the_numerics() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['powderkeg', '--help']\n"
        "from powderkeg.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numba', 'polars', 'matplotlib', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_map_json_is_one_object_on_stdout_and_nothing_else(powderkeg: Command, files: Files) -> None:
    found = powderkeg("map", *files.arguments, "--json")
    assert found.status == 0
    result = json.loads(found.out)
    assert found.err == ""
    keys = "instrument as_of mark_price kind units model open_interest bins clusters imbalance provenance"
    assert set(keys.split()) <= set(result)
    for side in ("long_notional", "short_notional"):
        total = sum(entry[side] for entry in result["bins"])
        assert 0 < total <= result["open_interest"]
        assert total + result["inert"][side] == pytest.approx(result["open_interest"])
    for entry in result["bins"]:
        assert entry["long_notional"] == 0 or entry["price_high"] <= result["mark_price"]
        assert entry["short_notional"] == 0 or entry["price_low"] >= result["mark_price"]


def test_map_as_of_knows_nothing_later(powderkeg: Command, files: Files, market: SmallMarket) -> None:
    at = "2026-01-08T13:00Z"
    early = json.loads(powderkeg("map", *files.arguments, "--at", at, "--json").out)
    limit = 1_767_877_200_000
    bars = pl.read_parquet(files.bars).filter(pl.col("ts") < limit)
    bars.write_parquet(files.bars)
    interest = pl.read_csv(files.open_interest).filter(pl.col("ts") < limit)
    interest.write_csv(files.open_interest)
    truncated = json.loads(powderkeg("map", *files.arguments, "--json").out)
    assert early["as_of"] == truncated["as_of"] == "2026-01-08T13:00:00Z"
    for key in ("mark_price", "open_interest", "bins", "clusters", "imbalance"):
        assert early[key] == truncated[key]


def test_map_for_people_says_what_matters(powderkeg: Command, files: Files) -> None:
    found = powderkeg("map", *files.arguments)
    assert found.status == 0
    for words in ("modelled liquidation map as of", "If price falls 5%", "Clusters", "Not a forecast"):
        assert words in found.out


@pytest.mark.parametrize("model", ["worlds", "fixed_tiers", "diffuse"])
def test_every_model_draws_a_map(powderkeg: Command, files: Files, model: str) -> None:
    picture = files.folder / "map.png"
    found = powderkeg("map", *files.arguments, "--model", model, "--plot", picture, "--json")
    assert json.loads(found.out)["model"] == model
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {picture}" in found.err


def test_heatmap_writes_cells_and_picture(powderkeg: Command, files: Files) -> None:
    cells, picture = files.folder / "cells.parquet", files.folder / "heatmap.png"
    found = powderkeg(
        "heatmap", *files.arguments, "--step", "1h", "--output", cells, "--plot", picture, "--json"
    )
    assert found.status == 0
    columns = json.loads(found.out)["columns"]
    table = pl.read_parquet(cells)
    assert table["as_of"].n_unique() == len(columns)
    sums = table.group_by("as_of", maintain_order=True).agg(pl.col("long_notional").cast(pl.Float64).sum())
    np.testing.assert_allclose(sums["long_notional"], [c["long_notional"] for c in columns], rtol=1e-5)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_heatmap_for_people_says_what_matters(powderkeg: Command, files: Files) -> None:
    found = powderkeg("heatmap", *files.arguments, "--start", "2026-01-03", "--end", "2026-01-05")
    assert found.status == 0
    assert "modelled heatmap" in found.out
    assert "swept" in found.out


def test_compare_puts_the_models_beside_the_record(powderkeg: Command, files: Files) -> None:
    totals = files.folder / "totals.csv"
    days = 1_767_225_600_000 + DAY * np.arange(2, 10)
    pl.DataFrame({"ts": days, "long_usd": 1e6 * np.arange(8), "short_usd": np.full(8, 2e6)}).write_csv(totals)
    found = powderkeg("compare", *files.arguments, "--liquidations", totals, "--json")
    assert found.status == 0
    result = json.loads(found.out)
    assert {row["model"] for row in result["rows"]} == {"worlds", "fixed_tiers", "diffuse"}
    assert len(result["intervals"]) == 8
    assert {model["name"] for model in result["provenance"]["models"]} == {"worlds", "fixed_tiers", "diffuse"}
    assert [series["name"] for series in result["provenance"]["inputs"]][:2] == ["bars", "open_interest"]
    longs = [row for row in result["rows"] if row["side"] == "long"]
    assert all(row["recorded"] == pytest.approx(28e6) for row in longs)
    assert all(row["rank_correlation"] is None for row in result["rows"] if row["side"] == "short")
    shown = powderkeg("compare", *files.arguments, "--liquidations", totals).out
    assert all(model in shown for model in ("worlds", "fixed_tiers", "diffuse"))


def test_score_ranks_models_on_what_they_have_not_seen(powderkeg: Command, files: Files) -> None:
    totals = files.folder / "totals.csv"
    hours = 1_767_225_600_000 + 6 * 3_600_000 * np.arange(8, 44)
    amounts = np.random.default_rng(0).gamma(2.0, 1e6, size=(2, len(hours)))
    table = pl.DataFrame({"ts": hours, "long_usd": amounts[0], "short_usd": amounts[1]})
    table.write_csv(totals)
    arguments = (*files.arguments, "--liquidations", totals, "--step", "6h", "--embargo", "6h")
    rows = json.loads(powderkeg("score", *arguments, "--json").out)
    assert {row["model"] for row in rows} == {"calibrated", "worlds", "fixed_tiers", "diffuse", "range"}
    assert {"model", "side", "metric", "value", "low", "high", "n"} == set(rows[0])
    assert "calibrated" in powderkeg("score", *arguments, "--models", "calibrated,range").out


def test_price_prints_the_published_example(powderkeg: Command) -> None:
    found = powderkeg(
        "price --entry 20000 --leverage 50 --side long --maintenance-margin-rate 0.005 "
        "--maintenance-basis entry --json"
    )
    assert json.loads(found.out)["liquidation_price"] == pytest.approx(19_700)


def test_price_is_null_where_none_exists(powderkeg: Command) -> None:
    line = "price --entry 50000 --leverage 1 --side short --contract inverse --maintenance-margin-rate 0.005"
    assert json.loads(powderkeg(line, "--json").out)["liquidation_price"] is None
    assert "none: no price liquidates it" in powderkeg(line).out


def test_price_with_neither_venue_nor_rate_says_what_it_assumed(powderkeg: Command) -> None:
    found = powderkeg("price --entry 50000 --leverage 10 --side long --json")
    result = json.loads(found.out)
    assert result["maintenance_margin_rate"] == 0.005
    assert "no venue and no rate given" in result["assumptions"][0]


def test_price_uses_the_tier_that_holds_the_position(powderkeg: Command) -> None:
    line = "price --entry 50000 --leverage 5 --side long --venue hyperliquid --symbol BTC --json --quantity"
    small, large = (json.loads(powderkeg(line, size).out) for size in ("1", "5000"))
    assert (small["maintenance_margin_rate"], large["maintenance_margin_rate"]) == (0.0125, 0.025)
    assert large["liquidation_price"] > small["liquidation_price"]


def test_demo_shows_a_simulated_market_and_says_so(powderkeg: Command, tmp_path: Path) -> None:
    found = powderkeg("demo", "--output", tmp_path / "demo")
    assert found.status == 0
    assert "SIMULATED MARKET" in found.out
    assert "What happened next" in found.out
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"map.png", "heatmap.png", "parameters.toml", "simulated-bars.parquet"} <= names
    assert {"simulated-open-interest.parquet", "simulated-liquidations.parquet"} <= names


BAD = {
    "no such file": (["map", "--bars", "nowhere.parquet"], "nowhere.parquet"),
    "future": (["map", "--at", "2030-01-01"], "at: 2030-01-01T00:00:00Z is after the data"),
    "not a time": (["map", "--at", "noon"], "at: 'noon' is not an ISO 8601 time"),
    "unknown symbol kept as label": (["heatmap", "--step", "7m"], "step: 7m is not a multiple"),
    "unknown model in a list": (["compare", "--models", "worlds,magic"], "'magic' does not exist"),
    "column without a table": (["map", "--column", "ts=time"], "is not of the form TABLE.FIELD=NAME"),
    "folder that is not there": (["map", "--plot", "nowhere/map.png"], "nowhere/map.png"),
    "cells to an unknown format": (["heatmap", "--output", "cells.xlsx"], "cells.xlsx ends neither in"),
    "cells to a missing folder": (["heatmap", "--output", "nowhere/c.parquet"], "nowhere/c.parquet cannot"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_status_2_and_one_clear_sentence(
    powderkeg: Command, files: Files, case: str
) -> None:
    (command, *bad), message = BAD[case]
    arguments: dict[str, object] = {
        "--bars": files.bars,
        "--open-interest": files.open_interest,
        "--symbol": "BTC",
    }
    if command == "compare":
        totals = files.folder / "totals.csv"
        pl.DataFrame({"ts": [START, START + DAY], "long_usd": [1.0, 1.0], "short_usd": [1.0, 1.0]}).write_csv(
            totals
        )
        arguments["--liquidations"] = totals
    arguments[bad[0]] = bad[1]
    found = powderkeg(command, *(str(part) for pair in arguments.items() for part in pair))
    assert found.status == 2
    assert message in found.err.replace("\n", " ")
    assert "Traceback" not in found.err
    assert found.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--leverage 0.5", "leverage"),
        ("--leverage 500", "leverage"),
        ("--entry -5", "entry_price"),
        ("--quantity 0", "quantity"),
        ("--maintenance-margin-rate 1.5", "maintenance_margin_rate"),
        ("--venue nowhere --symbol BTC", "nowhere"),
        ("--venue hyperliquid", "--venue was given without --symbol"),
    ],
)
def test_impossible_positions_are_refused_by_name(powderkeg: Command, arguments: str, message: str) -> None:
    given = {"--entry": "50000", "--leverage": "10", "--side": "long"}
    words = arguments.split()
    given.update(zip(words[::2], words[1::2], strict=True))
    found = powderkeg("price", *(part for pair in given.items() for part in pair))
    assert found.status == 2
    assert message in found.err


def test_calibrate_writes_parameters_that_map_and_heatmap_take(
    powderkeg: Command, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals, parameters = files.folder / "totals.csv", files.folder / "fitted.toml"
    days = 1_767_225_600_000 + DAY * np.arange(2, 16)
    pl.DataFrame(
        {"ts": days, "long_usd": np.linspace(1e5, 9e5, 14), "short_usd": np.full(14, 2e5)}
    ).write_csv(totals)
    found = powderkeg(
        "calibrate", *files.arguments, "--liquidations", totals, "--output", parameters, "--json"
    )
    assert found.status == 0, found.err
    summary = json.loads(found.out)
    assert summary["long"]["intervals"] >= 5
    assert parameters.read_text().startswith("# Parameters of a liquidation map")
    result = json.loads(powderkeg("map", *files.arguments, "--parameters", parameters, "--json").out)
    assert result["model"] == "calibrated"
    assert result["cumulative"][0]["expected_forced_band"]["low_90"] >= 0
    people = powderkeg("map", *files.arguments, "--parameters", parameters)
    assert "Expected to be forced" in people.out
    assert "90 % of it" in people.out
    monkeypatch.setattr(terminal.output, "_width", 80)
    narrow = powderkeg("map", *files.arguments, "--parameters", parameters).out
    assert "…" not in narrow  # no number is cut
    assert powderkeg("heatmap", *files.arguments, "--parameters", parameters, "--step", "1d").status == 0
    missing = powderkeg("map", *files.arguments, "--parameters", files.folder / "no.toml")
    assert missing.status == 2
    assert "--parameters: " in missing.err
