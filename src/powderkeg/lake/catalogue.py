"""Which datasets a lake holds: found by the names of directories, described by their manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from powderkeg.errors import InputError, LakeError
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.dataset_key import DatasetKey, path_part
from powderkeg.lake.durable_files import names_in
from powderkeg.lake.manifest import MANIFEST
from powderkeg.model.market_rows import table_of
from powderkeg.model.window import Window

TABLES_DIRECTORY = "tables"


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset as its manifest describes it.

    Attributes
    ----------
    key
        Which dataset.
    rows
        Rows in its parts; keys that several parts share are counted in each until they are merged.
    first_ts, last_ts
        Times of the first and the last row, both inclusive; None without rows.
    covered
        Times that are complete, ascending, apart from each other.
    parts, size
        How many files, and their bytes.
    duplicates_dropped, conflicts_resolved
        Rows that gave way to one of the same key so far: with the same values, and with others.
    """

    key: DatasetKey
    rows: int
    first_ts: int | None
    last_ts: int | None
    covered: tuple[Window, ...]
    parts: int
    size: int
    duplicates_dropped: int
    conflicts_resolved: int


def summary_of(dataset: Dataset) -> DatasetSummary:
    """Return what the manifest of a dataset says.

    Raises
    ------
    LakeError
        It is damaged, or newer than this powderkeg.
    """
    manifest = dataset.manifest()
    parts = manifest.parts
    return DatasetSummary(
        key=dataset.key,
        rows=sum(part.rows for part in parts),
        first_ts=min((part.first_ts for part in parts), default=None),
        last_ts=max((part.last_ts for part in parts), default=None),
        covered=manifest.covered,
        parts=len(parts),
        size=sum(part.size for part in parts),
        duplicates_dropped=manifest.duplicates_dropped,
        conflicts_resolved=manifest.conflicts_resolved,
    )


def found_datasets(
    root: Path, table: str | None = None, venue: str | None = None, symbol: str | None = None
) -> Iterator[Dataset]:
    """Yield the datasets of a lake that have a manifest, sorted by name.

    A step of the path whose name is given is gone straight to; the others are listed.

    Raises
    ------
    InputError
        No table has the name.
    LakeError
        A directory cannot be listed, or is of a table that this powderkeg does not know.
    """
    if table is not None:
        table_of(table)
    steps = (("table", table), ("venue", venue), ("symbol", symbol), ("variant", None))
    places = [root / TABLES_DIRECTORY]
    for name, value in steps:
        places = [place for parent in places for place in _below(parent, name, value)]
    for place in places:
        if MANIFEST in names_in(place):
            names = [unquote(step.partition("=")[2]) for step in place.parts[-len(steps) :]]
            try:
                key = DatasetKey(*names)
            except InputError as error:
                raise LakeError(f"{place} is no dataset of this powderkeg: {error}") from error
            yield Dataset(place, key)


def _below(parent: Path, name: str, value: str | None) -> list[Path]:
    if value is not None:
        return [parent / path_part(name, value)]
    return [parent / entry for entry in names_in(parent) if entry.startswith(f"{name}=")]
