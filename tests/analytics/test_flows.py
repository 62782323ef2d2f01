"""Flows: planted builds are named, nothing later is in them, and series that end are said to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from made_bars import START, hourly_bars, new_lake, put_bars, put_open_interest
from powderkeg.analytics.flows import FlowState, flow_state
from powderkeg.analytics.provided_facts import flow_facts, sentiment_facts
from powderkeg.analytics.spot_market import SpotMarket, spot_market
from powderkeg.core.spot_futures import build_of, taker_flow
from powderkeg.errors import InputError, MissingColumnError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.series_files import file_series
from powderkeg.model.fact import Fact
from powderkeg.model.provided_series import HeldSeries, ProvidedRow
from powderkeg.model.times import DAY, HOUR, milliseconds
from powderkeg.venues.registry import venues

DAYS = 40
END = START + DAYS * DAY
BINANCE = venues(("binance",))


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return hourly_bars(DAYS, volatility=0.002)


def made_lake(folder: Path, bars: pl.DataFrame, growth: float = 0.05) -> Lake:
    """Return a lake whose open interest grows by `growth` in the last day."""
    lake = new_lake(folder)
    put_bars(lake, bars)
    ts = np.append(bars["ts"].to_numpy(), int(bars["ts"][-1]) + HOUR)
    interest = np.full(len(ts), 20_000.0)
    interest[-24:] *= 1 + growth * np.arange(1, 25) / 24
    put_open_interest(lake, ts, interest)
    return lake


def made_spot(bars: pl.DataFrame, bought: float = 0.6) -> SpotMarket:
    """Return a spot market 0.1 % below the perpetual that trades a quarter of its volume."""
    prices = [(pl.col(name) / 1.001).alias(name) for name in ("open", "high", "low", "close")]
    table = bars.with_columns(*prices, pl.col("volume") / 4)
    return spot_market(
        table.with_columns(taker_buy_volume=pl.col("volume") * bought), symbol="BTC", name="spot"
    )


def named(facts: tuple[Fact, ...]) -> dict[str, Fact]:
    found = {fact.name: fact for fact in facts}
    assert len(found) == len(facts)
    return found


def value(state: FlowState, name: str) -> float:
    found = named(state.facts)[f"spot_against_futures.{name}"]
    assert found.value is not None, found.notes
    return found.value


@pytest.mark.parametrize(
    ("growth", "bought", "build"),
    [
        (0.05, 0.6, "open interest up, spot bought"),
        (0.05, 0.4, "open interest up, spot not bought"),
        (-0.05, 0.6, "open interest down, spot bought"),
        (-0.05, 0.4, "open interest down, spot not bought"),
        (0.001, 0.6, "open interest steady"),
    ],
)
def test_a_planted_build_is_named(
    growth: float, bought: float, build: str, bars: pl.DataFrame, tmp_path: Path
) -> None:
    state = flow_state(
        made_lake(tmp_path / "lake", bars, growth), "BTC", END, BINANCE, spot=made_spot(bars, bought)
    )
    assert state.builds["1d"] == build
    assert value(state, "open_interest_change.1d") == pytest.approx(growth, rel=0.05)
    assert value(state, "spot_taker_share.1d") == pytest.approx(2 * bought - 1)
    assert value(state, "basis") == pytest.approx(0.001)
    assert value(state, "basis.7d") == pytest.approx(0.001)
    assert value(state, "spot_volume_share.1d") == pytest.approx(0.2, rel=0.01)
    assert value(state, "spot_volume_share.change.7d") == pytest.approx(0.0, abs=1e-9)
    day = bars.tail(24)
    net = ((2 * day["taker_buy_volume"] - day["volume"]) * day["close"]).sum()
    assert value(state, "futures_taker_net.1d") == pytest.approx(net)
    gap = value(state, "spot_taker_share.1d") - value(state, "futures_taker_share.1d")
    assert value(state, "taker_divergence.1d") == pytest.approx(gap)
    json.dumps(state.as_json())


def test_a_venues_own_statistics_stand_in_for_bars_that_do_not_tell_takers(
    bars: pl.DataFrame, tmp_path: Path
) -> None:
    lake = new_lake(tmp_path / "lake")
    put_bars(lake, bars.with_columns(taker_buy_volume=pl.lit(None, pl.Float64)))
    rows = pl.DataFrame(
        {
            "ts": bars["ts"],
            "interval_ms": np.full(len(bars), HOUR, np.int64),
            "taker_buy": np.full(len(bars), 3e6),
            "taker_sell": np.full(len(bars), 1e6),
            "unit": ["quote"] * len(bars),
        }
    )
    lake.append_frame(
        DatasetKey("taker_volume", "binance", "BTCUSDT", "1h"), rows, received_ts=END, source="rest"
    )
    state = flow_state(lake, "BTC", END, BINANCE)
    assert value(state, "futures_taker_net.1d") == pytest.approx(48e6)
    assert value(state, "futures_taker_share.7d") == pytest.approx(0.5)
    assert named(state.facts)["spot_against_futures.open_interest_change.1d"].value is None


@pytest.mark.parametrize("at", [END - 3 * DAY, END - 3 * DAY + 17 * 60_000])
def test_nothing_known_later_is_in_it(bars: pl.DataFrame, tmp_path: Path, at: int) -> None:
    rows = tuple(ProvidedRow(START + day * DAY, 1e6 * day, START + (day + 1) * DAY) for day in range(DAYS))
    known = tuple(row for row in rows if row.known_at <= at)
    seen = bars.filter(pl.col("ts") + HOUR <= at)
    states = []
    for name, part, given in (("whole", bars, rows), ("cut", seen, known)):
        lake = new_lake(tmp_path / name)
        put_bars(lake, part)
        ts = np.arange(START, (END if name == "whole" else at) + 1, HOUR, dtype=np.int64)
        put_open_interest(lake, ts, np.array([20_000.0 + (one - START) / HOUR for one in ts.tolist()]))
        states.append(
            flow_state(
                lake,
                "BTC",
                at,
                BINANCE,
                spot=made_spot(part),
                etf_flows=HeldSeries("flows", given),
                exchange_netflow=HeldSeries("netflow", given),
            )
        )
    assert states[0].as_json() == states[1].as_json()
    assert all(fact.window is None or fact.window.end <= at for fact in states[0].facts)


def test_without_spot_and_providers_each_fact_says_what_it_lacks(bars: pl.DataFrame, tmp_path: Path) -> None:
    state = flow_state(made_lake(tmp_path / "lake", bars), "BTC", END, BINANCE)
    facts = named(state.facts)
    assert state.builds == {}
    assert facts["spot_against_futures.spot_volume.1d"].notes[0].startswith("no spot market is given")
    assert facts["spot_against_futures.futures_volume.1d"].value is not None
    assert facts["etf_flow.btc.7d"].notes == ("no provider is given: docs/technical.md says how",)
    assert facts["fear_and_greed"].value is None
    empty = flow_state(new_lake(tmp_path / "empty"), "BTC", END, BINANCE, spot=made_spot(bars))
    note = named(empty.facts)["spot_against_futures.futures_volume.1d"].notes[0]
    assert "no venue has what a map of BTC needs" in note


def test_flows_end_with_the_last_day_known_and_holes_are_no_zeros() -> None:
    rows = [ProvidedRow(START + day * DAY, float(day), START + (day + 1) * DAY) for day in range(100)]
    facts = named(
        flow_facts(HeldSeries("mine", tuple(rows)), "exchange_netflow", "x", START + 50 * DAY + HOUR)
    )
    assert facts["x.1d"].value == 49.0
    assert facts["x.7d"].value == sum(range(43, 50))
    assert facts["x.7d"].kind == "given"
    assert facts["x.7d.percentile"].notes == ("6 earlier sums are known; expected 20 or more",)
    assert facts["x.30d"].value == sum(range(20, 50))
    late = named(flow_facts(HeldSeries("mine", tuple(rows)), "exchange_netflow", "x", START + 103 * DAY))
    assert late["x.1d"].value is None
    assert late["x.1d"].notes[0].startswith("the series ends with 2024-04-09T00:00:00Z")
    young = named(flow_facts(HeldSeries("mine", tuple(rows[:5])), "exchange_netflow", "x", START + 5 * DAY))
    assert young["x.7d"].notes == ("the series begins at 2024-01-01T00:00:00Z",)
    none = named(flow_facts(HeldSeries("mine", tuple(rows)), "exchange_netflow", "x", START))
    assert none["x.1d"].notes == ("mine has nothing that was known by 2024-01-01T00:00:00Z",)


def test_recorded_flows_and_sentiment_as_they_were_known(shared: Path) -> None:
    macro = shared / "data" / "macro"
    flows = file_series(macro / "btc_spot_etf_flows_daily_usd_m.csv", "etf_flow")
    index = file_series(macro / "fear_greed_daily.csv", "fear_and_greed")
    evening = named(flow_facts(flows, "etf_flow", "etf_flow.btc", milliseconds("2025-10-10T22:00Z")))
    morning = named(flow_facts(flows, "etf_flow", "etf_flow.btc", milliseconds("2025-10-11T06:00Z")))
    table = {row.ts: row.value for row in flows.rows}
    assert evening["etf_flow.btc.1d"].value == table[milliseconds("2025-10-09")]
    assert morning["etf_flow.btc.1d"].value == table[milliseconds("2025-10-10")]
    assert morning["etf_flow.btc.7d.percentile"].value is not None
    ended = named(flow_facts(flows, "etf_flow", "etf_flow.btc", milliseconds("2026-11-25")))
    assert ended["etf_flow.btc.30d"].notes[0].startswith("the series ends with 2026-08-21")
    before = named(sentiment_facts(index, milliseconds("2026-02-06T00:59Z")))
    after = named(sentiment_facts(index, milliseconds("2026-02-06T01:00Z")))
    values = {row.ts: row.value for row in index.rows}
    assert before["fear_and_greed"].value == values[milliseconds("2026-02-05")]
    assert after["fear_and_greed"].value == values[milliseconds("2026-02-06")]
    assert after["fear_and_greed.change_7d"].value is not None
    # Four days lack in 2018, and two of them are too many to call the last value present.
    hole = next(
        row for row, later in zip(index.rows, index.rows[1:], strict=False) if later.ts - row.ts == 4 * DAY
    )
    silent = named(sentiment_facts(index, hole.known_at + 2 * DAY + 1))["fear_and_greed"]
    assert silent.value is None
    assert silent.notes[0].startswith("the series ends with 2018-04-1")


def test_recorded_spot_beside_the_recorded_perpetual(shared: Path) -> None:
    folder = shared / "data" / "binance-usdm-2025-2026"
    spot = spot_market(folder / "BTCUSDT-spot-5m.parquet", symbol="BTC")
    assert spot.name == "BTCUSDT-spot-5m.parquet"
    assert np.isnan(spot.bars.values["taker_buy"]).all()
    perpetual = spot_market(folder / "BTCUSDT-5m-futures.parquet", symbol="BTC")
    both = len(perpetual.bars)
    basis = perpetual.bars.values["close"] / spot.bars.values["close"][:both] - 1
    assert np.nanquantile(np.abs(basis), 0.99) < 0.002


def test_numbers_that_cannot_be_are_refused(bars: pl.DataFrame) -> None:
    one = np.ones(3)
    with pytest.raises(InputError, match=r"taker_buy\[0\] is 2; expected 0 to the volume, 1"):
        taker_flow(one, one, 2 * one)
    assert taker_flow(one, one, np.array([1.0, np.nan, 1.0])).net_usd is None
    assert build_of(0.5, -1.0) == "open interest up, spot not bought"
    with pytest.raises(MissingColumnError):
        spot_market(bars, symbol="BTC", taker=bars.drop("taker_buy_volume"))
