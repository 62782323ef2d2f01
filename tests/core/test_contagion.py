"""Several venues at once, joined by arbitrage and marks; other coins joined by their betas."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.cascade_envelope import ForcedCurve, envelope
from powderkeg.core.cascade_rules import BINANCE, INSTANT
from powderkeg.core.contagion import CoinExposure, ConnectedVenue, jointly_forced, venue_contagion
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve

NOTHING = ForcedCurve(np.zeros(1), np.zeros(1))
LASTING = replace(INSTANT, mark_lag=1.0)  # nothing refills and nothing is taken over
STILL = replace(LASTING, takeover_distance=0.01)


def depth_curve(displacement: list[float], absorbed: list[float], direction: int = -1) -> DepthCurve:
    return DepthCurve(
        direction=-1 if direction < 0 else 1,
        displacement=np.array(displacement),
        absorbed=np.array(absorbed),
        tail_exponent=None,
        kind="book",
        source="test",
        as_of=0,
    )


def made_venues(seed: int, count: int, walls: float) -> list[ConnectedVenue]:
    generator = np.random.default_rng(seed)
    venues = []
    for number in range(count):
        places = np.sort(generator.uniform(0.001, 0.5, 12))
        absorbed = np.cumsum(generator.exponential(20.0, 12) + 1.0)
        depth = depth_curve([0.0, *places], [0.0, *absorbed])
        levels = np.sort(generator.uniform(0.001, 0.3, 6))
        forced = ForcedCurve(
            np.concatenate([[0.0], levels]),
            np.concatenate([[0.0], np.cumsum(walls * generator.exponential(3.0, 6))]),
        )
        venues.append(ConnectedVenue(f"venue {number}", depth, forced, LASTING))
    return venues


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(2, 4), push=st.floats(1.0, 40.0))
def test_without_forced_orders_the_venues_come_to_rest_where_their_joint_book_does(
    seed: int, count: int, push: float
) -> None:
    venues = made_venues(seed, count, 0.0)
    found = venue_contagion(venues, "venue 1", push, horizon=150, arbitrage_per_second=0.2)
    points = np.unique(np.concatenate([venue.depth.displacement for venue in venues]))
    total = np.sum(
        [np.interp(points, venue.depth.displacement, venue.depth.absorbed) for venue in venues], axis=0
    )
    joint = float(envelope(depth_curve(points.tolist(), total.tolist()), NOTHING).book_landing(push))
    for venue, place in zip(venues, found.displacement[:, -1], strict=True):
        assert place == pytest.approx(min(joint, float(venue.depth.displacement[-1])), abs=1e-6)
    assert found.arbitrage.sum() == pytest.approx(0.0, abs=1e-9 * push)
    assert not found.forced.any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9), push=st.floats(1.0, 100.0))
def test_what_is_sold_is_what_the_books_hold_and_nothing_is_closed_twice(seed: int, push: float) -> None:
    venues = made_venues(seed, 3, 1.0)
    venues[0] = ConnectedVenue("venue 0", venues[0].depth, venues[0].forced, STILL)
    refilling = [replace(venue, rules=BINANCE) for venue in venues]
    assert venue_contagion(refilling, "venue 0", push, horizon=60).arbitrage.sum() == pytest.approx(
        0.0, abs=1e-9 * push
    )
    found = venue_contagion(venues, "venue 0", push, horizon=60)
    assert found.arbitrage.sum() == pytest.approx(0.0, abs=1e-9 * push)
    assert np.all(found.executed + found.taken_over <= found.forced * (1 + 1e-9) + 1e-9)
    for number, venue in enumerate(venues):
        furthest = found.mark[number].max()
        on_the_way = float(envelope(venue.depth, venue.forced).forced_at(furthest))
        assert found.forced[number] <= on_the_way * (1 + 1e-9) + 1e-9
    absorbed = [
        (float(envelope(v.depth, NOTHING).absorbed_at(p)))
        for v, p in zip(venues, found.displacement[:, -1], strict=True)
    ]
    sold = min(push, float(venues[0].depth.absorbed[-1]))
    assert sum(absorbed) >= (sold + found.executed.sum()) * (1 - 1e-9)


EVEN = depth_curve([0.0, 1.0], [0.0, 10_000.0])  # 100 per 1 %
WALL = ForcedCurve(np.array([0.0, 0.004, 0.004]), np.array([0.0, 0.0, 60.0]))


def test_strangers_feel_nothing_and_half_of_a_push_on_one_of_two_equals_reaches_the_other() -> None:
    pair = [ConnectedVenue(name, EVEN, NOTHING, LASTING) for name in ("a", "b")]
    apart = venue_contagion(pair, "a", 100.0, horizon=30, arbitrage_per_second=0.0)
    assert apart.displacement[:, -1].tolist() == pytest.approx([0.01, 0.0])
    joined = venue_contagion(pair, "a", 100.0, horizon=200)
    assert joined.displacement[:, -1].tolist() == pytest.approx([0.005, 0.005])
    assert joined.arbitrage.tolist() == pytest.approx([-50.0, 50.0])
    # A tenth of the gap goes per second.
    gap = joined.displacement[0] - joined.displacement[1]
    np.testing.assert_allclose(gap[2:20] / gap[1:19], 0.9, rtol=1e-9)
    assert gap[1] == pytest.approx(0.009)


def test_a_push_on_one_venue_forces_orders_on_another() -> None:
    pair = [
        ConnectedVenue("a", EVEN, NOTHING, LASTING),
        ConnectedVenue("b", EVEN, WALL, LASTING),
    ]
    found = venue_contagion(pair, "a", 100.0, horizon=300)
    assert found.forced.tolist() == [0.0, 60.0]
    assert found.executed.tolist() == pytest.approx([0.0, 60.0])
    # 160 in two books of 100 per 1 %.
    assert found.displacement[:, -1].tolist() == pytest.approx([0.008, 0.008])
    assert not venue_contagion(pair, "a", 70.0, horizon=300).forced.any()


def test_a_wick_on_one_of_three_venues_does_not_move_the_marks() -> None:
    three = [ConnectedVenue(name, EVEN, WALL, LASTING) for name in ("a", "b", "c")]
    wick = venue_contagion(three, "a", 100.0, horizon=30, arbitrage_per_second=0.0)
    assert wick.displacement[0].max() == pytest.approx(0.01)
    assert not wick.mark.any()
    assert not wick.forced.any()
    # Alone, the venue's own price is all there is to mark to.
    alone = venue_contagion(three[:1], "a", 100.0, horizon=30)
    assert alone.forced.tolist() == [60.0]


def test_what_moves_beyond_the_takeover_distance_is_taken_over() -> None:
    wall = ForcedCurve(WALL.displacement, WALL.forced * 10)
    alone = [ConnectedVenue("a", EVEN, wall, replace(STILL, takeover_distance=0.002))]
    found = venue_contagion(alone, "a", 45.0, horizon=60)
    assert found.forced[0] == pytest.approx(600.0)
    assert found.executed[0] + found.taken_over[0] == pytest.approx(600.0)
    assert 0 < found.executed[0] < 25.0
    assert found.displacement[0].max() < 0.0065


def test_no_push_does_nothing() -> None:
    still = venue_contagion([ConnectedVenue("a", EVEN, WALL, BINANCE)], "a", 0.0, horizon=20)
    assert not still.displacement.any()
    assert not still.forced.any()


def test_a_joint_shock_adds_up_what_each_coin_forces_on_the_side_it_moves_to() -> None:
    falling = ForcedCurve(np.array([0.0, 0.1]), np.array([0.0, 100.0]))
    rising = ForcedCurve(np.array([0.0, 0.1]), np.array([0.0, 40.0]))
    coins = [
        CoinExposure(name, beta, falling, rising)
        for name, beta in (("BTC", 1.0), ("ETH", 1.5), ("X", -0.5), ("USD", 0.0), ("Y", 30.0))
    ]
    assert jointly_forced(coins, -0.04).tolist() == pytest.approx([40.0, 60.0, 8.0, 0.0, 100.0])
    assert jointly_forced(coins, 0.04).tolist() == pytest.approx([16.0, 24.0, 20.0, 0.0, 40.0])
    assert jointly_forced(coins, 0.0).tolist() == [0.0] * 5
    wall = CoinExposure("W", 1.0, WALL, NOTHING)
    assert jointly_forced([wall], -0.004).tolist() == [60.0]
    assert jointly_forced([wall], -0.0039).tolist() == [0.0]


PAIR = [ConnectedVenue(name, EVEN, WALL, LASTING) for name in ("a", "b")]
UP = ConnectedVenue("c", depth_curve([0.0, 1.0], [0.0, 1.0], 1), NOTHING, LASTING)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: venue_contagion([], "a", 1.0), "venues: none"),
        (lambda: venue_contagion([PAIR[0], PAIR[0]], "a", 1.0), "names of their own"),
        (lambda: venue_contagion(PAIR, "c", 1.0), "pushed: c; expected one of a, b"),
        (lambda: venue_contagion([*PAIR, UP], "a", 1.0), "both directions"),
        (lambda: venue_contagion(PAIR, "a", inf), "push: inf"),
        (lambda: venue_contagion(PAIR, "a", 1.0, arbitrage_per_second=1.1), "arbitrage_per_second: 1.1"),
        (lambda: venue_contagion(PAIR, "a", 1.0, horizon=0), "expected seconds from 1"),
        (lambda: jointly_forced([CoinExposure("B", np.nan, WALL, WALL)], 0.1), "beta of B"),
    ],
)
def test_what_cannot_be_is_refused(work: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        work()  # type: ignore[operator]
