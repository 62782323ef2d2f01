"""How a recorder works, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.watchfulness import Watchfulness

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """How a recorder weighs memory, disk and delay.

    Attributes
    ----------
    flush
        Seconds between two groups made safe on disk: what a crash can cost.
    memory
        Bytes of frames that each connection may hold in memory.
    segment_bytes, segment_seconds
        When a segment is finished and moved into tables.
    books_every
        ms between two snapshots of one order book in the tables; every message is in the archive.
    watchfulness
        When connections are taken for dead.
    compact
        Whether finished segments are moved into tables while recording; otherwise the next run does it.
    """

    flush: float = 0.1
    memory: int = 64 * _MEBIBYTE
    segment_bytes: int = 64 * _MEBIBYTE
    segment_seconds: float = 300.0
    books_every: int = 10_000
    watchfulness: Watchfulness = field(default_factory=Watchfulness)
    compact: bool = True


@dataclass(slots=True)
class RecorderStatus:
    """What a recorder is doing; the same object for as long as it runs.

    Attributes
    ----------
    venue, symbols, tables
        What it records.
    connections
        Its connections, the polls last.
    segments, compacted_rows
        Segments moved into tables, and rows written, by table.
    unreadable_bytes
        What crashes left at the ends of segments.
    trouble
        What is wrong with the tables, as long as it is: a segment that could not be moved into them and
        stays where it is, or a dataset that could not be merged.
    """

    venue: str
    symbols: tuple[str, ...]
    tables: tuple[str, ...]
    connections: list[ConnectionCounts] = field(default_factory=list)
    segments: int = 0
    compacted_rows: dict[str, int] = field(default_factory=dict)
    unreadable_bytes: int = 0
    trouble: str = ""
