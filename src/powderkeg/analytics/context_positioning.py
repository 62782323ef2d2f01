"""Positioning: open interest by the direction of the price, and what was opened on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.analytics.context_facts import ContextSection, FactWriter
from powderkeg.analytics.context_holders import holders
from powderkeg.analytics.context_inputs import CHANGES, ContextInputs, TotalInterest, last
from powderkeg.analytics.taker_flow import sold_shares
from powderkeg.core.positioning import BuildUp, Opened, build_up, opened_in_range
from powderkeg.core.usual_change import usual_change
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, WEEK
from powderkeg.model.window import Window

_BOTH_SIDES = "every contract has a long and a short: what was opened is as much the one as the other"
_EAGER = "who was in a hurry is inferred: those who opened took as all who traded in the same hour did"


@dataclass(frozen=True, slots=True)
class BuildUpReading:
    """What the joint move of price and open interest over a window is called.

    Attributes
    ----------
    window
        As ``24h``.
    name
        See `powderkeg.core.positioning.build_up`; None inside the noise, or where something is not known.
    price_change, open_interest_change
        Natural log of the ratio; NaN where not known.
    usual_price_change, usual_open_interest_change
        Half of the moves of that length in the 30 days before were larger; NaN with too little of a past.
    venues
        Who is in it: known at both ends.
    """

    window: str
    name: BuildUp | None
    price_change: float
    open_interest_change: float
    usual_price_change: float
    usual_open_interest_change: float
    venues: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as a dictionary, what is not known as NaN."""
        return {
            "window": self.window,
            "name": self.name,
            "price_change_log": self.price_change,
            "open_interest_change_log": self.open_interest_change,
            "usual_price_change_log": self.usual_price_change,
            "usual_open_interest_change_log": self.usual_open_interest_change,
            "venues": list(self.venues),
        }


def positioning(
    inputs: ContextInputs, total: TotalInterest, write: FactWriter
) -> tuple[ContextSection, tuple[BuildUpReading, ...]]:
    """Return the section and the names of the moves over each window."""
    facts = [*_levels(inputs, write)]
    readings = []
    for name, length in CHANGES.items():
        told, reading = _change(inputs, total, write, name, length)
        facts += told
        readings.append(reading)
    facts += _on_the_way(inputs, total, write)
    facts += holders(inputs, write)
    return ContextSection("positioning", "Positioning", tuple(facts)), tuple(readings)


def _levels(inputs: ContextInputs, write: FactWriter) -> Iterator[Fact]:
    reference = inputs.reference
    yield write.fact(
        "price.mark",
        last(reference.mark_price),
        "price",
        f"mark price of {reference.venue} {reference.symbol}, the venue with most open interest",
    )
    parts = {one.venue: (last(one.open_interest), last(one.mark_price)) for one in inputs.recent.venues}
    known = {name: pair for name, pair in parts.items() if all(map(math.isfinite, pair))}
    source = f"open_interest of {', '.join(known) or 'no venue'}"
    coverage = len(known) / len(inputs.venues)
    lacking = [one.name for one in inputs.venues if one.name not in known]
    notes = (
        "one side of each contract",
        *((f"without {', '.join(lacking)}; coverage is the share of venues asked",) if lacking else ()),
    )
    sums = np.array([(base, base * price) for base, price in known.values()]).sum(axis=0) if known else None
    for name, unit, number in (("base", "base", 0), ("usd", "USD", 1)):
        value = math.nan if sums is None else float(sums[number])
        yield write.fact(f"open_interest.{name}", value, unit, source, coverage=coverage, notes=notes)
    for name, (base, price) in parts.items():
        yield write.fact(f"open_interest.{name}.usd", base * price, "USD", f"open_interest of {name}")


def _change(
    inputs: ContextInputs, total: TotalInterest, write: FactWriter, name: str, length: int
) -> tuple[list[Fact], BuildUpReading]:
    ends = {
        one.venue: (last(one.open_interest), last(one.open_interest, behind=length))
        for one in inputs.recent.venues
    }
    both = {venue: pair for venue, pair in ends.items() if all(map(math.isfinite, pair))}
    now, then = (sum(pair[number] for pair in both.values()) if both else math.nan for number in (0, 1))
    mark = inputs.reference.mark_price
    price_now, price_then = last(mark), last(mark, behind=length)
    hour = int(total.times[-1])
    reading = BuildUpReading(
        window=name,
        price_change=math.log(price_now / price_then),
        open_interest_change=math.log(now / then) if then > 0 and now > 0 else math.nan,
        usual_price_change=usual_change(total.times, total.price, length, hour),
        usual_open_interest_change=usual_change(total.times, total.open_interest, length, hour),
        venues=tuple(both),
        name=None,
    )
    named = build_up(
        reading.price_change,
        reading.open_interest_change,
        reading.usual_price_change,
        reading.usual_open_interest_change,
    )
    window = Window(write.as_of - length, write.as_of)
    source = f"open_interest of {', '.join(both) or 'no venue'}"
    notes = ("in base units: the price alone changes nothing", *_without(inputs, both))
    facts = [
        write.fact(
            f"price.change_{name}",
            price_now / price_then - 1,
            "fraction",
            f"mark price of {inputs.reference.venue}",
            window=window,
        ),
        write.fact(
            f"open_interest.change_{name}", now / then - 1, "fraction", source, window=window, notes=notes
        ),
        write.fact(
            f"open_interest.change_{name}.base", now - then, "base", source, window=window, notes=notes
        ),
        write.fact(
            f"open_interest.usual_change_{name}",
            math.expm1(reading.usual_open_interest_change),
            "fraction",
            total.source,
            window=Window(hour - 30 * DAY, hour),
            notes=("half of the changes of that length in the 30 days were larger",),
        ),
    ]
    return facts, replace(reading, name=named)


def _without(inputs: ContextInputs, known: dict[str, Any]) -> tuple[str, ...]:
    lacking = [one.venue for one in inputs.recent.venues if one.venue not in known]
    return (f"without {', '.join(lacking)}, not known at both ends",) if lacking else ()


def _on_the_way(inputs: ContextInputs, total: TotalInterest, write: FactWriter) -> Iterator[Fact]:
    """Yield what was opened since the highest and since the lowest price of the week, on the way from it."""
    inside = total.times > total.times[-1] - WEEK
    price, interest = total.price[inside], total.open_interest[inside]
    sold, flow_venues = sold_shares(inputs.lake, total.venues, inputs.coin, total.times[inside])
    for way, from_the in (("down", "high"), ("up", "low")):
        known = np.isfinite(price)
        start = -1
        if known.any():
            start = int(np.nanargmax(price) if way == "down" else np.nanargmin(price))
        names = [
            f"open_interest.added_on_way_{way}.{part}" for part in ("usd", "net_usd", "short_led", "long_led")
        ]
        if start < 0 or start >= len(price) - 1:
            for name in names:
                yield write.missing(
                    name, "USD", f"the price stands at its {from_the} of the week", source=total.source
                )
            continue
        path = price[start:]
        low, high = float(np.nanmin(path)), float(np.nanmax(path))
        found = opened_in_range(path, interest[start:], low, high, sold[start:])
        window = Window(int(total.times[inside][start]), int(total.times[-1]))
        yield from _opened(write, names, found, total, window, (low, high), flow_venues)


def _opened(
    write: FactWriter,
    names: list[str],
    found: Opened,
    total: TotalInterest,
    window: Window,
    bounds: tuple[float, float],
    flow_venues: tuple[str, ...],
) -> Iterator[Fact]:
    between = f"while the price was between {bounds[0]:,.6g} and {bounds[1]:,.6g}, by hour: a floor"
    share = found.steps / max((window.length // HOUR), 1)
    values = (found.opened, found.net) if found.steps else (math.nan, math.nan)
    for name, value in zip(names[:2], values, strict=True):
        yield write.fact(
            name,
            value,
            "USD",
            total.source,
            window=window,
            coverage=share,
            notes=(between, _BOTH_SIDES),
        )
    flow = (
        f"taker flow of {', '.join(flow_venues)}; known for {found.flow_known:.0%} of it"
        if flow_venues
        else "no taker flow in the lake for this time: bars with taker volumes, or the table taker_volume"
    )
    for name, value in zip(names[2:], (found.short_led, found.long_led), strict=True):
        yield write.fact(
            name,
            value,
            "USD",
            total.source,
            window=window,
            coverage=found.flow_known,
            notes=(between, _BOTH_SIDES, _EAGER, flow),
        )
