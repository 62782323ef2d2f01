"""What a push would do: where it lands, what it forces, and where the market would not stop.

A squeeze report joins a liquidation map with the depth of the book. It answers "what if this much is sold or
bought at once" and "what would it take to reach this price"; it says nothing of whether anybody will.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from powderkeg.analytics.squeeze_limits import check_price, check_push, check_reach
from powderkeg.analytics.squeeze_readings import Landing, Reaching, ZoneReading, telling_zones
from powderkeg.core.bands import Band, ensemble_band
from powderkeg.core.cascade_envelope import FARTHEST, Envelope, ForcedCurve, Zone, envelope, forced_curve
from powderkeg.core.envelope_points import envelope_points
from powderkeg.core.impact_law import LAW_FACTOR
from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import iso
from powderkeg.model.worlds_parameters import LONG, SHORT

Side = Literal["up", "down"]
DIRECTION_OF: dict[str, Literal[-1, 1]] = {"up": 1, "down": -1}
# Standard deviation of the log of depth that each kind of evidence leaves open: a book is of its second and
# has hidden orders, bands are read between their distances, nine in ten times a law is right to its factor.
DEPTH_SIGMA = {"book": 0.2, "bands": 0.3, "law": math.log(LAW_FACTOR) / 1.645}
# Members where the map has no ensemble of its own.
_MEMBERS = 64
_LADDER = 7
# Pushes that move the price less are left out of the ladder.
_LEAST_MOVE = 2e-4
_CURVE_POINTS, _CURVE_SPAN = 300, 300.0
_ZONES = 8


@dataclass(frozen=True, slots=True)
class Squeeze:
    """The report for one direction.

    Attributes
    ----------
    side
        ``up``: shorts are forced to buy; ``down``: longs to sell.
    instrument, as_of, mark_price
        Of the map.
    ladder
        Landings of pushes of round sizes, ascending, or of those asked for.
    reaching
        For each price asked about.
    zones
        Self-sustaining zones, nearest first: the nearest, and at most seven others that force most.
    envelope
        Curves of the central case.
    depth
        The book, at the same mark.
    forced_total
        Everything that stands on the side, after pass-through.
    curve_pushes, curve_prices
        For pictures: order sizes, ascending, shape (k,), and the quantiles 5, 25, 50, 75 and 95 % of where
        each lands by distance from the mark, prices, NaN beyond the book; shape (5, k).
    members
        Size of the ensemble behind the bands.
    provenance
        Of the map, with notes on depth and on what the bands hold.
    """

    side: Side
    instrument: str
    as_of: int
    mark_price: float
    ladder: tuple[Landing, ...]
    reaching: tuple[Reaching, ...]
    zones: tuple[ZoneReading, ...]
    envelope: Envelope
    depth: DepthCurve
    forced_total: float
    curve_pushes: FloatArray
    curve_prices: FloatArray
    members: int
    provenance: Provenance

    def envelope_json(self, reach: float = 0.2, most: int = 400) -> dict[str, list[float]]:
        """Return the central curves as columns, from the mark outwards: what answers every size and price.

        ``price``; ``absorbed``, D, what the book takes up to there, USD; ``forced``, L, what is forced up to
        there, after pass-through; ``push``, the running maximum of D - L: the order that it takes to get
        there. Between points all three are straight lines in log price; a price that stands more than once
        is a jump, from its first to its last point. Prices of `reaching` and `ladder` are among the points.

        Parameters
        ----------
        reach
            How far from the mark the curves go, a fraction of it in (0, 1), or until the book ends.
        most
            How many points at most.
        """
        upward = self.side == "up"
        # As these lists have computed them, to the last digit.
        landings = [float(self.envelope.landing(one.push)) for one in self.ladder]
        prices = [abs(math.log(one.price / self.mark_price)) for one in self.reaching]
        found = envelope_points(
            self.envelope,
            math.log1p(reach) if upward else -math.log1p(-reach),
            most=most,
            through=[*landings, *prices],
        )
        return {
            "price": _prices(self, found.displacement).tolist(),
            "absorbed": found.absorbed.tolist(),
            "forced": found.forced.tolist(),
            "push": found.push.tolist(),
        }

    def as_json(self) -> dict[str, Any]:
        """Return what ``powderkeg squeeze --json`` prints for a direction."""
        end = float(self.depth.displacement[-1])
        return {
            "side": self.side,
            "instrument": self.instrument,
            "as_of": iso(self.as_of),
            "mark_price": self.mark_price,
            "position_side": "short" if self.side == "up" else "long",
            "forced_total": self.forced_total,
            "depth": {
                "kind": self.depth.kind,
                "source": self.depth.source,
                "as_of": iso(self.depth.as_of),
                "ends_at": None if self.depth.tail_exponent is not None else _price(self, end),
                "within": [
                    {
                        "distance": distance,
                        "absorbed": float(self.envelope.absorbed_at(abs(math.log1p(distance)))),
                    }
                    for distance in (0.001, 0.01, 0.02, 0.05)
                ],
            },
            "ladder": [asdict(one) for one in self.ladder],
            "reaching": [asdict(one) for one in self.reaching],
            "zones": [asdict(one) for one in self.zones],
            "members": self.members,
            "provenance": self.provenance.as_json(),
        }


def asked_sides(
    side: str | None, prices: Sequence[float], mark_price: float
) -> list[tuple[Side, tuple[float, ...]]]:
    """Return which directions are read, each with the prices that are asked of it.

    Parameters
    ----------
    side
        ``up``, ``down`` or ``both``; None for the sides of `prices`, or both without any.
    prices
        What it takes to reach them. A direction named by `side` is asked for all of them, so that one behind
        the mark price is refused there and not forgotten; otherwise for those ahead.
    mark_price
        From where they are reached.

    Raises
    ------
    InputError
        A price is none, or is the mark price itself.
    """
    for price in prices:
        check_price(price, mark_price)
    asked: list[tuple[Side, tuple[float, ...]]] = []
    names: tuple[Side, ...] = ("up", "down")
    for name in names:
        ahead = tuple(price for price in prices if (price - mark_price) * DIRECTION_OF[name] > 0)
        if side == name:
            asked.append((name, tuple(prices)))
        elif side == "both" or (side is None and (ahead or not prices)):
            asked.append((name, ahead))
    return asked


def squeeze(
    liquidation_map: LiquidationMap,
    depth: DepthCurve,
    *,
    pushes: Sequence[float] = (),
    prices: Sequence[float] = (),
    pass_through: float = 1.0,
    seed: int = 0,
) -> Squeeze:
    """Return what pushes do in the direction of a depth curve.

    Of a calibrated map the expected forced notional of each member is released, of others the nominal
    notional times `pass_through`. Each member of the ensemble has a depth of its own, lognormal around the
    given one with the spread of its kind (`DEPTH_SIGMA`).

    Parameters
    ----------
    liquidation_map
        Whose forced orders.
    depth
        The book in one direction, at the same mark.
    pushes
        Order sizes in quote, > 0; a ladder of round sizes by default.
    prices
        To ask what it takes to reach, on the side of the direction.
    pass_through
        Share of standing notional that is really forced, in [0, 1]; for a calibrated map it has to be 1, as
        the calibration holds it.
    seed
        Of the depths of the members.

    Raises
    ------
    InputError
        A push is not positive or absurdly large, a price is on the other side of the mark or too far from it,
        or `pass_through` is out of range.
    """
    direction = depth.direction
    if not 0 <= pass_through <= 1:
        raise InputError(f"pass_through: {pass_through:g}; expected a share from 0 to 1")
    if liquidation_map.ensemble is not None and pass_through != 1:
        raise InputError("pass_through: the calibration of this map holds it; expected none beside it")
    for push in pushes:
        check_push(push)
    mark = liquidation_map.mark_price
    for price in prices:
        check_reach(price, mark, direction)
    curves = _forced_curves(liquidation_map, direction, pass_through)
    factors = np.exp(
        DEPTH_SIGMA[depth.kind] * np.random.default_rng(seed).standard_normal(len(curves.members))
    )
    depth = depth.reaching(FARTHEST)
    central = envelope(depth, curves.central)
    members = [
        envelope(depth.scaled(float(factor)), member)
        for factor, member in zip(factors, curves.members, strict=True)
    ]
    sizes = list(pushes) or _ladder(central)
    found = Squeeze(
        side="up" if direction > 0 else "down",
        instrument=liquidation_map.instrument,
        as_of=liquidation_map.as_of,
        mark_price=mark,
        ladder=(),
        reaching=(),
        zones=(),
        envelope=central,
        depth=depth,
        forced_total=float(curves.central.forced[-1]),
        curve_pushes=np.empty(0),
        curve_prices=np.empty((5, 0)),
        members=len(members),
        provenance=_provenance(liquidation_map, depth, pass_through, curves.own_members),
    )
    shown, quantiles = _curve(central, members)
    return replace(
        found,
        curve_pushes=shown,
        curve_prices=_prices(found, quantiles),
        ladder=tuple(_landing(found, members, size) for size in sorted(sizes)),
        reaching=tuple(_reaching(found, members, price) for price in prices),
        zones=tuple(_zone(found, members, zone) for zone in telling_zones(central.zones(), _ZONES)),
    )


@dataclass(frozen=True, slots=True)
class _Curves:
    central: ForcedCurve
    members: list[ForcedCurve]
    own_members: bool


def _forced_curves(liquidation_map: LiquidationMap, direction: int, pass_through: float) -> _Curves:
    grid, mark = liquidation_map.grid, liquidation_map.mark_price
    side = SHORT if direction > 0 else LONG

    def curve(mass: FloatArray) -> ForcedCurve:
        return forced_curve(grid, mass, mark, direction, pass_through)

    if liquidation_map.ensemble is not None:
        masses = liquidation_map.ensemble.forced[:, side]
        return _Curves(curve(masses.mean(axis=0)), [curve(mass) for mass in masses], True)
    central = curve(liquidation_map.standing_ahead(direction))
    return _Curves(central, [central] * _MEMBERS, False)


def _ladder(found: Envelope) -> list[float]:
    """Return round sizes, three a decade, up to what carries the price to the end of the curves."""
    most = float(found.reach[-1])
    if most <= 0:
        return []
    exponent = math.floor(math.log10(most))
    rounds = [digit * 10.0**power for power in range(exponent - 4, exponent + 1) for digit in (1, 2, 5)]
    fitting = [size for size in rounds if size <= most][-_LADDER:]
    return [size for size in fitting if float(found.landing(size)) >= _LEAST_MOVE] or fitting


def _curve(central: Envelope, members: Sequence[Envelope]) -> tuple[FloatArray, FloatArray]:
    """Return order sizes and the quantiles of their landings over members, displacements, (5, k)."""
    most = float(central.reach[-1])
    if most <= 0:
        return np.empty(0), np.empty((5, 0))
    sizes = np.geomspace(most / _CURVE_SPAN, most, _CURVE_POINTS)
    landings = np.array([one.landing(sizes) for one in members])
    beyond = np.where(np.isnan(landings), np.inf, landings)
    quantiles = np.sort(beyond, axis=0)[_ranks(len(members))]
    return sizes, np.where(np.isfinite(quantiles), quantiles, np.nan)


def _ranks(count: int) -> IntArray:
    return np.asarray(np.rint(np.array([0.05, 0.25, 0.5, 0.75, 0.95]) * (count - 1)), np.int64)


def _price(found: Squeeze, displacement: float) -> float | None:
    if not math.isfinite(displacement):
        return None
    return found.mark_price * math.exp(displacement if found.side == "up" else -displacement)


def _prices(found: Squeeze, displacements: FloatArray) -> FloatArray:
    return np.asarray(found.mark_price * np.exp(displacements if found.side == "up" else -displacements))


def _band(values: FloatArray) -> Band:
    """Return the band of values of which NaN ones lie beyond everything; NaN where a bound does."""
    ordered = np.where(np.isnan(values), np.inf, values)
    band = ensemble_band(np.where(np.isinf(ordered), 1e300, ordered))
    return Band(*(bound if bound < 1e290 else math.nan for bound in asdict(band).values()))


def _price_band(found: Squeeze, displacements: FloatArray) -> Band:
    """Return the band of prices, the lower price first; NaN where a bound lies beyond the book."""
    band = _band(displacements)
    bounds = [_price(found, bound) for bound in asdict(band).values()]
    known = [math.nan if bound is None else bound for bound in bounds]
    return Band(*known) if found.side == "up" else Band(*known[::-1])


def _landing(found: Squeeze, members: Sequence[Envelope], push: float) -> Landing:
    central = found.envelope
    landing, book = float(central.landing(push)), float(central.book_landing(push))
    landings = np.array([float(one.landing(push)) for one in members])
    forced = np.array(
        [
            float(one.forced_at(at)) if math.isfinite(at) else float(one.forced[-1])
            for one, at in zip(members, landings.tolist(), strict=True)
        ]
    )
    mine = float(central.forced_at(landing)) if math.isfinite(landing) else float(central.forced[-1])
    price = _price(found, landing)
    return Landing(
        push=push,
        price=price,
        distance=None if price is None else price / found.mark_price - 1,
        price_band=_price_band(found, landings),
        beyond_book=float(np.isnan(landings).mean()),
        forced=mine,
        forced_band=ensemble_band(forced),
        amplification=(push + mine) / push,
        book_price=_price(found, book),
    )


def _reaching(found: Squeeze, members: Sequence[Envelope], price: float) -> Reaching:
    at = abs(math.log(price / found.mark_price))
    central = found.envelope
    push, rest = central.push_reaching(at), central.landing_after_print(at)
    inside = at <= float(central.displacement[-1])
    return Reaching(
        price=price,
        distance=price / found.mark_price - 1,
        push=push if math.isfinite(push) else None,
        push_band=_band(np.array([one.push_reaching(at) for one in members])),
        forced=float(central.forced_at(at)),
        book_push=float(central.absorbed_at(at)) if inside else None,
        after_print=_price(found, rest),
        after_print_band=_price_band(found, np.array([one.landing_after_print(at) for one in members])),
    )


def _zone(found: Squeeze, members: Sequence[Envelope], zone: Zone) -> ZoneReading:
    far = zone.landing if math.isfinite(zone.landing) else float(found.envelope.displacement[-1])
    just_more = zone.trigger_size * 1.001
    landings = np.array([float(one.landing(just_more)) for one in members])
    trigger = _price(found, zone.trigger)
    return ZoneReading(
        trigger_price=found.mark_price if trigger is None else trigger,
        trigger_size=zone.trigger_size,
        trigger_size_band=_band(np.array([one.push_reaching(far) for one in members])),
        landing_price=_price(found, zone.landing),
        landing_band=_price_band(found, landings),
        forced=zone.forced,
        branching=zone.branching if math.isfinite(zone.branching) else None,
    )


def _provenance(
    liquidation_map: LiquidationMap, depth: DepthCurve, pass_through: float, own_members: bool
) -> Provenance:
    released = (
        "released: the expected forced notional of each member of the calibration"
        if own_members
        else f"released: {pass_through:.0%} of the notional that stands"
        if pass_through < 1
        else "NOMINAL: all that stands is taken to be forced, and on recorded days a small part of it was: "
        "calibrate the map, or state a pass-through"
    )
    held = "map and depth" if own_members else "depth alone: this map has no ensemble"
    notes = (
        *liquidation_map.provenance.notes,
        released,
        f"depth: {depth.kind}, {depth.source}, as of {iso(depth.as_of)}",
        f"bands hold the uncertainty of {held}",
        "at once: no refill of the book, no other orders; see the paths for what time does",
    )
    return replace(liquidation_map.provenance, notes=notes)
