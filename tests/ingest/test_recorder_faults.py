"""What venues, disks and people do to a recording, and what is known afterwards; see `docs/faults.md`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import get_args

import msgspec
import polars as pl
import pytest

from ingest.recorder_process import BTC, PATIENCE, Child, record
from ingest.recording import QUICK, Recording, patient
from powderkeg.errors import LakeError
from powderkeg.fake_venues.dialect import Dialect, Heard
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.faults import Fault, HttpFault, StreamFault
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder_settings import RecorderStatus
from powderkeg.ingest.segment_notes import NOTES, OTHER
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader, live_segments, read_segment
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarketRow, Trade
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, iso
from powderkeg.venues.registry import venue
from powderkeg.venues.venue import Venue
from venues.made_rows import START, instrument_row, made_rows

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("recorder_process.py")
BYBIT = venue("bybit")
TRADES = DatasetKey("trades", "bybit", "BTCUSDT")
GAPS = DatasetKey("gaps", "bybit", "BTCUSDT")
TRADE_CHANNEL = "publicTrade.BTCUSDT"
KIBIBYTE = 1024


def trade(ts: int, number: int) -> Trade:
    return Trade(ts, str(number), 60_000.0, 0.25, "buy")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


@contextmanager
def serving(
    spoken: Dialect | None = None, series: Sequence[tuple[str, Sequence[MarketRow]]] = ()
) -> Iterator[FakeVenue]:
    """Serve BTC and ETH, with these tables of BTC."""
    spoken = spoken or dialect("bybit")
    symbol_of = venue(spoken.venue).symbol
    symbol = symbol_of("BTC")
    rows = {symbol_of(coin): spoken.example(instrument_row(base=coin)) for coin in ("BTC", "ETH")}
    market = ScriptedMarket(rows, {(table, symbol, "all"): found for table, found in series}, START - 1)
    with FakeVenue(spoken, market) as fake:
        yield fake


def instruments_of(fake: FakeVenue, asked: Venue) -> dict[str, Instrument]:
    return {
        symbol: Instrument(asked.name, symbol, row.base, row.quote, row.contract, row.contract_size)  # type: ignore[arg-type]
        for symbol, row in fake.market.instruments.items()
    }


def recorded(
    fake: FakeVenue, lake: Lake, tables: Sequence[str] = ("trades",), symbols: Sequence[str] = ()
) -> Recording:
    """Record by the market's clock, which only the test moves: no leap of it is taken for silence."""
    asked = venue(fake.dialect.venue)
    leaping = patient(quiet=1e9, silence=1e9, acknowledging=1e9)
    return Recording(
        asked,
        fake,
        lake,
        instruments_of(fake, asked),
        tables,
        leaping,
        symbols=symbols or [asked.symbol("BTC")],
        clock=lambda: fake.market.now * 1_000_000,
    )


def compacted(lake: Lake, name: str = "bybit") -> None:
    for path in finished_segments(lake.root, name):
        compact_segment(lake.root, path)


def numbers(lake: Lake, key: DatasetKey = TRADES) -> list[int]:
    return sorted(int(name) for name in lake.read(key)["trade_id"])


def rows_are(count: int, status: RecorderStatus) -> bool:
    """Return whether so many trades have been read."""
    return sum(counts.rows_of("trades") for counts in status.connections) == count


def claims(lake: Lake, ts: int, key: DatasetKey = TRADES) -> bool:
    return any(window.start <= ts < window.end for window in lake.covered(key))


# What venues do to a stream


def test_what_a_disconnect_in_a_burst_swallowed_is_a_gap_and_a_hole(lake: Lake) -> None:
    rows = [trade(START + number * 20, number) for number in range(1000)]
    with serving(series=[("trades", rows)]) as fake:
        fake.faults.add_stream(Fault("disconnect", after=300))
        with recorded(fake, lake) as recording:
            assert fake.stream.wait_for([TRADE_CHANNEL])
            recording.until(lambda status: status.connections[0].state == "listening")
            fake.advance(START + 10 * SECOND)  # 501 trades at once
            recording.until(lambda status: status.connections[0].gaps == 1)
            assert recording.status.connections[0].state == "listening"
            fake.advance(START + 20 * SECOND)
            recording.until(lambda _: recording.rows("trades") == 799)
    compacted(lake)
    kept = numbers(lake)
    assert kept == [*range(300), *range(501, 1000)]
    gaps = lake.read(GAPS)
    assert gaps["table"].to_list() == ["trades"]
    for number in range(300, 501):
        assert gaps["ts"][0] <= rows[number].ts < gaps["end_ts"][0]
        assert not claims(lake, rows[number].ts)
    assert claims(lake, rows[150].ts)
    assert claims(lake, rows[850].ts)


def test_a_number_that_is_passed_over_is_a_gap_and_a_hole(lake: Lake) -> None:
    asked = venue("binance")
    key = DatasetKey("trades", "binance", "BTCUSDT")
    delay = 3 * SECOND
    with serving(dialect("binance")) as fake, recorded(fake, lake) as recording:
        assert fake.stream.wait_for(["btcusdt@aggTrade"])
        for number in range(60):
            fake.market.now = START + number * SECOND
            if number != 30:
                fake.push("trades", "BTCUSDT", [trade(fake.market.now - delay, 1000 + number)])
                recording.until(partial(rows_are, number + (number < 30)))
        assert recording.status.connections[0].gaps == 1
        assert "1031 followed 1029, so 1 are missing" in recording.status.connections[0].trouble
    compacted(lake, asked.name)
    assert numbers(lake, key) == [1000 + number for number in range(60) if number != 30]
    gaps = lake.read(DatasetKey("gaps", "binance", "BTCUSDT"))
    lost = START + 30 * SECOND - delay
    assert len(gaps) == 1
    assert gaps["ts"][0] <= lost < gaps["end_ts"][0]
    assert not claims(lake, lost, key)
    assert claims(lake, START + 20 * SECOND, key)
    assert claims(lake, START + 40 * SECOND, key)


def test_messages_out_of_order_are_all_kept_and_where_they_were_nothing_is_claimed(lake: Lake) -> None:
    key = DatasetKey("trades", "binance", "BTCUSDT")
    with serving(dialect("binance")) as fake:
        fake.faults.add_stream(Fault("out_of_order"))
        with recorded(fake, lake) as recording:
            assert fake.stream.wait_for(["btcusdt@aggTrade"])
            for number in range(20):
                fake.market.now = START + number * SECOND
                fake.push("trades", "BTCUSDT", [trade(fake.market.now, 1000 + number)])
                recording.until(partial(rows_are, (number + 1) // 2 * 2))
            counts = recording.status.connections[0]
            assert counts.late == 10
            assert counts.gaps == 9
    compacted(lake, "binance")
    assert numbers(lake, key) == list(range(1000, 1020))
    assert not any(claims(lake, START + number * SECOND, key) for number in range(20))


@pytest.mark.parametrize("seconds", [0, 10, -10])
def test_a_venue_whose_clock_is_off_is_claimed_only_where_nothing_is_missing(
    lake: Lake, seconds: int
) -> None:
    first, last = 30, 90  # of the rows that the venue sends each second, those that are heard

    def ts_of(number: int) -> int:
        return START + (number + seconds) * SECOND

    with serving() as fake:
        fake.market.now = START + first * SECOND
        with recorded(fake, lake) as recording:
            assert fake.stream.wait_for([TRADE_CHANNEL])
            recording.until(lambda status: status.connections[0].state == "listening")
            for number in range(first + 1, last):
                fake.market.now = START + number * SECOND
                fake.push("trades", "BTCUSDT", [trade(ts_of(number), number)])
                recording.until(partial(rows_are, number - first))
            assert recording.status.connections[0].lag == -seconds * SECOND
    compacted(lake)
    assert numbers(lake) == list(range(first + 1, last))
    claimed = [number for number in range(last + 60) if claims(lake, ts_of(number))]
    assert len(claimed) > 30
    assert set(claimed) <= set(range(first + 1, last))


@pytest.mark.parametrize("hours", [1, -1])
def test_a_venue_whose_clock_is_hours_off_is_kept_by_its_own_times_and_claimed_for_none(
    lake: Lake, hours: int
) -> None:
    with serving() as fake, recorded(fake, lake) as recording:
        assert fake.stream.wait_for([TRADE_CHANNEL])
        for number in range(60):
            fake.market.now = START + number * SECOND
            fake.push("trades", "BTCUSDT", [trade(fake.market.now + hours * HOUR, number)])
        recording.until(lambda _: recording.rows("trades") == 60)
    compacted(lake)
    assert lake.read(TRADES)["ts"].to_list() == [
        START + hours * HOUR + number * SECOND for number in range(60)
    ]
    assert lake.covered(TRADES) == ()


def refusing(name: str, channel: str) -> Dialect:
    """Return a venue's dialect in which it does not take one channel, in the venue's own way."""
    spoken = dialect(name)

    def heard(message: bytes) -> Heard:
        known = spoken.heard(message)
        if channel not in known.channels:
            return known
        others = tuple(one for one in known.channels if one != channel)
        if name == "okx":  # an error names the channel, the others are taken
            kind, symbol = channel.split(":")
            words = f"Wrong URL or channel:{kind},instId:{symbol} doesn't exist."
            error = {"event": "error", "code": "60018", "msg": words, "connId": "fake0000"}
            told = [reply for reply in known.replies if symbol.encode() not in reply]
            return Heard(others, (*told, msgspec.json.encode(error)))
        if name == "deribit":  # left out of the answer without a word
            reply = {"jsonrpc": "2.0", "id": msgspec.json.decode(message)["id"], "result": list(others)}
            return Heard(others, (msgspec.json.encode(reply),))
        reply = {"success": False, "ret_msg": f"error:handler not found,topic:{channel}", "op": "subscribe"}
        return Heard((), (msgspec.json.encode(reply),))  # bybit takes none then

    return replace(spoken, heard=heard)


@pytest.mark.parametrize(
    ("name", "channel", "reconnects", "words"),
    [
        ("okx", "trades:{}", 0, "Wrong URL or channel"),
        ("deribit", "trades.{}.100ms", 1, "not confirmed"),
    ],
    ids=["named", "left-out"],
)
def test_a_channel_that_is_refused_is_told_and_the_others_go_on(
    lake: Lake, name: str, channel: str, reconnects: int, words: str
) -> None:
    asked = venue(name)
    bitcoin, ether = asked.symbol("BTC"), asked.symbol("ETH")
    key = DatasetKey("trades", name, bitcoin)
    with serving(refusing(name, channel.format(ether))) as fake:
        settings = patient(acknowledging=0.3)
        instruments = instruments_of(fake, asked)
        with Recording(asked, fake, lake, instruments, ("trades",), settings) as recording:
            counts = recording.status.connections[0]
            recording.until(lambda _: channel.format(ether) in counts.refused)
            assert words in counts.refused[channel.format(ether)]
            assert fake.stream.wait_for([channel.format(bitcoin)])
            for number in range(50):
                fake.push("trades", bitcoin, [trade(START + number, number)])
            recording.until(lambda _: recording.rows("trades") == 50)
            assert counts.reconnects == reconnects
            assert set(counts.refused) == {channel.format(ether)}
    compacted(lake, name)
    assert numbers(lake, key) == list(range(50))
    assert not lake.covered(DatasetKey("trades", name, ether))


def test_a_subscription_that_is_refused_as_a_whole_is_told_in_the_words_of_the_venue(lake: Lake) -> None:
    with serving(refusing("bybit", "publicTrade.ETHUSDT")) as fake:
        settings = patient(acknowledging=0.2)
        with Recording(BYBIT, fake, lake, instruments_of(fake, BYBIT), ("trades",), settings) as recording:
            status = recording.until(lambda status: status.connections[0].reconnects >= 3)
            trouble = status.connections[0].trouble
    assert "no confirmation of publicTrade.BTCUSDT" in trouble
    assert "handler not found,topic:publicTrade.ETHUSDT" in trouble
    compacted(lake)
    assert not list(lake.datasets())


def test_a_venue_that_is_away_for_long_costs_no_disk_and_is_one_gap(lake: Lake) -> None:
    rows = [trade(START + number * SECOND, number) for number in range(40)]
    tries = 60
    with serving(series=[("trades", rows)]) as fake:
        fake.faults.add_http(Fault("server_error", times=tries))
        with recorded(fake, lake, ("trades", "insurance_funds")) as recording:
            assert fake.stream.wait_for([TRADE_CHANNEL])
            recording.until(lambda status: status.connections[0].state == "listening")
            fake.advance(START + 10 * SECOND)
            recording.until(lambda _: recording.rows("trades") == 11)
            fake.faults.add_stream(Fault("refused", times=tries))
            fake.stream.disconnect()
            counts = recording.status.connections[0]
            recording.until(lambda _: counts.reconnects >= 20)
            fake.market.now = START + 30 * SECOND
            written = sum(path.stat().st_size for path in lake.root.rglob("*") if path.is_file())
            recording.until(lambda _: counts.reconnects >= tries, timeout=60)
            assert written == sum(path.stat().st_size for path in lake.root.rglob("*") if path.is_file())
            assert fake.stream.wait_for([TRADE_CHANNEL])
            recording.until(lambda _: counts.gaps == 1)
            fake.advance(START + 39 * SECOND)
            recording.until(lambda _: recording.rows("trades") == 20)
    compacted(lake)
    assert len(lake.read(GAPS).filter(pl.col("table") == "trades")) == 1
    assert len(lake.covered(TRADES)) == 2
    assert not any(claims(lake, rows[number].ts) for number in range(11, 31))


def test_what_is_not_there_is_reported_and_asked_for_again(lake: Lake) -> None:
    from ingest import test_backfill as backfills

    series: dict[tuple[str, str, str], Sequence[MarketRow]] = {("bars", "BTCUSDT", "5m"): backfills.BARS}
    market = ScriptedMarket({"BTCUSDT": instrument_row()}, series, backfills.NOW)
    with FakeVenue(dialect("bybit"), market) as fake:
        fake.faults.add_http(Fault("not_found", path="/v5/market/kline"))
        report = backfills.filled(fake, lake)
        (absent,) = report.not_to_be_had
        assert "HTTP 404" in absent.reason
        assert lake.missing(backfills.BAR_KEY, backfills.WINDOW) == (absent.window,)
        assert not backfills.filled(fake, lake).not_to_be_had
    assert backfills.kept(lake) == backfills.expected()


# What happens to the lake, and to processes


@contextmanager
def public_lake() -> Iterator[Lake]:
    """Make a lake that every user may look into; pytest's own directories are private."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    try:
        yield Lake(directory / "lake", create=True)
    finally:
        shutil.rmtree(directory)


def command(
    fake: FakeVenue, lake: Lake, *words: str, limit: int = 0, user: str = "same", seconds: float = 0.5
) -> subprocess.Popen[str]:
    """Start a powderkeg command in a process group of its own, with this venue for Bybit."""
    urls = "".join(f'{host} = "{url}"\n' for host, url in fake.urls(BYBIT.urls).items())
    settings = lake.root.parent / "powderkeg.toml"
    settings.write_text(
        f"[record]\nflush_seconds = 0.02\nsegment_seconds = {seconds}\n[venues.bybit.urls]\n{urls}"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, str(PROGRAM), str(limit), user, *words),
            *("--lake", str(lake.root), "--settings", str(settings)),
        ],
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


RECORD = ("record", "bybit", "--coins", "BTC", "--tables", "trades")
BARS = DatasetKey("bars", "bybit", "BTCUSDT", "5m")
BACKFILL = ("backfill", "bybit", "BTC", "--tables", "bars", "--interval", "5m", "--since", iso(START))
TWO_DAYS = ("--until", iso(START + 2 * DAY))


@contextmanager
def backfilling() -> Iterator[FakeVenue]:
    """Serve the bars of two days."""
    rows = made_rows("bars", 2 * 288, interval=5 * MINUTE, semantics=BYBIT.semantics)
    now = time.time_ns() // 1_000_000
    market = ScriptedMarket({"BTCUSDT": instrument_row()}, {("bars", "BTCUSDT", "5m"): rows}, now)
    with FakeVenue(dialect("bybit"), market) as fake:
        yield fake


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition while a process lives."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@dataclass
class Trades:
    """Numbered trades of the moment that they are pushed at; those that nobody hears do not count."""

    fake: FakeVenue
    sent: int = 0

    def push(self) -> None:
        row = trade(time.time_ns() // 1_000_000, self.sent)
        self.sent += self.fake.push("trades", "BTCUSDT", [row])


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a command that ended well has printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    return out


def refused(process: subprocess.Popen[str]) -> str:
    """Return the message of a command that ended with an error of its own."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2, (out, err)
    assert "Traceback" not in err
    return " ".join(err.split())


def push_until_moved(trades: Trades, lake: Lake, process: subprocess.Popen[str]) -> None:
    """Push trades until one of them is in the tables."""
    first = trades.sent

    def moved() -> bool:
        trades.push()
        return any(number >= first for number in numbers(lake))

    assert trades.fake.stream.wait_for([TRADE_CHANNEL])
    until(moved, process)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stop_reaches_all_processes_and_everything_is_in_the_tables(lake: Lake, name: str) -> None:
    with serving() as fake:
        process = command(fake, lake, *RECORD)
        push_until_moved(Trades(fake), lake, process)  # the process that moves segments is up
        os.killpg(process.pid, getattr(signal, name))  # as Ctrl-C in a terminal does
        out = ended(process)
    kept = numbers(lake)
    assert kept == list(range(len(kept)))
    assert f"{len(kept):,} trades" in out
    assert not any((lake.root / "live").rglob("*.segment"))


def is_written(lake: Lake, number: int) -> bool:
    """Return whether a trade is in a live segment."""
    with contextlib.suppress(FileNotFoundError):  # moved into the tables meanwhile
        segments = live_segments(lake.root, "bybit")
        return any(f'"i":"{number}"'.encode() in path.read_bytes() for path in segments)
    return False


def test_a_full_disk_ends_a_recording_with_the_reason_and_the_next_one_goes_on(lake: Lake) -> None:
    group = 20
    with serving() as fake:
        process = command(fake, lake, *RECORD, limit=40_000, seconds=300)
        assert fake.stream.wait_for([TRADE_CHANNEL])
        trades = Trades(fake)
        while process.poll() is None:
            for _ in range(group):
                trades.push()
            while process.poll() is None and not is_written(lake, trades.sent - 1):
                time.sleep(0.005)
        sent = trades.sent
        assert re.search(rf"error: {lake.root}.* cannot be written: File too large", refused(process))
        assert finished_segments(lake.root, "bybit")
        process = command(fake, lake, *RECORD)
        push_until_moved(trades, lake, process)
        process.send_signal(signal.SIGTERM)
        ended(process)
    kept = numbers(lake)
    before = [number for number in kept if number < sent]
    after = [number for number in kept if number >= sent]
    assert before == list(range(len(before)))
    assert len(before) >= sent - group > 100
    assert after == list(range(sent, sent + len(after)))
    assert all(lake.verify(summary.key) == [] for summary in lake.datasets())


def test_a_full_disk_ends_a_backfill_with_the_reason_and_the_next_one_goes_on(lake: Lake) -> None:
    with backfilling() as fake:
        message = refused(command(fake, lake, *BACKFILL, *TWO_DAYS, limit=8_000))
        assert re.search(rf"error: {lake.root}.* cannot be written: File too large", message)
        assert lake.covered(BARS) == ()
        ended(command(fake, lake, *BACKFILL, *TWO_DAYS))
    assert len(lake.read(BARS)) == 2 * 288
    assert lake.verify(BARS) == []


def test_requests_that_are_made_again_leave_the_terminal_alone(lake: Lake) -> None:
    with backfilling() as fake:
        fake.faults.add_http(Fault("server_error", times=2))
        ended(command(fake, lake, *BACKFILL, *TWO_DAYS))
    assert len(lake.read(BARS)) == 2 * 288


def test_a_lake_that_may_not_be_written_ends_both_with_the_reason() -> None:
    with public_lake() as lake, backfilling() as fake:
        ended(command(fake, lake, *BACKFILL, "--until", iso(START + DAY)))
        before = lake.read(BARS)
        if os.getuid() != 0:
            for path in lake.root.rglob("*"):
                path.chmod(0o555 if path.is_dir() else 0o444)
        for words in ((*BACKFILL, *TWO_DAYS), RECORD):
            message = refused(command(fake, lake, *words, user="nobody"))
            assert re.search(rf"error: {lake.root}.*: Permission denied", message)
        assert lake.read(BARS).equals(before)
        assert lake.verify(BARS) == []


def moving(fake: FakeVenue, lake: Lake) -> Recording:
    """Record trades, and move them into tables at once."""
    settings = replace(QUICK, compact=True, segment_seconds=0.1)
    return Recording(BYBIT, fake, lake, {"BTCUSDT": BTC}, ("trades",), settings)


def push_until(trades: Trades, recording: Recording, condition: Callable[[RecorderStatus], bool]) -> None:
    """Push trades until the recorder's status says so."""

    def reached(status: RecorderStatus) -> bool:
        trades.push()
        return condition(status)

    assert trades.fake.stream.wait_for([TRADE_CHANNEL])
    recording.until(reached, PATIENCE)
    recording.until(lambda _: recording.rows("trades") == trades.sent)


def test_what_cannot_be_moved_into_tables_waits_while_recording_goes_on(lake: Lake) -> None:
    in_the_way = lake.root / "tables" / "table=trades"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    with serving() as fake, moving(fake, lake) as recording:
        trades = Trades(fake)
        push_until(trades, recording, lambda status: bool(status.trouble))
        waiting = trades.sent
        assert str(in_the_way) in recording.status.trouble
        in_the_way.unlink()
        push_until(trades, recording, lambda status: status.compacted_rows.get("trades", 0) > waiting)
        assert not recording.status.trouble
    assert numbers(lake) == list(range(trades.sent))


def test_what_could_not_be_moved_into_tables_is_told_at_the_end_and_moved_by_the_next_run(lake: Lake) -> None:
    in_the_way = lake.root / "tables" / "table=trades"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    with serving() as fake:
        trades = Trades(fake)
        recording = moving(fake, lake)
        with recording.failing(LakeError, "table=trades"):
            push_until(trades, recording, lambda status: bool(status.trouble))
        in_the_way.unlink()
        with moving(fake, lake):
            assert trades.fake.stream.wait_for([TRADE_CHANNEL])
    assert numbers(lake) == list(range(trades.sent))


def test_a_process_that_moves_segments_and_is_killed_is_replaced(lake: Lake) -> None:
    others = {one.pid for one in active_children()}
    with serving() as fake, moving(fake, lake) as recording:
        trades = Trades(fake)
        push_until(trades, recording, lambda status: status.segments > 0)
        (mover,) = (one for one in active_children() if one.pid not in others)
        mover.kill()
        mover.join()
        already = recording.status.segments
        push_until(trades, recording, lambda status: status.segments > already and not status.trouble)
    assert numbers(lake) == list(range(trades.sent))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="/proc tells whose children are left")
def test_no_process_outlives_a_recorder_that_is_killed(lake: Lake) -> None:
    settings = replace(QUICK, compact=True, segment_seconds=0.1)
    with serving() as fake:
        child = Child(record, lake.root, fake.urls(BYBIT.urls), settings, time.time_ns)
        try:
            child.start()
            assert fake.stream.wait_for([TRADE_CHANNEL])
            deadline = time.monotonic() + PATIENCE
            trades = Trades(fake)
            while not numbers(lake):
                trades.push()
                assert time.monotonic() < deadline
            left = children_of(child.pid)
            assert left
            child.killed(0)
            while any(alive(pid) for pid in left):
                assert time.monotonic() < deadline
        finally:
            child.close()


def children_of(pid: int) -> list[int]:
    return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Return whether a process is more than a name that nobody has asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


# From memory to disk


def sink_of(lake: Lake, header: Callable[[int], SegmentHeader]) -> SegmentSink:
    """Return a sink whose segments are finished only when it is closed."""
    never = 10**18
    return SegmentSink(
        lake.root,
        header,
        limit=KIBIBYTE,
        largest=never,
        oldest=never,
        finished=lambda _: None,
        clock=lambda: START * 1_000_000,
    )


def header_of(started: int) -> SegmentHeader:
    return SegmentHeader("bybit", "market-stream-0", started, (NOTES, OTHER))


def payloads(lake: Lake) -> list[int]:
    """Return the numbers that live segments hold, notes left out, in order."""
    records = [record for path in live_segments(lake.root, "bybit") for record in read_segment(path)]
    return [int(record.payload) for record in records if record.stream == 1]


def test_frames_of_a_write_that_failed_are_written_by_the_next_that_can(lake: Lake) -> None:
    in_the_way = lake.root / "live"
    in_the_way.write_text("")

    async def run() -> None:
        sink = sink_of(lake, header_of)
        for number in range(10):
            sink.buffer.offer(1, number, str(number).encode())
        with pytest.raises(LakeError, match=f"{in_the_way}/bybit cannot be made"):
            await sink.flush()
        assert sink.safe == 0
        sink.buffer.offer(1, 10, b"10")
        in_the_way.unlink()
        assert await sink.flush() == 11
        await sink.close()

    asyncio.run(run())
    assert payloads(lake) == list(range(11))


def test_a_write_is_finished_before_the_next_begins_though_nobody_waits_for_it(lake: Lake) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow_header(started: int) -> SegmentHeader:
        if started:
            begun.set()
            assert go.wait(PATIENCE)
        return header_of(started)

    async def run() -> None:
        sink = sink_of(lake, slow_header)
        for number in range(10):
            sink.buffer.offer(1, number, str(number).encode())
        flushing = asyncio.create_task(sink.flush())
        await asyncio.to_thread(begun.wait)
        flushing.cancel()
        closing = asyncio.create_task(sink.close())
        asyncio.get_running_loop().call_soon(go.set)
        await closing
        assert (await asyncio.gather(flushing, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    asyncio.run(run())
    assert payloads(lake) == list(range(10))


# The table


PAGE = ROOT / "docs" / "faults.md"


def table_rows() -> list[list[str]]:
    """Return the cells of the rows of every table of the page, below the heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in rows if not set(row[0]) <= {"-", ":"} and row[-1] != "test"]


def test_every_row_of_the_table_of_faults_has_a_test() -> None:
    rows = table_rows()
    assert len(rows) > 20
    for *_, named in rows:
        tests = re.findall(r"`(\w+\.py)::(\w+)`", named)
        assert tests, named
        for file, name in tests:
            places = list((ROOT / "tests").rglob(file))
            assert places, file
            assert f"def {name}(" in places[0].read_text(), (file, name)


def test_every_fault_of_the_fake_venues_has_a_row() -> None:
    faults = [re.findall(r"`(http|stream): (\w+)`", row[0]) for row in table_rows()]
    named = {fault for found in faults for fault in found}
    expected = {("http", kind) for kind in get_args(HttpFault)}
    assert named == expected | {("stream", kind) for kind in get_args(StreamFault)}
