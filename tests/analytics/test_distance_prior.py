"""A law of distances from measured positions, and what a calibration makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_markets import market_with_liquidations
from made_positions import NOON, snapshot_of
from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.distance_prior import measured_law, measured_priors
from powderkeg.analytics.prior_transfer import recorded_transfer, simulated_transfer
from powderkeg.core.laws import BUILT_IN, DistancePrior
from powderkeg.errors import InputError
from powderkeg.maps.parameter_file import calibration_of, calibration_summary, calibration_text
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.market_frame import LiquidationTotals
from powderkeg.model.times import HOUR
from recorded_market import recorded_market
from recorded_positions import recorded_snapshots

NONE = float("nan")
_TOTALS = ("start", "end", "long_notional", "short_notional")


def drawn(
    count: int, *, median: float = 0.2, sigma: float = 0.8, side: int = 1, mark: float = 100.0, seed: int = 3
) -> PositionSnapshot:
    """Return positions whose levels lie that far from an entry price of 100, those that the mark has left.

    A long beyond 100 % of its entry has no level.
    """
    generator = np.random.default_rng(seed)
    fraction = median * np.exp(sigma * generator.standard_normal(count))
    level = 100 * (1 - side * fraction)
    level[level <= 0] = NONE
    rows = [
        (f"{number}", "BTC", float(side), mark, float(at))
        for number, at in enumerate(level)
        if not side * (mark - at) <= 0
    ]
    found = snapshot_of(rows)
    return replace(found, entry_price=np.full(len(found), 100.0))


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("median", "sigma"), [(0.2, 0.8), (0.5, 1.0)])
def test_a_planted_law_is_measured_within_its_error(side: int, median: float, sigma: float) -> None:
    snapshot = drawn(3_000, median=median, sigma=sigma, side=side)
    law = measured_law([snapshot], side, np.random.default_rng(0))
    assert abs(law.log_median.value - np.log(median)) < 3 * law.log_median.error
    assert abs(law.sigma.value - sigma) < 3 * law.sigma.error
    assert law.log_median.error < 0.05
    assert (law.positions, law.accounts) == (len(snapshot), len(snapshot))
    far = np.mean(median * np.exp(sigma * np.random.default_rng(3).standard_normal(3_000)) > 0.5)
    assert law.inert_share.value == pytest.approx(far, abs=0.01)


def test_a_law_is_told_from_where_positions_were_opened() -> None:
    # The mark has risen by a third since: levels are far from it, and as they were from their entries.
    risen = drawn(3_000, mark=133.0)
    from_entry = measured_law([risen], 1, np.random.default_rng(0))
    from_mark = measured_law([risen], 1, np.random.default_rng(0), reference="mark")
    assert from_entry.median == pytest.approx(0.2, rel=0.1)
    assert from_mark.median > 0.35


def test_margin_taken_out_beyond_the_entry_counts_from_the_mark() -> None:
    rows = [(f"{i}", "BTC", 1.0, 200.0, 150.0 + i) for i in range(20)]
    snapshot = replace(snapshot_of(rows), entry_price=np.full(20, 100.0))
    by_entry, by_mark = (
        measured_law([snapshot], 1, np.random.default_rng(0), reference=reference).median
        for reference in ("entry", "mark")
    )
    assert by_entry == by_mark
    assert 0.15 < by_entry < 0.25


def test_several_snapshots_of_the_same_accounts_say_no_more_than_one() -> None:
    one = drawn(400)
    several = [replace(one, as_of=NOON + number * HOUR) for number in range(6)]
    single, pooled = (measured_law(some, 1, np.random.default_rng(0)) for some in ([one], several))
    assert pooled.median == pytest.approx(single.median, rel=1e-9)
    assert pooled.log_median.error == pytest.approx(single.log_median.error, rel=0.15)
    assert (pooled.accounts, pooled.positions) == (400, 6 * single.positions)
    assert pooled.effective_accounts == pytest.approx(single.effective_accounts)
    assert pooled.until == NOON + 5 * HOUR


def test_a_prior_is_as_unsure_as_its_sample_and_the_transfer() -> None:
    law = measured_law([drawn(60)], 1, np.random.default_rng(0), coin="BTC")
    prior = law.prior()
    assert prior.median == law.median
    assert prior.median_error == pytest.approx(np.hypot(law.log_median.error, 0.3))
    assert prior.sigma_error == pytest.approx(np.hypot(law.sigma.error, 0.2))
    assert law.prior(transfer_median=0.0).median_error == pytest.approx(law.log_median.error)
    assert "positions in BTC of 60 accounts, 2026-02-10T12:00:00Z" in prior.source
    assert "accounts as they were found" in law.notes[0]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", "BTC", 1.0, 100.0, NONE), ("b", "BTC", 1.0, 100.0, NONE)],
        [("a", "BTC", 1.0, 100.0, 90.0), ("a", "ETH", 1.0, 100.0, 80.0)],
        [("a", "BTC", 1.0, 100.0, 101.0)],
    ],
    ids=["nobody", "no level", "one account", "level passed"],
)
def test_too_little_tells_no_prior(rows: list[tuple[str, str, float, float, float]]) -> None:
    law = measured_law([snapshot_of(rows)], 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="tell no law of distances; expected at least two accounts"):
        law.prior()


def test_what_cannot_be_measured_is_refused() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="positions: no snapshots"):
        measured_law([], 1, generator)
    with pytest.raises(InputError, match="symbol: 'DOGE' is held by no account"):
        measured_law([drawn(20)], 1, generator, coin="DOGE")
    twice = snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("a", "BTC", 1.0, 100.0, 80.0)])
    with pytest.raises(InputError, match="'a' holds BTC more than once"):
        measured_law([twice], 1, generator)


MEASURED = (
    DistancePrior(0.11, 0.62, 0.31, 0.22, 'positions of "a" and \\ others'),
    DistancePrior(0.4, 1.2, 0.4, 0.3, "another"),
)


def test_a_calibration_says_what_it_expected_and_its_file_loses_nothing() -> None:
    fitted = calibration(market_with_liquidations(days=30), prior=MEASURED)
    assert [side.prior for side in fitted.sides] == list(MEASURED)
    assert any(
        "longs: distances expected at a median of 11.0% and sigma 0.62" in note for note in fitted.notes
    )
    text = calibration_text(fitted)
    again = calibration_of(text)
    assert [side.prior for side in again.sides] == list(MEASURED)
    assert calibration_text(again) == text
    summary = calibration_summary(fitted)
    assert summary["short"]["prior"]["median"] == 0.4
    assert (
        fitted.parameters.parameter_hash
        != calibration(market_with_liquidations(days=30)).parameters.parameter_hash
    )


def test_a_file_without_a_prior_was_fitted_with_the_built_in_one() -> None:
    text = calibration_text(calibration(market_with_liquidations(days=30)))
    assert "prior = {" not in text
    assert [side.prior for side in calibration_of(text).sides] == [BUILT_IN, BUILT_IN]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "median = 0.11",
            "median = -0.11",
            "prior: prior: median is -0.11; expected a finite number above 0",
        ),
        ("sigma_error = 0.22, ", "", "long, prior: sigma_error is missing; expected float"),
        ('source = "another"', "source = 7", "short, prior: source is 7; expected str"),
    ],
)
def test_a_prior_in_a_file_that_cannot_be_is_refused(old: str, new: str, message: str) -> None:
    text = calibration_text(calibration(market_with_liquidations(days=14), prior=MEASURED))
    assert old in text
    with pytest.raises(InputError, match=message):
        calibration_of(text.replace(old, new, 1))


def test_a_fit_on_nothing_stands_on_its_prior() -> None:
    few = calibration(market_with_liquidations(days=8), prior=MEASURED)
    assert [side.stage for side in few.sides] == [0, 0]
    medians = [np.exp(np.mean([np.log(law.median) for law in side.laws])) for side in few.sides]
    assert medians[0] == pytest.approx(0.11, rel=0.2)
    assert medians[1] == pytest.approx(0.4, rel=0.25)


def test_a_transfer_compares_both_priors_on_markets_with_known_positions() -> None:
    rows = simulated_transfer((611,), days=8)
    assert {(row.trained, row.side, row.metric) for row in rows} == {
        (trained, side, metric)
        for trained in (0, 10, 20)
        for side in ("long", "short")
        for metric in ("pearson", "overlap", "log_mass", "log_deviance")
    }
    for row in rows:
        assert row.difference == pytest.approx(row.measured - row.built_in)
        assert row.n == (2 if row.metric == "log_deviance" else 6)
        if row.metric in {"pearson", "overlap"}:
            assert -1 <= min(row.built_in, row.measured) <= max(row.built_in, row.measured) <= 1


def test_the_recorded_law_serves_recorded_days_about_as_well_as_the_built_in_one(shared: Path) -> None:
    snapshots = recorded_snapshots(shared)[::8]
    priors = measured_priors(snapshots, np.random.default_rng(0), coin="BTC")
    assert all(0.2 < prior.median < 0.8 and prior.median_error > 0.3 for prior in priors)
    market = recorded_market(shared, "BTC")
    assert market.liquidations is not None
    first = {name: getattr(market.liquidations, name)[:18] for name in _TOTALS}
    rows = recorded_transfer(replace(market, liquidations=LiquidationTotals(**first)), priors)
    fitted = [row for row in rows if row.trained]
    # Ten days and more of liquidations speak louder than either prior.
    assert all(abs(row.difference) < 0.35 for row in fitted)
    assert all(row.n >= 5 for row in rows)
