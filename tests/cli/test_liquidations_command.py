"""``powderkeg liquidations`` on a lake written by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command_line import Command
from powderkeg.cli import terminal
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import HOUR, MINUTE, SECOND
from reported_liquidations import MadeLake, order, total

SPAN = "--since 2026-03-17T00:00Z --until 2026-03-17T03:00Z"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return a lake with two venues of events, one of totals, and two hours of nothing."""
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    slots = [order(i * SECOND, "long", 2e4) for i in range(0, 60, 3)]
    made.events("binance", "BTCUSDT", slots, [(0, 3 * HOUR)])
    made.events("bybit", "BTCUSDT", [order(9 * MINUTE, "short", 7e5, meaning="bankruptcy")], [(0, HOUR)])
    made.gap("bybit", "BTCUSDT", HOUR, 3 * HOUR, "silent")
    step = 5 * MINUTE
    made.totals("gate", "BTC_USDT", [total(i * step, step, 1e4, 1e3) for i in range(36)], [(0, 3 * HOUR)])
    return made.lake.root


def test_json_says_of_every_number_whose_it_is_and_how_much_is_known(powderkeg: Command, lake: Path) -> None:
    found = powderkeg(f"liquidations BTC {SPAN} --json --lake", lake)
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    venues = {one["venue"]: one for one in result["venues"]}
    assert venues["binance"]["completeness"] == "one per slot"
    assert venues["binance"]["slot_ms"] == 1000
    assert venues["binance"]["source"] == "events"
    assert venues["gate"]["source"] == "totals"
    assert venues["gate"]["long_events"] is None
    assert venues["bybit"]["share"] == pytest.approx(1 / 3)
    assert venues["bybit"]["gaps"][0]["reason"] == "silent"
    assert venues["bybit"]["corrected"] is None
    unknown = venues["bybit"]["intervals"][2]
    assert (unknown["recorded"], unknown["long_usd"], unknown["share"]) == (False, None, 0)
    corrected = venues["binance"]["corrected"]["long_usd"]
    assert venues["binance"]["long_usd"] == pytest.approx(4e5)
    assert 4e5 < corrected["low"] <= corrected["estimate"] < corrected["high"]
    whole = result["aggregate"]
    assert whole["long_usd"] == pytest.approx(4e5 + 3.6e5)
    assert whole["corrected_venues"] == ["binance"]
    assert whole["corrected"]["long_usd"]["estimate"] == pytest.approx(corrected["estimate"] + 3.6e5)
    assert whole["corrected"]["short_usd"]["high"] == pytest.approx(7e5 + 3.6e4)
    assert [one["venues_recorded"] for one in whole["intervals"]] == [3, 2, 2]
    assert result["largest"][0] == {
        "time": "2026-03-17T00:09:00Z",
        "venue": "bybit",
        "symbol": "BTCUSDT",
        "position_side": "short",
        "notional_usd": 7e5,
        "price": 1e5,
        "price_meaning": "bankruptcy",
        "quantity": 7.0,
    }
    assert [one["window"] for one in result["imbalance"]] == ["1h", "4h", "12h", "1d"]
    # In the last hour only Gate told anything but silence, and its smaller side is small.
    headline = result["imbalance"][0]["headline"]
    assert headline["percent"] == pytest.approx(1000)
    assert headline["small_denominator"]
    assert {one["venue"] for one in result["not_in_lake"]} == {"okx", "deribit", "hyperliquid"}


def test_people_see_floors_and_corrections_apart_within_a_hundred_columns(
    powderkeg: Command, lake: Path
) -> None:
    found = powderkeg(f"liquidations BTC {SPAN} --venues binance,bybit,okx --lake", lake)
    assert found.status == 0
    for words in (
        "Binance", "corrected", "at most one per second", "every event", "Largest", "bankruptcy", "Imbalance",
        "Not recorded is not zero", "gaps in the recording: silent (1x)", "Not in the lake: okx",
    ):  # fmt: skip
        assert words in found.out
    tables = found.out[: found.out.index("Reported amounts")]
    assert max(len(line) for line in tables.splitlines()) <= 100
    only = powderkeg(f"liquidations BTC {SPAN} --venues bybit --lake", lake).out
    assert only.count("not recorded") >= 2
    assert "corrected" not in only


def test_eighty_columns_break_no_heading_and_no_number(
    powderkeg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    orders = [order(i * 7 * MINUTE, "short" if i % 3 else "long", 2e5 * (1 + i % 5)) for i in range(600)]
    made.events("binance", "BTCUSDT", orders, [(0, 71 * HOUR)])
    monkeypatch.setattr(terminal.output, "_width", 80)
    line = "liquidations BTC --since 2026-03-19T00:00Z --until 2026-03-20T00:00Z --interval 4h --lake"
    found = powderkeg(line, made.lake.root).out
    tables = found[: found.index("Reported amounts")]
    assert max(len(line) for line in tables.splitlines()) <= 80
    (headings,) = (line for line in tables.splitlines() if "headline" in line)
    assert {"last", "known", "longs", "shorts", "headline", "imbalance"} <= set(headings.split())
    hour = next(line for line in tables.splitlines() if line.startswith(" 1h "))
    assert "not recorded" in hour
    assert tables.count("–$") == 2 + 6
    assert len(re.findall(r"\$[\d.]+[kM]–\$[\d.]+[kM]", tables)) == 2 + 6


def test_a_full_minute_is_told_as_a_lower_end_alone(powderkeg: Command, tmp_path: Path) -> None:
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    made.events("binance", "BTCUSDT", [order(i * SECOND, "long", 1e4) for i in range(60)])
    line = f"liquidations {SPAN} --venues binance"
    corrected = json.loads(powderkeg(f"{line} --json --lake", made.lake.root).out)["aggregate"]["corrected"]
    assert corrected["saturated"]
    assert corrected["long_usd"] == {"low": pytest.approx(6e5), "estimate": None, "high": None}
    assert ">$600k" in powderkeg(f"{line} --lake", made.lake.root).out


def test_a_time_in_which_nothing_was_recorded_says_so(powderkeg: Command, lake: Path) -> None:
    found = powderkeg("liquidations --since 2026-03-01 --until 2026-03-02 --venues bybit --lake", lake)
    assert found.status == 0
    assert "Nothing was recorded in this time" in found.out
    assert "$0" not in found.out


@pytest.mark.parametrize("exists", [False, True])
def test_an_empty_lake_names_the_commands_that_fill_it(
    powderkeg: Command, tmp_path: Path, exists: bool
) -> None:
    if exists:
        Lake(tmp_path / "lake", create=True)
    found = powderkeg("liquidations ETH --lake", tmp_path / "lake")
    assert (found.status, found.out) == (2, "")
    assert "powderkeg record --coins ETH" in found.err
    assert "powderkeg backfill gate ETH --tables liquidation_totals" in found.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--interval 2d", "interval: '2d'; expected a length from 1m to 1d"),
        ("--venues bitmex", "venue is 'bitmex'; expected one of"),
        ("--since soon", "--since: 'soon' is neither a time"),
        ("--since 1h --until 2h", "holds no time"),
    ],
)
def test_bad_input_is_refused(powderkeg: Command, lake: Path, options: str, message: str) -> None:
    found = powderkeg(f"liquidations {options} --lake", lake)
    assert (found.status, found.out) == (2, "")
    assert message in found.err
