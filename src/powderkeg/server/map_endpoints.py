"""Endpoints that answer from a map: map, clusters, imbalance, heatmap and squeeze."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from powderkeg.maps.coin_frames import skipped_json
from powderkeg.maps.heatmap import Heatmap
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.server.answers import TaggedBody, answered, json_bytes, kept_json, tagged, tagged_body
from powderkeg.server.coin_maps import CoinMaps, MapRequest
from powderkeg.server.heatmap_bytes import MEDIA_TYPE, heatmap_bytes
from powderkeg.server.openapi_texts import BALANCE, BIN, CLUSTER, COLUMN, ENVELOPE, MAP, SQUEEZE, answer
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import ClusterQuery, HeatmapQuery, MapQuery, SqueezeQuery, length_of, time_of
from powderkeg.server.squeeze_answer import squeeze_body

_MOST_JSON_CELLS = 500_000
_MOST_COLUMNS = 5_000
_JSON_COLUMNS = 300
_JSON_STEPS = (
    *(minutes * MINUTE for minutes in (5, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 12)),
    *(days * DAY for days in (1, 2)),
)
_IDENTITY = ("instrument", "as_of", "mark_price", "kind", "model", "open_interest", "units")


def map_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoints over `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["maps"])

    @router.get(
        "/map",
        **answer(
            "The liquidation map of a coin, summed over venues, with each beside it.", {**MAP, "bins": [BIN]}
        ),
    )
    def liquidation_map(request: Request, query: Annotated[MapQuery, Query()]) -> Response:
        return answered(request, maps.map_json(query.request(clock())))

    @router.get(
        "/clusters",
        **answer("Where most of the notional stands, largest first.", {**MAP, "clusters": [CLUSTER]}),
    )
    def clusters(request: Request, query: Annotated[ClusterQuery, Query()]) -> Response:
        return tagged(request, part_of_map(maps, query.request(clock()), "clusters", query.limit))

    @router.get(
        "/imbalance",
        **answer(
            "Shorts above against longs below, within 1, 2, 5 and 10 %.", {**MAP, "imbalance": [BALANCE]}
        ),
    )
    def imbalance(request: Request, query: Annotated[MapQuery, Query()]) -> Response:
        return tagged(request, part_of_map(maps, query.request(clock()), "imbalance"))

    @router.get(
        "/heatmap",
        **answer(
            "The map through time, each column as it was known then.",
            {"instrument": "BTC", "columns": [COLUMN]},
            {MEDIA_TYPE: {}},
        ),
    )
    def heatmap(request: Request, query: Annotated[HeatmapQuery, Query()]) -> Response:
        now = clock()
        start = None if query.start is None else time_of(query.start, "start", now)
        step = None if query.step is None else length_of(query.step, "step")
        asked = query.request(now)
        begin = asked.end - asked.history if start is None else start
        if step is None and query.format == "json":
            step = json_step(asked.end - begin)
        if step is not None and (asked.end - begin) // step > _MOST_COLUMNS:
            raise RequestError(
                422, "too_large", f"step: more than {_MOST_COLUMNS:,} columns; expected a longer one", "step"
            )

        def made() -> TaggedBody:
            found = maps.heatmap(asked, start, step)
            return heatmap_body(found.summed.total, found.as_json(), query.format)

        name = ("heatmap", start, step, query.format)
        return answered(request, maps.body(name, asked, made, cache=maps.heatmap_bodies))

    @router.get(
        "/squeeze",
        **answer(
            "How far an order would carry the price when it forces others.",
            {"stress": "calm", "squeezes": [{**SQUEEZE, "envelope": ENVELOPE}]},
        ),
    )
    def squeeze(request: Request, query: Annotated[SqueezeQuery, Query()]) -> Response:
        return answered(request, squeeze_body(maps, query, clock()))

    return router


def json_step(length: int) -> int:
    """Return a usual distance of columns in ms, such that JSON has room: at most 300 in `length` ms."""
    return next((step for step in _JSON_STEPS if length <= _JSON_COLUMNS * step), _JSON_STEPS[-1])


def part_of_map(maps: CoinMaps, request: MapRequest, part: str, clusters: int = 20) -> dict[str, Any]:
    """Return what identifies a map with one part of it, as ``powderkeg map --json`` has them."""
    found = maps.map(request)
    whole = found.summed.total.as_json(clusters, ("units", part, "provenance"))
    named = {key: whole[key] for key in (*_IDENTITY, part, "provenance")}
    return {**named, "skipped": skipped_json(found.skipped)}


def heatmap_body(heatmap: Heatmap, described: dict[str, Any], form: str) -> TaggedBody:
    """Return a heatmap with its description as it is sent, `form` being ``json`` or ``binary``.

    Raises
    ------
    RequestError
        There are too many cells for JSON.
    """
    if form == "binary":
        return tagged_body(heatmap_bytes(heatmap, json_bytes(described)), MEDIA_TYPE)
    return kept_json({**described, **cells_of(heatmap)})


def cells_of(heatmap: Heatmap) -> dict[str, Any]:
    """Return the occupied cells: ``edges`` of the bins, and lists of ``column``, ``bin`` and both notionals.

    Raises
    ------
    RequestError
        There are too many for JSON.
    """
    column, place = np.nonzero((heatmap.long_notional > 0) | (heatmap.short_notional > 0))
    if len(column) > _MOST_JSON_CELLS:
        raise RequestError(
            422,
            "too_large",
            f"format: {len(column):,} cells are too many for JSON; expected binary, or a longer step",
            "format",
        )
    return {
        "edges": heatmap.grid.edges.tolist(),
        "cells": {
            "column": column.tolist(),
            "bin": place.tolist(),
            "long_notional": heatmap.long_notional[column, place].tolist(),
            "short_notional": heatmap.short_notional[column, place].tolist(),
        },
    }
