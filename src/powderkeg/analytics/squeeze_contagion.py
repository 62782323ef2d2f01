"""What a push on one venue does on the others: through arbitrage, and through marks that look around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from powderkeg.analytics.squeeze_limits import check_push
from powderkeg.analytics.squeeze_paths import rules_of
from powderkeg.core.cascade_envelope import forced_curve
from powderkeg.core.contagion import ARBITRAGE_PER_SECOND, ConnectedVenue, venue_contagion
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.worlds_parameters import LONG, SHORT

HORIZON = 300


@dataclass(frozen=True, slots=True)
class VenueReading:
    """What happened on one venue.

    Attributes
    ----------
    venue
        Its name.
    mark_price, farthest_price, final_price
        Before, at the farthest, and at the horizon.
    forced, taken_over
        Notional set off there, and what of it a fund or vault took over.
    arbitrage
        Net notional that arbitrage traded there in the direction of the push: it carried the push over;
        negative where it leaned against it.
    """

    venue: str
    mark_price: float
    farthest_price: float
    final_price: float
    forced: float
    taken_over: float
    arbitrage: float


@dataclass(frozen=True, slots=True)
class ContagionReading:
    """A push on one venue, read on all of them.

    Attributes
    ----------
    side
        ``up`` or ``down``.
    pushed, push
        On which venue, and the order in quote.
    horizon
        Seconds.
    arbitrage_per_second
        Share of each gap between venues that is closed per second.
    venues
        One reading each, the pushed one first.
    forced_elsewhere
        Share of all forced notional that was set off on other venues; NaN if nothing was.
    """

    side: str
    pushed: str
    push: float
    horizon: int
    arbitrage_per_second: float
    venues: tuple[VenueReading, ...]
    forced_elsewhere: float

    def as_json(self) -> dict[str, Any]:
        """Return the reading as dictionaries and lists."""
        return asdict(self)


def squeeze_contagion(
    venues: Sequence[tuple[str, LiquidationMap, DepthCurve]],
    pushed: str,
    push: float,
    *,
    pass_through: float | None = None,
    arbitrage_per_second: float = ARBITRAGE_PER_SECOND,
    horizon: int = HORIZON,
) -> ContagionReading:
    """Return what an order on one venue does on all of them; see `powderkeg.core.contagion`.

    Parameters
    ----------
    venues
        (Name, its map, its depth), all depths in one direction. Of calibrated maps the mean of what members
        expect to be forced is released, of others the rules' share of what stands.
    pushed, push
        The venue, and the order in quote, > 0.
    pass_through
        Share of standing notional that is really forced, instead of the rules'; not for calibrated maps.
    arbitrage_per_second, horizon
        As in `venue_contagion`.

    Raises
    ------
    InputError
        The venue is not among them, or a number is outside its range.
    """
    check_push(push)
    connected = []
    for name, liquidation_map, depth in venues:
        _, rules = rules_of(name)
        direction = depth.direction
        if liquidation_map.ensemble is not None:
            rules = replace(rules, pass_through=1.0)
            mass = liquidation_map.ensemble.expected_forced[SHORT if direction > 0 else LONG]
        else:
            rules = rules if pass_through is None else replace(rules, pass_through=pass_through)
            mass = liquidation_map.standing_ahead(direction)
        curve = forced_curve(liquidation_map.grid, mass, liquidation_map.mark_price, direction)
        connected.append(ConnectedVenue(name, depth, curve, rules))
    found = venue_contagion(
        connected, pushed, push, horizon=horizon, arbitrage_per_second=arbitrage_per_second
    )
    direction = venues[0][2].direction
    readings = [
        VenueReading(
            venue=name,
            mark_price=one.mark_price,
            farthest_price=one.mark_price * math.exp(direction * float(found.displacement[number].max())),
            final_price=one.mark_price * math.exp(direction * float(found.displacement[number, -1])),
            forced=float(found.forced[number]),
            taken_over=float(found.taken_over[number]),
            arbitrage=float(found.arbitrage[number]),
        )
        for number, (name, one, _) in enumerate(venues)
    ]
    total = float(np.sum(found.forced))
    elsewhere = total - float(found.forced[found.names.index(pushed)])
    return ContagionReading(
        side="up" if direction > 0 else "down",
        pushed=pushed,
        push=push,
        horizon=horizon,
        arbitrage_per_second=arbitrage_per_second,
        venues=tuple(sorted(readings, key=lambda reading: (reading.venue != pushed, -reading.forced))),
        forced_elsewhere=elsewhere / total if total > 0 else math.nan,
    )
