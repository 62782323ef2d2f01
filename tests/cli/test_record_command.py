"""``powderkeg record`` and ``powderkeg fake-venue`` as processes: what they serve, keep and say."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.served_venues import SYMBOL, ServedVenues
from command_line import Command
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Liquidation, Trade
from powderkeg.model.times import MINUTE

TRADES = DatasetKey("trades", "bybit", SYMBOL)
LIQUIDATIONS = DatasetKey("liquidations", "bybit", SYMBOL)
CHANNELS = (f"publicTrade.{SYMBOL}", f"allLiquidation.{SYMBOL}")
PATIENCE = 60.0
PROGRAM = "from powderkeg.cli.main import main; main()"


@contextmanager
def started(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start a powderkeg command in a process group of its own; it is killed if the test ends before it."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """End a command as Ctrl-C does, and return what it printed since; it must end well."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    return out, err


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def metric(url: str, name: str, **labels: str) -> float:
    """Return a sample of the metrics that are served at `url`, 0 where there is none yet."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own server
        text = answer.read().decode()
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
        if found and all(f'{label}="{value}"' in found[1] for label, value in labels.items()):
            return float(found[2])
    return 0.0


def test_what_was_pushed_is_in_the_lake_the_metrics_and_the_last_line(
    served: ServedVenues, settings: Path
) -> None:
    fake = served.fakes["bybit"]
    line = (
        f"record bybit --coins BTC --tables trades,liquidations --json --metrics-port 0 --settings {settings}"
    )
    with started(*line.split()) as process:
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("metrics on ").strip()
        assert fake.stream.wait_for(CHANNELS)
        pushed: list[Trade] = []

        def all_of_some_are_counted() -> bool:
            now = time.time_ns() // 1_000_000
            if len(pushed) < 40:
                pushed.append(Trade(now, str(len(pushed)), 60_000.0 + len(pushed), 0.25, "buy"))
                fake.push("trades", SYMBOL, pushed[-1:])
            return metric(url, "powderkeg_recorder_rows_total", venue="bybit", table="trades") == 40

        until(all_of_some_are_counted)
        order = Liquidation(pushed[-1].ts, "short", 61_000.0, "bankruptcy", 0.5, 30_500.0, None, "", 0)
        fake.push("liquidations", SYMBOL, [order])
        until(lambda: metric(url, "powderkeg_recorder_rows_total", table="liquidations") == 1)
        assert metric(url, "powderkeg_recorder_listening", venue="bybit") == 1
        out, _ = interrupted(process)
    states = [json.loads(line) for line in out.splitlines()]
    assert all({"ts", "venues"} <= set(state) for state in states)
    (told,) = states[-1]["venues"]
    assert (told["venue"], told["symbols"]) == ("bybit", [SYMBOL])
    assert told["compacted_rows"] == {"trades": 40, "liquidations": 1}
    assert told["segments"] >= 1
    assert sum(one["rows"].get("trades", 0) for one in told["connections"]) == 40
    for one in told["connections"]:
        assert {"connection", "state", "rows", "gaps", "reconnects", "lag_ms", "trouble"} <= set(one)
        assert one["acknowledged"] == one["frames"]
        assert (one["unreadable"], one["dropped"], one["gaps"]) == (0, 0, 0)
    lake = Lake(settings.parent / "lake")
    assert list(lake.read(TRADES, columns=Trade._fields).iter_rows()) == [tuple(row) for row in pushed]
    (kept,) = lake.read(LIQUIDATIONS).iter_rows(named=True)
    assert (kept["position_side"], kept["price"], kept["quantity"]) == ("short", 61_000.0, 0.5)
    assert not any((lake.root / "live").rglob("*.segment"))


def test_a_recording_that_reaches_nobody_ends_at_its_time_and_says_so(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    served.write_settings(settings, unreachable=["bybit", "binance"])
    began = time.monotonic()
    found = powderkeg("record bybit binance --tables trades --for 1s --settings", settings)
    # Giving up by itself would take the venue's client a quarter of a minute.
    assert time.monotonic() - began < 8
    assert found.status == 1
    assert found.out.startswith("Recorded nothing")
    for name, path in (("bybit", "/v5/market/instruments-info"), ("binance", "/fapi/v1/exchangeInfo")):
        (told,) = (line for line in found.err.splitlines() if f"{name} instruments" in line)
        assert re.match(rf"Not reached: {name} instruments: {name} {path}\S*: .+; tried once", told)


def test_a_venue_that_accepts_and_never_answers_does_not_hold_up_the_end(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        settings.write_text(
            re.sub(r'^rest = ".*"', f'rest = "{url}"', settings.read_text(), flags=re.MULTILINE)
        )
        began = time.monotonic()
        found = powderkeg("record bybit --tables trades --for 100ms --settings", settings)
    assert time.monotonic() - began < 8
    assert found.status == 1
    assert "Not reached: bybit instruments: Bybit had not answered when the recording ended" in found.err


def test_a_venue_that_nobody_answers_for_is_told_and_does_not_keep_others_waiting(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    served.write_settings(settings, unreachable=["binance"])
    found = powderkeg("record binance bybit --tables trades --for 1s --json --settings", settings)
    assert found.status == 0
    binance, bybit = json.loads(found.out.splitlines()[-1])["venues"]
    (waiting,) = binance["connections"]
    assert (waiting["connection"], waiting["state"]) == ("instruments", "waiting")
    assert waiting["reconnects"] >= 1
    assert "tried once" in waiting["trouble"]
    assert bybit["symbols"] == [SYMBOL]
    assert all(one["trouble"] == "" for one in bybit["connections"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("record bitmex", "venue is 'bitmex'; expected one of binance, bybit"),
        ("record bybit --coins DOGE", "symbol: Bybit lists no perpetual 'DOGE'"),
        (
            "record bybit --tables trades,candles",
            "tables: 'candles' cannot be recorded at Bybit; expected some of instruments, leverage_tiers,",
        ),
        (
            "record hyperliquid --tables trades,liquidations",
            "tables: 'liquidations' cannot be recorded at Hyperliquid (Hyperliquid: in no public feed",
        ),
        (
            "record gate deribit --tables trades,deleveraging_signals",
            "tables: 'deleveraging_signals' cannot be recorded at Gate, Deribit (Gate: ",
        ),
        ("record bybit --tables ,", "tables: none is named; expected some of instruments,"),
        ("record bybit --coins ,", "coins: none is named; expected coins or symbols, such as BTC"),
        ("record bybit --for soon", "--for: 'soon' is not a length of time"),
        ("record bybit --metrics-port 70000", "Invalid value for '--metrics-port'"),
        ("record bybit --metrics-port {taken}", "--metrics-port: {taken} cannot be listened on"),
        ("fake-venue bitmex --output o.toml", "venue is 'bitmex'; expected one of binance, bybit"),
        ("fake-venue bybit --for soon --output o.toml", "--for: 'soon' is not a length of time"),
        ("fake-venue bybit --days 2 --output o.toml", "Invalid value for '--days'"),
        ("fake-venue bybit --scenario boom --output o.toml", "'boom' is not one of 'calm'"),
    ],
)
def test_what_cannot_begin_is_refused_with_status_2(
    powderkeg: Command, settings: Path, line: str, message: str
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        words = () if line.startswith("fake") else ("--settings", settings)
        found = powderkeg(line.replace("{taken}", port), *words)
    assert found.status == 2
    assert message.replace("{taken}", port) in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert found.out == ""
    assert not Path("o.toml").exists()


def test_a_table_that_one_venue_has_is_recorded_there_and_said_to_lack_elsewhere(
    powderkeg: Command, served: ServedVenues, settings: Path
) -> None:
    line = "record binance bybit --tables trades,deleveraging_signals --for 100ms --json --settings"
    found = powderkeg(line, settings)
    assert re.fullmatch(r"Without deleveraging_signals of binance: .+\n", found.err)
    assert [one["venue"] for one in json.loads(found.out)["venues"]] == ["binance", "bybit"]
    line = "record binance bybit Bybit --tables deleveraging_signals --for 100ms --json --settings"
    assert [one["venue"] for one in json.loads(powderkeg(line, settings).out)["venues"]] == ["bybit"]


def test_settings_that_are_unfit_stop_a_recording_before_it_begins(
    powderkeg: Command, settings: Path
) -> None:
    settings.write_text("[record]\nflush_seconds = 0\n")
    found = powderkeg("record bybit --settings", settings)
    assert found.status == 2
    assert "settings: record.flush_seconds is 0; Input should be greater than 0" in " ".join(
        found.err.split()
    )
    assert not (settings.parent / "lake").exists()


def test_a_fake_venue_feeds_a_backfill_a_recording_and_a_map(powderkeg: Command, tmp_path: Path) -> None:
    file = tmp_path / "played.toml"
    line = f"fake-venue bybit --coin TEST --days 3 --speed 600 --output {file}"
    with started(*line.split()) as process:
        assert process.stdout is not None
        told = ""
        while "powderkeg map TEST" not in told:
            text = process.stdout.readline()
            assert text, process.communicate()
            told += text
        played = tomllib.loads(file.read_text())
        assert played["coins"] == ["TEST"]
        assert set(played["venues"]) == {"bybit"}
        assert played["venues"]["bybit"]["urls"]["rest"] in told
        assert played["venues"]["bybit"]["urls"]["stream"].split("/v5")[0] in told
        assert "Invented prices." in told

        found = powderkeg("backfill bybit --since 1d --json --settings", file)
        assert found.status == 0
        rows = {one["table"]: one["rows"] for one in json.loads(found.out)["datasets"]}
        assert rows["bars"] >= 287
        assert rows["open_interest"] > 0
        assert rows["leverage_tiers"] > 0

        line = "record bybit --tables trades,mark_prices,deleveraging_signals --for 3s --settings"
        found = powderkeg(line, file)
        assert (found.status, found.err) == (0, "")
        lake = Lake(tmp_path / "played-lake")
        assert re.fullmatch(
            r"Recorded [\d,]+ deleveraging signals, [\d,]+ mark prices, ([\d,]+ open interest, )?[\d,]+ "
            rf"trades; \d+ segments? in the tables, in {lake.root}\.\n",
            found.out,
        )
        assert lake.read(DatasetKey("instruments", "bybit", "TESTUSDT")).height >= 1
        trades = lake.read(DatasetKey("trades", "bybit", "TESTUSDT"))
        assert min(trades["price"]) > 0
        times = trades["ts"].to_list()
        assert times[-1] - times[0] >= 5 * MINUTE  # ten minutes pass in a second
        for table in ("mark_prices", "deleveraging_signals"):
            # After a minute without one Bybit's channels of these count as dead.
            stamps = lake.read(DatasetKey(table, "bybit", "TESTUSDT"))["ts"]
            assert stamps.diff().drop_nulls().max() == MINUTE // 2

        found = powderkeg("map TEST --venues bybit --since 2d --json --settings", file)
        assert found.status == 0
        assert json.loads(found.out)["layers"][0]["instrument"] == "bybit:TEST"
        interrupted(process)


def test_a_fake_venue_ends_after_its_time(powderkeg: Command, tmp_path: Path) -> None:
    found = powderkeg("fake-venue bybit --days 3 --for 100ms --output", tmp_path / "short.toml")
    assert (found.status, found.err) == (0, "")
    assert (tmp_path / "short.toml").is_file()


def test_a_fake_venue_finds_that_it_cannot_write_before_it_simulates(
    powderkeg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulated(*_: object, **__: object) -> None:
        pytest.fail("it simulates first")

    monkeypatch.setattr("powderkeg.simulation.market.simulated_market", simulated)
    for output, reason in (
        (tmp_path / "nowhere" / "o.toml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        found = powderkeg("fake-venue bybit --for 100ms --output", output)
        assert found.status == 2
        assert f"{output} cannot be written: {reason}" in " ".join(found.err.split())
