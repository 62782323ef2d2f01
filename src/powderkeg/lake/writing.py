"""Writing to a dataset: rows, and the times for which they are complete."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import polars as pl

from powderkeg.errors import LakeError
from powderkeg.lake.checked_rows import check_name, check_whole_number
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.durable_files import remove_file
from powderkeg.lake.manifest import Manifest, Part
from powderkeg.lake.one_row_per_key import GENERATION, one_row_per_key
from powderkeg.lake.part_files import period_of, split_by_period, write_part
from powderkeg.model.window import Window, united


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did.

    Attributes
    ----------
    rows
        Rows written, one per key.
    duplicates, conflicts
        Rows of this append that gave way to another of it with the same key: one with the same values, and
        one with others. What it shares with earlier appends shows when parts are merged.
    parts
        Files written, one for each period.
    applied
        False where the batch had been applied before and nothing was done.
    """

    rows: int
    duplicates: int
    conflicts: int
    parts: int
    applied: bool = True


def append_rows(
    dataset: Dataset, frame: pl.DataFrame, *, covered: Iterable[Window] = (), batch: str | None = None
) -> Appended:
    """Add checked rows, coverage and the batch's id in one step, and return what was done.

    All of it is durable when this returns; before, a crash leaves none of it.

    Parameters
    ----------
    dataset
        Where to.
    frame
        Rows with the columns of a part, as `powderkeg.lake.checked_rows` returns them.
    covered
        Times that are complete with these rows.
    batch
        Id under which this is done once only.

    Raises
    ------
    InputError
        A window or the id is unfit.
    LakeError
        The lake cannot be written; it holds what it held.
    """
    windows = [checked_window(window) for window in covered]
    if batch is not None:
        check_name("batch", batch, "an id, or None")
    table = dataset.key.market_table
    rows = one_row_per_key(frame.with_columns(pl.lit(0).alias(GENERATION)), table)
    periods = split_by_period(rows.frame, table) if rows.frame.height else []
    if not periods and not windows and batch is None:
        return Appended(0, 0, 0, 0)
    with dataset.writing() as manifest:
        if batch in manifest.batches:
            return Appended(0, 0, 0, 0, applied=False)
        changed = replace(manifest, covered=united((*manifest.covered, *windows)))
        if batch is not None:
            changed = replace(changed, batches=(*manifest.batches, batch))
        if periods:
            dataset.remove_leftovers(manifest, {period_of(one["ts"][0], table) for one in periods})
            written = _written(dataset, periods, manifest)
            changed = changed.with_parts(
                (*manifest.parts, *written), duplicates=rows.duplicates, conflicts=rows.conflicts
            )
        dataset.save(changed)
    return Appended(rows.frame.height, rows.duplicates, rows.conflicts, len(periods))


def _written(dataset: Dataset, periods: list[pl.DataFrame], manifest: Manifest) -> list[Part]:
    table, generation = dataset.key.market_table, manifest.next_generation
    written: list[Part] = []
    try:
        written.extend(write_part(dataset.directory, one, table, generation) for one in periods)
    except LakeError:
        # On a full disk the room is wanted back at once; the next writer would find them too.
        for part in written:
            remove_file(dataset.directory / part.path)
        raise
    return written


def remove_coverage(dataset: Dataset, window: Window) -> None:
    """State that the times of `window` are not complete, so that they are asked for again; rows stay.

    Raises
    ------
    InputError
        The window is unfit.
    LakeError
        The lake cannot be written.
    """
    checked_window(window)
    if not any(part.overlap(window) for part in dataset.manifest().covered):
        return
    with dataset.writing() as manifest:
        dataset.save(manifest.without_coverage([window]))


def forget_batches(dataset: Dataset, batches: Collection[str]) -> int:
    """Drop ids of batches that nobody will apply again, and return how many were there.

    Raises
    ------
    LakeError
        The lake cannot be written.
    """
    forgotten = set(batches)
    if forgotten.isdisjoint(dataset.manifest().batches):
        return 0
    with dataset.writing() as manifest:
        left = tuple(batch for batch in manifest.batches if batch not in forgotten)
        dataset.save(replace(manifest, batches=left))
        return len(manifest.batches) - len(left)


def checked_window(window: Window) -> Window:
    """Return `window` if it is a stretch of time in whole milliseconds.

    Raises
    ------
    InputError
        It is not made of two integers, or holds no time (then a `WindowError`).
    """
    start, end = window
    check_whole_number("start of a window", start)
    check_whole_number("end of a window", end)
    return Window.between(start, end)
