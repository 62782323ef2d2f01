"""``powderkeg demo --live``: from a simulated market to a server that moves, and nothing left behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import stamina
from websockets.sync.client import connect

from powderkeg.cli.demo_live import live_demo, next_minute, worst_moment
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import MINUTE
from powderkeg.simulation.emission import VenueEmission
from powderkeg.simulation.market import simulated_market
from powderkeg.simulation.simulated_venue import ALDER


@pytest.fixture(scope="module")
def emission() -> VenueEmission:
    own = (replace(ALDER, name="simulated", liquidation_interval=0),)
    return simulated_market(np.random.default_rng(8), scenario="short_squeeze", days=3, venues=own).venues[0]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Visitor(threading.Thread):
    """Looks at the server as soon as it is there, and presses Ctrl-C once it has seen enough."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._place = f"127.0.0.1:{port}"
        self.prices: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}

    def run(self) -> None:
        for attempt in stamina.retry_context(httpx2.ConnectError, attempts=None, timeout=90, wait_max=0.2):
            with attempt:
                self.answers["health"] = httpx2.get(f"http://{self._place}/v1/health").json()
        try:
            self._look()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def _look(self) -> None:
        with connect(f"ws://{self._place}/v1/stream?coins=BTC") as stream:
            while len(self.prices) < 3:
                event = json.loads(stream.recv(timeout=30))
                if event["type"] == "price":
                    self.prices.append(event)
        for path in ("map", "positions", "squeeze", "heatmap"):
            step = "&step=6h" if path == "heatmap" else ""
            url = f"http://{self._place}/v1/{path}?coin=BTC{step}"
            self.answers[path] = httpx2.get(url, timeout=60).json()


@pytest.fixture
def visitor() -> Iterator[tuple[int, Visitor]]:
    port = free_port()
    one = Visitor(port)
    one.start()
    yield port, one
    one.join()


def test_a_stranger_sees_prices_maps_and_positions_and_nothing_is_left_running(
    emission: VenueEmission,
    visitor: tuple[int, Visitor],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    port, seen = visitor
    event = int(emission.ts[0]) + 2 * 1440 * MINUTE
    old = Lake(tmp_path / "lake", create=True)
    (old.root / "SIMULATED").write_text("of before")
    (old.root / "leftover").write_text("of before")
    live_demo(emission, event, tmp_path, coin="BTC", port=port, seconds=None)
    seen.join()
    assert seen.answers["health"]["recorder"]["state"] == "recording"
    assert {(one["type"], one["venue"], one["of"]) for one in seen.prices} == {("price", "binance", "mark")}
    assert len({one["time"] for one in seen.prices}) == 3
    assert seen.answers["map"]["bins"]
    assert seen.answers["positions"]["kind"] == "measured"
    assert seen.answers["heatmap"]["cells"]
    assert seen.answers["squeeze"]["squeezes"]
    assert multiprocessing.active_children() == []
    assert not (tmp_path / "lake" / "leftover").exists()
    assert list(Lake(tmp_path / "lake").datasets("trades", "okx"))
    assert "Simulated venues, invented prices." in capfd.readouterr().out


def test_a_lake_that_no_demo_made_is_left_alone(emission: VenueEmission, tmp_path: Path) -> None:
    Lake(tmp_path / "lake", create=True)
    with pytest.raises(InputError, match="was not made by a demo"):
        live_demo(emission, int(emission.ts[0]), tmp_path, coin="BTC", port=free_port(), seconds=1.0)
    assert list(Lake(tmp_path / "lake").datasets()) == []


def test_the_squeeze_is_when_most_is_forced_and_moves_by_whole_minutes(emission: VenueEmission) -> None:
    feed = emission.liquidations
    event = int(emission.ts[0]) + 2 * 1440 * MINUTE

    def forced(start: int, end: int) -> float:
        return float(feed.notional[(feed.ts >= start) & (feed.ts < end)].sum())

    moment = worst_moment(emission, event)
    minute = moment // MINUTE * MINUTE
    every = [forced(at, at + MINUTE) for at in range(event - 30 * MINUTE, event + 360 * MINUTE, MINUTE)]
    whole = forced(minute, minute + MINUTE)
    assert whole == max(every)
    assert forced(minute, moment) <= whole / 2 <= forced(minute, moment + 1)
    assert [next_minute(at) for at in (0, 1, MINUTE)] == [0, MINUTE, MINUTE]
