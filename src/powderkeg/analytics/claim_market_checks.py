"""Claims about price, open interest and funding."""

from __future__ import annotations

from typing import Any

import numpy as np

from powderkeg.analytics.claim_checking import (
    NEAR,
    Checking,
    ClaimCheck,
    amount_text,
    around,
    factor_of,
    overlap,
)
from powderkeg.analytics.claim_quantities import Quantity
from powderkeg.errors import InputError
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.window import Window


def _prices(check: Checking, window: Window) -> tuple[float, float]:
    """Return lowest and highest price of bars in a window; keep both."""
    found = []
    for frame in check.evidence.frames(check.as_of):
        ends = frame.ts + frame.step
        inside = (ends > window.start) & (frame.ts < window.end) & frame.valid
        found += [] if not inside.any() else [(frame.low[inside].min(), frame.high[inside].max())]
    if not found:
        raise InputError(f"no price from {window}")
    low, high = float(min(one[0] for one in found)), float(max(one[1] for one in found))
    for name, value in (("price.lowest", low), ("price.highest", high)):
        check.fact(name, value, "price", "bars", window=window)
    return low, high


def price(check: Checking) -> ClaimCheck:
    """Return the check of a price: of the hour before the time, or of the day that is named."""
    is_day = check.claim.moment is not None and check.claim.moment.length > 1
    window = check.window() if is_day or check.claim.window else Window(check.as_of - HOUR, check.as_of)
    low, high = _prices(check, window)
    assert check.claim.price is not None  # noqa: S101 - a price has one
    rule = f"the claim's rounding, and 0.2 % of price, around the range from {window}"
    inside = overlap(check.claim.price, low * 0.998, high * 1.002)
    sentence = f"It traded between {low:,.0f} and {high:,.0f}."
    return check.answer("supported" if inside else "contradicted", sentence, rule)


def reached(check: Checking) -> ClaimCheck:
    """Return the check of a price said to have been reached in the time."""
    low, high = _prices(check, check.window())
    inside = low * 0.998 <= check.price <= high * 1.002
    sentence = f"From {check.window()} it traded between {low:,.0f} and {high:,.0f}."
    return check.answer("supported" if inside else "contradicted", sentence, "0.2 % of price")


def build_up(check: Checking) -> ClaimCheck:
    """Return the check of positions opened near a price, by the change of open interest there."""
    window = check.window()
    rule = f"open interest in bars that closed within {NEAR:.0%} of the price; half a percent of it counts"
    added = total = moved = 0.0
    for frame in check.evidence.frames(check.as_of):
        near = (np.abs(frame.close[1:] / check.price - 1) <= NEAR) & (frame.ts[1:] >= window.start)
        near &= frame.valid[1:] & frame.valid[:-1]
        added += float(np.nansum(np.diff(frame.open_interest)[near]))
        moved += float(np.nansum(np.diff(np.log(frame.close))[near])) * _last(frame.open_interest)
        total += _last(frame.open_interest)
    if not total:
        return check.undecided("No open interest is known.", check.command(), rule)
    share, move = added / total, moved / total
    check.fact("open_interest.change_near_price", share, "fraction", "bars near the price", window=window)
    check.fact("price.change_near_price", move, "fraction", "bars near the price", window=window)
    falling = check.claim.side != "long"
    told = f"Open interest changed by {share:+.2%} while the price was near {check.price:,.0f} and moved {move:+.2%}"
    if abs(share) < 0.005:
        return check.undecided(f"{told}: too little to tell.", f"powderkeg map {check.evidence.coin}", rule)
    built = share > 0 and (check.claim.side is None or (move < 0) == falling)
    who = "" if built else ", which is no build-up of that side"
    return check.answer(
        "supported" if built else "contradicted", f"{told}{who}. Open interest itself has no side.", rule
    )


def _last(values: np.ndarray[Any, Any]) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else 0.0


def _interest_at(frame: MarketFrame, time: int) -> tuple[float, float]:
    row = int(np.clip((time - frame.start) // frame.step - 1, 0, len(frame) - 1))
    return _last(frame.open_interest[: row + 1]), _last(frame.mark_close[: row + 1])


def interest(check: Checking) -> ClaimCheck:
    """Return the check of the size of open interest."""
    pairs = [_interest_at(frame, check.as_of) for frame in check.evidence.frames(check.as_of)]
    unit = check.amount.unit
    ours = sum(base * (price if unit == "USD" else 1) for base, price in pairs)
    check.fact("open_interest", ours, "USD" if unit == "USD" else "base", f"{len(pairs)} venues, one side")
    rule = "5 %; venues that are not in the data can only add to it"
    told = f"These venues have {amount_text(ours, unit)} of open interest, each contract counted once"
    if overlap(check.amount, *around(ours)):
        return check.answer("supported", f"{told}.", rule)
    if meaning := factor_of(check.amount, ours, both_sides=True):
        return check.answer("unit_error_suspected", f"{told}; {meaning}.", rule)
    if check.amount.high < ours:
        return check.answer("contradicted", f"{told}, which is more.", rule)
    return check.undecided(f"{told}; others may have the rest.", check.command(), rule)


def interest_change(check: Checking) -> ClaimCheck:
    """Return the check of a change of open interest, in coins or in dollars."""
    window = check.window()
    frames = check.evidence.frames(check.as_of)
    if any(frame.start > window.start for frame in frames):
        return check.undecided(f"The data begin after {iso(window.start)}.", check.command())
    pairs = [(_interest_at(frame, window.start), _interest_at(frame, window.end)) for frame in frames]
    changes = {}
    for unit in ("base", "USD"):
        before, after = (
            sum(base * (price if unit == "USD" else 1) for base, price in side)
            for side in zip(*pairs, strict=True)
        )
        if not before:
            return check.undecided("No open interest is known at its start.", check.command())
        share = check.amount.unit == "percent"
        changes[unit] = 100 * (after / before - 1) if share else after - before
        check.fact(
            f"open_interest.change.{unit}",
            changes[unit],
            "percent" if share else unit,
            "first to last",
            window=window,
        )
    rule = "a quarter of the change and one percentage point, in coins or in dollars"
    for unit, value in changes.items():
        if check.amount.unit not in ("percent", "USD" if unit == "USD" else check.evidence.coin):
            continue
        room = abs(value) / 4 + (1 if check.amount.unit == "percent" else 0)
        if overlap(check.amount, value - room, value + room):
            return check.answer("supported", f"Open interest changed by {value:+,.2f} in {unit}.", rule)
    told = ", ".join(f"{value:+,.2f} in {unit}" for unit, value in changes.items())
    return check.answer("contradicted", f"Open interest changed by {told}.", rule)


def funding(check: Checking) -> ClaimCheck:
    """Return the check of a rate of funding."""
    rates = []
    for frame in check.evidence.frames(check.as_of):
        paid = (
            np.flatnonzero(np.nan_to_num(frame.funding_rate))
            if frame.funding_rate is not None
            else np.empty(0, int)
        )
        if len(paid) > 1 and frame.funding_rate is not None:
            interval = int(np.median(np.diff(paid))) * frame.step
            per = 365 * DAY if check.claim.relation == "annual" else 8 * HOUR
            rates.append(100 * float(frame.funding_rate[paid[-1]]) * per / interval)
            check.fact(
                f"funding_rate.{frame.instrument}",
                rates[-1],
                "percent",
                "last settled, per eight hours or year",
            )
    if not rates:
        return check.undecided("No funding is known by then.", check.command())
    scale = 0.01 if check.amount.unit == "basis points" else 1.0
    amount = Quantity(
        check.amount.value * scale, "percent", check.amount.low * scale, check.amount.high * scale, check.amount.wording,
        check.amount.scaled, check.amount.start, check.amount.end,
    )  # fmt: skip
    low, high = min(rates), max(rates)
    rule = "the range over venues, and a tenth"
    told = f"Funding was {low:.4f} % to {high:.4f} %"
    if overlap(amount, low - abs(low) / 10, high + abs(high) / 10):
        return check.answer("supported", f"{told}.", rule)
    if any(factor_of(amount, rate) for rate in rates):
        return check.answer(
            "unit_error_suspected", f"{told}: a factor of 100 apart, a fraction read as percent.", rule
        )
    return check.answer("contradicted", f"{told}.", rule)
