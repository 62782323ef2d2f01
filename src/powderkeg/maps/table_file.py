"""Writing a table where the user wants it: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from powderkeg.errors import OutputError

if TYPE_CHECKING:
    import polars as pl


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write `table` to a Parquet or CSV file, told apart by its ending.

    The file appears complete under its name or does not appear: it is written beside it and renamed.

    Raises
    ------
    OutputError
        The ending is neither .parquet nor .csv, or the file cannot be written there.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise OutputError(f"output: {path} ends neither in .parquet nor in .csv")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
    except OSError as error:
        raise OutputError(f"output: {path} cannot be written: {error.strerror}") from error
    try:
        if path.suffix == ".parquet":
            table.write_parquet(temporary)
        else:
            table.write_csv(temporary)
        Path(temporary).chmod(mode_of_new_files())
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"output: {path} cannot be written: {error}") from error


def mode_of_new_files() -> int:
    """Return the permissions that a file made in the ordinary way has; temporary ones are private."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
