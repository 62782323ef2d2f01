"""Reading a map: cumulative curves, their inverse, the balance, and clusters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.core.clusters import side_clusters
from powderkeg.core.map_reading import (
    cumulative_long,
    cumulative_short,
    liquidated_at,
    price_reaching,
    range_imbalance,
)
from powderkeg.model.price_grid import PriceGrid

GRID = PriceGrid(0.001, 11_000, 400)
MASSES = st.lists(st.floats(0, 1e9), min_size=GRID.count, max_size=GRID.count).map(np.array)


def hump(centre: int, width: float, height: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((np.arange(GRID.count) - centre) / width) ** 2)


@given(MASSES, st.floats(0.001, 0.999))
def test_the_price_that_liquidates_so_much_liquidates_so_much(mass: np.ndarray, share: float) -> None:
    wanted = share * mass.sum()
    if wanted <= 1e-3:
        return
    for falling, cumulative in ((True, cumulative_long(mass)), (False, cumulative_short(mass))):
        price = price_reaching(GRID, mass, wanted, falling=falling)
        assert price is not None
        assert liquidated_at(GRID, cumulative, price) == pytest.approx(wanted, rel=1e-6)


def test_more_than_stands_on_a_side_is_reached_at_no_price() -> None:
    mass = np.ones(GRID.count)
    assert price_reaching(GRID, mass, GRID.count + 1.0, falling=True) is None


@given(MASSES)
def test_cumulative_curves_start_at_the_market_and_end_at_everything(mass: np.ndarray) -> None:
    down, up = cumulative_long(mass), cumulative_short(mass)
    assert down[-1] == up[0] == 0.0
    assert down[0] == pytest.approx(mass.sum())
    assert up[-1] == pytest.approx(mass.sum())
    assert (np.diff(down) <= 0).all()
    assert (np.diff(up) >= 0).all()


def test_half_a_bin_holds_half_its_mass() -> None:
    mass = np.zeros(GRID.count)
    mass[100] = 8.0
    middle = float(GRID.centres[100])
    assert liquidated_at(GRID, cumulative_long(mass), middle) == pytest.approx(4.0)
    assert liquidated_at(GRID, cumulative_short(mass), middle) == pytest.approx(4.0)


def test_imbalance_is_positive_when_more_stands_above() -> None:
    mark = float(GRID.edges[200])
    longs, shorts = np.zeros(GRID.count), np.zeros(GRID.count)
    longs[195], shorts[205], shorts[390] = 1.0, 3.0, 100.0
    balance = range_imbalance(GRID, longs, shorts, mark_price=mark, open_interest=1_000.0, distance=0.02)
    assert (balance.long_notional, balance.short_notional) == pytest.approx((1.0, 3.0))
    assert balance.imbalance == pytest.approx(0.5)
    assert not balance.thin


def test_nothing_within_range_has_no_imbalance() -> None:
    nothing = np.zeros(GRID.count)
    mark = float(GRID.edges[200])
    balance = range_imbalance(GRID, nothing, nothing, mark_price=mark, open_interest=1.0, distance=0.02)
    assert (balance.imbalance, balance.thin) == (None, True)


def clusters_of(mass: np.ndarray, side: str = "long") -> list[tuple[float, float]]:
    found = side_clusters(GRID, mass, side=side, mark_price=float(GRID.edges[-1]), open_interest=1e9)
    return [(cluster.price_peak, cluster.notional) for cluster in found]


def test_two_walls_are_two_clusters_largest_first_with_their_peaks_and_mass() -> None:
    found = clusters_of(hump(100, 8, 1e6) + hump(250, 12, 2e6))
    assert [round(np.log(price) / GRID.width - GRID.first) for price, _ in found] == [250, 100]
    # Between the points of half height a normal curve holds 76 % of its area.
    assert found[0][1] == pytest.approx(0.76 * 2e6 * 12 * np.sqrt(2 * np.pi), rel=0.05)


def test_noise_on_a_wall_does_not_split_it() -> None:
    noise = np.random.default_rng(0).normal(0, 2e4, GRID.count)
    assert len(clusters_of(np.maximum(hump(200, 20, 1e6) + noise, 0))) == 1


def test_a_plateau_is_one_cluster() -> None:
    mass = np.zeros(GRID.count)
    mass[100:200] = 1e6
    assert len(clusters_of(mass)) == 1


def test_clusters_never_overlap() -> None:
    rng = np.random.default_rng(1)
    mass = np.convolve(rng.gamma(0.3, 1e6, GRID.count), np.ones(9) / 9, mode="same")
    found = side_clusters(GRID, mass, side="short", mark_price=float(GRID.edges[0]), open_interest=1e9)
    ordered = sorted(found, key=lambda cluster: cluster.price_low)
    assert len(ordered) > 3
    for before, after in itertools.pairwise(ordered):
        assert before.price_high <= after.price_low * (1 + 2 * GRID.width)
    assert sum(cluster.notional for cluster in found) <= mass.sum() * 1.05


def test_an_empty_side_has_no_clusters() -> None:
    assert clusters_of(np.zeros(GRID.count)) == []


def test_prominence_compares_with_one_percent_of_open_interest_per_percent() -> None:
    # Mass of exactly the diffuse density: ten bins of a thousandth each.
    mass = np.zeros(GRID.count)
    edges = GRID.edges
    mass[300:310] = 1e9 * np.diff(edges)[300:310] / edges[-1]
    cluster = side_clusters(GRID, mass, side="long", mark_price=float(edges[-1]), open_interest=1e9)[0]
    assert cluster.prominence == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6])
def test_a_map_of_a_few_bins_has_its_cluster(count: int) -> None:
    grid = PriceGrid(0.001, 4_600, count)
    mass = np.zeros(count)
    mass[count // 2] = 7.0
    (cluster,) = side_clusters(grid, mass, side="short", mark_price=90.0, open_interest=100.0)
    assert cluster.notional == 7.0
    assert cluster.price_low <= grid.centres[count // 2] < cluster.price_high
