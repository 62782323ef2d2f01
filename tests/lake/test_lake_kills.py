"""A writer that is killed at any instant loses nothing that it acknowledged, and doubles nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lake.lake_children import PATIENCE, lines_until_end, lines_until_killed, start_child, tell
from lake.made_rows import RECEIVED
from lake.numbered_batches import batch_key, batch_window, expected_rows
from lake.numbered_records import payload_of
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import read_segment
from powderkeg.model.window import united

KILLS = 50
LANES = 2


def checked_state(lake: Lake, acknowledged: int) -> int:
    """Check that batches 0 to `acknowledged`, and perhaps one more, are there once; return the last."""
    key = batch_key()
    assert {problem.kind for problem in lake.verify(key)} <= {"leftover"}
    batches = lake.applied_batches(key)
    last = len(batches) - 1
    assert list(batches) == [f"live-{number}" for number in range(last + 1)]
    assert last - acknowledged in (0, 1)  # the one that was killed before it was printed
    frame = lake.read(key)
    fields = frame.drop("received_ts", "source")
    assert fields.rows() == expected_rows({"live": last})
    assert frame["received_ts"].max() == RECEIVED + last
    assert lake.covered(key) == united(batch_window("live", number) for number in range(last + 1))
    return last


@pytest.mark.parametrize("lane", range(LANES))
def test_kill_while_appending_and_merging_loses_no_acknowledged_batch_and_doubles_none(
    tmp_path: Path, lane: int
) -> None:
    source = random.Random(lane)  # noqa: S311
    arguments = ("append", tmp_path, "live", 3, 1_000_000)
    acknowledged = -1
    waiting = start_child(*arguments)
    Lake(tmp_path, create=True)
    for _ in range(KILLS // LANES):
        child, waiting = waiting, start_child(*arguments)  # the next one imports while this one works
        tell(child, str(max(acknowledged, 0)))  # the last one again, as who is not sure would
        acknowledged = int(lines_until_killed(child, source, longest=0.04)[-1])
        checked_state(Lake(tmp_path), acknowledged)
    waiting.kill()
    waiting.communicate(timeout=PATIENCE)

    lake = Lake(tmp_path)
    last = checked_state(lake, acknowledged)
    lake.compact(batch_key())
    assert lake.verify(batch_key()) == []  # what the kills left behind is gone
    assert checked_state(lake, acknowledged) == last


def test_two_processes_that_append_and_merge_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    children = [start_child("append", tmp_path, writer, 5, 40) for writer in ("live", "backfill")]
    for child in children:
        tell(child, "0")
    for child in children:
        assert lines_until_end(child) == [str(number) for number in range(40)]

    lake, key = Lake(tmp_path), batch_key()
    assert lake.verify(key) == []
    fields = lake.read(key).drop("received_ts", "source")
    assert fields.rows() == expected_rows({"live": 39, "backfill": 39})
    assert len(lake.applied_batches(key)) == 80
    assert lake.covered(key) == united(
        batch_window(writer, number) for writer in ("live", "backfill") for number in range(40)
    )


def test_kill_while_recording_loses_no_synced_record(tmp_path: Path) -> None:
    source = random.Random(7)  # noqa: S311
    for kill in range(KILLS):
        path = tmp_path / f"{kill}.segment"
        child = start_child("segment", path, kill)
        acknowledged = int(lines_until_killed(child, source, longest=0.02)[-1])
        segment = read_segment(path)
        records = list(segment)
        assert [tuple(record) for record in records] == [
            (number % 2, kill + number, payload_of(number)) for number in range(len(records))
        ]
        assert segment.end is not None
        assert segment.end.reason in ("clean", "torn")
        assert len(records) >= acknowledged
