"""From a user's tables to one frame: nothing later than a bar's end reaches it, and every choice is told."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from powderkeg.core.alignment import cadence_of
from powderkeg.errors import InputError, MissingColumnError
from powderkeg.maps.input_coverage import Stamp
from powderkeg.maps.market_frame import market_frame
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import DAY, HOUR, MINUTE

START = 1_760_054_400_000  # 2025-10-10T00:00:00Z
FIVE = 5 * MINUTE


def bars(count: int = 36, *, step: int = FIVE, start: int = START, level: float = 100_000.0) -> pl.DataFrame:
    """Return bars that rise by 10 each, with a volume of 1,000 base units an hour."""
    close = level + 10.0 * np.arange(1, count + 1)
    return pl.DataFrame(
        {
            "ts": start + step * np.arange(count),
            "open": close - 10.0,
            "high": close + 5.0,
            "low": close - 15.0,
            "close": close,
            "volume": np.full(count, 1000.0 * step / HOUR),
        }
    )


def series(name: str, values: list[float], *, step: int = HOUR, start: int = START) -> pl.DataFrame:
    """Return a table of one column at regular times."""
    return pl.DataFrame({"ts": start + step * np.arange(len(values)), name: values})


def interest(values: list[float] | None = None, **options: int) -> pl.DataFrame:
    """Return hourly open interest in base units."""
    return series("open_interest", [500.0, 600.0, 700.0] if values is None else values, **options)


def coverage(frame: MarketFrame, name: str) -> SeriesCoverage:
    """Return what a frame says about one input."""
    (found,) = [entry for entry in frame.series if entry.name == name]
    return found


def refusal(*tables: Any, **options: Any) -> str:
    """Return the message with which tables are refused."""
    with pytest.raises(InputError) as caught:
        market_frame(*tables, **{"symbol": "BTC", **options})
    return str(caught.value)


# Open interest: when it is known, and in which unit


def test_hourly_means_labelled_with_the_hour_start_do_not_look_ahead() -> None:
    frame = market_frame(bars(), interest(), symbol="BTC")
    # The mean over the first hour is not known before that hour has ended, with its twelfth bar.
    assert np.isnan(frame.open_interest[:11]).all()
    assert frame.open_interest[11:23].tolist() == [500.0] * 12
    assert frame.open_interest[23:35].tolist() == [600.0] * 12
    assert frame.open_interest[35] == 700.0
    assert frame.open_interest_age[:11].tolist() == [-1] * 11
    assert frame.open_interest_age[11:23].tolist() == [FIVE * i for i in range(12)]
    assert "each row describes the 1h from its time on, and counts from their end" in (
        coverage(frame, "open_interest").notes
    )
    assert "unknown for the first 11 of 36 bars" in coverage(frame, "open_interest").notes


def test_an_instant_is_known_at_its_time() -> None:
    frame = market_frame(bars(), interest(), symbol="BTC", open_interest_stamp="instant")
    assert frame.open_interest[:11].tolist() == [500.0] * 11
    assert frame.open_interest[11] == 600.0
    assert frame.open_interest_age[:12].tolist() == [*(FIVE * i for i in range(1, 12)), 0]
    assert coverage(frame, "open_interest").coverage == 1.0


def test_usd_is_converted_at_the_mean_close_of_the_interval_it_describes() -> None:
    table = bars()
    usd = series("oi_usd", [5e7, 6e7])
    frame = market_frame(table, usd, symbol="BTC")
    close = table["close"].to_numpy()
    assert frame.open_interest[11] == pytest.approx(5e7 / close[:12].mean(), rel=1e-14)
    assert frame.open_interest[23] == pytest.approx(6e7 / close[12:24].mean(), rel=1e-14)
    assert "USD converted at the mean close of each interval" in coverage(frame, "open_interest").notes


def test_usd_at_an_instant_is_converted_at_the_last_close_before_it() -> None:
    table = bars()
    frame = market_frame(table, series("oi_usd", [5e7, 6e7]), symbol="BTC", open_interest_stamp="instant")
    # Nothing was known of the price at the first one.
    assert np.isnan(frame.open_interest[:11]).all()
    assert frame.open_interest[11] == 6e7 / table["close"][11]
    assert "USD converted at the last close before each row" in coverage(frame, "open_interest").notes


def test_two_sided_open_interest_is_halved() -> None:
    frame = market_frame(bars(), interest(), symbol="BTC", open_interest_sides=2)
    assert frame.open_interest[11] == 250.0
    assert "two-sided, halved" in coverage(frame, "open_interest").notes


def test_a_usd_column_is_preferred_to_a_base_column_and_says_so() -> None:
    both = interest().with_columns(oi_usd=pl.col("open_interest") * 100_100.0)
    frame = market_frame(bars(), both, symbol="BTC")
    assert "column oi_usd read, not open_interest" in coverage(frame, "open_interest").notes
    base = market_frame(bars(), both, symbol="BTC", open_interest_unit="base")
    assert "column open_interest read, not oi_usd" in coverage(base, "open_interest").notes
    np.testing.assert_allclose(frame.open_interest[11:], base.open_interest[11:], rtol=0.01)


def test_okx_oi_column_is_usd() -> None:
    both = pl.DataFrame({"ts_ms": interest()["ts"], "oi": [5e7, 6e7, 7e7], "oi_value": [5e7, 6e7, 7e7]})
    frame = market_frame(bars(), both, symbol="BTC")
    (note,) = [note for note in coverage(frame, "open_interest").notes if "oi_value" in note]
    assert (
        note == "column oi_value read, not oi, which is not in base units: oi_value is not the price times it"
    )
    message = refusal(bars(), both, open_interest_unit="base")
    assert "'oi_value' / 'oi' is" in message
    assert "expected about 1 if 'oi' is in base units" in message


def test_the_callers_unit_decides_about_a_column_that_could_be_either() -> None:
    table = series("oi", [5e9, 6e9])
    usd = market_frame(bars(), table, symbol="BTC", open_interest_unit="usd")
    assert usd.open_interest[11] == pytest.approx(5e4, rel=0.01)
    message = refusal(bars(), table)
    assert "open interest is 6000000000 in the median" in message
    assert "is it USD or base units" in message


def test_base_units_are_not_read_from_a_column_named_for_usd_unless_mapped() -> None:
    table = series("oi_usd", [500.0, 600.0])
    message = refusal(bars(), table, open_interest_unit="base")
    assert "the only column is 'oi_usd', named for USD" in message
    columns = {"open_interest": {"open_interest": "oi_usd"}}
    frame = market_frame(bars(), table, symbol="BTC", open_interest_unit="base", columns=columns)
    assert frame.open_interest[11] == 500.0


def test_a_hole_in_open_interest_keeps_the_last_value_while_its_age_grows() -> None:
    table = interest([500.0, 600.0, 700.0, 800.0, 900.0, 950.0]).filter(
        ~pl.col("ts").is_in([START + 2 * HOUR])
    )
    table = table.filter(~pl.col("ts").is_in([START + 3 * HOUR]))
    frame = market_frame(bars(72), table, symbol="BTC")
    assert frame.open_interest[23:59].tolist() == [600.0] * 36
    assert frame.open_interest[59] == 900.0
    assert frame.open_interest_age[58] == 35 * FIVE
    # Known from bar 11, and too old after two hours of age: bars 48 to 58.
    assert coverage(frame, "open_interest").coverage == (72 - 11 - 11) / 72
    assert (
        "has holes: the last known value is kept, for up to 2.92 hours"
        in coverage(frame, "open_interest").notes
    )


def test_open_interest_of_another_time_is_refused_with_both_windows() -> None:
    for start in (START - 10 * DAY, START + 10 * DAY):
        message = refusal(bars(), interest(start=start))
        assert "the bars 2025-10-10T00:00:00Z to 2025-10-10T03:00:00Z" in message
        assert "expected a table of the same time" in message
    assert "covers 2025-10-20T00:00:00Z to 2025-10-20T03:00:00Z" in message


def test_one_row_of_open_interest_has_no_interval() -> None:
    assert "one row, 2025-10-10T00:00:00Z; expected two or more" in refusal(bars(), interest([500.0]))
    frame = market_frame(bars(), interest([500.0]), symbol="BTC", open_interest_stamp="instant")
    assert frame.open_interest.tolist() == [500.0] * 36


# Bars and the mark


def test_a_bar_that_is_missing_is_a_row_that_is_not_valid() -> None:
    table = bars().filter(pl.col("ts") != START + 7 * FIVE)
    frame = market_frame(table, interest(), symbol="BTC")
    assert np.flatnonzero(~frame.valid).tolist() == [7]
    for values in (frame.open, frame.high, frame.low, frame.close, frame.volume, frame.mark_high):
        assert np.isnan(values[7])
    assert coverage(frame, "bars").coverage == 35 / 36
    assert "1 of 36 bars are missing or incomplete" in coverage(frame, "bars").notes


def test_the_traded_price_stands_in_for_a_mark_that_is_not_given() -> None:
    frame = market_frame(bars(), interest(), symbol="BTC")
    assert frame.mark_is_last
    assert frame.mark_high.tolist() == frame.high.tolist()
    assert any("no mark price is given" in note for note in frame.notes)


def test_a_finer_mark_is_made_into_the_bars() -> None:
    mark = bars(180, step=MINUTE).drop("volume")
    frame = market_frame(bars(), interest(), symbol="BTC", mark=mark)
    assert not frame.mark_is_last
    assert frame.mark_high.tolist() == mark["high"].to_numpy().reshape(36, 5).max(axis=1).tolist()
    assert frame.mark_low.tolist() == mark["low"].to_numpy().reshape(36, 5).min(axis=1).tolist()
    assert frame.mark_close.tolist() == mark["close"].to_numpy()[4::5].tolist()
    assert coverage(frame, "mark_price").coverage == 1.0


def test_a_mark_coarser_than_the_bars_is_refused_with_the_step_to_ask_for() -> None:
    mark = bars(3, step=HOUR).drop("volume")
    message = refusal(bars(), interest(), mark=mark)
    assert "mark: one row per 1h, coarser than the bars of 5m" in message
    assert "bar_step='1h'" in message
    frame = market_frame(bars(), interest(), symbol="BTC", mark=mark, bar_step="1h")
    assert frame.step == HOUR
    assert frame.mark_close.tolist() == mark["close"].to_list()
    assert frame.close.tolist() == bars()["close"].to_numpy()[11::12].tolist()


def test_a_bar_without_a_mark_has_its_traded_price_and_is_counted() -> None:
    mark = (
        bars(level=100_002.0).drop("volume").filter(~pl.col("ts").is_in([START + 3 * FIVE, START + 4 * FIVE]))
    )
    frame = market_frame(bars(), interest(), symbol="BTC", mark=mark)
    assert (frame.mark_close - frame.close).tolist() == [2.0] * 3 + [0.0] * 2 + [2.0] * 31
    assert coverage(frame, "mark_price").coverage == 34 / 36
    (note,) = coverage(frame, "mark_price").notes
    assert note == "missing for 2 of 36 bars, which have their traded prices instead"


def test_a_mark_of_another_market_is_refused() -> None:
    message = refusal(bars(), interest(), mark=bars(level=4_000.0).drop("volume"))
    assert "mark: the mark is 0.041" in message
    assert "expected within 5% of it" in message


def test_longer_bars_keep_the_open_interest_that_was_known_at_their_end() -> None:
    frame = market_frame(bars(), series("oi_usd", [5e7, 6e7, 7e7]), symbol="BTC", bar_step="1h")
    fine = market_frame(bars(), series("oi_usd", [5e7, 6e7, 7e7]), symbol="BTC")
    assert frame.open_interest.tolist() == fine.open_interest[11::12].tolist()
    assert frame.open_interest_age.tolist() == [0, 0, 0]
    assert "bars of 5m made into 1h, complete ones only" in coverage(frame, "bars").notes


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("1m", "finer than the bars of 5m"),
        ("7m", "do not divide"),
        ("soon", "'soon' is not a length of time"),
    ],
)
def test_a_bar_step_that_cannot_be_made_is_refused(step: str, message: str) -> None:
    assert message in refusal(bars(), interest(), bar_step=step)


@pytest.mark.parametrize("factor", [0.001, 100.0])
def test_bars_in_a_wrong_unit_throughout_are_refused(factor: float) -> None:
    message = refusal(bars().with_columns(pl.col("open", "high", "low", "close") * factor), interest())
    assert "bars: the median close is" in message
    assert "a price of BTC in USD" in message


def test_one_bar_in_a_wrong_unit_is_refused() -> None:
    prices = ("open", "high", "low", "close")
    table = bars().with_columns(
        pl.when(pl.col("ts") == START + 7 * FIVE).then(pl.col(name) / 1000).otherwise(name).alias(name)
        for name in prices
    )
    assert "close is 100.08 in row 7 (counted from 0), 2025-10-10T00:35:00Z" in refusal(table, interest())


def test_a_volume_of_another_venue_is_scaled_or_noted() -> None:
    plain = market_frame(bars(), interest([50.0, 60.0, 70.0]), symbol="BTC")
    assert any("looks like another venue's" in note for note in plain.notes)
    scaled = market_frame(bars(), interest([50.0, 60.0, 70.0]), symbol="BTC", volume_scale=0.01)
    assert not any("another venue" in note for note in scaled.notes)
    assert any("multiplied by 0.01" in note for note in scaled.notes)
    np.testing.assert_allclose(scaled.volume, plain.volume * 0.01)
    assert "volume_scale is 0; expected a finite number above 0" in refusal(
        bars(), interest(), volume_scale=0.0
    )


# Funding, takers, ratio


def test_funding_is_summed_into_the_bar_that_contains_its_payment() -> None:
    paid = pl.DataFrame(
        {"ts": [START + HOUR, START + HOUR + 1, START + 2 * HOUR - 1], "rate": [1e-4, 2e-4, 4e-4]}
    )
    frame = market_frame(bars(), interest(), symbol="BTC", funding=paid, bar_step="1h")
    assert frame.funding_rate is not None
    np.testing.assert_allclose(frame.funding_rate, [np.nan, 7e-4, np.nan])


def test_funding_is_known_only_over_its_observed_span() -> None:
    frame = market_frame(
        bars(36, step=HOUR),
        interest([500.0] * 36),
        symbol="BTC",
        funding=series("fundingRate", [1e-4, 2e-4], step=8 * HOUR, start=START + 8 * HOUR),
    )
    assert frame.funding_rate is not None
    assert np.isnan(frame.funding_rate[:8]).all()
    assert frame.funding_rate[8:16].tolist() == [1e-4, *[0.0] * 7]
    assert frame.funding_rate[16:24].tolist() == [2e-4, *[0.0] * 7]
    assert np.isnan(frame.funding_rate[24:]).all()
    assert coverage(frame, "funding_rate").notes == ("missing for 20 of 36 bars",)


def test_taker_volume_in_usd_is_converted() -> None:
    table = bars()
    usd = series("buyVol", (table["volume"] * table["close"] * 0.5).to_list(), step=FIVE)
    base = series("taker_buy_volume", (table["volume"] * 0.5).to_list(), step=FIVE)
    for taker in (usd, base):
        frame = market_frame(table, interest(), symbol="BTC", taker=taker)
        assert frame.taker_buy is not None
        np.testing.assert_allclose(frame.taker_buy, frame.volume * 0.5)
        assert any("read as USD" in note for note in coverage(frame, "taker_buy").notes) == (taker is usd)
    scaled = market_frame(table, interest(), symbol="BTC", taker=usd, volume_scale=0.1)
    assert scaled.taker_buy is not None
    np.testing.assert_allclose(scaled.taker_buy, scaled.volume * 0.5)


def test_taker_volume_coarser_than_the_bars_is_refused() -> None:
    message = refusal(bars(), interest(), taker=series("taker_buy", [500.0] * 3))
    assert "taker: one row per 1h, coarser than the bars of 5m" in message
    assert "bar_step='1h'" in message


def test_a_long_short_ratio_counts_from_the_end_of_its_interval() -> None:
    frame = market_frame(bars(), interest(), symbol="BTC", long_short_ratio=series("ratio", [1.5, 2.0, 2.5]))
    assert frame.long_short_ratio is not None
    assert np.isnan(frame.long_short_ratio[:11]).all()
    assert frame.long_short_ratio[11:23].tolist() == [1.5] * 12


# Liquidations


def test_liquidation_events_are_summed_per_bar() -> None:
    events = pl.DataFrame(
        {
            "ts": [START + FIVE, START + 2 * FIVE - 1, START + 3 * FIVE, START - 1],
            "position_side": ["long", "short", "long", "long"],
            "notional": [1.0, 2.0, 4.0, 8.0],
        }
    )
    frame = market_frame(bars(), interest(), symbol="BTC", liquidations=events)
    totals = frame.liquidations
    assert totals is not None
    assert totals.start.tolist() == [START + i * FIVE for i in (1, 2, 3)]
    assert totals.end.tolist() == [START + i * FIVE for i in (2, 3, 4)]
    assert totals.long_notional.tolist() == [1.0, 0.0, 4.0]
    assert totals.short_notional.tolist() == [2.0, 0.0, 0.0]


def test_a_day_without_a_liquidation_event_is_not_observed_rather_than_zero() -> None:
    events = pl.DataFrame(
        {
            "ts": [START + i * HOUR for i in (1, 2, 50, 70)],
            "position_side": ["long"] * 4,
            "notional": [1.0, 2.0, 4.0, 8.0],
        }
    )
    frame = market_frame(bars(72, step=HOUR), interest([500.0] * 72), symbol="BTC", liquidations=events)
    assert frame.liquidations is not None
    observed = (frame.liquidations.start - START) // HOUR
    assert observed.tolist() == [1, 2, *range(50, 71)]
    assert coverage(frame, "liquidations").coverage == 23 / 72
    assert any("47 hours in stretches" in note for note in coverage(frame, "liquidations").notes)


def test_liquidation_events_of_another_time_are_refused() -> None:
    events = pl.DataFrame(
        {"ts": [START - DAY, START + DAY], "position_side": ["long"] * 2, "notional": [1.0] * 2}
    )
    message = refusal(bars(), interest(), liquidations=events)
    assert "no event from 2025-10-10T00:00:00Z to 2025-10-10T03:00:00Z, the time of the bars" in message
    assert "expected a table of the same time" in refusal(bars(), interest(), liquidations=events[:1])


def test_liquidation_totals_keep_their_own_intervals_and_lie_inside_the_bars() -> None:
    totals = pl.DataFrame(
        {
            "ts": [START + i * DAY for i in (-1, 0, 1, 3, 4)],
            "long_usd": [1.0, 2.0, 4.0, 8.0, 16.0],
            "short_usd": [0.0, 1.0, 0.0, 1.0, 0.0],
        }
    )
    frame = market_frame(bars(96, step=HOUR), interest([500.0] * 96), symbol="BTC", liquidations=totals)
    assert frame.liquidations is not None
    assert frame.liquidations.start.tolist() == [START, START + DAY, START + 3 * DAY]
    assert frame.liquidations.end.tolist() == [START + DAY, START + 2 * DAY, START + 4 * DAY]
    assert frame.liquidations.long_notional.tolist() == [2.0, 4.0, 8.0]
    assert coverage(frame, "liquidations").coverage == 0.75
    assert any("2 rows that are not wholly inside" in note for note in coverage(frame, "liquidations").notes)


def test_the_meaning_of_a_liquidations_side_is_passed_on() -> None:
    events = pl.DataFrame({"ts": [START, START + 1], "side": ["SELL", "BUY"], "notional": [1.0, 2.0]})
    assert "liquidation_side_meaning='order' or 'position'" in refusal(
        bars(), interest(), liquidations=events
    )
    frame = market_frame(
        bars(), interest(), symbol="BTC", liquidations=events, liquidation_side_meaning="order"
    )
    assert frame.liquidations is not None
    assert frame.liquidations.long_notional.tolist() == [1.0]


# Arguments


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"open_interest_unit": "coins"}, "open_interest_unit: 'coins'; expected one of None, 'base', 'usd'"),
        ({"open_interest_sides": 3}, "open_interest_sides: 3; expected one of 1, 2"),
        ({"open_interest_stamp": "end"}, "open_interest_stamp: 'end'; expected one of 'interval', 'instant'"),
        ({"liquidation_side_meaning": "taker"}, "expected one of None, 'order', 'position'"),
        ({"columns": {"candles": {}}}, "columns: 'candles'; expected one of 'bars', 'mark'"),
    ],
)
def test_a_word_that_is_not_a_choice_is_refused(options: dict[str, Any], expected: str) -> None:
    assert expected in refusal(bars(), interest(), **options)


def test_a_column_under_an_unknown_name_is_mapped() -> None:
    table = bars().rename({"ts": "bar_began"})
    with pytest.raises(MissingColumnError, match="bars: no column for ts"):
        market_frame(table, interest(), symbol="BTC")
    frame = market_frame(table, interest(), symbol="BTC", columns={"bars": {"ts": "bar_began"}})
    assert len(frame) == 36


def test_the_frame_is_of_the_coin_and_the_venue_that_were_asked_for() -> None:
    frame = market_frame(bars(), interest(), symbol="btcusdt", venue="binance")
    assert frame.instrument == "binance:BTC"


# No look-ahead: what is not over by a time T changes no row that ends by T


def assert_same_rows(early: MarketFrame, full: MarketFrame) -> None:
    """Assert that a frame made from less is what the other one begins with."""
    first = int(np.searchsorted(full.ts, early.ts[0]))
    for name in (
        "ts",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "mark_high",
        "mark_low",
        "mark_close",
        "open_interest",
        "open_interest_age",
        "valid",
        "funding_rate",
        "taker_buy",
        "long_short_ratio",
    ):
        expected = getattr(full, name)[first : first + len(early)]
        np.testing.assert_array_equal(getattr(early, name), expected, err_msg=name)
    before, after = early.liquidations, full.liquidations
    assert before is not None
    assert after is not None
    for name in ("start", "end", "long_notional", "short_notional"):
        np.testing.assert_array_equal(
            getattr(before, name), getattr(after, name)[: len(before)], err_msg=name
        )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_rows_that_are_not_over_by_a_time_change_nothing_before_it(data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    step = data.draw(st.sampled_from([MINUTE, FIVE, 15 * MINUTE]))
    longer = data.draw(st.sampled_from([1, 1, 3, 4]))
    count = data.draw(st.integers(60, 160))
    stamp: Stamp = data.draw(st.sampled_from(get_args(Stamp)))
    unit = data.draw(st.sampled_from(["oi", "oi_usd"]))
    hole_share = data.draw(st.sampled_from([0.0, 0.05, 0.3]))

    def regular(cadence: int, offset: int = 0) -> np.ndarray:
        times = START + offset + cadence * np.arange(count * step // cadence + 1)
        keep = random.random(len(times)) >= hole_share
        keep[:24] = True  # so that each table says something about the first bars
        return np.asarray(times[keep])

    def candles(times: np.ndarray) -> dict[str, np.ndarray]:
        middle = 100_000 * np.exp(np.cumsum(random.normal(0, 0.000_5, (len(times), 4)), axis=0))
        return {
            "ts": times,
            "open": middle[:, 0],
            "close": middle[:, 1],
            "high": middle.max(axis=1),
            "low": middle.min(axis=1),
            "volume": random.uniform(1, 9, len(times)) * step / MINUTE,
        }

    def amounts(name: str, times: np.ndarray, level: float) -> pl.DataFrame:
        return pl.DataFrame({"ts": times, name: level * random.uniform(0.5, 1.5, len(times))})

    interest_cadence = step * data.draw(st.sampled_from([1, 2, 7, 12]))
    ratio_cadence = step * data.draw(st.sampled_from([1, 5, 12]))
    funding_cadence = step * data.draw(st.sampled_from([6, 20]))
    total_cadence = step * data.draw(st.sampled_from([4, 12]))
    table = pl.DataFrame(candles(regular(step)))
    mark = pl.DataFrame(candles(regular(step)))
    taker = table.select("ts", taker_buy=pl.col("volume") / 2)
    open_interest = amounts(unit, regular(interest_cadence, data.draw(st.sampled_from([0, 17_000]))), 3e3)
    if unit == "oi_usd":
        open_interest = open_interest.with_columns(pl.col("oi_usd") * 1e5)
    ratio = amounts("ratio", regular(ratio_cadence), 1.0)
    paid = regular(funding_cadence)
    funding = amounts("rate", paid + random.integers(0, 20, len(paid)), 1e-4)
    totals = amounts("long_usd", regular(total_cadence), 1e6).with_columns(short_usd=pl.col("long_usd") / 3)

    def frame(until: int) -> MarketFrame:
        def over(of: pl.DataFrame, length: int) -> pl.DataFrame:
            rows = of.filter(pl.col("ts") + length <= until)
            cadence = cadence_of(of["ts"].to_numpy())
            # The distance of a table's rows is its own property, not news: either part has to tell it.
            assume(rows.height >= 3 and cadence_of(rows["ts"].to_numpy()) == cadence)
            return rows

        return market_frame(
            over(table, step),
            over(open_interest, interest_cadence if stamp == "interval" else 0),
            symbol="BTC",
            mark=over(mark, step),
            taker=over(taker, step),
            funding=over(funding, 1),
            long_short_ratio=over(ratio, ratio_cadence),
            liquidations=over(totals, total_cadence),
            open_interest_stamp=stamp,
            bar_step=f"{longer * step // MINUTE}m",
        )

    full_end = START + 10 * count * step
    until = START + data.draw(st.integers(count // 2 * step, count * step))
    assert_same_rows(frame(until), frame(full_end))


def test_events_that_are_not_over_change_nothing_before() -> None:
    random = np.random.default_rng(7)
    times = np.sort(START + random.integers(0, 6 * DAY, 40))
    events = pl.DataFrame({"ts": times, "position_side": ["long", "short"] * 20, "notional": np.ones(40)})

    def totals(until: int) -> tuple[list[int], list[float]]:
        frame = market_frame(
            bars(144, step=HOUR).filter(pl.col("ts") + HOUR <= until),
            interest([500.0] * 144).filter(pl.col("ts") + HOUR <= until),
            symbol="BTC",
            liquidations=events.filter(pl.col("ts") < until),
        )
        assert frame.liquidations is not None
        return frame.liquidations.start.tolist(), frame.liquidations.long_notional.tolist()

    full = totals(START + 6 * DAY)
    for hours in itertools.chain(range(24, 144, 7), [143]):
        early = totals(START + hours * HOUR)
        assert early == (full[0][: len(early[0])], full[1][: len(early[1])])


# Recorded data


BINANCE = "data/binance-usdm-2025-2026"
MULTIVENUE = "data/multivenue-2025-2026"
OKX = "data/okx-sol-swap-2026-06"


@pytest.mark.shared
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "DOGE", "HYPE"])
def test_a_recorded_binance_year_loads_as_it_is(shared: Path, coin: str) -> None:
    binance, multivenue = shared / BINANCE, shared / MULTIVENUE
    frame = market_frame(
        binance / f"{coin}USDT-5m-futures.parquet",
        multivenue / "open_interest_1h.parquet",
        symbol=coin,
        venue="hyperliquid",
        mark=binance / f"{coin}USDT-1h-mark.parquet",
        funding=binance / f"{coin}USDT-funding-8h.parquet",
        liquidations=multivenue / "hyperliquid_liquidation_volume_daily.parquet",
        open_interest_sides=2,
        bar_step="1h",
    )
    assert frame.valid.all()
    assert coverage(frame, "mark_price").coverage == 1.0
    assert coverage(frame, "funding_rate").coverage > 0.99
    raw = pl.read_parquet(multivenue / "open_interest_1h.parquet").filter(venue="hyperliquid", coin=coin)
    times = raw["timestamp"].dt.epoch("ms").to_numpy()
    row = int(np.searchsorted(frame.ts, times[4000]))
    hour = pl.read_parquet(binance / f"{coin}USDT-5m-futures.parquet")
    hour = hour.filter(pl.col("ts").dt.epoch("ms").is_between(times[4000], times[4000] + HOUR, closed="left"))
    # The mean over the hour of bar `row` is known when that bar ends, and no bar earlier.
    expected = raw["oi_usd"][4000] / 2 / float(hour["close"].to_numpy().mean())
    assert frame.open_interest[row] == pytest.approx(expected, rel=1e-12)
    assert frame.open_interest_age[row] == 0
    assert frame.liquidations is not None
    daily = pl.read_parquet(multivenue / "hyperliquid_liquidation_volume_daily.parquet").filter(coin=coin)
    assert frame.liquidations.long_notional.tolist() == daily["long_usd"].to_list()
    assert frame.liquidations.short_notional.tolist() == daily["short_usd"].to_list()


@pytest.mark.shared
def test_recorded_okx_tables_load_with_every_input(shared: Path) -> None:
    okx = shared / OKX
    frame = market_frame(
        okx / "ohlcv_1m.parquet",
        okx / "open_interest.parquet",
        symbol="SOL",
        venue="okx",
        funding=okx / "funding_rate.parquet",
        taker=okx / "taker_volume.parquet",
        long_short_ratio=okx / "long_short_ratio.parquet",
        bar_step="1h",
    )
    assert frame.taker_buy is not None
    assert frame.long_short_ratio is not None
    # Both columns are USD, of a coin at 60 to 83 USD: one read as coins would be sixty times too much.
    assert 2e6 < np.nanmin(frame.open_interest) < np.nanmax(frame.open_interest) < 4e6
    assert any(
        "oi_value read, not oi, which is not" in note for note in coverage(frame, "open_interest").notes
    )
    assert any("read as USD" in note for note in coverage(frame, "taker_buy").notes)
    assert np.nanmedian(frame.taker_buy / frame.volume) == pytest.approx(0.5, abs=0.05)
    assert all(entry.coverage > 0.99 for entry in frame.series)


@pytest.mark.shared
@pytest.mark.parametrize("venue", ["hyperliquid", "lighter"])
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "DOGE", "HYPE"])
def test_recorded_multivenue_tables_load_by_venue(shared: Path, venue: str, coin: str) -> None:
    folder = shared / MULTIVENUE
    tables = folder / "candles_1h.parquet", folder / "open_interest_1h.parquet"
    frame = market_frame(*tables, symbol=coin, venue=venue, funding=folder / "funding.parquet")
    # These venues' candles have holes, of days at lighter.
    assert not frame.valid.all()
    assert frame.valid.sum() == 1000
    assert 0.85 < coverage(frame, "open_interest").coverage < 1
    assert not any("another venue" in note for note in frame.notes)


@pytest.mark.shared
def test_recorded_multivenue_tables_without_a_venue_say_which_was_taken(shared: Path) -> None:
    folder = shared / MULTIVENUE
    frame = market_frame(folder / "candles_1h.parquet", folder / "open_interest_1h.parquet", symbol="BTC")
    assert coverage(frame, "bars").notes[0].startswith("venue binance taken of binance, bybit, dydx")
    assert (
        coverage(frame, "open_interest")
        .notes[0]
        .startswith("venue hyperliquid taken of hyperliquid, lighter")
    )
    message = refusal(folder / "candles_1h.parquet", folder / "open_interest_1h.parquet", venue="okx")
    assert "no rows of venue 'okx'; column 'venue' has hyperliquid, lighter" in message


@pytest.mark.shared
def test_recorded_okx_candles_count_contracts_and_are_scaled(shared: Path) -> None:
    folder = shared / MULTIVENUE
    okx = pl.read_parquet(folder / "candles_1h.parquet").filter(venue="okx")
    options: dict[str, Any] = {"symbol": "BTC", "open_interest_sides": 2}
    # A contract is 0.01 BTC, so the volume looks like that of a market a hundred times as large.
    plain = market_frame(okx, folder / "open_interest_1h.parquet", **options)
    assert any("looks like another venue's" in note for note in plain.notes)
    scaled = market_frame(okx, folder / "open_interest_1h.parquet", volume_scale=0.01, **options)
    assert not any("looks like another venue's" in note for note in scaled.notes)


@pytest.mark.shared
def test_recorded_force_orders_are_observed_only_while_the_recorder_ran(shared: Path) -> None:
    frame = market_frame(
        shared / BINANCE / "BTCUSDT-5m-futures.parquet",
        shared / MULTIVENUE / "open_interest_1h.parquet",
        symbol="BTC",
        venue="hyperliquid",
        liquidations=shared / "data/binance-force-orders/force_orders.parquet",
    )
    assert frame.liquidations is not None
    assert 0 < len(frame.liquidations) < 2_000
    assert any("not observed" in note for note in coverage(frame, "liquidations").notes)


@pytest.mark.parametrize("symbol", ["", "  "])
def test_an_empty_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(InputError, match="^symbol: .*expected a coin such as BTC"):
        market_frame(bars(), interest(), symbol=symbol)


def test_one_absurd_row_of_open_interest_stops_the_frame() -> None:
    table = interest()
    column = table.columns[-1]
    values = table[column].to_list()
    values[1] *= 1e5
    with pytest.raises(InputError, match=r"open_interest: open interest is .* in row 1 \(counted from 0\)"):
        market_frame(bars(), table.with_columns(pl.Series(column, values)), symbol="BTC")
