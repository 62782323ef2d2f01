"""Merging what many appends wrote: one part for each period, whatever instant a crash comes at."""

from __future__ import annotations

from dataclasses import dataclass

from powderkeg.errors import LakeError
from powderkeg.lake.checked_rows import part_schema
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.durable_files import lake_error, remove_file
from powderkeg.lake.manifest import Part
from powderkeg.lake.one_row_per_key import OneRowPerKey
from powderkeg.lake.part_files import file_digest, write_part
from powderkeg.lake.reading import merged_rows, missing_part


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Attributes
    ----------
    months
        How many were merged.
    parts_before, parts_after
        Files of the dataset.
    duplicates, conflicts
        Rows that gave way to one of the same key: with the same values, and with others.
    """

    months: int
    parts_before: int
    parts_after: int
    duplicates: int
    conflicts: int


def compact_dataset(dataset: Dataset) -> Compacted:
    """Merge the parts of every period that has several, and return what was done.

    A period is a month, or a day for big tables. One is in memory at a time, and other writers wait for one
    only. Files that were merged are removed once the manifest that does without them is durable.

    The SHA-256 of every part is checked before it is merged: what is written anew gets a new one, and damage
    would then never be found.

    Raises
    ------
    LakeError
        A part is missing, or holds other bytes than were written (the message has both digests), or the lake
        cannot be written. Of that period and those after it all stays as it was.
    """
    before = dataset.manifest()
    if not before.parts and not dataset.directory.is_dir():
        return Compacted(0, 0, 0, 0, 0)
    periods = duplicates = conflicts = 0
    for period in sorted({part.period for part in before.parts}):
        merged = _merge_period(dataset, period)
        if merged is not None:
            periods += 1
            duplicates += merged.duplicates
            conflicts += merged.conflicts
    with dataset.writing() as manifest:
        dataset.remove_leftovers(manifest)
    return Compacted(periods, len(before.parts), len(manifest.parts), duplicates, conflicts)


def _merge_period(dataset: Dataset, period: str) -> OneRowPerKey | None:
    table = dataset.key.market_table
    with dataset.writing() as manifest:
        parts = [part for part in manifest.parts if part.period == period]
        if len(parts) < 2:
            return None
        for part in parts:
            _check_bytes(dataset, part)
        rows = merged_rows(dataset, parts, None, list(part_schema(table)))
        if not isinstance(rows, OneRowPerKey):
            raise missing_part(dataset, rows)
        written = write_part(dataset.directory, rows.frame, table, manifest.next_generation)
        others = tuple(part for part in manifest.parts if part.period != period)
        dataset.save(
            manifest.with_parts((*others, written), duplicates=rows.duplicates, conflicts=rows.conflicts)
        )
        for part in parts:
            remove_file(dataset.directory / part.path)
        return rows


def _check_bytes(dataset: Dataset, part: Part) -> None:
    path = dataset.directory / part.path
    try:
        digest = file_digest(path)
    except FileNotFoundError:
        raise missing_part(dataset, part) from None
    except OSError as error:
        raise lake_error(path, "cannot be read", error) from error
    if digest != part.sha256:
        raise LakeError(
            f"{path} is damaged, and nothing was merged from it: its checksum (SHA-256) is {digest}; "
            f"expected {part.sha256}; `powderkeg lake verify` says what helps"
        )
