"""What a venue offers, read off its declarations: for scripts, for the terminal and for docs/venues.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from powderkeg.model.instrument import Contract, Instrument
from powderkeg.model.market_rows import TABLES
from powderkeg.model.times import DAY, HOUR, MINUTE, duration_text
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.listening import Feed
from powderkeg.venues.venue import Semantics, Venue

# What recorders write of their own.
_OWN_TABLES = frozenset({"gaps", "unreadable_frames"})
TABLE_NAMES = tuple(table.name for table in TABLES if table.name not in _OWN_TABLES and not table.of_accounts)
LIVE, PAST, NOW = "live", "past", "now"
_COIN, _QUOTE = "BTC", "USDT"
_EXAMPLE_DAY = 1_767_225_600_000  # 2026-01-01


class PastSeries(NamedTuple):
    """One series of the past, whether the venue declares one source for all intervals or one for each.

    `intervals`, `depths` and `spans` go together: length of an interval (0 for events), how far back it
    reaches (None without a limit) and what one request holds at most, all in ms.
    """

    table: str
    population: str
    intervals: tuple[int, ...]
    depths: tuple[int | None, ...]
    spans: tuple[int, ...]
    lag: int
    contracts: tuple[str, ...]
    checksummed: bool
    host: str
    endpoint: str


def past_series(venue: Venue) -> tuple[PastSeries, ...]:
    """Return the history of a venue in the order in which its sources are asked."""
    alone = [_series_of(venue, source) for source in venue.history]
    merged = []
    for _, same in groupby(alone, lambda one: one._replace(intervals=(), depths=(), spans=())):
        parts = list(same)
        merged.append(
            parts[0]._replace(
                intervals=tuple(interval for part in parts for interval in part.intervals),
                depths=tuple(depth for part in parts for depth in part.depths),
                spans=tuple(span for part in parts for span in part.spans),
            )
        )
    return tuple(merged)


def _series_of(venue: Venue, source: HistorySource) -> PastSeries:
    contract: Contract = "linear" if "linear" in source.contracts else "inverse"
    instrument = Instrument(venue.name, venue.symbol(_COIN), _COIN, _QUOTE, contract)
    interval = source.intervals[0]
    start = _EXAMPLE_DAY + source.offset
    request = source.request(instrument, Window(start, start + source.span(interval)), interval)
    return PastSeries(
        source.table,
        source.population,
        source.intervals,
        (source.depth,) * len(source.intervals),
        tuple(source.span(one) for one in source.intervals),
        source.lag,
        source.contracts,
        source.checksummed,
        request.host,
        endpoint_text(request),
    )


def endpoint_text(request: Request) -> str:
    """Return method and path of a request, and the ``type`` that a JSON body names."""
    if request.body is None:
        return f"GET {request.path}"
    return f"POST {request.path} {msgspec.json.decode(request.body).get('type', '')}".strip()


def ways_of(venue: Venue, table: str) -> tuple[str, ...]:
    """Return how a venue offers a table: any of ``live``, ``past`` and ``now``; empty if not at all."""
    offers = {
        LIVE: (name for feed in venue.stream.feeds for name in feed.tables),
        PAST: (source.table for source in venue.history),
        NOW: (source.table for source in venue.snapshots),
    }
    return tuple(way for way, tables in offers.items() if table in tables)


def reach_text(venue: Venue, table: str) -> str:
    """Return how far back a table reaches over all its sources: ``no limit``, ``30d`` or ``5d to 120d``."""
    depths = [source.depth for source in venue.history if source.table == table]
    limits = sorted(depth for depth in depths if depth is not None)
    if len(limits) < len(depths):
        return "no limit"
    shortest, longest = about(limits[0]), about(limits[-1])
    return longest if shortest == longest else f"{shortest} to {longest}"


def about(length: int) -> str:
    """Return a length of time in ms: exactly where that is short, else in days or hours to three digits."""
    exact = duration_text(length)
    if len(exact) <= len("30d"):
        return exact
    unit, name = (DAY, "d") if length >= 2 * DAY else (HOUR, "h")
    return f"{length / unit:.3g}{name}" if length < 1000 * unit else f"{length / unit:.0f}{name}"


def intervals_text(intervals: Sequence[int]) -> str:
    """Return lengths of intervals, ``events`` where rows have none."""
    return ", ".join(duration_text(interval) if interval else "events" for interval in intervals)


def depth_text(series: PastSeries) -> str:
    """Return how far back a series reaches."""
    return _of_intervals(series.intervals, series.depths)


def span_text(series: PastSeries) -> str:
    """Return what one request for a series holds at most."""
    return _of_intervals(series.intervals, series.spans)


def _of_intervals(intervals: Sequence[int], lengths: Sequence[int | None]) -> str:
    """Return lengths that are all the same, a number of intervals each, or of the first and the last."""
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return "no limit"
    if len(set(known)) == 1:
        return about(known[0])
    counts = {length // interval for interval, length in zip(intervals, known, strict=True)}
    return f"{counts.pop():,} intervals" if len(counts) == 1 else f"{about(known[0])} to {about(known[-1])}"


def completeness_text(semantics: Semantics) -> str:
    """Return how much of the liquidations that happen the venue's feed carries, in words."""
    if semantics.liquidation_completeness == "one per slot":
        return f"at most one per instrument in {duration_text(semantics.liquidation_slot or MINUTE)}"
    words = {"every": "every one", "unknown": "not known", "none": "none, as there is no public feed"}
    return words[semantics.liquidation_completeness]


def sides_text(semantics: Semantics) -> str:
    """Return how many sides the published open interest counts, in words."""
    return "one side" if semantics.open_interest_sides == 1 else "both sides, halved here"


def stamp_text(semantics: Semantics) -> str:
    """Return when rows of the history of open interest are known, in words."""
    if semantics.open_interest_history_stamp == "instant":
        return "at their time"
    return "at the end of their interval, or nobody says"


def silence_text(feed: Feed) -> str:
    """Return how long a channel may be quiet before its connection is made anew."""
    return "not watched" if feed.silence is None else duration_text(feed.silence)


def channel_text(venue: Venue, feed: Feed) -> str:
    """Return a channel, of the main perpetual where it is of one instrument."""
    return feed.channel("" if feed.every_symbol else venue.symbol(_COIN))


def snapshot_endpoints(venue: Venue) -> list[tuple[str, str, bool, int]]:
    """Return table, endpoint, whether it answers for the whole venue, and ms between two polls."""
    instrument = Instrument(venue.name, venue.symbol(_COIN), _COIN, _QUOTE)
    return [
        (
            source.table,
            endpoint_text(source.request(None if source.whole_venue else instrument)),
            source.whole_venue,
            source.poll,
        )
        for source in venue.snapshots
    ]


def venue_json(venue: Venue) -> dict[str, Any]:
    """Return everything that a venue declares, for scripts; lengths of time are in ms."""
    semantics = venue.semantics
    return {
        "name": venue.name,
        "title": venue.title,
        "main_perpetual": {"coin": _COIN, "symbol": venue.symbol(_COIN)},
        "open_interest": {
            "unit": semantics.open_interest_unit,
            "sides": semantics.open_interest_sides,
            "history_stamp": semantics.open_interest_history_stamp,
        },
        "liquidations": {
            "completeness": semantics.liquidation_completeness,
            "slot_ms": semantics.liquidation_slot,
            "side": semantics.liquidation_side,
            "price": semantics.liquidation_price,
        },
        "clock": semantics.clock,
        "tables": {name: list(ways_of(venue, name)) for name in TABLE_NAMES},
        "unavailable": dict(venue.unavailable),
        "past": [_past_json(series) for series in past_series(venue)],
        "live": [
            {
                "tables": list(feed.tables),
                "channel": channel_text(venue, feed),
                "every_symbol": feed.every_symbol,
                "silence_ms": feed.silence,
                "droppable": feed.droppable,
                "host": feed.host,
            }
            for feed in venue.stream.feeds
        ],
        "now": [
            {"table": table, "endpoint": endpoint, "whole_venue": whole, "poll_ms": poll}
            for table, endpoint, whole, poll in snapshot_endpoints(venue)
        ],
        "hosts": _hosts_json(venue),
        "notes": list(semantics.notes),
        "regimes": [regime._asdict() for regime in semantics.regimes],
    }


def _past_json(series: PastSeries) -> dict[str, Any]:
    each: Iterable[tuple[int, int | None, int]] = zip(
        series.intervals, series.depths, series.spans, strict=True
    )
    return {
        "table": series.table,
        "population": series.population or None,
        "intervals": [
            {
                "interval": duration_text(interval) if interval else None,
                "depth_ms": depth,
                "most_per_request_ms": span,
            }
            for interval, depth, span in each
        ],
        "complete_after_ms": series.lag,
        "contracts": list(series.contracts),
        "checksummed": series.checksummed,
        "host": series.host,
        "endpoint": series.endpoint,
    }


def _hosts_json(venue: Venue) -> list[dict[str, Any]]:
    hosts = []
    for name, url in venue.urls.items():
        limit = venue.limits.get(name)
        hosts.append(
            {
                "name": name,
                "url": url,
                "weight": None if limit is None else limit.weight,
                "period_ms": None if limit is None else limit.period_ms,
            }
        )
    return hosts
