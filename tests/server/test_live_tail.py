"""What a recorder hears is told at once, from its live segments, and not again from the tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from ingest.recorder_process import BTC
from ingest.recording import Recording, patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.live_tail import LiveTail
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import live_segments
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import DepthLevel, Liquidation, MarkPrice, Trade
from powderkeg.model.times import MINUTE, iso
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from powderkeg.venues.registry import venue
from server.conftest import BASE
from venues.made_rows import instrument_row

SYMBOL = "BTCUSDT"
ETH = Instrument("bybit", "ETHUSDT", "ETH", "USDT")
TABLES = ("trades", "liquidations", "mark_prices", "depth_levels")
CHANNELS = [
    f"publicTrade.{SYMBOL}",
    f"allLiquidation.{SYMBOL}",
    f"tickers.{SYMBOL}",
    "allLiquidation.ETHUSDT",
]


def now() -> int:
    return time.time_ns() // 1_000_000


def forced(ts: int, quantity: float) -> Liquidation:
    return Liquidation(ts, "long", 2.0, "bankruptcy", quantity, 2.0 * quantity, None, "", 0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


@contextmanager
def recorded(lake: Lake, name: str = "bybit") -> Iterator[tuple[FakeVenue, Recording]]:
    """Record a fake venue that tells what is pushed."""
    spoken = dialect(name)
    instruments = {
        "bybit": {SYMBOL: BTC, "ETHUSDT": ETH},
        "hyperliquid": {"BTC": Instrument(name, "BTC", "BTC", "USD")},
    }
    rows = {
        symbol: spoken.example(instrument_row(base=one.base)) for symbol, one in instruments[name].items()
    }
    settings = patient(quiet=1e9, silence=1e9)
    with (
        FakeVenue(spoken, ScriptedMarket(rows, {}, now())) as fake,
        Recording(venue(name), fake, lake, instruments[name], TABLES, settings) as recording,
    ):
        yield fake, recording


@contextmanager
def listening(lake: Lake) -> Iterator[tuple[TestClient, WebSocketTestSession]]:
    rules = ServerRules(poll_seconds=0.02, tail_seconds=0.01)
    with (
        TestClient(application(lake, rules, now), base_url=BASE) as client,
        client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as socket,
    ):
        assert socket.receive_json()["type"] == "hello"
        yield client, socket


def told(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """Return the next event of this kind; others may come before it."""
    while True:
        message: dict[str, Any] = socket.receive_json()
        if message["type"] == kind:
            return message


def moved(lake: Lake) -> None:
    for path in finished_segments(lake.root, "bybit"):
        compact_segment(lake.root, path)


def test_a_liquidation_is_told_at_once_and_once_and_is_on_the_page_before_and_after(lake: Lake) -> None:
    at = now() - 2 * MINUTE
    with recorded(lake) as (fake, recording):
        assert fake.stream.wait_for(CHANNELS)
        fake.push("liquidations", SYMBOL, [forced(at, 1.0)])
        recording.until(lambda status: all(one.acknowledged == one.frames for one in status.connections))
        recording.until(lambda _: recording.rows("liquidations") == 1)
        with listening(lake) as (client, socket):
            # A price shows that the first look is over, which tells nothing of before.
            fake.push("mark_prices", SYMBOL, [MarkPrice(at, 100.0, 100.0, None, None)])
            told(socket, "price")
            fake.push("liquidations", "ETHUSDT", [forced(at + 1, 7.0)])
            fake.push("liquidations", SYMBOL, [forced(at + 1, 2.0), forced(at + 1, 2.0)])
            assert [one["quantity"] for one in told(socket, "liquidations")["liquidations"]] == [2.0, 2.0]
            page = client.get("/v1/liquidations/events?coin=BTC").json()["liquidations"]
            assert [one["quantity"] for one in page] == [1.0, 2.0, 2.0]
            recording.stopped()
            moved(lake)
            assert live_segments(lake.root, "bybit") == []
            assert client.get("/v1/liquidations/events?coin=BTC").json()["liquidations"] == page
            # Twice: what it has told is told no more, what is new in the tables is.
            with recorded(lake) as (again, _):
                assert again.stream.wait_for(CHANNELS)
                again.push("liquidations", SYMBOL, [forced(at + 1, 2.0), forced(at + 2, 3.0)])
                assert [one["quantity"] for one in told(socket, "liquidations")["liquidations"]] == [3.0]


def test_prices_are_the_newest_mark_at_most_four_times_a_second(lake: Lake) -> None:
    with recorded(lake) as (fake, _), listening(lake) as (_, socket):
        assert fake.stream.wait_for(CHANNELS)
        start, count, began = now(), 0, time.monotonic()
        seen: list[float] = []
        while len(seen) < 3:
            for _ in range(20):
                count += 1
                fake.push("mark_prices", SYMBOL, [MarkPrice(start + count, 100.0 + count, None, None, None)])
                fake.push("trades", SYMBOL, [Trade(start + count, str(count), 5.0, 1.0, "buy")])
            price = told(socket, "price")
            assert {key: price[key] for key in ("venue", "symbol", "of")} == {
                "venue": "bybit",
                "symbol": SYMBOL,
                "of": "mark",
            }
            assert price["time"] == iso(start + round(price["mark_price"] - 100.0))
            seen.append(price["mark_price"])
        assert seen == sorted(set(seen))
        assert time.monotonic() - began >= 2 * 0.25


def test_where_no_marks_are_streamed_the_last_trade_is_the_price(lake: Lake) -> None:
    with recorded(lake, "hyperliquid") as (fake, _), listening(lake) as (_, socket):
        assert fake.stream.wait_for(["trades:BTC"])
        fake.push("trades", "BTC", [Trade(now(), "1", 5.0, 1.0, "buy")])
        price = told(socket, "price")
        assert (price["venue"], price["mark_price"], price["of"]) == ("hyperliquid", 5.0, "trade")


def test_books_are_not_opened_and_frames_that_say_nothing_are_passed_over(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(lake) as (fake, recording):
        assert fake.stream.wait_for(CHANNELS)
        fake.push(
            "depth_levels",
            SYMBOL,
            [DepthLevel(now(), "bid", 0, 1.0, 1.0), DepthLevel(now(), "ask", 0, 2.0, 1.0)],
        )
        fake.stream.send([(f"allLiquidation.{SYMBOL}", b'{"topic":"allLiquidation.BTCUSDT","data":"?"}')])
        fake.push("liquidations", SYMBOL, [forced(now(), 1.0)])
        recording.until(lambda _: recording.rows("liquidations") == 1)
        recording.until(lambda status: all(one.acknowledged == one.frames for one in status.connections))
        opened: list[str] = []
        plain: Callable[..., Any] = Path.open

        def watched(path: Path, *arguments: Any, **options: Any) -> Any:
            opened.append(path.name)
            return plain(path, *arguments, **options)

        tail = LiveTail(lake.root, [venue("bybit")])
        first = tail.look(wanted={"bybit": [SYMBOL]})
        assert [(one.symbol, one.row.quantity) for one in first.liquidations] == [(SYMBOL, 1.0)]
        fake.push(
            "depth_levels",
            SYMBOL,
            [DepthLevel(now(), "bid", 0, 1.0, 1.0), DepthLevel(now(), "ask", 0, 2.0, 1.0)],
        )
        fake.push("liquidations", SYMBOL, [forced(now(), 2.0)])
        recording.until(lambda _: recording.rows("liquidations") == 2)
        recording.until(lambda status: all(one.acknowledged == one.frames for one in status.connections))
        monkeypatch.setattr(Path, "open", watched)
        second = tail.look(first.last)
        assert [one.row.quantity for one in second.liquidations] == [2.0]
        assert any("liquidations" in name for name in opened)
        assert not any("depth" in name for name in opened)
