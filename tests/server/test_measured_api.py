"""Measured maps over HTTP: what the command line counts in the same lake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from cli.test_json_page import MAP, check
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import AccountPosition, AccountState, MarketRow, OpenInterest
from powderkeg.model.times import HOUR, iso
from powderkeg.server.application import application
from powderkeg.server.heatmap_bytes import HEADER, MEDIA_TYPE
from powderkeg.server.server_rules import ServerRules
from powderkeg.venues.census import PERPETUALS
from server.conftest import BASE, FilledLake, put
from server.test_maps_api import got, printed
from server.test_stream import START


@pytest.mark.parametrize("levels", ["published", "frozen", "joint"])
def test_a_measured_map_is_what_the_command_prints(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str], levels: str
) -> None:
    at = iso(filled.end)
    mine = got(client, f"measured/map?coin=BTC&levels={levels}&at={at}")
    assert mine == printed(capfd, filled, f"map BTC --measured --levels {levels} --at {at}")
    assert (mine["kind"], mine["measured"]["levels"]) == ("measured", levels)
    assert mine["measured"]["long"]["notional"] == pytest.approx(600.0)
    check(json.dumps(mine), *MAP, "`powderkeg map --measured --json`")


def test_now_is_the_last_minute_and_what_was_not_known_is_not_counted(
    client: TestClient, filled: FilledLake
) -> None:
    now = got(client, "measured/map?coin=btc")
    assert now["instrument"] == "hyperliquid:BTC"
    assert now["measured"]["venue_open_interest"] is None
    before = client.get(f"/v1/measured/map?coin=BTC&at={iso(filled.end - HOUR)}")
    assert (before.status_code, before.json()["error"]["code"]) == (404, "not_in_data")


def test_a_measured_heatmap_is_what_the_command_prints_with_its_cells(
    client: TestClient, filled: FilledLake, capfd: pytest.CaptureFixture[str]
) -> None:
    start, end = iso(filled.end - 6 * HOUR), iso(filled.end)
    query = f"measured/heatmap?coin=BTC&history=6h&at={end}"
    mine = got(client, query)
    cells = mine.pop("cells")
    edges = mine.pop("edges")
    line = f"heatmap BTC --measured --start {start} --end {end} --step 1h"
    assert mine == printed(capfd, filled, line)
    assert [one["as_of"] for one in mine["columns"]] == [end]
    assert sum(cells["long_notional"]) == pytest.approx(mine["columns"][0]["long_notional"])
    levels = {np.searchsorted(edges, price) - 1 for price in (97.0, 98.5, 50.0)}
    assert set(cells["bin"]) == levels
    answer = client.get(f"/v1/{query}&format=binary")
    assert answer.headers["content-type"] == MEDIA_TYPE
    columns, bins = np.frombuffer(answer.content, "<u4", 2, 8).tolist()
    long = np.frombuffer(answer.content, "<f4")[-2 * columns * bins :][: columns * bins]
    assert long[cells["bin"]].tolist() == cells["long_notional"]
    assert len(answer.content) > HEADER.size


def test_each_map_is_of_the_lake_of_its_time_and_scaling_needs_open_interest(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)

    def hold(ts: int, quantity: float) -> None:
        state: list[MarketRow] = [AccountState(ts, "0xa", 60.0, 60.0, 4.0, 1, "standard")]
        held: list[MarketRow] = [
            AccountPosition(
                ts, "0xa", "BTC", "long", quantity, 95.0, 100 * quantity, 1.0, 5.0, "cross", 9.0, 80
            )
        ]
        put(lake, "account_states", "hyperliquid", PERPETUALS, state)
        put(lake, "positions", "hyperliquid", PERPETUALS, held)

    hold(START, 2.0)
    at = START + 2 * HOUR
    with TestClient(application(lake, ServerRules(), lambda: at), base_url=BASE) as client:
        path = f"measured/map?coin=BTC&at={iso(at)}"
        assert got(client, path)["measured"]["long"]["notional"] == 200.0
        refused = client.get(f"/v1/{path}&scaled=true")
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, "scaled")
        put(lake, "open_interest", "hyperliquid", "BTC", [OpenInterest(START, 8.0, 8.0, "base", 1, None)])
        scaled = got(client, f"{path}&scaled=true")
        assert scaled["measured"]["venue_open_interest"] == 800.0
        assert sum(one["long_notional"] for one in scaled["bins"]) == pytest.approx(800.0)
        hold(START + HOUR, 3.0)  # rows that come later give another map
        assert got(client, path)["measured"]["long"]["notional"] == 300.0
        assert got(client, f"measured/map?coin=BTC&at={iso(START)}")["measured"]["long"]["notional"] == 200.0
        heatmap = got(client, f"measured/heatmap?coin=BTC&history=2h&at={iso(at)}")
        assert [one["counted_long"] for one in heatmap["columns"]] == [200.0, 300.0, 300.0]
