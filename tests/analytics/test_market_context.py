"""A context: every number traced, planted values found, nothing known later in it, and no zeros for holes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import context_lake as made
from powderkeg.analytics.market_context import MarketContext, market_context
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.venues.registry import venues

AT = made.CRASH + 30 * HOUR + 7 * MINUTE
VENUES = venues(("binance", "bybit", "hyperliquid"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake that goes on for days after the time asked for."""
    return made.context_lake(tmp_path_factory.mktemp("context") / "lake", made.START + made.DAYS * DAY)


@pytest.fixture(scope="module")
def context(lake: Lake) -> MarketContext:
    return market_context(lake, "btc", AT, venues=VENUES, prices=[90_000.0])


def value(context: MarketContext, name: str) -> float:
    found = context.fact(name).value
    assert found is not None, context.fact(name)
    return found


def test_every_fact_has_a_name_of_its_own_a_source_and_a_reason_where_it_has_no_value(
    context: MarketContext,
) -> None:
    names = [fact.name for fact in context.facts]
    assert len(set(names)) == len(names)
    assert len(names) > 100
    assert context.as_of == AT // (5 * MINUTE) * (5 * MINUTE)
    for fact in context.facts:
        assert fact.source
        assert fact.as_of == context.as_of
        assert fact.window is None or fact.window.end <= context.as_of
        assert fact.value is not None or fact.notes, fact.name
    assert {fact.kind for fact in context.facts} == {"given", "observed", "modelled", "measured"}
    assert [section.name for section in context.sections] == [
        "positioning", "deleveraging", "funding", "technical", "ripple", "venue_stress", "history"
    ]  # fmt: skip
    with pytest.raises(InputError, match="'open_interest.bse' is no fact"):
        context.fact("open_interest.bse")


@pytest.mark.parametrize("at", [AT, made.CRASH + HOUR], ids=["after", "in"])
def test_nothing_known_later_is_in_it(lake: Lake, tmp_path: Path, at: int) -> None:
    then = made.context_lake(tmp_path / "lake", at)
    told = [
        json.dumps(market_context(one, "BTC", at, venues=VENUES).as_json(), sort_keys=True)
        for one in (lake, then)
    ]
    assert told[0] == told[1]


def test_open_interest_is_that_of_the_venues_together_and_changes_in_base(context: MarketContext) -> None:
    market = made.made_market()
    known = market.open_interest[market.open_interest_ts <= context.as_of]
    assert value(context, "open_interest.base") == pytest.approx(known[-1])
    assert value(context, "open_interest.usd") == pytest.approx(
        known[-1] * value(context, "price.mark"), rel=1e-9
    )
    assert value(context, "open_interest.change_24h") == pytest.approx(known[-1] / known[-25] - 1)
    assert value(context, "open_interest.change_24h.base") == pytest.approx(known[-1] - known[-25])
    assert context.fact("open_interest.base").coverage == pytest.approx(2 / 3)
    assert "without hyperliquid" in " ".join(context.fact("open_interest.base").notes)
    assert value(context, "open_interest.largest_venue_share") == pytest.approx(0.75, abs=1e-6)
    assert value(context, "open_interest.herfindahl") == pytest.approx(0.75**2 + 0.25**2, abs=1e-6)


def test_the_planted_crash_is_an_event_with_its_size_and_what_was_forced(context: MarketContext) -> None:
    event = context.events[-1]
    assert abs(event.event.start - made.CRASH) <= 3 * HOUR
    assert event.event.depth == pytest.approx(0.33, abs=0.04)
    assert event.price_low < event.price_before * 0.87
    # Fifty million an hour of longs for three hours at each of two venues, as reported.
    assert event.forced_usd == pytest.approx(3e8, rel=0.01)
    assert event.forced_share == pytest.approx(event.forced_estimate / event.fall_usd)
    assert value(context, "deleveraging.last.depth") == pytest.approx(event.event.depth)
    assert value(context, "deleveraging.last.forced_usd") == pytest.approx(3e8, rel=0.01)
    assert context.fact("deleveraging.last.recovery_7d").value is None
    assert context.catalogue[-1].detected == event
    assert next(one for one in context.build_ups if one.window == "7d").name == "long_unwinding"


def test_before_the_crash_there_is_none_and_it_is_told_as_none(lake: Lake) -> None:
    quiet = market_context(lake, "BTC", made.START + 10 * DAY, venues=VENUES, history=8 * DAY)
    assert quiet.events == ()
    assert value(quiet, "deleveraging.events") == 0
    assert quiet.fact("deleveraging.last.depth").value is None


def test_funding_is_weighed_summed_and_ranked(context: MarketContext) -> None:
    market = made.made_market()
    known = market.funding_ts <= context.as_of
    rate = market.funding_rate[known][-1]
    assert value(context, "funding_rate.binance") == pytest.approx(rate)
    assert value(context, "funding_rate.weighted.annualised") == pytest.approx(rate * 3 * 365)
    week = market.funding_rate[known & (market.funding_ts > context.as_of - 7 * DAY)]
    assert value(context, "funding_rate.weighted.cumulative_7d") == pytest.approx(week.sum())
    assert context.fact("funding_rate.binance.cumulative_7d").coverage == pytest.approx(1.0, abs=0.05)
    assert value(context, "funding_rate.binance.persistence") == pytest.approx(
        np.mean(np.sign(week) == np.sign(rate))
    )
    assert "earlier days that do not overlap" in context.fact("funding_rate.weighted.percentile").notes[0]
    assert value(context, "funding_rate.weighted.percentile") < 0.2  # after a fall of 16 %
    assert value(context, "basis.binance.mark_to_index") == pytest.approx(0.001)
    assert context.fact("basis.perpetual_to_spot").value is None


def test_the_other_coin_s_beta_is_found_within_its_band_and_its_map_is_read(context: MarketContext) -> None:
    (moves,) = context.co_movements
    for regime in ("calm", "stressed", "all"):
        assert moves.beta[regime].value == pytest.approx(made.BETA, abs=4 * moves.beta[regime].error)
    fact = context.fact("ripple.ETH.beta.all")
    assert fact.low is not None
    assert fact.high is not None
    assert fact.low < made.BETA < fact.high
    assert moves.tail_falls.value > 0.6
    rows = {(one.move, one.coin): one for one in context.joint_liquidations}
    assert {coin for _, coin in rows} == {"BTC", "ETH"}
    asked = rows["to_90000", "ETH"]
    assert asked.price == 90_000
    assert rows["down_10", "ETH"].notional >= rows["down_5", "ETH"].notional > 0
    assert value(context, "ripple.joint_liquidation.down_5.elsewhere") == pytest.approx(
        rows["down_5", "ETH"].notional
    )
    assert rows["down_5", "BTC"].own_move == pytest.approx(-0.05)


def test_stress_of_venues_is_held_against_funds_and_depth(context: MarketContext) -> None:
    assert value(context, "venue_stress.binance.insurance_fund") == 1e9
    assert value(context, "venue_stress.binance.depth_down_2pct") == pytest.approx(2e8, rel=0.02)
    assert value(context, "venue_stress.binance.deleveraging.balance_to_peak") == pytest.approx(0.8)
    assert value(context, "venue_stress.binance.deleveraging.pnl_to_trigger") == pytest.approx(1 / 3)
    day = [value(context, f"liquidations.24h.{side}") for side in ("long", "short")]
    assert sum(day) == pytest.approx(24 * 2 * 2e4)
    assert value(context, "venue_stress.binance.liquidations_to_insurance_fund") == pytest.approx(
        24 * 2e4 / 1e9
    )
    assert {one.side for one in context.clusters} == {"long", "short"}
    for one in context.clusters:
        assert one.largest == "binance"
        assert sum(one.venues.values()) == pytest.approx(one.notional, rel=0.05)


def test_holders_are_told_by_kind(context: MarketContext) -> None:
    assert value(context, "long_short_ratio.binance.accounts") == pytest.approx(1.5)
    assert value(context, "long_short_ratio.binance.top_positions") == pytest.approx(1.5)
    assert value(context, "leverage.measured.hyperliquid") == pytest.approx(2.0)
    assert value(context, "offside.measured.hyperliquid.long") == pytest.approx(0.5)
    assert context.fact("offside.measured.hyperliquid.long").kind == "measured"
    for side in ("long", "short"):
        least, middle, most = (
            value(context, f"offside.{side}{part}") for part in (".lowest", "", ".highest")
        )
        assert 0 <= least <= most <= 1
        assert 0 <= middle <= 1
    # After a fall longs are the ones in loss.
    assert value(context, "offside.long") > value(context, "offside.short")
    assert value(context, "open_interest.added_on_way_down.short_led") == pytest.approx(
        0.6 * value(context, "open_interest.added_on_way_down.usd")
    )


def test_what_the_lake_lacks_has_no_value_and_says_what_brings_it(lake: Lake) -> None:
    told = market_context(lake, "ETH", AT, venues=venues(("bybit",)))
    for name, command in (
        ("long_short_ratio", "powderkeg backfill bybit ETH --tables long_short_ratios"),
        ("liquidations.1h.long", "powderkeg record bybit --coins ETH"),
        ("venue_stress.bybit.insurance_fund", "powderkeg record bybit --coins ETH"),
        ("basis.bybit.mark_to_index", "powderkeg"),
    ):
        fact = told.fact(name)
        assert fact.value is None
        assert command in " ".join(fact.notes), fact


def test_spot_bars_of_the_user_s_give_a_basis(lake: Lake) -> None:
    import polars as pl

    market = made.made_market()
    spot = pl.DataFrame({"ts": market.ts}).with_columns(
        **{name: getattr(market, name) / 1.002 for name in ("open", "high", "low", "close")},
        volume=pl.lit(1.0),
    )
    told = market_context(lake, "BTC", AT, venues=VENUES[:1], spot=spot)
    fact = told.fact("basis.perpetual_to_spot")
    assert fact.value == pytest.approx(0.002)
    assert fact.kind == "given"


@pytest.mark.parametrize(
    ("at", "options", "words"),
    [
        (made.START + (made.DAYS + 3) * DAY, {}, "after the last bar of BTC"),
        (AT, {"history": DAY}, "history: 1d; expected 8d or more"),
        (AT, {"prices": [-1.0]}, "price: -1; expected a positive price"),
        (AT, {"prices": [5e-324]}, "expected one within a factor of three"),
        (made.START - DAY, {}, "no venue has what a map of BTC needs"),
    ],
)
def test_unfit_questions_are_refused(lake: Lake, at: int, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        market_context(lake, "BTC", at, venues=VENUES, **options)  # type: ignore[arg-type]
    assert iso(at)
