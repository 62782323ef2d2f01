"""The manifest of a dataset: which files hold its rows, and for which times they are complete.

``manifest.json`` is the truth. A Parquet file that it does not list is what a crash left behind, and an
entry's `sha256` says what the file must hold. A checksum of its own guards the manifest against decay.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from powderkeg.errors import InputError, LakeError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.durable_files import lake_error
from powderkeg.model.window import Window, missing, united

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a dataset: rows of one UTC month or day, sorted, one row per key.

    Attributes
    ----------
    path
        Relative to the dataset's directory.
    rows, size
        How many rows, and bytes.
    first_ts, last_ts
        Least and greatest `ts`, both inclusive.
    sha256
        Of the file, in hexadecimal.
    source
        Where its rows come from, several joined with ``+``.
    generation
        Counts the writes of the dataset: of two parts, the one with the higher number was written later.
    table_version
        Version of the table that it was written under.
    """

    path: str
    rows: int
    first_ts: int
    last_ts: int
    sha256: str
    size: int
    source: str
    generation: int
    table_version: int

    @property
    def period(self) -> str:
        """The time of its rows, as in ``month=2025-01`` or ``day=2025-01-31``."""
        return self.path.split("/", 1)[0]

    def overlaps(self, window: Window | None) -> bool:
        """Say whether it may hold rows of `window`; None is all time."""
        return window is None or (self.first_ts < window.end and self.last_ts >= window.start)


_PART_FIELDS = tuple(field.name for field in fields(Part))
_part_values = attrgetter(*_PART_FIELDS)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one dataset without opening its parts.

    Attributes
    ----------
    key
        The exact names, which the directory can only approximate on some file systems.
    table_version
        Highest version of the table that wrote to it.
    next_generation
        Number of the next write; it rises with every write of parts.
    parts
        By generation, ascending.
    covered
        Times that are complete, ascending, apart from each other.
    batches
        Ids of batches that were applied, in that order.
    duplicates_dropped, conflicts_resolved
        Rows that gave way to one of the same key: with the same values, and with others.
    """

    key: DatasetKey
    table_version: int
    next_generation: int = 1
    parts: tuple[Part, ...] = ()
    covered: tuple[Window, ...] = ()
    batches: tuple[str, ...] = ()
    duplicates_dropped: int = 0
    conflicts_resolved: int = 0

    def with_parts(self, parts: tuple[Part, ...], *, duplicates: int, conflicts: int) -> Manifest:
        """Return the manifest after a write: these parts, and that many more rows that gave way."""
        return replace(
            self,
            parts=parts,
            next_generation=self.next_generation + 1,
            table_version=self.key.market_table.version,
            duplicates_dropped=self.duplicates_dropped + duplicates,
            conflicts_resolved=self.conflicts_resolved + conflicts,
        )

    def without_coverage(self, windows: Iterable[Window]) -> Manifest:
        """Return the manifest with the times of `windows` no longer complete."""
        removed = tuple(windows)
        left = [hole for window in self.covered for hole in missing(window, removed)]
        return replace(self, covered=united(left))


def empty_manifest(key: DatasetKey) -> Manifest:
    """Return the manifest of a dataset that nobody wrote to."""
    return Manifest(key, key.market_table.version)


def manifest_text(manifest: Manifest) -> str:
    """Return the JSON of a manifest: format, CRC-32 of what follows, and the manifest itself."""
    key = manifest.key
    content = {
        "key": {"table": key.table, "venue": key.venue, "symbol": key.symbol, "variant": key.variant},
        "table_version": manifest.table_version,
        "next_generation": manifest.next_generation,
        "parts": [dict(zip(_PART_FIELDS, _part_values(part), strict=True)) for part in manifest.parts],
        "covered": manifest.covered,
        "batches": manifest.batches,
        "duplicates_dropped": manifest.duplicates_dropped,
        "conflicts_resolved": manifest.conflicts_resolved,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"{_opening(FORMAT, _checksum(body))}{body}}}\n"


def load_manifest(path: Path) -> Manifest | None:
    """Return the manifest in a file, or None where there is none.

    Raises
    ------
    LakeError
        It cannot be read, is damaged, or was written by a newer powderkeg.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise lake_error(path, "cannot be read", error) from error
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from error
    try:
        document = json.loads(text)
        version, checksum = int(document["format"]), str(document["checksum"])
        content = document["manifest"]
    except (ValueError, LookupError, TypeError) as error:
        raise _damaged(path, error) from error
    if version > FORMAT:
        raise LakeError(
            f"{path} has format {version}, which a newer powderkeg wrote; "
            f"this one knows formats up to {FORMAT}: update powderkeg"
        )
    if _checksum(text[len(_opening(version, checksum)) : -2]) != checksum:
        raise _damaged(path, "its checksum does not fit")
    return _manifest(content, path)


def _opening(version: int, checksum: str) -> str:
    return f'{{"format":{version},"checksum":"{checksum}","manifest":'


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _damaged(path: Path, reason: object) -> LakeError:
    return LakeError(f"{path} is damaged ({reason}); restore it from a copy")


def _manifest(content: dict[str, Any], path: Path) -> Manifest:
    try:
        key = DatasetKey(**content["key"])
    except InputError as error:
        raise LakeError(f"{path} is not for this powderkeg: {error}; update powderkeg") from error
    version, known = content["table_version"], key.market_table.version
    if version > known:
        raise LakeError(
            f"{path}: table {key.table} has version {version} there, which a newer powderkeg wrote; "
            f"this one knows versions up to {known}: update powderkeg"
        )
    return Manifest(
        **{
            **content,
            "key": key,
            "parts": tuple(Part(**part) for part in content["parts"]),
            "covered": tuple(Window(*window) for window in content["covered"]),
            "batches": tuple(content["batches"]),
        }
    )
