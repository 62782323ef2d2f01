"""A burst loses nothing that may not be lost, whatever the disk does; one of ten thousand costs one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from ingest.recorder_process import BTC
from ingest.recording import Recording, patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.backfill import backfill
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.recording import RecordingRequest, record_venues
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import live_segments
from powderkeg.model.market_rows import DepthLevel, Liquidation, MarketRow, Trade
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.bybit import VENUE
from venues.made_rows import START, instrument_row, made_rows

TRADES = DatasetKey("trades", "bybit", "BTCUSDT")
LIQUIDATIONS = DatasetKey("liquidations", "bybit", "BTCUSDT")
BOOKS = DatasetKey("depth_levels", "bybit", "BTCUSDT")
GAPS = DatasetKey("gaps", "bybit", "BTCUSDT")
KIBIBYTE = 1024


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def trade(ts: int, number: int) -> Trade:
    return Trade(ts, f"{number:08d}-2df5-563d-8e3b-e0dbba7c55a0", 100_000.0, 0.25, "sell")


def liquidation(ts: int, number: int) -> Liquidation:
    return Liquidation(ts, "long", 2.0, "bankruptcy", float(number), 2.0 * number, None, "", 0)


def book(ts: int, levels: int = 50) -> list[DepthLevel]:
    bids = [DepthLevel(ts, "bid", level, 60_000.0 - level, 1.0) for level in range(levels)]
    return bids + [DepthLevel(ts, "ask", level, 60_001.0 + level, 1.0) for level in range(levels)]


def frames(table: str, groups: Sequence[Sequence[MarketRow]]) -> list[tuple[str, bytes]]:
    speak, row = dialect("bybit").frames, instrument_row()
    return [frame for rows in groups for frame in speak(table, "BTCUSDT", rows, row)]


def spread(count: int) -> list[tuple[int, int]]:
    """Return time and number of so many events of one second."""
    return [(START + number * 1000 // count, number + 1) for number in range(count)]


def recorded(fake: FakeVenue, lake: Lake, settings: RecorderSettings, *tables: str) -> Recording:
    clock = fake.market
    instruments = {"BTCUSDT": BTC}
    return Recording(VENUE, fake, lake, instruments, tables, settings, clock=lambda: clock.now * 1_000_000)


def compacted(lake: Lake) -> None:
    for path in finished_segments(lake.root, "bybit"):
        compact_segment(lake.root, path)


def largest(recording: Recording) -> dict[str, int]:
    """Return the most bytes that ever waited, by connection."""
    sinks = recording.recorder._sinks
    names = [counts.name for counts in recording.status.connections]
    return {name: sink.buffer.largest for name, sink in zip(names, sinks, strict=True)}


def test_a_burst_of_a_hundred_thousand_is_kept_whole_and_none_twice_in_bounded_memory(lake: Lake) -> None:
    events = frames("trades", [[trade(*at)] for at in spread(97_000)])
    forced = frames("liquidations", [[liquidation(*at)] for at in spread(3_000)])
    every = len(events) // len(forced)
    mixed = list(
        chain.from_iterable((one, *events[i * every : (i + 1) * every]) for i, one in enumerate(forced))
    )
    mixed += events[len(forced) * every :]
    limit = 1024 * KIBIBYTE
    settings = replace(patient(quiet=1e9, silence=1e9), memory=limit)
    with FakeVenue(dialect("bybit"), ScriptedMarket({"BTCUSDT": instrument_row()}, {}, START)) as fake:
        with recorded(fake, lake, settings, "trades", "liquidations") as recording:
            assert fake.stream.wait_for([events[0][0], forced[0][0]])
            fake.market.now = START + 1000
            assert fake.stream.send(mixed) == 100_000
            recording.until(lambda _: recording.rows("trades") == 97_000)
            recording.until(lambda _: recording.rows("liquidations") == 3_000)
        # A limit and one frame.
        assert all(most <= limit + KIBIBYTE for most in largest(recording).values())
        assert not any(counts.dropped for counts in recording.status.connections)
    compacted(lake)
    names = lake.read(TRADES)["trade_id"]
    assert names.n_unique() == len(names) == 97_000
    assert sorted(lake.read(LIQUIDATIONS)["quantity"]) == [float(number + 1) for number in range(3_000)]


def test_a_disk_that_is_slower_than_the_venue_costs_books_and_never_a_liquidation(lake: Lake) -> None:
    # Each of five groups a second may hold 64 KiB: a disk that writes 320 KiB a second.
    limit = 64 * KIBIBYTE
    settings = replace(patient(quiet=1e9, silence=1e9), memory=limit, flush=0.2, books_every=1000)
    books = frames("depth_levels", [book(START + number) for number in range(400)])
    forced = frames("liquidations", [[liquidation(*at)] for at in spread(3_000)])
    assert sum(len(frame) for _, frame in books) > 10 * limit
    assert sum(len(frame) for _, frame in forced) > 5 * limit
    with FakeVenue(dialect("bybit"), ScriptedMarket({"BTCUSDT": instrument_row()}, {}, START)) as fake:
        with recorded(fake, lake, settings, "depth_levels", "liquidations") as recording:
            assert fake.stream.wait_for([books[0][0], forced[0][0]])
            depth, liquidations = recording.status.connections
            fake.stream.send([*books, *forced])
            recording.until(lambda _: recording.rows("liquidations") == 3_000)
            recording.until(lambda _: depth.frames == len(books) + 1)
            fake.market.now = START + 10_000
            fake.stream.send(frames("depth_levels", [book(START + 10_000)]))
            recording.until(lambda _: depth.frames == len(books) + 2)
        assert depth.dropped > 0
        assert liquidations.dropped == 0
        assert depth.acknowledged == depth.frames - depth.dropped
        assert all(most <= limit + 8 * KIBIBYTE for most in largest(recording).values())
    compacted(lake)
    assert sorted(lake.read(LIQUIDATIONS)["quantity"]) == [float(number + 1) for number in range(3_000)]
    gaps = lake.read(GAPS)
    assert gaps["table"].unique().to_list() == ["depth_levels"]
    assert all("frames dropped" in reason for reason in gaps["reason"])
    assert sum(int(reason.split()[0]) for reason in gaps["reason"]) == depth.dropped
    assert not any(window.start <= START < window.end for window in lake.covered(BOOKS))


def test_segments_that_follow_each_other_leave_no_hole_between_them(lake: Lake) -> None:
    delay = 3_000
    settings = replace(patient(quiet=1e9, silence=1e9), segment_seconds=10.0, flush=0.005)
    with FakeVenue(dialect("bybit"), ScriptedMarket({"BTCUSDT": instrument_row()}, {}, START)) as fake:
        with recorded(fake, lake, settings, "trades") as recording:
            assert fake.stream.wait_for(["publicTrade.BTCUSDT"])
            (counts,) = recording.status.connections
            recording.until(lambda _: counts.state == "listening")
            for number in range(120):
                fake.market.now = START + number * 1000
                fake.push("trades", "BTCUSDT", [trade(fake.market.now - delay, number)])
                recording.until(partial(safe, number + 1))
        assert len(live_segments(lake.root, "bybit")) > 5
    compacted(lake)
    (window,) = lake.covered(TRADES)
    assert window.start <= START + 3_000
    assert window.end >= START + 119_000 - delay - 2_000


def safe(rows: int, status: RecorderStatus) -> bool:
    """Return whether so many trades have been read, and all that came is safe."""
    (counts,) = status.connections
    return counts.rows_of("trades") == rows and counts.acknowledged == counts.frames


MANY = 10_000
SYMBOLS = ["BTCUSDT", *(f"COIN{number}USDT" for number in range(MANY - 1))]


@pytest.fixture
def large() -> FakeVenue:
    rows = {symbol: instrument_row(base=symbol.removesuffix("USDT")) for symbol in SYMBOLS}
    bars = made_rows("bars", 288, interval=5 * MINUTE, semantics=VENUE.semantics)
    market = ScriptedMarket(rows, {("bars", "BTCUSDT", "5m"): bars}, START + DAY)
    return FakeVenue(dialect("bybit"), market)


def test_backfill_of_one_of_ten_thousand_instruments_writes_that_one(lake: Lake, large: FakeVenue) -> None:
    async def run(fake: FakeVenue) -> None:
        async with VenueClient(VENUE, fake.urls(VENUE.urls)) as client:
            window, now = Window(START, START + HOUR), START + DAY
            tables = ("bars", "leverage_tiers")
            await backfill(client, lake, ["BTC"], tables, window, interval=5 * MINUTE, clock=lambda: now)

    with large as fake:
        asyncio.run(run(fake))
        asked = fake.http.requests
    assert {summary.key.symbol for summary in lake.datasets()} == {"BTCUSDT"}
    assert sum(path.is_file() for path in lake.root.rglob("*")) < 12
    assert not any("COIN" in path for path in asked)


def test_recording_one_of_ten_thousand_instruments_writes_that_one(lake: Lake, large: FakeVenue) -> None:
    alerts = "adlAlert.USDT"
    tables = ("trades", "liquidations", "leverage_tiers", "insurance_funds", "deleveraging_signals")
    (signal,) = made_rows("deleveraging_signals", 1, semantics=VENUE.semantics)
    statuses: dict[str, RecorderStatus] = {}

    async def run(fake: FakeVenue) -> None:
        stop = asyncio.Event()
        request = RecordingRequest(VENUE, fake.urls(VENUE.urls), ["BTC"], tables)
        settings = replace(patient(quiet=1e9, silence=1e9), compact=True)
        recording = asyncio.create_task(
            record_venues(
                [request], lake, settings, stop, statuses, clock=lambda: fake.market.now * 1_000_000
            )
        )
        assert await asyncio.to_thread(fake.stream.wait_for, ["publicTrade.BTCUSDT", alerts])
        for symbol in ("BTCUSDT", *SYMBOLS[-500:]):
            await asyncio.to_thread(fake.push, "deleveraging_signals", symbol, [signal])
        while not statuses["bybit"].connections or rows_of(statuses["bybit"]) < 501:
            await asyncio.sleep(0.01)
        stop.set()
        await recording

    with large as fake:
        asyncio.run(run(fake))
    assert {summary.key.symbol for summary in lake.datasets()} == {"BTCUSDT"}
    assert sum(path.is_file() for path in lake.root.rglob("*")) < 40


def rows_of(status: RecorderStatus) -> int:
    return sum(counts.rows_of("deleveraging_signals") for counts in status.connections)
