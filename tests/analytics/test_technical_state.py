"""The technical state: what TA-Lib says of the same bars, nothing later, and what lacks is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib

from made_bars import START, hourly_bars, new_lake, put_bars
from powderkeg.analytics.technical_state import TechnicalState, technical_state
from powderkeg.core.clusters import Cluster
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.venues.registry import venues

DAYS = 700
END = START + DAYS * DAY
BINANCE = venues(("binance",))


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return hourly_bars(DAYS)


@pytest.fixture(scope="module")
def lake(bars: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("technical") / "lake")
    put_bars(made, bars)
    return made


@pytest.fixture(scope="module")
def state(lake: Lake) -> TechnicalState:
    return technical_state(lake, "btc", END, BINANCE)


def named(state: TechnicalState) -> dict[str, Fact]:
    facts = {fact.name: fact for fact in state.facts}
    assert len(facts) == len(state.facts)
    return facts


def value(state: TechnicalState, name: str) -> float:
    found = named(state)[name].value
    assert found is not None, name
    return found


@pytest.mark.parametrize(("text", "every", "reach"), [("1h", 1, 400), ("4h", 4, 200), ("1d", 24, 1000)])
def test_indicators_are_those_of_ta_lib_on_the_same_bars(
    state: TechnicalState, bars: pl.DataFrame, text: str, every: int, reach: int
) -> None:
    part = bars.tail(reach * 24)
    close = part["close"].to_numpy()[every - 1 :: every]
    high = part["high"].to_numpy().reshape(-1, every).max(axis=1)
    low = part["low"].to_numpy().reshape(-1, every).min(axis=1)
    assert value(state, f"rsi.{text}") == pytest.approx(talib.RSI(close, 14)[-1], rel=1e-9)
    assert value(state, f"average.simple.200.{text}") == pytest.approx(talib.SMA(close, 200)[-1], rel=1e-9)
    assert value(state, f"average.exponential.50.{text}") == pytest.approx(talib.EMA(close, 50)[-1], rel=1e-9)
    found = value(state, f"average_true_range.{text}")
    assert found == pytest.approx(talib.ATR(high, low, close, 14)[-1], rel=1e-9)


def test_returns_volatility_and_drawdown_can_be_computed_by_hand(
    state: TechnicalState, bars: pl.DataFrame
) -> None:
    close = bars["close"].to_numpy()
    assert value(state, "return.7d") == pytest.approx(close[-1] / close[-1 - 168] - 1)
    returns = np.diff(np.log(close))[-168:]
    expected = np.sqrt(np.mean(returns**2) * 24 * 365)
    assert value(state, "volatility.7d") == pytest.approx(expected)
    high = bars["high"].to_numpy()[-365 * 24 :].max()
    assert value(state, "drawdown.365d") == pytest.approx(close[-1] / high - 1)
    percentile = named(state)["volatility.7d.percentile"]
    assert percentile.value is not None
    assert any(note.startswith(f"regime: {state.regime} ") for note in percentile.notes)


def test_a_regime_follows_the_percentile(tmp_path: Path, bars: pl.DataFrame) -> None:
    close = bars["close"].to_numpy().copy()
    swing = np.where(np.arange(168) % 2, 1.04, 1.0)
    for factor, regime in ((1.0, "calm"), (swing, "stressed")):
        last = close[-169] * np.ones(168) * factor
        price = pl.Series(np.r_[close[:-168], last])
        made = new_lake(tmp_path / regime)
        flat = [price.alias(name) for name in ("open", "high", "low", "close")]
        put_bars(made, bars.with_columns(flat))
        found = technical_state(made, "BTC", END, BINANCE)
        assert found.regime == regime


@pytest.mark.parametrize("at", [END - 100 * DAY, END - 100 * DAY + 5 * HOUR, END - 77 * HOUR + 29 * MINUTE])
def test_nothing_known_later_is_in_it(lake: Lake, bars: pl.DataFrame, at: int, tmp_path: Path) -> None:
    cut = new_lake(tmp_path / "lake")
    put_bars(cut, bars.filter(pl.col("ts") + HOUR <= at))
    whole, part = (technical_state(one, "BTC", at, BINANCE) for one in (lake, cut))
    assert whole.as_json() == part.as_json()
    assert all(fact.window is None or fact.window.end <= at for fact in whole.facts)
    assert all(fact.as_of == at for fact in whole.facts)


def test_levels_lie_on_either_side_and_clusters_go_into_them(lake: Lake, state: TechnicalState) -> None:
    price = state.channels[0].price
    assert {fact.kind for fact in state.facts} == {"observed"}
    for level in state.levels:
        assert level.distance == pytest.approx(level.price / price - 1, rel=0.05)
        assert 0 < level.strength <= 1
    wall = Cluster("short", price * 1.019, price * 1.021, price * 1.02, 9.6e9, 0.02, 5.0)
    told = technical_state(lake, "BTC", END, BINANCE, clusters=(wall,), clusters_kind="modelled")
    notes = {note for fact in told.facts for note in fact.notes}
    assert "9,600,000,000 USD of shorts, modelled" in notes
    assert "modelled" in {fact.kind for fact in told.facts if fact.name.startswith("level.above")}


def test_it_is_json_and_every_channel_is_there(state: TechnicalState) -> None:
    told = json.loads(json.dumps(state.as_json()))
    assert [one["days"] for one in told["channels"]] == [30, 90, 300]
    assert told["channels"][2]["lines"]["lower"] < told["channels"][2]["lines"]["upper"]
    slope = named(state)["channel.300d.slope"]
    assert slope.low is not None
    assert slope.high is not None
    assert slope.low < (slope.value or 0.0) < slope.high


def test_bars_that_end_early_are_said_to_end(lake: Lake) -> None:
    late = technical_state(lake, "BTC", END + 3 * DAY, BINANCE)
    assert {fact.value for fact in late.facts} == {None}
    assert named(late)["rsi.1h"].notes == ("the 1h bars end at 2025-12-01T00:00:00Z",)
    assert named(late)["channel.30d.position"].notes == ("the daily bars end at 2025-12-01T00:00:00Z",)
    assert (late.regime, late.levels) == (None, ())


def test_a_young_market_says_what_it_lacks_and_holes_are_counted(tmp_path: Path, bars: pl.DataFrame) -> None:
    young = new_lake(tmp_path / "young")
    hole = (pl.col("ts") >= START + 9 * DAY) & (pl.col("ts") < START + 9 * DAY + 5 * HOUR)
    put_bars(young, bars.head(20 * 24).filter(~hole))
    found = named(technical_state(young, "BTC", START + 20 * DAY, BINANCE))
    assert found["rsi.1h"].value is not None
    assert found["rsi.1h"].notes[-1] == "5 bars are missing and were passed over"
    assert found["rsi.1h"].coverage == pytest.approx(475 / 480)
    assert found["average.simple.200.1d"].notes[0] == "19 bars are there; expected 200 or more"
    assert found["channel.90d.slope"].notes == ("19 of 90 daily bars are there; expected nine in ten",)
    assert found["volatility.7d.percentile"].value is None
    assert found["return.30d"].value is None


def test_a_lake_without_bars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bars: the lake has none of BTC at binance in the 400d before"):
        technical_state(new_lake(tmp_path / "none"), "BTC", END, BINANCE)
