"""The stream: what is new, in order, again after a break, and never more than a client can take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from cli.served_venues import SYMBOL
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Bar, MarketRow, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.server.application import application
from powderkeg.server.coin_maps import CoinMaps
from powderkeg.server.lake_events import LakeEvents
from powderkeg.server.live_events import LiveEvents
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, event, put

START = 1_773_705_600_000
STEP = 5 * MINUTE


def market(first: int, count: int) -> tuple[list[MarketRow], list[MarketRow]]:
    """Return bars and open interest that rises and falls, `count` of each from bar `first` on."""
    numbers = range(first, first + count)
    prices = [100_000.0 + 500 * (number % 7) for number in numbers]
    bars: list[MarketRow] = [
        Bar(START + n * STEP, STEP, p, p + 200, p - 200, p, 50.0, 50.0 * p, 25.0, 9)
        for n, p in zip(numbers, prices, strict=True)
    ]
    interest: list[MarketRow] = [
        OpenInterest(START + n * STEP, 1e4 + 10 * n, 1e4 + 10 * n, "base", 1, p)
        for n, p in zip(numbers, prices, strict=True)
    ]
    return bars, interest


def grow(lake: Lake, first: int, count: int) -> None:
    """Write bars and open interest of Bybit."""
    for table, variant, rows in zip(
        ("bars", "open_interest"), ("5m", "all"), market(first, count), strict=True
    ):
        lake.append(DatasetKey(table, "bybit", SYMBOL, variant), rows, received_ts=START, source="rest")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with a day of a market and one liquidation."""
    made = Lake(tmp_path / "lake", create=True)
    grow(made, 0, 288)
    put(made, "liquidations", "bybit", SYMBOL, [event(START + HOUR, "long", 1_000.0)])
    return made


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = START + DAY

    def __call__(self) -> int:
        """Return UTC milliseconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(lake: Lake, clock: Clock) -> Iterator[TestClient]:
    with TestClient(application(lake, ServerRules(poll_seconds=0.02), clock), base_url=BASE) as made:
        yield made


def received(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """Return the next message, which must be of this kind."""
    message: dict[str, Any] = socket.receive_json()
    assert message["type"] == kind, message
    return message


def test_maps_come_at_bar_close_and_liquidations_as_they_are_in_the_lake(
    client: TestClient, lake: Lake, clock: Clock
) -> None:
    with client.websocket_connect("ws://127.0.0.1/v1/stream?coins=btc,eth") as socket:
        hello = received(socket, "hello")
        assert hello["coins"] == ["BTC", "ETH"]
        first = received(socket, "map")
        assert (first["coin"], first["sequence"], first["previous_as_of"]) == ("BTC", 1, None)
        assert first["id"] == f"{hello['stream']}:1"
        whole = client.get("/v1/map?coin=BTC").json()
        standing = [one for one in whole["bins"] if one["long_notional"] or one["short_notional"]]
        assert [one["long_notional"] for one in first["bins"]] == [one["long_notional"] for one in standing]

        put(lake, "liquidations", "bybit", SYMBOL, [event(clock.now - MINUTE, "short", 77.0)])
        told = received(socket, "liquidations")
        assert told["sequence"] == 2
        (one,) = told["liquidations"]
        assert (one["notional_usd"], one["position_side"], one["venue"]) == (77.0, "short", "bybit")

        grow(lake, 288, 1)
        clock.now += STEP
        moved = received(socket, "map")
        assert (moved["sequence"], moved["previous_as_of"]) == (3, first["as_of"])
        assert moved["as_of"] == iso(clock.now)

    # What was told before, changed by what was told since, is the map that is served now.
    def key(one: dict[str, Any]) -> float:
        return round(float(one["price_low"]), 9)

    sides = ("long_notional", "short_notional")
    kept = {key(one): [one[side] for side in sides] for one in (*first["bins"], *moved["bins"])}
    now = client.get("/v1/map?coin=BTC").json()
    assert {place: values for place, values in kept.items() if any(values)} == {
        key(one): [pytest.approx(one[side], rel=1e-8) for side in sides]
        for one in now["bins"]
        if any(one[side] for side in sides)
    }


def test_who_comes_back_gets_what_it_missed_and_nothing_twice(
    client: TestClient, lake: Lake, clock: Clock
) -> None:
    with client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as socket:
        stream = received(socket, "hello")["stream"]
        last = received(socket, "map")["id"]
        with client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as other:
            received(other, "hello")
            for amount in (10.0, 20.0):
                put(lake, "liquidations", "bybit", SYMBOL, [event(clock.now - MINUTE, "long", amount)])
                assert received(other, "liquidations")["liquidations"][0]["notional_usd"] == amount
    with client.websocket_connect(f"ws://127.0.0.1/v1/stream?coins=BTC&since={last}") as socket:
        assert received(socket, "hello")["stream"] == stream
        missed = [received(socket, "liquidations") for _ in range(2)]
        assert [one["sequence"] for one in missed] == [2, 3]
        assert [one["liquidations"][0]["notional_usd"] for one in missed] == [10.0, 20.0]
    with client.websocket_connect(f"ws://127.0.0.1/v1/stream?coins=BTC&since={missed[-1]['id']}") as socket:
        received(socket, "hello")
        put(lake, "liquidations", "bybit", SYMBOL, [event(clock.now - MINUTE, "long", 30.0)])
        assert received(socket, "liquidations")["sequence"] == 4


@pytest.mark.parametrize("since", ["0123456789ab:1", "{stream}:99"])
def test_who_comes_back_to_another_run_is_told_to_start_again(client: TestClient, since: str) -> None:
    with client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as socket:
        stream = received(socket, "hello")["stream"]
        received(socket, "map")
    with client.websocket_connect(
        f"ws://127.0.0.1/v1/stream?coins=BTC&since={since.format(stream=stream)}"
    ) as socket:
        received(socket, "hello")
        assert "ask for the map again" in received(socket, "reset")["reason"]


@pytest.mark.parametrize("query", ["", "coins=", "coins=../lake", "coins=BTC&since=1", "coins=BTC&x=1"])
def test_a_request_that_is_none_is_told_why_and_closed(client: TestClient, query: str) -> None:
    with client.websocket_connect(f"ws://127.0.0.1/v1/stream?{query}") as socket:
        assert "expected" in received(socket, "error")["reason"]
        with pytest.raises(WebSocketDisconnect) as left:
            socket.receive_json()
    assert left.value.code == 1008


def test_no_more_clients_than_there_is_room_for(lake: Lake, clock: Clock) -> None:
    app = application(lake, ServerRules(stream_clients=1), clock)
    with (
        TestClient(app, base_url=BASE) as client,
        client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as first,
    ):
        received(first, "hello")
        with client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as second:
            assert "too many clients" in received(second, "error")["reason"]
        assert "powderkeg_server_stream_clients 1.0" in client.get("/v1/metrics").text


class Quiet:
    """A source of no events."""

    def look(self, coins: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return nothing."""
        assert not isinstance(coins, str)
        return []


def in_a_loop(work: Callable[[LiveEvents], None], **rules: int) -> None:
    """Run `work` with a stream of events inside an event loop."""

    async def run() -> None:
        work(LiveEvents({Quiet(): 1.0}, ServerRules(**rules)))  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_client_that_lags_too_far_behind_is_dropped_and_the_others_are_not() -> None:
    def work(live: LiveEvents) -> None:
        slow, _ = live.subscribe(["BTC"], None)
        other, _ = live.subscribe(["ETH"], None)
        for number in range(3):
            live.publish("BTC", {"type": "map", "number": number})
        live.publish("ETH", {"type": "map"})
        assert slow.overflowed.is_set()
        assert slow.queue.qsize() == 2
        assert not other.overflowed.is_set()
        assert json.loads(other.queue.get_nowait().text)["sequence"] == 4
        assert (live.clients, live.dropped) == (1, 1)

    in_a_loop(work, stream_queue=2)


def test_what_is_no_longer_kept_is_not_resumed_silently() -> None:
    def work(live: LiveEvents) -> None:
        for _ in range(5):
            live.publish("BTC", {"type": "map"})
        for since, missed in ((5, []), (4, [5]), (2, [3, 4, 5]), (1, None), (6, None)):
            _, found = live.subscribe(["BTC"], f"{live.stream}:{since}")
            assert (None if found is None else [one.sequence for one in found]) == missed
        _, others = live.subscribe(["ETH"], f"{live.stream}:2")
        assert others == []

    in_a_loop(work, stream_kept=3)


def test_a_slow_client_hears_why_it_is_dropped(lake: Lake, clock: Clock) -> None:
    app = application(lake, ServerRules(poll_seconds=0.02, stream_queue=1), clock)
    with (
        TestClient(app, base_url=BASE) as client,
        client.websocket_connect("ws://127.0.0.1/v1/stream?coins=BTC") as socket,
    ):
        received(socket, "hello")
        received(socket, "map")
        # More than a thousand are told in several events at once, which is more than the queue holds.
        rows: list[MarketRow] = [event(clock.now - HOUR, "long", 1.0, i) for i in range(4_001)]
        put(lake, "liquidations", "bybit", SYMBOL, rows)
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] != "dropped":
            messages.append(socket.receive_json())
        assert "since" in messages[-1]["reason"]
        with pytest.raises(WebSocketDisconnect) as left:
            socket.receive_json()
        assert left.value.code == 1013


def test_a_coin_that_nobody_has_tells_nothing_and_a_second_look_nothing_new(lake: Lake, clock: Clock) -> None:
    looked = LakeEvents(CoinMaps(lake), clock)
    assert [kind["type"] for _, kind in looked.look(["BTC", "NOSUCH"])] == ["map"]
    assert looked.look(["BTC"]) == []


def test_an_instrument_that_is_new_in_the_lake_is_told_from_its_first_row(lake: Lake, clock: Clock) -> None:
    looked = LakeEvents(CoinMaps(lake), clock)
    looked.look(["BTC"])
    put(lake, "liquidations", "binance", SYMBOL, [event(clock.now - MINUTE, "long", 5.0)])
    clock.now += 2 * MINUTE
    ((coin, told),) = looked.look(["BTC"])
    assert (coin, told["liquidations"][0]["venue"]) == ("BTC", "binance")
