"""``powderkeg map COIN``: fetched, summed over venues, each told apart, and none left out silently."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import stamina

from cli.served_venues import BASIS, INTEREST, SYMBOL, ServedVenues, answer_that_filled
from command_line import Command
from powderkeg.cli import terminal
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Bar
from powderkeg.model.times import DAY, iso

BOTH = "map BTC --venues binance,bybit --since 13d"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the tests that take the same map have their lake; the first of them fills it."""
    return tmp_path_factory.mktemp("map of a coin") / "lake"


@pytest.fixture
def filled(powderkeg: Command, settings: Path, lake: Path) -> dict[str, Any]:
    """Return the map that the first test to need it asked for, which filled the lake."""
    return answer_that_filled(powderkeg, BOTH, settings, lake)


def test_the_sum_holds_what_its_venues_hold_and_each_stands_beside_it(
    served: ServedVenues, lake: Path, filled: dict[str, Any]
) -> None:
    layers = {layer["instrument"].split(":")[0]: layer for layer in filled["layers"]}
    assert [*layers] == ["binance", "bybit"]  # the largest first
    assert filled["instrument"] == "BTC"
    assert filled["skipped"] == []
    last = served.series["binance"]["bars", SYMBOL, "5m"][-1]
    assert isinstance(last, Bar)
    assert filled["mark_price"] == layers["binance"]["mark_price"] == pytest.approx(last.close)
    assert layers["bybit"]["basis"] == pytest.approx(BASIS["bybit"] - 1)
    assert layers["binance"]["basis"] == 0
    ratio = layers["bybit"]["open_interest"] / layers["binance"]["open_interest"]
    assert ratio == pytest.approx(BASIS["bybit"] * INTEREST["bybit"])
    assert filled["open_interest"] == pytest.approx(sum(one["open_interest"] for one in layers.values()))
    assert sum(layer["share"] for layer in layers.values()) == pytest.approx(1)
    for side in ("long_notional", "short_notional"):
        summed = sum(entry[side] for entry in filled["bins"])
        single = [sum(entry[side] for entry in layer["map"]["bins"]) for layer in layers.values()]
        assert summed == pytest.approx(sum(single))
        assert min(single) > 0
        assert summed + filled["inert"][side] == pytest.approx(filled["open_interest"])
    assert filled["as_of"] == iso(served.window.end)
    for name in layers:
        key = DatasetKey("bars", name, SYMBOL, "5m")
        rows = Lake(lake).read(key)
        assert rows.height == len(served.series[name]["bars", SYMBOL, "5m"])


def test_json_keeps_the_provenance_of_every_series(filled: dict[str, Any]) -> None:
    inputs = {series["name"]: series for series in filled["provenance"]["inputs"]}
    for name in ("binance", "bybit"):
        for series in ("bars", "open_interest", "funding_rate"):
            assert inputs[f"{name}:BTC {series}"]["source"].startswith("lake: ")
        assert "one-sided" in inputs[f"{name}:BTC open_interest"]["notes"]
    own = [layer["map"]["provenance"] for layer in filled["layers"]]
    assert all(len(one["inputs"]) >= 3 for one in own)
    assert filled["provenance"]["notes"][0].startswith("the sum of 2 venues' maps")


def test_people_read_one_line_of_each_venue(
    powderkeg: Command, settings: Path, filled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.output, "_width", 80)
    found = powderkeg(f"{BOTH} --offline --settings", settings)
    assert (found.status, found.err) == (0, "")
    shown, _, rests = found.out.partition("What this rests on\n")
    for layer in filled["layers"]:
        name = layer["instrument"].split(":")[0]
        as_of = layer["as_of"][5:16].replace("T", " ").removesuffix(" 00:00")
        assert re.search(rf"^ {name} .* {layer['share']:.1%} .* {as_of} *$", shown, re.MULTILINE)
        (line,) = (line for line in rests.splitlines() if name in line)
        assert line.startswith(f"{name}: 3,456 bars every 5m, open interest")
        assert "funding rate" in line
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) < 120
    # Of all venues alike, and told once.
    for note in set.intersection(*(set(one["map"]["provenance"]["notes"]) for one in filled["layers"])):
        assert rests.count(note) == 1
    assert "in base units" not in rests
    assert "Not a forecast of direction" in rests
    assert len(rests.splitlines()) <= 10


def test_the_lake_alone_gives_the_same_map_and_asks_nobody(
    powderkeg: Command, served: ServedVenues, settings: Path, filled: dict[str, Any]
) -> None:
    before = served.requests
    again = json.loads(powderkeg(f"{BOTH} --offline --json --settings", settings).out)
    assert served.requests == before
    for key in ("as_of", "mark_price", "open_interest", "bins", "clusters", "imbalance"):
        assert again[key] == filled[key]
    at = iso(served.window.end - 3 * DAY)
    early = json.loads(powderkeg(f"{BOTH} --offline --at {at} --json --settings", settings).out)
    assert early["as_of"] == at
    assert {layer["as_of"] for layer in early["layers"]} == {at}
    assert early["mark_price"] != filled["mark_price"]


def test_a_venue_that_is_named_twice_counts_once(
    powderkeg: Command, settings: Path, filled: dict[str, Any]
) -> None:
    line = "map BTC --venues binance,bybit,Binance --since 13d --offline --json --settings"
    assert json.loads(powderkeg(line, settings).out)["open_interest"] == filled["open_interest"]


def test_a_venue_that_does_not_answer_is_left_out_with_the_reason(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    served.write_settings(settings, unreachable=["bybit"])
    line = "map BTC --venues binance,bybit --since 2d"
    with stamina.set_testing(True, attempts=2):
        found = powderkeg(f"{line} --json --settings", settings)
        shown = powderkeg(f"{line} --settings", settings)
    assert found.status == 0
    result = json.loads(found.out)
    assert [layer["instrument"] for layer in result["layers"]] == ["binance:BTC"]
    (skipped,) = result["skipped"]
    assert skipped["venue"] == "bybit"
    assert skipped["reason"].startswith("bybit /v5/market/instruments-info")
    assert "tried" in skipped["reason"]
    assert shown.status == 0
    assert f"Without bybit: {skipped['reason']}" in shown.err


def test_a_venue_that_lists_no_such_coin_is_told_in_one_sentence(powderkeg: Command, settings: Path) -> None:
    found = powderkeg("map DOGE --venues binance,bybit --settings", settings)
    assert found.status == 2
    assert found.out == ""
    message = " ".join(found.err.split())
    assert message.startswith("error: no venue has what a map of DOGE needs.")
    for title in ("Binance", "Bybit"):
        assert f"{title} lists no perpetual 'DOGE'" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("BTC --venues binance,bitmex", "venue is 'bitmex'; expected one of binance, bybit"),
        ("BTC --bars bars.parquet", "BTC comes from the lake, --bars from a file; expected one of them"),
        ("BTC --at noon", "--at: 'noon' is not an ISO 8601 time"),
        ("BTC --since lately", "--since: 'lately' is neither a time"),
        ("BTC --venues bybit --offline", "there is no lake in "),
        ("BTC --venues bybit --offline", "or fill one: powderkeg backfill bybit BTC --settings "),
        ("BTC --offline --lake none", "Leave out --offline, or fill one: powderkeg backfill binance BTC"),
        ("BTC --offline --lake none", "powderkeg backfill binance BTC --lake none --settings "),
        ("BTC --offline --lake none", "is elsewhere, name it: --lake DIRECTORY, or the setting lake"),
        ("", "no coin and no files: name a coin"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_status_2(
    powderkeg: Command, settings: Path, arguments: str, message: str
) -> None:
    found = powderkeg(f"map {arguments} --settings", settings)
    assert found.status == 2
    assert message in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert found.out == ""


def test_an_empty_lake_says_of_each_venue_what_brings_its_data(powderkeg: Command, settings: Path) -> None:
    Lake(settings.parent / "lake", create=True)
    found = powderkeg(f"{BOTH} --offline --settings", settings)
    assert found.status == 2
    assert found.out == ""
    for name in ("binance", "bybit"):
        assert f"{name}: bars: the lake has none of {name} {SYMBOL}" in " ".join(found.err.split())
        assert f"`powderkeg backfill {name} {SYMBOL}`" in " ".join(found.err.split())
