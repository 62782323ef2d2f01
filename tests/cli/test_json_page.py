"""docs/json.md names every key that a command prints, and every command that prints any."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import stamina
from typer.core import TyperGroup
from typer.main import get_command

from cli.served_venues import SYMBOL, ServedVenues
from command_line import Command, Files
from ingest.census_process import COINS, market
from ingest.census_process import served as served_accounts
from powderkeg.cli.main import app
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.venues.hyperliquid import VENUE
from reported_liquidations import MadeLake, order, total

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
# Objects by table, venue, model or kind of number, whose keys are no words of the page.
BY_NAME = {
    *("rows", "compacted_rows", "refused", "tables", "unavailable", "recording", "units", "predicted"),
    *("found", "ages", "notional_ages"),
}


def section(*headings: str) -> str:
    """Return the text under these headings, each up to the next of any level."""
    parts = {part.partition("\n")[0]: part for part in re.split(r"^#+ ", PAGE, flags=re.MULTILINE)}
    return "\n".join(parts[heading] for heading in headings)


def keys_of(value: Any) -> Iterator[str]:
    """Yield the keys of an answer, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            if not (key in BY_NAME and isinstance(item, dict)):
                yield from keys_of(item)


def check(printed: str, *headings: str) -> None:
    """Check that each key of an answer is a word in code under one of the headings."""
    text = section(*headings)
    keys = set(keys_of(json.loads(printed)))
    assert keys
    assert keys - set(re.findall(r"`(\w[\w ]*)`", text)) == set()


MAP = ("`powderkeg map --json`", "`provenance`")


def test_every_command_with_json_is_on_the_page() -> None:
    def commands(group: TyperGroup, path: str) -> Iterator[str]:
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                yield from commands(command, f"{path}{name} ")
            elif any("--json" in parameter.opts for parameter in command.params):
                yield f"{path}{name}"

    root = get_command(app)
    assert isinstance(root, TyperGroup)
    found = set(commands(root, ""))
    assert {"map", "record", "lake verify"} <= found
    assert {name for name in found if f"`powderkeg {name} --json`" not in PAGE} == {
        name for name in found if f"**`{name}`**" in PAGE
    }


def test_maps_and_heatmaps_of_files(powderkeg: Command, files: Files) -> None:
    check(powderkeg("map", *files.arguments, "--json").out, *MAP)
    heatmap = powderkeg("heatmap", *files.arguments, "--step", "1d", "--json").out
    check(heatmap, "`powderkeg heatmap --json`", "`provenance`")
    totals = files.folder / "totals.csv"
    days = [1_767_225_600_000 + day * DAY for day in range(2, 10)]
    pl.DataFrame({"ts": days, "long_usd": [1e6] * 8, "short_usd": [2e6] * 8}).write_csv(totals)
    compared = powderkeg(
        "compare", *files.arguments, "--liquidations", totals, "--models", "diffuse", "--json"
    )
    check(compared.out, "`powderkeg compare --json`", "`provenance`")


def test_a_census_and_positions(powderkeg: Command, tmp_path: Path) -> None:
    settings = tmp_path / "served.toml"
    with served_accounts(market(60, time.time_ns() // 1_000_000, listed=1.0)) as fake:
        lines = [f'lake = "{tmp_path / "lake"}"', "[venues.hyperliquid.urls]"]
        lines += [f'{host} = "{url}"' for host, url in fake.urls(VENUE.urls).items()]
        settings.write_text("\n".join(lines))
        run = powderkeg("census run --share 1 --for 4s --flush 0.2 --no-trades --json --settings", settings)
        assert run.status == 0, run.err
        told = json.loads(run.out.splitlines()[-1])
        assert told["found"]
        assert told["classes"]
        check(run.out.splitlines()[-1], "`powderkeg census run --json`")
        status = powderkeg("census status --json --settings", settings)
        assert json.loads(status.out)["coins"]
        check(status.out, "`powderkeg census status --json`")
        alone = powderkeg(f"positions {COINS[0]} --near 90% --json --settings", settings)
    assert json.loads(alone.out)["positions"]
    assert json.loads(alone.out)["open_interest"]
    heading = "`powderkeg positions --json`"
    check(alone.out, heading)

    path = tmp_path / "positions.csv"
    pl.DataFrame(
        {
            "ts": [1_770_724_800_000, 1_770_728_400_000] * 2,
            "account": ["a", "a", "b", "c"],
            "coin": ["BTC"] * 4,
            "szi": [1.0, 1.0, -1.0, -2.0],
            "entry_px": [100.0] * 4,
            "mark_px": [100.0, 97.0, 100.0, 97.0],
            "liquidation_px": [95.0, 95.0, 104.0, None],
        }
    ).write_csv(path)
    since = powderkeg("positions BTC --changes-since 1h --json --positions", path)
    assert json.loads(since.out)["changes"]["positions"]
    check(since.out, heading)


def test_what_needs_no_data(powderkeg: Command) -> None:
    check(powderkeg("venues --json").out, "`powderkeg venues --json`")
    check(powderkeg("models --json").out, "`powderkeg models --json`")
    line = "price --entry 100 --leverage 5 --side long --venue hyperliquid --symbol BTC --json"
    check(powderkeg(line).out, "`powderkeg price --json`")


def test_what_the_venues_fill(powderkeg: Command, served: ServedVenues, settings: Path) -> None:
    early = f"--since {iso(served.window.start - 40 * DAY)} --until {iso(served.window.start - 39 * DAY)}"
    line = f"backfill binance BTC --tables open_interest,insurance_funds {early} --json --settings"
    check(powderkeg(line, settings).out, "`powderkeg backfill --json`")
    served.write_settings(settings, unreachable=["binance"])
    line = "record binance --tables trades --for 100ms --json --settings"
    check(powderkeg(line, settings).out, "`powderkeg record --json`")
    with stamina.set_testing(True, attempts=2):
        summed = powderkeg("map BTC --venues bybit,binance --since 2d --json --settings", settings)
    assert json.loads(summed.out)["skipped"]
    check(summed.out, *MAP, "`powderkeg map COIN --json`")
    summed = powderkeg(
        "heatmap BTC --venues bybit --since 2d --step 4h --offline --json --settings", settings
    )
    check(summed.out, "`powderkeg heatmap --json`", "`powderkeg heatmap COIN --json`", "`provenance`")


def test_liquidations(powderkeg: Command, tmp_path: Path) -> None:
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    made.events("binance", SYMBOL, [order(i * 3000, "long", 2e4) for i in range(20)], [(0, 3 * HOUR)])
    made.gap("binance", SYMBOL, 3 * HOUR, 4 * HOUR, "silent")
    made.totals("gate", "BTC_USDT", [total(i * HOUR, HOUR, 1e5, 1e5) for i in range(4)], [(0, 4 * HOUR)])
    line = "liquidations BTC --since 2026-03-17 --until 2026-03-17T04:00 --json --lake"
    found = powderkeg(line, made.lake.root)
    result = json.loads(found.out)
    assert result["largest"]
    assert result["aggregate"]["corrected"]
    assert result["venues"][0]["gaps"]
    assert any(one["headline"] for one in result["imbalance"])
    check(found.out, "`powderkeg liquidations --json`")


def test_checks(powderkeg: Command, files: Files) -> None:
    text = "BTC price at $86,583. Over $1bn of BTC shorts liquidate at $110,000 on 10 January 2026. 3 teas."
    path = files.folder / "note.txt"
    path.write_text(text)
    found = powderkeg("check --json", path, *files.arguments)
    assert json.loads(found.out)["not_understood"]
    check(found.out, "`powderkeg check --json`")


def test_the_lake(powderkeg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POWDERKEG_LAKE", "lake")
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    for first in (0, 2):
        rows = [order(hour * HOUR, "long", 2e4) for hour in (first, first + 1)]
        made.events("binance", SYMBOL, rows, [(first * HOUR, (first + 1) * HOUR)])
    made.gap("binance", SYMBOL, HOUR, 2 * HOUR, "silent")
    lines = [
        "lake coverage",
        "lake tables",
        "lake compact",
        f"lake export liquidations binance {SYMBOL} out.csv",
        "lake sql SELECT(1)",
        "lake verify --forget --yes",
    ]
    heading = "`powderkeg lake ... --json`"
    for line in lines[:-1]:
        check(powderkeg(f"{line} --json").out, heading)
    damaged = next((tmp_path / "lake" / "tables").rglob("*table=liquidations*/**/*.parquet"))
    damaged.write_bytes(b"damaged")
    found = powderkeg(f"{lines[-1]} --json")
    assert json.loads(found.out)["damaged_coverage"]
    check(found.out, heading)
