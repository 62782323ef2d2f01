"""The scoreboard over HTTP: what analytics says of the same record, and reasons where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from cli.served_venues import SYMBOL
from cli.test_json_page import check
from powderkeg.analytics.comparison import comparison
from powderkeg.analytics.scoreboard import scoreboard
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.model.market_frame import LiquidationTotals
from powderkeg.model.market_rows import MarketRow
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.model.window import Window
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from powderkeg.venues.registry import venue
from server.conftest import BASE, FilledLake, event, put
from server.test_maps_api import got
from server.test_stream import START, grow

DAYS, HOURS = 4, 30
END = START + DAYS * DAY


def recorded_lake(path: Path) -> tuple[Lake, np.ndarray]:
    """Return a lake with days of a market, and what was reported in each of its last hours."""
    lake = Lake(path, create=True)
    grow(lake, 0, DAYS * 288)
    told = np.random.default_rng(5).lognormal(9.0, 1.0, (HOURS, 2)).round(2)
    starts = END - HOURS * HOUR + HOUR * np.arange(HOURS)
    rows: list[MarketRow] = []
    for ts, (long, short) in zip(starts.tolist(), told.tolist(), strict=True):
        rows += [event(ts + MINUTE, "long", long), event(ts + 2 * MINUTE, "short", short)]
    put(lake, "liquidations", "bybit", SYMBOL, rows, Window(END - HOURS * HOUR, END))
    return lake, told


def test_the_scores_are_those_of_analytics_on_the_same_record(tmp_path: Path) -> None:
    lake, told = recorded_lake(tmp_path / "lake")
    rules = ServerRules(burst=100)
    with TestClient(application(lake, rules, lambda: END + MINUTE), base_url=BASE) as client:
        answer = client.get(
            f"/v1/scoreboard?coin=BTC&at={iso(END)}&history=4d&score=2d&venues=bybit&fitted=true"
        )
        assert answer.status_code == 200, answer.text
        early = client.get(f"/v1/scoreboard?coin=BTC&at={iso(END - 2 * DAY)}&history=2d").json()
    check(answer.text, "`/v1/scoreboard`")
    board = answer.json()
    assert (board["as_of"], board["since"], board["step"]) == (iso(END), iso(END - 2 * DAY), "1h")
    (one,) = board["venues"]
    assert (one["venue"], one["intervals"], one["fitted_reason"]) == ("bybit", HOURS, None)
    assert one["compared"] == board["total"]["compared"]

    starts = END - HOURS * HOUR + HOUR * np.arange(HOURS)
    frame = lake_market_frame(lake, venue("bybit"), SYMBOL, Window(START, END))
    frame = replace(frame, liquidations=LiquidationTotals(starts, starts + HOUR, told[:, 0], told[:, 1]))
    names = ("worlds", "fixed_tiers", "diffuse")
    rows = {(row.model, row.side): row for row in comparison(frame, names, step="1h").rows}
    assert [model["model"] for model in one["compared"]] == list(names)
    for model in one["compared"]:
        for side in ("long", "short"):
            row = rows[model["model"], side]
            assert model[side]["predicted"] == pytest.approx(row.predicted, rel=1e-9)
            assert model[side]["recorded"] == pytest.approx(row.recorded, rel=1e-9)
            assert model[side]["rank_correlation"] == pytest.approx(row.rank_correlation, rel=1e-9)
    middle = int(starts[HOURS // 2])
    theirs = scoreboard(frame, train_end=middle, step="1h", embargo="1h")
    assert [(score["model"], score["side"], score["metric"]) for score in one["fitted"]["scores"]] == [
        (row.model, row.side, row.metric) for row in theirs.rows
    ]
    assert [score["value"] for score in one["fitted"]["scores"]] == pytest.approx(
        [row.value for row in theirs.rows], rel=1e-9
    )
    assert one["fitted"]["start"] == iso(middle + HOUR)
    # As of a time before anything was recorded there is nothing to say.
    assert (early["total"], early["venues"]) == (None, [])
    assert "none of bybit BTCUSDT were recorded" in early["total_reason"]


def test_too_little_to_fit_on_is_told_and_compared_all_the_same(
    client: TestClient, filled: FilledLake
) -> None:
    asked = f"scoreboard?coin=btc&at={iso(filled.end)}&history=9d"
    (one,) = got(client, f"{asked}&venues=bybit&fitted=true")["venues"]
    assert (one["intervals"], one["fitted"]) == (24, None)
    assert "nothing was liquidated" in one["fitted_reason"]
    board = got(client, f"{asked}&venues=binance,bybit")
    assert (board["step"], board["since"]) == ("1h", iso(filled.end - 6 * DAY))
    (one,) = board["venues"]
    assert (one["venue"], one["intervals"], one["fitted"]) == ("bybit", 24, None)
    assert "not asked for" in one["fitted_reason"]
    assert board["total"]["compared"][0]["recorded"] == pytest.approx(7_021.0 + 2_500.0)
    assert [skipped["venue"] for skipped in board["not_recorded"]] == ["binance"]
