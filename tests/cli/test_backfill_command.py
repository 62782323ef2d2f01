"""``powderkeg backfill`` against a venue on this machine: what it keeps, says, and ends with."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest
import stamina

from cli.served_venues import STEP, SYMBOL, ServedVenues
from command_line import Command
from powderkeg.fake_venues.faults import Fault
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window

BARS = DatasetKey("bars", "bybit", SYMBOL, "5m")
TABLES = "--tables bars,open_interest,funding"


def lake_of(settings: Path) -> Lake:
    return Lake(settings.parent / "lake")


def two_days(served: ServedVenues) -> Window:
    return Window(served.window.start, served.window.start + 2 * DAY)


def line_of(window: Window, tables: str = TABLES) -> str:
    return f"backfill bybit BTC {tables} --since {iso(window.start)} --until {iso(window.end)}"


def test_what_the_venue_told_is_in_the_lake_and_in_the_answer(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    window = two_days(served)
    before = served.requests
    found = powderkeg(f"{line_of(window)} --json --settings", settings)
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    assert set(result) == {"datasets", "requests", "retries", "limited", "not_to_be_had", "failures"}
    rows = {(one["table"], one["symbol"], one["variant"]): one["rows"] for one in result["datasets"]}
    assert rows == {
        ("bars", SYMBOL, "5m"): 576,
        ("open_interest", SYMBOL, "5m"): 576,
        ("funding", SYMBOL, "all"): 6,
    }
    assert result["requests"] == served.requests - before > 0
    assert (result["retries"], result["limited"], result["failures"]) == (0, 0, [])
    lake = lake_of(settings)
    assert lake.covered(BARS) == (window,)
    told = served.series["bybit"]["bars", SYMBOL, "5m"][:576]
    columns = ("ts", "interval_ms", "open", "high", "low", "close", "volume")
    assert list(lake.read(BARS, columns=columns).iter_rows()) == [row[:7] for row in told]


def test_people_read_what_is_complete_and_that_nothing_is_left_to_ask(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    window = two_days(served)
    found = powderkeg(f"{line_of(window)} --settings", settings)
    assert found.status == 0
    start, end = (
        f"{dt.datetime.fromtimestamp(time / 1000, dt.UTC):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
        for time in window
    )
    assert re.search(rf"bars +{SYMBOL} +5m +576 +{start} to {end}", found.out)
    assert re.search(r"^\d+ requests\.$", found.out, re.MULTILINE)
    before = served.requests
    again = powderkeg(f"{line_of(window)} --settings", settings)
    assert (again.status, again.out, served.requests) == (0, "Nothing was missing.\n0 requests.\n", before)


def test_what_is_given_up_ends_with_status_1_and_the_same_command_goes_on(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    start = served.window.start
    hour, window = Window(start, start + 12 * STEP), two_days(served)
    bars = "--tables bars"
    assert powderkeg(f"{line_of(hour, bars)} --settings", settings).status == 0  # the symbol is known now
    served.fakes["bybit"].faults.add_http(Fault("server_error", times=6))
    with stamina.set_testing(True, attempts=6):
        found = powderkeg(f"{line_of(window, bars)} --json --settings", settings)
    assert found.status == 1
    result = json.loads(found.out)
    assert result["datasets"] == []
    assert result["retries"] == 5
    (failure,) = result["failures"]
    assert "HTTP 503" in failure
    assert lake_of(settings).covered(BARS) == (hour,)
    again = powderkeg(f"{line_of(window, bars)} --settings", settings)
    assert again.status == 0
    assert lake_of(settings).covered(BARS) == (window,)


def test_what_the_venue_no_longer_has_is_told_with_its_reason(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    start = served.window.start // DAY * DAY - 60 * DAY
    early = Window(start, start + DAY)
    line = line_of(early, "--tables open_interest").replace("bybit", "binance")
    result = json.loads(powderkeg(f"{line} --json --settings", settings).out)
    (lost,) = result["not_to_be_had"]
    assert set(lost) == {"table", "venue", "symbol", "variant", "start", "end", "reason"}
    assert (lost["table"], lost["venue"], lost["symbol"]) == ("open_interest", "binance", SYMBOL)
    assert lost["reason"].startswith("the venue keeps ")
    assert (lost["start"], lost["end"]) == (iso(early.start), iso(early.end))
    shown = powderkeg(f"{line} --settings", settings)
    assert shown.status == 0
    assert f"Cannot be had:\n  open_interest of binance {SYMBOL} (5m): {lost['reason']}" in shown.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backfill bitmex BTC", "venue is 'bitmex'; expected one of binance, bybit"),
        ("backfill bybit DOGE", "symbol: Bybit lists no perpetual 'DOGE'"),
        ("backfill bybit BTC --tables candles", "table is 'candles'; expected one of"),
        ("backfill bybit BTC --tables trades", "Bybit has no past trades: it is only streamed"),
        ("backfill bybit BTC --since lately", "--since: 'lately' is neither a time"),
        (
            "backfill bybit BTC --since 2026-01-02 --until 2026-01-01",
            "holds no time; expected end after",
        ),
        ("backfill bybit BTC --interval often", "--interval: 'often' is not a length of time"),
        (
            "backfill bybit BTC --interval 7m",
            "--interval: '7m'; Bybit has 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 12h, 1d of bars, mark_bars",
        ),
        (
            "backfill bybit BTC --tables open_interest,funding --interval 2h",
            "--interval: '2h'; Bybit has 5m, 15m, 30m, 1h, 4h, 1d of open_interest, funding",
        ),
        ("backfill", "Missing argument 'venue'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_status_2(
    powderkeg: Command, settings: Path, line: str, message: str
) -> None:
    found = powderkeg(line, *(() if line == "backfill" else ("--settings", settings)))
    assert found.status == 2
    assert message in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert found.out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lakes = 'here'", "settings: lakes is 'here'; Extra inputs are not permitted"),
        ("[venues.bybit]\nurl = 'http://127.0.0.1:9'", "settings: venues.bybit.url is"),
        ("coins = 3", "settings: coins is 3; Input should be a valid tuple"),
        ("coins = [", "is no TOML"),
    ],
)
def test_unfit_settings_are_named_with_their_value(
    powderkeg: Command, settings: Path, text: str, message: str
) -> None:
    settings.write_text(text)
    found = powderkeg("backfill bybit BTC --settings", settings)
    assert found.status == 2
    assert message in " ".join(found.err.split())
    assert str(settings) in found.err
    assert found.out == ""
    missing = powderkeg("backfill bybit BTC --settings", settings.with_name("no.toml"))
    assert missing.status == 2
    assert "no.toml is no file" in missing.err


def test_a_venue_that_nobody_answers_for_is_named_with_what_was_asked(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    served.write_settings(settings, unreachable=["bybit"])
    with stamina.set_testing(True, attempts=6):
        found = powderkeg("backfill bybit BTC --settings", settings)
    assert found.status == 2
    assert re.search(r"error: bybit /v5/market/instruments-info\S*: .+; tried 6 times", found.err)
    assert "Traceback" not in found.err
    assert found.out == ""
