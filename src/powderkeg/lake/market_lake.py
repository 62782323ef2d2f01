"""The lake: market data by table, venue, symbol and variant, with what is complete and what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from powderkeg.errors import InputError, LakeError
from powderkeg.lake.catalogue import TABLES_DIRECTORY, DatasetSummary, found_datasets, summary_of
from powderkeg.lake.checked_rows import checked_frame, frame_of_rows
from powderkeg.lake.compaction import Compacted, compact_dataset
from powderkeg.lake.damaged_parts import DAMAGED_DIRECTORY, SetAside, set_aside_parts
from powderkeg.lake.dataset import Dataset
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.durable_files import lake_error, make_directory, write_durably
from powderkeg.lake.raw_archive import Archived, archive_segment, read_raw
from powderkeg.lake.reading import read_rows
from powderkeg.lake.sql_query import query_result, tables_in
from powderkeg.lake.table_export import write_export
from powderkeg.lake.verification import Problem, problems_of
from powderkeg.lake.writing import Appended, append_rows, checked_window, forget_batches, remove_coverage
from powderkeg.model.market_rows import TABLES, MarketRow
from powderkeg.model.window import Window, missing
from powderkeg.version import __version__

if TYPE_CHECKING:
    import polars as pl

LAKE = "lake.json"
FORMAT = 1


class Lake:
    """A directory of market data that several processes may write and read at once.

    Every write is durable when its method returns and leaves nothing of itself when it does not. Times are
    UTC milliseconds, windows half-open. Opening reads one small file, and a dataset is found by its name, so
    that one instrument costs the same beside ten thousand others.

    Parameters
    ----------
    root
        The directory.
    create
        Make it a lake if it is none, with the directories above it.

    Raises
    ------
    LakeError
        It is no lake, was written by a newer powderkeg, or cannot be made.
    """

    __slots__ = ("_root",)

    def __init__(self, root: str | os.PathLike[str], create: bool = False) -> None:
        self._root = Path(root)
        path = self._root / LAKE
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            if not create:
                raise LakeError(
                    f"{self._root} is no lake: it has no {LAKE}; expected a directory where one was created"
                ) from error
            make_directory(self._root)
            write_durably(
                path, json.dumps({"format": FORMAT, "made_by": f"powderkeg {__version__}"}).encode()
            )
            return
        except OSError as error:
            raise lake_error(path, "cannot be read", error) from error
        try:
            version = int(json.loads(text)["format"])
        except (ValueError, LookupError, TypeError) as error:
            raise LakeError(f"{path} is damaged: it does not state a format; expected {FORMAT}") from error
        if version > FORMAT:
            raise LakeError(
                f"{self._root} is a lake of format {version}, which a newer powderkeg wrote; "
                f"this one knows formats up to {FORMAT}: update powderkeg"
            )

    @property
    def root(self) -> Path:
        """The directory."""
        return self._root

    def append(
        self,
        key: DatasetKey,
        rows: Sequence[MarketRow],
        *,
        received_ts: int | Sequence[int],
        source: str,
        covered: Iterable[Window] = (),
        batch: str | None = None,
    ) -> Appended:
        """Add rows, what they complete and the batch's id, all or nothing; return what was done.

        Parameters
        ----------
        key
            Where to.
        rows
            Rows of the table, in any order; none, to add coverage alone.
        received_ts
            When they were learned, UTC milliseconds: one time for all, or one for each.
        source
            From where, such as ``rest``, ``bulk`` or ``live``.
        covered
            Times that are complete once these rows are in.
        batch
            Id under which this is done once only: a second append of it does nothing, also after a crash.
            The ids are kept in the manifest until `forget_batches`.

        Raises
        ------
        InputError
            A row, value, time or window is unfit; the message names field, value and row.
        LakeError
            The lake cannot be written; it holds what it held.
        """
        frame = frame_of_rows(key.market_table, rows, received_ts=received_ts, source=source)
        return append_rows(self._dataset(key), frame, covered=covered, batch=batch)

    def append_frame(
        self,
        key: DatasetKey,
        frame: pl.DataFrame,
        *,
        received_ts: int | Sequence[int],
        source: str,
        covered: Iterable[Window] = (),
        batch: str | None = None,
    ) -> Appended:
        """Add the rows of a polars frame with the table's fields as columns; otherwise as `append`.

        Raises
        ------
        MissingColumnError
            A field has no column.
        InputError, LakeError
            As for `append`; a column that is no field, or of another type, is an InputError too.
        """
        checked = checked_frame(key.market_table, frame, received_ts=received_ts, source=source)
        return append_rows(self._dataset(key), checked, covered=covered, batch=batch)

    def forget_batches(self, key: DatasetKey, batches: Collection[str]) -> int:
        """Drop ids of batches that nobody will append again, and return how many were there."""
        return forget_batches(self._dataset(key), batches)

    def applied_batches(self, key: DatasetKey) -> tuple[str, ...]:
        """Return the ids of batches that were appended and not forgotten, in that order."""
        return self._dataset(key).manifest().batches

    def read(
        self, key: DatasetKey, window: Window | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return rows, one per key, sorted by the key with time first; no rows where nobody wrote.

        Of rows with one key the one heard last stands. Only files that hold times of the window are opened.

        Parameters
        ----------
        key
            Which dataset.
        window
            Times, [start, end); None is all.
        columns
            Which columns, in this order: fields of the table's rows, ``received_ts`` and ``source`` (when
            and from where the row was first learned as it is), ``confirmed_ts`` (when it was last heard
            again). None is all but the last.

        Raises
        ------
        InputError
            A column is none of these, or the window holds no time.
        LakeError
            A file is missing, damaged, or written by a newer powderkeg.
        """
        return read_rows(self._dataset(key), None if window is None else checked_window(window), columns)

    def covered(self, key: DatasetKey) -> tuple[Window, ...]:
        """Return the times for which rows are complete, ascending, apart from each other."""
        return self._dataset(key).manifest().covered

    def missing(self, key: DatasetKey, window: Window) -> tuple[Window, ...]:
        """Return the parts of `window` for which rows are not complete, ascending."""
        return missing(checked_window(window), self.covered(key))

    def add_coverage(self, key: DatasetKey, *windows: Window) -> None:
        """State that rows are complete for these times."""
        self.append(key, (), received_ts=(), source="coverage", covered=windows)

    def remove_coverage(self, key: DatasetKey, window: Window) -> None:
        """State that rows are not complete in `window`, so that it is asked for again; rows stay."""
        remove_coverage(self._dataset(key), window)

    def datasets(
        self, table: str | None = None, venue: str | None = None, symbol: str | None = None
    ) -> Iterator[DatasetSummary]:
        """Yield what the lake holds by its manifests, sorted by name; the more is given, the less is read.

        Raises
        ------
        InputError
            No table has the name.
        LakeError
            A manifest is damaged or newer than this powderkeg.
        """
        for dataset in found_datasets(self._root, table, venue, symbol):
            yield summary_of(dataset)

    def summary(self, key: DatasetKey) -> DatasetSummary:
        """Return what the manifest of one dataset says; it is empty where nobody wrote.

        Raises
        ------
        LakeError
            The manifest is damaged or newer than this powderkeg.
        """
        return summary_of(self._dataset(key))

    def compact(self, key: DatasetKey) -> Compacted:
        """Merge the parts of every period that has several, and return what was done; reads stay the same.

        A period is a month, or a day for trades and order books. One is in memory at a time; appends to the
        dataset wait for one only.

        Raises
        ------
        LakeError
            A part is missing or its SHA-256 is not the one it was written with (the message has both), or the
            lake cannot be written; reads stay the same.
        """
        return compact_dataset(self._dataset(key))

    def verify(self, key: DatasetKey) -> list[Problem]:
        """Return what is not as the manifest says, after reading every file; nothing if all is sound."""
        return problems_of(self._dataset(key))

    def set_aside(self, key: DatasetKey, problems: Collection[Problem]) -> list[SetAside]:
        """Move damaged files to ``damaged/`` in the lake, where no reader looks; return what was moved.

        `problems` are those of `verify`; see `powderkeg.lake.damaged_parts.set_aside_parts`.
        """
        return set_aside_parts(self._dataset(key), self._root / DAMAGED_DIRECTORY / key.directory, problems)

    def export(self, key: DatasetKey, path: str | os.PathLike[str], window: Window | None = None) -> int:
        """Write what `read` returns to a ``.parquet`` or ``.csv`` file, whole or not at all; return the rows.

        Raises
        ------
        OutputError
            The ending is another, or the file cannot be written.
        InputError, LakeError
            As for `read`.
        """
        return write_export(self.read(key, window), Path(path))

    def sql(self, query: str) -> pl.DataFrame:
        """Return the answer of DuckDB to one SELECT over the lake's tables.

        Each table is a view: its fields, ``received_ts``, ``source``, ``venue``, ``symbol`` and ``variant``,
        one row per key as `read` returns them. Manifests are read for tables that the query names, and
        files for what it asks of them. It can read nothing but the lake and write nothing.

        Raises
        ------
        MissingExtraError
            DuckDB is not installed: it comes with ``powderkeg[sql]``.
        InputError
            DuckDB refuses the query, with its message, or it is not one SELECT.
        LakeError
            A file is missing or damaged.
        """
        names = list(tables_in(query, [table.name for table in TABLES]))
        return query_result(
            [dataset for name in names for dataset in found_datasets(self._root, name)], query
        )

    def archive_segment(self, path: Path) -> Archived:
        """Move the records of a finished live segment into the archive; return what became of it.

        See `powderkeg.lake.raw_archive.archive_segment`.
        """
        return archive_segment(self._root, path)

    def read_raw(self, venue: str, window: Window) -> pl.DataFrame:
        """Return archived raw frames of a venue received in a window, ascending by time of receipt.

        Columns are ``received_ns`` (UTC nanoseconds), ``stream`` and ``payload`` (bytes).
        """
        return read_raw(self._root, venue, checked_window(window))

    def _dataset(self, key: DatasetKey) -> Dataset:
        if not isinstance(key, DatasetKey):
            raise InputError(f"key is {key!r}; expected a DatasetKey")
        return Dataset(self._root / TABLES_DIRECTORY / key.directory, key)
