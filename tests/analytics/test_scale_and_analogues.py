"""History for scale and analogues over a lake: planted days are found, and nothing later is used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from made_bars import START, hourly_bars, new_lake, put_bars, put_funding, put_open_interest
from powderkeg.analytics.analogues import AnalogueReport, GivenFeature, analogue_report
from powderkeg.analytics.history_scale import HistoryScale, history_scale
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.fact import Fact
from powderkeg.model.market_rows import LiquidationTotal
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window
from powderkeg.venues.registry import venues

DAYS = 300
END = START + DAYS * DAY
BINANCE = venues(("binance",))


def filled(folder: Path, until: int) -> Lake:
    """Return a lake of 300 days as it was at a time: a million liquidated a day, 1 % more each."""
    lake = new_lake(folder)
    bars = hourly_bars(DAYS, seed=3)
    put_bars(lake, bars.filter(pl.col("ts") + HOUR <= until))
    ts = np.arange(START, until + 1, HOUR, dtype=np.int64)
    generator = np.random.default_rng(1)
    interest = 20_000.0 * np.exp(np.cumsum(0.002 * generator.standard_normal(DAYS * 24 + 1)))
    put_open_interest(lake, ts, interest[: len(ts)])
    settled = np.arange(START, until + 1, 8 * HOUR, dtype=np.int64)
    rates = 1e-4 * (1 + generator.standard_normal(DAYS * 3 + 1))
    put_funding(lake, settled, rates[: len(settled)])
    hours = np.arange(START, until - HOUR + 1, HOUR, dtype=np.int64)
    rows = [
        LiquidationTotal(ts, HOUR, (1 + 0.01 * ((ts - START) // DAY)) * 1e6 / 24, 0.0)
        for ts in hours.tolist()
    ]
    lake.append(
        DatasetKey("liquidation_totals", "binance", "BTCUSDT", "1h"),
        rows,
        received_ts=until,
        source="rest",
        covered=[Window(START, int(hours[-1]) + HOUR)],
    )
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return filled(tmp_path_factory.mktemp("scale") / "lake", END)


@dataclass(frozen=True)
class Both:
    scale: HistoryScale
    report: AnalogueReport


@pytest.fixture(scope="module")
def both(lake: Lake) -> Both:
    return Both(
        history_scale(lake, "btc", END, BINANCE, sizes={"cluster_above": 2.5e6}),
        analogue_report(lake, "btc", END, BINANCE),
    )


def named(facts: tuple[Fact, ...]) -> dict[str, Fact]:
    found = {fact.name: fact for fact in facts}
    assert len(found) == len(facts)
    return found


def test_the_largest_day_and_a_cluster_stand_where_they_were_planted(both: Both) -> None:
    facts = named(both.scale.facts)
    assert facts["scale.liquidations_1d.dollars"].value == pytest.approx(3.99e6)
    top = facts["scale.liquidations_1d.dollars.percentile"]
    assert top.value == 1.0
    assert top.notes[0] == "0 of 299 earlier days' liquidations were larger"
    assert top.coverage == pytest.approx(299 / 365)
    # Day n had 1 + n / 100 million: 150 days had less than 2.5.
    middle = facts["scale.cluster_above.dollars.percentile"]
    assert middle.value == pytest.approx((150 + 0.5) / 299)
    assert middle.low is not None
    assert middle.low < (middle.value or 0.0)
    relative = facts["scale.cluster_above.open_interest"]
    assert relative.unit == "fraction"
    assert relative.value is not None
    assert facts["scale.cluster_above.volume.percentile"].value is not None
    json.dumps(both.scale.as_json())


def test_depth_counts_where_it_was_known(lake: Lake) -> None:
    times = END - DAY * np.arange(60, -1, -1, dtype=np.int64)
    told = history_scale(lake, "BTC", END, BINANCE, depth=(times, np.full(61, 1e8)))
    (depth,) = [one for one in told.readings["liquidations_1d"] if one.measure == "depth"]
    assert depth.value == pytest.approx(0.0399)
    assert depth.windows == 60
    with pytest.raises(InputError, match="expected ascending times, one each"):
        history_scale(lake, "BTC", END, BINANCE, depth=(times[::-1], np.ones(61)))


@pytest.mark.parametrize("at", [END - 20 * DAY, END - 20 * DAY + 7 * HOUR + 60_000])
def test_nothing_known_later_is_in_either(lake: Lake, tmp_path: Path, at: int) -> None:
    cut = filled(tmp_path / "cut", at)
    sizes = {"push": 1e6}
    one, other = (history_scale(made, "BTC", at, BINANCE, sizes=sizes) for made in (lake, cut))
    assert one.as_json() == other.as_json()
    first, second = (analogue_report(made, "BTC", at, BINANCE) for made in (lake, cut))
    assert first.as_json() == second.as_json()
    assert max(first.times) + 7 * DAY <= at


def test_analogues_are_apart_from_each_other_and_say_what_they_are_worth(both: Both) -> None:
    report = both.report
    assert len(report.times) == 10
    assert np.diff(np.sort(report.times)).min() >= 7 * DAY
    assert np.all(np.diff(report.found.distances) >= 0)
    assert set(report.found.features) == {
        "log_volatility_7d",
        "rsi_14d",
        "drawdown_90d",
        "funding_7d",
        "open_interest_change_7d",
    }
    facts = named(report.facts)
    assert facts["analogues.return.7d.median"].low is not None
    p_value = facts["analogues.return.1d.p_value"].value
    assert p_value is not None
    assert 0 < p_value <= 1
    assert report.sentence.startswith("The 10 nearest of ")
    assert "after any day" in report.sentence
    assert "p " in report.sentence
    json.dumps(report.as_json())


def test_features_are_what_they_are_called(both: Both, lake: Lake) -> None:
    bars = hourly_bars(DAYS, seed=3)
    close = bars["close"].to_numpy()
    now = both.report.now
    returns = np.diff(np.log(close))[-168:]
    assert now["log_volatility_7d"] == pytest.approx(np.log(np.sqrt(np.mean(returns**2) * 24)))
    high = bars["high"].to_numpy()[-90 * 24 :].max()
    assert now["drawdown_90d"] == pytest.approx(close[-1] / high - 1)
    rows = lake.read(DatasetKey("funding", "binance", "BTCUSDT"))
    week = rows.filter(pl.col("ts") > END - 7 * DAY)["funding_rate"]
    assert len(week) == 21
    assert now["funding_7d"] == pytest.approx(week.mean())


def test_a_given_feature_is_compared_and_one_that_ended_is_left_out(lake: Lake) -> None:
    times = END - DAY * np.arange(250, -1, -1, dtype=np.int64)
    values = np.sin(np.arange(251) / 9.0)
    told = analogue_report(lake, "BTC", END, BINANCE, given={"map_imbalance": GivenFeature(times, values)})
    assert "map_imbalance" in told.found.features
    ended = GivenFeature(times[:-5], values[:-5])
    told = analogue_report(lake, "BTC", END, BINANCE, given={"map_imbalance": ended})
    assert told.found.dropped == {"map_imbalance": "not known now"}
    note = named(told.facts)["analogues.distance.nearest"].notes[-1]
    assert note == "map_imbalance is left out: not known now"


def test_without_liquidations_returns_are_still_told(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    put_bars(lake, hourly_bars(DAYS, seed=3))
    told = analogue_report(lake, "BTC", END, BINANCE)
    assert set(told.found.dropped) == {"funding_7d", "open_interest_change_7d"}
    facts = named(told.facts)
    assert facts["analogues.return.7d.median"].value is not None
    assert facts["analogues.liquidations.7d.median"].value is None
    scale = named(history_scale(lake, "BTC", END, BINANCE).facts)
    assert scale["scale.liquidations_1d.dollars"].notes == ("no feed knows nine tenths of the last day",)


def test_what_cannot_be_compared_is_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="end at 2024-10-27T00:00:00Z; expected bars up to 2024-10-29"):
        analogue_report(lake, "BTC", END + 2 * DAY, BINANCE)
    young = new_lake(tmp_path / "young")
    put_bars(young, hourly_bars(60))
    with pytest.raises(InputError, match="past states with|no feature can be compared"):
        analogue_report(young, "BTC", START + 60 * DAY, BINANCE)
    with pytest.raises(InputError, match="usd is -1"):
        history_scale(lake, "BTC", END, BINANCE, sizes={"push": -1.0})
