"""From one connection's frames to its segments on disk, in groups, each safe before the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from powderkeg.errors import LakeError
from powderkeg.ingest.frame_buffer import Frame, FrameBuffer
from powderkeg.ingest.segment_notes import (
    BOOKS,
    NOTES,
    ON_ITS_WAY,
    Listening,
    Lost,
    Missed,
    Note,
    Until,
    note_bytes,
    note_of,
)
from powderkeg.lake.durable_files import make_directory
from powderkeg.lake.segments import SegmentHeader, SegmentWriter, segment_path

_MILLISECOND = 1_000_000
_OVERLAP = 60_000
"""ms that a segment vouches for before its own beginning: the last of them are the delays of messages, for
which the segment before cannot."""


class SegmentSink:
    """Writes what a connection receives; a segment ends by size or age, and the next goes on without a break.

    What could not be written is kept, and written by the next flush that can be, in another segment.

    Parameters
    ----------
    root
        The lake.
    header
        Time in ns -> header of a segment that begins then; its streams name `NOTES`.
    limit
        Bytes that may wait in memory.
    largest, oldest
        Bytes and ns after which a segment is finished.
    finished
        Called with the path of each finished segment, in a thread.
    clock
        UTC ns.
    """

    def __init__(
        self,
        root: Path,
        header: Callable[[int], SegmentHeader],
        *,
        limit: int,
        largest: int,
        oldest: int,
        finished: Callable[[Path], None],
        clock: Callable[[], int],
    ) -> None:
        self.buffer = FrameBuffer(limit)
        self._root = root
        self._header = header
        self._largest, self._oldest = largest, oldest
        self._finished = finished
        self._clock = clock
        self._numbers = {name: number for number, name in enumerate(header(0).streams)}
        self._writer: SegmentWriter | None = None
        self._started = 0
        self._last = 0
        self._unsafe: list[Frame] = []
        self._complete_since: dict[str, int] = {}
        self._own = {self._numbers[name] for name in (NOTES, BOOKS) if name in self._numbers}
        self.safe = 0
        self._flushing = asyncio.Lock()

    def number(self, stream: str, default: str) -> int:
        """Return the number of a stream, or that of `default` where it has none."""
        return self._numbers.get(stream, self._numbers[default])

    def note(self, note: Note, now_ns: int) -> None:
        """Put a note between the frames."""
        self.buffer.offer(self._numbers[NOTES], now_ns, note_bytes(note))

    async def flush(self) -> int:
        """Make everything received so far safe, and return how many frames are by now.

        Raises
        ------
        LakeError
            The lake cannot be written; the frames still wait, and count against the limit.
        """
        async with self._flushing:
            self._unsafe += self.buffer.taken()
            if self._unsafe or self._writer is not None:
                await _done(self._write)
            self.buffer.written()
            return self.safe

    async def close(self) -> None:
        """Make everything safe and finish the segment."""
        await self.flush()
        async with self._flushing:
            await _done(self._finish)

    def _write(self) -> None:
        try:
            for stream, received_ns, payload in self._unsafe:
                writer = self._writer or self._begin(received_ns)
                writer.append(stream, received_ns, payload)
                self._last = received_ns
                if stream == self._numbers[NOTES]:
                    self._follow(note_of(payload))
            if self._writer is None:
                return
            self._writer.sync()
        except LakeError:
            self._give_up()
            raise
        self.safe += sum(stream not in self._own for stream, _, _ in self._unsafe)
        self._unsafe.clear()
        if self._writer.size >= self._largest or self._clock() - self._started >= self._oldest:
            self._finish()

    def _begin(self, now_ns: int) -> SegmentWriter:
        """Begin a segment; what was listened to when the last one ended is listened to without a break."""
        self._started = self._clock()
        header = self._header(self._started)
        path = segment_path(self._root, header)
        make_directory(path.parent)
        self._writer = SegmentWriter(path, header)
        earliest = (self._last or now_ns) // _MILLISECOND - _OVERLAP
        for since in sorted({max(since, earliest) for since in self._complete_since.values()}):
            channels = [name for name, at in self._complete_since.items() if max(at, earliest) == since]
            going_on = note_bytes(Listening(since, sorted(channels)))
            self._writer.append(self._numbers[NOTES], now_ns, going_on)
        return self._writer

    def _follow(self, note: Note) -> None:
        if isinstance(note, Listening):
            self._complete_since.update(dict.fromkeys(note.channels, note.ts))
        elif isinstance(note, Lost):
            for channel in note.channels:
                self._complete_since.pop(channel, None)
        elif isinstance(note, Missed) and note.channel in self._complete_since:
            self._complete_since[note.channel] = note.end_ts + ON_ITS_WAY

    def _give_up(self) -> None:
        """Leave a segment that could not be written as it is: what it lacks goes into another."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(LakeError):  # the first error is the one to tell
                writer.close()
            self._finished(writer.path)

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            until = Until(self._last // _MILLISECOND)
            writer.append(self._numbers[NOTES], self._last, note_bytes(until))
            writer.close()
        finally:
            self._finished(writer.path)


async def _done(work: Callable[[], None]) -> None:
    """Do something in a thread and stay until it is done, cancelled or not: one at a time may write."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        # What fails here is tried again when the sink is closed.
        await asyncio.gather(running, return_exceptions=True)
        raise
