"""Frames for which there was no room, told as one gap for each stretch in which they came."""

from __future__ import annotations

from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.segment_notes import Missed
from powderkeg.ingest.segment_sink import SegmentSink

_MILLISECOND = 1_000_000


class DroppedFrames:
    """Which channels of a connection have lost frames since their last one that was kept.

    Parameters
    ----------
    sink
        Where notes go.
    counts
        Its `dropped` and `gaps` rise.
    """

    def __init__(self, sink: SegmentSink, counts: ConnectionCounts) -> None:
        self._sink = sink
        self._counts = counts
        self._since: dict[str, tuple[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def add(self, channel: str, now: int) -> None:
        """Count a frame, received at `now` ms, that is not kept."""
        self._counts.dropped += 1
        since, frames = self._since.get(channel, (now, 0))
        self._since[channel] = since, frames + 1

    def tell(self, channel: str, now_ns: int) -> None:
        """Note what a channel has lost up to now, if anything."""
        if channel in self._since:
            since, frames = self._since.pop(channel)
            self._counts.gaps += 1
            reason = f"{frames} frames dropped, because the disk was slower than the venue"
            self._sink.note(Missed(since, now_ns // _MILLISECOND, channel, reason), now_ns)

    def tell_all(self, now_ns: int) -> None:
        """Note what all channels have lost up to now."""
        for channel in list(self._since):
            self.tell(channel, now_ns)
