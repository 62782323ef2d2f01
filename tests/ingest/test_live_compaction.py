"""Merging after a segment has been moved: damage in one dataset is told, and keeps no other from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.recording import QUICK, Recording
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarketRow
from powderkeg.venues.bybit import VENUE
from venues.made_rows import START, instrument_row, made_rows

SYMBOL = "BTCUSDT"
BTC = Instrument("bybit", SYMBOL, "BTC", "USDT")
PARTS = 65  # one more than a dataset may have before it is merged
TOLD: dict[DatasetKey, tuple[MarketRow, ...]] = {
    DatasetKey(table, "bybit", SYMBOL): tuple(
        made_rows(table, PARTS + 2, interval=10, semantics=VENUE.semantics)
    )
    for table in ("trades", "liquidations")
}
TRADES, LIQUIDATIONS = TOLD


@pytest.fixture
def fake() -> Iterator[FakeVenue]:
    with FakeVenue(dialect("bybit"), ScriptedMarket({SYMBOL: instrument_row()}, {}, START)) as venue:
        yield venue


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a lake is that no test changes: both tables in 65 parts."""
    lake = Lake(tmp_path_factory.mktemp("whole") / "lake", create=True)
    for key, rows in TOLD.items():
        for row in rows[:PARTS]:
            lake.append(key, [row], received_ts=START, source="live")
        assert lake.summary(key).parts == PARTS
    return lake.root


@pytest.fixture
def lake(whole: Path, tmp_path: Path) -> Lake:
    """Return a copy of it with a flipped bit in one of the trades' parts."""
    lake = Lake(shutil.copytree(whole, tmp_path / "lake"))
    flip(damaged_part(lake))
    return lake


def damaged_part(lake: Lake) -> Path:
    return sorted((lake.root / "tables" / TRADES.directory).rglob("*.parquet"))[30]


def flip(path: Path) -> None:
    """Flip a bit in the middle of a file; done twice, it is sound again."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def recording_of(fake: FakeVenue, lake: Lake, settings: RecorderSettings) -> Recording:
    return Recording(VENUE, fake, lake, {SYMBOL: BTC}, [key.table for key in TOLD], settings)


def push(fake: FakeVenue, number: int) -> None:
    """Push the row of each table that has this number."""
    channels = [
        feed.channel(SYMBOL) for feed in VENUE.stream.feeds for key in TOLD if key.table in feed.tables
    ]
    assert fake.stream.wait_for(channels)
    for key, rows in TOLD.items():
        fake.push(key.table, SYMBOL, [rows[number]])


def test_a_damaged_part_is_told_and_the_other_datasets_of_the_segment_are_merged(
    fake: FakeVenue, lake: Lake
) -> None:
    with recording_of(fake, lake, QUICK) as recording:
        push(fake, PARTS)
        recording.until(lambda _: all(recording.rows(key.table) for key in TOLD))
    moved = [compact_segment(lake.root, path) for path in finished_segments(lake.root, "bybit")]
    unmerged = {key: reason for one in moved for key, reason in one.unmerged.items()}
    assert unmerged[LIQUIDATIONS] == ""
    assert str(damaged_part(lake)) in unmerged[TRADES]
    assert "is damaged, and nothing was merged from it" in unmerged[TRADES]
    assert lake.summary(LIQUIDATIONS).parts == 1
    assert lake.summary(TRADES).parts == PARTS + 1
    assert {table: count for one in moved for table, count in one.rows.items()} == {
        "trades": 1,
        "liquidations": 1,
    }
    assert not finished_segments(lake.root, "bybit")
    flip(damaged_part(lake))
    for key, rows in TOLD.items():
        assert lake.read(key)["ts"].to_list() == [row.ts for row in rows[: PARTS + 1]]


def test_a_recorder_says_what_it_cannot_merge_until_it_can_and_goes_on(fake: FakeVenue, lake: Lake) -> None:
    moving = replace(QUICK, compact=True, segment_seconds=0.1)
    with recording_of(fake, lake, moving) as recording:
        push(fake, PARTS)
        status = recording.until(lambda status: status.compacted_rows == {"trades": 1, "liquidations": 1})
        assert status.trouble.startswith("what is recorded is in the tables, but not merged: ")
        assert str(damaged_part(lake)) in status.trouble
        flip(damaged_part(lake))
        push(fake, PARTS + 1)
        status = recording.until(lambda status: status.compacted_rows == {"trades": 2, "liquidations": 2})
        recording.until(lambda status: not status.trouble)
    for key, rows in TOLD.items():
        assert lake.read(key)["ts"].to_list() == [row.ts for row in rows]
        assert lake.summary(key).parts <= 2


def test_a_recording_whose_tables_are_not_merged_ends_well_and_still_says_so(
    fake: FakeVenue, lake: Lake
) -> None:
    with recording_of(fake, lake, replace(QUICK, compact=True)) as recording:
        push(fake, PARTS)
        recording.until(lambda _: all(recording.rows(key.table) for key in TOLD))
    assert str(damaged_part(lake)) in recording.status.trouble
    assert recording.status.compacted_rows == {"trades": 1, "liquidations": 1}
    assert not finished_segments(lake.root, "bybit")
