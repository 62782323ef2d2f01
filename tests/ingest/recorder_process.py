"""What tests have other processes do: record, or move segments into tables, and be killed at any instant.

The processes come from a server that has imported what they need, so that fifty of them start in no time.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import pkgutil
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import powderkeg.cli
import powderkeg.ingest
import powderkeg.lake
import powderkeg.settings
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder import Recorder
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.venues.registry import venue

BTC = Instrument("bybit", "BTCUSDT", "BTC", "USDT")
PATIENCE = 60.0
_LOOK = 0.005
_IMPORTED = ("powderkeg.ingest.recorder", "powderkeg.ingest.live_compaction", "powderkeg.venues.bybit")


@dataclass(frozen=True)
class QuickClock:
    """UTC ns that rise `speed` times as fast as they should, the same in every process of this machine."""

    start_ns: int
    origin_ns: int
    speed: int

    def __call__(self) -> int:
        return self.start_ns + (time.monotonic_ns() - self.origin_ns) * self.speed


def record(
    pipe: Connection,
    root: Path,
    urls: Mapping[str, str],
    settings: RecorderSettings,
    clock: Callable[[], int],
) -> None:
    """Record trades and liquidations, told to start, until told to stop; say what is acknowledged."""

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        lake, tables = Lake(root), ("trades", "liquidations")
        async with VenueClient(venue("bybit"), urls) as client:
            recorder = Recorder(client, lake, ["BTCUSDT"], {"BTCUSDT": BTC}, tables, settings, clock=clock)
            recording = asyncio.create_task(recorder.run(stop))
            told: dict[str, int] = {}
            while not recording.done():
                await asyncio.wait([recording], timeout=_LOOK)
                counts = {one.name: one.acknowledged for one in recorder.status.connections}
                if counts != told:
                    told = counts
                    pipe.send(counts)
            await recording

    with contextlib.suppress(EOFError):  # the test is over
        pipe.recv()
        asyncio.run(run())


def move_segments(pipe: Connection, root: Path) -> None:
    """Move segments into tables, told to start, and say the name of each that is done."""
    with contextlib.suppress(EOFError):
        pipe.recv()
        for path in finished_segments(root, "bybit"):
            compact_segment(root, path)
            pipe.send(path.name)


class Child:
    """One such process, up and waiting for its `start`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(list(_IMPORTED))
        self._pipe, theirs = server.Pipe()
        self._process = server.Process(target=work, args=(theirs, *arguments))
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        """Let it begin."""
        self._pipe.send("start")

    def word(self) -> Any:
        """Return the next thing it says."""
        assert self._pipe.poll(PATIENCE), self._process
        return self._pipe.recv()

    def killed(self, after: float) -> list[Any]:
        """Kill it so many seconds from now, and return what it said and nobody heard."""
        self._process.join(after)  # the instant is what is random here
        self._process.kill()
        return self._rest()

    def stopped(self) -> list[Any]:
        """Tell it to stop, and return what it said and nobody heard; it must end well."""
        self._process.terminate()
        return self.ended()

    def ended(self) -> list[Any]:
        """Return what it said and nobody heard, once it has ended by itself; it must end well."""
        said = self._rest()
        assert self._process.exitcode == 0
        return said

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _rest(self) -> list[Any]:
        said: list[Any] = []
        with contextlib.suppress(EOFError, ConnectionResetError):
            while self._pipe.poll(PATIENCE):
                said.append(self._pipe.recv())
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None
        return said


def main() -> None:
    """Run a powderkeg command with a limit on the size of files (0 is none), as a user that may not write."""
    # Before the rights to read them may be gone.
    for package in (powderkeg.cli, powderkeg.ingest, powderkeg.lake, powderkeg.settings):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in ("tomllib", "encodings.idna", "powderkeg.venues.bybit"):
        importlib.import_module(name)
    command = importlib.import_module("powderkeg.cli.main").main
    limit, other_user = int(sys.argv[1]), sys.argv[2] == "nobody"
    sys.argv[1:3] = []
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if other_user and os.getuid() == 0:
        os.setgid(65_534)
        os.setuid(65_534)
    command()


if __name__ == "__main__":
    main()
