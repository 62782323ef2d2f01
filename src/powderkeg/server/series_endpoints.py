"""The endpoint of series: open interest, funding, mark price and volume through time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powderkeg.maps.coin_series import LEAD, coin_series, step_ends
from powderkeg.model.window import Window
from powderkeg.server.answers import answered
from powderkeg.server.coin_maps import CoinMaps, MapRequest
from powderkeg.server.openapi_texts import SERIES, answer
from powderkeg.server.queries import SeriesQuery


def series_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoint over `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["series"])

    @router.get(
        "/series",
        **answer("Open interest, funding, mark price and volume of a coin through time.", SERIES),
    )
    def series(request: Request, query: Annotated[SeriesQuery, Query()]) -> Response:
        asked = query.request(clock())
        step = query.step_length()
        body = maps.answer(("series", step), asked, lambda: series_object(maps, asked, step))
        return answered(request, body)

    return router


def series_object(maps: CoinMaps, request: MapRequest, step: int) -> dict[str, Any]:
    """Return the series of the request's history in steps of `step` milliseconds.

    Raises
    ------
    RequestError
        No venue has bars and open interest in that time.
    """
    last = request.end // step * step
    times = step_ends(Window(last - request.history // step * step, last), step)
    frames, skipped = maps.frames(request, Window(int(times[0]) - step - LEAD, last))
    return coin_series(maps.lake, frames, request.coin, times, step).as_json(skipped)
