"""``powderkeg serve``: a real server answers, and what would be unsafe does not start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
import stamina
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from powderkeg.cli.main import main
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import live_segments
from powderkeg.model.market_rows import Trade
from powderkeg.venues.registry import venue
from server.conftest import FilledLake
from venues.made_rows import START, instrument_row

TOKEN = "a token of some length"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(lake: Path, log: Path, *options: str) -> Iterator[str]:
    """Serve a lake with a token in another process, and yield where; its output goes to `log`."""
    port = free_port()
    program = "from powderkeg.cli.main import main; main()"
    words = ["serve", "--lake", str(lake), "--port", str(port), *options]
    command = [sys.executable, "-c", program, *words]
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=output, env={**os.environ, "POWDERKEG_TOKEN": TOKEN}
        ) as process,
    ):
        try:
            for attempt in stamina.retry_context(
                httpx2.ConnectError, attempts=None, timeout=30, wait_max=0.2
            ):
                with attempt:
                    httpx2.get(f"http://127.0.0.1:{port}/v1/health")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            assert process.wait(40) == 0


def test_a_real_server_answers_over_http_and_websocket(filled: FilledLake, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(filled.lake.root, log) as place:
        health = httpx2.get(f"http://{place}/v1/health", headers=BEARER)
        assert (health.status_code, health.json()["status"]) == (200, "ok")
        assert "server" not in health.headers
        assert httpx2.get(f"http://{place}/v1/health").status_code == 401
        raw = socket.create_connection(tuple(place.split(":")), timeout=10)  # type: ignore[arg-type]
        with raw:
            raw.sendall(
                b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\nX: a\r\nAuthorization: Bearer no\r\n\r\n"
            )
            assert b" 401 " in raw.recv(100)
        with connect(f"ws://{place}/v1/stream?coins=BTC", additional_headers=BEARER) as stream:
            assert msgspec.json.decode(stream.recv(timeout=20))["type"] == "hello"
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://{place}/v1/stream?coins=BTC")
    said = log.read_text()
    assert "Serving the lake at http://127.0.0.1:" in said
    assert TOKEN not in said
    assert "Traceback" not in said


def test_a_recorder_beside_the_server_is_told_of_and_ends_with_it(tmp_path: Path) -> None:
    market = ScriptedMarket({"BTCUSDT": instrument_row()}, {}, START)
    lake, settings = tmp_path / "lake", tmp_path / "settings.toml"
    with FakeVenue(dialect("bybit"), market) as fake:
        urls = fake.urls(venue("bybit").urls)
        settings.write_text(
            "[venues.bybit.urls]\n" + "".join(f'{host} = "{url}"\n' for host, url in urls.items())
        )
        options = ("--record", "--venues", "bybit", "--coins", "BTC", "--settings", str(settings))
        with serving(lake, tmp_path / "log", *options) as place:
            assert fake.stream.wait_for(["publicTrade.BTCUSDT", "allLiquidation.BTCUSDT"])
            for attempt in stamina.retry_context(AssertionError, attempts=None, timeout=30, wait_max=0.2):
                with attempt:
                    told = httpx2.get(f"http://{place}/v1/health", headers=BEARER).json()["recorder"]
                    assert told["state"] == "recording"
                    assert [one["venue"] for one in told["venues"] if one["listening"]] == ["bybit"]
            fake.push("trades", "BTCUSDT", [Trade(START, "1", 100.0, 1.0, "buy")])
    assert Lake(lake).read(DatasetKey("trades", "bybit", "BTCUSDT")).height == 1
    assert live_segments(lake, "bybit") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--host 0.0.0.0", "host: 0.0.0.0 can be reached from elsewhere; expected a token besides"),
        ("--token short", "token: 5 characters; expected 16 or more"),
        ("--lake nowhere", "is no lake"),
        ("--coins BTC", "--coins is of the recorder: give --record with it"),
    ],
)
def test_what_would_be_unsafe_does_not_start(
    filled: FilledLake,
    arguments: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    words_of_line = ["powderkeg", "serve", "--lake", str(filled.lake.root), *arguments.split()]
    monkeypatch.setattr("sys.argv", words_of_line)
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: pytest.fail("it started"))
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert words in " ".join(capfd.readouterr().err.split())
