"""A segment is followed while it grows: whole records, once each, whatever is written when."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.lake.segment_format import HEAD, SegmentHeader
from powderkeg.lake.segment_tail import SegmentTail
from powderkeg.lake.segments import SegmentWriter

HEADER = SegmentHeader("bybit", "market-stream-0", 1, ("a", "b", "c"))
EVERY = frozenset({0, 1, 2})


def written(folder: Path, payloads: list[tuple[int, bytes]]) -> tuple[Path, bytes]:
    """Return an empty segment's path, and the bytes of these records."""
    path = folder / "whole.segment"
    with SegmentWriter(path, HEADER) as writer:
        first = writer.sync() or path.stat().st_size
        for number, (stream, payload) in enumerate(payloads):
            writer.append(stream, number, payload)
    whole = path.read_bytes()
    path.write_bytes(whole[:first])
    return path, whole[first:]


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@given(
    payloads=st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=60)), max_size=12),
    cuts=st.lists(st.integers(0, 1_000), max_size=6),
    streams=st.frozensets(st.integers(0, 2)),
)
def test_however_a_segment_grows_each_record_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    payloads: list[tuple[int, bytes]],
    cuts: list[int],
    streams: frozenset[int],
) -> None:
    path, content = written(tmp_path_factory.mktemp("tail"), payloads)
    tail = SegmentTail(path)
    found, there = [], 0
    for cut in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        append(path, content[there:cut])
        there = cut
        found += [(record.stream, record.payload) for record in tail.added(streams)]
    assert found == [one for one in payloads if one[0] in streams]


def test_records_longer_than_what_is_read_at_once_are_read_or_passed_over(tmp_path: Path) -> None:
    long = bytes(3 << 20)
    path, content = written(tmp_path, [(0, b"x"), (1, long), (0, long), (1, b"y"), (0, b"z")])
    tail = SegmentTail(path)
    append(path, content)
    assert [record.payload for record in tail.added({0})] == [b"x", long, b"z"]


def test_nothing_is_read_behind_a_corrupt_record(tmp_path: Path) -> None:
    path, content = written(tmp_path, [(0, b"sound"), (0, b"broken"), (0, b"behind")])
    tail = SegmentTail(path)
    place = 2 * HEAD.size + len(b"sound") + 2
    append(path, content[:place] + b"?" + content[place + 1 :])
    assert [record.payload for record in tail.added(EVERY)] == [b"sound"]
    append(path, content)
    assert list(tail.added(EVERY)) == []


def test_a_damaged_length_is_waited_for_and_a_file_that_is_gone_has_nothing(tmp_path: Path) -> None:
    path, content = written(tmp_path, [(0, b"sound"), (1, b"length")])
    tail = SegmentTail(path)
    place = HEAD.size + len(b"sound")
    append(path, content[:place] + b"\xff\xff\xff\x7f" + content[place + 4 :])
    assert [record.payload for record in tail.added(EVERY)] == [b"sound"]
    assert list(tail.added(EVERY)) == []
    path.unlink()
    assert list(tail.added(EVERY)) == []
