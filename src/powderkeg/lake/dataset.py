"""One dataset of the lake on disk: its manifest, its lock, and what crashes left in its directory."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from powderkeg.errors import LakeError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.durable_files import (
    TEMPORARY,
    locked,
    make_directory,
    names_in,
    remove_file,
    write_durably,
)
from powderkeg.lake.manifest import MANIFEST, Manifest, empty_manifest, load_manifest, manifest_text

LOCK = ".lock"
_PERIODS = ("month=", "day=")
_OURS = re.compile(rf"\d{{12}}-[0-9a-f]{{12}}\.parquet|\..*{re.escape(TEMPORARY)}")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset at its place; making one reads and writes nothing.

    Attributes
    ----------
    directory
        Where its manifest and its parts are.
    key
        Which dataset it is.
    """

    directory: Path
    key: DatasetKey

    def manifest(self) -> Manifest:
        """Return the manifest as it is now; an empty one where nobody wrote.

        Raises
        ------
        LakeError
            It cannot be read, is damaged or newer than this powderkeg, or belongs to another dataset.
        """
        manifest = load_manifest(self.directory / MANIFEST)
        if manifest is None:
            return empty_manifest(self.key)
        if manifest.key != self.key:
            raise LakeError(
                f"{self.directory} holds {manifest.key}, not {self.key}: they share a directory, "
                "as on a file system that does not tell upper from lower case; keep the lake on one that does"
            )
        return manifest

    @contextlib.contextmanager
    def writing(self) -> Iterator[Manifest]:
        """Be the only writer, and get the manifest as it is; readers go on undisturbed.

        Raises
        ------
        LakeError
            As for `manifest`, or the directory cannot be made or locked.
        """
        make_directory(self.directory)
        with locked(self.directory / LOCK):
            yield self.manifest()

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest, durably; only within `writing`.

        Raises
        ------
        LakeError
            It cannot be written; then the old one stands.
        """
        write_durably(self.directory / MANIFEST, manifest_text(manifest).encode())

    def leftovers(self, manifest: Manifest, periods: set[str] | None = None) -> list[Path]:
        """Return files that the manifest does not list: parts never finished, or merged into others.

        Parameters
        ----------
        manifest
            What counts.
        periods
            Look into these only, and beside the manifest; None looks into all.

        Raises
        ------
        LakeError
            A directory cannot be listed.
        """
        listed = {part.path for part in manifest.parts}
        beside = names_in(self.directory)
        if periods is None:
            periods = {name for name in beside if name.startswith(_PERIODS)}
        inside = [f"{one}/{name}" for one in sorted(periods) for name in names_in(self.directory / one)]
        return [
            self.directory / name
            for name in (*beside, *inside)
            if _OURS.fullmatch(name.rpartition("/")[2]) and name not in listed
        ]

    def remove_leftovers(self, manifest: Manifest, periods: set[str] | None = None) -> None:
        """Remove what `leftovers` finds; only within `writing`, where no other writer's file is half done."""
        for path in self.leftovers(manifest, periods):
            remove_file(path)
