"""What alert rules read off the liquidation map: walls near, grown and swept, and its imbalance."""

from __future__ import annotations

from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import Observation, Reading
from powderkeg.analytics.alert_wording import fact, percent, unknown
from powderkeg.core.clusters import Cluster
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.core.map_reading import cumulative_short, liquidated_at
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.amount_text import usd
from powderkeg.model.times import duration_text

_FEWEST_MAPS = 20
_SOURCE = "map of all venues together"


def price_near_wall(rule: AlertRule, seen: Observation) -> Reading:
    """Return how far the mark price is from the nearest edge of a wall, 0 inside of one."""
    threshold = rule.number("within")
    if seen.map is None or seen.mark_price is None:
        why = seen.why("map" if seen.map is None else "mark_price")
        return unknown(threshold, "fraction", why, rises=False)
    mark = seen.mark_price
    walls = _walls(rule, seen.map)
    if not walls:
        return Reading(value=None, threshold=threshold, rises=False, unit="fraction")
    nearest = min(walls, key=lambda wall: _distance(wall, mark))
    value = _distance(nearest, mark)
    return Reading(
        value=value,
        threshold=threshold,
        rises=False,
        unit="fraction",
        sentence=f"{seen.coin}: the mark price {mark:,.8g} is {percent(value)} from "
        f"{_told(nearest, seen.map)}",
        facts=(
            fact(seen, "mark_price", mark, "price", "mark prices of the lake"),
            fact(seen, "wall.distance", value, "fraction", _SOURCE, kind=seen.map.kind),
            fact(seen, "wall.notional", nearest.notional, "USD", _SOURCE, kind=seen.map.kind),
            fact(seen, "wall.price_peak", nearest.price_peak, "price", _SOURCE, kind=seen.map.kind),
        ),
    )


def wall_grew(rule: AlertRule, seen: Observation) -> Reading:
    """Return the largest part of a wall near the price that did not stand between its edges a window ago."""
    threshold, before = rule.number("added"), seen.earlier_maps.get(rule.window)
    if seen.map is None or before is None:
        return unknown(threshold, "fraction", seen.why("map" if seen.map is None else "earlier_maps"))
    near = [
        wall
        for wall in _walls(rule, seen.map)
        if _distance(wall, seen.map.mark_price) <= rule.number("within")
    ]
    if not near:
        return Reading(value=None, threshold=threshold, rises=True, unit="fraction")
    new = {wall: 1 - _between(before, wall) / wall.notional for wall in near}
    most = max(near, key=lambda wall: new[wall])
    length = duration_text(rule.window)
    return Reading(
        value=new[most],
        threshold=threshold,
        rises=True,
        unit="fraction",
        sentence=f"{seen.coin}: {percent(new[most])} of {_told(most, seen.map)} has come within {length}",
        facts=(
            fact(seen, "wall.notional", most.notional, "USD", _SOURCE, kind=seen.map.kind),
            fact(seen, f"wall.added_{length}", new[most], "fraction", _SOURCE, kind=seen.map.kind),
        ),
    )


def wall_swept(rule: AlertRule, seen: Observation) -> Reading:
    """Return the largest wall of a window ago whose peak the mark price has passed since, in USD."""
    before, reach = seen.earlier_maps.get(rule.window), seen.extremes.get(rule.window)
    if before is None or reach is None:
        return unknown(0.0, "USD", seen.why("earlier_maps" if before is None else "extremes"))
    least = _least(rule, before)
    passed = [
        wall
        for wall in before.clusters()
        if rule.side in ("either", wall.side)
        and (reach.low <= wall.price_peak if wall.side == "long" else wall.price_peak <= reach.high)
    ]
    if not passed:
        return Reading(value=None, threshold=least, rises=True, unit="USD")
    largest = passed[0]
    return Reading(
        value=largest.notional,
        threshold=least,
        rises=True,
        unit="USD",
        sentence=f"{seen.coin}: within {duration_text(rule.window)} the mark price, {reach.low:,.8g} to "
        f"{reach.high:,.8g}, has passed {_told(largest, before)}",
        facts=(fact(seen, "wall.swept", largest.notional, "USD", _SOURCE, kind=before.kind),),
    )


def map_imbalance(rule: AlertRule, seen: Observation) -> Reading:
    """Return the imbalance of the map without its sign, or where it stands in its history."""
    beyond, distance = "beyond" in rule.parameters, rule.number("range")
    threshold = rule.number("beyond" if beyond else "percentile")
    unit = "fraction" if beyond else "percentile"
    if seen.map is None:
        return unknown(threshold, unit, seen.why("map"))
    (found,) = seen.map.imbalance([distance])
    if found.imbalance is None or found.thin:
        return unknown(threshold, unit, f"less than a thousandth of open interest within {percent(distance)}")
    value = abs(found.imbalance)
    told = ""
    if not beyond:
        history = seen.map_imbalances.get(distance)
        if history is None or len(history) < _FEWEST_MAPS:
            count = 0 if history is None else len(history)
            return unknown(threshold, unit, f"{count} earlier maps are no history; {_FEWEST_MAPS} are")
        share = percentile_rank(history, found.imbalance).share
        value, told = max(share, 1 - share), f", higher than {percent(share)} of {len(history)} earlier maps"
    return Reading(
        value=value,
        threshold=threshold,
        rises=True,
        unit=unit,
        sentence=f"{seen.coin}: within {percent(distance)} of the price the map holds "
        f"{usd(found.short_notional)} of shorts above and {usd(found.long_notional)} of longs below, "
        f"imbalance {found.imbalance:+.2f}{told}",
        facts=(fact(seen, "map_imbalance", found.imbalance, "fraction", _SOURCE, kind=seen.map.kind),),
    )


def _least(rule: AlertRule, of: LiquidationMap) -> float:
    if "least_usd" in rule.parameters:
        return rule.number("least_usd")
    return rule.number("least_share") * of.open_interest


def _walls(rule: AlertRule, of: LiquidationMap) -> list[Cluster]:
    least = _least(rule, of)
    return [wall for wall in of.clusters() if wall.notional >= least and rule.side in ("either", wall.side)]


def _distance(wall: Cluster, mark: float) -> float:
    """Return the distance of a price from the nearer edge as a fraction of it, 0 between the edges."""
    return max(wall.price_low / mark - 1, 1 - wall.price_high / mark, 0.0)


def _between(of: LiquidationMap, wall: Cluster) -> float:
    """Return what stands of the wall's side between its edges in another map."""
    if of.grid.count == 0:
        return 0.0
    reached = cumulative_short(of.long_notional if wall.side == "long" else of.short_notional)
    return liquidated_at(of.grid, reached, wall.price_high) - liquidated_at(of.grid, reached, wall.price_low)


def _told(wall: Cluster, of: LiquidationMap) -> str:
    return (
        f"a {of.kind} wall of {usd(wall.notional)} of {wall.side}s at {wall.price_low:,.6g} to "
        f"{wall.price_high:,.6g}"
    )
