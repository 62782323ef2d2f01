"""Maps of several venues as one: each shifted to a common price, added up, and kept beside the sum."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import iso


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One venue's part of an aggregated map.

    Attributes
    ----------
    map
        The venue's own map, at its own prices.
    basis
        Its mark price over that of the reference, less 1.
    share
        Its share of the aggregated open interest, in [0, 1].
    """

    map: LiquidationMap
    basis: float
    share: float


@dataclass(frozen=True, slots=True)
class AggregatedMap:
    """The sum of several venues' maps.

    Attributes
    ----------
    total
        The sum, at the prices of the reference: the venue with the most open interest.
    layers
        What it is the sum of, largest first.
    """

    total: LiquidationMap
    layers: tuple[MapLayer, ...]

    def as_json(self, clusters: int = 20) -> dict[str, Any]:
        """Return the sum as ``powderkeg map --json`` prints a map, with its layers beside it."""
        return {
            **self.total.as_json(clusters),
            "layers": [
                {
                    "instrument": layer.map.instrument,
                    "kind": layer.map.kind,
                    "as_of": iso(layer.map.as_of),
                    "mark_price": layer.map.mark_price,
                    "basis": layer.basis,
                    "open_interest": layer.map.open_interest,
                    "share": layer.share,
                    "map": layer.map.as_json(clusters),
                }
                for layer in self.layers
            ],
        }


def aggregated_map(maps: Sequence[LiquidationMap], name: str) -> AggregatedMap:
    """Return the maps of one coin on several venues as one.

    Each map is moved in log price so that its mark price falls on the reference's: a position five per cent
    below its own venue's price stands five per cent below the common one. Bins that fall between two are
    divided over both by distance. USD are added; quantities are valued at each venue's own mark price.

    Parameters
    ----------
    maps
        At least one, of the same kind and bin width.
    name
        What the sum is called, such as ``BTC``.

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
    ordered = sorted(maps, key=lambda one: -one.open_interest)
    reference = ordered[0]
    interest = sum(one.open_interest for one in ordered)
    layers = tuple(
        MapLayer(
            one,
            one.mark_price / reference.mark_price - 1,
            one.open_interest / interest if interest else 0.0,
        )
        for one in ordered
    )
    if len(layers) == 1:
        return AggregatedMap(replace(reference, instrument=name), layers)
    shifts = [math.log(reference.mark_price / one.mark_price) / reference.grid.width for one in ordered]
    grid = _covering(reference.grid.width, [one.grid for one in ordered], shifts)
    sides = np.zeros((2, grid.count))
    for one, shift in zip(ordered, shifts, strict=True):
        for side, mass in enumerate((one.long_notional, one.short_notional)):
            _add_shifted(sides[side], grid, one.grid, mass, shift)
    total = LiquidationMap(
        instrument=name,
        as_of=min(one.as_of for one in ordered),
        mark_price=reference.mark_price,
        open_interest=interest,
        grid=grid,
        long_notional=sides[0],
        short_notional=sides[1],
        provenance=_provenance(layers),
    )
    return AggregatedMap(total, layers)


def _covering(width: float, grids: Sequence[PriceGrid], shifts: Sequence[float]) -> PriceGrid:
    ends = [
        (grid.first + shift, grid.first + grid.count + shift)
        for grid, shift in zip(grids, shifts, strict=True)
        if grid.count
    ]
    if not ends:
        return PriceGrid(width, 0, 0)
    first, stop = math.floor(min(end[0] for end in ends)), math.ceil(max(end[1] for end in ends)) + 1
    return PriceGrid(width, first, stop - first)


def _add_shifted(out: FloatArray, grid: PriceGrid, own: PriceGrid, mass: FloatArray, shift: float) -> None:
    """Add a side's bins to `out`, moved by `shift` bins; the fraction goes to the upper of two bins."""
    whole = math.floor(shift)
    fraction = shift - whole
    start = own.first + whole - grid.first
    out[start : start + own.count] += (1 - fraction) * mass
    if fraction:
        out[start + 1 : start + 1 + own.count] += fraction * mass


def _provenance(layers: Sequence[MapLayer]) -> Provenance:
    own = [layer.map.provenance for layer in layers]
    models = sorted({one.model for one in own})
    hashes = "".join(one.parameter_hash for one in own)
    shares = [layer.share for layer in layers]
    told = [
        f"{layer.map.instrument}: {layer.share:.1%} of the open interest, basis {layer.basis:+.3%}, "
        f"as of {iso(layer.map.as_of)}"
        for layer in layers
    ]
    inputs = tuple(
        replace(series, name=f"{layer.map.instrument} {series.name}")
        for layer, one in zip(layers, own, strict=True)
        for series in one.inputs
    )
    warm_up = tuple(
        sum(share * one.warm_up_share[side] for share, one in zip(shares, own, strict=True))
        for side in (0, 1)
    )
    notes = tuple(dict.fromkeys(note for one in own for note in one.notes))
    return Provenance(
        kind=own[0].kind,
        model=" and ".join(models),
        parameter_hash=hashlib.sha256(hashes.encode()).hexdigest()[:16],
        inputs=inputs,
        warm_up_share=(warm_up[0], warm_up[1]),
        kernel=own[0].kernel,
        notes=(f"the sum of {len(layers)} venues' maps, each moved to the first one's price", *told, *notes),
    )
