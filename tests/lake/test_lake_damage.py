"""Full disks, missing rights, flipped bits, crashes, other versions: told, and never mixed into the data."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from lake.lake_children import run_child
from lake.made_rows import BARS, MINUTES_5, RECEIVED, START, bar
from powderkeg.errors import LakeError
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.manifest import Manifest, Part
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.reading import merged_rows, successor
from powderkeg.model.window import Window


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with three parts of bars: two that overlap in January, one in February."""
    lake = Lake(tmp_path / "lake", create=True)
    lake.append(BARS, [bar(index) for index in range(20)], received_ts=RECEIVED, source="rest")
    rows = [bar(index, close=101.0) for index in range(10, 30)]
    lake.append(BARS, rows, received_ts=RECEIVED + 1, source="live", covered=[Window(START, START + 1)])
    return lake


def dataset_of(lake: Lake) -> Dataset:
    """Return the place of the bars."""
    return Dataset(lake.root / "tables" / BARS.directory, BARS)


def path_of(lake: Lake, part: Part) -> Path:
    """Return a part's file."""
    return dataset_of(lake).directory / part.path


def save(lake: Lake, manifest: Manifest) -> None:
    """Replace the manifest of the bars."""
    with dataset_of(lake).writing():
        dataset_of(lake).save(manifest)


def kinds(lake: Lake) -> list[str]:
    """Return the kinds of problems that verification finds."""
    return [problem.kind for problem in lake.verify(BARS)]


# The disk and its rights


def test_a_disk_that_fills_at_any_byte_leaves_what_was_there(lake: Lake) -> None:
    outcomes = [json.loads(line) for line in run_child("fill", lake.root)]
    refused = [outcome for outcome in outcomes if outcome["message"]]
    assert 5 < len(refused) < len(outcomes)
    for outcome in outcomes:
        applied = not outcome["message"]
        assert outcome["applied"] == applied, outcome
        assert outcome["same"] != applied, outcome
        assert {kind for kind, _ in outcome["problems"]} <= {"leftover"}, outcome
    assert all("cannot be written: File too large" in outcome["message"] for outcome in refused)
    assert all(str(lake.root) in outcome["message"] for outcome in refused)
    parts = [outcome["message"] for outcome in refused if ".parquet" in outcome["message"]]
    manifests = [outcome["message"] for outcome in refused if "manifest.json" in outcome["message"]]
    assert parts
    assert manifests


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Return a directory that every user may look into; pytest's own are private."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_a_lake_of_another_user_can_be_read_and_says_why_it_is_not_written(public_directory: Path) -> None:
    root = public_directory / "lake"
    lake = Lake(root, create=True)
    lake.append(BARS, [bar(0)], received_ts=RECEIVED, source="rest")
    lake.append(BARS, [bar(1)], received_ts=RECEIVED, source="rest")
    if os.getuid() != 0:
        for path in root.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
    (line,) = run_child("read_only", root)
    outcome = json.loads(line)
    assert outcome["rows"] == 2
    appended, compacted, created = outcome["messages"]
    for message in (appended, compacted, created):
        assert message.startswith(str(root))
        assert message.endswith("Permission denied")
    assert kinds(lake) == []


# Damaged files


def test_every_flipped_bit_of_a_part_is_found(lake: Lake) -> None:
    part = dataset_of(lake).manifest().parts[0]
    path = path_of(lake, part)
    content = path.read_bytes()
    for position in range(0, len(content), max(1, len(content) // 60)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        (problem,) = lake.verify(BARS)
        assert (problem.kind, problem.path) == ("checksum", path)
    path.write_bytes(content)
    assert kinds(lake) == []


def test_every_flipped_bit_of_a_manifest_is_refused_and_not_believed(lake: Lake) -> None:
    path = dataset_of(lake).directory / "manifest.json"
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        if position >= len(content) - 2:  # the last brace and line end are no data
            continue
        with pytest.raises(LakeError, match=r"manifest\.json"):
            lake.covered(BARS)
        assert kinds(lake) == ["manifest"]


def test_a_cut_or_missing_part_is_an_error_that_names_it(lake: Lake) -> None:
    path = path_of(lake, dataset_of(lake).manifest().parts[0])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LakeError, match=f"{path.name} cannot be read.*verify the dataset"):
        lake.read(BARS)
    with pytest.raises(LakeError, match=f"{path.name} is damaged, and nothing was merged from it"):
        lake.compact(BARS)
    assert kinds(lake) == ["checksum"]
    path.unlink()
    for call in (lake.read, lake.compact):
        with pytest.raises(LakeError, match=f"{path.name} is missing, with 20 rows"):
            call(BARS)
    assert kinds(lake) == ["missing"]


def test_verification_finds_a_manifest_that_states_something_else(lake: Lake) -> None:
    manifest = dataset_of(lake).manifest()
    first, *others = manifest.parts

    def kinds_with(**changed: object) -> list[str]:
        save(lake, replace(manifest, parts=(replace(first, **changed), *others)))  # type: ignore[arg-type]
        return kinds(lake)

    assert kinds_with(rows=first.rows + 1) == ["rows"]
    assert kinds_with(first_ts=first.first_ts + 1) == ["times"]
    assert kinds_with(last_ts=first.last_ts - 1) == ["times"]
    assert kinds_with(table_version=2) == ["unreadable"]
    assert kinds_with() == []


def test_verification_finds_rows_out_of_order_or_doubled_or_of_other_columns(lake: Lake) -> None:
    manifest = dataset_of(lake).manifest()
    first, *others = manifest.parts
    frame = pl.read_parquet(path_of(lake, first))
    for changed, expected in (
        (frame.reverse(), ["order"]),
        (pl.concat([frame[:-1], frame[-2:-1]]).sort("ts"), ["times", "order"]),
        (frame.drop("close"), ["unreadable"]),
        (frame.with_columns(pl.col("close").cast(pl.Float32)), ["unreadable"]),
    ):
        changed.write_parquet(path_of(lake, first))
        digest = sha256(path_of(lake, first).read_bytes()).hexdigest()
        save(lake, replace(manifest, parts=(replace(first, sha256=digest), *others)))
        assert kinds(lake) == expected


# Crashes


def test_files_of_a_crash_are_not_read_and_the_next_writer_removes_them(lake: Lake) -> None:
    rows = lake.read(BARS)
    directory = dataset_of(lake).directory
    part = dataset_of(lake).manifest().parts[0]
    leftovers = [
        directory / "month=2025-01" / "000000000009-0123456789ab.parquet",
        directory / "month=2025-01" / f".{Path(part.path).name}.01234567.tmp",
        directory / "month=2025-03" / "000000000009-0123456789ab.parquet",
        directory / ".manifest.json.01234567.tmp",
    ]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        shutil.copy(path_of(lake, part), path)
    foreign = directory / "month=2025-01" / "README.txt"
    foreign.touch()
    assert lake.read(BARS).equals(rows)
    assert {problem.path for problem in lake.verify(BARS)} == set(leftovers)
    assert set(kinds(lake)) == {"leftover"}
    lake.append(BARS, [bar(0)], received_ts=RECEIVED, source="rest")  # looks into its own month only
    assert {problem.path for problem in lake.verify(BARS)} == {leftovers[2]}
    lake.compact(BARS)
    assert kinds(lake) == []
    assert foreign.exists()  # what is not ours stays


def test_parts_without_a_manifest_are_no_data(lake: Lake) -> None:
    (dataset_of(lake).directory / "manifest.json").unlink()
    assert lake.read(BARS).height == 0
    assert set(kinds(lake)) == {"leftover"}
    assert list(lake.datasets()) == []


# Readers beside writers


def test_a_reader_with_the_manifest_of_before_a_merge_turns_to_the_one_of_after(lake: Lake) -> None:
    dataset = dataset_of(lake)
    before = dataset.manifest()
    lake.compact(BARS)
    gone = merged_rows(dataset, before.parts, None, ["ts"])
    assert isinstance(gone, Part)
    assert successor(dataset, before, gone) == dataset.manifest()


def test_reads_beside_appends_and_merges_are_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    lake.append(BARS, [bar(0), bar(1)], received_ts=RECEIVED, source="live")
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for index in range(1, 40):
                lake.append(
                    BARS, [bar(2 * index), bar(2 * index + 1)], received_ts=RECEIVED + index, source="live"
                )
                lake.compact(BARS)
        except BaseException as error:  # noqa: BLE001, RUF100 -- told to the test below
            failures.append(error)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        times = lake.read(BARS)["ts"].to_list()
        assert times == [START + index * MINUTES_5 for index in range(len(times))]
        assert len(times) % 2 == 0  # never half an append
        assert len(times) >= seen
        seen = len(times)
    writer.join()
    assert failures == []
    assert lake.read(BARS).height == 80


# Versions


def test_a_part_of_an_older_version_reads_a_new_optional_column_as_empty(lake: Lake) -> None:
    manifest = dataset_of(lake).manifest()
    first, *others = manifest.parts
    pl.read_parquet(path_of(lake, first)).drop("turnover", "trades").write_parquet(path_of(lake, first))
    digest = sha256(path_of(lake, first).read_bytes()).hexdigest()
    save(
        lake,
        replace(manifest, table_version=0, parts=(replace(first, table_version=0, sha256=digest), *others)),
    )
    assert kinds(lake) == []
    frame = lake.read(BARS)
    assert frame["trades"].to_list() == [None] * 10 + [3] * 20
    assert frame.schema["turnover"] == pl.Float64
    by_sql = lake.sql("SELECT * FROM bars ORDER BY ts").select(frame.columns)
    assert by_sql.equals(frame)
    lake.compact(BARS)
    assert lake.read(BARS).equals(frame)
    assert dataset_of(lake).manifest().table_version == 1


def test_what_a_newer_powderkeg_wrote_is_refused_with_its_version(lake: Lake) -> None:
    manifest = dataset_of(lake).manifest()
    save(lake, replace(manifest, table_version=2))
    with pytest.raises(LakeError, match="table bars has version 2 there.*knows versions up to 1"):
        lake.read(BARS)
    with pytest.raises(LakeError, match="table bars has version 2 there"):
        lake.append(BARS, [bar(0)], received_ts=RECEIVED, source="rest")
    save_text = (dataset_of(lake).directory / "manifest.json").read_text().replace('"format":1', '"format":2')
    (dataset_of(lake).directory / "manifest.json").write_text(save_text)
    with pytest.raises(LakeError, match="has format 2, which a newer powderkeg wrote"):
        lake.read(BARS)


def test_a_part_of_a_newer_version_is_refused_with_its_version(lake: Lake) -> None:
    manifest = dataset_of(lake).manifest()
    save(lake, replace(manifest, parts=(replace(manifest.parts[0], table_version=2), *manifest.parts[1:])))
    with pytest.raises(LakeError, match="is of version 2 of table bars"):
        lake.read(BARS)
