"""The layout of a segment, and the values that it holds.

A segment is one JSON line that says what it is, then records: payload length (u32), CRC-32 of the rest of the
record (u32), time of receipt (i64, UTC nanoseconds), number of the stream (u16), payload; little-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from powderkeg.errors import InputError, LakeError

FORMAT = 1
LONGEST_HEADER = 1 << 20
START = struct.Struct("<II")  # length and checksum
STAMP = struct.Struct("<qH")  # time of receipt and stream, which the checksum covers too
HEAD = struct.Struct("<IIqH")  # both


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself.

    Attributes
    ----------
    venue
        Whose frames they are.
    connection
        Name of the connection, the same each time it is made anew.
    started_ns
        When the segment was begun, UTC nanoseconds.
    streams
        Names of the streams; a record's number counts in it, from 0. Where it is empty, any number goes.
    metadata
        What else a reader should know; anything that JSON can hold.
    """

    venue: str
    connection: str
    started_ns: int
    streams: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def stream_name(self, stream: int) -> str:
        """Return the name of a stream, or its number as text where it has none."""
        return self.streams[stream] if stream < len(self.streams) else str(stream)


class Record(NamedTuple):
    """One frame: the number of its stream, when it came in UTC nanoseconds, and its bytes."""

    stream: int
    received_ns: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Where the readable part of a segment ends.

    Attributes
    ----------
    reason
        ``clean``: with the file. ``torn``: in a record that the file ends in, as a crash leaves it.
        ``corrupt``: at a record whose checksum does not fit.
    records
        How many were read.
    offset
        Bytes that are sound, from the start of the file.
    unreadable_bytes
        Bytes behind them.
    """

    reason: Literal["clean", "torn", "corrupt"]
    records: int
    offset: int
    unreadable_bytes: int


def header_line(header: SegmentHeader) -> bytes:
    """Return the line that a segment starts with.

    Raises
    ------
    InputError
        The header holds what JSON cannot, or is longer than a mebibyte.
    """
    content = {
        "format": FORMAT,
        "venue": header.venue,
        "connection": header.connection,
        "started_ns": header.started_ns,
        "streams": list(header.streams),
        "metadata": dict(header.metadata),
    }
    try:
        line = json.dumps(content, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"header of the segment: {error}; expected what JSON can hold") from error
    if len(line) > LONGEST_HEADER:
        raise InputError(f"header of the segment takes {len(line)} bytes; expected at most {LONGEST_HEADER}")
    return line


def parsed_header(line: bytes, path: Path) -> SegmentHeader:
    """Return what the first line of a segment says; `path` is for messages.

    Raises
    ------
    LakeError
        It is no such line, or of a newer format.
    """
    try:
        content = json.loads(line)
        version = int(content["format"])
        if version <= FORMAT:
            return SegmentHeader(
                content["venue"],
                content["connection"],
                content["started_ns"],
                tuple(content["streams"]),
                content["metadata"],
            )
    except (ValueError, LookupError, TypeError) as error:
        raise LakeError(f"{path} is no segment: its first line is {line[:80]!r}") from error
    raise LakeError(
        f"{path} has format {version}, which a newer powderkeg wrote; this one knows formats up to {FORMAT}: "
        "update powderkeg"
    )
