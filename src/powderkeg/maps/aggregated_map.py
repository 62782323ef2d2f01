"""Maps of several venues as one: each shifted to a common price, added up, and kept beside the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.maps.added_bins import add_shifted, covering, require_addable, shares_of, summed_provenance
from powderkeg.maps.added_ensembles import summed_ensemble, without_ensemble
from powderkeg.maps.liquidation_map import LiquidationMap
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

    Where every map has an ensemble the sum has one: `powderkeg.maps.added_ensembles` says how members are
    paired and what that assumes. Where only some have one, the sum has none and a note says who lacks it.

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
    require_addable(maps)
    # By name where they are of one size: the order in which they are given must not matter.
    ordered = sorted(maps, key=lambda one: (-one.open_interest, one.instrument))
    reference = ordered[0]
    shares = shares_of([one.open_interest for one in ordered])
    layers = tuple(
        MapLayer(one, one.mark_price / reference.mark_price - 1, share)
        for one, share in zip(ordered, shares, strict=True)
    )
    if len(layers) == 1:
        return AggregatedMap(replace(reference, instrument=name), layers)
    shifts = [math.log(reference.mark_price / one.mark_price) / reference.grid.width for one in ordered]
    grid = covering(reference.grid.width, [one.grid for one in ordered], shifts)
    sides = np.zeros((2, grid.count))
    for one, shift in zip(ordered, shifts, strict=True):
        for side, mass in enumerate((one.long_notional, one.short_notional)):
            add_shifted(sides[side], grid, one.grid, mass, shift)
    total = LiquidationMap(
        instrument=name,
        as_of=min(one.as_of for one in ordered),
        mark_price=reference.mark_price,
        open_interest=sum(one.open_interest for one in ordered),
        grid=grid,
        long_notional=sides[0],
        short_notional=sides[1],
        provenance=_provenance(layers),
        ensemble=summed_ensemble(ordered, grid, shifts),
    )
    return AggregatedMap(total, layers)


def _provenance(layers: Sequence[MapLayer]) -> Provenance:
    told = [
        f"{layer.map.instrument}: {layer.share:.1%} of the open interest, basis {layer.basis:+.3%}, "
        f"as of {iso(layer.map.as_of)}"
        for layer in layers
    ]
    return summed_provenance(
        [layer.map for layer in layers],
        [layer.share for layer in layers],
        [
            f"the sum of {len(layers)} venues' maps, each moved to the first one's price",
            *told,
            *without_ensemble([layer.map for layer in layers]),
        ],
    )
