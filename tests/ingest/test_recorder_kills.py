"""A recorder killed at any instant loses nothing acknowledged, doubles nothing, claims nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from ingest.recorder_process import BTC, Child, QuickClock, move_segments, record
from ingest.recording import patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.ingest.segment_notes import NOTES, OTHER, Listening, Until, note_bytes
from powderkeg.ingest.segment_rows import ChannelMeaning, segment_metadata
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader, SegmentWriter, segment_path
from powderkeg.model.market_rows import Liquidation, Trade
from powderkeg.model.times import DAY
from powderkeg.model.window import Window, united
from powderkeg.venues.bybit import VENUE
from venues.made_rows import START, instrument_row

TRADES = DatasetKey("trades", "bybit", "BTCUSDT")
LIQUIDATIONS = DatasetKey("liquidations", "bybit", "BTCUSDT")
CHANNELS = {"trades": "publicTrade.BTCUSDT", "liquidations": "allLiquidation.BTCUSDT"}
CONNECTIONS = {"trades": "market-stream-0", "liquidations": "liquidations-stream-0"}
SPEED = 20
NEVER = 1e6
DELAY = 1500
"""ms by which what is pushed has happened before."""


def trade(ts: int, number: int) -> Trade:
    return Trade(ts, str(number), 60_000.0, 0.25, "buy")


def liquidation(ts: int, number: int) -> Liquidation:
    return Liquidation(ts, "long", 2.0, "bankruptcy", float(number), 2.0 * number, None, "", 0)


@dataclass
class Pushing:
    """A thread that pushes numbered trades, and a liquidation with every fifth, at a steady pace."""

    fake: FakeVenue
    clock: QuickClock
    pushed: dict[str, list[int]] = field(default_factory=lambda: {"trades": [], "liquidations": []})
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._stop.wait(0.002):
            number = len(self.pushed["trades"])
            happened = self.clock() // 1_000_000 - DELAY
            self._push("trades", trade(happened, number))
            if number % 5 == 0:
                self._push("liquidations", liquidation(happened, number // 5 + 1))

    def stop(self) -> None:
        self._stop.set()

    def _push(self, table: str, row: Trade | Liquidation) -> None:
        self.pushed[table].append(row.ts)
        self.fake.push(table, "BTCUSDT", [row])


@contextmanager
def pushing(fake: FakeVenue, clock: QuickClock) -> Iterator[Pushing]:
    found = Pushing(fake, clock)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join()


@dataclass(frozen=True)
class Life:
    """One recorder: from when to when it was up, and the frames that it acknowledged on each connection."""

    window: Window
    acknowledged: dict[str, int]


def lived(child: Child, clock: QuickClock, seconds: float | None) -> Life:
    """Let a recorder live for so long, or until it is told to stop, after the first frames are safe."""
    start = clock() // 1_000_000
    child.start()
    told = child.word()
    while min(told.values()) < 2:
        told = child.word()
    rest = child.stopped() if seconds is None else child.killed(seconds)
    return Life(Window(start, clock() // 1_000_000), rest[-1] if rest else told)


def kept(lake: Lake, key: DatasetKey) -> pl.DataFrame:
    """Return number, ts and received_ts of what is in the lake."""
    number = "trade_id" if key == TRADES else "quantity"
    return lake.read(key, columns=("ts", number, "received_ts")).select(
        pl.col(number).cast(pl.Float64).cast(pl.Int64).alias("number"), "ts", "received_ts"
    )


def check_table(lake: Lake, table: str, pushed: list[int], lives: list[Life]) -> None:
    """Check rows against what was pushed, what was acknowledged, and what is claimed to be complete."""
    key = TRADES if table == "trades" else LIQUIDATIONS
    first = 0 if table == "trades" else 1
    frame = kept(lake, key)
    numbers = frame["number"].to_list()
    assert len(set(numbers)) == len(numbers)
    assert frame["ts"].to_list() == [pushed[number - first] for number in numbers]
    of_lives = 0
    for life in lives:
        of_life = frame.filter(pl.col("received_ts").is_between(*life.window))["number"].sort().to_list()
        # What came in order is there without a hole. Other frames are the venue's word that it subscribed,
        # and a pong every now and then.
        others = 1 + life.window.length // VENUE.stream.ping_interval
        assert of_life == list(range(of_life[0], of_life[0] + len(of_life))) if of_life else True
        assert len(of_life) >= life.acknowledged[CONNECTIONS[table]] - others
        of_lives += len(of_life)
    assert of_lives == len(numbers)
    covered = lake.covered(key)
    there = set(numbers)
    for number, ts in enumerate(pushed, first):
        claimed = any(window.start <= ts < window.end for window in covered)
        assert number in there or not claimed, (table, number, ts, covered)
    assert covered


def check_archive(lake: Lake, end: int) -> None:
    """Check that every frame with rows is in the archive, once."""
    raw = lake.read_raw("bybit", Window(START - DAY, end + DAY))
    for table, key in (("trades", TRADES), ("liquidations", LIQUIDATIONS)):
        frames = raw.filter(pl.col("stream") == CHANNELS[table])["payload"]
        assert frames.n_unique() == len(frames) == len(kept(lake, key))


def check_files(lake: Lake) -> None:
    """Check that all is sound, leftovers apart, which the next merge removes."""
    summaries = list(lake.datasets())
    assert {TRADES, LIQUIDATIONS} <= {summary.key for summary in summaries}
    for summary in summaries:
        assert {problem.kind for problem in lake.verify(summary.key)} <= {"leftover"}
        lake.compact(summary.key)
        assert lake.verify(summary.key) == []


@pytest.mark.parametrize(("compact", "kills", "longest"), [(False, 36, 0.35), (True, 14, 2.0)])
def test_kills_of_a_recorder_lose_no_acknowledged_record_and_double_none(
    tmp_path: Path, compact: bool, kills: int, longest: float
) -> None:
    source = random.Random(f"recorder {compact}")  # noqa: S311
    lake = Lake(tmp_path / "lake", create=True)
    clock = QuickClock(START * 1_000_000, time.monotonic_ns(), SPEED)
    watchful = patient(acknowledging=NEVER, quiet=NEVER, silence=NEVER)
    settings = RecorderSettings(
        flush=0.01,
        segment_seconds=0.25 * SPEED,
        compact=compact,
        watchfulness=watchful.watchfulness,
    )
    market = ScriptedMarket({"BTCUSDT": instrument_row()}, {}, START)
    waiting: list[Child] = []
    lives: list[Life] = []
    with FakeVenue(dialect("bybit"), market) as fake, pushing(fake, clock) as pushes:
        arguments = (lake.root, fake.urls(VENUE.urls), settings, clock)
        try:
            for kill in range(kills + 1):
                # The next one gets ready while this one works.
                waiting += [Child(record, *arguments) for _ in range(2 - len(waiting))]
                child = waiting.pop(0)
                lives.append(lived(child, clock, source.uniform(0, longest) if kill < kills else None))
                child.close()
        finally:
            for child in waiting:
                child.close()
    left = finished_segments(lake.root, "bybit")
    assert bool(left) != compact  # the last one was told to stop, and has moved everything
    for path in left:
        compact_segment(lake.root, path)
    for table, pushed in pushes.pushed.items():
        check_table(lake, table, pushed, lives)
    check_archive(lake, clock() // 1_000_000)
    check_files(lake)


SEGMENTS = 60


def numbered_segment(root: Path, number: int) -> None:
    """Write a finished segment: twenty trades and two liquidations in one second, all listened to."""
    meanings = {name: ChannelMeaning((table,), ("BTCUSDT",)) for table, name in CHANNELS.items()}
    names = (NOTES, OTHER, *meanings)
    start = START + number * 1000
    metadata = segment_metadata({"BTCUSDT": BTC}, meanings)
    header = SegmentHeader("bybit", "market-stream-0", start * 1_000_000, names, metadata)
    path = segment_path(root, header)
    path.parent.mkdir(parents=True, exist_ok=True)
    speak = dialect("bybit").frames
    with SegmentWriter(path, header) as writer:
        since = max(START, start - 10_000)  # as a recorder does, that goes on with another segment
        writer.append(0, start * 1_000_000, note_bytes(Listening(since, list(meanings))))
        for index in range(20):
            ts = start + index * 50
            rows: list[Trade | Liquidation] = [trade(ts, number * 20 + index)]
            if index % 10 == 0:
                rows.append(liquidation(ts, number * 2 + index // 10 + 1))
            for row in rows:
                table = "trades" if isinstance(row, Trade) else "liquidations"
                for channel, frame in speak(table, "BTCUSDT", [row], instrument_row()):
                    writer.append(names.index(channel), ts * 1_000_000, frame)
        writer.append(0, (start + 1000) * 1_000_000, note_bytes(Until(start + 1000)))


def test_kills_while_segments_move_into_tables_lose_none_and_double_none(tmp_path: Path) -> None:
    source = random.Random("compaction")  # noqa: S311
    lake = Lake(tmp_path / "lake", create=True)
    for number in range(SEGMENTS):
        numbered_segment(lake.root, number)
    waiting: list[Child] = []
    halves = 0
    try:
        for _ in range(50):
            waiting += [Child(move_segments, lake.root) for _ in range(3 - len(waiting))]
            child = waiting.pop(0)
            child.start()
            child.killed(source.uniform(0, 0.25))
            child.close()
            batches = lake.applied_batches(TRADES)
            halves += any((lake.root / "live" / "bybit" / name).exists() for name in batches)
    finally:
        for child in waiting:
            child.close()
    assert halves  # some kills came between a table and the archive
    # Recording goes on: what a kill behind the archive left goes with the next segment.
    numbered_segment(lake.root, SEGMENTS)
    segments = SEGMENTS + 1
    for path in finished_segments(lake.root, "bybit"):
        compact_segment(lake.root, path)
    assert kept(lake, TRADES)["number"].to_list() == list(range(segments * 20))
    assert kept(lake, LIQUIDATIONS)["number"].sort().to_list() == list(range(1, segments * 2 + 1))
    whole = united(lake.covered(TRADES))
    assert len(whole) == 1
    assert whole[0].length > segments * 1000 - 5000
    assert lake.applied_batches(TRADES) == lake.applied_batches(LIQUIDATIONS) == ()
    check_archive(lake, START + segments * 1000)
    check_files(lake)


def test_two_processes_that_move_the_same_segments_share_the_work(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    for number in range(12):
        numbered_segment(lake.root, number)
    names = {path.name for path in finished_segments(lake.root, "bybit")}
    children = [Child(move_segments, lake.root) for _ in range(2)]
    for child in children:
        child.start()
    said = [name for child in children for name in child.ended()]
    assert set(said) == names
    assert kept(lake, TRADES)["number"].to_list() == list(range(12 * 20))
    check_archive(lake, START + 12_000)
    check_files(lake)
