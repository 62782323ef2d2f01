"""Claims about liquidations that happened, and their imbalance."""

from __future__ import annotations

import math

import numpy as np

from powderkeg.analytics.claim_checking import (
    REPORTED,
    Checking,
    ClaimCheck,
    amount_text,
    around,
    factor_of,
    is_same,
    larger_side,
    overlap,
)
from powderkeg.analytics.liquidation_feeds import throttled_slot
from powderkeg.analytics.realised_liquidations import RealisedLiquidations
from powderkeg.core.liquidation_imbalance import headline_ratio
from powderkeg.model.times import DAY, HOUR, duration_text
from powderkeg.model.window import Window

_MOST_COINS = 40


def realised(check: Checking) -> ClaimCheck:
    """Return the check of an amount that was liquidated."""
    window = check.window()
    result = check.evidence.realised(window)
    floor, high, complete = _reported(check, result, check.claim.side)
    rule = "what was reported is a floor: less is contradicted, more only where no feed is thinned or missing"
    side = f"{check.claim.side}s" if check.claim.side else "both sides"
    if floor is None:
        return check.undecided("Nothing was recorded in this time.", check.command(), rule)
    if check.amount.unit != "USD":
        return check.undecided(
            f"It is in {check.amount.unit}; liquidations are added up in dollars.", "", rule
        )
    told = f"venues reported {amount_text(floor)} of {side} from {window}"
    if overlap(check.amount, floor * (1 - REPORTED), max(high, floor) * (1 + REPORTED)):
        return check.answer("supported", f"Here {told}.", rule)
    usd = result.whole.usd[0].tolist()
    if check.claim.side and is_same(check.amount, usd[1 if check.claim.side == "long" else 0]):
        return check.answer("unit_error_suspected", f"The amount is that of the other side; {told}.", rule)
    if check.claim.side and is_same(check.amount, sum(usd)):
        return check.answer(
            "unit_error_suspected", f"The amount is that of both sides together; {told}.", rule
        )
    if meaning := factor_of(check.amount, floor):
        return check.answer("unit_error_suspected", f"Here {told}; {meaning}.", rule)
    if check.amount.high < floor:
        return check.answer("contradicted", f"At least {amount_text(floor)} is known: {told}.", rule)
    total = _all_coins(check, window)
    if total is not None and is_same(check.amount, total):
        check.fact("liquidations.all_coins", total, "USD", "coins in the lake", window=window)
        return check.answer(
            "unit_error_suspected", f"The amount is that of all coins in the lake; {told}.", rule
        )
    if complete:
        return check.answer("contradicted", f"These feeds are complete, and {told}.", rule)
    return check.undecided(
        f"Here {told}; feeds are thinned or missing, so that more may have happened.", check.command(), rule
    )


def _reported(
    check: Checking, result: RealisedLiquidations, side: str | None
) -> tuple[float | None, float, bool]:
    """Return the floor, the upper end where it can be estimated, and whether nothing is missing; keep facts."""
    whole = result.whole
    share = float(whole.share[0])
    for number, name in enumerate(("long", "short")):
        low, high = float(whole.low[0, number]), float(whole.high[0, number])
        band = {"low": low, "high": high} if math.isfinite(low) and math.isfinite(high) and high > low else {}
        check.fact(
            f"liquidations.{name}", float(whole.usd[0, number]), "USD",
            ", ".join(one.venue.name for one in result.venues),
            window=result.window, coverage=min(max(share, 0.0), 1.0), notes=("reported: a floor",), **band,
        )  # fmt: skip
    if not whole.recorded[0]:
        return None, math.nan, False
    chosen = slice(None) if side is None else slice(0, 1) if side == "long" else slice(1, 2)
    floor, high = float(whole.usd[0, chosen].sum()), float(whole.high[0, chosen].sum())
    thinned = any(throttled_slot(one.venue) is not None for one in result.venues)
    complete = not thinned and not result.not_in_lake and share > 0.99
    return floor, high if math.isfinite(high) else floor, complete


def _all_coins(check: Checking, window: Window) -> float | None:
    coins = check.evidence.coins()
    if not 2 <= len(coins) <= _MOST_COINS:
        return None
    chosen = {"long": slice(0, 1), "short": slice(1, 2)}.get(str(check.claim.side), slice(None))
    return sum(float(np.nansum(check.evidence.realised(window, coin).whole.usd[0, chosen])) for coin in coins)


def imbalance(check: Checking) -> ClaimCheck:
    """Return the check of a ratio of longs to shorts; over 1, 4, 12 and 24 hours where no time is given."""
    rule = "100 x larger / smaller of what was reported; 5 %, and what thinned feeds may hide"
    lengths = (
        [check.window().length]
        if check.claim.window or check.claim.moment
        else [HOUR, 4 * HOUR, 12 * HOUR, DAY]
    )
    told: list[str] = []
    complete = False
    for length in lengths:
        window = Window(check.as_of - length, check.as_of)
        result = check.evidence.realised(window)
        floor, _, complete = _reported(check, result, None)
        if floor is None:
            continue
        long_usd, short_usd = result.whole.usd[0].tolist()
        ratio = headline_ratio(long_usd, short_usd)
        if ratio.percent is None:
            continue
        name = duration_text(length)
        check.fact(f"imbalance.{name}", ratio.percent, "percent", "100 x larger / smaller", window=window)
        told.append(f"{ratio.percent:,.0f} % over {name}")
        if check.amount.unit == "USD" and overlap(check.amount, *around(abs(long_usd - short_usd))):
            return check.answer(
                "supported", f"Longs less shorts were {amount_text(long_usd - short_usd)} over {name}.", rule
            )
        if overlap(check.amount, *around(ratio.percent)):
            if check.amount.unit == "USD":
                sentence = (
                    f"The number is a ratio in percent, not dollars: 100 x larger / smaller is {told[-1]}."
                )
                return check.answer("unit_error_suspected", sentence, rule)
            unit = "" if check.amount.unit else " The claim gives no unit: it is percent."
            small = " The smaller side is small, so that the ratio says little." if ratio.small else ""
            return check.answer("supported", f"100 x larger / smaller is {told[-1]}.{unit}{small}", rule)
        if meaning := factor_of(check.amount, ratio.percent):
            return check.answer(
                "unit_error_suspected", f"100 x larger / smaller is {told[-1]}; {meaning}.", rule
            )
    if not told:
        hint = (
            " A headline's imbalance is a ratio in percent, not dollars."
            if check.amount.unit == "USD"
            else ""
        )
        return check.undecided(f"No two sides were recorded in this time.{hint}", check.command(), rule)
    sentence = f"100 x larger / smaller is {', '.join(told)}."
    if complete:
        return check.answer("contradicted", sentence, rule)
    return check.undecided(f"{sentence} Feeds are thinned or missing.", check.command(), rule)


def feed_comparison(check: Checking) -> ClaimCheck:
    """Return the check of which side was liquidated more."""
    result = check.evidence.realised(check.window())
    if _reported(check, result, None)[0] is None:
        return check.undecided("Nothing was recorded in this time.", check.command())
    long_usd, short_usd = result.whole.usd[0].tolist()
    verdicts, rule = {larger_side(long_usd, short_usd)}, "what was reported, one tenth apart"
    told = f"Venues reported {amount_text(long_usd)} of longs and {amount_text(short_usd)} of shorts."
    return check.compared(verdicts, told, rule)
