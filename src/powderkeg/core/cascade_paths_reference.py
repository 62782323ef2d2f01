"""The meaning of `cascade_paths_kernel` in plain numpy: all paths side by side, second after second.

One second, in order:

1. The price moves by itself; what refills of the book has refilled; depth follows the ground lost lately.
2. Where the mark stands further out than ever, it releases what lies between: the share that is closed at
   once is ordered now, the rest waits its time. What waits is taken over once the mark is a takeover distance
   beyond its level, and ordered once it is due and the mark is still a relief distance beyond.
3. The push is sold, then the forced orders, no further than a takeover distance beyond the outermost level;
   what is left of them there is taken over.
4. The price rests where the book has absorbed what is eaten of it, and the mark moves towards it.

What waits for its time is an interval of levels, so two numbers hold it: whatever lies beyond `rest_level`,
up to `reached`. Levels leave it from the near end only, so nothing can be closed twice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from powderkeg.core.cascade_envelope import ForcedCurve, envelope
from powderkeg.core.cascade_rules import DEPTH_DRAW, ROUNDING, StepRules
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.depth_curve import DepthCurve

Keys = npt.NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mixed(state: Keys) -> Keys:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def path_keys(seed: int, first_path: int, paths: int) -> Keys:
    """Return the stream of each path, shape (paths,)."""
    numbers = np.arange(first_path + 1, first_path + paths + 1, dtype=np.uint64)
    return _mixed(np.uint64(seed) ^ _mixed(numbers * _GOLDEN))


def student(keys: Keys, number: int, degrees: float) -> FloatArray:
    """Return draw `number` of each stream: Student's t rescaled to unit variance, normal for inf degrees."""
    first, second = (_mixed(keys + np.array([2 * number + more], np.uint64) * _GOLDEN) for more in (0, 1))
    u, v = (((drawn >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53 for drawn in (first, second))
    squared = -2 * np.log(u) if np.isinf(degrees) else (degrees - 2) * (u ** (-2 / degrees) - 1)
    return np.asarray(np.sqrt(squared) * np.cos(2 * np.pi * v))


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
    """Fill what the paths come to.

    Parameters
    ----------
    points, absorbed
        The depth curve; its last point is the end of the book.
    forced_points, forced
        Shapes (n,) and (members, n); path number i meets member i modulo members.
    rules
        Per second.
    start
        Displacement from which the path begins.
    push, push_seconds
        Order in quote, and over how many seconds it is sold in equal parts.
    horizon
        Seconds.
    seed, first_path
        Which random numbers: those of paths `first_path` and on.
    out
        Shape (paths, 10): final and extreme displacement, duration, forced, executed, taken over, worst loss,
        whether the book ended, the outermost level reached, and the extreme of the same path without forced
        orders.
    shown
        Displacement of the first paths at second 0 to `horizon`, shape (fewer paths, horizon + 1).
    """
    keys = path_keys(seed, first_path, len(out))
    pass_through = np.full(len(out), rules.pass_through)
    if rules.pass_through_spread > 0:
        pass_through *= np.exp(rules.pass_through_spread * student(keys, 0, np.inf))
        pass_through = np.minimum(pass_through, 1.0)
    stress = np.full(len(out), rules.stress)
    if rules.stress_spread > 0:
        stress *= np.exp(rules.stress_spread * student(keys, DEPTH_DRAW, np.inf))
    moves = np.zeros((horizon, len(out)))
    if rules.volatility > 0:
        for second in range(horizon):
            moves[second] = rules.volatility * student(keys, second + 1, rules.tail_degrees)
    depth = (points, absorbed)
    nothing = np.zeros((1, 1))
    alone, _ = _run(depth, nothing[0], nothing, rules, start, push, push_seconds, pass_through, stress, moves)
    member = np.arange(first_path, first_path + len(out)) % len(forced)
    for number in np.unique(member).tolist():
        mine = member == number
        found, prices = _run(
            depth, forced_points, forced[[number]], rules, start, push, push_seconds, pass_through[mine],
            stress[mine], moves[:, mine],
        )  # fmt: skip
        out[mine, :9] = found
        seen = mine[: len(shown)]
        shown[seen] = prices[: seen.sum()]
    out[:, 9] = alone[:, 1]


def _run(  # noqa: PLR0915 - a second from its beginning to its end, in order
    depth: tuple[FloatArray, FloatArray],
    forced_points: FloatArray,
    forced: FloatArray,
    rules: StepRules,
    start: float,
    push: float,
    push_seconds: int,
    pass_through: FloatArray,
    stress: FloatArray,
    moves: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    horizon, count = moves.shape
    values = forced[0]
    once, rest = rules.at_once * pass_through, (1 - rules.at_once) * pass_through
    end = depth[1][-1]
    instant = rules.mark_gain == 1.0
    origin, price, mark, extreme = (np.full(count, float(start)) for _ in range(4))
    reached, released, rest_level, rest_value = (np.zeros(count) for _ in range(4))
    permanent, transient, lost_ground, push_owed, unfilled = (np.zeros(count) for _ in range(5))
    executed, taken, taken_bankruptcy, paid_out, worst = (np.zeros(count) for _ in range(5))
    exhausted = np.zeros(count, np.bool_)
    prices, reaches = np.empty((count, horizon + 1)), np.empty((horizon, count))
    closed = np.empty((horizon, count))
    prices[:, 0] = start
    for second in range(horizon):
        before, done = price, taken.copy()
        origin = origin + moves[second]
        transient = transient * rules.refill_keep
        price = origin + _place_of(depth, permanent + transient)
        if instant:
            mark = price
        fallen = np.exp(-lost_ground / rules.collapse_move)
        present = stress * (rules.depth_floor + (1 - rules.depth_floor) * fallen)

        further = mark > reached
        now = np.where(further, _value_at(forced_points, values, mark), released)
        orders = unfilled + once * (now - released)
        released, reached = now, np.where(further, mark, reached)
        reaches[second] = reached

        if rules.at_once < 1 and np.isfinite(rules.takeover_distance):
            level = np.minimum(mark - rules.takeover_distance, reached)
            gone, rest_level_after, rest_value = _leaving(
                forced_points, values, level, rest_level, rest_value, released
            )
            taken = taken + rest * gone
            levels = _first_moment(forced_points, values, rest_level_after) - _first_moment(
                forced_points, values, rest_level
            )
            taken_bankruptcy = taken_bankruptcy + rest * (levels + gone * rules.bankruptcy_distance)
            rest_level = rest_level_after
        if second >= rules.rest_seconds:
            level = np.minimum(reaches[second - rules.rest_seconds], mark - rules.relief_distance)
            due, rest_level, rest_value = _leaving(
                forced_points, values, level, rest_level, rest_value, released
            )
            orders = orders + rest * due

        if second < push_seconds:
            push_owed = push_owed + push / push_seconds
        eaten = permanent + transient
        if instant:
            after, sold, pushed = eaten.copy(), np.zeros(count), np.zeros(count)
            for path in np.flatnonzero(push_owed + orders > 0).tolist():
                owed = push_owed[path] + orders[path]
                place = _landing(
                    depth, forced_points, values, once[path], origin[path], eaten[path], price[path],
                    present[path], released[path], reached[path], owed,
                )  # fmt: skip
                ended = bool(np.isnan(place))
                place = origin[path] + depth[0][-1] if ended else place
                now_reached = max(reached[path], place)
                value = float(_value_at(forced_points, values, np.array([now_reached]))[0])
                orders[path] += once[path] * (value - released[path])
                released[path], reached[path] = value, now_reached
                after[path] = depth[1][-1]
                total = push_owed[path] + orders[path]
                absorbed = (after[path] - eaten[path]) * present[path] if ended else total
                after[path] = eaten[path] + absorbed / present[path]
                pushed[path] = min(push_owed[path], absorbed)
                sold[path] = absorbed - pushed[path]
            reaches[second] = reached
        else:
            pushed = np.minimum(push_owed, np.maximum(end - eaten, 0) * present)
            middle = eaten + pushed / present
            sold = np.minimum(orders, np.maximum(end - middle, 0) * present)
            if np.isfinite(rules.takeover_distance):
                limit = reached + rules.takeover_distance - origin
                room = np.maximum(_value_at(*depth, np.maximum(limit, 0)) - middle, 0) * present
                sold = np.minimum(sold, np.where(limit < 0, 0, room))
            after = middle + sold / present
        push_owed = push_owed - pushed
        unfilled = orders - sold
        short = push_owed + unfilled > 1e-9 * (push + orders)
        exhausted |= short & (after >= end * (1 - ROUNDING))
        if np.isfinite(rules.takeover_distance):
            taken = taken + unfilled
            taken_bankruptcy = taken_bankruptcy + unfilled * (reached + rules.bankruptcy_distance)
            unfilled = np.zeros(count)
        executed = executed + sold
        permanent = permanent + rules.permanent_share * (after - eaten)
        transient = transient + (1 - rules.permanent_share) * (after - eaten)

        came_to = origin + _place_of(depth, permanent + transient)
        beyond = 0.5 * (price + came_to) - reached - rules.bankruptcy_distance
        paid_out = paid_out + sold * np.maximum(beyond, 0)
        price = came_to
        worst = np.maximum(worst, paid_out + np.maximum(taken * price - taken_bankruptcy, 0))
        lost_ground = lost_ground * rules.collapse_keep + np.maximum(price - before, 0)
        mark = mark + rules.mark_gain * (price - mark)
        extreme = np.maximum(extreme, price)
        prices[:, second + 1] = price
        closed[second] = sold + taken - done
    earlier = np.concatenate([np.zeros((1, count)), np.cumsum(closed, axis=0)[:-1]])
    duration = (earlier < 0.95 * (executed + taken)).sum(axis=0)
    columns = (
        price, extreme, duration, pass_through * released, executed, taken, worst, exhausted, reached,
    )  # fmt: skip
    return np.column_stack(columns).astype(np.float64), prices


def _place_of(depth: tuple[FloatArray, FloatArray], eaten: FloatArray) -> FloatArray:
    """Return the least displacements that have absorbed `eaten`; the end of the book where none has."""
    points, absorbed = depth
    eaten = eaten * (1 - ROUNDING)
    index = np.searchsorted(absorbed, eaten, side="left")
    upper = np.clip(index, 1, len(points) - 1)
    rise = absorbed[upper] - absorbed[upper - 1]
    share = np.clip((eaten - absorbed[upper - 1]) / np.where(rise > 0, rise, 1.0), 0, 1)
    found = np.where(index == 0, 0.0, points[upper - 1] + share * (points[upper] - points[upper - 1]))
    return np.asarray(found)


def _value_at(points: FloatArray, values: FloatArray, place: FloatArray) -> FloatArray:
    """Return a curve at places, jumps included; 0 before the first point, the last value beyond the end."""
    index = np.searchsorted(points, place, side="right")
    below = np.clip(index - 1, 0, len(points) - 1)
    above = np.minimum(index, len(points) - 1)
    width = np.where(above > below, points[above] - points[below], 1.0)
    inside = values[below] + (place - points[below]) / width * (values[above] - values[below])
    return np.asarray(np.where(index == 0, 0.0, np.where(index == len(points), values[-1], inside)))


def _first_moment(points: FloatArray, values: FloatArray, place: FloatArray) -> FloatArray:
    """Return what lies before places times its displacement, added up."""
    near, width, rise = points[:-1], np.diff(points), np.diff(values)
    upper = np.clip(place[:, None], near, points[1:])
    passed = (upper - near) / np.where(width > 0, width, 1.0)
    jumped = place[:, None] >= near
    part = np.where(width > 0, passed, jumped) * rise
    return np.asarray((part * 0.5 * (near + upper)).sum(axis=1))


def _leaving(
    points: FloatArray,
    values: FloatArray,
    level: FloatArray,
    rest_level: FloatArray,
    rest_value: FloatArray,
    released: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what leaves the waiting levels up to `level`, and from where they wait then."""
    value = np.minimum(_value_at(points, values, level), released)
    leaves: BoolArray = (level > rest_level) & (value > rest_value)
    return (
        np.where(leaves, value - rest_value, 0.0),
        np.where(leaves, level, rest_level),
        np.where(leaves, value, rest_value),
    )


def _landing(
    depth: tuple[FloatArray, FloatArray],
    forced_points: FloatArray,
    forced: FloatArray,
    share: float,
    origin: float,
    eaten: float,
    price: float,
    present: float,
    released: float,
    reached: float,
    owed: float,
) -> float:
    """Return where a chain ends that begins in the middle of both curves, by the envelope of the rest.

    NaN where the book ends first.
    """
    points, absorbed = depth
    ahead = absorbed >= eaten
    if not ahead.any() or absorbed[-1] <= eaten:
        return float("nan")
    left = DepthCurve(
        direction=1,
        displacement=np.concatenate([[0.0], np.maximum(points[ahead] + origin - price, 0.0)]),
        absorbed=np.concatenate([[0.0], (absorbed[ahead] - eaten) * present]),
        tail_exponent=None,
        kind="law",
        source="what is left of a book",
        as_of=0,
    )
    unreleased = (forced_points > reached) | (forced > released)
    flat = max(reached - price, 0.0)
    to_come = ForcedCurve(
        np.concatenate([[0.0, flat], np.maximum(forced_points[unreleased] - price, flat)]),
        np.concatenate([[0.0, 0.0], (forced[unreleased] - released) * share]),
    )
    return float(price + envelope(left, to_come, kernel="numpy").landing(owed))
