"""Segments give back every frame that was written, and say to the byte where a damaged one stops."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from lake.lake_children import run_child
from lake.numbered_records import payload_of
from powderkeg.errors import InputError, LakeError
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import (
    Record,
    SegmentEnd,
    SegmentHeader,
    SegmentWriter,
    live_segments,
    read_segment,
    segment_path,
)
from powderkeg.model.window import Window

MIDNIGHT = dt.datetime(2025, 1, 11, tzinfo=dt.UTC)
MIDNIGHT_NS = int(MIDNIGHT.timestamp()) * 1_000_000_000
STARTED = MIDNIGHT_NS - 5
HEADER = SegmentHeader("binance", "public 0", STARTED, ("btcusdt@trade", "btcusdt@depth"), {"url": "wss://é"})
RECORDS = [Record(number % 2, STARTED + number, payload_of(number)) for number in range(8)]


def write(path: Path, records: list[Record], header: SegmentHeader = HEADER) -> Path:
    """Write a whole segment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with SegmentWriter(path, header) as writer:
        for record in records:
            writer.append(*record)
        size = writer.size
    assert path.stat().st_size == size
    return path


def read(path: Path) -> tuple[list[Record], SegmentEnd]:
    """Return the records of a segment and where they end."""
    segment = read_segment(path)
    assert segment.end is None
    records = list(segment)
    assert segment.end is not None
    return records, segment.end


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake without data."""
    return Lake(tmp_path / "lake", create=True)


def test_records_and_header_come_back_as_they_were(tmp_path: Path) -> None:
    path = write(tmp_path / "a.segment", RECORDS)
    assert read_segment(path).header == HEADER
    assert read(path) == (RECORDS, SegmentEnd("clean", 8, path.stat().st_size, 0))


def test_records_larger_than_the_buffer_and_empty_ones_come_back(tmp_path: Path) -> None:
    records = [Record(0, -(2**63), b""), Record(1, 2**63 - 1, b"x" * 3_000_000), Record(0, 0, b"\x00" * 100)]
    assert read(write(tmp_path / "a.segment", records))[0] == records


def test_sync_says_how_many_records_are_safe(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    writer = SegmentWriter(path, HEADER)
    assert writer.sync() == 0
    for count, record in enumerate(RECORDS, 1):
        writer.append(*record)
        assert len(read(path)[0]) == count - 1  # a small record waits in memory
        assert writer.sync() == count
        assert len(read(path)[0]) == count
    writer.close()
    writer.close()
    with pytest.raises(LakeError, match="is closed"):
        writer.append(*RECORDS[0])


def test_memory_is_bounded_without_a_sync(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path / "a.segment", HEADER) as writer:
        for number in range(300):
            writer.append(0, number, b"x" * 10_000)
            assert writer.size - writer.path.stat().st_size < (1 << 20) + 10_100


def test_a_segment_torn_at_any_byte_gives_the_records_before_it(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.segment", RECORDS).read_bytes()
    first = content.index(b"\n") + 1
    ends = [first]
    for record in RECORDS:
        ends.append(ends[-1] + 18 + len(record.payload))
    assert ends[-1] == len(content)
    path = tmp_path / "torn.segment"
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        records, end = read(path)
        if cut < first:
            assert (records, end.offset) == ([], 0)
            assert read_segment(path).header is None
        else:
            whole = max(index for index, offset in enumerate(ends) if offset <= cut)
            assert records == RECORDS[:whole]
            assert end.offset == ends[whole]
        assert end.unreadable_bytes == cut - end.offset
        assert end.reason == ("torn" if end.unreadable_bytes else "clean")
        assert end.records == len(records)


def test_a_flipped_bit_anywhere_ends_the_records_before_it(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.segment", RECORDS).read_bytes()
    first = content.index(b"\n") + 1
    ends = [first]
    for record in RECORDS:
        ends.append(ends[-1] + 18 + len(record.payload))
    path = tmp_path / "flipped.segment"
    for position in range(first, len(content)):
        for bit in (0, 7):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            records, end = read(path)
            whole = max(index for index, offset in enumerate(ends) if offset <= position)
            assert records == RECORDS[:whole]
            assert end.reason in ("torn", "corrupt")
            assert end.offset + end.unreadable_bytes == len(content)


def test_a_tail_of_zeros_is_no_record(tmp_path: Path) -> None:
    path = write(tmp_path / "a.segment", RECORDS)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\x00" * 4096)
    assert read(path) == (RECORDS, SegmentEnd("corrupt", 8, size, 4096))


def test_what_is_no_segment_or_a_newer_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    for content, expected in (
        (b"hello\n", "is no segment: its first line is b'hello"),
        (b"[]\n", "is no segment"),
        (b'{"format": 2}\n', "has format 2, which a newer powderkeg wrote"),
    ):
        path.write_bytes(content)
        with pytest.raises(LakeError, match=expected):
            read_segment(path)
    with pytest.raises(LakeError, match="cannot be read: No such file"):
        read_segment(tmp_path / "absent.segment")


def test_what_a_record_cannot_hold_is_refused_and_not_written(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path / "a.segment", HEADER) as writer:
        for stream, received in ((-1, 0), (65_536, 0), (0, 2**63)):
            with pytest.raises(InputError, match="stream"):
                writer.append(stream, received, b"")
        with pytest.raises(InputError, match="stream is 2; the segment has 2 streams"):
            writer.append(2, 0, b"")
        writer.append(*RECORDS[0])
    assert read(writer.path)[0] == RECORDS[:1]
    with pytest.raises(LakeError, match="cannot be made: File exists"):
        SegmentWriter(writer.path, HEADER)
    assert read(writer.path)[0] == RECORDS[:1]
    with pytest.raises(InputError, match="header of the segment"):
        SegmentWriter(tmp_path / "b.segment", SegmentHeader("v", "c", 0, (), {"x": object()}))
    assert not (tmp_path / "b.segment").exists()


def test_a_disk_that_is_full_for_a_while_leaves_no_hole_in_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    *refusals, last = run_child("fill_segment", path)
    assert len(refusals) == 3
    assert all(line == f"{path} cannot be written: File too large" for line in refusals)
    safe, written = map(int, last.split())
    assert safe == written
    records, end = read(path)
    assert end.reason == "clean"
    assert [record.payload for record in records] == [payload_of(number) for number in range(written)]


# Names and the archive


def test_names_of_segments_ascend_with_time(lake: Lake) -> None:
    times = [0, 1, 999_999_999, 1_000_000_000, STARTED, MIDNIGHT_NS, MIDNIGHT_NS * 2]
    paths = [segment_path(lake.root, SegmentHeader("okx", "a/b", time)) for time in reversed(times)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert live_segments(lake.root, "okx") == paths[::-1]
    assert live_segments(lake.root, "binance") == []
    assert segment_path(lake.root, HEADER).relative_to(lake.root) == Path(
        "live/binance/20250110T235959.999999995Z-public%200.segment"
    )


def test_archived_frames_are_all_there_by_day_and_the_segment_is_gone(lake: Lake) -> None:
    path = write(segment_path(lake.root, HEADER), RECORDS)
    content = path.read_bytes()
    done = lake.archive_segment(path)
    assert [str(file.relative_to(lake.root)) for file in done.files] == [
        f"raw/venue=binance/date={day}/{path.stem}.parquet" for day in ("2025-01-10", "2025-01-11")
    ]
    assert (done.records, done.end.reason) == (8, "clean")
    assert not path.exists()
    everything = Window(STARTED // 1_000_000 - 1, MIDNIGHT_NS // 1_000_000 + 1)
    expected = [(r.received_ns, HEADER.stream_name(r.stream), r.payload) for r in RECORDS]
    assert lake.read_raw("binance", everything).rows() == expected
    assert lake.read_raw("okx", everything).rows() == []
    midnight = MIDNIGHT_NS // 1_000_000
    assert lake.read_raw("binance", Window(midnight - 1, midnight)).rows() == expected[:5]
    assert lake.read_raw("binance", Window(midnight, midnight + 1)).rows() == expected[5:]

    files = [file.read_bytes() for file in done.files]
    path.write_bytes(content)  # as after a crash before the segment was deleted
    again = lake.archive_segment(path)
    assert [file.read_bytes() for file in again.files] == files
    assert lake.read_raw("binance", everything).rows() == expected


def test_frames_of_connections_are_read_in_the_order_they_came(lake: Lake) -> None:
    for number in range(3):
        header = SegmentHeader("okx", f"c{number}", MIDNIGHT_NS + number)
        records = [
            Record(7, MIDNIGHT_NS + 1_000 * (3 * i + number), b"%d" % (3 * i + number)) for i in range(5)
        ]
        lake.archive_segment(write(segment_path(lake.root, header), records, header))
    frame = lake.read_raw("okx", Window(MIDNIGHT_NS // 1_000_000, MIDNIGHT_NS // 1_000_000 + 1))
    assert frame["payload"].to_list() == [b"%d" % number for number in range(15)]
    assert set(frame["stream"]) == {"7"}  # without a name, its number
    assert frame.schema == {"received_ns": pl.Int64, "stream": pl.String, "payload": pl.Binary}


def test_a_segment_that_is_being_written_is_not_archived(lake: Lake) -> None:
    path = segment_path(lake.root, HEADER)
    path.parent.mkdir(parents=True)
    with SegmentWriter(path, HEADER) as writer:
        writer.append(*RECORDS[0])
        writer.sync()
        with pytest.raises(LakeError, match="is still being written"):
            lake.archive_segment(path)
        writer.append(*RECORDS[1])
    assert lake.archive_segment(path).records == 2
    with pytest.raises(LakeError, match="cannot be read: No such file"):
        lake.archive_segment(path)


def test_torn_segments_are_archived_and_corrupt_ones_are_kept_too(lake: Lake) -> None:
    path = write(segment_path(lake.root, HEADER), RECORDS)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert lake.archive_segment(path).end.reason == "torn"
    assert not path.exists()

    damaged = bytearray(content)
    damaged[content.index(b"\n") + 30 + len(RECORDS[0].payload)] ^= 1  # in the second record of eight
    path.write_bytes(damaged)
    done = lake.archive_segment(path)
    assert (done.end.reason, done.records) == ("corrupt", 1)
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes() == damaged  # six frames behind it may be saved by hand


def test_segments_without_records_leave_nothing(lake: Lake) -> None:
    path = write(segment_path(lake.root, HEADER), [])
    header = path.read_bytes()
    assert lake.archive_segment(path).files == ()
    path.write_bytes(header[:-5])
    done = lake.archive_segment(path)
    assert (done.files, done.records, done.end.unreadable_bytes) == ((), 0, len(header) - 5)
    assert not (lake.root / "raw").exists()
