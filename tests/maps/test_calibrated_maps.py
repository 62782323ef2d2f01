"""Parameter files, and the bands and forced notional of maps drawn with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_markets import market_with_liquidations
from powderkeg.analytics.calibrating import calibration
from powderkeg.core.bands import Band, ensemble_band, outcome_band
from powderkeg.errors import InputError, OutputError, WindowError
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.maps.parameter_file import (
    calibration_of,
    calibration_summary,
    calibration_text,
    read_calibration,
    write_calibration,
)
from powderkeg.model.market_frame import LiquidationEvents, LiquidationTotals, MarketFrame
from powderkeg.model.times import DAY


@pytest.fixture(scope="module")
def frame() -> MarketFrame:
    return market_with_liquidations()


@pytest.fixture(scope="module")
def fitted(frame: MarketFrame) -> Calibration:
    return calibration(frame)


@pytest.fixture(scope="module")
def run(frame: MarketFrame, fitted: Calibration) -> MapRun:
    return map_run(frame, fitted)


def test_a_parameter_file_loses_nothing(fitted: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "btc.toml"
    write_calibration(fitted, path)
    again = read_calibration(path)
    assert calibration_text(again) == calibration_text(fitted)
    np.testing.assert_array_equal(again.releasing, fitted.releasing)
    assert again.parameters.parameter_hash == fitted.parameters.parameter_hash


def test_the_same_seed_gives_the_same_file_and_another_one_another(frame: MarketFrame) -> None:
    first, again, other = (calibration_text(calibration(frame, seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_nothing_after_until_is_used(frame: MarketFrame) -> None:
    until = frame.start + 30 * DAY
    assert frame.liquidations is not None
    late = frame.liquidations.start >= until
    changed = replace(
        frame,
        liquidations=replace(
            frame.liquidations, long_notional=np.where(late, 1.0, frame.liquidations.long_notional)
        ),
    )
    one, two = (calibration(market, until=until) for market in (frame, changed))
    assert calibration_text(one) == calibration_text(two)
    assert one.end == until
    with pytest.raises(WindowError, match="until: no recorded interval ends by"):
        calibration(frame, until=frame.start + DAY)


def test_a_tenth_of_the_prior_is_found(fitted: Calibration) -> None:
    assert all(side.stage >= 1 for side in fitted.sides)
    summary = calibration_summary(fitted)
    assert json.dumps(summary)
    for side in ("long", "short"):
        assert 0.03 < summary[side]["pass_through"] < 0.3


def test_without_liquidations_it_falls_back_to_the_prior_and_says_so(frame: MarketFrame) -> None:
    assert frame.liquidations is not None
    zeros = np.zeros(len(frame.liquidations))
    one_sided = replace(frame, liquidations=replace(frame.liquidations, short_notional=zeros))
    fitted = calibration(one_sided)
    assert (fitted.sides[0].stage > 0, fitted.sides[1].stage) == (True, 0)
    assert any("shorts: nothing was liquidated: fell back to the prior" in note for note in fitted.notes)
    few = replace(
        frame,
        liquidations=LiquidationTotals(
            frame.liquidations.start[:6],
            frame.liquidations.end[:6],
            frame.liquidations.long_notional[:6],
            frame.liquidations.short_notional[:6],
        ),
    )
    notes = calibration(few).notes
    assert any("longs: 6 intervals, fewer than 10: fell back to the prior" in note for note in notes)


def test_totals_above_open_interest_are_refused(frame: MarketFrame) -> None:
    assert frame.liquidations is not None
    absurd = frame.liquidations.long_notional.copy()
    absurd[4] = 1e15
    with pytest.raises(InputError, match="of longs in the interval from .* at most the open interest"):
        calibration(replace(frame, liquidations=replace(frame.liquidations, long_notional=absurd)))


def test_a_thinned_record_means_that_more_was_liquidated(frame: MarketFrame, fitted: Calibration) -> None:
    thinned = calibration(frame, coverage=(0.1, 0.4))
    assert thinned.releasing.mean() > 2 * fitted.releasing.mean()
    assert thinned.coverage.min() == pytest.approx(0.1)
    np.testing.assert_array_equal(
        thinned.sides[0].scales, fitted.sides[0].scales
    )  # what the record says is the same
    assert len(set(calibration_of(calibration_text(thinned)).coverage.tolist())) == fitted.members
    with pytest.raises(InputError, match="coverage: 0.5 to 0.2; expected shares"):
        calibration(frame, coverage=(0.5, 0.2))


def test_a_throttled_feed_is_taken_to_hide_something(frame: MarketFrame) -> None:
    totals = frame.liquidations
    assert totals is not None
    times = np.repeat(totals.start, 30) + np.tile(np.arange(30) * 1_500, len(totals))
    events = LiquidationEvents(times, np.full(len(times), 1e5), np.ones(len(times)), np.zeros(len(times)))
    fitted = calibration(replace(frame, liquidations=replace(totals, events=events)), feed_slot="1s")
    assert fitted.coverage.max() < 1
    assert fitted.coverage.min() == pytest.approx(fitted.coverage.max() / 6)
    assert any("the record is taken to show" in note for note in fitted.notes)
    with pytest.raises(InputError, match="feed_slot: the record holds no single events"):
        calibration(frame, feed_slot="1s")
    with pytest.raises(InputError, match="feed_slot: given together with coverage"):
        calibration(frame, feed_slot="1s", coverage=(0.5, 0.6))


def test_every_number_of_a_calibrated_map_has_bands_in_order(run: MapRun) -> None:
    found = json.loads(json.dumps(run.map().as_json()))

    def ordered(band: dict[str, float]) -> bool:
        return band["low_90"] <= band["low_50"] <= band["high_50"] <= band["high_90"]

    for entry in found["cumulative"]:
        assert ordered(entry["notional_band"])
        assert ordered(entry["expected_forced_band"])
        assert entry["notional"] <= found["open_interest"]
    for cluster in found["clusters"]:
        assert ordered(cluster["notional_band"])
        assert ordered(cluster["expected_forced_band"])
    assert all(ordered(balance["imbalance_band"]) for balance in found["imbalance"][1:])
    longs = [entry for entry in found["bins"] if entry["long_notional"] > 0]
    assert all(ordered(entry["long_notional_band"]) for entry in longs)
    assert "short_notional_band" not in longs[0]


def test_the_map_is_the_mean_of_its_members_and_no_member_exceeds_open_interest(run: MapRun) -> None:
    result = run.map()
    ensemble = result.ensemble
    assert ensemble is not None
    np.testing.assert_allclose(ensemble.standing[:, 0].mean(axis=0), result.long_notional, rtol=1e-9)
    for masses in (ensemble.standing, ensemble.forced):
        assert masses.sum(axis=2).max() <= result.open_interest * (1 + 1e-9)
        assert masses.min() >= 0


def test_forced_and_standing_are_two_quantities(run: MapRun) -> None:
    result = run.map()
    reached = result.liquidated_if(result.mark_price * 0.85)
    assert reached.expected_forced is not None
    assert reached.expected_forced < 0.5 * reached.notional
    assert reached.notional_band is not None
    assert reached.notional_band.low_90 < reached.notional < reached.notional_band.high_90


def test_parameters_from_the_future_or_of_another_market_are_pointed_out(
    frame: MarketFrame, fitted: Calibration
) -> None:
    early = map_run(frame, fitted).map(frame.start + 20 * DAY).provenance.notes
    assert any(note.startswith("LOOKS AHEAD: ") for note in early)
    other = map_run(replace(frame, symbol="ETH"), fitted).map().provenance.notes
    assert any("another instrument" in note for note in other)
    assert not any(note.startswith("LOOKS AHEAD") for note in other)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 7", "format is 7; expected 1"),
        ("stage = ", "stage = 9 # ", "stage is 9; expected one of 0, 1, 2, 3"),
        ("seed = 0", "seed = 'x'", "seed is 'x'; expected int"),
        ("coverage = [1.0]", "coverage = [1.5]", "coverage; expected shares above 0 and at most 1"),
        ("dispersion = ", "dispersion = -1.0 # ", "dispersion is -1; expected a finite number above 0"),
        ("members = [\n", "members = [\n [1, 2],\n", "members are not rows of numbers of one length"),
        ("[long]", "[lang]", "long is missing; expected dict"),
        ("format", "format = ]", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_is_refused(fitted: Calibration, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibration_of(calibration_text(fitted).replace(old, new, 1))


def test_files_that_are_not_there_or_cannot_be_written(fitted: Calibration, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml does not exist"):
        read_calibration(tmp_path / "none.toml")
    with pytest.raises(OutputError, match="does not end in"):
        write_calibration(fitted, tmp_path / "a.json")
    with pytest.raises(OutputError, match="cannot be written"):
        write_calibration(fitted, tmp_path / "missing" / "a.toml")


def test_bands_are_quantiles_and_outcomes_are_wider_than_parameters() -> None:
    values = np.linspace(0.0, 100.0, 101)
    assert ensemble_band(values) == Band(5.0, 25.0, 75.0, 95.0)
    assert np.isnan(ensemble_band(np.array([np.nan])).low_90)
    sharp = np.full(64, 1e6)
    outcome = outcome_band(sharp, 500.0, seed=0)
    assert outcome.low_90 < 0.6e6
    assert outcome.high_90 > 1.5e6
    assert outcome == outcome_band(sharp, 500.0, seed=0)
