"""How well a map agrees with known positions: correlation, mass, distance of the mass, overlap, imbalance.

All scores compare a map with the true one on the same price grid, in the same unit, side by side.
"""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.price_grid import PriceGrid

FINE_BLOCK, FINE_REACH = 0.0025, 0.10
COARSE_BLOCK, COARSE_REACH = 0.005, 0.20
MASS_REACHES = (0.01, 0.02, 0.05, 0.10)
TOP_BLOCKS = 5


def distance_blocks(
    grid: PriceGrid, mass: FloatArray, *, mark_price: float, falling: bool, block: float, reach: float
) -> FloatArray:
    """Return one side's mass in blocks of equal log distance from the mark, nearest first.

    A bin's mass is spread evenly over it and shared out between blocks.

    Parameters
    ----------
    grid, mass
        One side of a map, shape (grid.count,).
    mark_price
        Where distances are measured from.
    falling
        True for longs, which stand below the mark; False for shorts.
    block, reach
        Length of a block and of all of them, in log price.
    """
    numbers = np.arange(grid.first, grid.first + grid.count + 1) * grid.width - np.log(mark_price)
    edges = -numbers[::-1] if falling else numbers
    cumulative = np.concatenate([[0.0], np.cumsum(mass[::-1] if falling else mass)])
    bounds = block * np.arange(round(reach / block) + 1)
    return np.asarray(np.diff(np.interp(bounds, edges, cumulative)))


def pearson(left: FloatArray, right: FloatArray) -> float:
    """Return Pearson's correlation; NaN where one of the two is constant."""
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def spearman(left: FloatArray, right: FloatArray) -> float:
    """Return Spearman's rank correlation, ties sharing their mean rank; NaN where one is constant."""
    return pearson(_mean_ranks(left), _mean_ranks(right))


def wasserstein(left: FloatArray, right: FloatArray, *, block: float) -> float:
    """Return how far the mass of one has to be moved to look like the other, in the unit of `block`.

    The Wasserstein-1 distance of the two normalised to one; NaN where one of them is empty.
    """
    if not (left.sum() > 0 and right.sum() > 0):
        return float("nan")
    return float(np.abs(np.cumsum(left / left.sum()) - np.cumsum(right / right.sum())).sum() * block)


def overlap(left: FloatArray, right: FloatArray) -> float:
    """Return the common part of two densities normalised to one, in [0, 1]; NaN where one is empty."""
    if not (left.sum() > 0 and right.sum() > 0):
        return float("nan")
    return float(np.minimum(left / left.sum(), right / right.sum()).sum())


def top_capture(modelled: FloatArray, true: FloatArray, count: int = TOP_BLOCKS) -> float:
    """Return the true mass in the `count` fullest modelled blocks over that in the fullest true ones."""
    best = np.sort(true)[-count:].sum()
    if not best > 0:
        return float("nan")
    return float(true[np.argsort(modelled, kind="stable")[-count:]].sum() / best)


def side_truth_scores(
    grid: PriceGrid, modelled: FloatArray, true: FloatArray, *, mark_price: float, falling: bool
) -> dict[str, float]:
    """Return the scores of one side of a map against the true one, by name; NaN where one is not defined.

    ``pearson``, ``spearman``, ``wasserstein_bp`` and ``top_capture`` over blocks of 25 bp within 10 % of the
    mark; ``mass_ratio_1pct``, ``_2pct``, ``_5pct`` and ``_10pct``: modelled over true mass; ``overlap`` and
    ``mass_ratio_20pct`` over blocks of 0.5 % within 20 %.

    Parameters
    ----------
    grid
        Common to both.
    modelled, true
        One side each, USD or base units alike, shape (grid.count,).
    mark_price, falling
        As in `distance_blocks`.
    """

    def blocks(mass: FloatArray, block: float, reach: float) -> FloatArray:
        return distance_blocks(grid, mass, mark_price=mark_price, falling=falling, block=block, reach=reach)

    fine = blocks(modelled, FINE_BLOCK, FINE_REACH), blocks(true, FINE_BLOCK, FINE_REACH)
    coarse = blocks(modelled, COARSE_BLOCK, COARSE_REACH), blocks(true, COARSE_BLOCK, COARSE_REACH)
    scores = {
        "pearson": pearson(*fine),
        "spearman": spearman(*fine),
        "wasserstein_bp": wasserstein(*fine, block=FINE_BLOCK) * 1e4,
        "top_capture": top_capture(*fine),
        "overlap": overlap(*coarse),
    }
    for reach in MASS_REACHES:
        count = round(reach / FINE_BLOCK)
        scores[f"mass_ratio_{reach * 100:.0f}pct"] = _ratio(fine[0][:count].sum(), fine[1][:count].sum())
    scores["mass_ratio_20pct"] = _ratio(coarse[0].sum(), coarse[1].sum())
    return scores


def imbalance_error(modelled: tuple[float, float], true: tuple[float, float]) -> float:
    """Return |ln(short / long) - the true one| of (long, short) masses; NaN where a mass is zero."""
    if min(*modelled, *true) <= 0:
        return float("nan")
    return float(abs(np.log(modelled[1] / modelled[0]) - np.log(true[1] / true[0])))


def _ratio(modelled: float, true: float) -> float:
    return float(modelled / true) if true > 0 else float("nan")


def _mean_ranks(values: FloatArray) -> FloatArray:
    group: IntArray
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[group])
