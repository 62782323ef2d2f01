"""The scoreboard: nothing unseen is used, baselines stand in the table, thin data are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_markets import market_with_liquidations
from powderkeg.analytics.recorded_intervals import recorded_intervals
from powderkeg.analytics.scoreboard import scoreboard
from powderkeg.analytics.walk_forward import MODELS, predictions, walk_forward_splits
from powderkeg.errors import InputError, WindowError
from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
from powderkeg.model.times import DAY, HOUR
from recorded_market import recorded_market


@pytest.fixture(scope="module")
def frame() -> MarketFrame:
    """Return 45 days whose liquidations are a noisy tenth of what the prior predicts."""
    return market_with_liquidations()


def test_a_fitted_model_beats_the_baselines_where_its_world_is_true(frame: MarketFrame) -> None:
    board = scoreboard(frame)
    for side in ("long", "short"):
        errors = {model: board.value(model, side, "log_mae") for model in MODELS}
        assert errors["calibrated"] == min(errors.values())
        assert board.value("calibrated", side, "deviance_skill_over_range") > 0
        assert board.value("calibrated", side, "total_ratio") == pytest.approx(1.0, abs=0.5)
        assert board.value("worlds", side, "total_ratio") > 5


def test_every_score_has_an_interval_and_a_count(frame: MarketFrame) -> None:
    rows = scoreboard(frame).as_json()
    assert {row["model"] for row in rows} == set(MODELS)
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n"] == rows[0]["n"] > 10


def test_nothing_after_an_interval_reaches_its_prediction(frame: MarketFrame) -> None:
    intervals = recorded_intervals(frame, "1d")
    splits = walk_forward_splits(intervals, embargo=DAY, train_end=None)
    assert all(intervals.end[split.train - 1] <= intervals.start[split.test.start] - DAY for split in splits)
    floors = np.full(2, 1_000.0)
    before = predictions(frame, intervals, splits, MODELS, floors=floors)
    changed = intervals.totals.copy()
    changed[30:] *= 50
    after = predictions(frame, replace(intervals, totals=changed), splits, MODELS, floors=floors)
    for model in MODELS:
        np.testing.assert_array_equal(before[model].mean[:31], after[model].mean[:31])
        np.testing.assert_array_equal(before[model].draws[:, :31], after[model].draws[:, :31])


def test_train_end_fits_once_on_what_ended_by_then(frame: MarketFrame) -> None:
    intervals = recorded_intervals(frame, "1d")
    end = int(intervals.end[24])
    (split,) = walk_forward_splits(intervals, embargo=DAY, train_end=end)
    assert split.train == 25
    assert intervals.start[split.test.start] == end + DAY
    board = scoreboard(frame, ["calibrated", "range"], train_end=end)
    assert board.start == end + DAY
    changed = intervals.totals.copy()
    changed[25:] *= 50
    floors = np.full(2, 1_000.0)
    first, second = (
        predictions(frame, replace(intervals, totals=totals), [split], ("calibrated",), floors=floors)
        for totals in (intervals.totals, changed)
    )
    np.testing.assert_array_equal(first["calibrated"].draws, second["calibrated"].draws)


def test_the_same_seed_is_the_same_board(frame: MarketFrame) -> None:
    assert scoreboard(frame, ["range"], seed=3).rows == scoreboard(frame, ["range"], seed=3).rows


def test_short_intervals_are_added_up(frame: MarketFrame) -> None:
    whole = frame.liquidations
    assert whole is not None
    start = (whole.start[:, None] + HOUR * np.arange(24)).ravel()
    hourly = LiquidationTotals(
        start, start + HOUR, np.repeat(whole.long_notional / 24, 24), np.repeat(whole.short_notional / 24, 24)
    )
    merged = recorded_intervals(replace(frame, liquidations=hourly), "1d")
    np.testing.assert_array_equal(merged.start, whole.start)
    np.testing.assert_allclose(merged.totals[:, 0], whole.long_notional)


def test_a_part_of_a_record_is_not_held_against_a_whole_prediction(frame: MarketFrame) -> None:
    weeks = recorded_intervals(frame, "7d")
    whole = frame.liquidations
    assert whole is not None
    assert weeks.start[0] >= whole.start[0]
    assert weeks.end[-1] <= whole.end[-1]
    assert "not recorded whole" in weeks.notes[0]
    valid = frame.valid.copy()
    valid[(int(whole.start[5]) - frame.start) // frame.step + 3] = False
    holed = recorded_intervals(replace(frame, valid=valid), "1d")
    assert int(whole.start[5]) not in holed.start.tolist()


def test_what_cannot_be_scored_is_refused(frame: MarketFrame) -> None:
    liquidations = frame.liquidations
    assert liquidations is not None

    def of(rows: slice, factor: float = 1.0) -> MarketFrame:
        return replace(
            frame,
            liquidations=LiquidationTotals(
                liquidations.start[rows],
                liquidations.end[rows],
                liquidations.long_notional[rows] * factor,
                liquidations.short_notional[rows],
            ),
        )

    with pytest.raises(InputError, match="the frame has none to compare with"):
        scoreboard(replace(frame, liquidations=None))
    with pytest.raises(WindowError, match="8 recorded intervals are too few for walk-forward"):
        scoreboard(of(slice(0, 8)))
    with pytest.raises(InputError, match="nothing was liquidated in the scored window"):
        scoreboard(of(slice(0, None), factor=0.0))
    with pytest.raises(WindowError, match=r"train_end: .* leaves 0 intervals to fit on"):
        scoreboard(frame, train_end=frame.start + DAY)
    with pytest.raises(WindowError, match=r"train_end: .* and 0 to predict"):
        scoreboard(frame, train_end=frame.end)
    with pytest.raises(InputError, match="'magic' cannot be scored; choose from calibrated, worlds"):
        scoreboard(frame, ["magic"])


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_on_recorded_days_calibration_has_a_smaller_log_error_than_the_fitted_baselines(
    shared: Path, coin: str
) -> None:
    board = scoreboard(recorded_market(shared, coin))
    for side in ("long", "short"):
        fitted = {m: board.value(m, side, "log_mae") for m in ("calibrated", "fixed_tiers", "range")}
        assert fitted["calibrated"] == min(fitted.values())
        assert board.value("calibrated", side, "coverage_90") >= 0.8
