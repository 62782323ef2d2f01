"""Does the server's memory stay bounded, however many maps and heatmaps are asked for?"""

from __future__ import annotations

import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from rich.table import Table
from starlette.testclient import TestClient

from benchmarks.live_latency import SPAWN
from benchmarks.made_lake import BAR, COIN, made_lake
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules

_MANY = 50
_HEATMAP = "history=40d&step=15m&format=binary"


def answering(pipe: Connection, root: Path, end: int) -> None:
    """Ask a server for other times again and again; tell its memory before, after one and after each ten."""
    app = application(Lake(root), ServerRules(burst=100_000), lambda: end)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        pipe.send((0, resident(), kept(client)))
        for number in range(_MANY):
            at = end - number * 6 * HOUR
            for path in (f"map?coin={COIN}", f"heatmap?coin={COIN}&{_HEATMAP}&start={iso(at - 14 * DAY)}"):
                answer = client.get(f"/v1/{path}&at={iso(at)}")
                answer.raise_for_status()
            if number in (0, 9, 19, 29, 39, _MANY - 1):
                pipe.send((number + 1, resident(), kept(client)))


def resident() -> int:
    """Return the memory of this process that is in use, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def kept(client: TestClient) -> int:
    """Return how much of it the server says its caches take, bytes."""
    lines = client.get("/v1/metrics").text.splitlines()
    return int(
        sum(float(line.split()[1]) for line in lines if line.startswith("powderkeg_server_cache_bytes{"))
    )


def table() -> Table:
    """Return the answer: each time is asked for with a map and with a heatmap of 14 days."""
    out = Table("times asked for", "memory of the server", "of which in its caches")
    end = time.time_ns() // 1_000_000 // BAR * BAR
    with tempfile.TemporaryDirectory() as folder:
        lake = made_lake(Path(folder) / "lake", end)
        pipe, theirs = SPAWN.Pipe()
        child = SPAWN.Process(target=answering, args=(theirs, lake.root, end), daemon=True)
        child.start()
        done = 0
        while done < _MANY:
            done, resident_bytes, kept_bytes = pipe.recv()
            out.add_row(str(done), f"{resident_bytes / 1e6:,.0f} MB", f"{kept_bytes / 1e6:,.0f} MB")
        child.join()
    return out
