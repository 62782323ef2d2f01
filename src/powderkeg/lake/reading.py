"""Reading a dataset: one row per key, from no more files than the window needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import polars as pl

from powderkeg.errors import InputError, LakeError
from powderkeg.lake.checked_rows import CONFIRMED, part_schema
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.manifest import Manifest, Part
from powderkeg.lake.one_row_per_key import GENERATION, OneRowPerKey, one_row_per_key
from powderkeg.lake.part_files import read_part
from powderkeg.model.window import Window


def read_rows(
    dataset: Dataset, window: Window | None = None, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return the rows of a window, sorted by the key with time first; see `Lake.read`."""
    schema = part_schema(dataset.key.market_table)
    wanted = [name for name in schema if name != CONFIRMED] if columns is None else list(columns)
    for name in wanted:
        if name not in schema:
            raise InputError(f"columns: {name!r} is no column of {dataset.key}; expected {', '.join(schema)}")
    manifest = dataset.manifest()
    while True:
        parts = [part for part in manifest.parts if part.overlaps(window)]
        rows = merged_rows(dataset, parts, window, wanted)
        if isinstance(rows, OneRowPerKey):
            return rows.frame.select(wanted)
        # A merge removed a file after we read the manifest: the new manifest names its successor.
        manifest = successor(dataset, manifest, rows)


def merged_rows(
    dataset: Dataset, parts: Sequence[Part], window: Window | None, columns: Sequence[str]
) -> OneRowPerKey | Part:
    """Return the rows of some parts, one per key, with at least `columns`; or a part whose file is gone.

    Raises
    ------
    LakeError
        A part is damaged or too new.
    """
    table = dataset.key.market_table
    parts = sorted(parts, key=lambda part: (part.first_ts, part.generation))
    overlapping = are_overlapping(parts)
    needed = {*columns, "ts"}
    if overlapping:
        needed |= {*table.key, CONFIRMED}
        if not needed.isdisjoint({"received_ts", "source"}):  # those depend on which values are the same
            needed |= {*part_schema(table)}
    names = [name for name in part_schema(table) if name in needed]
    frames: list[pl.DataFrame] = []
    for part in parts:
        frame = read_part(dataset.directory, part, table, names, window)
        if frame is None:
            return part
        frames.append(frame.with_columns(pl.lit(part.generation).alias(GENERATION)))
    if not frames:
        empty = pl.DataFrame(schema={name: part_schema(table)[name] for name in names})
        return OneRowPerKey(empty, 0, 0)
    rows = pl.concat(frames)
    if overlapping:
        return one_row_per_key(rows, table)
    # Every part is sorted and has one row per key, and the key holds the time: nothing is left to do.
    return OneRowPerKey(rows.drop(GENERATION), 0, 0)


def are_overlapping(parts: Sequence[Part]) -> bool:
    """Say whether two of the parts, which ascend by `first_ts`, may hold rows of one time."""
    ends = accumulate((part.last_ts for part in parts), max)
    return any(after.first_ts <= end for (_, after), end in zip(pairwise(parts), ends, strict=False))


def successor(dataset: Dataset, manifest: Manifest, gone: Part) -> Manifest:
    """Return the manifest that came after one of whose parts is gone.

    Raises
    ------
    LakeError
        There is no later one: the file was removed by something else.
    """
    later = dataset.manifest()
    if later.next_generation == manifest.next_generation:
        raise missing_part(dataset, gone)
    return later


def missing_part(dataset: Dataset, part: Part) -> LakeError:
    """Return the error for a part without a file, which no merge explains."""
    return LakeError(
        f"{dataset.directory / part.path} is missing, with {part.rows} rows that the manifest lists; "
        "restore it from a copy"
    )
