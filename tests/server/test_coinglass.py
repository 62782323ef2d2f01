"""The CoinGlass-compatible endpoints: their keys and types, and what powderkeg says beside them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient

from powderkeg.model.times import DAY, HOUR
from server.conftest import FilledLake

ROOT = "/api/futures/liquidation"
PAIR = "exchange=Binance&symbol=BTCUSDT"


def data_of(client: TestClient, path: str) -> Any:
    """Return ``data`` of an endpoint that must answer, after a look at what stands around it."""
    answer = client.get(f"{ROOT}/{path}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"code", "msg", "data", "powderkeg"}
    assert (body["code"], body["msg"]) == ("0", "success")
    assert body["powderkeg"]["kind"] in {"observed", "modelled"}
    assert isinstance(body["powderkeg"]["as_of"], int)
    again = client.get(f"{ROOT}/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    return body["data"]


def test_history_of_a_pair_is_text_and_what_was_not_recorded_has_no_row(
    client: TestClient, filled: FilledLake
) -> None:
    rows = data_of(client, "history?exchange=bybit&symbol=BTCUSDT&interval=1h&limit=1000")
    assert {frozenset(row) for row in rows} == {
        frozenset({"time", "long_liquidation_usd", "short_liquidation_usd"})
    }
    assert len(rows) == 24
    assert rows[-1] == {
        "time": filled.end - HOUR,
        "long_liquidation_usd": "0.0",
        "short_liquidation_usd": "2500.0",
    }
    assert all(later["time"] - earlier["time"] == HOUR for earlier, later in pairwise(rows))
    assert data_of(client, "history?exchange=okx&symbol=BTC-USDT-SWAP&interval=1d") == []
    first = data_of(
        client,
        f"history?exchange=bybit&symbol=BTCUSDT&interval=1h&limit=2&start_time={filled.end - 3 * HOUR}",
    )
    assert [row["time"] for row in first] == [filled.end - 3 * HOUR, filled.end - 2 * HOUR]
    week = data_of(client, "history?exchange=bybit&symbol=BTCUSDT&interval=1w")
    assert sum(float(row["long_liquidation_usd"]) for row in week) == sum(1_000 + i for i in range(7))


def test_history_of_a_coin_adds_up_exchanges_in_numbers(client: TestClient, filled: FilledLake) -> None:
    path = "aggregated-history?symbol=BTC&interval=1h&limit=5&exchange_list="
    rows = {row["time"]: row for row in data_of(client, f"{path}Bybit,Binance")}
    assert rows[filled.end - 3 * HOUR] == {
        "time": filled.end - 3 * HOUR,
        "aggregated_long_liquidation_usd": 300.0,
        "aggregated_short_liquidation_usd": 40.0,
    }
    alone = {row["time"]: row for row in data_of(client, f"{path}Bybit")}
    assert alone[filled.end - 3 * HOUR]["aggregated_long_liquidation_usd"] == 0.0


def test_coins_and_exchanges_are_listed_with_their_sums(client: TestClient) -> None:
    (coin,) = data_of(client, "coin-list?exchange=Bybit")
    spans = ("24h", "12h", "4h", "1h")
    assert list(coin) == [
        "symbol",
        *(f"{side}liquidation_usd_{span}" for span in spans for side in ("", "long_", "short_")),
    ]
    assert coin["symbol"] == "BTC"
    assert coin["liquidation_usd_24h"] == coin["long_liquidation_usd_24h"] + coin["short_liquidation_usd_24h"]
    assert (coin["short_liquidation_usd_4h"], coin["short_liquidation_usd_1h"]) == (2_500.0, 0.0)
    rows = data_of(client, "exchange-list?symbol=BTC&range=4h")
    assert [row["exchange"] for row in rows] == ["All", "Binance", "Bybit"]
    for key in ("liquidation_usd", "long_liquidation_usd", "short_liquidation_usd"):
        assert rows[0][key] == sum(row[key] for row in rows[1:]) > 0


def test_orders_have_the_side_of_the_order_and_beside_them_that_of_the_position(
    client: TestClient, filled: FilledLake
) -> None:
    path = "order?exchange=Bybit&symbol=BTC&min_liquidation_amount="
    rows = data_of(client, f"{path}0")
    assert len(rows) == 12
    assert rows[0] == {
        "exchange_name": "BYBIT",
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "price": 100.0,
        "usd_value": 500.0,
        "side": 1,
        "time": filled.end - HOUR,
    }
    assert rows[-1]["side"] == 2  # a long is closed by a sale
    beside = client.get(f"{ROOT}/{path}0").json()["powderkeg"]["position_side"]
    assert beside == ["short"] * 5 + ["long"] * 7
    assert [row["usd_value"] for row in data_of(client, f"{path}1005")] == [1_006.0, 1_005.0]


@pytest.mark.parametrize("path", [f"heatmap/model1?{PAIR}", "aggregated-heatmap/model1?symbol=BTC"])
def test_a_heatmap_has_cells_by_place_and_candles_in_seconds_and_text(
    client: TestClient, filled: FilledLake, path: str
) -> None:
    data = data_of(client, f"{path}&range=24h")
    assert set(data) == {"y_axis", "liquidation_leverage_data", "price_candlesticks"}
    assert data["y_axis"] == sorted(data["y_axis"])
    columns = len(data["price_candlesticks"])
    assert columns == 288
    for x, y, usd in data["liquidation_leverage_data"][::997]:
        assert 0 <= x < columns
        assert 0 <= y < len(data["y_axis"])
        assert usd > 0
    last = data["price_candlesticks"][-1]
    assert last[0] == filled.end // 1_000 - 300
    assert all(isinstance(value, str) for value in last[1:])
    low, high = float(last[3]), float(last[2])
    assert low <= float(last[4]) <= high


def test_heatmaps_agree_with_the_own_endpoint(client: TestClient, filled: FilledLake) -> None:
    data = data_of(client, "aggregated-heatmap/model1?symbol=BTC&range=24h")
    mine = client.get("/v1/map?coin=BTC&history=31d").json()
    last = len(data["price_candlesticks"]) - 1
    column = sum(usd for x, _, usd in data["liquidation_leverage_data"] if x == last)
    assert column == pytest.approx(
        sum(one["long_notional"] + one["short_notional"] for one in mine["bins"]), rel=1e-5
    )


@pytest.mark.parametrize("path", [f"map?{PAIR}", "aggregated-map?symbol=btc"])
def test_a_map_has_prices_as_keys_and_leverage_is_null(client: TestClient, path: str) -> None:
    data = data_of(client, f"{path}&range=7d")
    assert set(data) == {"data"}
    for key, levels in data["data"].items():
        ((price, usd, leverage, nothing),) = levels
        assert float(key) == price
        assert usd > 0
        assert (leverage, nothing) == (None, None)
    assert len(data["data"]) > 100


def test_a_range_longer_than_the_lake_gives_what_there_is(client: TestClient) -> None:
    path = f"heatmap/model3?{PAIR}&range="
    assert len(data_of(client, f"{path}1y")["price_candlesticks"]) == 10
    assert 100 < len(data_of(client, f"{path}30d")["price_candlesticks"]) < 120


def test_a_map_can_be_asked_for_as_of_an_earlier_time(client: TestClient, filled: FilledLake) -> None:
    path = f"{ROOT}/map?{PAIR}&range=7d"
    early = client.get(f"{path}&as_of={filled.end - 2 * DAY}").json()
    assert early["powderkeg"]["as_of"] == filled.end - 2 * DAY
    assert early["data"] != client.get(path).json()["data"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("futures/liquidation/max-pain?range=24h", 501, "computes none"),
        ("futures/open-interest/history", 404, "Not Found"),
        ("futures/liquidation/history?symbol=BTCUSDT&interval=1h", 422, "exchange: "),
        ("futures/liquidation/history?exchange=Foo&symbol=BTCUSDT&interval=1h", 404, "'foo'"),
        ("futures/liquidation/history?exchange=Bybit&symbol=BTCUSDT&interval=2h", 422, "interval: '2h'"),
        ("futures/liquidation/history?exchange=Bybit&symbol=BTCUSDT&interval=1h&limit=1001", 422, "limit"),
        ("futures/liquidation/history?exchange=Bybit&symbol=BTCUSDT&interval=1h&end_time=1", 422, "end_time"),
        ("futures/liquidation/map?exchange=Binance&symbol=../..&range=7d", 400, "symbol: "),
        ("futures/liquidation/map?exchange=Binance&symbol=DOGEUSDT&range=7d", 404, "'DOGE'"),
        ("futures/liquidation/heatmap/model4?exchange=Binance&symbol=BTCUSDT&range=7d", 422, "model"),
        ("futures/liquidation/aggregated-history?exchange_list=,&symbol=BTC&interval=1h", 422, "names"),
    ],
)
def test_errors_come_in_their_envelope(client: TestClient, path: str, status: int, words: str) -> None:
    answer = client.get(f"/api/{path}")
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"code", "msg", "powderkeg"}
    assert body["code"] == str(status)
    assert words in body["msg"]


def test_they_have_a_document_of_their_own(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    names = {path.removeprefix("/futures/liquidation/") for path in document["paths"]}
    assert names == {
        *("history", "aggregated-history", "coin-list", "exchange-list", "order", "max-pain"),
        *("heatmap/{model}", "aggregated-heatmap/{model}", "map", "aggregated-map"),
    }
    assert not [path for path in client.get("/v1/openapi.json").json()["paths"] if path.startswith("/api")]
