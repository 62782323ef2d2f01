"""From finished segments to tables: each record exactly once, whatever instant this is killed at."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from powderkeg.errors import LakeError
from powderkeg.ingest.merging import merge_if_many
from powderkeg.ingest.segment_rows import segment_rows
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.durable_files import locked
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import live_segments, read_segment
from powderkeg.venues.registry import venue

_LOCK = ".compaction.lock"


@dataclass(frozen=True, slots=True)
class CompactedSegment:
    """What became of a segment.

    Attributes
    ----------
    path
        Where it was.
    rows
        Rows that went into the tables, by table.
    records
        Records read.
    unreadable_bytes
        Bytes that a crash left unreadable at its end.
    unmerged
        For each dataset that took rows, why its parts could not be merged; empty where they could be, or
        need not yet.
    """

    path: Path
    rows: dict[str, int]
    records: int
    unreadable_bytes: int
    unmerged: dict[DatasetKey, str] = field(default_factory=dict)


def compact_segment(root: str | os.PathLike[str], path: Path) -> CompactedSegment:
    """Move a finished segment into the lake's tables and its archive, and return what it held.

    Every dataset takes the segment's rows under the segment's name, once; then the frames are archived and
    the segment is gone. Killed in between, the same call again does what is left. One segment of a venue is
    moved at a time, whichever processes do it; one that another has moved meanwhile holds nothing.

    Datasets of many parts are merged at the end. One that cannot be, as with a damaged part, does not keep
    the others from it, and is told in `unmerged`: the segment is moved all the same.

    Raises
    ------
    LakeError
        The segment is still being written or cannot be read, or the lake cannot be written.
    """
    lake = Lake(root)
    with locked(path.parent / _LOCK):
        return _compacted(lake, path) if path.exists() else CompactedSegment(path, {}, 0, 0)


def _compacted(lake: Lake, path: Path) -> CompactedSegment:
    _refuse_unfinished(path)
    segment = read_segment(path)
    rows: dict[str, int] = {}
    unmerged: dict[DatasetKey, str] = {}
    if segment.header is not None:
        found = segment_rows(venue(segment.header.venue), segment.header, segment)
        for key, dataset in found.items():
            lake.append(
                key,
                dataset.rows,
                received_ts=dataset.received,
                source="live",
                covered=dataset.covered,
                batch=path.name,
            )
            rows[key.table] = rows.get(key.table, 0) + len(dataset.rows)
        unmerged = dict.fromkeys(found, "")
    archived = lake.archive_segment(path)
    for key in unmerged:
        # Whoever was killed just here left an id that nobody needs any more.
        batches = lake.applied_batches(key)
        lake.forget_batches(key, {one for one in batches if not (path.parent / one).exists()})
        try:
            merge_if_many(lake, key)
        except LakeError as error:
            unmerged[key] = str(error)
    return CompactedSegment(path, rows, archived.records, archived.end.unreadable_bytes, unmerged)


def finished_segments(root: str | os.PathLike[str], venue_name: str) -> list[Path]:
    """Return the segments of a venue that nobody writes any more, oldest first; a crash leaves such."""
    return [path for path in live_segments(Path(root), venue_name) if not _is_being_written(path)]


def _refuse_unfinished(path: Path) -> None:
    if _is_being_written(path):
        raise LakeError(f"{path} is still being written; it is compacted once its recorder has finished it")


def _is_being_written(path: Path) -> bool:
    """Return whether a writer holds the segment: a dead one holds nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LakeError(f"{path} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
