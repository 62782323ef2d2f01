"""One WebSocket connection that is kept alive, watched and written down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from powderkeg.ingest.connection_plan import Channel, ConnectionPlan
from powderkeg.ingest.dropped_frames import DroppedFrames
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.segment_notes import OTHER, Listening, Lost
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.ingest.stream_reader import StreamReader
from powderkeg.ingest.watchfulness import Watchfulness
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.listening import Control
from powderkeg.venues.venue import Venue

_LARGEST_FRAME = 2**24
_FLOOD = 2**18  # bytes that wait to be written
_AT_ONCE = 256  # frames read before others have their turn
_PAUSE = 0.02  # seconds
_MILLISECOND = 1_000_000


class StreamConnection:
    """Keeps one planned connection up and hands all it receives to a sink, with notes of what it missed.

    Parameters
    ----------
    venue, plan, url
        Which channels, and the base url that they live at.
    instruments
        Units of everything that may arrive.
    sink
        Where frames and notes go.
    counts
        Rises as things happen.
    watchfulness
        See there.
    books_every
        ms between two snapshots of one order book.
    heard
        Called with the records of each frame, at once.
    clock
        UTC ns.
    """

    def __init__(
        self,
        venue: Venue,
        plan: ConnectionPlan,
        url: str,
        instruments: Instruments,
        sink: SegmentSink,
        counts: ConnectionCounts,
        *,
        watchfulness: Watchfulness,
        books_every: int,
        heard: Callable[[Sequence[Record]], None],
        clock: Callable[[], int],
    ) -> None:
        self._venue = venue
        self._channels: dict[str, Channel] = {channel.name: channel for channel in plan.channels}
        self._url = venue.stream.url(url, list(self._channels))
        self._sink = sink
        self._counts = counts
        self._watchfulness = watchfulness
        self._clock = clock
        self._reader = StreamReader(
            venue,
            list(self._channels.values()),
            instruments,
            sink,
            counts,
            books_every=books_every,
            heard=heard,
            clock=clock,
        )
        # What every frame needs is looked up once.
        self._channel_of = venue.stream.channel_of
        self._offer = sink.buffer.offer
        self._other = sink.number(OTHER, OTHER)
        self._known = {
            channel.name: (place, sink.number(channel.name, OTHER), channel.feed.droppable)
            for place, channel in enumerate(self._channels.values())
        }
        self._dropped = DroppedFrames(sink, counts)
        self._unconfirmed: set[str] = set()
        self._refusal = ""
        self._missing_since: dict[str, tuple[int, str]] = {}
        self._listening: set[str] = set()
        self._last_on: dict[str, int] = {}
        self._alive = 0
        self._trouble = ""

    async def run(self) -> None:
        """Listen until cancelled; whatever breaks is noted and connected again."""
        try:
            await self._run()
        finally:
            self._reader.restart()
            self._dropped.tell_all(self._clock())

    async def _run(self) -> None:
        wait = self._watchfulness.first_wait
        while True:
            began = time.monotonic()
            self._counts.state = "connecting"
            self._trouble = ""
            try:
                await self._listen()
            except* (OSError, TimeoutError, WebSocketException) as errors:
                first = errors.exceptions[0]
                self._trouble = self._trouble or str(first) or type(first).__name__
            self._lose()
            if time.monotonic() - began >= self._watchfulness.healthy:
                wait = self._watchfulness.first_wait
            self._counts.state = "waiting"
            self._counts.reconnects += 1
            # Not all at once when a venue comes back.
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            wait = min(2 * wait, self._watchfulness.longest_wait)

    async def _listen(self) -> None:
        patience = self._watchfulness
        connected = connect(
            self._url,
            open_timeout=patience.opening,
            close_timeout=1,
            ping_interval=patience.protocol_ping,
            ping_timeout=patience.protocol_ping,
            max_size=_LARGEST_FRAME,
            compression=None,
            additional_headers=self._venue.headers,
        )
        async with connected as socket, asyncio.TaskGroup() as helpers:
            self._refusal = ""
            self._counts.refused.clear()
            self._alive = self._now()
            for message in self._venue.stream.subscribe(list(self._channels)):
                await socket.send(message, text=True)
            if not self._venue.stream.acknowledges:
                self._listen_to(set(self._channels), self._now())
            for work in (self._watch, self._read_behind):
                helpers.create_task(work(socket))
            while True:
                reply = self._take(await socket.recv(decode=False))
                if reply is not None:
                    await socket.send(reply, text=True)
                if self._sink.buffer.full:
                    await self._sink.buffer.room()

    def _take(self, frame: bytes) -> bytes | None:
        """Keep one frame, and return what to answer; frames of channels are read when there is time."""
        now_ns = self._clock()
        now = now_ns // _MILLISECOND
        counts = self._counts
        counts.frames += 1
        counts.bytes += len(frame)
        counts.last_frame = self._alive = now
        name = self._channel_of(frame)
        known = self._known.get(name)
        if known is None:
            self._offer(self._other, now_ns, frame)
            control = self._reader.reading(frame).control
            return None if control is None else self._control(control, now)
        place, number, droppable = known
        if not self._offer(number, now_ns, frame, droppable):
            self._dropped.add(name, now)
        elif self._dropped:
            self._dropped.tell(name, now_ns)
        if name not in self._listening:
            self._counts.refused.pop(name, None)
            self._listen_to({name}, now)
        self._last_on[name] = now
        self._reader.add(place, now, frame)
        return None

    async def _read_behind(self, socket: ClientConnection) -> None:
        """Read frames that are received, a few at a time; in a flood writing goes first, as memory allows."""
        while not self._trouble:
            flood = self._sink.buffer.waiting > _FLOOD and self._reader.bytes < self._sink.buffer.limit
            if not len(self._reader) or flood:
                await asyncio.sleep(_PAUSE)
                continue
            self._trouble = self._reader.read_some(_AT_ONCE)
            await asyncio.sleep(0)
        socket.transport.abort()

    def _control(self, control: Control, now: int) -> bytes | None:
        if control.kind == "subscribed":
            self._listen_to((set(control.channels) & set(self._channels)) or set(self._channels), now)
        elif control.kind == "refused":
            # Without a name nobody knows which: what stays unconfirmed is then found by the watch.
            self._refusal = control.detail
            for name in control.channels:
                self._counts.refused[name] = control.detail
            self._counts.trouble = f"refused: {control.detail}"
        return control.reply

    def _listen_to(self, names: set[str], now: int) -> None:
        new = sorted(names - self._listening - set(self._counts.refused))
        if not new:
            return
        self._listening.update(new)
        self._counts.state = "listening"
        after = {name: self._missing_since.pop(name) for name in new if name in self._missing_since}
        self._counts.gaps += len(after)
        self._sink.note(Listening(now, new, after), self._clock())

    def _lose(self) -> None:
        """Note what is not listened to any more, and since when nothing is known of it."""
        self._reader.restart()
        self._dropped.tell_all(self._clock())
        now = self._now()
        self._counts.trouble = self._trouble
        lost = dict.fromkeys(sorted(self._listening), min(self._alive, now))
        if lost:
            self._sink.note(Lost(now, lost, self._trouble), self._clock())
        for name, since in lost.items():
            self._missing_since.setdefault(name, (since, self._trouble))
        self._listening.clear()
        self._last_on.clear()

    async def _watch(self, socket: ClientConnection) -> None:
        """Break the connection when it is dead or a channel is; send the venue's own pings."""
        began = pinged = self._now()
        while not self._trouble:
            await asyncio.sleep(self._watchfulness.look)
            now = self._now()
            ping = self._venue.stream.ping
            if ping is not None and now - pinged >= self._venue.stream.ping_interval:
                pinged = now
                await socket.send(ping, text=True)
            self._trouble = self._dead(now, began)
        socket.transport.abort()

    def _dead(self, now: int, began: int) -> str:
        """Return why the connection has to be made anew, nothing if it has not."""
        waiting = set(self._channels) - self._listening - set(self._counts.refused)
        if waiting and now - began >= self._watchfulness.acknowledging * 1000:
            if not self._listening or not waiting <= self._unconfirmed:
                self._unconfirmed = waiting
                because = f": {self._refusal}" if self._refusal else ""
                return f"no confirmation of {', '.join(sorted(waiting)[:3])}{because}"
            # Again, while others are: they shall not be broken off for it.
            self._counts.refused.update(dict.fromkeys(waiting, self._refusal or "not confirmed"))
        # Without pings of its own a venue may say nothing for long; WebSocket pings watch the line then.
        if self._venue.stream.ping and now - self._alive >= self._watchfulness.quiet * 1000:
            return f"nothing came for {(now - self._alive) / 1000:.0f} s"
        for name in self._listening:
            silence = self._channels[name].feed.silence
            quiet = now - max(self._last_on.get(name, began), began)
            if silence is not None and quiet >= silence * self._watchfulness.silence:
                # Nothing is known of it since its own last frame, however lively the others are.
                self._alive = now - quiet
                return f"{name} was silent for {quiet / 1000:.0f} s"
        return ""

    def _now(self) -> int:
        return self._clock() // _MILLISECOND
