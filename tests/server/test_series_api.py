"""Series over HTTP: what maps know at the end of each step, and null where nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from cli.served_venues import SYMBOL, ServedVenues
from cli.test_json_page import check
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Bar, FundingRate
from powderkeg.model.times import DAY, HOUR, MINUTE, iso, milliseconds
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake
from server.test_maps_api import got
from server.test_stream import START, grow

ASKED = "series?coin=btc&venues=binance,bybit"


@pytest.mark.parametrize("back", [0, 3 * HOUR, 2 * DAY])
def test_open_interest_and_mark_are_those_of_the_maps_of_the_same_time(
    client: TestClient, filled: FilledLake, back: int
) -> None:
    series = got(client, f"{ASKED}&at={iso(filled.end)}")
    assert (series["coin"], series["as_of"], series["step"]) == ("BTC", iso(filled.end), "1h")
    assert len(series["times"]) == 7 * 24
    column = series["times"].index(iso(filled.end - back))
    whole = got(client, f"map?coin=BTC&venues=binance,bybit&at={iso(filled.end - back)}")
    layers = {one["instrument"].partition(":")[0]: one for one in whole["layers"]}
    for one in series["venues"]:
        layer = layers.pop(one["venue"])
        assert one["mark_price"][column] == pytest.approx(layer["mark_price"], rel=1e-12)
        assert one["open_interest"][column] == pytest.approx(layer["open_interest"], rel=1e-9)
        base = one["open_interest_base"][column]
        assert base * one["mark_price"][column] == pytest.approx(one["open_interest"][column])
    assert layers == {}
    assert series["total"]["open_interest"][column] == pytest.approx(whole["open_interest"], rel=1e-9)
    assert series["total"]["venues_known"][column] == 2


def test_funding_and_volume_are_those_that_the_venues_told(
    client: TestClient, filled: FilledLake, served: ServedVenues
) -> None:
    series = got(client, f"{ASKED}&at={iso(filled.end)}&step=4h&history=2d")
    times = [milliseconds(time) for time in series["times"]]
    for one in series["venues"]:
        told = served.series[one["venue"]]
        settled = [row for row in told["funding", SYMBOL, "all"] if isinstance(row, FundingRate)]
        expected = [[row.funding_rate for row in settled if row.ts <= time][-1] for time in times]
        assert one["funding_rate"] == pytest.approx(expected)
        assert one["funding_interval_hours"] == 8
        bars = [row for row in told["bars", SYMBOL, "5m"] if isinstance(row, Bar)]
        traded = [
            sum(row.volume * row.close for row in bars if time - 4 * HOUR <= row.ts < time) for time in times
        ]
        assert one["volume_usd"] == pytest.approx(traded)
    interest, rates = (
        np.array([one[key] for one in series["venues"]]) for key in ("open_interest", "funding_rate")
    )
    assert series["total"]["funding_rate"] == pytest.approx(np.average(rates, axis=0, weights=interest))


def test_series_do_not_repaint(client: TestClient, filled: FilledLake) -> None:
    early = got(client, f"{ASKED}&at={iso(filled.end - DAY)}&history=3d")
    late = got(client, f"{ASKED}&at={iso(filled.end)}&history=4d")
    count = len(early["times"])
    assert late["times"][:count] == early["times"]
    for old, new in zip(early["venues"], late["venues"], strict=True):
        for key in ("open_interest", "funding_rate", "mark_price", "volume_usd"):
            assert new[key][:count] == old[key]


def test_a_time_inside_a_step_gives_the_whole_steps_before_it(client: TestClient, filled: FilledLake) -> None:
    inside = got(client, f"{ASKED}&at={iso(filled.end - DAY + 59 * MINUTE)}&history=6h")
    assert inside["times"] == [iso(filled.end - DAY - hours * HOUR) for hours in range(5, -1, -1)]


def test_what_is_not_known_is_null_and_the_sum_says_of_how_many_it_is(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    grow(lake, 0, 100)  # to 08:20, and again from 09:05 to 12:00
    grow(lake, 109, 35)
    key = DatasetKey("funding", "bybit", SYMBOL)
    rows = [FundingRate(START + 4 * HOUR, 0.0002, 4 * HOUR)]
    lake.append(key, rows, received_ts=START, source="rest")
    at = START + 14 * HOUR
    with TestClient(application(lake, ServerRules(), lambda: at), base_url=BASE) as client:
        series = got(client, "series?coin=BTC&history=14h")
    (one,) = series["venues"]
    assert series["times"][0] == iso(START + HOUR)
    holes = [hour for hour, value in enumerate(one["volume_usd"], 1) if value is None]
    assert holes == [9, 10, 13, 14]
    marks = [hour for hour, value in enumerate(one["mark_price"], 1) if value is None]
    assert marks == [13, 14]
    rates = {hour for hour, value in enumerate(one["funding_rate"], 1) if value == 0.0002}
    assert rates == set(range(4, 13))  # for two intervals, and no longer
    assert one["funding_interval_hours"] == 4
    total = series["total"]
    assert total["venues_known"] == [1] * 12 + [0, 0]
    assert total["open_interest"][-2:] == [None, None]
    assert total["funding_rate"][3] == pytest.approx(0.0004)  # per eight hours
    assert total["funding_rate"][:3] == [None] * 3
    assert "okx" in {skipped["venue"] for skipped in series["skipped"]}


def test_series_are_made_once_and_not_sent_again(client: TestClient, filled: FilledLake) -> None:
    path = f"/v1/{ASKED}&at={iso(filled.end - 2 * DAY)}"
    first = client.get(path)
    check(first.text, "`/v1/series`")
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["content-type"] == "application/json"
