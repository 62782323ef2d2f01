"""Support and resistance of a coin: swings, volume by price and clusters of a map put together, as facts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powderkeg.analytics.reference_bars import ReferenceBars
from powderkeg.core.clusters import Cluster
from powderkeg.core.indicators import average_true_range
from powderkeg.core.price_levels import (
    LIQUIDATIONS,
    SWING,
    VOLUME,
    Evidence,
    PriceLevel,
    merged_levels,
    swings,
    volume_peaks,
    volume_profile,
)
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, iso

SWING_WING = 5
SWINGS_WITHIN = 300 * DAY
VOLUME_WITHIN = 90 * DAY
VOLUME_BIN = 0.0025
TOLD = 3
"""How many levels are told on each side: the strongest of those within `WITHIN`, by distance."""
WITHIN = 0.2
_LEAST_TOLERANCE, _RANGE_SHARE = 0.005, 0.5


def found_levels(
    bars: ReferenceBars, clusters: Sequence[Cluster], clusters_kind: str | None
) -> tuple[PriceLevel, ...]:
    """Return levels by swings of daily bars, volume of hourly ones and clusters, strongest first.

    Evidence lies together within half of the daily average true range, at least 0.5 %. None without fresh
    hourly bars.
    """
    if not bars.is_fresh(HOUR):
        return ()
    hourly = bars.seen(HOUR, VOLUME_WITHIN)
    price = float(hourly["close"][-1])
    evidence = list(
        volume_peaks(*volume_profile(hourly["high"], hourly["low"], hourly["volume"], VOLUME_BIN))
    )
    tolerance = _LEAST_TOLERANCE
    kinds = [VOLUME]
    if bars.is_fresh(DAY):
        daily = bars.seen(DAY, SWINGS_WITHIN)
        kinds.append(SWING)
        for one in swings(daily["high"], daily["low"], SWING_WING):
            when = int(daily.ts[one.number - SWING_WING])
            known = int(daily.ts[one.number]) + DAY
            detail = f"{one.detail} of {iso(when)}, known since {iso(known)}"
            evidence.append(one._replace(detail=detail))
        reach = average_true_range(daily["high"], daily["low"], daily["close"])
        if len(reach) and np.isfinite(reach[-1]):
            tolerance = max(tolerance, _RANGE_SHARE * float(reach[-1]) / price)
    if clusters_kind is not None:
        kinds.append(LIQUIDATIONS)
        evidence += [
            Evidence(
                LIQUIDATIONS,
                one.price_peak,
                one.price_low,
                one.price_high,
                one.notional,
                -1,
                f"{one.notional:,.0f} USD of {one.side}s, {clusters_kind}",
            )
            for one in clusters
        ]
    return merged_levels(evidence, price, tolerance, kinds)


def level_facts(bars: ReferenceBars, levels: Sequence[PriceLevel], clusters_kind: str | None) -> list[Fact]:
    """Return price, distance and strength of the strongest near levels on each side, nearest first."""
    facts = []
    source = f"{bars.source(DAY)} (swings), {bars.source(HOUR)} (volume)"
    if clusters_kind is not None:
        source += f", clusters of a {clusters_kind} map"
    for name, sign in (("above", 1), ("below", -1)):
        strongest = [level for level in levels if 0 < level.distance * sign <= WITHIN][:TOLD]
        for number, level in enumerate(sorted(strongest, key=lambda one: abs(one.distance)), start=1):
            modelled = LIQUIDATIONS in level.kinds and clusters_kind is not None
            reasons = tuple(one.detail for one in level.evidence)
            for part, value, unit in (
                ("price", level.price, "price"),
                ("distance", level.distance, "fraction"),
                ("strength", level.strength, "fraction"),
            ):
                facts.append(
                    Fact(
                        name=f"level.{name}.{number}.{part}",
                        value=value,
                        unit=unit,
                        as_of=bars.at,
                        source=source,
                        kind=str(clusters_kind) if modelled else "observed",
                        notes=reasons if part == "price" else (),
                    )
                )
    return facts
