"""The Parquet files of a dataset: written whole, read with the columns that the table has today."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import io
from pathlib import Path

import polars as pl

from powderkeg.errors import LakeError
from powderkeg.lake.checked_rows import SOURCE, columns_of, part_schema
from powderkeg.lake.durable_files import lake_error, make_directory, write_durably
from powderkeg.lake.manifest import Part
from powderkeg.model.market_rows import MarketTable
from powderkeg.model.times import DAY, milliseconds
from powderkeg.model.window import Window

# Small enough that a short window of a day of trades reads a fraction of its file.
_ROWS_PER_GROUP = 131_072


def period_of(ts: int, table: MarketTable) -> str:
    """Return the directory for this time, by UTC: ``month=2025-01``, or ``day=2025-01-31`` in big tables."""
    moment = dt.datetime.fromtimestamp(ts / 1000, dt.UTC)
    return f"day={moment:%Y-%m-%d}" if table.by_day else f"month={moment:%Y-%m}"


def period_window(period: str) -> Window:
    """Return the time of a directory that `period_of` names."""
    unit, _, name = period.partition("=")
    start = dt.datetime.fromisoformat(name if unit == "day" else f"{name}-01").replace(tzinfo=dt.UTC)
    days = 1 if unit == "day" else calendar.monthrange(start.year, start.month)[1]
    return Window(milliseconds(start), milliseconds(start) + days * DAY)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; errors of the system are left as they are."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def split_by_period(frame: pl.DataFrame, table: MarketTable) -> list[pl.DataFrame]:
    """Return the rows of each period, in their order; the frame is sorted by `ts` and not empty."""
    if period_of(frame["ts"][0], table) == period_of(frame["ts"][-1], table):
        return [frame]
    period = (
        pl.from_epoch("ts", time_unit="ms").dt.truncate("1d" if table.by_day else "1mo").alias("__period")
    )
    return frame.with_columns(period).partition_by("__period", maintain_order=True, include_key=False)


def write_part(directory: Path, frame: pl.DataFrame, table: MarketTable, generation: int) -> Part:
    """Write rows of one period, sorted and one per key, as a part, and return its entry for the manifest.

    Raises
    ------
    LakeError
        The file cannot be written; none is left.
    """
    buffer = io.BytesIO()
    frame.select(*part_schema(table)).write_parquet(
        buffer, compression="zstd", row_group_size=_ROWS_PER_GROUP, statistics=True
    )
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    period = period_of(frame["ts"][0], table)
    make_directory(directory / period)
    path = f"{period}/{generation:012}-{digest[:12]}.parquet"
    write_durably(directory / path, content)
    return Part(
        path=path,
        rows=frame.height,
        first_ts=frame["ts"][0],
        last_ts=frame["ts"][-1],
        sha256=digest,
        size=len(content),
        source="+".join(sorted(frame[SOURCE].unique())),
        generation=generation,
        table_version=table.version,
    )


def read_part(
    directory: Path, part: Part, table: MarketTable, columns: list[str], window: Window | None = None
) -> pl.DataFrame | None:
    """Return the rows of a part, or None where its file is gone.

    A column that may be empty and that a part of an older version of the table lacks is empty.

    Parameters
    ----------
    directory
        The dataset's directory.
    part
        The manifest's entry.
    table
        The table as it is today.
    columns
        Which columns of `part_schema`.
    window
        Rows of these times only; None is all.

    Raises
    ------
    LakeError
        The part is of a newer version of the table, lacks a column, or is damaged.
    """
    path = directory / part.path
    if part.table_version > table.version:
        raise LakeError(
            f"{path} is of version {part.table_version} of table {table.name}; "
            f"this powderkeg knows versions up to {table.version}: update it"
        )
    schema = part_schema(table)
    try:
        with path.open("rb") as file:
            # Opened here and not by polars: a reader that holds the file keeps it when a merge removes it.
            scan = pl.scan_parquet(file)
            present = scan.collect_schema()
            _check_columns(path, present, columns, table)
            if window is not None:
                scan = scan.filter(pl.col("ts") >= window.start, pl.col("ts") < window.end)
            return scan.select(
                pl.col(name) if name in present else pl.lit(None, dtype=schema[name]).alias(name)
                for name in columns
            ).collect()
    except FileNotFoundError:
        return None
    except LakeError:
        raise
    except OSError as error:
        raise lake_error(path, "cannot be read", error) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0]
        raise LakeError(f"{path} cannot be read: {reason}; verify the dataset") from error


def _check_columns(path: Path, present: pl.Schema, columns: list[str], table: MarketTable) -> None:
    schema, fields = part_schema(table), columns_of(table)
    for name in columns:
        if name in present and present[name] != schema[name]:
            raise LakeError(f"{path}: column {name} holds {present[name]}; expected {schema[name]}")
        if name not in present and not (name in fields and fields[name].optional):
            raise LakeError(f"{path} has no column {name}; expected {', '.join(schema)}")
