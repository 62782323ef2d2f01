"""Reading bulk files of data.binance.vision: one CSV in a zip, line by line."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import cast

from powderkeg.errors import PayloadError
from powderkeg.venues.payload import number_or_none, time_ms

# No line of these files is as long as a tenth of it: what is longer was not meant as lines.
_LONGEST_LINE = 4096
# Everything that zipfile and its codecs are known to raise for bytes that are no zip, or a broken one.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    MemoryError,
)


def cells_of(payload: bytes, columns: Sequence[str], file: str) -> Iterator[list[str]]:
    """Yield the cells of every line of the one CSV in a zip, without its header if it has one.

    Files from before 2022 have no header. The memory taken does not grow with the file: a fault further
    down is only found there.

    Raises
    ------
    PayloadError
        The payload is no zip of one CSV, its header names other columns, or a line has more or fewer.
    """
    for count, line in enumerate(_lines(payload, file), start=1):
        # Bytes that are no text spoil the cell that they stand in, and no more.
        cells = line.decode("utf-8", "replace").rstrip("\r\n").replace('"', "").split(",")
        if len(line) == _LONGEST_LINE:
            raise PayloadError(f"{file}: line {count} has {_LONGEST_LINE} bytes or more; expected fewer")
        if count == 1 and cells[0] == columns[0]:
            if cells != list(columns):
                raise PayloadError(f"{file}: columns are {', '.join(cells)}; expected {', '.join(columns)}")
        elif len(cells) != len(columns):
            raise PayloadError(
                f"{file}: line {count} has {len(cells)} cells; expected {len(columns)}: {', '.join(columns)}"
            )
        else:
            yield cells


def _lines(payload: bytes, file: str) -> Iterator[bytes]:
    try:
        with (
            zipfile.ZipFile(io.BytesIO(payload)) as archive,
            archive.open(_only_csv(archive, file)) as member,
        ):
            lines = io.BufferedReader(cast("io.RawIOBase", member))
            while line := lines.readline(_LONGEST_LINE):
                yield line
    except PayloadError:
        raise
    except _BROKEN as error:
        raise PayloadError(f"{file}: {error!r}; expected a zip of one CSV") from None


def _only_csv(archive: zipfile.ZipFile, file: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1 or members[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        named = ", ".join(member.filename for member in members[:3])
        raise PayloadError(f"{file}: the zip holds {len(members)} files ({named}); expected one deflated CSV")
    return members[0]


def number(text: str, field: str) -> float:
    """Return the finite number that a cell spells.

    Raises
    ------
    PayloadError
        It spells none; the message has the field.
    """
    value = number_or_none(text, field)
    if value is None:
        raise PayloadError(f"{field} is empty; expected a number")
    return value


def value_or_none(text: str, field: str) -> float | None:
    """Return a number above 0, None for an empty cell and for 0 and less; raises as `number`."""
    value = number_or_none(text, field)
    return value if value is not None and value > 0 else None


def whole_number(text: str, field: str) -> int:
    """Return the whole number that a cell spells; raises `PayloadError` as `number`."""
    try:
        return int(text)
    except ValueError:
        raise PayloadError(f"{field} is {text!r}; expected a whole number") from None


def written_time(text: str, field: str) -> int:
    """Return UTC milliseconds of ``2025-05-19 11:07:31``; raises `PayloadError` as `number`."""
    try:
        # Of the many forms that are taken only this one has that length and a space there.
        moment = dt.datetime.fromisoformat(text if len(text) == 19 and text[10] == " " else "")
    except ValueError:
        raise PayloadError(f"{field} is {text!r}; expected a UTC time such as 2025-05-19 11:07:31") from None
    return time_ms(int(moment.replace(tzinfo=dt.UTC).timestamp()) * 1000, field)
