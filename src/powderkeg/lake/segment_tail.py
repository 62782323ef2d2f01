"""Following a live segment: the records that were added since the last look, while somebody writes on."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from powderkeg.lake.durable_files import lake_error
from powderkeg.lake.segment_format import HEAD, START, Record, SegmentHeader
from powderkeg.lake.segments import read_segment

_CHUNK = 1 << 20


class SegmentTail:
    """Reads on in a segment from where it was left; one thread at a time.

    A record of which only a part is in the file is not there yet. After a record that is corrupt nothing more
    is read. At most a mebibyte and one record are in memory, however much was added.

    Attributes
    ----------
    path
        The file; it is open only while it is read.
    header
        What the segment says of itself; None where its header is torn.

    Raises
    ------
    LakeError
        The file cannot be read, is no segment, or is of a newer format.
    """

    __slots__ = ("_corrupt", "_offset", "header", "path")

    def __init__(self, path: Path) -> None:
        segment = read_segment(path)
        self.path = path
        self.header: SegmentHeader | None = segment.header
        self._offset = segment.first
        self._corrupt = segment.header is None

    def added(self, streams: Collection[int]) -> Iterator[Record]:
        """Yield the records of these streams that were added since the last look; others are passed over.

        The checksums of those that are passed over are not compared. A file that is gone has nothing added.

        Raises
        ------
        LakeError
            The file cannot be read.
        """
        try:
            if self._corrupt or os.stat(self.path).st_size <= self._offset:  # noqa: PTH116 - ten times a second
                return
            with self.path.open("rb", buffering=0) as file:
                yield from self._read_on(file, streams)
        except FileNotFoundError:  # it was moved into the tables
            return
        except OSError as error:
            raise lake_error(self.path, "cannot be read", error) from error

    def _read_on(self, file: BinaryIO, streams: Collection[int]) -> Iterator[Record]:
        while True:
            size = os.fstat(file.fileno()).st_size
            if size <= self._offset:
                return
            file.seek(self._offset)
            chunk = file.read(min(_CHUNK, size - self._offset))
            place = 0
            while place + HEAD.size <= len(chunk):
                length, checksum, received_ns, stream = HEAD.unpack_from(chunk, place)
                end = place + HEAD.size + length
                # Before reading: a damaged length may ask for gigabytes.
                if self._offset + end - place > size:
                    return
                if stream in streams:
                    if end > len(chunk):
                        if place == 0:
                            chunk += file.read(end - len(chunk))
                        if end > len(chunk):
                            break
                    payload = chunk[place + HEAD.size : end]
                    if crc32(payload, crc32(chunk[place + START.size : place + HEAD.size])) != checksum:
                        self._corrupt = True
                        return
                    self._offset += end - place
                    yield Record(stream, received_ns, payload)
                else:
                    self._offset += end - place
                place = end
            if place == 0:
                return
