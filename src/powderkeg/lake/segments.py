"""Write-ahead segments: raw frames of one connection, on disk before anybody tries to understand them.

Whatever instant a process is killed at, the records before its last `SegmentWriter.sync` can be read, and
where the readable part ends is known to the byte.

The layout is in `powderkeg.lake.segment_format`. Both need the standard library only, so that a recorder is
up at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self
from urllib.parse import quote
from zlib import crc32

from powderkeg.errors import InputError, LakeError
from powderkeg.lake.durable_files import lake_error, names_in, sync, sync_directory, write_all
from powderkeg.lake.segment_format import (
    HEAD,
    LONGEST_HEADER,
    STAMP,
    START,
    Record,
    SegmentEnd,
    SegmentHeader,
    header_line,
    parsed_header,
)

__all__ = [
    "Record",
    "SegmentEnd",
    "SegmentHeader",
    "SegmentReader",
    "SegmentWriter",
    "live_directory",
    "live_segments",
    "read_segment",
    "segment_path",
]

SUFFIX = ".segment"
_BUFFER = 1 << 20
_NANOSECONDS = 1_000_000_000


def segment_path(root: Path, header: SegmentHeader) -> Path:
    """Return where a segment of the lake in `root` belongs while it is live; names ascend with time.

    Such as ``live/binance/20250110T211500.123456789Z-public-0.segment``.
    """
    seconds, nanoseconds = divmod(header.started_ns, _NANOSECONDS)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    name = f"{moment:%Y%m%dT%H%M%S}.{nanoseconds:09}Z-{quote(header.connection, safe='')}{SUFFIX}"
    return live_directory(root, header.venue) / name


def live_directory(root: Path, venue: str) -> Path:
    """Return where live segments of a venue are."""
    return root / "live" / quote(venue, safe="")


def live_segments(root: Path, venue: str) -> list[Path]:
    """Return the segments of a venue that are not archived yet, oldest first; some may be being written.

    Raises
    ------
    LakeError
        The directory cannot be listed.
    """
    directory = live_directory(root, venue)
    return [directory / name for name in names_in(directory) if name.endswith(SUFFIX)]


class SegmentWriter:
    """Appends records to a new segment; one thread at a time.

    Records are collected in memory, at most a mebibyte and one record, and written in large pieces. Only
    what `sync` has acknowledged is safe. After an error the file ends with a whole record: the caller may
    try again, and what is in memory still counts.

    Parameters
    ----------
    path
        A file that does not exist yet, in a directory that does; see `segment_path`.
    header
        What the segment says of itself.

    Raises
    ------
    InputError
        The header holds what JSON cannot.
    LakeError
        The file exists or cannot be made.
    """

    __slots__ = (
        "_acknowledged",
        "_broken",
        "_buffer",
        "_descriptor",
        "_limit",
        "_path",
        "_records",
        "_written",
    )

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        self._path = path
        self._buffer = bytearray(header_line(header))
        self._written = 0
        self._records = 0
        self._acknowledged = 0
        self._broken = ""
        self._limit = len(header.streams) or 1 << 16
        try:
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            raise lake_error(path, "cannot be made", error) from error
        try:
            # Held while the writer lives, however it dies: nobody archives a segment that still grows.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write_out()
            sync_directory(path.parent)
        except OSError as error:
            os.close(self._descriptor)
            with contextlib.suppress(OSError):  # the first error is the one to tell
                path.unlink()
            if isinstance(error, LakeError):
                raise
            raise lake_error(path, "cannot be locked", error) from error

    def append(self, stream: int, received_ns: int, payload: bytes) -> None:
        """Add one record; it is safe after the next `sync`.

        Parameters
        ----------
        stream
            Number of the stream, 0 to 65535, and one of the header's where that names any.
        received_ns
            When the frame came, UTC nanoseconds.
        payload
            The frame as it came.

        Raises
        ------
        InputError
            A number is out of range.
        LakeError
            The file cannot be written; the record was not taken.
        """
        buffer = self._buffer
        if len(buffer) >= _BUFFER or self._descriptor < 0:
            self._write_out()
        try:
            checksum = crc32(payload, crc32(STAMP.pack(received_ns, stream)))
            head = HEAD.pack(len(payload), checksum, received_ns, stream)
        except struct.error as error:
            raise InputError(
                f"stream {stream!r}, received_ns {received_ns!r}, payload of {len(payload)} bytes: {error}"
            ) from error
        if stream >= self._limit:
            raise InputError(f"stream is {stream}; the segment has {self._limit} streams, counted from 0")
        buffer += head
        buffer += payload
        self._records += 1

    def sync(self) -> int:
        """Make all records safe, and return how many of this segment are.

        Raises
        ------
        LakeError
            The file cannot be written or synced. After a failed sync nothing more is taken, because the
            system may have dropped what it could not write: begin another segment with what was not
            acknowledged.
        """
        if self._acknowledged == self._records and self._records:
            return self._acknowledged
        self._write_out()
        try:
            sync(self._descriptor)
        except OSError as error:
            self._broken = f"cannot be synced: {error.strerror}"
            raise lake_error(self._path, "cannot be synced", error) from error
        self._acknowledged = self._records
        return self._acknowledged

    def close(self) -> None:
        """Sync and close; a second time is fine.

        Raises
        ------
        LakeError
            As for `sync`; the file is closed all the same.
        """
        if self._descriptor < 0:
            return
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def size(self) -> int:
        """Bytes of the segment, those in memory included."""
        return self._written + len(self._buffer)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_out(self) -> None:
        if self._broken:
            raise LakeError(f"{self._path} {self._broken}")
        if self._descriptor < 0:
            raise LakeError(f"{self._path} is closed")
        try:
            write_all(self._descriptor, self._buffer)
        except OSError as error:
            self._cut_back()
            raise lake_error(self._path, "cannot be written", error) from error
        self._written += len(self._buffer)
        self._buffer.clear()

    def _cut_back(self) -> None:
        """Take back half of a write, so that the next record follows a whole one."""
        try:
            os.ftruncate(self._descriptor, self._written)
        except OSError as error:
            self._broken = f"ends in a record that cannot be taken back: {error.strerror}"


class SegmentReader:
    """The records of one segment, in the order of their writing, up to the first that is torn or corrupt.

    Attributes
    ----------
    path
        The file.
    header
        What the segment says of itself; None where a crash tore the header, which no record can follow.
    first
        Where the first record begins, in bytes.
    end
        Where the readable part ends; None until the records have been read to the end.
    """

    __slots__ = ("end", "first", "header", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end: SegmentEnd | None = None
        with self._opened() as file:
            line = file.readline(LONGEST_HEADER)
        self.header = parsed_header(line, path) if line.endswith(b"\n") else None
        self.first = len(line) if self.header else 0

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; a segment that is still written to is read up to its size of now."""
        reason: Literal["clean", "torn", "corrupt"] = "clean"
        records, offset = 0, self.first
        with self._opened() as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
            while self.header and offset + HEAD.size <= size:
                head = file.read(HEAD.size)
                length, checksum, received_ns, stream = HEAD.unpack(head)
                if offset + HEAD.size + length > size:
                    break  # before reading: a damaged length may ask for gigabytes
                payload = file.read(length)
                if crc32(payload, crc32(head[START.size :])) != checksum:
                    reason = "corrupt"
                    break
                yield Record(stream, received_ns, payload)
                records += 1
                offset += HEAD.size + length
        if offset < size and reason == "clean":
            reason = "torn"
        self.end = SegmentEnd(reason, records, offset, size - offset)

    def _opened(self) -> BinaryIO:
        try:
            return self.path.open("rb", buffering=_BUFFER)
        except OSError as error:
            raise lake_error(self.path, "cannot be read", error) from error


def read_segment(path: Path) -> SegmentReader:
    """Return the records of a segment to iterate over, with its header, and its end once they are read.

    Raises
    ------
    LakeError
        The file cannot be read, is no segment, or is of a newer format.
    """
    return SegmentReader(path)
