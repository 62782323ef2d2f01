"""Raw frames for good: segments become Parquet files by day of receipt, and are read back by time."""

from __future__ import annotations

import datetime as dt
import fcntl
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from powderkeg.errors import LakeError
from powderkeg.lake.dataset_key import path_part
from powderkeg.lake.durable_files import (
    lake_error,
    make_directory,
    names_in,
    remove_file,
    sync_directory,
    write_durably,
)
from powderkeg.lake.segments import SegmentEnd, read_segment
from powderkeg.model.times import DAY
from powderkeg.model.window import Window

RAW_SCHEMA = {"received_ns": pl.Int64, "stream": pl.String, "payload": pl.Binary}
_EPOCH = dt.date(1970, 1, 1)
_NANOSECONDS = 1_000_000  # in a millisecond
_ROWS_PER_GROUP = 16_384


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of a segment.

    Attributes
    ----------
    files
        Where its records are now, one file for each UTC day of receipt.
    records
        How many.
    end
        Where the readable part of the segment ended.
    """

    files: tuple[Path, ...]
    records: int
    end: SegmentEnd


def archive_segment(root: Path, path: Path) -> Archived:
    """Move the records of a finished segment into the archive, and return what became of it.

    They are durable in ``raw/venue=…/date=…/<segment>.parquet`` before the segment is deleted; after a crash
    between, archiving it again writes the same files. A segment that ends in a corrupt record is not
    deleted but renamed to end in ``.damaged``, because more may be behind it than can be read.

    Parameters
    ----------
    root
        The lake.
    path
        The segment. All of its records are in memory at once.

    Raises
    ------
    LakeError
        It is gone, is still being written, is no segment, or the archive cannot be written.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise lake_error(path, "cannot be read", error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeError(f"{path} is still being written or archived; close its writer first") from error
        except OSError as error:
            raise lake_error(path, "cannot be locked", error) from error
        segment = read_segment(path)
        records = list(segment)
        end = segment.end
        if end is None:  # unreachable: the records were read to the end
            raise LakeError(f"{path} was not read to its end")
        files: list[Path] = []
        if segment.header is not None and records:
            name = segment.header.stream_name
            frame = pl.DataFrame(
                {
                    "received_ns": [record.received_ns for record in records],
                    "stream": [name(record.stream) for record in records],
                    "payload": [record.payload for record in records],
                },
                schema=RAW_SCHEMA,
            )
            del records
            files = _write_days(root, segment.header.venue, path.stem, frame)
        if end.reason == "corrupt":
            _set_aside(path)
        else:
            remove_file(path)
        sync_directory(path.parent)
    return Archived(tuple(files), end.records, end)


def read_raw(root: Path, venue: str, window: Window) -> pl.DataFrame:
    """Return archived frames received in a window, ascending by time of receipt.

    Columns are ``received_ns`` (UTC nanoseconds), ``stream`` (its name) and ``payload`` (bytes). Frames in
    segments that are not archived yet are not among them. Only directories of the window's days are listed.

    Raises
    ------
    LakeError
        A file cannot be read, or a directory cannot be listed.
    """
    frames: list[pl.DataFrame] = []
    for day in range(window.start // DAY, -(-window.end // DAY)):
        directory = _day_directory(root, venue, day)
        for path in (directory / name for name in names_in(directory) if name.endswith(".parquet")):
            try:
                with path.open("rb") as file:
                    rows = pl.scan_parquet(file).filter(
                        pl.col("received_ns") >= window.start * _NANOSECONDS,
                        pl.col("received_ns") < window.end * _NANOSECONDS,
                    )
                    frames.append(rows.collect())
            except OSError as error:
                raise lake_error(path, "cannot be read", error) from error
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                raise LakeError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not frames:
        return pl.DataFrame(schema=RAW_SCHEMA)
    return pl.concat(frames).sort("received_ns", maintain_order=True)


def _write_days(root: Path, venue: str, name: str, frame: pl.DataFrame) -> list[Path]:
    day = (pl.col("received_ns") // (DAY * _NANOSECONDS)).alias("__day")
    days = frame.with_columns(day).partition_by("__day", maintain_order=True, include_key=False, as_dict=True)
    files: list[Path] = []
    for (number,), rows in sorted(days.items()):
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_PER_GROUP, statistics=True)
        directory = _day_directory(root, venue, int(number))
        make_directory(directory)
        files.append(directory / f"{name}.parquet")
        write_durably(files[-1], buffer.getvalue())
    return files


def _day_directory(root: Path, venue: str, day: int) -> Path:
    date = _EPOCH + dt.timedelta(days=day)
    return root / "raw" / path_part("venue", venue) / f"date={date.isoformat()}"


def _set_aside(path: Path) -> None:
    try:
        path.rename(path.with_suffix(".damaged"))
    except OSError as error:
        raise lake_error(path, "cannot be set aside", error) from error
