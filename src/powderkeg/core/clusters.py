"""Clusters: the stretches of a map that stand out from their surroundings, one side at a time.

Long and short levels are never merged: a long wall below and a short wall above do not average into a phantom
at the price.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid

# Mass per unit of relative price distance and unit of open interest under the diffuse model.
DIFFUSE_DENSITY = 1.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A stretch of price where one side's liquidations gather.

    Attributes
    ----------
    side
        ``long`` or ``short``: whose positions are liquidated there.
    price_low, price_high
        Edges: where the smoothed density has fallen by half of its rise above the surroundings, or reaches a
        neighbour's valley.
    price_peak
        Price of the densest bin.
    notional
        USD between the edges.
    distance
        Signed distance of the peak from the mark price as a fraction; negative below.
    prominence
        `notional` as a multiple of what the diffuse model, 1 % of one-sided open interest per 1 % of price,
        puts between the same edges.
    """

    side: str
    price_low: float
    price_high: float
    price_peak: float
    notional: float
    distance: float
    prominence: float


def side_clusters(
    grid: PriceGrid,
    mass: FloatArray,
    *,
    side: str,
    mark_price: float,
    open_interest: float,
    smoothing: int = 5,
    minimum_relief: float = 0.05,
    minimum_height: float = 0.1,
) -> list[Cluster]:
    """Return the clusters of one side, largest notional first; none where nothing stands.

    The density is smoothed over `smoothing` bins. A peak counts when it rises above the higher of the two
    valleys that part it from higher ground by at least `minimum_relief` of its own height (topographic
    prominence; the end of the map counts as a valley of height zero). Its edges are where the density has
    fallen by half of that rise.

    Parameters
    ----------
    grid, mass
        One side of a map in USD per bin.
    side
        ``long`` or ``short``.
    mark_price
        Where distances are measured from.
    open_interest
        One-sided, in the unit of `mass`.
    smoothing
        Width of the moving average in bins, odd, at least 1.
    minimum_relief
        In (0, 1].
    minimum_height
        Peaks lower than this share of the side's highest are not clusters, in [0, 1].
    """
    if grid.count == 0 or not np.any(mass > 0):
        return []
    # Cut out of the whole, as "same" is as long as the longer of the two.
    smooth = np.convolve(mass, np.full(smoothing, 1.0 / smoothing))[smoothing // 2 :][: len(mass)]
    # Rounded, so that a plateau is level.
    smooth = np.round(smooth / smooth.max(), 9)
    edges = grid.edges
    clusters = []
    for peak, relief, left, right in peaks_of(smooth, minimum_relief, minimum_height):
        half = smooth[peak] - relief / 2
        low = peak
        while low > left and smooth[low - 1] >= half:
            low -= 1
        high = peak
        while high < right and smooth[high + 1] >= half:
            high += 1
        densest = low + int(np.argmax(mass[low : high + 1]))
        notional = float(mass[low : high + 1].sum())
        price_low, price_high = float(edges[low]), float(edges[high + 1])
        price_peak = float(np.sqrt(edges[densest] * edges[densest + 1]))
        diffuse = DIFFUSE_DENSITY * open_interest * (price_high - price_low) / mark_price
        clusters.append(
            Cluster(
                side=side,
                price_low=price_low,
                price_high=price_high,
                price_peak=price_peak,
                notional=notional,
                distance=price_peak / mark_price - 1,
                prominence=notional / diffuse,
            )
        )
    return sorted(clusters, key=lambda cluster: -cluster.notional)


def peaks_of(
    height: FloatArray, minimum_relief: float, minimum_height: float
) -> list[tuple[int, float, int, int]]:
    """Return (peak, relief, left, right) of every peak with enough relief and height.

    Left and right bound its own ground; neighbouring peaks share the lowest point between them as bound.
    """
    rising = np.diff(np.concatenate([[0.0], height, [0.0]]))
    # On a plateau the first bin counts.
    candidates = np.flatnonzero(
        (rising[:-1] > 0) & (_next_change(rising[1:]) < 0) & (height >= minimum_height)
    )
    kept = []
    for peak in candidates:
        higher_left = np.flatnonzero(height[:peak] > height[peak])
        higher_right = np.flatnonzero(height[peak + 1 :] > height[peak])
        left_valley = height[higher_left[-1] : peak].min() if len(higher_left) else 0.0
        right_valley = height[peak : peak + 1 + higher_right[0] + 1].min() if len(higher_right) else 0.0
        relief = float(height[peak] - max(left_valley, right_valley))
        if relief >= minimum_relief * height[peak]:
            kept.append((int(peak), relief))
    bounds = [0]
    for (before, _), (after, _) in itertools.pairwise(kept):
        bounds.append(before + int(np.argmin(height[before : after + 1])))
    bounds.append(len(height) - 1)
    return [(peak, relief, bounds[i], bounds[i + 1]) for i, (peak, relief) in enumerate(kept)]


def _next_change(differences: FloatArray) -> FloatArray:
    """Return for every place the first non-zero difference from there on, or a negative number at the end."""
    index = np.where(differences != 0, np.arange(len(differences)), len(differences))
    following = np.minimum.accumulate(index[::-1])[::-1]
    return np.asarray(np.append(differences, -1.0)[following])
