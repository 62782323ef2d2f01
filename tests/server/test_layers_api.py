"""Layers over HTTP: with the weights they come with they are the map, and score as analytics scores it."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from cli.served_venues import SYMBOL
from cli.test_json_page import check
from powderkeg.analytics.comparison import comparison
from powderkeg.core.event_scores import log_errors, total_floor
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.model.market_frame import LiquidationTotals
from powderkeg.model.times import DAY, HOUR, iso, milliseconds
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue
from server.conftest import FilledLake
from server.test_maps_api import got

ASKED = "coin=btc&venues=binance,bybit&history=11d"


def array(told: dict[str, Any]) -> np.ndarray:
    assert told["dtype"] == "float32"
    return np.frombuffer(base64.b64decode(told["base64"]), "<f4").reshape(told["shape"]).astype(np.float64)


def weights_of(one: dict[str, Any]) -> np.ndarray:
    return np.array([one["weights"]["long"], one["weights"]["short"]])


@pytest.mark.parametrize("model", ["worlds", "fixed_tiers"])
@pytest.mark.parametrize("venues", ["binance,bybit", "bybit"])
def test_the_weighted_sum_of_the_layers_is_the_map(
    client: TestClient, filled: FilledLake, model: str, venues: str
) -> None:
    query = f"coin=BTC&venues={venues}&at={iso(filled.end - DAY)}&history=10d&model={model}"
    layers, whole = got(client, f"layers?{query}&score=10d"), got(client, f"map?{query}")
    assert [layers[key] for key in ("as_of", "mark_price", "model")] == [
        whole[key] for key in ("as_of", "mark_price", "model")
    ]
    assert [one["basis"] for one in layers["venues"]] == [one["basis"] for one in whole["layers"]]
    assert [one["open_interest"] for one in layers["venues"]] == pytest.approx(
        [one["open_interest"] for one in whole["layers"]]
    )
    total = sum(
        np.einsum("sdtn,sdt->sn", array(one["standing"]), weights_of(one)) for one in layers["venues"]
    )
    grid = layers["grid"]
    edges = np.exp((grid["first"] + np.arange(grid["count"] + 1)) * grid["width"])
    lowest = int(np.argmin(np.abs(edges - whole["bins"][0]["price_low"])))
    assert edges[lowest] == pytest.approx(whole["bins"][0]["price_low"], rel=1e-12)
    for side, name in enumerate(("long_notional", "short_notional")):
        expected = np.zeros(grid["count"])
        bins = [one[name] for one in whole["bins"]]
        expected[lowest : lowest + len(bins)] = bins
        assert total[side] == pytest.approx(expected, rel=1e-5, abs=1e-6 * max(bins))
    distances, turnovers = layers["classes"]["distances"], layers["classes"]["turnovers"]
    assert weights_of(layers["venues"][0]).shape == (2, len(distances), len(turnovers))
    assert np.all(np.diff(distances) > 0)


def test_the_score_of_the_weights_is_the_one_of_analytics(client: TestClient, filled: FilledLake) -> None:
    answer = client.get(f"/v1/layers?{ASKED}&at={iso(filled.end)}&score=2d")
    check(answer.text, "`/v1/layers`", "`provenance`")
    layers = answer.json()
    score = layers["score"]
    assert (score["step"], score["recorded_venues"], layers["score_reason"]) == ("1h", ["bybit"], None)
    assert [one["venue"] for one in score["not_recorded"]] == ["binance"]  # five minutes are no whole hour
    starts = [milliseconds(time) for time in score["start"]]
    assert starts == [filled.end - hour * HOUR for hour in range(24, 0, -1)]
    assert score["recorded_long"][-2] == pytest.approx(7_021.0)
    assert score["recorded_short"][-1] == pytest.approx(2_500.0)
    assert sum(score["recorded_long"]) == pytest.approx(7_021.0)
    (predicted,) = score["predicted"]
    by_venue = {one["venue"]: weights_of(one) for one in layers["venues"]}
    mine = np.einsum("isdt,sdt->is", array(predicted), by_venue[predicted["venue"]])

    frame = lake_market_frame(filled.lake, venue("bybit"), SYMBOL, Window(filled.end - 11 * DAY, filled.end))
    recorded = np.column_stack([score["recorded_long"], score["recorded_short"]])
    totals = LiquidationTotals(np.array(starts), np.array(starts) + HOUR, recorded[:, 0], recorded[:, 1])
    names = ("worlds", "fixed_tiers", "diffuse")
    theirs = comparison(replace(frame, liquidations=totals), names, step="1h")
    assert mine == pytest.approx(theirs.predicted["worlds"], rel=1e-5)
    rows = {(row.model, row.side): row for row in theirs.rows}
    assert [one["model"] for one in score["baselines"]] == list(names)
    for one in score["baselines"]:
        for number, side in enumerate(("long", "short")):
            row, guess = rows[one["model"], side], theirs.predicted[one["model"]][:, number]
            floor = total_floor(recorded[:, number])
            assert score["floors"][side] == pytest.approx(floor)
            assert one[side]["total_ratio"] == pytest.approx(row.ratio, rel=1e-9)
            assert one[side]["rank_correlation"] == pytest.approx(row.rank_correlation, rel=1e-9)
            errors = log_errors(recorded[:, number], guess, floor=floor)
            assert one[side]["log_mae"] == pytest.approx(errors.mean(), rel=1e-9)
        assert one["log_mae"] == pytest.approx(np.mean([one[side]["log_mae"] for side in ("long", "short")]))


def test_without_a_record_there_is_no_score_but_a_reason(client: TestClient, filled: FilledLake) -> None:
    layers = got(client, f"layers?{ASKED}&at={iso(filled.end - 2 * DAY)}&history=9d&score=3d")
    assert layers["score"] is None
    assert "bybit: liquidations: none of bybit BTCUSDT were recorded" in layers["score_reason"]
    assert layers["venues"]


def test_layers_are_kept_and_not_sent_again(client: TestClient, filled: FilledLake) -> None:
    path = f"/v1/layers?{ASKED}&at={iso(filled.end)}&score=2d"
    first = client.get(path)
    assert len(first.content) < 2_000_000
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
