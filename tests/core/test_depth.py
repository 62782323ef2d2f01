"""Depth from books and bands, venues together: what is counted, and every book that cannot be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.band_depth import EXPONENT_BOUNDS, SHAPE_EXPONENT, band_depth, fitted_exponent
from powderkeg.core.book_depth import Levels, book_depth
from powderkeg.core.cascade_envelope import Envelope, ForcedCurve, envelope, walked_landing
from powderkeg.core.combined_depth import STRESS_FACTORS, combined_depth, continued_depth, stressed_depth
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve, Direction

NAN = float("nan")
BIDS: Levels = [(99.0, 2.0), (98.0, 1.0), (95.0, 4.0)]
ASKS: Levels = [(101.0, 1.0), (103.0, 2.0)]
NOTHING_FORCED = ForcedCurve(np.zeros(1), np.zeros(1))


def curve_of(
    bids: Levels = BIDS, asks: Levels = ASKS, direction: Direction = -1, **changed: float | str | None
) -> DepthCurve:
    return book_depth(bids, asks, direction=direction, source="test", as_of=0, **changed)  # type: ignore[arg-type]


def bands_of(
    distance: Sequence[float], notional: Sequence[float], direction: Direction = -1, **given: object
) -> DepthCurve:
    return band_depth(
        distance, notional, direction=direction, source="test", as_of=0, **given  # type: ignore[arg-type]
    )  # fmt: skip


def walk_of(curve: DepthCurve) -> Envelope:
    return envelope(curve, NOTHING_FORCED)


def absorbed(curve: DepthCurve, price_move: float) -> float:
    """Return what is absorbed once price has moved by a signed fraction."""
    return float(walk_of(curve).absorbed_at(abs(np.log1p(price_move))))


def walked(levels: Levels, order: float, *, falling: bool) -> float:
    """Return the price of the level on which an order ends, level by level; NaN beyond the last."""
    for price, quantity in sorted(levels, reverse=falling):
        order -= price * quantity
        if order <= 0:
            return price
    return NAN


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9), share=st.floats(0.0, 1.2))
def test_an_order_lands_on_the_level_where_a_walk_through_the_book_ends(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    # Whole prices and quantities, some levels twice; orders in halves end on none of their sums.
    count = generator.integers(1, 20)
    away, quantity = generator.integers(1, 40, count), generator.integers(1, 9, count)
    bids = [(100.0 - a, float(q)) for a, q in zip(away, quantity, strict=True)]
    asks = [(200.0 - price, size) for price, size in bids]
    sides: tuple[tuple[Direction, Levels], ...] = ((-1, bids), (1, asks))
    for direction, levels in sides:
        curve = curve_of(bids, asks, direction)
        order = round(share * sum(price * size for price, size in levels)) + 0.5
        landing = float(walk_of(curve).landing(order))
        expected = walked(levels, order, falling=direction < 0)
        assert np.isclose(100.0 * np.exp(direction * landing), expected, rtol=1e-12, equal_nan=True)
        assert np.isclose(walked_landing(curve, NOTHING_FORCED, order), landing, rtol=1e-12, equal_nan=True)


def test_a_level_is_a_jump_and_between_levels_nothing_is_absorbed() -> None:
    curve = curve_of(mark_price=100.0)
    assert absorbed(curve, -0.0099) == 0
    assert absorbed(curve, -0.0101) == 198.0
    assert absorbed(curve, -0.0199) == 198.0
    assert absorbed(curve, -0.0201) == 198.0 + 98.0
    assert np.isnan(walk_of(curve).landing(198.0 + 98.0 + 380.0 + 1.0))
    assert curve.tail_exponent is None


def test_levels_that_the_mark_has_passed_absorb_at_once() -> None:
    curve = curve_of(mark_price=98.5)
    assert absorbed(curve, 0.0) == 198.0
    assert float(walk_of(curve).landing(198.0)) == 0.0


def test_contracts_of_an_inverse_book_are_worth_the_same_at_any_price() -> None:
    linear = curve_of(contract="linear", contract_size=0.01)
    inverse = curve_of(contract="inverse", contract_size=10.0)
    assert linear.absorbed[-1] == pytest.approx(0.01 * (198.0 + 98.0 + 380.0))
    assert inverse.absorbed[-1] == pytest.approx(10.0 * 7.0)


@pytest.mark.parametrize(
    ("bids", "asks", "message"),
    [
        ([], ASKS, "bids: no levels; expected a book with both sides"),
        (BIDS, [], "asks: no levels; expected a book with both sides"),
        ([], [], "bids: no levels"),
        ([(101.0, 1.0)], ASKS, "book: crossed, best bid 101 and best ask 101"),
        ([(120.0, 1.0)], ASKS, "book: crossed, best bid 120 and best ask 101; expected the bid below"),
        ([(NAN, 1.0)], ASKS, r"price of bids\[0\] is nan; expected a finite number above 0"),
        ([*BIDS, (90.0, NAN)], ASKS, r"quantity of bids\[3\] is nan"),
        (BIDS, [(101.0, 0.0)], r"quantity of asks\[0\] is 0; expected a finite number above 0"),
        (BIDS, [(101.0, -1.0)], r"quantity of asks\[0\] is -1"),
        (BIDS, [(float("inf"), 1.0)], r"price of asks\[0\] is inf"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("direction", [-1, 1])
def test_crossed_one_sided_empty_and_nan_books_are_refused(
    bids: Levels, asks: Levels, message: str, direction: Direction
) -> None:
    with pytest.raises(InputError, match=message):
        curve_of(bids, asks, direction)


def test_a_mark_of_another_unit_is_refused() -> None:
    with pytest.raises(InputError, match=r"mark_price is 86583 where the middle of the book is 100; .*5%"):
        curve_of(mark_price=86_583.0)
    with pytest.raises(InputError, match=r"mark_price is nan; expected a finite number above 0"):
        curve_of(mark_price=NAN)


def test_bands_keep_what_they_say_at_every_distance_and_rise_like_a_power_inside() -> None:
    distance = [-0.05, -0.02, -0.01, 0.01, 0.05]
    curve = bands_of(distance, [320.0, 200.0, 100.0, 70.0, 210.0])
    for place, held in zip(distance[:3], [320.0, 200.0, 100.0], strict=True):
        assert absorbed(curve, place) == pytest.approx(held)
    assert curve.tail_exponent == pytest.approx(np.log(3.2) / np.log(5), abs=0.05)
    assert curve.tail_exponent is not None
    # Half of the first band's log distance holds less than it by two to the exponent.
    half = float(np.expm1(np.log(0.99) / 2))
    assert absorbed(curve, half) == pytest.approx(100.0 * 0.5**curve.tail_exponent, rel=0.01)
    upward = bands_of(distance, [320.0, 200.0, 100.0, 70.0, 210.0], direction=1)
    assert absorbed(upward, 0.05) == pytest.approx(210.0)


def test_the_tail_of_bands_has_their_exponent_within_bounds() -> None:
    x = np.array([0.01, 0.02, 0.05])
    for power, expected in ((0.67, 0.67), (0.1, EXPONENT_BOUNDS[0]), (3.0, EXPONENT_BOUNDS[1])):
        assert fitted_exponent(x, x**power) == pytest.approx(expected)
    assert bands_of([-0.01], [5.0]).tail_exponent == SHAPE_EXPONENT
    curve = bands_of([-0.01, -0.05], [100.0, 300.0])
    assert curve.tail_exponent is not None
    far = curve.reaching(float(2 * curve.displacement[-1]))
    assert far.absorbed[-1] == pytest.approx(300.0 * 2**curve.tail_exponent)


def test_bands_emptied_near_the_middle_absorb_nothing_there() -> None:
    curve = bands_of([-0.01, -0.03, -0.04], [0.0, 0.0, 50.0])
    assert absorbed(curve, -0.03) == 0
    assert absorbed(curve, -0.04) == pytest.approx(50.0)
    assert curve.tail_exponent == SHAPE_EXPONENT


@pytest.mark.parametrize(
    ("distance", "notional", "message"),
    [
        ([0.01, 0.02], [1.0, 2.0], "bands: none of bids among 2; expected at least one"),
        ([], [], "bands: none of bids among 0"),
        ([-0.01, -0.02], [2.0, 1.0], "notional is 1 within -0.02, less than the 2 within -0.01"),
        ([-0.01, -0.01], [2.0, 2.0], "distance: two bands of bids at -0.01"),
        ([-0.01, 0.0], [2.0, 2.0], "distance is 0; expected a fraction above -1 that is not 0"),
        ([-5.0], [2.0], "distance is -5; expected a fraction above -1"),
        ([-0.01], [NAN], r"notional\[0\] is nan"),
        ([-0.01], [-1.0], r"notional\[0\] is -1"),
        ([-0.01, -0.02], [0.0, 0.0], "bands: nothing in any of bids"),
    ],
)
def test_bands_that_cannot_be_are_refused(distance: list[float], notional: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bands_of(distance, notional)


def test_bands_of_another_price_than_their_time_are_refused() -> None:
    # Quoted in binance-public-data issue 431: the market stood at about 103,000.
    distance = [-0.05, -0.01, 0.01, 0.05]
    quantity = [7885.275, 2294.324, 2097.41, 6491.515]
    notional = [647_368_074.3692, 191_369_991.2178, 176_607_765.2095, 555_012_399.2844]
    bands_of(distance, notional, quantity=quantity, mark_price=83_800.0)
    with pytest.raises(InputError, match=r"within -0.05 have a mean price of 82098.* is 103000 \(-20%\)"):
        bands_of(distance, notional, quantity=quantity, mark_price=103_000.0)


def test_venues_together_absorb_the_sum_at_every_displacement() -> None:
    bands = bands_of([-0.01, -0.05], [100.0, 300.0])
    near, far = curve_of(), curve_of([(99.5, 1.0), (90.0, 3.0)], [(100.5, 1.0)])
    total = combined_depth([near, far, bands])
    assert total.kind == "bands"
    for move in (-0.0001, -0.004, -0.0101, -0.03, -0.0999, -0.1):
        parts = [curve.reaching(0.11) for curve in (near, far, bands)]
        expected = sum(absorbed(part, max(move, float(np.expm1(-part.displacement[-1])))) for part in parts)
        assert absorbed(total, move) == pytest.approx(expected, rel=1e-3)
    # Alone beyond the books' ends, the bands give the sum the slope of their own tail.
    assert total.tail_exponent is not None
    end, step = float(total.displacement[-1]), 1e-5
    grown = total.reaching(end * (1 + step)).absorbed[-1] - total.absorbed[-1]
    own = bands.reaching(end * (1 + step)).absorbed[-1] - bands.reaching(end).absorbed[-1]
    assert grown == pytest.approx(own, rel=1e-3)


def test_a_venue_counted_twice_is_twice_as_deep_and_alone_it_is_itself() -> None:
    one = curve_of()
    assert absorbed(combined_depth([one]), -0.03) == absorbed(one, -0.03)
    sizes = np.linspace(0, float(one.absorbed[-1]), 40)
    double = walk_of(combined_depth([one, one]))
    np.testing.assert_allclose(double.landing(2 * sizes), walk_of(one).landing(sizes), rtol=1e-12)


def test_curves_of_opposite_directions_are_not_added() -> None:
    with pytest.raises(InputError, match="direction: curves of both directions"):
        combined_depth([curve_of(), curve_of(direction=1)])
    with pytest.raises(InputError, match="direction: curves of both directions"):
        continued_depth(curve_of(), curve_of(direction=1))
    with pytest.raises(InputError, match="curves: none; expected at least one venue's depth"):
        combined_depth([])


def test_a_book_of_few_levels_is_continued_and_never_stretched() -> None:
    near = curve_of([(99.9, 1.0)], [(100.1, 1.0)])
    far = replace(bands_of([-0.01, -0.05], [1000.0, 3000.0]), as_of=-5)
    joined = continued_depth(near, far)
    assert absorbed(joined, -0.001) == pytest.approx(99.9)
    added = absorbed(far, -0.05) - absorbed(far, -0.001)
    assert absorbed(joined, -0.05) == pytest.approx(99.9 + added, rel=1e-3)
    assert (joined.kind, joined.as_of) == ("bands", -5)
    assert joined.source == "test; beyond 0.100%: test"
    assert continued_depth(far, replace(near, tail_exponent=None)) is far


def test_stress_is_a_factor_on_all_depth_and_names_its_regimes() -> None:
    calm = curve_of()
    landings = [
        float(walk_of(stressed_depth(calm, regime)).landing(60.0))
        for regime in sorted(STRESS_FACTORS, key=lambda name: -STRESS_FACTORS[name])
    ]
    assert landings == sorted(landings)
    assert stressed_depth(calm, "collapsed").absorbed[-1] == pytest.approx(0.1 * calm.absorbed[-1])
    with pytest.raises(InputError, match="regime is 'panic'; expected one of calm, thin, stressed"):
        stressed_depth(calm, "panic")
