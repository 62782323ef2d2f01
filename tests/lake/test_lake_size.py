"""One instrument costs the same beside ten thousand others, and a short window the same in a long history."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lake.lake_children import run_child
from lake.made_rows import BARS, RECEIVED, START, bar
from powderkeg.errors import LakeError
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.manifest import manifest_text
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY
from powderkeg.model.window import Window


def lake_with_one_dataset(root: Path) -> Lake:
    """Return a lake with one append to one dataset."""
    lake = Lake(root, create=True)
    lake.append(BARS, [bar(0)], received_ts=RECEIVED, source="rest")
    return lake


def touched_files(root: Path) -> list[str]:
    """Return what reading and writing one dataset opens, with the random part of names left out."""
    (line,) = run_child("touch", root)
    touched: list[str] = json.loads(line)
    return [re.sub(r"\.[0-9a-f]{8}\.tmp", ".tmp", entry) for entry in touched]


def test_one_dataset_touches_the_same_files_alone_and_beside_ten_thousand(tmp_path: Path) -> None:
    alone = lake_with_one_dataset(tmp_path / "alone")
    crowded = lake_with_one_dataset(tmp_path / "crowded")
    manifest = Dataset(crowded.root / "tables" / BARS.directory, BARS).manifest()
    for number in range(10_000):
        key = replace(BARS, symbol=f"X{number}USDT")
        directory = crowded.root / "tables" / key.directory
        directory.mkdir(parents=True)
        (directory / "manifest.json").write_text(manifest_text(replace(manifest, key=key)))
    touched = touched_files(crowded.root)
    assert touched == touched_files(alone.root)
    opened = {entry.split(" ")[1] for entry in touched if entry.startswith("open")}
    assert {"/lake.json", f"/tables/{BARS.directory}/manifest.json"} <= opened
    # Nothing but the lake's own file and the dataset, and no directory listed above it.
    assert {path for path in opened if not path.startswith(f"/tables/{BARS.directory}")} == {"/lake.json"}
    listed = [entry for entry in touched if entry.startswith(("os.listdir", "os.scandir"))]
    assert all(entry.split(" ")[1].startswith(f"/tables/{BARS.directory}") for entry in listed)
    assert sum(1 for _ in crowded.datasets(symbol="X17USDT")) == 1


def test_a_window_reads_only_parts_that_hold_its_times(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    days = [bar(288 * day) for day in range(120)]
    for first in range(0, 120, 10):
        lake.append(BARS, days[first : first + 10], received_ts=RECEIVED, source="rest")
    dataset = Dataset(tmp_path / "tables" / BARS.directory, BARS)
    window = Window(START + 42 * DAY, START + 48 * DAY)
    expected = lake.read(BARS, window)
    assert expected.height == 6

    needed = [part for part in dataset.manifest().parts if part.overlaps(window)]
    assert [(part.first_ts, part.last_ts) for part in needed] == [(START + 40 * DAY, START + 49 * DAY)]
    # Every other file is unreadable now: whoever opens one fails.
    for part in dataset.manifest().parts:
        if part not in needed:
            (dataset.directory / part.path).write_bytes(b"not to be read")
    assert lake.read(BARS, window).equals(expected)
    with pytest.raises(LakeError):
        lake.read(BARS, Window(window.start, window.end + 3 * DAY))


def test_sql_about_one_instrument_opens_no_file_of_another(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    keys = [DatasetKey("bars", venue, "BTC/USD", variant) for venue in ("a", "b") for variant in ("1m", "5m")]
    for key in keys:
        for number in range(2):  # overlapping parts, which go the longer way
            lake.append(key, [bar(0, 100.0 + number), bar(1)], received_ts=RECEIVED + number, source="rest")
    wanted = keys[3]
    for path in tmp_path.rglob("*.parquet"):
        # DuckDB opens the first file of a table to learn its columns, whatever the question.
        if wanted.directory not in str(path) and keys[0].directory not in str(path):
            path.write_bytes(path.read_bytes()[:-4] + b"BAD!")
    query = "SELECT close FROM bars WHERE venue = 'b' AND symbol = 'BTC/USD' AND variant = '5m' ORDER BY ts"
    assert lake.sql(query)["close"].to_list() == [101.0, 100.0]
