"""Endpoints of measured maps and heatmaps: the positions that a census has put into the lake, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_measured import lake_measured_heatmap, lake_measured_map
from powderkeg.maps.lake_positions import lake_snapshot
from powderkeg.model.times import MINUTE
from powderkeg.server.answers import TaggedBody, answered
from powderkeg.server.coin_maps import CoinMaps, held
from powderkeg.server.heatmap_bytes import MEDIA_TYPE
from powderkeg.server.map_endpoints import heatmap_body
from powderkeg.server.openapi_texts import BIN, COLUMN, MEASURED, answer
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import MeasuredHeatmapQuery, MeasuredMapQuery, time_of, venue_names
from powderkeg.venues.census import PERPETUALS
from powderkeg.venues.registry import venue


def measured_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoints over the lake of `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["measured"])

    @router.get(
        "/measured/map",
        **answer(
            "The liquidation levels of known positions, counted: how much of the market they are is told.",
            {**MEASURED, "bins": [BIN], "measured": {"levels": "published", "scaled": False}},
        ),
    )
    def measured_map(request: Request, query: Annotated[MeasuredMapQuery, Query()]) -> Response:
        at = time_of(query.at, "at", clock() // MINUTE * MINUTE)
        name = census_venue(query.venue)
        # Betas are those of bars, of every coin that is held.
        betas = [("bars", name, None)] if query.levels == "joint" else []
        markets = [
            *census_markets(name, query.coin),
            ("open_interest", name, query.coin),
            ("leverage_tiers", name, None),
            *betas,
        ]
        body = maps.kept_answer(
            ("measured", query, name, at, held(maps.lake, markets)),
            lambda: measured_object(maps.lake, query, name, at),
        )
        return answered(request, body)

    @router.get(
        "/measured/heatmap",
        **answer(
            "Published levels of known positions through time, each column as it was known then.",
            {"instrument": "hyperliquid:BTC", "kind": "measured", "columns": [COLUMN]},
            {MEDIA_TYPE: {}},
        ),
    )
    def measured_heatmap(request: Request, query: Annotated[MeasuredHeatmapQuery, Query()]) -> Response:
        start, end, step = query.window(clock() // MINUTE * MINUTE)
        name = census_venue(query.venue)

        def made() -> TaggedBody:
            found = lake_measured_heatmap(maps.lake, name, query.coin, start, end, step)
            return heatmap_body(found.heatmap, found.as_json(), query.format)

        markets = census_markets(name, query.coin)
        key = ("measured", name, query.coin, start, end, step, query.format, held(maps.lake, markets))
        return answered(request, maps.heatmap_bodies.get(key, made))

    return router


def measured_object(lake: Lake, query: MeasuredMapQuery, name: str, at: int) -> dict[str, Any]:
    """Return what ``powderkeg map COIN --measured --json`` prints.

    Raises
    ------
    RequestError
        Nobody known holds the coin.
    InputError, WindowError
        No state of the day before is known, or open interest that `scaled` needs is not.
    """
    snapshot = lake_snapshot(lake, name, at)
    try:
        snapshot.number_of(query.coin)
    except InputError as error:
        raise RequestError(404, "unknown_coin", f"coin: nobody known holds {query.coin!r}", "coin") from error
    found = lake_measured_map(lake, snapshot, query.coin, levels=query.levels, scaled=query.scaled)
    return found.as_json()


def census_venue(named: str) -> str:
    """Return the name of a venue that publishes positions.

    Raises
    ------
    RequestError
        It is no venue, or it publishes none.
    """
    found = venue(venue_names(named, "venue")[0])
    if found.census is None:
        raise RequestError(404, "not_published", f"venue: {found.name} publishes no positions", "venue")
    return found.name


def census_markets(name: str, coin: str) -> list[tuple[str, str, str | None]]:
    """Return the datasets that measured maps of a coin are counted from: (table, venue, symbol)."""
    return [
        ("account_states", name, PERPETUALS),
        ("positions", name, PERPETUALS),
        ("mark_prices", name, coin),
    ]
