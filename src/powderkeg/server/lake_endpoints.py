"""Endpoints that answer from rows of the lake: instruments, coverage, liquidations and positions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powderkeg.analytics.lake_coverage import coverage_json, coverage_of
from powderkeg.analytics.liquidations_json import liquidations_json
from powderkeg.analytics.measured_positions import measured_positions
from powderkeg.analytics.realised_liquidations import realised_liquidations
from powderkeg.errors import InputError
from powderkeg.ingest.live_tail import LiveTail
from powderkeg.lake.catalogue import found_datasets
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_positions import lake_open_interest, lake_snapshot
from powderkeg.model.times import DAY, MINUTE, SECOND, duration, iso
from powderkeg.model.window import Window
from powderkeg.server.answers import tagged
from powderkeg.server.liquidation_events import events_of_coin, feeds_of_coin
from powderkeg.server.measured_endpoints import census_venue
from powderkeg.server.openapi_texts import DATASET, EVENT, INSTRUMENT, POSITION, answer
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import (
    CoverageQuery,
    EventQuery,
    InstrumentQuery,
    LiquidationQuery,
    PositionQuery,
    cursor_place,
    cursor_text,
    time_of,
    venue_names,
)
from powderkeg.server.tail_events import events_of
from powderkeg.venues.registry import venues

_EVENT_PLACE = re.compile(r"([0-9]{1,15})\+([0-9]{1,9})")
_LONGEST_EVENTS = 31 * DAY
_LONGEST_TOTALS = 400 * DAY


def lake_router(lake: Lake, tail: LiveTail, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoints over `lake` and its live segments; `clock` tells UTC milliseconds."""
    router = APIRouter()

    @router.get(
        "/instruments",
        tags=["lake"],
        **answer(
            "Instruments that the lake describes, by venue and symbol.",
            {"instruments": [INSTRUMENT], "next": None},
        ),
    )
    def instruments(request: Request, query: Annotated[InstrumentQuery, Query()]) -> Response:
        return tagged(request, instrument_page(lake, query))

    @router.get(
        "/coverage",
        tags=["lake"],
        **answer(
            "What the lake holds, and what is missing in it.",
            {"datasets": [DATASET], "unreadable": [], "next": None},
        ),
    )
    def coverage(request: Request, query: Annotated[CoverageQuery, Query()]) -> Response:
        return tagged(request, coverage_page(lake, query))

    @router.get(
        "/liquidations",
        tags=["liquidations"],
        **answer(
            "What venues reported of a coin, per venue and added up.",
            {"coin": "BTC", "kind": "observed", "largest": [EVENT]},
        ),
    )
    def liquidations(request: Request, query: Annotated[LiquidationQuery, Query()]) -> Response:
        window = window_of(query.since, query.until, clock(), _LONGEST_TOTALS)
        asked = venues(venue_names(query.venues))
        if not feeds_of_coin(lake, [one.name for one in asked], query.coin):
            raise RequestError(
                404, "unknown_coin", f"coin: the lake has no liquidations of {query.coin!r}", "coin"
            )
        found = realised_liquidations(
            lake, asked, query.coin, window, interval=query.interval, largest=query.largest
        )
        return tagged(request, liquidations_json(found))

    @router.get(
        "/liquidations/events",
        tags=["liquidations"],
        **answer(
            "Single liquidations of a coin in order of time, page by page.",
            {"coin": "BTC", "liquidations": [EVENT], "next": None},
        ),
    )
    def events(request: Request, query: Annotated[EventQuery, Query()]) -> Response:
        # Up to now, so that what a stream tells from now on goes on from it.
        window = window_of(query.since, query.until, clock(), _LONGEST_EVENTS, step=1)
        return tagged(request, event_page(lake, tail, query, window))

    @router.get(
        "/positions",
        tags=["positions"],
        **answer(
            "Measured positions of a coin close to liquidation. Accounts are pseudonyms.",
            {"coin": "BTC", "kind": "measured", "positions": [POSITION]},
        ),
    )
    def positions(request: Request, query: Annotated[PositionQuery, Query()]) -> Response:
        now = clock() // SECOND * SECOND
        return tagged(request, positions_object(lake, query, time_of(query.at, "at", now)))

    return router


def window_of(since: str, until: str | None, now: int, longest: int, *, step: int = MINUTE) -> Window:
    """Return [since, until) of a query; the end is the last whole `step` in ms without one.

    Raises
    ------
    RequestError
        One is no time, the end is not after the start, or they are further apart than `longest` ms.
    """
    end = time_of(until, "until", now // step * step)
    try:
        start = end - duration(since)
    except InputError:
        start = time_of(since, "since", now)
    if not 0 < end - start <= longest:
        raise RequestError(
            422,
            "invalid_parameter",
            f"since: {since!r}; expected before the end, by at most {longest // DAY} days",
            "since",
        )
    return Window(start, end)


def instrument_page(lake: Lake, query: InstrumentQuery) -> dict[str, Any]:
    """Return the page: ``instruments``, and ``next``, a cursor or null."""
    place = cursor_place(query.cursor, 2)
    name = None if query.venue is None else venue_names(query.venue, "venue")[0]
    keys = sorted(
        (one.key.venue, one.key.symbol)
        for one in found_datasets(lake.root, "instruments", name)
        if place is None or [one.key.venue, one.key.symbol] > place
    )
    page = keys[: query.limit]
    return {
        "instruments": [
            described for venue, symbol in page if (described := _instrument(lake, venue, symbol)) is not None
        ],
        "next": cursor_text(list(page[-1])) if len(keys) > len(page) else None,
    }


def _instrument(lake: Lake, venue: str, symbol: str) -> dict[str, Any] | None:
    rows = lake.read(DatasetKey("instruments", venue, symbol))
    if rows.is_empty():
        return None
    row = rows.row(-1, named=True)
    listed = row["listed_ts"]
    fields = ("base", "quote", "settle", "contract", "contract_size", "tick_size", "quantity_step", "status")
    return {
        "venue": venue,
        "symbol": symbol,
        **{name: row[name] for name in fields},
        "listed": None if listed is None else iso(listed),
        "maximum_leverage": row["maximum_leverage"],
        "as_of": iso(row["ts"]),
    }


def coverage_page(lake: Lake, query: CoverageQuery) -> dict[str, Any]:
    """Return the page as ``powderkeg lake coverage --json`` prints it, with ``next``, a cursor or null."""
    place = cursor_place(query.cursor, 4)
    name = None if query.venue is None else venue_names(query.venue, "venue")[0]
    found = [
        dataset
        for dataset in found_datasets(lake.root, query.table, name, query.symbol)
        if place is None or _place(dataset.key) > place
    ]
    found.sort(key=lambda dataset: _place(dataset.key))
    page = found[: query.limit]
    told = coverage_json(lake, *coverage_of(lake, page))
    return {
        # Not where the lake is on the server's disk.
        "datasets": told["datasets"],
        "unreadable": [
            {**one, "reason": "it cannot be read; the server's lake says why: powderkeg lake verify"}
            for one in told["unreadable"]
        ],
        "next": cursor_text(_place(page[-1].key)) if len(found) > len(page) else None,
    }


def _place(key: DatasetKey) -> list[str]:
    return [key.table, key.venue, key.symbol, key.variant]


def event_page(lake: Lake, tail: LiveTail, query: EventQuery, window: Window) -> dict[str, Any]:
    """Return the page: ``coin``, ``since``, ``until``, ``liquidations``, and ``next``, a cursor or null.

    What is still in live segments is there, too, once.
    """
    place = cursor_place(query.cursor, 1)
    start = window.start
    skip = 0
    if place is not None:
        found = _EVENT_PLACE.fullmatch(place[0])
        if found is None or not window.start <= int(found[1]) < window.end:
            raise RequestError(422, "invalid_parameter", "cursor: it is of another query", "cursor")
        start, skip = int(found[1]), int(found[2])
    names, asked = venue_names(query.venues), Window(start, window.end)
    # Segments first: what is moved into the tables in between is read there.
    heard = events_of(tail.look().liquidations, query.coin)
    known = {one.key: one for one in heard if one.venue in names and asked.start <= one.ts < asked.end}
    known |= {one.key: one for one in events_of_coin(lake, names, query.coin, asked)}
    events = sorted(known.values())
    page = events[skip : skip + query.limit]
    more = len(events) > skip + len(page)
    following = None
    if more:
        last = page[-1].ts
        told = sum(one.ts == last for one in events[: skip + len(page)])
        following = cursor_text([f"{last}+{told}"])
    return {
        "coin": query.coin.upper(),
        "kind": "observed",
        "since": iso(window.start),
        "until": iso(window.end),
        "liquidations": [one.as_json() for one in page],
        "next": following,
    }


def positions_object(lake: Lake, query: PositionQuery, at: int) -> dict[str, Any]:
    """Return what ``powderkeg positions --json`` prints.

    Raises
    ------
    RequestError
        The venue publishes no positions.
    InputError, WindowError
        Nobody holds the coin, or no state of the day before is known.
    """
    venue = census_venue(query.venue)
    snapshot = lake_snapshot(lake, venue, at)
    if query.coin not in snapshot.coins:
        raise RequestError(404, "unknown_coin", f"coin: nobody known holds {query.coin!r}", "coin")
    mark = float(snapshot.mark_price[snapshot.number_of(query.coin)])
    interest = lake_open_interest(lake, venue, query.coin, snapshot.as_of, mark)
    found = measured_positions(
        snapshot, query.coin, near=query.near, limit=query.limit, open_interest=interest
    )
    return found.as_json()
