"""How much slower than receiving and decoding is recording, in a burst of 100,000 messages?"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from powderkeg.fake_venues.dialects import dialect
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder import Recorder
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import InstrumentRow, Liquidation, MarketRow, Trade
from powderkeg.venues.registry import venue

TRADES, LIQUIDATIONS = 97_000, 3_000
_CHUNK = 2**17
START = 1_760_130_000_000
SPAWN = multiprocessing.get_context("spawn")
BYBIT = venue("bybit")
BTC = Instrument("bybit", "BTCUSDT", "BTC", "USDT")
ROW = InstrumentRow(START, "BTC", "USDT", "USDT", "linear", 1.0, 0.1, 0.001, "trading", None, 100.0)


def burst() -> dict[str, list[bytes]]:
    """Return the frames of one second by channel, all different."""
    speak = dialect("bybit").frames
    found: dict[str, list[bytes]] = {}
    for count, table, row_of in (
        (TRADES, "trades", _trade),
        (LIQUIDATIONS, "liquidations", _liquidation),
    ):
        for number in range(count):
            row: MarketRow = row_of(START + number * 1000 // count, number)
            for channel, frame in speak(table, "BTCUSDT", [row], ROW):
                found.setdefault(channel, []).append(frame)
    return found


def _trade(ts: int, number: int) -> Trade:
    return Trade(ts, f"{number:08d}-2df5-563d-8e3b-e0dbba7c55a0", 100_000.0 + number % 999, 0.001, "sell")


def _liquidation(ts: int, number: int) -> Liquidation:
    price, quantity = 100_000.0 - number / 10, 0.25
    return Liquidation(ts, "long", price, "bankruptcy", quantity, price * quantity, None, "", 0)


def serving(pipe: Connection) -> None:
    """Serve the burst once to everybody who subscribes, when told to; runs in a process of its own."""
    frames = burst()

    async def run() -> None:
        release = asyncio.Event()
        ready = 0

        async def handle(connection: ServerConnection) -> None:
            nonlocal ready
            heard = dialect("bybit").heard(await connection.recv(decode=False))
            for reply in heard.replies:
                await connection.send(reply, text=True)
            ready += 1
            pipe.send(ready)
            await release.wait()
            for channel in heard.channels:
                wire = b"".join(map(on_the_wire, frames.get(channel, ())))
                for start in range(0, len(wire), _CHUNK):
                    connection.transport.write(wire[start : start + _CHUNK])
                    # Past the library, for a sender that is never the one waited for.
                    await connection.drain()
            await connection.wait_closed()

        async with serve(
            handle, "127.0.0.1", 0, compression=None, ping_interval=None, max_queue=None
        ) as server:
            pipe.send(next(iter(server.sockets)).getsockname()[1])
            loop = asyncio.get_running_loop()
            while (word := await loop.run_in_executor(None, pipe.recv)) != "end":
                if word == "go":
                    release.set()
                else:
                    release.clear()
                    ready = 0

    asyncio.run(run())


def on_the_wire(frame: bytes) -> bytes:
    """Return a text message as a server sends it, RFC 6455 5.2."""
    size = len(frame)
    return (bytes([0x81, size]) if size < 126 else struct.pack(">BBH", 0x81, 126, size)) + frame


class Source:
    """The serving process."""

    def __init__(self) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=serving, args=(theirs,), daemon=True)
        self._process.start()
        self.url = f"ws://127.0.0.1:{self._pipe.recv()}"

    async def burst_to(self, listeners: int) -> None:
        """Wait for so many listeners, and let go."""
        for _ in range(listeners):
            await asyncio.to_thread(self._pipe.recv)
        self._pipe.send("go")

    def rearm(self) -> None:
        """Get ready for the next time."""
        self._pipe.send("again")

    def end(self) -> None:
        """Stop the process."""
        self._pipe.send("end")
        self._process.join()


def bare_seconds(source: Source) -> float:
    """Return the time that receiving and decoding takes, on two connections, keeping nothing."""

    async def listen(channel: str, count: int, started: list[float]) -> None:
        async with connect(source.url, compression=None, ping_interval=None) as socket:
            await socket.send(BYBIT.stream.subscribe([channel])[0], text=True)
            await socket.recv()
            for number in range(count):
                frame = await socket.recv(decode=False)
                if not number:
                    started.append(time.perf_counter())
                msgspec.json.decode(frame)

    async def run() -> float:
        started: list[float] = []
        listening = asyncio.gather(
            listen("publicTrade.BTCUSDT", TRADES, started),
            listen("allLiquidation.BTCUSDT", LIQUIDATIONS, started),
        )
        await source.burst_to(2)
        await listening
        return time.perf_counter() - min(started)

    taken = asyncio.run(run())
    source.rearm()
    return taken


def recorded_seconds(source: Source, root: Path) -> tuple[float, int, int]:
    """Return the time until all is safe on disk, and the rows of each kind in the tables after compaction."""

    async def run() -> float:
        lake = Lake(root, create=True)
        urls = dict.fromkeys(BYBIT.urls, source.url)
        async with VenueClient(BYBIT, urls) as client:
            settings = RecorderSettings(compact=False)
            tables = ("trades", "liquidations")
            recorder = Recorder(client, lake, ["BTCUSDT"], {"BTCUSDT": BTC}, tables, settings)
            stop = asyncio.Event()
            recording = asyncio.create_task(recorder.run(stop))
            await source.burst_to(len(recorder.status.connections))
            counts = recorder.status.connections
            while not any(one.rows for one in counts):
                await asyncio.sleep(0.001)
            started = time.perf_counter()
            while sum(one.acknowledged for one in counts) < TRADES + LIQUIDATIONS:
                await asyncio.sleep(0.005)
            taken = time.perf_counter() - started
            stop.set()
            await recording
        return taken

    taken = asyncio.run(run())
    source.rearm()
    for path in finished_segments(root, "bybit"):
        compact_segment(root, path)
    lake = Lake(root)
    kept = [len(lake.read(DatasetKey(table, "bybit", "BTCUSDT"))) for table in ("trades", "liquidations")]
    return taken, kept[0], kept[1]


def table() -> Table:
    """Return the answer, medians of three."""
    source = Source()
    out = Table("work", "seconds", "messages a second", "ratio", "rows kept", "peak memory")
    try:
        bare = statistics.median(_thrice(lambda: bare_seconds(source)))
        rate = f"{(TRADES + LIQUIDATIONS) / bare:,.0f}"
        out.add_row("receive and decode", f"{bare:.2f}", rate, "1.00", "", "")
        with tempfile.TemporaryDirectory() as folder:
            runs = [recorded_seconds(source, Path(folder) / str(number)) for number in range(3)]
    finally:
        source.end()
    taken = statistics.median(run[0] for run in runs)
    kept = ", ".join(sorted({f"{trades:,} + {liquidations:,}" for _, trades, liquidations in runs}))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = f"{(TRADES + LIQUIDATIONS) / taken:,.0f}"
    out.add_row("record, safe on disk", f"{taken:.2f}", rate, f"{bare / taken:.2f}", kept, f"{memory:.0f} MB")
    return out


def _thrice(work: Callable[[], float]) -> list[float]:
    return [work() for _ in range(3)]
