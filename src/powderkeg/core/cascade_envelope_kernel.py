"""`powderkeg.core.cascade_envelope` compiled: both curves merged in one pass, breakpoint by breakpoint."""

from __future__ import annotations

import numpy as np
from numba import njit

from powderkeg.model.arrays import FloatArray


@njit(cache=True)
def _step(points: FloatArray, values: FloatArray, next_point: int, place: float) -> tuple[float, float, int]:
    """Return a curve just before a place and at it, and the number of its next point."""
    count = len(points)
    if next_point >= count:
        return values[count - 1], values[count - 1], next_point
    if points[next_point] > place:
        first, last = points[next_point - 1], points[next_point]
        slope = (values[next_point] - values[next_point - 1]) / (last - first)
        value = slope * (place - first) + values[next_point - 1]
        return value, value, next_point
    before = values[next_point]
    while next_point + 1 < count and points[next_point + 1] == place:
        next_point += 1
    return before, values[next_point], next_point + 1


@njit(cache=True, nogil=True)
def merged_curves(
    depth_points: FloatArray, absorbed: FloatArray, forced_points: FloatArray, forced: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return breakpoints, absorbed and forced notional at them, and the running maximum of their difference.

    See `powderkeg.core.cascade_envelope.envelope` for shapes and for what happens at a jump.
    """
    most = 3 * (len(depth_points) + len(forced_points))
    out = np.empty((4, most))
    last = depth_points[len(depth_points) - 1]
    next_depth, next_forced, count, highest = 0, 0, 0, -np.inf
    while next_depth < len(depth_points):
        place = depth_points[next_depth]
        if next_forced < len(forced_points) and forced_points[next_forced] < place:
            place = forced_points[next_forced]
        if place > last:
            break
        depth_before, depth_after, next_depth = _step(depth_points, absorbed, next_depth, place)
        forced_before, forced_after, next_forced = _step(forced_points, forced, next_forced, place)
        for moment in range(3):
            eaten = depth_after if moment == 2 else depth_before
            released = forced_before if moment == 0 else forced_after
            if (
                count > 0
                and out[0, count - 1] == place
                and out[1, count - 1] == eaten
                and out[2, count - 1] == released
            ):
                continue
            highest = max(highest, eaten - released)
            out[0, count], out[1, count], out[2, count], out[3, count] = place, eaten, released, highest
            count += 1
    return out[0, :count].copy(), out[1, :count].copy(), out[2, :count].copy(), out[3, :count].copy()
