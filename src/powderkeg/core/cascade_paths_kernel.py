"""`powderkeg.core.cascade_paths` compiled: one path at a time, its place in both curves kept by hand.

`cascade_paths_reference` says the same in plain numpy; the tests compare the two. Random numbers are
SplitMix64 streams of which each path has its own, and each second its own two numbers: what a path draws
depends on nothing but the seed, its number and the second.

References
----------
Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014 (SplitMix64). Bailey, "Polar
generation of random variates with the t-distribution", 1994.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from powderkeg.core.cascade_rules import DEPTH_DRAW, ROUNDING, StepRules
from powderkeg.model.arrays import FloatArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@njit(cache=True)
def _mixed(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


@njit(cache=True)
def _student(key: np.uint64, number: int, degrees: float) -> float:
    """Return draw `number` of the stream: Student's t of unit variance, normal for infinite degrees."""
    first = _mixed(key + np.uint64(2 * number) * _GOLDEN)
    second = _mixed(key + np.uint64(2 * number + 1) * _GOLDEN)
    u = (float(first >> np.uint64(11)) + 0.5) * 2.0**-53
    angle = math.cos(2.0 * math.pi * (float(second >> np.uint64(11)) + 0.5) * 2.0**-53)
    if degrees == np.inf:
        return math.sqrt(-2.0 * math.log(u)) * angle
    if degrees == 4.0:  # the default, without a power
        return math.sqrt(2.0 * (1.0 / math.sqrt(u) - 1.0)) * angle
    return math.sqrt((degrees - 2.0) * (u ** (-2.0 / degrees) - 1.0)) * angle


@njit(cache=True)
def _place_of(points: FloatArray, absorbed: FloatArray, eaten: float, index: int) -> tuple[float, int]:
    """Return the least displacement that has absorbed `eaten`, and the first point that has."""
    count = len(points)
    eaten *= 1.0 - ROUNDING
    while index > 0 and absorbed[index - 1] >= eaten:
        index -= 1
    while index < count and absorbed[index] < eaten:
        index += 1
    if index == 0:
        return 0.0, 0
    if index == count:
        return points[count - 1], count
    share = (eaten - absorbed[index - 1]) / (absorbed[index] - absorbed[index - 1])
    return points[index - 1] + share * (points[index] - points[index - 1]), index


@njit(cache=True)
def _value_at(points: FloatArray, values: FloatArray, place: float) -> float:
    """Return a curve at a place, its jump there included; 0 before the first point, the last beyond it."""
    index = np.searchsorted(points, place, side="right")
    if index == 0:
        return 0.0
    if index == len(points) or points[index - 1] == place:
        return float(values[index - 1])
    share = (place - points[index - 1]) / (points[index] - points[index - 1])
    return float(values[index - 1] + share * (values[index] - values[index - 1]))


@njit(cache=True)
def _moments_of(points: FloatArray, values: FloatArray) -> FloatArray:
    """Return at each point what lies before it times its displacement, added up."""
    moments = np.zeros(len(points))
    for index in range(1, len(points)):
        middle = 0.5 * (points[index - 1] + points[index])
        moments[index] = moments[index - 1] + (values[index] - values[index - 1]) * middle
    return moments


@njit(cache=True)
def _moment_at(points: FloatArray, values: FloatArray, moments: FloatArray, place: float) -> float:
    index = np.searchsorted(points, place, side="right")
    if index == 0:
        return 0.0
    if index == len(points):
        return float(moments[index - 1])
    share = (place - points[index - 1]) / (points[index] - points[index - 1])
    more = share * (values[index] - values[index - 1])
    return float(moments[index - 1] + more * 0.5 * (points[index - 1] + place))


@njit(cache=True)
def _walked(
    points: FloatArray,
    absorbed: FloatArray,
    origin: float,
    eaten: float,
    index: int,
    depth: float,
    forced_points: FloatArray,
    forced: FloatArray,
    released: float,
    reached: float,
    next_forced: int,
    share: float,
    owed: float,
) -> tuple[float, float, float, int, float]:
    """Walk until nothing is owed, each price passed adding what it forces.

    Returns what is eaten, the displacement, what is released, the next forced point and what is owed still
    where the book ends.
    """
    place, index = _place_of(points, absorbed, eaten, index)
    place += origin
    while owed > ROUNDING * depth * eaten:
        if index == len(points):
            break
        stop = origin + points[index]
        at_depth, at_forced = True, False
        if next_forced < len(forced_points) and forced_points[next_forced] <= stop:
            stop = forced_points[next_forced]
            at_forced = True
            at_depth = stop == origin + points[index] and stop > place
        if place < reached < stop:
            stop, at_depth, at_forced = reached, False, False
        gained = 0.0
        if at_depth:
            gained = absorbed[index] - eaten
        elif stop > place and index > 0:
            slope = (absorbed[index] - absorbed[index - 1]) / (points[index] - points[index - 1])
            gained = slope * (stop - place)
        more = 0.0
        if at_forced:
            more = forced[next_forced] - released
        elif stop > reached and next_forced < len(forced_points):
            width = forced_points[next_forced] - forced_points[next_forced - 1]
            begin = max(place, reached)
            more = (forced[next_forced] - forced[next_forced - 1]) / width * (stop - begin)
        paid = depth * gained - share * more
        if paid >= owed:
            part = owed / paid
            place += part * (stop - place)
            eaten += part * gained
            released += part * more
            owed = 0.0
            break
        owed -= paid
        place = stop
        eaten += gained
        released += more
        if at_depth:
            eaten = absorbed[index]
            index += 1
        if at_forced:
            released = forced[next_forced]
            next_forced += 1
    return eaten, place, released, next_forced, owed


@njit(cache=True, error_model="numpy")
def _run_path(  # noqa: PLR0912, PLR0915 - a second from its beginning to its end, in order
    points: FloatArray,
    absorbed: FloatArray,
    forced_points: FloatArray,
    forced: FloatArray,
    moments: FloatArray,
    rules: StepRules,
    start: float,
    push: float,
    push_seconds: int,
    pass_through: float,
    stress: float,
    moves: FloatArray,
    prices: FloatArray,
    reaches: FloatArray,
    closed: FloatArray,
    out: FloatArray,
) -> None:
    """Run one path; see `powderkeg.core.cascade_paths_reference.run_paths`, which goes the same steps."""
    horizon = len(moves)
    rest_share, once_share = (1.0 - rules.at_once) * pass_through, rules.at_once * pass_through
    end = absorbed[len(absorbed) - 1]
    origin = price = mark = extreme = start
    reached, released, next_forced, index = 0.0, 0.0, 1, 0
    rest_level, rest_value = 0.0, 0.0
    permanent = transient = lost_ground = 0.0
    push_owed = unfilled = executed = taken = 0.0
    taken_bankruptcy = paid_out = worst = 0.0
    exhausted = 0.0
    prices[0] = start
    for second in range(horizon):
        before = price
        origin += moves[second]
        transient *= rules.refill_keep
        place, index = _place_of(points, absorbed, permanent + transient, index)
        price = origin + place
        if rules.mark_gain == 1.0:
            mark = price

        # What the mark releases, what is taken over and what is due.
        orders, done = unfilled, taken
        if mark > reached:
            earlier = released
            while next_forced < len(forced_points) and forced_points[next_forced] <= mark:
                next_forced += 1
            released = forced[next_forced - 1]
            if next_forced < len(forced_points):
                width = forced_points[next_forced] - forced_points[next_forced - 1]
                part = (mark - forced_points[next_forced - 1]) / width
                released += part * (forced[next_forced] - forced[next_forced - 1])
            reached = mark
            orders += once_share * (released - earlier)
        reaches[second] = reached
        if rest_share > 0.0 and released > rest_value:
            level = min(mark - rules.takeover_distance, reached)
            value = min(_value_at(forced_points, forced, level), released) if level > rest_level else 0.0
            if value > rest_value:
                amount = rest_share * (value - rest_value)
                taken += amount
                levels = _moment_at(forced_points, forced, moments, level)
                levels -= _moment_at(forced_points, forced, moments, rest_level)
                taken_bankruptcy += rest_share * levels + amount * rules.bankruptcy_distance
                rest_level, rest_value = level, value
            if second >= rules.rest_seconds:
                level = min(reaches[second - rules.rest_seconds], mark - rules.relief_distance)
                value = min(_value_at(forced_points, forced, level), released) if level > rest_level else 0.0
                if value > rest_value:
                    orders += rest_share * (value - rest_value)
                    rest_level, rest_value = level, value

        # The push goes first, then what is forced, no further than where it is taken over.
        if second < push_seconds:
            push_owed += push / push_seconds
        eaten = after = permanent + transient
        sold = pushed = 0.0
        depth = stress
        if push_owed + orders > 0.0 and lost_ground > 0.0 and rules.collapse_move < np.inf:
            fallen = math.exp(-lost_ground / rules.collapse_move)
            depth *= rules.depth_floor + (1.0 - rules.depth_floor) * fallen
        if rules.mark_gain == 1.0 and push_owed + orders > 0.0:
            chained = released
            after, place, released, next_forced, owed = _walked(
                points, absorbed, origin, eaten, index, depth, forced_points, forced, released,
                reached, next_forced, once_share, push_owed + orders,
            )  # fmt: skip
            orders += once_share * (released - chained)
            pushed = push_owed - max(owed - orders, 0.0)
            sold = orders - min(owed, orders)
            reached = max(reached, place)
            reaches[second] = reached
        elif push_owed + orders > 0.0:
            pushed = min(push_owed, max(end - eaten, 0.0) * depth)
            middle = eaten + pushed / depth
            sold = min(orders, max(end - middle, 0.0) * depth)
            if sold > 0.0 and rules.takeover_distance < np.inf:
                limit = reached + rules.takeover_distance - origin
                room = max(_value_at(points, absorbed, max(limit, 0.0)) - middle, 0.0) * depth
                if limit < 0.0:
                    room = 0.0
                sold = min(sold, room)
            after = middle + sold / depth
        push_owed -= pushed
        unfilled = orders - sold
        if push_owed + unfilled > 1e-9 * (push + orders) and after >= end * (1.0 - ROUNDING):
            exhausted = 1.0
        if rules.takeover_distance < np.inf and unfilled > 0.0:
            taken += unfilled
            taken_bankruptcy += unfilled * (reached + rules.bankruptcy_distance)
            unfilled = 0.0
        if after > eaten:
            executed += sold
            permanent += rules.permanent_share * (after - eaten)
            transient += (1.0 - rules.permanent_share) * (after - eaten)
            place, index = _place_of(points, absorbed, permanent + transient, index)
            beyond = 0.5 * (price + origin + place) - reached - rules.bankruptcy_distance
            paid_out += sold * max(beyond, 0.0)
            price = origin + place
        worst = max(worst, paid_out + max(taken * price - taken_bankruptcy, 0.0))
        lost_ground = lost_ground * rules.collapse_keep + max(price - before, 0.0)
        mark += rules.mark_gain * (price - mark)
        extreme = max(extreme, price)
        prices[second + 1] = price
        closed[second] = sold + taken - done
    duration, so_far = 0.0, 0.0
    for second in range(horizon):
        if so_far < 0.95 * (executed + taken):
            duration = second + 1.0
        so_far += closed[second]
    out[0], out[1], out[2], out[3] = price, extreme, duration, pass_through * released
    out[4], out[5], out[6], out[7], out[8] = executed, taken, worst, exhausted, reached


@njit(cache=True, nogil=True)
def run_paths(
    points: FloatArray,
    absorbed: FloatArray,
    forced_points: FloatArray,
    forced: FloatArray,
    rules: StepRules,
    start: float,
    push: float,
    push_seconds: int,
    horizon: int,
    seed: int,
    first_path: int,
    out: FloatArray,
    shown: FloatArray,
) -> None:
    """Fill `out`, shape (paths, 10), and `shown`, shape (fewer paths, horizon + 1); see the twin."""
    nothing, moves, prices = np.zeros(1), np.zeros(horizon), np.empty(horizon + 1)
    reaches, closed = np.empty(horizon), np.empty(horizon)
    alone = np.empty(9)
    moments = np.empty(forced.shape)
    for member in range(len(forced)):
        moments[member] = _moments_of(forced_points, forced[member])
    for path in range(len(out)):
        number = first_path + path
        member = number % len(forced)
        key = _mixed(np.uint64(seed) ^ _mixed(np.uint64(number + 1) * _GOLDEN))
        pass_through = rules.pass_through
        if rules.pass_through_spread > 0.0:
            drawn = pass_through * math.exp(rules.pass_through_spread * _student(key, 0, np.inf))
            pass_through = min(drawn, 1.0)
        stress = rules.stress
        if rules.stress_spread > 0.0:
            stress *= math.exp(rules.stress_spread * _student(key, DEPTH_DRAW, np.inf))
        if rules.volatility > 0.0:
            for second in range(horizon):
                moves[second] = rules.volatility * _student(key, second + 1, rules.tail_degrees)
        _run_path(
            points, absorbed, nothing, nothing, nothing, rules, start, push, push_seconds, pass_through,
            stress, moves, prices, reaches, closed, alone,
        )  # fmt: skip
        _run_path(
            points, absorbed, forced_points, forced[member], moments[member], rules, start, push,
            push_seconds, pass_through, stress, moves, prices, reaches, closed, out[path, :9],
        )  # fmt: skip
        out[path, 9] = alone[1]
        if path < len(shown):
            shown[path] = prices
