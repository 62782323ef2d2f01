"""Bands of a coin over venues: a member of the sum is a sum of one member of each, and nothing is lost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.bands import outcome_quantiles, summed_outcome_quantiles
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_ensemble import ForcedPart, MapEnsemble
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance

WIDTH = 0.001
HASHES = ("1f" * 8, "a0" * 8, "37" * 8)


def made_map(
    name: str, *, seed: int, mark: float = 100.0, calibration: str | None = HASHES[0], members: int = 16
) -> LiquidationMap:
    """Return a map of 60 bins around its mark, with members that are more or less of it all over."""
    generator = np.random.default_rng(seed)
    mark_bin = math.floor(math.log(mark) / WIDTH)
    grid = PriceGrid(WIDTH, mark_bin - 30, 60)
    shape = generator.gamma(1.0, 1e6, size=(2, 60))
    shape[0, 30:] = shape[1, :30] = 0
    # The more of one member, the more of it at each venue: what is wrong with a law is wrong everywhere.
    standing = shape * np.linspace(0.5, 1.5, members)[:, None, None]
    mean = standing.mean(axis=0)
    part = ForcedPart(0.3 * standing, generator.uniform(50, 500, size=2))
    return LiquidationMap(
        instrument=f"{name}:X",
        as_of=1_770_724_800_000,
        mark_price=mark,
        open_interest=float(2 * mean.sum()),
        grid=grid,
        long_notional=mean[0],
        short_notional=mean[1],
        provenance=Provenance("modelled", "calibrated", "0" * 16, (), (0.0, 0.0), "none"),
        ensemble=None if calibration is None else MapEnsemble(standing, (part,), seed, calibration),
    )


def ensemble_of(one: LiquidationMap) -> MapEnsemble:
    assert one.ensemble is not None
    return one.ensemble


Venue = tuple[int, float, str, int]
VENUE = st.tuples(
    st.integers(0, 1_000), st.floats(95.0, 105.0), st.sampled_from(HASHES), st.sampled_from((8, 16))
)


def maps_of(venues: list[Venue]) -> list[LiquidationMap]:
    """Return maps of one coin, whose calibrations may be the same."""
    return [
        made_map(f"venue{number}", seed=seed, mark=mark, calibration=calibration, members=members)
        for number, (seed, mark, calibration, members) in enumerate(venues)
    ]


def test_the_sum_of_one_map_is_that_map() -> None:
    own = made_map("a", seed=1)
    (total, (layer,)) = (summed := aggregated_map([own], "X")).total, summed.layers
    assert layer.map is own
    assert total.as_json() == {**own.as_json(), "instrument": "X"}
    assert "long_notional_band" in total.as_json()["bins"][0]


@settings(max_examples=30, deadline=None)
@given(st.lists(VENUE, min_size=2, max_size=4))
def test_every_member_is_a_sum_of_one_member_of_each_and_nothing_is_lost(venues: list[Venue]) -> None:
    maps = maps_of(venues)
    summed = aggregated_map(maps, "X")
    total = ensemble_of(summed.total)
    assert total.members == max(ensemble_of(one).members for one in maps)
    nominal = np.stack([summed.total.long_notional, summed.total.short_notional])
    np.testing.assert_allclose(total.standing.mean(axis=0), nominal, rtol=1e-9, atol=1e-6)
    order: dict[str, list[int]] = {}
    standing = np.zeros((total.members, 2))
    for layer, part in zip(summed.layers, total.parts, strict=True):
        own = ensemble_of(layer.map)
        mass = own.forced.sum(axis=2)
        placed = part.forced.sum(axis=2)
        # Totals of members differ, so that they tell which of them was taken.
        taken = [int(np.argmin(np.abs(mass[:, 0] - one))) for one in placed[:, 0]]
        np.testing.assert_allclose(placed, mass[taken], rtol=1e-9)
        counts = np.bincount(taken, minlength=own.members)
        assert set(counts.tolist()) == {total.members // own.members}
        assert order.setdefault(f"{own.calibration} {own.members}", taken) == taken
        np.testing.assert_array_equal(part.dispersion, own.parts[0].dispersion)
        standing += own.standing.sum(axis=2)[taken]
    np.testing.assert_allclose(total.standing.sum(axis=2), standing, rtol=1e-9)
    np.testing.assert_allclose(total.forced, sum(part.forced for part in total.parts), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(VENUE, min_size=2, max_size=4))
def test_the_order_of_venues_does_not_matter(venues: list[Venue]) -> None:
    maps = maps_of(venues)
    first = aggregated_map(maps, "X").total
    for other in (maps[::-1], maps[1:] + maps[:1]):
        again = aggregated_map(other, "X").total
        np.testing.assert_array_equal(ensemble_of(again).standing, ensemble_of(first).standing)
        assert again.provenance == first.provenance
        assert again.liquidated_if(97.0) == first.liquidated_if(97.0)


def test_errors_of_one_calibration_add_up_and_those_of_several_do_not() -> None:
    maps = [made_map(name, seed=number) for number, name in enumerate("abc")]
    total = aggregated_map(maps, "X").total
    price = 97.5
    found = total.liquidated_if(price).notional_band
    single = [one.liquidated_if(price).notional_band for one in maps]
    assert found is not None
    for bound in ("low_90", "low_50", "high_50", "high_90"):
        assert getattr(found, bound) == pytest.approx(sum(getattr(one, bound) for one in single), rel=1e-9)
    assert total.provenance.notes[-1].startswith("bands: one calibration for all venues")

    apart = [
        replace(one, ensemble=replace(ensemble_of(one), calibration=name))
        for one, name in zip(maps, HASHES, strict=True)
    ]
    independent = aggregated_map(apart, "X").total
    narrower = independent.liquidated_if(price).notional_band
    assert narrower is not None
    assert narrower.high_90 - narrower.low_90 < 0.8 * (found.high_90 - found.low_90)
    assert narrower.low_90 < independent.liquidated_if(price).notional < narrower.high_90
    assert independent.provenance.notes[-1].startswith("bands: errors of different calibrations")


def test_bands_are_the_quantiles_of_the_members_of_the_sum() -> None:
    maps = [made_map(name, seed=9 + n, mark=100 + n, calibration=HASHES[n]) for n, name in enumerate("abc")]
    total = aggregated_map(maps, "X").total
    entry = next(one for one in total.as_json()["bins"] if one["long_notional"] > 0)
    place = int(np.argmin(np.abs(total.grid.edges - entry["price_low"])))
    values = np.quantile(ensemble_of(total).standing[:, 0, place], (0.05, 0.25, 0.75, 0.95))
    assert [*entry["long_notional_band"].values()] == pytest.approx(values.tolist(), rel=1e-12)
    assert entry["long_expected_forced"] == pytest.approx(0.3 * entry["long_notional"], rel=1e-9)
    everything = total.liquidated_if(float(total.grid.edges[0]))
    sums = ensemble_of(total).standing[:, 0].sum(axis=1)
    assert everything.notional_band is not None
    assert everything.notional_band.low_90 == pytest.approx(np.quantile(sums, 0.05), rel=1e-9)
    # Half of a bin counts for half of it.
    edges = total.grid.edges
    half = ensemble_of(total).between(
        total.grid, 0, float(edges[place]), math.sqrt(edges[place] * edges[place + 1])
    )
    np.testing.assert_allclose(half[0], ensemble_of(total).standing[:, 0, place] / 2, rtol=1e-9)
    np.testing.assert_allclose(half[1], ensemble_of(total).forced[:, 0, place] / 2, rtol=1e-9)


def test_a_venue_without_a_calibration_leaves_the_sum_without_bands_and_is_named() -> None:
    with_bands, without = made_map("a", seed=1), made_map("b", seed=2, calibration=None)
    total = aggregated_map([with_bands, without], "X").total
    assert total.ensemble is None
    assert "b:X without a calibration" in total.provenance.notes[-1]
    assert "long_notional_band" not in total.as_json()["bins"][0]
    plain = aggregated_map([without, replace(without, instrument="c:X")], "X").total
    assert not any("bands" in note for note in plain.provenance.notes)


def test_chance_is_independent_between_venues() -> None:
    """Totals of a Tweedie law add up to one of it: n equal parts have phi over the root of n."""
    members, mean, dispersion = 20_000, 1e6, 400.0
    whole = outcome_quantiles(np.full(members, 4 * mean), dispersion / 2, seed=1)
    parts = summed_outcome_quantiles([(np.full(members, mean), dispersion)] * 4, seed=2)
    np.testing.assert_allclose(parts, whole, rtol=0.02)
    alone = outcome_quantiles(np.full(members, 4 * mean), dispersion, seed=3)
    assert alone[3] - alone[0] > 1.3 * (parts[3] - parts[0])
