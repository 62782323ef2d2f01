"""The envelope against a slow walk, its limits, and what it must conserve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.made_depth import depth_curve
from powderkeg.core.cascade_envelope import (
    Envelope,
    ForcedCurve,
    envelope,
    forced_curve,
    walked_landing,
)
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.price_grid import PriceGrid


def made_curves(seed: int) -> tuple[DepthCurve, ForcedCurve]:
    """Return a book of steps, ramps or both, and a map with gaps, walls and sometimes a jump at the mark."""
    generator = np.random.default_rng(seed)
    levels = generator.integers(2, 40)
    # Few different places, so that levels of the book and of the map often coincide.
    places = np.sort(generator.integers(0, 60, levels)) / 100
    stepped = generator.random() < 0.5
    gains = generator.exponential(10.0, levels) * (generator.random(levels) < 0.8)
    total = np.cumsum(gains)
    if stepped:
        displacement = np.concatenate([[0.0], np.repeat(places, 2)])
        before = np.concatenate([[0.0], total[:-1]])
        absorbed = np.concatenate([[0.0], np.column_stack([before, total]).ravel()])
    else:
        displacement, absorbed = np.concatenate([[0.0], places]), np.concatenate([[0.0], total])
    absorbed[-1] += 1.0
    count = generator.integers(1, 40)
    marks = np.sort(generator.integers(0, 60, count)) / 100
    forced = np.cumsum(generator.exponential(6.0, count) * (generator.random(count) < 0.6))
    tail = None if generator.random() < 0.5 or displacement[-1] == 0 else 0.67
    return (
        depth_curve(displacement, absorbed, tail),
        ForcedCurve(np.concatenate([[0.0], marks]), np.concatenate([[0.0], forced])),
    )


@settings(max_examples=2_000, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.floats(0.0, 400.0))
def test_every_landing_is_that_of_a_slow_walk(seed: int, size: float) -> None:
    depth, forced = made_curves(seed)
    found = envelope(depth, forced)
    landing = float(found.landing(size))
    walked = walked_landing(depth, forced, size)
    # Where an order all but ends a stretch, rounding decides between its end and the next stop.
    if not np.isclose(landing, walked, rtol=1e-9, atol=1e-12, equal_nan=True):
        nearly = [float(found.landing(size * factor)) for factor in (1 - 1e-9, 1 + 1e-9)]
        assert np.isclose(nearly, walked, rtol=1e-6, atol=1e-9, equal_nan=True).any()


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_compiled_kernel_equals_its_readable_twin(seed: int) -> None:
    depth, forced = made_curves(seed)
    fast, slow = (envelope(depth, forced, kernel=kernel) for kernel in ("numba", "numpy"))
    for name in Envelope.__slots__:
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-12, atol=1e-12)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.floats(0.1, 300.0))
def test_nothing_is_forced_twice_and_nothing_that_did_not_lie_on_the_way(seed: int, size: float) -> None:
    depth, forced = made_curves(seed)
    found = envelope(depth, forced)
    landing = found.landing(size)
    if np.isnan(landing):
        return
    on_the_way = float(found.forced_at(landing))
    assert 0 <= on_the_way <= forced.forced[-1] + 1e-9
    # What was absorbed is the order and what it forced, up to the level on which it comes to rest.
    assert float(found.absorbed_at(landing)) >= (size + on_the_way) * (1 - 1e-9)
    assert landing >= found.book_landing(size) - 1e-12
    larger = found.landing(size * 1.5)
    assert np.isnan(larger) or larger >= landing - 1e-12


def test_without_a_map_it_is_the_plain_walk_through_the_book() -> None:
    depth, _ = made_curves(3)
    found = envelope(depth, ForcedCurve(np.zeros(1), np.zeros(1)))
    sizes = np.linspace(0, float(depth.absorbed[-1]), 50)
    np.testing.assert_allclose(found.landing(sizes), found.book_landing(sizes), rtol=1e-12)
    assert found.zones() == []


def test_infinite_depth_amplifies_nothing() -> None:
    forced = ForcedCurve(np.array([0.0, 0.1, 0.2]), np.array([0.0, 50.0, 90.0]))
    found = envelope(depth_curve([0.0, 0.5], [0.0, 1e15]), forced)
    assert float(found.landing(1_000.0)) == pytest.approx(0.5 * 1_000.0 / 1e15, rel=1e-9)
    assert float(found.forced_at(found.landing(1_000.0))) < 1e-6


def test_a_branching_ratio_above_one_is_a_jump() -> None:
    # 100 absorbed per 0.1 throughout; between 0.1 and 0.2 the map forces 150.
    depth = depth_curve([0.0, 1.0], [0.0, 1_000.0])
    forced = ForcedCurve(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.0, 150.0]))
    found = envelope(depth, forced)
    (zone,) = found.zones()
    assert zone.trigger == pytest.approx(0.1)
    assert zone.trigger_size == pytest.approx(100.0)
    assert zone.landing == pytest.approx(0.25)  # 250 absorbed: the order of 100 and the 150
    assert zone.forced == pytest.approx(150.0)
    assert zone.branching == pytest.approx(1.5)
    assert float(found.landing(99.9)) < 0.1
    assert float(found.landing(100.1)) == pytest.approx(0.2501)
    assert found.push_reaching(0.2) == pytest.approx(100.0)
    assert found.push_reaching(0.05) == pytest.approx(50.0)
    # A print at 0.2 sets off 150 that meet the depth beyond it.
    assert found.landing_after_print(0.2) == pytest.approx(0.35)
    assert found.landing_after_print(0.05) == 0.05
    assert np.isnan(found.landing_after_print(0.99)) == (1.0 - 0.99 < 0.15)


def test_below_one_it_amplifies_by_the_geometric_series() -> None:
    depth = depth_curve([0.0, 1.0], [0.0, 1_000.0])
    forced = ForcedCurve(np.array([0.0, 1.0]), np.array([0.0, 400.0]))
    found = envelope(depth, forced)
    assert float(found.landing(60.0)) == pytest.approx(0.06 / (1 - 0.4))
    assert found.zones() == []


def test_a_wall_of_no_depth_is_crossed_and_a_push_beyond_the_book_lands_nowhere() -> None:
    depth = depth_curve([0.0, 0.1, 0.1, 0.3, 0.3], [0.0, 0.0, 100.0, 100.0, 150.0])
    forced = ForcedCurve(np.array([0.0, 0.2, 0.2]), np.array([0.0, 0.0, 30.0]))
    found = envelope(depth, forced)
    assert found.landing([1.0, 100.0, 100.1, 120.0]).tolist() == pytest.approx([0.1, 0.1, 0.3, 0.3])
    assert np.isnan(found.landing(120.1))
    (zone,) = found.zones()
    assert (zone.trigger, zone.trigger_size, zone.landing, zone.branching) == (0.1, 100.0, 0.3, np.inf)


def test_the_forced_curve_of_a_map_begins_at_the_mark() -> None:
    grid = PriceGrid(0.001, 4_600, 10)
    mass = np.arange(1.0, 11.0)
    longs, shorts = np.where(np.arange(10) <= 4, mass, 0.0), np.where(np.arange(10) >= 4, mass, 0.0)
    mark = float(np.exp(4.6045))  # in the middle of the fifth bin
    down, up = forced_curve(grid, longs, mark, -1, 0.5), forced_curve(grid, shorts, mark, 1, 0.5)
    # All of the mark's own bin counts, on the side ahead.
    assert down.forced[-1] == pytest.approx(0.5 * sum(range(1, 6)))
    assert up.forced[-1] == pytest.approx(0.5 * sum(range(5, 11)))
    assert down.displacement[-1] == pytest.approx(0.0045)
    assert up.displacement[-1] == pytest.approx(0.0055)
    assert np.interp(0.0005, up.displacement[1:], up.forced[1:]) == pytest.approx(2.5)
    behind = forced_curve(grid, mass, mark, 1)
    assert behind.forced[1] == 1 + 2 + 3 + 4
    assert forced_curve(PriceGrid(0.001, 0, 0), np.empty(0), 1.0, 1).forced.tolist() == [0.0]


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: depth_curve([0.0, 0.1], [0.0, 0.0]), "nothing is absorbed"),
        (lambda: depth_curve([0.0, 0.1], [0.0, -1.0]), "absorbed does not rise"),
        (lambda: depth_curve([0.1, 0.2], [0.0, 1.0]), "displacement does not rise"),
        (lambda: depth_curve([0.0, 0.1, 0.2], [0.0, 1.0]), "as many of each"),
        (lambda: depth_curve([0.0], [0.0]), "two points or more"),
        (lambda: depth_curve([0.0, np.inf], [0.0, 1.0]), "finite"),
        (lambda: depth_curve([0.0, 0.1], [0.0, 1.0], tail=0.0), "tail_exponent is 0"),
        (lambda: depth_curve([0.0, 0.1], [0.0, 1.0]).scaled(0.0), "factor is 0"),
        (lambda: ForcedCurve(np.array([0.0, 0.1]), np.array([0.0, np.nan])), "not finite|does not rise"),
        (lambda: envelope(*made_curves(1)).landing(-1.0), "order: -1"),
        (lambda: envelope(*made_curves(1)).landing([1.0, np.nan]), "order: nan"),
        (lambda: envelope(*made_curves(1)).landing_after_print(-0.1), "displacement: -0.1"),
        (lambda: forced_curve(PriceGrid(0.001, 0, 1), np.ones(1), 1.0, 1, -1.0), "pass_through: -1"),
        (lambda: forced_curve(PriceGrid(0.001, 0, 1), np.ones(1), 0.0, 1), "mark_price: 0"),
    ],
)
def test_what_cannot_be_is_refused(work: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        work()  # type: ignore[operator]
