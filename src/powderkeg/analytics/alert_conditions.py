"""What each kind of alert rule reads off an observation of the market; those of the map apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from powderkeg.analytics.alert_map_conditions import map_imbalance, price_near_wall, wall_grew, wall_swept
from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import Observation, Reading
from powderkeg.analytics.alert_wording import fact, percent, unknown
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.model.amount_text import usd
from powderkeg.model.fact import Fact
from powderkeg.model.times import duration_text, iso
from powderkeg.model.window import Window

# Fewer settled rates are no history to stand out of.
_FEWEST_RATES = 30


def reading_of(rule: AlertRule, observation: Observation) -> Reading:
    """Return a rule held against an observation of its coin."""
    return _CONDITIONS[rule.kind](rule, observation)


def _realised_imbalance(rule: AlertRule, seen: Observation) -> Reading:
    beyond = "beyond" in rule.parameters
    threshold = rule.number("beyond" if beyond else "percentile")
    unit = "fraction" if beyond else "percentile"
    found = seen.realised_imbalances.get(rule.window)
    if found is None or found.imbalance is None:
        why = seen.why("realised_imbalances") if found is None else "too little was reported for an imbalance"
        return unknown(threshold, unit, why)
    if not beyond and found.percentile is None:
        return unknown(threshold, unit, "too short a history to compare with")
    share = None if found.percentile is None else found.percentile.share
    value = abs(found.imbalance) if beyond or share is None else max(share, 1 - share)
    heavier = "longs" if found.imbalance > 0 else "shorts"
    told = "" if share is None else f", higher than {percent(share)} of its history"
    length = duration_text(rule.window)
    return Reading(
        value=value,
        threshold=threshold,
        rises=True,
        unit=unit,
        sentence=f"{seen.coin}: in the last {length} more {heavier} were liquidated, "
        f"imbalance {found.imbalance:+.2f}{told}",
        facts=(
            fact(
                seen, f"realised_imbalance.{length}", found.imbalance, "fraction",
                "liquidations reported by venues", window=found.window,
            ),
        ),
    )  # fmt: skip


def _liquidations_above(rule: AlertRule, seen: Observation) -> Reading:
    threshold = rule.number("usd")
    found = seen.liquidations.get(rule.window)
    if found is None:
        return unknown(threshold, "USD", seen.why("liquidations"))
    value = _of_side(rule.side, found.long_usd, found.short_usd)
    if value < threshold and found.share < rule.number("least_coverage"):
        return unknown(
            threshold,
            "USD",
            f"only {percent(found.share)} of the last {duration_text(rule.window)} was heard",
        )
    length = duration_text(rule.window)
    of_side = "" if rule.side == "either" else f" of {rule.side}s"
    return Reading(
        value=value,
        threshold=threshold,
        rises=True,
        unit="USD",
        sentence=f"{seen.coin}: at least {usd(value)}{of_side} were liquidated in the last {length}; "
        f"a floor, {percent(found.share)} of it was heard",
        facts=(_reported(seen, rule.window, value, found.share),),
    )


def _cascade(rule: AlertRule, seen: Observation) -> Reading:
    found, change = seen.liquidations.get(rule.window), seen.open_interest.get(rule.window)
    if found is None or change is None:
        return unknown(1.0, "ratio", seen.why("liquidations" if found is None else "open_interest"))
    forced, drop = found.long_usd + found.short_usd, 1 - change.now / change.before
    # Both have to be there: the one that is further from its limit decides.
    value = min(forced / rule.number("usd"), drop / rule.number("drop"))
    if forced < rule.number("usd") and found.share < rule.number("least_coverage"):
        return unknown(
            1.0, "ratio", f"only {percent(found.share)} of the last {duration_text(rule.window)} was heard"
        )
    length = duration_text(rule.window)
    return Reading(
        value=value,
        threshold=1.0,
        rises=True,
        unit="ratio",
        sentence=f"{seen.coin}: at least {usd(forced)} liquidated in {length} while open interest changed by "
        f"{percent(-drop, signed=True)}",
        facts=(_reported(seen, rule.window, forced, found.share), _changed(seen, rule.window, -drop)),
    )


def _funding(rule: AlertRule, seen: Observation) -> Reading:
    by_rank = "percentile" in rule.parameters
    threshold = rule.number("percentile" if by_rank else "absolute")
    unit = "percentile" if by_rank else "per_8h"
    if seen.funding is None:
        return unknown(threshold, unit, seen.why("funding"))
    rate, rank = seen.funding.rate, percentile_rank(seen.funding.history, seen.funding.rate)
    if by_rank and rank.windows < _FEWEST_RATES:
        return unknown(
            threshold, unit, f"{rank.windows} settled rates are no history; expected {_FEWEST_RATES} or more"
        )
    told = f", above {percent(rank.share)} of {rank.windows} before" if rank.windows else ""
    return Reading(
        value=max(rank.share, 1 - rank.share) if by_rank else abs(rate),
        threshold=threshold,
        rises=True,
        unit=unit,
        sentence=f"{seen.coin}: funding is {rate * 100:+.4f} % per 8 hours{told}; "
        f"{'longs pay shorts' if rate > 0 else 'shorts pay longs'}",
        facts=(fact(seen, "funding_rate", rate, "per_8h", "settled rates, mean over the venues"),),
    )


def _open_interest_drop(rule: AlertRule, seen: Observation) -> Reading:
    threshold, change = rule.number("fraction"), seen.open_interest.get(rule.window)
    if change is None:
        return unknown(threshold, "fraction", seen.why("open_interest"))
    drop = 1 - change.now / change.before
    length = duration_text(rule.window)
    return Reading(
        value=drop,
        threshold=threshold,
        rises=True,
        unit="fraction",
        sentence=f"{seen.coin}: open interest in coins changed by {percent(-drop, signed=True)} in {length}",
        facts=(_changed(seen, rule.window, -drop),),
    )


def _position_near(rule: AlertRule, seen: Observation) -> Reading:
    threshold = rule.number("within")
    if seen.positions is None:
        return unknown(threshold, "fraction", seen.why("positions"))
    large = [
        one
        for one in seen.positions
        if one.notional >= rule.number("usd") and rule.side in ("either", one.position_side)
    ]
    if not large:
        return Reading(value=None, threshold=threshold, rises=False, unit="fraction")
    nearest = min(large, key=lambda one: abs(one.distance))
    source = f"positions counted, account {nearest.account}, {nearest.age // 1000} s old"
    return Reading(
        value=abs(nearest.distance),
        threshold=threshold,
        rises=False,
        unit="fraction",
        sentence=f"{seen.coin}: a counted {nearest.position_side} of {usd(nearest.notional)} is "
        f"{percent(abs(nearest.distance))} from its liquidation at {nearest.liquidation_price:,.6g}",
        facts=(
            fact(seen, "position.notional", nearest.notional, "USD", source, kind="measured"),
            fact(seen, "position.distance", nearest.distance, "fraction", source, kind="measured"),
        ),
    )


def _price_crosses(rule: AlertRule, seen: Observation) -> Reading:
    level, rises = rule.number("level"), rule.parameters["direction"] == "up"
    if seen.mark_price is None:
        return unknown(level, "price", seen.why("mark_price"), rises=rises)
    return Reading(
        value=seen.mark_price,
        threshold=level,
        rises=rises,
        unit="price",
        sentence=f"{seen.coin}: the mark price is {seen.mark_price:,.8g}, "
        f"{'above' if rises else 'below'} {level:,.8g}",
        facts=(fact(seen, "mark_price", seen.mark_price, "price", "mark prices of the lake"),),
    )


def _feed_silent(rule: AlertRule, seen: Observation) -> Reading:
    threshold, table = float(rule.parameters["longer_than"]), str(rule.parameters["table"])
    heard = [at for (venue, of), at in seen.last_rows.items() if of == table and _is_asked(rule, venue)]
    if not heard:
        return unknown(threshold, "milliseconds", f"the lake has never had {table} of {_whose(rule, seen)}")
    silent = float(seen.as_of - max(heard))
    return Reading(
        value=silent,
        threshold=threshold,
        rises=True,
        unit="milliseconds",
        sentence=f"{seen.coin}: nothing new in {table} of {_whose(rule, seen)} since {iso(max(heard))}",
        facts=(fact(seen, f"silence.{table}", silent, "milliseconds", f"{table} of the lake"),),
    )


def _coverage_lost(rule: AlertRule, seen: Observation) -> Reading:
    threshold, table = rule.number("least"), str(rule.parameters["table"])
    shares = [
        share
        for (venue, of, window), share in seen.coverage.items()
        if of == table and window == rule.window and _is_asked(rule, venue)
    ]
    if not shares:
        return unknown(
            threshold, "fraction", f"the lake has never had {table} of {_whose(rule, seen)}", rises=False
        )
    # With several venues the best: one that was never recorded is no loss.
    share, length = max(shares), duration_text(rule.window)
    return Reading(
        value=share,
        threshold=threshold,
        rises=False,
        unit="fraction",
        most=1.0,
        sentence=f"{seen.coin}: {percent(share)} of the last {length} of {table} of {_whose(rule, seen)} is "
        "complete",
        facts=(fact(seen, f"coverage.{table}", share, "fraction", f"manifests of the lake, {length}"),),
    )


def _of_side(side: str, long_usd: float, short_usd: float) -> float:
    return {"long": long_usd, "short": short_usd}.get(side, long_usd + short_usd)


def _reported(seen: Observation, window: int, notional: float, share: float) -> Fact:
    return fact(
        seen, f"liquidations.{duration_text(window)}", notional, "USD",
        "liquidations reported by venues, a floor",
        window=Window(seen.as_of - window, seen.as_of), coverage=min(max(share, 0.0), 1.0),
    )  # fmt: skip


def _changed(seen: Observation, window: int, change: float) -> Fact:
    return fact(
        seen, f"open_interest.change_{duration_text(window)}", change, "fraction",
        "open interest in base units of the venues known at both ends",
        window=Window(seen.as_of - window, seen.as_of),
    )  # fmt: skip


def _is_asked(rule: AlertRule, venue: str) -> bool:
    return rule.parameters.get("venue", venue) == venue


def _whose(rule: AlertRule, seen: Observation) -> str:
    return f"{seen.coin} at {rule.parameters.get('venue', 'any venue')}"


_CONDITIONS: Mapping[str, Callable[[AlertRule, Observation], Reading]] = MappingProxyType(
    {
        "price_near_wall": price_near_wall,
        "wall_grew": wall_grew,
        "wall_swept": wall_swept,
        "map_imbalance_beyond": map_imbalance,
        "realised_imbalance_beyond": _realised_imbalance,
        "liquidations_above": _liquidations_above,
        "cascade_under_way": _cascade,
        "funding_extreme": _funding,
        "open_interest_drop": _open_interest_drop,
        "measured_position_near": _position_near,
        "price_crosses": _price_crosses,
        "feed_silent": _feed_silent,
        "coverage_lost": _coverage_lost,
    }
)
