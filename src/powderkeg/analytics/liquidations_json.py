"""Realised liquidations as JSON, for scripts."""

from __future__ import annotations

import math
from typing import Any

from powderkeg.analytics.liquidation_feeds import Feed, throttled_slot
from powderkeg.analytics.realised_imbalance import RealisedImbalance
from powderkeg.analytics.realised_liquidations import (
    RealisedLiquidations,
    VenueLiquidations,
    source_of,
)
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.liquidation_imbalance import LEAST_USD
from powderkeg.model.times import duration_text, iso
from powderkeg.version import __version__

_UNITS = {
    "usd": "USD as reported; dollars of every kind at par",
    "share": "fraction of the time that was listened to, or that totals of the venue cover",
    "price": "quote per base, with its meaning",
    "quantity": "base",
    "headline_percent": "100 x larger / smaller side",
    "imbalance": "(long - short) / (long + short), -1 to 1",
}


def liquidations_json(result: RealisedLiquidations) -> dict[str, Any]:
    """Return everything of a result; what was not recorded is null, and never 0."""
    corrected = [one.venue.name for one in result.venues if one.corrected]
    return {
        "coin": result.coin,
        "kind": "observed",
        "since": iso(result.window.start),
        "until": iso(result.window.end),
        "interval": duration_text(result.interval),
        "units": _UNITS,
        "aggregate": {
            "venues": [one.venue.name for one in result.venues],
            "floor": True,
            "corrected_venues": corrected,
            **_totals(result.whole, 0, corrected=bool(corrected)),
            "intervals": [
                {
                    **bounds,
                    "venues_recorded": result.listened(number),
                    **_totals(result.intervals, number, corrected=bool(corrected)),
                }
                for number, bounds in enumerate(_bounds(result))
            ],
        },
        "venues": [_venue(one, result) for one in result.venues],
        "largest": [order.as_json() for order in result.largest],
        "imbalance": [_imbalance(one) for one in result.imbalances],
        "not_in_lake": [{"venue": one.venue, "reason": one.reason} for one in result.not_in_lake],
        "notes": list(result.notes),
        "version": __version__,
    }


def _bounds(result: RealisedLiquidations) -> list[dict[str, str]]:
    pairs = zip(result.starts.tolist(), result.ends.tolist(), strict=True)
    return [{"start": iso(start), "end": iso(end)} for start, end in pairs]


def _venue(one: VenueLiquidations, result: RealisedLiquidations) -> dict[str, Any]:
    semantics = one.venue.semantics
    return {
        "venue": one.venue.name,
        "completeness": semantics.liquidation_completeness,
        "slot_ms": throttled_slot(one.venue),
        "feeds": [_feed(feed, result) for feed in one.feeds],
        **_totals(one.whole, 0, corrected=one.corrected),
        "gaps": [{"start": iso(gap.ts), "end": iso(gap.end_ts), "reason": gap.reason} for gap in one.gaps],
        "intervals": [
            {**bounds, **_totals(one.intervals, number, corrected=one.corrected)}
            for number, bounds in enumerate(_bounds(result))
        ],
    }


def _feed(feed: Feed, result: RealisedLiquidations) -> dict[str, Any]:
    listened = [part for whole in feed.events.covered if (part := whole.overlap(result.window))]
    return {
        "symbol": feed.symbol,
        "listened": [[iso(part.start), iso(part.end)] for part in listened],
        "event_sources": list(feed.events.sources),
        "price_meanings": sorted(feed.events.meaning.unique()),
        "totals_intervals": [duration_text(length) for length in feed.totals.intervals],
    }


def _totals(totals: WindowTotals, number: int, *, corrected: bool) -> dict[str, Any]:
    known = bool(totals.recorded[number])
    events = totals.events[number].tolist()
    told = math.isfinite(events[0])
    found: dict[str, Any] = {
        "recorded": known,
        "share": float(totals.share[number]),
        "source": source_of(totals, number),
        "long_usd": float(totals.usd[number, 0]),
        "short_usd": float(totals.usd[number, 1]),
        "long_events": int(events[0]) if told else None,
        "short_events": int(events[1]) if told else None,
        "corrected": None,
    }
    if corrected and known:
        found["corrected"] = {
            "saturated": bool(totals.saturated[number]),
            **{
                f"{side}_usd": {
                    "low": float(totals.low[number, column]),
                    "estimate": float(totals.estimate[number, column]),
                    "high": float(totals.high[number, column]),
                }
                for column, side in enumerate(("long", "short"))
            },
        }
    return found


def _imbalance(one: RealisedImbalance) -> dict[str, Any]:
    headline, interval, rank = one.headline, one.interval, one.percentile
    return {
        "window": duration_text(one.window.length),
        "since": iso(one.window.start),
        "until": iso(one.window.end),
        "long_usd": one.long_usd,
        "short_usd": one.short_usd,
        "feeds": [
            {"venue": venue, "symbol": symbol, "share": share}
            for (venue, symbol), share in one.shares.items()
        ],
        "headline": headline
        and {
            "percent": headline.percent,
            "direction": headline.direction,
            "small_denominator": headline.small,
            "least_denominator_usd": LEAST_USD,
        },
        "imbalance": one.imbalance,
        "floor_usd": LEAST_USD,
        "interval_90": interval and [interval.low, interval.high],
        "interval_blocks": interval and interval.blocks,
        "percentile": rank and rank.share,
        "percentile_feeds": [{"venue": venue, "symbol": symbol} for venue, symbol in one.compared],
        "history_windows": one.history_windows,
        "history_below_floor": one.history_below_floor,
    }
