"""Cascades in time: their limits, what they conserve, and the compiled kernel against its readable twin."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.made_depth import depth_curve
from powderkeg.core.cascade_envelope import ForcedCurve, envelope
from powderkeg.core.cascade_paths import QUANTILES, CascadePaths, ForcedEnsemble, cascade_paths
from powderkeg.core.cascade_paths_reference import path_keys, student
from powderkeg.core.cascade_rules import (
    BINANCE,
    BYBIT,
    HYPERLIQUID,
    INSTANT,
    OKX,
    VENUE_RULES,
    CascadeRules,
)
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve

COLUMNS = [name for name in CascadePaths.__slots__ if name not in {"push", "start", "deleveraged", "fan"}]
NOTHING = ForcedCurve(np.zeros(1), np.zeros(1))
# Nothing refills, nothing is taken over, depth stays: what is further is further on every path.
PLAIN = replace(BINANCE, takeover_distance=inf, refill_half_life=inf, collapse_move=inf)


def made_depth(generator: np.random.Generator) -> DepthCurve:
    """Return a book of levels or a smooth one over about 6 %, sometimes with a tail or a hole."""
    count = int(generator.integers(3, 30))
    places = np.sort(generator.integers(1, 60, count)) / 1000
    gains = generator.exponential(10.0, count) * (generator.random(count) < 0.8)
    total = np.cumsum(gains) + np.arange(1, count + 1) * 1e-3
    if generator.random() < 0.5:
        displacement = np.concatenate([[0.0], np.repeat(places, 2)])
        below = np.concatenate([[0.0], total[:-1]])
        absorbed = np.concatenate([[0.0], np.column_stack([below, total]).ravel()])
    else:
        displacement, absorbed = np.concatenate([[0.0], places]), np.concatenate([[0.0], total])
    return depth_curve(displacement, absorbed, 0.67 if generator.random() < 0.4 else None)


def made_forced(generator: np.random.Generator, members: int) -> ForcedEnsemble:
    """Return a map with gaps and walls over about 6 %, sometimes with levels that lie behind the mark."""
    count = int(generator.integers(2, 30))
    places = np.sort(generator.integers(0 if generator.random() < 0.2 else 1, 60, count)) / 1000
    mass = generator.exponential(6.0, (members, count)) * (generator.random((members, count)) < 0.6)
    zeros = np.zeros((members, 1))
    return ForcedEnsemble(
        np.concatenate([[0.0], places]), np.concatenate([zeros, np.cumsum(mass, axis=1)], axis=1)
    )


def made_rules(generator: np.random.Generator) -> CascadeRules:
    """Return rules of a venue with a volatility that moves paths through such maps."""
    rules = [HYPERLIQUID, BINANCE, BYBIT, INSTANT][int(generator.integers(4))]
    rules = replace(rules, volatility=float(generator.choice([0.0, 0.001])), rest_seconds=5)
    if generator.random() < 0.5:
        rules = replace(rules, collapse_move=0.02, refill_half_life=4.0, pass_through_spread=0.5)
        rules = replace(rules, stress_spread=0.3)
    if generator.random() < 0.3:
        rules = replace(rules, takeover_distance=inf, tail_degrees=float(generator.choice([3.0, inf])))
    return replace(rules, insurance_fund=1.0)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_compiled_kernel_equals_its_readable_twin(seed: int) -> None:
    generator = np.random.default_rng(seed)
    depth, forced = made_depth(generator), made_forced(generator, 3)
    rules = made_rules(generator)
    push, push_seconds = float(generator.choice([0.0, 20.0, 60.0])), int(generator.integers(1, 4))
    start = float(generator.choice([0.0, 0.0005]))
    fast, slow = (
        cascade_paths(
            depth, forced, rules, seed=seed, push=push, push_seconds=push_seconds, start=start, horizon=25,
            paths=7, first_path=2, kernel=kernel,
        )
        for kernel in ("numba", "numpy")
    )  # fmt: skip
    for name in [*COLUMNS, "fan"]:
        quick, plain = getattr(fast, name), getattr(slow, name)
        if name == "duration":  # that of less than rounding is the second of the rounding
            quick, plain = (np.where(slow.forced > 1e-9, values, 0.0) for values in (quick, plain))
        np.testing.assert_allclose(quick, plain, rtol=1e-7, atol=1e-7, err_msg=name)


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 10**9), push=st.floats(0.01, 400.0))
def test_instant_rules_land_where_the_envelope_says(seed: int, push: float) -> None:
    generator = np.random.default_rng(seed)
    depth, forced = made_depth(generator), made_forced(generator, 1)
    found = envelope(depth, ForcedCurve(forced.displacement, forced.forced[0]))
    path = cascade_paths(depth, forced, INSTANT, seed=1, push=push, horizon=2, paths=1)
    landing = float(found.landing(push))
    if np.isnan(landing):
        # The book ends there, or only what the envelope follows of its tail.
        assert path.exhausted[0] or path.extreme[0] >= found.displacement[-1] * (1 - 1e-9)
        return
    assert not path.exhausted[0]
    # Where an order all but ends a stretch, rounding decides between its end and the next stop.
    near = [landing, *(float(found.landing(push * factor)) for factor in (1 - 1e-9, 1 + 1e-9))]
    assert np.isclose(path.extreme[0], near, rtol=1e-9, atol=1e-9).any()
    assert path.final[0] == path.extreme[0]


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**9), start=st.floats(0.0005, 0.05))
def test_a_print_lands_where_the_envelope_says(seed: int, start: float) -> None:
    generator = np.random.default_rng(seed)
    depth, forced = made_depth(generator), made_forced(generator, 1)
    if depth.tail_exponent is None and start >= depth.displacement[-1] * 0.99:
        return
    found = envelope(depth, ForcedCurve(forced.displacement, forced.forced[0]))
    landing = found.landing_after_print(start)
    path = cascade_paths(depth, forced, INSTANT, seed=1, start=start, horizon=3, paths=1)
    if np.isnan(landing):
        assert path.exhausted[0] or path.extreme[0] >= found.displacement[-1] * (1 - 1e-9)
    else:
        assert path.extreme[0] == pytest.approx(landing, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("rules", [HYPERLIQUID, BINANCE, BYBIT, OKX, INSTANT], ids=str)
def test_without_a_map_refill_and_noise_it_is_the_plain_walk_through_the_book(rules: CascadeRules) -> None:
    depth = made_depth(np.random.default_rng(4))
    still = replace(rules, refill_half_life=inf, volatility=0.0, collapse_move=inf)
    for push in np.linspace(1.0, float(depth.absorbed[-1]), 20):
        path = cascade_paths(depth, NOTHING, still, seed=1, push=push, horizon=40, paths=1)
        assert path.final[0] == pytest.approx(float(envelope(depth, NOTHING).book_landing(push)), rel=1e-9)
        assert path.extreme_alone[0] == path.extreme[0]
        assert path.forced[0] == path.executed[0] == path.duration[0] == 0


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_on_every_path_nothing_is_closed_twice_and_nothing_that_did_not_lie_on_the_way(seed: int) -> None:
    generator = np.random.default_rng(seed)
    depth, forced = made_depth(generator), made_forced(generator, 1)
    rules = made_rules(generator)
    push = float(generator.uniform(0, 80))
    paths = cascade_paths(depth, forced, rules, seed=seed, push=push, horizon=30, paths=40)
    total = paths.executed + paths.taken_over
    assert np.all(paths.executed >= 0)
    assert np.all(paths.taken_over >= 0)
    assert np.all(total <= paths.forced * (1 + 1e-9) + 1e-9)
    # A book that is all but a hole turns rounding of its notional into as much more of displacement.
    assert np.all(paths.reached <= paths.extreme + 1e-7)
    found = envelope(depth, ForcedCurve(forced.displacement, forced.forced[0]))
    lies_on_the_way = np.interp(paths.reached, forced.displacement, forced.forced[0])
    jumps = [
        float(forced.forced[0][np.searchsorted(forced.displacement, place, "right") - 1])
        for place in paths.reached
    ]
    assert np.all(paths.forced <= np.maximum(lies_on_the_way, jumps) * (1 + 1e-9) + 1e-9)
    assert np.all(paths.forced <= forced.forced[0, -1] * (1 + 1e-9))
    np.testing.assert_allclose(paths.waiting(), paths.forced - total, atol=1e-9 * max(1, total.max()))
    if rules.large_share == 0 and not paths.exhausted.any() and rules.takeover_distance < inf:
        assert np.all(paths.waiting() <= 1e-9 * np.maximum(paths.forced, 1))
    if rules.volatility == 0 and rules.refill_half_life == inf and rules.collapse_move == inf:
        # What the book absorbed is the push and what was executed.
        absorbed = found.absorbed_at(paths.final)
        inside = ~paths.exhausted & (paths.final < found.displacement[-1])
        assert np.all(absorbed[inside] >= (push + paths.executed[inside]) * (1 - 1e-9))


def test_the_same_paths_for_any_number_of_threads_and_any_chunks() -> None:
    generator = np.random.default_rng(8)
    depth, forced = made_depth(generator), made_forced(generator, 3)
    rules = replace(HYPERLIQUID, volatility=0.001)

    def run(paths: int, first_path: int = 0, threads: int = 1) -> CascadePaths:
        return cascade_paths(
            depth, forced, rules, seed=5, push=20.0, horizon=50, paths=paths, first_path=first_path,
            threads=threads,
        )  # fmt: skip

    whole = run(101)
    assert len(np.unique(whole.final)) == 101
    for threads in (2, 3, 8):
        for name in [*COLUMNS, "fan"]:
            assert getattr(run(101, threads=threads), name).tobytes() == getattr(whole, name).tobytes()
    chunks = [run(1), run(40, 1), run(60, 41, threads=2)]
    for name in COLUMNS:
        joined = np.concatenate([getattr(chunk, name) for chunk in chunks])
        assert joined.tobytes() == getattr(whole, name).tobytes()
    other = cascade_paths(depth, forced, rules, seed=6, push=20.0, horizon=50, paths=101)
    assert not np.any(other.final == whole.final)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), factor=st.floats(1.0, 4.0))
def test_more_depth_never_amplifies_and_more_push_never_lands_nearer(seed: int, factor: float) -> None:
    generator = np.random.default_rng(seed)
    depth, forced = made_depth(generator), made_forced(generator, 2)
    rules = replace(HYPERLIQUID if generator.random() < 0.5 else BINANCE, volatility=0.001, rest_seconds=5)
    rules = replace(rules, takeover_distance=inf, refill_half_life=inf, collapse_move=inf)

    def run(deeper: float, push: float) -> CascadePaths:
        return cascade_paths(depth.scaled(deeper), forced, rules, seed=seed, push=push, horizon=40, paths=20)

    plain, deeper, harder = run(1.0, 30.0), run(factor, 30.0), run(1.0, 30.0 * factor)
    for name in ("extreme", "final", "forced", "executed", "extreme_alone"):
        smaller, middle, larger = (getattr(paths, name) for paths in (deeper, plain, harder))
        # Where a book ends, what is sold first holds back what would be sold next.
        if name == "executed" and (plain.exhausted | harder.exhausted).any():
            continue
        assert np.all(smaller <= middle + 1e-9 * np.maximum(1, middle)), name
        assert np.all(larger >= middle - 1e-9 * np.maximum(1, middle)), name
    assert np.all(plain.extreme >= plain.extreme_alone - 1e-12)


@pytest.mark.parametrize("rules", list(VENUE_RULES.values()), ids=list(VENUE_RULES))
def test_no_push_does_nothing_without_noise(rules: CascadeRules) -> None:
    depth, forced = made_depth(np.random.default_rng(1)), made_forced(np.random.default_rng(1), 4)
    still = cascade_paths(depth, forced, replace(rules, volatility=0.0), seed=1, paths=8)
    for name in COLUMNS:
        assert not np.any(getattr(still, name)), name
    assert not still.fan.any()


def test_student_steps_have_unit_variance_and_the_tails_of_their_law() -> None:
    keys = path_keys(3, 0, 400_000)
    for degrees in (8.0, inf):
        drawn = student(keys, 1, degrees)
        assert abs(drawn.mean()) < 0.01
        assert drawn.var() == pytest.approx(1.0, abs=0.015)
    # Tables of t with four degrees: 2.776 leaves 5 %, 4.604 leaves 1 %; its variance is 2.
    fat = np.abs(student(keys, 2, 4.0)) * np.sqrt(2)
    assert np.mean(fat > 2.776) == pytest.approx(0.05, abs=0.0015)
    assert np.mean(fat > 4.604) == pytest.approx(0.01, abs=0.0006)
    assert abs(np.corrcoef(student(keys, 1, inf), student(keys, 2, inf))[0, 1]) < 0.006
    assert abs(np.corrcoef(student(keys, 1, inf)[1:], student(keys, 1, inf)[:-1])[0, 1]) < 0.006


def test_noise_alone_spreads_with_the_root_of_time() -> None:
    rules = replace(BINANCE, volatility=1e-4, tail_degrees=inf)
    paths = cascade_paths(
        depth_curve([0.0, 1.0], [0.0, 1.0]), NOTHING, rules, seed=2, paths=20_000, horizon=100
    )
    assert paths.final.std() == pytest.approx(1e-3, rel=0.02)
    # Half the paths end above, and by reflection twice as many have touched as end beyond.
    assert np.mean(paths.final > 0) == pytest.approx(0.5, abs=0.01)
    touched, beyond = np.mean(paths.extreme > 1e-3), np.mean(paths.final > 1e-3)
    assert 1.7 < touched / beyond < 2.0
    np.testing.assert_allclose(paths.fan[:, -1], np.quantile(paths.final, QUANTILES))
    assert not paths.fan[:, 0].any()


WALL = ForcedCurve(np.array([0.0, 0.01, 0.01]), np.array([0.0, 0.0, 100.0]))
EVEN = depth_curve([0.0, 1.0], [0.0, 10_000.0])  # 100 per 1 %


def test_what_is_eaten_comes_back_with_its_half_life_but_for_a_share() -> None:
    rules = replace(PLAIN, refill_half_life=7.0, permanent_share=0.25, volatility=0.0)
    for seconds, left in ((1, 1.0), (8, 0.25 + 0.75 / 2), (15, 0.25 + 0.75 / 4)):
        paths = cascade_paths(EVEN, NOTHING, rules, seed=1, push=100.0, horizon=seconds, paths=1)
        assert paths.final[0] == pytest.approx(0.01 * left)
        assert paths.extreme[0] == pytest.approx(0.01)


def test_a_large_position_is_closed_by_a_fifth_and_after_thirty_seconds_the_rest() -> None:
    rules = replace(
        HYPERLIQUID, large_share=1.0, takeover_distance=inf, pass_through=1.0, pass_through_spread=0.0,
        volatility=0.0, refill_half_life=inf, collapse_move=inf,
    )  # fmt: skip

    def executed(seconds: int, start: float = 0.0126) -> float:
        paths = cascade_paths(EVEN, WALL, rules, seed=1, start=start, horizon=seconds, paths=1)
        assert paths.forced[0] == pytest.approx(100.0)
        return float(paths.executed[0])

    assert executed(1) == executed(30) == pytest.approx(20.0)
    assert executed(31) == executed(60) == pytest.approx(100.0)
    # Closing a fifth frees margin for 0.25 %; the fifth itself moves the price by 0.2 %.
    assert executed(60, start=0.0101) == pytest.approx(20.0)
    halved = replace(rules, large_share=0.5)
    assert cascade_paths(EVEN, WALL, halved, seed=1, start=0.0126, horizon=5, paths=1).executed[0] == 60.0


def test_the_vault_takes_over_what_still_waits_two_thirds_of_maintenance_down() -> None:
    rules = replace(
        HYPERLIQUID, large_share=1.0, pass_through=1.0, pass_through_spread=0.0, volatility=0.0,
        refill_half_life=inf, collapse_move=inf,
    )  # fmt: skip
    # The push carries the mark past the takeover distance before the rest is due.
    paths = cascade_paths(EVEN, WALL, rules, seed=1, push=160.0, push_seconds=40, horizon=120, paths=1)
    assert paths.executed[0] == pytest.approx(20.0)
    assert paths.taken_over[0] == pytest.approx(80.0)
    assert 25 < paths.duration[0] < 45  # the mark passes the level after 25 seconds or so
    assert paths.deleveraged is None
    assert paths.worst_loss[0] == 0  # 0.6 % beyond its level, while bankruptcy is 1.25 % away


def test_no_order_is_filled_beyond_the_takeover_distance_and_losses_beyond_the_fund_deleverage() -> None:
    rules = replace(BINANCE, pass_through=1.0, pass_through_spread=0.0, volatility=0.0, collapse_move=inf)
    # A wall of 1,000 would move the price by 10 %; the orders stop 0.4 % beyond it.
    wall = ForcedCurve(WALL.displacement, WALL.forced * 10)
    paths = cascade_paths(EVEN, wall, rules, seed=1, start=0.01, horizon=20, paths=1)
    assert paths.extreme[0] == pytest.approx(0.014)
    assert paths.executed[0] == pytest.approx(40.0)
    assert paths.taken_over[0] == pytest.approx(960.0)
    assert paths.worst_loss[0] == pytest.approx(0.0, abs=1e-9)
    # A later push takes the price 2 % further: the fund holds 960 that lose as much, less what is refilled.
    for fund, flag in ((5.0, True), (50.0, False)):
        known = replace(rules, insurance_fund=fund)
        deep = cascade_paths(
            EVEN, wall, known, seed=1, start=0.01, push=300.0, push_seconds=10, horizon=20, paths=1
        )
        assert deep.deleveraged is not None
        assert deep.deleveraged.tolist() == [flag]
        assert 5.0 < deep.worst_loss[0] < 50.0
        assert deep.summary().deleveraged == float(flag)


def test_orders_filled_beyond_bankruptcy_cost_the_fund_what_is_missing() -> None:
    # Sold from 1 % to 2 %, so on average 0.5 % beyond the level, 0.1 % beyond bankruptcy.
    paths = cascade_paths(EVEN, WALL, replace(INSTANT, mark_lag=1.0), seed=1, start=0.01, horizon=9, paths=1)
    assert paths.worst_loss[0] == pytest.approx(100.0 * 0.001)


def test_part_of_what_stands_is_not_there_and_never_more_than_stands() -> None:
    rules = replace(PLAIN, pass_through=0.5, pass_through_spread=0.4, volatility=0.0)
    paths = cascade_paths(depth_curve([0.0, 1.0], [0.0, 1e9]), WALL, rules, seed=1, start=0.011, paths=20_000)
    assert np.median(paths.forced) == pytest.approx(50.0, rel=0.02)
    assert np.log(paths.forced[paths.forced < 100]).std() < 0.4 < np.log(paths.forced).std() * 1.05
    assert paths.forced.max() == 100.0


def test_a_path_meets_the_member_of_its_number() -> None:
    forced = ForcedEnsemble(WALL.displacement, np.array([WALL.forced, WALL.forced * 2, WALL.forced * 3]))
    still = replace(INSTANT, mark_lag=1.0)
    paths = cascade_paths(
        depth_curve([0.0, 1.0], [0.0, 1e9]), forced, still, seed=1, start=0.011, paths=5, first_path=4
    )
    assert paths.forced.tolist() == [200.0, 300.0, 100.0, 200.0, 300.0]


def test_depth_falls_with_the_ground_lost_and_no_further_than_its_floor() -> None:
    still = replace(PLAIN, volatility=0.0, pass_through=1.0, pass_through_spread=0.0)
    push = {"push": 200.0, "push_seconds": 10, "horizon": 30, "paths": 1, "seed": 1}

    def extreme(rules: CascadeRules) -> float:
        return float(cascade_paths(EVEN, NOTHING, rules, **push).extreme[0])  # type: ignore[arg-type]

    collapsing = replace(still, collapse_move=0.01, depth_floor=0.2)
    assert extreme(still) == pytest.approx(0.02)
    assert extreme(replace(still, collapse_move=0.02)) > 0.021
    assert 0.021 < extreme(collapsing) < 0.1
    assert extreme(replace(collapsing, collapse_move=1e-9)) == pytest.approx(0.002 + 0.018 / 0.2)
    stressed = cascade_paths(EVEN, WALL, replace(still, stress=0.4), seed=1, push=50.0, paths=3)
    scaled = cascade_paths(EVEN.scaled(0.4), WALL, still, seed=1, push=50.0, paths=3)
    np.testing.assert_allclose(stressed.final, scaled.final, rtol=1e-12)


def test_the_summary_compares_with_the_same_path_without_forced_orders() -> None:
    rules = replace(PLAIN, volatility=1e-4, pass_through=1.0, pass_through_spread=0.0)
    paths = cascade_paths(EVEN, WALL, rules, seed=1, push=99.0, horizon=60, paths=4_000)
    summary = paths.summary()
    chained = paths.forced > 0
    assert 0.3 < chained.mean() < 0.95
    assert summary.more_than_doubled == np.mean(paths.forced > 99.0) == chained.mean()
    np.testing.assert_allclose(summary.further, np.quantile(paths.extreme - paths.extreme_alone, QUANTILES))
    # 100 more at 100 per cent of price: the chain adds 1 % at most, and nothing where it was not set off.
    assert summary.further[-1] == pytest.approx(0.01, rel=0.02)
    assert not np.any(paths.extreme[~chained] > paths.extreme_alone[~chained])
    assert np.all(summary.duration >= 1)
    assert np.all(paths.duration[~chained] == 0)
    assert np.isnan(summary.deleveraged)
    assert np.isnan(cascade_paths(EVEN, WALL, rules, seed=1, start=0.02, paths=2).summary().more_than_doubled)


def test_a_book_that_ends_holds_the_price_and_says_so() -> None:
    short = depth_curve([0.0, 0.02], [0.0, 50.0])
    for rules in (INSTANT, replace(INSTANT, mark_lag=2.0)):
        paths = cascade_paths(short, WALL, rules, seed=1, push=40.0, horizon=60, paths=1)
        assert paths.exhausted.tolist() == [True]
        assert paths.final[0] == pytest.approx(0.02)
        assert paths.executed[0] == pytest.approx(10.0)
        assert paths.waiting()[0] == pytest.approx(90.0)


def test_distances_follow_the_maintenance_rate() -> None:
    rules = HYPERLIQUID.at_maintenance(0.025)
    assert rules.bankruptcy_distance == 0.025
    assert rules.takeover_distance == pytest.approx(0.025 / 3)
    assert rules.relief_distance == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=-1), "seed: -1"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, push=-1.0), "push: -1"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, push=np.nan), "push: nan"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, start=-0.1), "start: -0.1"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, start=1.5), "known up to 1"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, horizon=0), "horizon: 0"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, paths=0), "paths: 0"),
        (lambda: cascade_paths(EVEN, WALL, BINANCE, seed=1, threads=0), "threads: 0"),
        (lambda: ForcedEnsemble(np.zeros(1), np.zeros(1)), "expected .members, points."),
        (lambda: ForcedEnsemble(np.array([0.0, 0.1]), np.array([[0.0, -1.0]])), "forced does not rise"),
        (lambda: CascadeRules(pass_through=1.2), "pass_through: 1.2; expected a share"),
        (lambda: CascadeRules(volatility=np.nan), "volatility: nan"),
        (lambda: CascadeRules(tail_degrees=2.0), "tail_degrees: 2; expected degrees of freedom above 2"),
        (lambda: CascadeRules(refill_half_life=0.0), "refill_half_life: 0"),
        (lambda: CascadeRules(rest_seconds=1.5), "rest_seconds: 1.5"),  # type: ignore[arg-type]
        (lambda: CascadeRules(insurance_fund=-1.0), "insurance_fund: -1"),
        (lambda: CascadeRules(mark_lag=0.0), "expected inf where mark_lag is 0"),
        (lambda: HYPERLIQUID.at_maintenance(0.0), "rate: 0"),
    ],
)
def test_what_cannot_be_is_refused(work: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        work()  # type: ignore[operator]


def test_a_spread_of_depth_spreads_where_paths_land() -> None:
    rules = replace(INSTANT, stress_spread=0.2)
    found = cascade_paths(EVEN, ForcedCurve(np.zeros(1), np.zeros(1)), rules, seed=5, push=50.0, paths=20_000)
    # An even book: displacement is the push over the depth, so its logarithm has the spread of depth.
    spread = np.log(found.extreme)
    assert spread.std() == pytest.approx(0.2, rel=0.03)
    assert np.exp(np.median(spread)) == pytest.approx(
        float(
            cascade_paths(
                EVEN, ForcedCurve(np.zeros(1), np.zeros(1)), INSTANT, seed=5, push=50.0, paths=1
            ).extreme[0]
        ),
        rel=0.01,
    )
