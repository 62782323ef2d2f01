"""What a recorder knows of itself: plain numbers for the terminal, for metrics and for tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from powderkeg.model.market_rows import table_of


@dataclass(slots=True)
class ConnectionCounts:
    """One connection, or the polls of one venue, since the recorder started.

    Attributes
    ----------
    venue, name
        Which connection.
    state
        ``connecting``, ``listening``, ``waiting`` (to connect again) or ``stopped``.
    frames, bytes
        Received.
    acknowledged
        Frames that are safe on disk.
    rows
        Rows read from them, by class of row; `rows_by_table` has them by table.
    unreadable, dropped, late
        Frames that could not be read (and are kept), that were dropped under pressure, and messages that
        came a second time or after a later one.
    gaps, reconnects
        Stretches in which something may have been missed, and connections made again.
    refused
        Channels that the venue would not give, with its words.
    last_frame
        UTC ms of the last frame; 0 before the first.
    lag
        ms between an event's own time and its arrival, of the last row that has one.
    trouble
        The last thing that went wrong.
    """

    venue: str
    name: str
    state: str = "connecting"
    frames: int = 0
    bytes: int = 0
    acknowledged: int = 0
    rows: Counter[type] = field(default_factory=Counter)
    unreadable: int = 0
    dropped: int = 0
    late: int = 0
    gaps: int = 0
    reconnects: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    last_frame: int = 0
    lag: int | None = None
    trouble: str = ""

    @property
    def rows_by_table(self) -> dict[str, int]:
        """Rows read so far, by the name of their table."""
        return {table_of(row).name: count for row, count in self.rows.items()}

    def rows_of(self, table: str) -> int:
        """Return the rows of a table read so far."""
        return self.rows[table_of(table).row]
