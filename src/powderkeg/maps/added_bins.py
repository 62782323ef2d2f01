"""What adding maps of several venues takes: that they may be added, a common grid, and provenance."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from powderkeg.errors import InputError
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance


def require_addable(maps: Sequence[LiquidationMap] | Sequence[Heatmap]) -> None:
    """Raise unless there are maps, all of one kind and bin width.

    Raises
    ------
    InputError
        No maps; maps of different kinds (what is modelled and what is measured are never added silently);
        or maps with bins of different widths.
    """
    if not maps:
        raise InputError("maps: none given; expected at least one")
    for field, values in (
        ("kind", {one.kind for one in maps}),
        ("bin width", {one.grid.width for one in maps}),
    ):
        if len(values) > 1:
            found = ", ".join(sorted(map(str, values)))
            raise InputError(f"maps: {field} is {found}; expected one {field} for all that are added")


def covering(width: float, grids: Sequence[PriceGrid], shifts: Sequence[float]) -> PriceGrid:
    """Return the grid that holds each of `grids` once it is moved up by its shift, in bins."""
    ends = [
        (grid.first + shift, grid.first + grid.count + shift)
        for grid, shift in zip(grids, shifts, strict=True)
        if grid.count
    ]
    if not ends:
        return PriceGrid(width, 0, 0)
    first, stop = math.floor(min(end[0] for end in ends)), math.ceil(max(end[1] for end in ends)) + 1
    return PriceGrid(width, first, stop - first)


def add_shifted(out: np.ndarray, grid: PriceGrid, own: PriceGrid, mass: np.ndarray, shift: float) -> None:
    """Add bins, the last axis of `mass`, to those of `out`, moved by `shift` bins.

    The fraction of the shift goes to the upper of two bins.
    """
    whole = math.floor(shift)
    fraction = shift - whole
    start = own.first + whole - grid.first
    out[..., start : start + own.count] += (1 - fraction) * mass
    if fraction:
        out[..., start + 1 : start + 1 + own.count] += fraction * mass


def shares_of(open_interest: Sequence[float]) -> list[float]:
    """Return each one's share of the sum; none where there is no open interest at all."""
    total = sum(open_interest)
    return [one / total if total else 0.0 for one in open_interest]


def summed_provenance(
    maps: Sequence[LiquidationMap] | Sequence[Heatmap], shares: Sequence[float], told: Sequence[str]
) -> Provenance:
    """Return where a sum comes from: all inputs by instrument, `told`, and what was noted of all and of each.

    Parameters
    ----------
    maps
        What was added, of one kind.
    shares
        Weight of each, in [0, 1], for the share that still stems from the guess about the start.
    told
        Notes on the sum.
    """
    own = [one.provenance for one in maps]
    inputs = tuple(
        replace(series, name=f"{one.instrument} {series.name}")
        for one in maps
        for series in one.provenance.inputs
    )
    warm_up: FloatArray = np.array(shares) @ np.array([one.warm_up_share for one in own])
    common = [note for note in own[0].notes if all(note in one.notes for one in own)]
    notes = [
        f"{one.instrument}: {note}" for one in maps for note in one.provenance.notes if note not in common
    ]
    hashes = "".join(one.parameter_hash for one in own)
    return Provenance(
        kind=own[0].kind,
        model=" and ".join(sorted({one.model for one in own})),
        parameter_hash=hashlib.sha256(hashes.encode()).hexdigest()[:16],
        inputs=inputs,
        warm_up_share=(float(warm_up[0]), float(warm_up[1])),
        kernel=own[0].kernel,
        notes=(*told, *common, *notes),
    )
