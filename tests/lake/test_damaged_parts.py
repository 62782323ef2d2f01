"""Damaged parts: never merged, and set aside whole, with the reason, whatever instant a crash comes at."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from lake.lake_children import run_child
from lake.made_rows import BARS, HOUR, MINUTES_5, RECEIVED, START, bar
from powderkeg.errors import LakeError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY
from powderkeg.model.window import Window

FEBRUARY, MARCH = START + 2 * HOUR, START + 2 * HOUR + 28 * DAY
COVERED = Window(START, MARCH + HOUR)
INDEX_OF_MARCH = (MARCH - START) // MINUTES_5


def filled(root: Path) -> Lake:
    """Return a lake with bars of three months: two parts in January and in February, one in March."""
    lake = Lake(root, create=True)
    first = [bar(index) for index in (*range(18, 30), INDEX_OF_MARCH)]
    lake.append(BARS, first, received_ts=RECEIVED, source="rest", covered=[COVERED])
    second = [bar(index, 101.0) for index in range(20, 28)]
    lake.append(BARS, second, received_ts=RECEIVED + 1, source="live")
    return lake


def parts(lake: Lake, period: str) -> list[Path]:
    return sorted((lake.root / "tables" / BARS.directory / period).glob("*.parquet"))


def flipped(path: Path) -> bytes:
    """Flip a bit in the middle of a file; return what it holds now."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return bytes(content)


def aside(lake: Lake) -> dict[str, bytes]:
    """Return the files that were set aside, by their path below the dataset's."""
    place = lake.root / "damaged" / BARS.directory
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*.parquet"))}


def test_nothing_is_merged_from_a_part_with_other_bytes_and_other_datasets_go_on(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    other = DatasetKey("bars", "bybit", "BTCUSDT", "5m")
    for number in range(2):
        lake.append(other, [bar(number)], received_ts=RECEIVED, source="rest")
    damaged, sound = parts(lake, "month=2025-02")
    expected = (lake.verify(BARS), damaged.read_bytes())
    assert expected[0] == []
    content = flipped(damaged)
    (problem,) = lake.verify(BARS)
    with pytest.raises(LakeError) as raised:
        lake.compact(BARS)
    found, wanted = problem.detail.removeprefix("SHA-256 is ").split("; expected ")
    assert len(found) == len(wanted) == 64
    assert all(text in str(raised.value) for text in (str(damaged), found, wanted))
    assert (damaged.read_bytes(), sound.exists()) == (content, True)
    assert lake.verify(BARS) == [problem]
    assert len(parts(lake, "month=2025-01")) == 1  # the month before it was merged, and is sound
    assert lake.compact(other).parts_after == 1


def test_a_part_that_is_set_aside_is_kept_with_its_reason_and_counts_no_more(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    before = lake.read(BARS)
    damaged, sound = parts(lake, "month=2025-02")
    name = f"month=2025-02/{damaged.name}"
    content = flipped(damaged)
    (problem,) = lake.verify(BARS)
    (one,) = lake.set_aside(BARS, [problem])
    assert (one.problem, one.path) == (problem, lake.root / "damaged" / BARS.directory / name)
    assert aside(lake) == {name: content}
    note = json.loads(one.note.read_text())
    assert (note["kind"], note["detail"]) == ("checksum", problem.detail)
    assert (note["part"]["path"], note["dataset"]["venue"]) == (name, "binance")
    assert lake.verify(BARS) == []
    assert not damaged.exists()
    # Of February the other part is left, and no time of it is complete any more.
    kept = before.filter((before["ts"] < FEBRUARY) | (before["ts"] >= MARCH) | (before["close"] == 101.0))
    assert lake.read(BARS).equals(kept)
    assert lake.covered(BARS) == (Window(START, FEBRUARY), Window(MARCH, COVERED.end))
    lake.compact(BARS)
    assert lake.read(BARS).equals(kept)
    assert aside(lake) == {name: content}
    assert parts(lake, "month=2025-02") == [sound]
    assert lake.set_aside(BARS, [problem]) == []


def test_a_part_that_is_sound_again_stays(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    path = parts(lake, "month=2025-03")[0]
    content = path.read_bytes()
    flipped(path)
    problems = lake.verify(BARS)
    path.write_bytes(content)
    assert lake.set_aside(BARS, problems) == []
    assert lake.covered(BARS) == (COVERED,)
    assert (lake.verify(BARS), aside(lake)) == ([], {})


def test_a_part_without_a_file_is_forgotten_and_the_note_says_so(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    parts(lake, "month=2025-03")[0].unlink()
    (one,) = lake.set_aside(BARS, lake.verify(BARS))
    assert one.path is None
    assert json.loads(one.note.read_text())["kind"] == "missing"
    assert lake.verify(BARS) == []
    assert lake.covered(BARS) == (Window(START, MARCH),)


def test_what_was_set_aside_is_never_written_over(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    damaged = parts(lake, "month=2025-03")[0]
    name = f"month=2025-03/{damaged.name}"
    earlier = lake.root / "damaged" / BARS.directory / name
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"of a dataset that was begun anew since")
    content = flipped(damaged)
    (one,) = lake.set_aside(BARS, lake.verify(BARS))
    second = name.replace(".parquet", "-2.parquet")
    assert aside(lake) == {name: earlier.read_bytes(), second: content}
    assert one.note.name == Path(second).with_suffix(".json").name


def test_killed_at_any_step_nothing_is_lost_and_the_next_run_finishes(tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake")
    damaged = {}
    for period in ("month=2025-01", "month=2025-03"):
        path = parts(lake, period)[0]
        damaged[f"{period}/{path.name}"] = flipped(path)
    outcomes = [json.loads(line) for line in run_child("set_aside", tmp_path)]
    assert [one["killed"] for one in outcomes] == [True] * (len(outcomes) - 1) + [False]
    assert outcomes[-1]["status"] == 0
    halfway = set()
    for outcome in outcomes:
        copy = Lake(outcome["copy"])
        found = copy.verify(BARS)
        still = {str(problem.path.relative_to(copy.root / "tables" / BARS.directory)) for problem in found
                 if problem.kind == "checksum"}  # fmt: skip
        moved = aside(copy)
        assert moved == {name: damaged[name] for name in damaged.keys() - still}
        halfway.add((len(moved), len(found)))
        # Before the manifest is replaced both count and are told; after it neither.
        assert [problem.kind for problem in found if problem.kind != "leftover"] in (
            ["checksum", "checksum"],
            ["missing", "checksum"],
            ["missing", "missing"],
            [],
        )
        copy.set_aside(BARS, found)
        assert aside(copy) == damaged
        notes = (copy.root / "damaged").rglob("*.json")
        assert [json.loads(note.read_text())["kind"] for note in notes] == ["checksum", "checksum"]
        assert copy.covered(BARS) == (Window(FEBRUARY, MARCH),)
        copy.compact(BARS)
        assert copy.verify(BARS) == []
        assert (copy.read(BARS)["close"] == 101.0).sum() == 8
        assert copy.read(BARS).filter(pl.col("ts") >= MARCH).is_empty()
        assert aside(copy) == damaged
    assert {(0, 2), (1, 2), (2, 2), (2, 0)} <= halfway
