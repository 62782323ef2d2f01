"""Bad input: one shape of error that names the field, nothing of the disk, never a fault of the server."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from powderkeg.model.times import iso
from server.conftest import FilledLake


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        ("map", 422, "invalid_parameter", "coin"),
        ("map?coin=", 422, "invalid_parameter", "coin"),
        ("map?coin=DOGE", 404, "unknown_coin", "coin"),
        ("map?coin=../../etc/passwd", 422, "invalid_parameter", "coin"),
        ("map?coin=BTC%00", 422, "invalid_parameter", "coin"),
        ("map?coin=BTC'%20OR%201=1", 422, "invalid_parameter", "coin"),
        ("map?coin=BTC&venues=bitmex", 404, "unknown_venue", "venues"),
        ("map?coin=BTC&venues=,", 422, "invalid_parameter", "venues"),
        ("map?coin=BTC&venues=../lake", 404, "unknown_venue", "venues"),
        ("map?coin=BTC&at=noon", 422, "invalid_parameter", "at"),
        ("map?coin=BTC&at=2099-01-01", 422, "invalid_parameter", "at"),
        ("map?coin=BTC&at=0001-01-01T00:00%2B23:59", 422, "invalid_parameter", "at"),
        ("map?coin=BTC&at=2020-01-01", 404, "not_in_data", None),
        ("map?coin=BTC&att=2020-01-01", 422, "invalid_parameter", "att"),
        ("map?coin=BTC&history=9999d", 422, "invalid_parameter", "history"),
        ("map?coin=BTC&history=long", 422, "invalid_parameter", "history"),
        ("map?coin=BTC&model=crystal_ball", 422, "invalid_parameter", "model"),
        ("clusters?coin=BTC&limit=0", 422, "invalid_parameter", "limit"),
        ("clusters?coin=BTC&limit=1e9", 422, "invalid_parameter", "limit"),
        ("heatmap?coin=BTC&step=1ms", 422, "too_large", "step"),
        ("heatmap?coin=BTC&step=7m&history=10d", 400, "bad_request", "step"),
        ("heatmap?coin=BTC&start=2020-01-01", 404, "not_in_data", "start"),
        ("heatmap?coin=BTC&format=parquet", 422, "invalid_parameter", "format"),
        ("measured/map?coin=NOPE", 404, "unknown_coin", "coin"),
        ("measured/map?coin=BTC&venue=binance", 404, "not_published", "venue"),
        ("measured/map?coin=BTC&levels=guessed", 422, "invalid_parameter", "levels"),
        ("measured/map?coin=BTC&scaled=true", 400, "bad_request", "scaled"),
        ("measured/map?coin=BTC&at=2020-01-01", 404, "not_in_data", None),
        ("measured/heatmap?coin=NOPE", 404, "not_in_data", None),
        ("measured/heatmap?coin=BTC&history=32d", 422, "invalid_parameter", "history"),
        ("measured/heatmap?coin=BTC&step=1m", 422, "too_large", "step"),
        ("measured/heatmap?coin=../../x", 404, "not_in_data", None),
        ("layers?coin=DOGE", 404, "unknown_coin", "coin"),
        ("layers?coin=BTC&score=31d", 422, "invalid_parameter", "score"),
        ("layers?coin=BTC&score=1h", 422, "invalid_parameter", "score"),
        ("layers?coin=BTC&at=2020-01-01", 404, "not_in_data", None),
        ("scoreboard?coin=DOGE", 404, "unknown_coin", "coin"),
        ("scoreboard?coin=BTC&score=31d", 422, "invalid_parameter", "score"),
        ("scoreboard?coin=BTC&fitted=true", 422, "too_large", "fitted"),
        ("scoreboard?coin=BTC&model=diffuse", 422, "invalid_parameter", "model"),
        ("series?coin=DOGE", 404, "unknown_coin", "coin"),
        ("series?coin=BTC&at=2020-01-01", 404, "not_in_data", None),
        ("series?coin=BTC&step=5m&history=30d", 422, "too_large", "step"),
        ("series?coin=BTC&step=7m", 422, "invalid_parameter", "step"),
        ("series?coin=BTC&step=2h&history=1h", 422, "invalid_parameter", "step"),
        ("series?coin=BTC&model=worlds", 422, "invalid_parameter", "model"),
        ("squeeze?coin=BTC&push=0&side=up", 400, "bad_request", "push"),
        ("squeeze?coin=BTC&push=nan&side=up", 400, "bad_request", "push"),
        ("squeeze?coin=BTC&push=1e300", 400, "bad_request", "push"),
        ("squeeze?coin=BTC&to=inf&side=up", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=nan", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=0", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=-5&side=both", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=1e300", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=5e-324", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&to=1&side=up", 400, "bad_request", "to"),
        ("squeeze?coin=BTC&pass_through=2", 422, "invalid_parameter", "pass_through"),
        ("squeeze?coin=BTC&horizon=999999d", 422, "invalid_parameter", "horizon"),
        ("squeeze?coin=BTC&" + "&".join(["push=1e6"] * 21), 422, "invalid_parameter", "push"),
        ("squeeze?coin=BTC&paths=maybe", 422, "invalid_parameter", "paths"),
        ("squeeze?coin=BTC&paths=true&" + "&".join(["push=1e6"] * 5), 422, "too_large", "paths"),
        ("liquidations?coin=DOGE", 404, "unknown_coin", "coin"),
        ("liquidations?coin=BTC&interval=1s", 400, "bad_request", "interval"),
        ("liquidations?coin=BTC&since=99999d", 422, "invalid_parameter", "since"),
        ("liquidations?coin=BTC&since=later", 422, "invalid_parameter", "since"),
        ("liquidations?coin=BTC&until=2099-01-01", 422, "invalid_parameter", "until"),
        ("liquidations/events?coin=BTC&limit=1001", 422, "invalid_parameter", "limit"),
        ("liquidations/events?coin=BTC&cursor=zzz", 422, "invalid_parameter", "cursor"),
        ("liquidations/events?coin=BTC&cursor=WyIxKzEiXQ", 422, "invalid_parameter", "cursor"),
        ("positions?coin=BTC&near=0", 422, "invalid_parameter", "near"),
        ("positions?coin=BTC&near=nan", 422, "invalid_parameter", "near"),
        ("positions?coin=NOPE", 404, "unknown_coin", "coin"),
        ("positions?coin=BTC&venue=binance", 404, "not_published", "venue"),
        ("positions?coin=BTC&at=2020-01-01", 404, "not_in_data", None),
        ("instruments?cursor=WyJhIl0", 422, "invalid_parameter", "cursor"),
        ("instruments?venue=nowhere", 404, "unknown_venue", "venue"),
        ("coverage?table=../../secrets", 400, "bad_request", "table"),
        ("coverage?cursor=..%2F..", 422, "invalid_parameter", "cursor"),
        ("health?verbose=1", 422, "invalid_parameter", "verbose"),
        ("../lake.json", 404, "unknown_path", None),
        ("..%2f..%2flake.json", 404, "unknown_path", None),
        ("map/../../lake.json", 404, "unknown_path", None),
    ],
)
def test_what_is_wrong_is_told_in_one_shape(
    client: TestClient, filled: FilledLake, path: str, status: int, code: str, field: str | None
) -> None:
    answer = client.get(f"/v1/{path}")
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "field"}
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]
    assert str(filled.lake.root) not in answer.text


def test_a_symbol_that_looks_like_a_path_is_a_name_that_nobody_has(client: TestClient) -> None:
    for symbol in ("..", "../..", "/etc/passwd", "BTCUSDT/../..", "a\\b"):
        answer = client.get("/v1/coverage", params={"table": "bars", "venue": "bybit", "symbol": symbol})
        assert (answer.status_code, answer.json()["datasets"]) == (200, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/map?coin=BTC")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method"


NAMES = st.sampled_from(
    ["coin", "venues", "at", "history", "limit", "cursor", "since", "until", "near", "venue", "table", "x"]
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["BTC", "binance", "1d", "-1", "nan", "1e400", iso(1_770_724_800_000), "٣"]),
    st.integers(-(10**25), 10**25).map(str),
)
PLACES = st.sampled_from(
    [
        "clusters",
        "series",
        "instruments",
        "coverage",
        "liquidations/events",
        "positions",
        "liquidations",
        "health",
    ]
)


@given(PLACES, st.dictionaries(NAMES, VALUES, max_size=4))
@settings(max_examples=50, deadline=None)
def test_no_query_is_a_fault_of_the_server(client: TestClient, place: str, query: dict[str, str]) -> None:
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    answer = client.get(f"/v1/{place}?{text}")
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"code", "message", "field"}


def test_a_lake_that_cannot_be_read_is_told_without_its_path(
    filled: FilledLake, damaged_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("map?coin=BTC", "health", "liquidations?coin=BTC", "clusters?coin=BTC"):
        answer = damaged_client.get(f"/v1/{path}")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "lake_unreadable"
        assert "manifest" not in answer.text
    assert "the lake cannot be read" in caplog.text
