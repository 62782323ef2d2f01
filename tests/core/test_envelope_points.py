"""An envelope in few points: exact where a point stands, close in between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.cascade_envelope import Envelope, envelope, forced_curve
from powderkeg.core.envelope_points import EnvelopePoints, envelope_points
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.price_grid import PriceGrid

FARTHEST = 0.18


def made(seed: int, levels: int = 4_000) -> Envelope:
    """Return the envelope of a book of many levels and of a map of 250 bins with walls in it."""
    generator = np.random.default_rng(seed)
    at = np.cumsum(generator.exponential(0.25 / levels, levels))
    held = np.cumsum(generator.lognormal(np.log(4e8 / levels), 1.0, levels))
    depth = DepthCurve(
        direction=1,
        displacement=np.concatenate([[0.0], np.repeat(at, 2)]),
        absorbed=np.concatenate([[0.0, 0.0], np.repeat(held, 2)[:-1]]),
        tail_exponent=None,
        kind="book",
        source="made",
        as_of=0,
    )
    mass = generator.lognormal(13.0, 1.0, 250)
    mass[generator.integers(20, 200, 3)] *= 40
    return envelope(depth, forced_curve(PriceGrid(0.001, 4_605, 250), mass, 100.0, 1), kernel="numpy")


def landing(few: EnvelopePoints, size: float) -> float:
    """Return where an order lands, read along the lines of `push`."""
    after = int(np.searchsorted(few.push, size))
    rise = few.push[after] - few.push[after - 1]
    step = few.displacement[after] - few.displacement[after - 1]
    return float(few.displacement[after - 1] + step * (size - few.push[after - 1]) / rise)


@given(st.integers(0, 2**32), st.integers(1, 5_000))
@settings(max_examples=15, deadline=None)
def test_every_point_is_one_of_the_envelope_and_those_asked_for_are_among_them(
    seed: int, levels: int
) -> None:
    whole = made(seed, levels)
    through = np.random.default_rng(seed).uniform(0, FARTHEST, 5)
    few = envelope_points(whole, FARTHEST, most=400, through=through.tolist())
    assert len(few.displacement) <= 400
    assert few.displacement[0] == 0
    assert few.displacement[-1] == min(FARTHEST, whole.displacement[-1])
    inside = through[through <= few.displacement[-1]]
    assert set(inside) <= set(few.displacement)
    assert np.all(np.diff(few.push) >= 0)
    places = np.unique(few.displacement)
    first = np.searchsorted(few.displacement, places)
    last = np.searchsorted(few.displacement, places, side="right") - 1
    asked = np.isin(places, [0.0, *inside])
    assert few.push[first[asked]] == pytest.approx(
        np.array([whole.push_reaching(place) for place in places[asked].tolist()]), rel=1e-9
    )
    for name, values in (("absorbed", whole.absorbed_at(places)), ("forced", whole.forced_at(places))):
        assert getattr(few, name)[last[asked]] == pytest.approx(values[asked], rel=1e-12)
        # Of a jump a part of its points may stand for it.
        assert np.all(getattr(few, name)[last] <= values * (1 + 1e-12))


@pytest.mark.parametrize("seed", range(3))
def test_lines_between_the_points_are_close_to_the_envelope(seed: int) -> None:
    whole = made(seed)
    few = envelope_points(whole, FARTHEST, most=400)
    places = np.linspace(0.01, FARTHEST, 500)  # nearer, a single level is much of all there is
    for name, values in (("absorbed", whole.absorbed_at(places)), ("forced", whole.forced_at(places))):
        lines = np.interp(places, few.displacement, getattr(few, name))
        assert lines == pytest.approx(values, rel=0.05)
    pushes = np.array([whole.push_reaching(place) for place in places.tolist()])
    assert np.interp(places, few.displacement, few.push) == pytest.approx(pushes, rel=0.05)


@pytest.mark.parametrize("levels", [3, 40])
def test_orders_of_every_size_land_along_the_lines_as_in_the_envelope(levels: int) -> None:
    whole = made(7, levels)
    few = envelope_points(whole, 1.0, most=1_000)
    sizes = np.geomspace(few.push[-1] * 1e-4, few.push[-1] * 0.999, 300)
    read = [landing(few, size) for size in sizes.tolist()]
    assert read == pytest.approx(whole.landing(sizes), abs=1e-12)


def test_an_envelope_of_few_points_loses_none() -> None:
    whole = made(1, 20)
    few = envelope_points(whole, 1.0, most=1_000)
    for name in ("displacement", "absorbed", "forced"):
        assert set(getattr(whole, name)) <= set(getattr(few, name))
    assert few.push[-1] == whole.reach[-1]


@pytest.mark.parametrize(("farthest", "most", "field"), [(0.0, 400, "farthest"), (0.1, 10, "most")])
def test_what_cannot_be_is_refused(farthest: float, most: int, field: str) -> None:
    with pytest.raises(InputError, match=field):
        envelope_points(made(2), farthest, most=most, through=np.linspace(0, 0.1, 20).tolist())
