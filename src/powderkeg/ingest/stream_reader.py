"""What the frames of a connection say, read behind their receipt: what is safe first is understood next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from powderkeg.errors import PayloadError
from powderkeg.ingest.connection_plan import Channel
from powderkeg.ingest.order_books import OrderBooks
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.segment_notes import BOOKS, OTHER, BookSnapshot, Missed, note_bytes
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.ingest.sequence_watch import SequenceWatch
from powderkeg.model.market_rows import DepthLevel, Liquidation, Trade
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.listening import Reading
from powderkeg.venues.venue import Venue


class StreamReader:
    """Reads the frames of channels in the order of their receipt: counts rows, watches numbers, keeps books.

    Parameters
    ----------
    venue, channels, instruments
        How to read, and what is read.
    sink
        Where notes of missed messages and snapshots of books go.
    counts
        Rises as frames are read.
    books_every
        ms between two snapshots of one order book.
    heard
        Called with the records of each frame.
    clock
        UTC ns.
    """

    def __init__(
        self,
        venue: Venue,
        channels: Sequence[Channel],
        instruments: Instruments,
        sink: SegmentSink,
        counts: ConnectionCounts,
        *,
        books_every: int,
        heard: Callable[[Sequence[Record]], None],
        clock: Callable[[], int],
    ) -> None:
        self._read = venue.stream.read
        self._instruments = instruments
        self._sink = sink
        self._books_number = sink.number(BOOKS, OTHER)
        self._counts = counts
        self._sequences = SequenceWatch()
        self._books = OrderBooks(books_every)
        self._heard = heard
        self._clock = clock
        self._channels = tuple(channels)
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._last_on: dict[str, int] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, channel: int, now: int, frame: bytes) -> None:
        """Put a frame, received at `now` ms on the channel of this number, behind the others."""
        self._waiting.append((channel, now, frame))
        self.bytes += len(frame)

    def read_some(self, most: int) -> str:
        """Read up to `most` frames; return why the connection has to begin anew, nothing if it has not."""
        trouble = ""
        for _ in range(min(most, len(self._waiting))):
            number, now, frame = self._waiting.popleft()
            channel = self._channels[number]
            self.bytes -= len(frame)
            reading = self.reading(frame)
            if reading.steps or reading.books:
                trouble = self._follow(channel, reading, now) or trouble
            self._last_on[channel.name] = now
            if reading.records:
                self._tell(reading.records, now)
        return trouble

    def reading(self, frame: bytes) -> Reading:
        """Return what a frame says; one that cannot be read says nothing, and is counted."""
        try:
            return self._read(frame, self._instruments)
        except PayloadError as error:
            self._counts.unreadable += 1
            self._counts.trouble = str(error)
            return Reading()

    def restart(self) -> None:
        """Read what waits, then forget numbers and books: what comes next is from another connection."""
        self.read_some(len(self._waiting))
        self._sequences.forget()
        self._books.forget()
        self._last_on.clear()

    def _follow(self, channel: Channel, reading: Reading, now: int) -> str:
        """Compare numbers and apply changes to books; return what makes a book worthless, if anything."""
        trouble = ""
        for step in reading.steps:
            missing = self._sequences.broken(step)
            if missing:
                self._counts.gaps += 1
                self._counts.trouble = missing
                since = self._last_on.get(channel.name, now)
                self._sink.note(Missed(since, now, channel.name, missing), self._clock())
                trouble = missing if reading.books else trouble
        self._counts.late = self._sequences.late
        for change in reading.books:
            levels = self._books.applied(change, now)
            if levels:
                snapshot = note_bytes(BookSnapshot(change.symbol, levels))
                self._sink.buffer.offer(self._books_number, self._clock(), snapshot)
                self._counts.rows[DepthLevel] += len(levels)
        return trouble

    def _tell(self, records: Sequence[Record], now: int) -> None:
        rows = self._counts.rows
        for record in records:
            rows[type(record.row)] += 1
        last = records[-1].row
        if isinstance(last, Trade | Liquidation):
            self._counts.lag = now - last.ts
        self._heard(records)
