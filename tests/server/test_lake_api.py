"""Rows of the lake over HTTP: the commands' objects, and pages that hold everything once."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from powderkeg.model.times import HOUR, iso
from powderkeg.version import __version__
from server.conftest import ACCOUNTS, FilledLake
from server.test_maps_api import got, printed


def pages(client: TestClient, path: str, key: str) -> list[list[Any]]:
    """Return the lists of all pages."""
    found = []
    cursor = ""
    while True:
        page = got(client, path + cursor)
        found.append(page[key])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def test_health_tells_the_version_and_how_fresh_the_lake_is(client: TestClient, filled: FilledLake) -> None:
    health = got(client, "health")
    assert (health["status"], health["version"]) == ("ok", __version__)
    last = {(one["venue"], one["table"]): one["last"] for one in health["newest"]}
    assert last["binance", "bars"] == iso(filled.end - HOUR // 12)
    assert last["bybit", "liquidations"] == iso(filled.end - HOUR)


def test_instruments_come_in_pages(client: TestClient) -> None:
    found = pages(client, "instruments?limit=1", "instruments")
    assert [len(page) for page in found] == [1, 1]
    assert [one["venue"] for page in found for one in page] == ["binance", "bybit"]
    assert found[0][0]["base"] == "BTC"
    (alone,) = got(client, "instruments?venue=bybit")["instruments"]
    assert alone == found[1][0]


def test_coverage_is_what_the_command_prints_page_by_page(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    theirs = printed(capfd, filled, "lake coverage")
    whole = got(client, "coverage")
    assert whole == {"datasets": theirs["datasets"], "unreadable": [], "next": None}
    found = pages(client, "coverage?limit=3", "datasets")
    assert len(found) == -(-len(theirs["datasets"]) // 3)
    assert [one for page in found for one in page] == theirs["datasets"]
    bars = got(client, "coverage?table=bars&venue=bybit&symbol=BTCUSDT")["datasets"]
    assert [one["table"] for one in bars] == ["bars"]
    assert str(filled.lake.root) not in client.get("/v1/coverage").text


def test_liquidations_are_what_the_command_prints(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    since, until = iso(filled.end - 6 * HOUR), iso(filled.end)
    line = f"liquidations BTC --since {since} --until {until} --interval 30m --largest 4"
    theirs = printed(capfd, filled, line)
    mine = got(client, f"liquidations?coin=BTC&since={since}&until={until}&interval=30m&largest=4")
    assert mine == theirs
    assert mine["aggregate"]["long_usd"] == 300 + sum(1_000 + i for i in range(7))
    by_length = got(client, f"liquidations?coin=BTC&since=6h&until={until}&interval=30m&largest=4")
    assert by_length == mine


@pytest.mark.parametrize("limit", [1, 2, 4, 1_000])
def test_pages_of_events_hold_each_once_also_where_times_are_the_same(
    client: TestClient, filled: FilledLake, limit: int
) -> None:
    found = pages(client, f"liquidations/events?coin=BTC&limit={limit}", "liquidations")
    events = [one for page in found for one in page]
    assert all(len(page) == limit for page in found[:-1])
    assert [one["notional_usd"] for one in events] == [1_000.0 + i for i in range(7)] + [500.0] * 5
    assert [one["position_side"] for one in events] == ["long"] * 7 + ["short"] * 5
    assert [one["time"] for one in events] == sorted(one["time"] for one in events)


def test_positions_are_what_the_command_prints_under_pseudonyms(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    at = iso(filled.end)
    mine = got(client, f"positions?coin=BTC&near=0.05&at={at}")
    assert mine == printed(capfd, filled, f"positions BTC --near 5% --at {at}")
    assert [one["liquidation_price"] for one in mine["positions"]] == [97.0, 98.5]
    assert mine["long"]["positions"] == 3
    assert not {one["account"] for one in mine["positions"]} & set(ACCOUNTS)
    assert got(client, f"positions?coin=BTC&limit=1&at={at}")["positions"] == mine["positions"][:1]


def test_every_endpoint_is_described_with_what_it_takes_and_how_it_refuses(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    assert {path.removeprefix("/v1/") for path in document["paths"]} == {
        *("instruments", "coverage", "map", "heatmap", "clusters", "imbalance", "squeeze", "models"),
        *("positions", "liquidations", "liquidations/events", "health", "metrics", "series"),
        *("measured/map", "measured/heatmap", "layers", "scoreboard", "context"),
    }
    for path, operations in document["paths"].items():
        (operation,) = operations.values()
        assert operation["summary"], path
        for parameter in operation.get("parameters", ()):
            assert parameter["description"] or parameter["schema"]["description"], (path, parameter)
        if not path.endswith("metrics"):
            assert {"200", "304", "400", "404", "422", "429", "503"} <= set(operation["responses"])
            assert operation["responses"]["200"]["content"]["application/json"]["example"], path


def test_metrics_count_by_route_and_not_by_what_was_asked(client: TestClient) -> None:
    client.get("/v1/made-up-path")
    client.get("/v1/map?coin=NOSUCH")
    text = client.get("/v1/metrics").text
    assert 'powderkeg_server_requests_total{route="/v1/map",status="404"}' in text
    assert 'route="none",status="404"' in text
    assert "made-up" not in text
    assert "NOSUCH" not in text
