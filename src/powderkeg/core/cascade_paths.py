"""Cascades in time by Monte Carlo: many paths of a push through a book and what its prices force.

`cascade_envelope` says where an order lands if everything happens at once and nothing comes back. Here it
takes time: the book refills or collapses, the venue's rules decide when a position is closed and when it is
taken over instead, part of what stands is not there after all, and the price moves by itself. `CascadeRules`
holds the ingredients, `cascade_paths_reference` says what happens in a second. What is simulated is what
would happen under these rules, not what will: a measure of risk that says nothing about where the price goes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from powderkeg.core.cascade_envelope import FARTHEST, ForcedCurve
from powderkeg.core.cascade_rules import CascadeRules
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, read_only
from powderkeg.model.depth_curve import DepthCurve

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FAN_PATHS = 20_000


@dataclass(frozen=True, slots=True)
class ForcedEnsemble:
    """What the members of a map's ensemble release, each as likely as the others.

    Attributes
    ----------
    displacement
        As in `ForcedCurve`, the same for all members, shape (n,).
    forced
        Notional in quote up to there, shape (members, n), each row as in `ForcedCurve`.

    Raises
    ------
    InputError
        A shape, order or number is wrong.
    """

    displacement: FloatArray
    forced: FloatArray

    def __post_init__(self) -> None:
        forced = read_only(self.forced)
        if forced.ndim != 2 or not len(forced):
            raise InputError(f"forced orders: shape {forced.shape}; expected (members, points), one or more")
        for row in forced:
            ForcedCurve(self.displacement, row)
        object.__setattr__(self, "displacement", read_only(self.displacement))
        object.__setattr__(self, "forced", forced)


@dataclass(frozen=True, slots=True)
class CascadeSummary:
    """Distributions over the paths; quantiles are those of `QUANTILES`: 5, 25, 50, 75 and 95 %.

    Attributes
    ----------
    further
        How much further the price went at its extreme than the same path without forced orders, shape (5,).
    extreme
        Displacement at the extreme, shape (5,).
    forced
        Notional force-closed, in quote, shape (5,).
    duration
        Quartiles of the duration in seconds of the paths that closed anything, shape (3,); NaN if none did.
    more_than_doubled
        Probability that the chain is larger than the push: forced notional above it. NaN without a push.
    deleveraged
        Probability that losses exceed the insurance fund; NaN where the fund is not known.
    exhausted
        Probability that the book ends before the orders do.
    """

    further: FloatArray
    extreme: FloatArray
    forced: FloatArray
    duration: FloatArray
    more_than_doubled: float
    deleveraged: float
    exhausted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadePaths:
    """What each path came to; arrays of shape (paths,) unless stated. Displacements are as in `DepthCurve`.

    Attributes
    ----------
    push
        The order in quote.
    start
        Displacement of the print with which the paths begin; 0 without one.
    final, extreme
        Displacement at the horizon, and the furthest one.
    extreme_alone
        The furthest displacement of the same path, noise and all, without forced orders.
    duration
        Seconds until 95 % of what the path closes is closed, 0 where it closes nothing. The last few per cent
        are dribbles of a mark that creeps up.
    forced
        Notional that the path set off: levels that the mark reached times the pass-through.
    executed, taken_over
        Of it, what was sold into the book, and what a vault or fund took over.
    worst_loss
        Largest loss beyond bankruptcy in quote at any second: of orders filled there (at the middle of the
        second's range) and of what was taken over, valued at the price.
    deleveraged
        Whether `worst_loss` exceeds the insurance fund: then profitable positions are closed against it; None
        where the fund is not known.
    exhausted
        Whether the book ended before the orders did: what was left waited there.
    reached
        The furthest displacement of the mark, whose levels were released.
    fan
        `QUANTILES` of the displacement at seconds 0 to the horizon, shape (5, seconds + 1), over the first
        20,000 paths.
    """

    push: float
    start: float
    final: FloatArray = field(repr=False)
    extreme: FloatArray = field(repr=False)
    extreme_alone: FloatArray = field(repr=False)
    duration: FloatArray = field(repr=False)
    forced: FloatArray = field(repr=False)
    executed: FloatArray = field(repr=False)
    taken_over: FloatArray = field(repr=False)
    worst_loss: FloatArray = field(repr=False)
    deleveraged: BoolArray | None = field(repr=False)
    exhausted: BoolArray = field(repr=False)
    reached: FloatArray = field(repr=False)
    fan: FloatArray = field(repr=False)

    def waiting(self) -> FloatArray:
        """Return what was set off, but neither executed nor taken over by the horizon: late, or spared."""
        return np.maximum(self.forced - self.executed - self.taken_over, 0.0)

    def summary(self) -> CascadeSummary:
        """Return the distributions over the paths."""
        closing = self.duration > 0
        quartiles = (0.25, 0.5, 0.75)
        return CascadeSummary(
            further=np.quantile(self.extreme - self.extreme_alone, QUANTILES),
            extreme=np.quantile(self.extreme, QUANTILES),
            forced=np.quantile(self.forced, QUANTILES),
            duration=np.quantile(self.duration[closing], quartiles) if closing.any() else np.full(3, np.nan),
            more_than_doubled=float(np.mean(self.forced > self.push)) if self.push > 0 else float("nan"),
            deleveraged=float("nan") if self.deleveraged is None else float(np.mean(self.deleveraged)),
            exhausted=float(np.mean(self.exhausted)),
        )


def cascade_paths(
    depth: DepthCurve,
    forced: ForcedCurve | ForcedEnsemble,
    rules: CascadeRules,
    *,
    seed: int,
    push: float = 0.0,
    push_seconds: int = 1,
    start: float = 0.0,
    horizon: int = 300,
    paths: int = 10_000,
    first_path: int = 0,
    threads: int = 1,
    kernel: Literal["numba", "numpy"] | None = None,
) -> CascadePaths:
    """Return the paths of a push, of a print, or of noise alone.

    Bit for bit the same for any number of threads; paths 0 to 9 followed by paths 10 to 19 are paths 0 to 19.

    Parameters
    ----------
    depth, forced
        The curves, in the same direction and unit. Path i meets member i modulo members.
    rules
        How the venue closes positions and how book and price behave.
    seed
        From 0 to 2^63 - 1.
    push, push_seconds
        An order in quote, >= 0, sold in equal parts over the first seconds.
    start
        Displacement of a print with which the paths begin, >= 0: all levels before it are released, and what
        they force meets the depth beyond it. It is where the market trades now, so it does not refill away.
    horizon
        Seconds, 1 to 86,400.
    paths, first_path
        How many, from 1, and the number of the first, from 0.
    threads
        How many to use, from 1; the plain twin uses one.
    kernel
        ``numba`` or its plain twin ``numpy``; by default the faster one that can run.

    Raises
    ------
    InputError
        A number is outside its range, or the print lies where the depth is not known.
    """
    _check(push=push, start=start)
    _check_whole(
        seed=(seed, 0, 2**63 - 1),
        push_seconds=(push_seconds, 1, 86_400),
        horizon=(horizon, 1, 86_400),
        paths=(paths, 1, 10**9),
        first_path=(first_path, 0, 10**15),
        threads=(threads, 1, 1_024),
    )
    ensemble = (
        ForcedEnsemble(forced.displacement, forced.forced[None])
        if isinstance(forced, ForcedCurve)
        else forced
    )
    points, absorbed = _beyond(depth.reaching(FARTHEST), start)
    out = np.empty((paths, 10))
    shown = np.empty((min(paths, _FAN_PATHS), horizon + 1))
    run = _kernel(kernel or ("numba" if find_spec("numba") else "numpy"))

    def run_chunk(first: int, last: int) -> None:
        run(
            points, absorbed, ensemble.displacement, ensemble.forced, rules.per_second(), start, push,
            push_seconds, horizon, seed, first_path + first, out[first:last], shown[first:last],
        )  # fmt: skip

    # More chunks than threads, as those that end a book early are faster.
    bounds = (
        np.linspace(0, paths, min(4 * threads, paths) + 1).astype(int)
        if threads > 1
        else np.array([0, paths])
    )
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run_chunk, bounds[:-1].tolist(), bounds[1:].tolist()))
    fund = rules.insurance_fund
    columns = [read_only(out[:, column]) for column in range(10)]
    return CascadePaths(
        push=float(push),
        start=float(start),
        final=columns[0],
        extreme=columns[1],
        duration=columns[2],
        forced=columns[3],
        executed=columns[4],
        taken_over=columns[5],
        worst_loss=columns[6],
        deleveraged=None if fund is None else read_only(columns[6] > fund, np.bool_),
        exhausted=read_only(columns[7] > 0, np.bool_),
        reached=columns[8],
        extreme_alone=columns[9],
        fan=read_only(np.quantile(shown, QUANTILES, axis=0)),
    )


def _kernel(name: str) -> Callable[..., Any]:
    if name == "numba":
        from powderkeg.core.cascade_paths_kernel import run_paths

        return run_paths
    from powderkeg.core import cascade_paths_reference

    return cascade_paths_reference.run_paths


def _beyond(depth: DepthCurve, start: float) -> tuple[FloatArray, FloatArray]:
    """Return the depth beyond a print, with displacements counted from it."""
    if start == 0:
        return depth.displacement, depth.absorbed
    points, absorbed = depth.displacement, depth.absorbed
    ahead = points > start
    if not ahead.any():
        raise InputError(f"start: {start:g}; the depth is known up to {points[-1]:g}, expected less")
    index = int(np.argmax(ahead))
    share = (start - points[index - 1]) / (points[index] - points[index - 1])
    eaten = absorbed[index - 1] + share * (absorbed[index] - absorbed[index - 1])
    if absorbed[-1] <= eaten:
        raise InputError(f"start: {start:g}; nothing is absorbed beyond it, expected a print inside the book")
    return (
        np.concatenate([[0.0], points[ahead] - start]),
        np.concatenate([[0.0], absorbed[ahead] - eaten]),
    )


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name}: {value:g}; expected a number from 0")


def _check_whole(**values: tuple[int, int, int]) -> None:
    for name, (value, low, high) in values.items():
        if value != int(value) or not low <= value <= high:
            raise InputError(f"{name}: {value}; expected a whole number from {low} to {high}")
