"""From one connection's frames to its segments on disk, in groups, each safe before the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from powderkeg.ingest.frame_buffer import Frame, FrameBuffer
from powderkeg.ingest.segment_notes import NOTES, Listening, Lost, Note, Until, note_bytes, note_of
from powderkeg.lake.segments import SegmentHeader, SegmentWriter, segment_path

_MILLISECOND = 1_000_000


class SegmentSink:
    """Writes what a connection receives; a segment ends by size or age, and the next goes on without a break.

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
        self._listening: set[str] = set()
        self.safe = 0
        self._flushing = asyncio.Lock()

    def number(self, stream: str, default: str) -> int:
        """Return the number of a stream, or that of `default` where it has none."""
        return self._numbers.get(stream, self._numbers[default])

    def note(self, note: Note, now_ns: int) -> None:
        """Put a note between the frames."""
        self.buffer.offer(self._numbers[NOTES], now_ns, note_bytes(note))

    async def flush(self) -> int:
        """Make everything received so far safe, and return how many frames and notes are by now.

        Raises
        ------
        LakeError
            The lake cannot be written.
        """
        async with self._flushing:
            frames = self.buffer.taken()
            if frames or self._writer is not None:
                await asyncio.to_thread(self._write, frames)
            self.buffer.written()
            return self.safe

    async def close(self) -> None:
        """Make everything safe and finish the segment."""
        await self.flush()
        async with self._flushing:
            await asyncio.to_thread(self._finish)

    def _write(self, frames: Sequence[Frame]) -> None:
        notes = self._numbers[NOTES]
        for stream, received_ns, payload in frames:
            writer = self._writer or self._begin(received_ns)
            writer.append(stream, received_ns, payload)
            self._last = received_ns
            if stream == notes:
                self._follow(note_of(payload))
        if self._writer is None:
            return
        self._writer.sync()
        self.safe += len(frames)
        if self._writer.size >= self._largest or self._clock() - self._started >= self._oldest:
            self._finish()

    def _begin(self, now_ns: int) -> SegmentWriter:
        """Begin a segment; what was listened to when the last one ended is listened to without a break."""
        self._started = self._clock()
        header = self._header(self._started)
        path = segment_path(self._root, header)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = SegmentWriter(path, header)
        if self._listening:
            since = (self._last or now_ns) // _MILLISECOND
            going_on = Listening(since, sorted(self._listening))
            self._writer.append(self._numbers[NOTES], now_ns, note_bytes(going_on))
        return self._writer

    def _follow(self, note: Note) -> None:
        if isinstance(note, Listening):
            self._listening.update(note.channels)
        elif isinstance(note, Lost):
            self._listening.difference_update(note.channels)

    def _finish(self) -> None:
        if self._writer is None:
            return
        until = Until(self._last // _MILLISECOND)
        self._writer.append(self._numbers[NOTES], self._last, note_bytes(until))
        self._writer.close()
        path, self._writer = self._writer.path, None
        self._finished(path)
