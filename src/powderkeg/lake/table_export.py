"""Handing a table out of the lake: a file that is there whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from powderkeg.errors import LakeError, OutputError
from powderkeg.lake.durable_files import write_durably


def write_export(frame: pl.DataFrame, path: Path) -> int:
    """Write rows to a Parquet or CSV file, told apart by its ending, and return how many.

    Raises
    ------
    OutputError
        The ending is neither ``.parquet`` nor ``.csv``, or the file cannot be written.
    """
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        frame.write_parquet(buffer, compression="zstd")
    elif path.suffix == ".csv":
        frame.write_csv(buffer)
    else:
        raise OutputError(f"{path} ends neither in .parquet nor in .csv")
    try:
        write_durably(path, buffer.getvalue())
    except LakeError as error:
        raise OutputError(str(error)) from error
    return frame.height
