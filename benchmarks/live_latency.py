"""How long until WebSocket clients have a liquidation that a venue sends, and what the server publishes?"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from rich.table import Table
from websockets.asyncio.client import connect

from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.recorder_child import RecorderChild, RecordingPlan
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import InstrumentRow, Liquidation
from powderkeg.server.application import application
from powderkeg.server.connection_guard import connection_options
from powderkeg.server.live_events import LiveEvents
from powderkeg.server.server_rules import ServerRules
from powderkeg.server.stream_endpoint import stream_router
from powderkeg.venues.registry import venue

LIQUIDATIONS = 300
APART = 0.05
CLIENTS, PUBLICATIONS, EVERY = 1_000, 100, 0.1
SPAWN = multiprocessing.get_context("spawn")
SYMBOL = "BTCUSDT"
CHANNEL = f"allLiquidation.{SYMBOL}"
ROW = InstrumentRow(0, "BTC", "USDT", "USDT", "linear", 1.0, 0.1, 0.001, "trading", None, 100.0)


def serving_lake(root: Path, port: int) -> None:
    """Serve a lake; runs in a process of its own."""
    import uvicorn

    rules = ServerRules()
    uvicorn.run(application(Lake(root), rules), host="127.0.0.1", port=port, **connection_options(rules))


class Ticking:
    """A source that says what the time is, `PUBLICATIONS` times from when it is told to begin."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._left = PUBLICATIONS

    def look(self, coins: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return the next event."""
        if not self.begun.is_set() or not self._left:
            return []
        self._left -= 1
        return [(coin, {"type": "price", "mark_price": 1e5, "at": time.time_ns()}) for coin in coins]


def serving_ticks(pipe: Connection, port: int) -> None:
    """Serve a stream of such events, begun when told to; runs in a process of its own."""
    import uvicorn

    source, rules = Ticking(), ServerRules()
    live = LiveEvents({source: EVERY}, rules)

    async def run() -> None:
        app = FastAPI()
        app.include_router(stream_router(live), prefix="/v1")
        publishing = asyncio.create_task(live.run())
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **connection_options(rules)))
        await server.serve()
        publishing.cancel()

    def wait() -> None:
        pipe.recv()
        source.begun.set()

    threading.Thread(target=wait, daemon=True).start()
    asyncio.run(run())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def process(work: Any, *arguments: Any) -> Iterator[int]:
    """Run a server in another process, and yield its port once it is up."""
    port = free_port()
    child = SPAWN.Process(target=work, args=(*arguments, port), daemon=True)
    child.start()
    try:
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.join()


def liquidation_delays() -> list[float]:
    """Return seconds from a fake venue's sending to a client's receiving, of each liquidation."""
    bybit = venue("bybit")
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake", create=True)
        with FakeVenue(dialect("bybit"), ScriptedMarket({SYMBOL: ROW}, {}, time.time_ns() // 10**6)) as fake:
            plan = RecordingPlan("bybit", fake.urls(bybit.urls), ("BTC",), ("trades", "liquidations"))
            with (
                RecorderChild(lake.root, [plan], RecorderSettings()),
                process(serving_lake, lake.root) as port,
            ):
                fake.stream.wait_for([CHANNEL])
                return asyncio.run(_delays(fake, port))


async def _delays(fake: FakeVenue, port: int) -> list[float]:
    sent: dict[float, float] = {}
    delays: list[float] = []

    def send(number: float) -> None:
        now = time.time_ns() // 10**6
        sent[number] = time.perf_counter()
        fake.push(
            "liquidations",
            SYMBOL,
            [Liquidation(now, "long", 2.0, "bankruptcy", number, 2 * number, None, "", 0)],
        )

    async def heard(stream: Any) -> None:
        event = msgspec.json.decode(await stream.recv())
        now = time.perf_counter()
        told = [one["quantity"] for one in event.get("liquidations", ())]
        delays.extend(now - sent.pop(number) for number in told if number in sent)

    async with connect(f"ws://127.0.0.1:{port}/v1/stream?coins=BTC") as stream:
        number = 0.0
        while not delays:  # until the first look is over, which tells nothing of before
            number += 1
            await asyncio.to_thread(send, number)
            try:
                await asyncio.wait_for(heard(stream), 1.0)
            except TimeoutError:
                continue
        delays.clear()
        sent.clear()
        for _ in range(LIQUIDATIONS):
            number += 1
            await asyncio.to_thread(send, number)
            end = time.perf_counter() + APART * (0.5 + number * 0.618 % 1)
            while (left := end - time.perf_counter()) > 0:
                try:
                    await asyncio.wait_for(heard(stream), left)
                except TimeoutError:
                    break
        while sent:
            await asyncio.wait_for(heard(stream), 10)
    return delays


def publication_delays() -> list[float]:
    """Return seconds from a publication to its arrival, of each publication at each of many clients."""
    pipe, theirs = SPAWN.Pipe()
    with process(serving_ticks, theirs) as port:
        return asyncio.run(_listened(pipe, port))


async def _listened(pipe: Connection, port: int) -> list[float]:
    delays: list[float] = []
    ready = asyncio.Semaphore(50)

    async def listen(connected: asyncio.Barrier) -> None:
        async with ready:
            stream = await connect(
                f"ws://127.0.0.1:{port}/v1/stream?coins=BTC", compression=None, open_timeout=60
            )
            await stream.recv()
        async with stream:
            await connected.wait()
            for _ in range(PUBLICATIONS):
                frame = await stream.recv(decode=False)
                now = time.time_ns()
                delays.append((now - msgspec.json.decode(frame)["at"]) / 1e9)

    barrier = asyncio.Barrier(CLIENTS + 1)
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(listen(barrier))
        await barrier.wait()
        pipe.send("go")
    return delays


def table() -> Table:
    """Return the answer."""
    out = Table("from", "to", "events", "p50", "p99", "largest")
    heard = "one client, through recorder, disk and server"
    for start, end, delays in (
        ("a venue's sending a liquidation", heard, liquidation_delays()),
        (f"a publication, {1 / EVERY:.0f} a second", f"each of {CLIENTS:,} clients", publication_delays()),
    ):
        cuts = statistics.quantiles(delays, n=100)
        values = (f"{1000 * value:.0f} ms" for value in (cuts[49], cuts[98], max(delays)))
        out.add_row(start, end, f"{len(delays):,}", *values)
    return out
