"""The parts of a map as the JSON object that the command line prints and the server will return."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from powderkeg.core.clusters import Cluster
from powderkeg.core.map_reading import RangeImbalance
from powderkeg.maps.liquidation_map import IMBALANCE_RANGES, UNITS
from powderkeg.model.worlds_parameters import LONG, SHORT

if TYPE_CHECKING:
    from powderkeg.maps.liquidation_map import LiquidationMap

_SIDES = ((LONG, "long"), (SHORT, "short"))
_QUANTILES = ("low_90", "low_50", "high_50", "high_90")


def map_object(
    liquidation_map: LiquidationMap, clusters: int, parts: Collection[str] | None = None
) -> dict[str, Any]:
    """Return everything of the object but what identifies the map; see docs/json.md.

    Parameters
    ----------
    liquidation_map
        The map.
    clusters
        How many are listed at most.
    parts
        Keys that are asked for; all without any. Bands take their time, and others are not computed.
    """
    made: dict[str, Callable[[], Any]] = {
        "units": lambda: UNITS,
        "inert": lambda: dict(
            zip(("long_notional", "short_notional"), liquidation_map.inert_notional, strict=True)
        ),
        "bins": lambda: _bins(liquidation_map),
        "cumulative": lambda: _cumulative(liquidation_map),
        "clusters": lambda: [_cluster(liquidation_map, one) for one in liquidation_map.clusters(clusters)],
        "imbalance": lambda: [_imbalance(liquidation_map, one) for one in liquidation_map.imbalance()],
        "provenance": liquidation_map.provenance.as_json,
    }
    return {key: make() for key, make in made.items() if parts is None or key in parts}


def _bins(liquidation_map: LiquidationMap) -> list[dict[str, Any]]:
    occupied = (liquidation_map.long_notional > 0) | (liquidation_map.short_notional > 0)
    if not occupied.any():
        return []
    edges, ensemble = liquidation_map.grid.edges, liquidation_map.ensemble
    start, stop = int(occupied.argmax()), liquidation_map.grid.count - int(occupied[::-1].argmax())
    bins: list[dict[str, Any]] = [
        {
            "price_low": float(edges[i]),
            "price_high": float(edges[i + 1]),
            "long_notional": float(liquidation_map.long_notional[i]),
            "short_notional": float(liquidation_map.short_notional[i]),
        }
        for i in range(start, stop)
    ]
    if ensemble is None:
        return bins
    expected = ensemble.expected_forced
    for side, name in _SIDES:
        notional = (liquidation_map.long_notional, liquidation_map.short_notional)[side]
        for i, entry in enumerate(bins, start):
            entry[f"{name}_expected_forced"] = float(expected[side, i])
        # Nothing stands on the other side of the mark: no band there.
        standing = np.flatnonzero(notional > 0)
        if not standing.size:
            continue
        first, last = int(standing[0]), int(standing[-1])
        bands = [quantiles.T.tolist() for quantiles in ensemble.bin_bands(side, slice(first, last + 1))]
        for i in standing.tolist():
            for kind, quantiles in zip(("notional", "expected_forced"), bands, strict=True):
                bins[i - start][f"{name}_{kind}_band"] = dict(
                    zip(_QUANTILES, quantiles[i - first], strict=True)
                )
    return bins


def _cumulative(liquidation_map: LiquidationMap) -> list[dict[str, Any]]:
    return [
        asdict(liquidation_map.liquidated_if(liquidation_map.mark_price * (1 + sign * distance)))
        for distance in IMBALANCE_RANGES
        for sign in (-1, 1)
    ]


def _cluster(liquidation_map: LiquidationMap, cluster: Cluster) -> dict[str, Any]:
    entry: dict[str, Any] = {field: getattr(cluster, field) for field in Cluster.__slots__}
    if liquidation_map.ensemble is not None:
        side = LONG if cluster.side == "long" else SHORT
        band, forced, forced_band = liquidation_map.ensemble.bands(
            liquidation_map.grid, side, cluster.price_low, cluster.price_high
        )
        entry |= {
            "notional_band": asdict(band),
            "expected_forced": forced,
            "expected_forced_band": asdict(forced_band),
        }
    return entry


def _imbalance(liquidation_map: LiquidationMap, balance: RangeImbalance) -> dict[str, Any]:
    entry: dict[str, Any] = {field: getattr(balance, field) for field in RangeImbalance.__slots__}
    if liquidation_map.ensemble is not None:
        entry["imbalance_band"] = asdict(
            liquidation_map.ensemble.imbalance_band(
                liquidation_map.grid, liquidation_map.mark_price, balance.range
            )
        )
    return entry
