"""Frames between a socket and a disk: bounded, and never losing what may not be lost."""

from __future__ import annotations

import asyncio

_SHARE_FOR_DROPPABLE = 0.5

Frame = tuple[int, int, bytes]
"""One frame on its way into a segment: number of its stream, time of receipt in ns, its bytes."""


class FrameBuffer:
    """Frames that wait to be written, for one event loop.

    Droppable frames are refused once half of the limit is used. All others are always taken, and whoever
    brought one then waits in `room` until there is some: he stops reading his socket, and the venue's
    packets wait for him. So the buffer holds at most its limit and one frame of each connection.

    Parameters
    ----------
    limit
        Bytes of payload.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._frames: list[Frame] = []
        self._bytes = 0
        self._in_flight = 0
        self._changed = asyncio.Event()
        self.largest = 0

    def offer(self, stream: int, received_ns: int, payload: bytes, droppable: bool = False) -> bool:
        """Take a frame and return True, or, if it is droppable and there is little room, return False."""
        used = self._bytes + self._in_flight
        if droppable and used >= _SHARE_FOR_DROPPABLE * self.limit:
            return False
        self._frames.append((stream, received_ns, payload))
        self._bytes += len(payload)
        self.largest = max(self.largest, used)
        return True

    @property
    def waiting(self) -> int:
        """Bytes that nobody has begun to write."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._bytes + self._in_flight >= self.limit

    async def room(self) -> None:
        """Wait until the limit is no longer reached."""
        while self.full:
            self._changed.clear()
            await self._changed.wait()

    def taken(self) -> list[Frame]:
        """Return all frames, oldest first; they count against the limit until `written`."""
        frames, self._frames = self._frames, []
        self._in_flight += self._bytes
        self._bytes = 0
        return frames

    def written(self) -> None:
        """Say that what was taken is safe."""
        self._in_flight = 0
        self._changed.set()
