"""The endpoint of a market's context: what surrounds a coin's map, as facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powderkeg.analytics.market_context import TABLES, VENUE_TABLES, market_context
from powderkeg.errors import InputError
from powderkeg.maps.venue_models import VenueModels
from powderkeg.server.answers import answered
from powderkeg.server.coin_maps import CALIBRATED, CoinMaps, MapRequest, held
from powderkeg.server.openapi_texts import CONTEXT, answer
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import ContextQuery
from powderkeg.venues.registry import venues


def context_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoint over `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["context"])

    @router.get(
        "/context",
        **answer(
            "What surrounds a coin's map: positioning, funding, technical state and more, as facts.", CONTEXT
        ),
    )
    def context(request: Request, query: Annotated[ContextQuery, Query()]) -> Response:
        asked = query.request(clock())
        # Other coins' bars, pools and accounts are in it too, whatever they are called.
        others = held(maps.lake, [(table, name, None) for table in VENUE_TABLES for name in asked.venues])
        shape = ("context", tuple(query.to), others)
        body = maps.answer(shape, asked, lambda: context_object(maps, asked, query.to), TABLES)
        return answered(request, body)

    return router


def context_object(maps: CoinMaps, request: MapRequest, prices: list[float]) -> dict[str, Any]:
    """Return what ``powderkeg context --json`` prints of the request's market.

    Raises
    ------
    RequestError
        The lake has no bars and open interest that reach to that time, or a price is too far from the mark.
    """
    model = maps.model_of(request)
    try:
        found = market_context(
            maps.lake,
            request.coin,
            request.end,
            venues=venues(request.venues),
            prices=prices,
            history=request.history,
            models=maps.models if model == CALIBRATED else VenueModels(model),
        )
    except InputError as error:
        if str(error).startswith("price: "):
            raise RequestError(422, "invalid_parameter", f"to: {error}", "to") from error
        raise RequestError(404, "not_in_data", str(error)) from error
    return found.as_json()
