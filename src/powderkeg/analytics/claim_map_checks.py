"""Claims about maps: what stands on a side, levels, and which side is larger."""

from __future__ import annotations

from powderkeg.analytics.claim_checking import (
    NEAR,
    UNCALIBRATED,
    Checking,
    ClaimCheck,
    amount_text,
    factor_of,
    is_same,
    larger_side,
    overlap,
)
from powderkeg.maps.liquidation_map import LiquidatedIf, LiquidationMap, PositionSide


def standing(check: Checking) -> ClaimCheck:
    """Return the check of an amount that stands on a side, up to a price where one is given."""
    claim, found = check.claim, check.map()
    side: PositionSide = "long" if claim.side == "long" else "short"
    if claim.price is not None:
        side = "long" if check.price < found.mark_price else "short"
        if claim.side not in (None, side):
            return check.answer(
                "contradicted",
                f"{str(claim.side).capitalize()}s are not liquidated at {check.price:,.0f}: it lies "
                f"{'below' if side == 'long' else 'above'} the mark price {found.mark_price:,.0f}, where {side}s are.",
                "geometry: longs are liquidated below the mark price, shorts above",
            )
    elif claim.side is None:
        return check.undecided("It says neither which side nor which price.", "name a side and a price")
    reached = found.liquidated_if(check.price if claim.price else _end(found, side))
    mirrored = found.liquidated_if(
        found.mark_price**2 / check.price
        if claim.price
        else _end(found, "short" if side == "long" else "long")
    )
    ours = reached.notional
    _keep(check, f"standing_notional.{side}", reached, found)
    check.fact(
        f"standing_notional.{mirrored.position_side}",
        mirrored.notional,
        "USD",
        "the other side as far away",
        kind="modelled",
    )
    check.fact("open_interest", found.open_interest, "USD", f"{found.instrument}, one side")
    if check.amount.unit != "USD":
        ours = ours / found.mark_price
    low, high, rule = _bounds(reached, ours)
    where = f" by {check.price:,.0f}" if claim.price else ""
    told = f"the map has {amount_text(ours, check.amount.unit)} of {side}s standing{where}"
    if reached.expected_forced is not None:
        told += f", of which {amount_text(reached.expected_forced)} are expected to be forced"
    if overlap(check.amount, low, high):
        return check.answer("supported", f"Nominally, {told}; the claim is within its band.", rule)
    if check.amount.unit == "USD" and is_same(check.amount, mirrored.notional):
        return check.answer(
            "unit_error_suspected",
            f"The amount is that of the other side, {mirrored.position_side}s; {told}.",
            rule,
        )
    if meaning := factor_of(check.amount, ours):
        return check.answer("unit_error_suspected", f"{told.capitalize()}; {meaning}.", rule)
    if check.amount.low > found.open_interest and check.amount.unit == "USD":
        sentence = f"It is more than all open interest of one side at these venues, {amount_text(found.open_interest)}."
        return check.answer("contradicted", sentence, rule)
    if reached.notional_band is None and overlap(
        check.amount, ours / UNCALIBRATED[1], ours * UNCALIBRATED[1]
    ):
        return check.undecided(
            f"{told.capitalize()}; a map without a calibration cannot tell.", "powderkeg calibrate", rule
        )
    return check.answer("contradicted", f"Nominally, {told}.", rule)


def _keep(check: Checking, name: str, reached: LiquidatedIf, found: LiquidationMap) -> None:
    band = reached.notional_band
    model = f"map of {found.instrument}, model {found.provenance.model}"
    limits = {} if band is None else {"low": band.low_90, "high": band.high_90}
    check.fact(
        name, reached.notional, "USD", model, kind="modelled", notes=("nominal: what stands",), **limits
    )
    if reached.expected_forced is not None and reached.expected_forced_band is not None:
        forced = reached.expected_forced_band
        check.fact(
            name.replace("standing_notional", "expected_forced"), reached.expected_forced, "USD", model,
            kind="modelled", low=forced.low_90, high=forced.high_90, notes=("expected to be force-closed",),
        )  # fmt: skip


def _bounds(reached: LiquidatedIf, ours: float) -> tuple[float, float, str]:
    if reached.notional_band is not None:
        scale = ours / reached.notional if reached.notional else 1.0
        band = reached.notional_band
        return (
            band.low_90 * scale,
            band.high_90 * scale,
            "the claim's rounding against our 90 % band of nominal notional",
        )
    near, far = UNCALIBRATED
    return (
        ours / near,
        ours * near,
        f"no calibration: a factor of {near:g} supports, one beyond {far:g} contradicts",
    )


def _end(found: LiquidationMap, side: PositionSide) -> float:
    edges = found.grid.edges
    return float(
        min(edges[0], found.mark_price * 0.999)
        if side == "long"
        else max(edges[-1], found.mark_price * 1.001)
    )


def target(check: Checking) -> ClaimCheck:
    """Return what stands on the way to a price: whether it is reached is never decided."""
    found = check.map()
    reached = found.liquidated_if(check.price)
    _keep(check, f"standing_notional.{reached.position_side}", reached, found)
    sentence = (
        f"Whether the price goes to {check.price:,.0f}, {reached.distance:+.1%} away, cannot be known; "
        f"{amount_text(reached.notional)} of {reached.position_side}s stand on the way."
    )
    return check.undecided(sentence, f"powderkeg squeeze {check.evidence.coin} --to {check.price:.0f}")


def cluster(check: Checking) -> ClaimCheck:
    """Return the check of a level at which liquidations gather."""
    found = check.map()
    clusters = [one for one in found.clusters() if check.claim.side in (None, one.side)]
    rule = f"a cluster's edges, and {NEAR:.0%} of price"
    near = [
        one for one in clusters if one.price_low * (1 - NEAR) <= check.price <= one.price_high * (1 + NEAR)
    ]
    for one in (near or sorted(clusters, key=lambda one: abs(one.price_peak - check.price)))[:1]:
        check.fact(f"cluster.{one.side}", one.notional, "USD", "the map", kind="modelled")
        check.fact("cluster.price_peak", one.price_peak, "price", "the map", kind="modelled")
        verb = "holds" if near else "has none there; the nearest holds"
        return check.answer(
            "supported" if near else "contradicted",
            f"The map {verb} {amount_text(one.notional)} of {one.side}s from {one.price_low:,.0f} to {one.price_high:,.0f}.",
            rule,
        )
    return check.answer("contradicted", "The map has no cluster of that side.", rule)


def map_comparison(check: Checking) -> ClaimCheck:
    """Return the check of which side of the map is larger."""
    found = check.map()
    sides = {
        side: max((one.notional for one in found.clusters() if one.side == side), default=0.0)
        for side in ("long", "short")
    }
    (ten,) = found.imbalance((0.10,))
    for side, value in sides.items():
        check.fact(f"largest_cluster.{side}", value, "USD", "the map", kind="modelled")
    check.fact("standing_notional.long", ten.long_notional, "USD", "within 10 % below", kind="modelled")
    check.fact("standing_notional.short", ten.short_notional, "USD", "within 10 % above", kind="modelled")
    verdicts = {larger_side(*sides.values()), larger_side(ten.long_notional, ten.short_notional)}
    rule = "largest cluster and sum within 10 % of price, which must agree; one tenth apart"
    told = (
        f"The largest cluster above holds {amount_text(sides['short'])}, that below {amount_text(sides['long'])}; "
        f"{amount_text(ten.short_notional)} stand within 10 % above, {amount_text(ten.long_notional)} below."
    )
    return check.compared(verdicts, told, rule)
