"""Ensembles of several venues' maps as one: which members are added, and what is independent of what.

A member of a sum is the sum of one member of each map, moved as the map itself is. Two assumptions decide
which:

- Maps that are drawn with the same calibration are added member by member. What is wrong with its laws is
  wrong at all of these venues alike, so their errors add up and do not cancel.
- Different calibrations err independently of each other: their members are paired at random. Members have to
  be shuffled for that, since calibrations that were fitted with one seed have drawn alike. Where two were
  fitted to one market, or to markets that were hit by the same days, their errors are not independent, and
  the bands of the sum are too narrow.

Chance in a single outcome is independent between venues in either case: each has a part of its own in
`powderkeg.maps.map_ensemble.MapEnsemble.parts`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from powderkeg.maps.added_bins import add_shifted
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_ensemble import ForcedPart, MapEnsemble
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.price_grid import PriceGrid


def summed_ensemble(
    maps: Sequence[LiquidationMap], grid: PriceGrid, shifts: Sequence[float]
) -> MapEnsemble | None:
    """Return the ensemble of the sum of maps; None where one of them has none.

    It has as many members as the largest. A smaller one comes round again, so the mean over members is the
    sum exactly where the numbers of members divide that of the largest, as those of `powderkeg calibrate` do.

    Parameters
    ----------
    maps
        At least one, in the order of their parts.
    grid
        Grid of the sum, which holds every map once it is moved.
    shifts
        How far up each is moved, in bins.
    """
    ensembles = [one.ensemble for one in maps if one.ensemble is not None]
    if len(ensembles) < len(maps):
        return None
    count = max(one.members for one in ensembles)
    alone = len({one.calibration for one in ensembles}) == 1
    standing = np.zeros((count, 2, grid.count))
    parts: list[ForcedPart] = []
    for one, ensemble, shift in zip(maps, ensembles, shifts, strict=True):
        taken = ensemble.taken(_members(ensemble, count, shuffled=not alone))
        standing += _moved(taken.standing, one.grid, grid, shift)
        parts += [
            ForcedPart(_moved(part.forced, one.grid, grid, shift), part.dispersion) for part in taken.parts
        ]
    names = "".join(sorted({one.calibration for one in ensembles}))
    return MapEnsemble(
        standing=standing,
        parts=tuple(parts),
        seed=ensembles[0].seed,
        calibration=ensembles[0].calibration if alone else hashlib.sha256(names.encode()).hexdigest()[:16],
    )


def without_ensemble(maps: Sequence[LiquidationMap]) -> list[str]:
    """Return what to note of bands: who lacks them where others do not, or what those of the sum assume."""
    lacking = [one.instrument for one in maps if one.ensemble is None]
    if len(lacking) == len(maps):
        return []
    if lacking:
        return [f"no bands and nothing expected to be forced: {', '.join(lacking)} without a calibration"]
    if len({one.ensemble.calibration for one in maps if one.ensemble is not None}) == 1:
        return ["bands: one calibration for all venues, so that its errors are common to them"]
    return ["bands: errors of different calibrations are taken to be independent of each other"]


def _members(ensemble: MapEnsemble, count: int, *, shuffled: bool) -> IntArray:
    """Return which member of a map is in each of `count` members of the sum.

    The order comes from the members themselves: the same calibration is shuffled alike wherever it is used,
    and whatever stands beside it.
    """
    order = np.arange(ensemble.members)
    if shuffled:
        order = np.random.default_rng(int(ensemble.calibration, 16)).permutation(ensemble.members)
    return np.resize(order, count)


def _moved(masses: FloatArray, own: PriceGrid, grid: PriceGrid, shift: float) -> FloatArray:
    """Return masses (members, 2, own bins) on another grid, moved by `shift` bins."""
    out = np.zeros((*masses.shape[:-1], grid.count))
    add_shifted(out, grid, own, masses, shift)
    return out
