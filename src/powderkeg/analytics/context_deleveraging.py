"""Deleveraging events of a coin in a lake: how deep, how much of it was forced, and what came back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.context_facts import ContextSection, FactWriter, bringing_any
from powderkeg.analytics.context_inputs import ContextInputs, TotalInterest
from powderkeg.analytics.liquidation_feeds import Feed
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.deleveraging import LOOKBACK, DeleveragingEvent, deleveraging_events
from powderkeg.model.fact import Fact
from powderkeg.model.times import HOUR, iso
from powderkeg.model.window import Window


@dataclass(frozen=True, slots=True)
class EventReading:
    """A deleveraging event with what else is known of its time.

    Attributes
    ----------
    event
        See `powderkeg.core.deleveraging.DeleveragingEvent`.
    price_before, price_at_trough, price_low, price_high
        Mark price at the start and at the trough, and its extremes from the hour that ends with the start to
        the trough; NaN where not known.
    fall_usd
        Base units that went, at the mean of the prices at the start and at the trough; NaN without them.
    forced_usd, forced_low, forced_estimate, forced_high
        USD liquidated from the start to the trough, both sides, at the venues whose open interest is in the
        event: as reported, a floor, and with what throttled feeds may have hidden. NaN where nothing was
        recorded, or too much was hidden to say.
    listened
        Share of that time that the feeds know.
    """

    event: DeleveragingEvent
    price_before: float
    price_at_trough: float
    price_low: float
    price_high: float
    fall_usd: float
    forced_usd: float
    forced_low: float
    forced_estimate: float
    forced_high: float
    listened: float

    @property
    def forced_share(self) -> float:
        """`forced_estimate` over `fall_usd`; may exceed 1, as who is liquidated can be replaced at once."""
        return self.forced_estimate / self.fall_usd

    def as_json(self) -> dict[str, Any]:
        """Return the event with times as text, what is not known as NaN or None."""
        event = self.event
        return {
            "start": iso(event.start),
            "most_by": iso(event.most_by),
            "trough": iso(event.trough),
            "known_at": iso(event.known_at),
            "ended": None if event.ended is None else iso(event.ended),
            "open_interest_before_base": event.before,
            "open_interest_at_trough_base": event.at_trough,
            "depth": event.depth,
            "threshold": event.threshold,
            "duration_ms": event.duration,
            "price_before": self.price_before,
            "price_at_trough": self.price_at_trough,
            "price_low": self.price_low,
            "price_high": self.price_high,
            "fall_usd": self.fall_usd,
            "forced": {
                "reported_usd": self.forced_usd,
                "low_usd": self.forced_low,
                "estimate_usd": self.forced_estimate,
                "high_usd": self.forced_high,
                "share": self.forced_share,
                "listened": self.listened,
            },
            "recovery_1d": event.recovery_1d,
            "recovery_7d": event.recovery_7d,
        }


def event_readings(total: TotalInterest, feeds: Sequence[Feed]) -> tuple[EventReading, ...]:
    """Return the events in a coin's open interest, ascending; liquidations are those of `feeds`."""
    counted = [feed for feed in feeds if feed.venue.name in total.venues]
    return tuple(
        _reading(event, total, counted) for event in deleveraging_events(total.times, total.open_interest)
    )


def _reading(event: DeleveragingEvent, total: TotalInterest, feeds: Sequence[Feed]) -> EventReading:
    first, stop = np.searchsorted(total.times, [event.start, event.trough])
    path = total.price[first : stop + 1]
    lowest, highest = (part[first : stop + 1] for part in (total.lowest, total.highest))
    before, trough = float(path[0]), float(path[-1])
    bounds = np.array([event.start]), np.array([event.trough])
    sums = WindowTotals.added([feed.between(*bounds) for feed in feeds]) if feeds else None
    reported, low, estimate, high = (
        (math.nan,) * 4
        if sums is None
        else (float(part[0].sum()) for part in (sums.usd, sums.low, sums.estimate, sums.high))
    )
    return EventReading(
        event=event,
        price_before=before,
        price_at_trough=trough,
        price_low=float(np.fmin.reduce(lowest)),
        price_high=float(np.fmax.reduce(highest)),
        fall_usd=(event.before - event.at_trough) * (before + trough) / 2,
        forced_usd=reported,
        forced_low=low,
        forced_estimate=estimate,
        forced_high=high,
        listened=0.0 if sums is None else min(float(sums.share[0]), 1.0),
    )


def deleveraging(
    inputs: ContextInputs, total: TotalInterest, events: Sequence[EventReading], write: FactWriter
) -> ContextSection:
    """Return the section: how many there were, the last of them, and the fall of the present day."""
    return ContextSection("deleveraging", "Deleveraging", tuple(_facts(inputs, total, events, write)))


def _facts(
    inputs: ContextInputs, total: TotalInterest, events: Sequence[EventReading], write: FactWriter
) -> Iterator[Fact]:
    times, known = total.times, np.isfinite(total.open_interest)
    history = Window(int(times[0]) - HOUR, int(times[-1]))
    share = float(known.mean())
    left_out = (f"without {', '.join(total.left_out)}: too many holes",) if total.left_out else ()
    yield write.fact(
        "deleveraging.events",
        float(len(events)) if known.any() else math.nan,
        "count",
        total.source,
        window=history,
        coverage=share,
        notes=("falls from the highest of a day: see docs/context.md for the threshold", *left_out),
    )
    day = total.open_interest[times > times[-1] - LOOKBACK]
    day = day[np.isfinite(day)]
    yield write.fact(
        "deleveraging.now.fall",
        1 - float(day[-1]) / float(day.max()) if len(day) else math.nan,
        "fraction",
        total.source,
        window=Window(int(times[-1]) - LOOKBACK, int(times[-1])),
        notes=("open interest below the highest of the day, in base units", *left_out),
    )
    if not events:
        for name, unit in _OF_THE_LAST:
            yield write.missing(
                f"deleveraging.last.{name}", unit, "no event in this time", source=total.source
            )
        return
    yield from _last(inputs, total, events[-1], write)


_OF_THE_LAST = (
    ("age", "milliseconds"),
    ("depth", "fraction"),
    ("duration", "milliseconds"),
    ("most_within", "milliseconds"),
    ("price_change", "fraction"),
    ("fall_usd", "USD"),
    ("forced_usd", "USD"),
    ("forced_share", "fraction"),
    ("recovery_1d", "fraction"),
    ("recovery_7d", "fraction"),
)


def _last(
    inputs: ContextInputs, total: TotalInterest, reading: EventReading, write: FactWriter
) -> Iterator[Fact]:
    event = reading.event
    window = Window(event.start, event.trough)
    state = "under way" if event.ended is None else f"over since {iso(event.ended)}"
    heard = reading.listened > 0 or math.isfinite(reading.forced_usd)
    unheard = () if heard else (bringing_any(inputs.venues, "liquidations", inputs.coin),)
    values = {
        "age": float(write.as_of - event.known_at),
        "depth": event.depth,
        "duration": float(event.duration),
        "most_within": float(event.most_by - event.start),
        "price_change": reading.price_at_trough / reading.price_before - 1,
        "fall_usd": reading.fall_usd,
        "forced_usd": reading.forced_usd,
        "forced_share": reading.forced_share,
        "recovery_1d": math.nan if event.recovery_1d is None else event.recovery_1d,
        "recovery_7d": math.nan if event.recovery_7d is None else event.recovery_7d,
    }
    notes: dict[str, tuple[str, ...]] = {
        "age": (f"since it was known, {iso(event.known_at)}; {state}",),
        "depth": (f"{event.before:,.6g} to {event.at_trough:,.6g} base units; {state}",),
        "most_within": ("nine tenths of the fall",),
        "forced_usd": ("reported, both sides: a floor", *unheard),
        "forced_share": (
            "liquidated over the fall of open interest; above 1 where those liquidated were replaced",
            *unheard,
        ),
        **dict.fromkeys(
            ("recovery_1d", "recovery_7d"), ("share of the fall that came back after the trough",)
        ),
    }
    band = (reading.forced_low / reading.fall_usd, reading.forced_high / reading.fall_usd)
    for name, unit in _OF_THE_LAST:
        known = math.isfinite(values[name])
        not_yet = () if known or not name.startswith("recovery") else ("not known yet, or not observed",)
        forced = name.startswith("forced")
        yield write.fact(
            f"deleveraging.last.{name}",
            values[name],
            unit,
            f"{total.source} and reported liquidations" if forced else total.source,
            window=window,
            coverage=reading.listened if forced else None,
            band=band if name == "forced_share" and band[0] < band[1] else None,
            notes=(*notes.get(name, ()), *not_yet),
        )
