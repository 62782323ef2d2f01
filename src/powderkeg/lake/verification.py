"""Is a dataset what its manifest says? Every file read, every difference a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from powderkeg.errors import LakeError
from powderkeg.lake.checked_rows import part_schema, sort_order
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.manifest import MANIFEST, Part
from powderkeg.lake.part_files import file_digest, period_of, read_part

ProblemKind = Literal["manifest", "missing", "checksum", "unreadable", "rows", "times", "order", "leftover"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the manifest says.

    Attributes
    ----------
    kind
        ``manifest``: it cannot be used. ``missing``: a part has no file. ``checksum``: a file holds other
        bytes. ``unreadable``: a file is no Parquet with the table's columns. ``rows``, ``times``, ``order``:
        another number of rows, rows outside the stated times or the period, rows unsorted or one key twice.
        ``leftover``: a file that is not listed; harmless, the next writer removes it.
    path
        The file.
    detail
        What was found, and what was expected.
    """

    kind: ProblemKind
    path: Path
    detail: str


def problems_of(dataset: Dataset) -> list[Problem]:
    """Return what is wrong with a dataset; nothing if it is sound.

    It is read without a lock, so what a writer is doing meanwhile may show as ``leftover`` or ``missing``.
    """
    try:
        manifest = dataset.manifest()
        problems = [problem for part in manifest.parts for problem in problems_of_part(dataset, part)]
        leftovers = dataset.leftovers(manifest)
    except LakeError as error:
        return [Problem("manifest", dataset.directory / MANIFEST, str(error))]
    return problems + [Problem("leftover", path, "the manifest does not list it") for path in leftovers]


def problems_of_part(dataset: Dataset, part: Part) -> Iterator[Problem]:
    """Yield what is wrong with one part, the gravest first; it reads the file."""
    path = dataset.directory / part.path
    table = dataset.key.market_table
    try:
        digest = file_digest(path)
    except FileNotFoundError:
        yield Problem("missing", path, f"the manifest lists it with {part.rows} rows")
        return
    except OSError as error:
        yield Problem("unreadable", path, error.strerror or str(error))
        return
    if digest != part.sha256:
        yield Problem("checksum", path, f"SHA-256 is {digest}; expected {part.sha256}")
        return  # whatever else can be said of it follows from this
    try:
        rows = read_part(dataset.directory, part, table, list(part_schema(table)))
    except LakeError as error:
        yield Problem("unreadable", path, str(error))
        return
    if rows is None:
        yield Problem("missing", path, "it was removed while it was verified")
        return
    if rows.height != part.rows:
        yield Problem("rows", path, f"it holds {rows.height} rows; expected {part.rows}")
    if rows.height == 0:
        return
    first, last = rows["ts"].min(), rows["ts"].max()
    if (first, last) != (part.first_ts, part.last_ts):
        yield Problem(
            "times", path, f"ts is {first!r} to {last!r}; expected {part.first_ts} to {part.last_ts}"
        )
    if {period_of(part.first_ts, table), period_of(part.last_ts, table)} != {part.period}:
        yield Problem("times", path, f"ts is {part.first_ts} to {part.last_ts}; expected {part.period}")
    keys = rows.select(sort_order(table))
    if not keys.equals(keys.unique().sort(keys.columns)):
        yield Problem("order", path, f"expected rows that ascend by {', '.join(keys.columns)}, each once")
