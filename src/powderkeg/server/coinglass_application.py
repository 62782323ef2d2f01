"""Endpoints at the paths of CoinGlass's API V4, so that scripts need a new base URL and nothing else.

Keys and types are theirs. Beside ``data`` stands ``powderkeg``: kind, time, units, model and what to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request, Response
from starlette.exceptions import HTTPException

from powderkeg.analytics.coin_instruments import DescribedInstruments
from powderkeg.errors import WindowError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, MINUTE, duration
from powderkeg.model.window import Window
from powderkeg.server.answers import tagged
from powderkeg.server.coin_maps import BAR, CoinMaps, MapRequest, coin_of_pair, with_history
from powderkeg.server.coinglass_answers import (
    MODELS,
    about,
    coin_row,
    exchange_rows,
    heatmap_data,
    history_rows,
    map_data,
    order_row,
    sums_by_interval,
)
from powderkeg.server.coinglass_queries import (
    CoinHeatmapQuery,
    CoinHistory,
    CoinList,
    CoinMapQuery,
    ExchangeList,
    Orders,
    PairHeatmap,
    PairHistory,
    PairMap,
    exchange_of,
    exchanges_of,
    history_window,
    past,
    range_length,
)
from powderkeg.server.liquidation_events import events_of_coin, feeds_of_coin
from powderkeg.server.openapi_texts import COMPATIBLE_ANSWERS, NOT_COMPUTED
from powderkeg.server.problem_answers import answer_problems
from powderkeg.server.problems import RequestError, compatible_object
from powderkeg.venues.registry import VENUE_NAMES
from powderkeg.version import __version__

_PREFIX = "/futures/liquidation"
_MOST_ORDERS = 200
_LONGEST_ORDERS = 7 * DAY
_WARM_UP = 30 * DAY
_COLUMNS = 288
_NOT_COMPUTED = {
    f"{_PREFIX}/max-pain": "its definition is not published, and powderkeg computes none; "
    "/v1/clusters lists where most stands on either side",
}
_FLOOR = "reported amounts are a floor: feeds are throttled, and what was not recorded has no row"
_STANDING = "nominal notional that stands at a price under the model; not their estimate"
ModelName = Literal["model1", "model2", "model3"]


def coinglass_application(maps: CoinMaps, clock: Callable[[], int]) -> FastAPI:
    """Return the application, with an OpenAPI document of its own; `clock` tells UTC milliseconds."""
    app = FastAPI(
        title="powderkeg, CoinGlass-compatible",
        version=__version__,
        description=__doc__ or "",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect repeats the host that the request named
    )
    for router in (_recorded(maps.lake, clock), _modelled(maps, clock)):
        app.include_router(router, prefix=_PREFIX, responses=COMPATIBLE_ANSWERS)
    app.include_router(_refused(), prefix=_PREFIX, responses=NOT_COMPUTED)
    answer_problems(app, compatible_object, _refusal)
    return app


def _recorded(lake: Lake, clock: Callable[[], int]) -> APIRouter:
    router = APIRouter(tags=["recorded liquidations"])

    def now() -> int:
        return clock() // MINUTE * MINUTE

    @router.get("/history", summary="Liquidations of a pair by interval.")
    def history(request: Request, query: Annotated[PairHistory, Query()]) -> Response:
        window = history_window(query, now())
        feeds = [(exchange_of(query.exchange).name, query.symbol)]
        sums = sums_by_interval(lake, feeds, window, duration(query.interval))
        rows = history_rows(sums, "long_liquidation_usd", "short_liquidation_usd", repr)
        return _success(request, rows, about("observed", window.end, note=_FLOOR))

    @router.get("/aggregated-history", summary="Liquidations of a coin by interval, over exchanges.")
    def aggregated_history(request: Request, query: Annotated[CoinHistory, Query()]) -> Response:
        window = history_window(query, now())
        names = [one.name for one in exchanges_of(query.exchange_list)]
        feeds = feeds_of_coin(lake, names, query.symbol)
        sums = sums_by_interval(lake, feeds, window, duration(query.interval))
        keys = ("aggregated_long_liquidation_usd", "aggregated_short_liquidation_usd")
        return _success(request, history_rows(sums, *keys, float), about("observed", window.end, note=_FLOOR))

    @router.get("/coin-list", summary="Liquidations of an exchange by coin.")
    def coin_list(request: Request, query: Annotated[CoinList, Query()]) -> Response:
        end = query.end(now())
        asked = exchange_of(query.exchange)
        known = DescribedInstruments.of(lake, asked)
        rows = [
            coin_row(lake, coin, [(asked.name, symbol) for symbol in known.of_coin(coin).symbols], end)
            for coin in known.coins()
        ]
        return _success(request, rows, about("observed", end, note=_FLOOR))

    @router.get("/exchange-list", summary="Liquidations of a coin by exchange.")
    def exchange_list(request: Request, query: Annotated[ExchangeList, Query()]) -> Response:
        end = query.end(now())
        feeds = feeds_of_coin(lake, VENUE_NAMES, query.symbol)
        rows = exchange_rows(lake, feeds, Window(end - duration(query.range), end))
        return _success(request, rows, about("observed", end, note=_FLOOR))

    @router.get("/order", summary="Single liquidations, the newest first.")
    def order(request: Request, query: Annotated[Orders, Query()]) -> Response:
        end = past(query.end_time, "end_time", query.end(now()))
        start = end - DAY if query.start_time is None else past(query.start_time, "start_time", end)
        if not 0 < end - start <= _LONGEST_ORDERS:
            raise RequestError(
                422, "invalid_parameter", "start_time: expected at most 7 days before end_time", "start_time"
            )
        names = [exchange_of(query.exchange).name]
        events = events_of_coin(lake, names, query.symbol, Window(start, end))
        large = [one for one in events if one.notional >= query.min_liquidation_amount][-_MOST_ORDERS:]
        large.reverse()
        rows = [order_row(one, query.symbol.upper()) for one in large]
        sides = [one.position_side for one in large]
        return _success(request, rows, about("observed", end, note=_FLOOR, position_side=sides))

    return router


def _modelled(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    router = APIRouter(tags=["maps"])

    def heatmap_of(
        request: Request, coin: str, venues: tuple[str, ...], model: ModelName, end: int, length: int
    ) -> Response:
        asked = MapRequest(coin.upper(), venues, end // BAR * BAR, length + _WARM_UP, MODELS[model])
        step = max(BAR, length // _COLUMNS // BAR * BAR)
        try:
            found = maps.heatmap(asked, asked.end - length, step)
        except WindowError:  # the lake does not reach back that far
            found = maps.heatmap(replace(asked, history=length), None, step)
        total = found.summed.total
        meta = about("modelled", int(total.times[-1]), model=MODELS[model], note=_STANDING)
        return _success(request, heatmap_data(total), {**meta, "volume": "not held; always 0"})

    def map_of(request: Request, coin: str, venues: tuple[str, ...], end: int, length: int) -> Response:
        asked = MapRequest(coin.upper(), venues, end // BAR * BAR, length, MODELS["model1"])
        total = maps.map(asked).summed.total
        meta = about("modelled", total.as_of, model=MODELS["model1"], note=_STANDING)
        return _success(
            request, map_data(total), {**meta, "mark_price": total.mark_price, "leverage": "not known; null"}
        )

    @router.get("/heatmap/{model}", summary="A heatmap of a pair.")
    def heatmap(request: Request, model: ModelName, query: Annotated[PairHeatmap, Query()]) -> Response:
        asked = exchange_of(query.exchange)
        coin = coin_of_pair(asked, query.symbol)
        return heatmap_of(request, coin, (asked.name,), model, query.end(clock()), range_length(query.range))

    @router.get("/aggregated-heatmap/{model}", summary="A heatmap of a coin, summed over exchanges.")
    def aggregated_heatmap(
        request: Request, model: ModelName, query: Annotated[CoinHeatmapQuery, Query()]
    ) -> Response:
        return heatmap_of(
            request, query.symbol, with_history(), model, query.end(clock()), range_length(query.range)
        )

    @router.get("/map", summary="A map of a pair.")
    def liquidation_map(request: Request, query: Annotated[PairMap, Query()]) -> Response:
        asked = exchange_of(query.exchange)
        coin = coin_of_pair(asked, query.symbol)
        return map_of(request, coin, (asked.name,), query.end(clock()), range_length(query.range))

    @router.get("/aggregated-map", summary="A map of a coin, summed over exchanges.")
    def aggregated_map(request: Request, query: Annotated[CoinMapQuery, Query()]) -> Response:
        return map_of(request, query.symbol, with_history(), query.end(clock()), range_length(query.range))

    return router


def _refused() -> APIRouter:
    """Return endpoints of theirs that exist and that powderkeg has no honest answer for."""
    router = APIRouter(tags=["not computed"])

    def refuse(request: Request) -> Response:
        path = request.url.path.removeprefix("/api")
        raise RequestError(501, "not_computed", f"{path}: {_NOT_COMPUTED[path]}")

    for path in _NOT_COMPUTED:
        router.add_api_route(
            path.removeprefix(_PREFIX),
            refuse,
            methods=["GET"],
            status_code=501,
            summary="Not computed: answers 501.",
        )
    return router


def _success(request: Request, data: Any, told: dict[str, Any]) -> Response:
    return tagged(request, {"code": "0", "msg": "success", "data": data, "powderkeg": told})


def _refusal(_: Request, error: HTTPException) -> RequestError:
    return RequestError(error.status_code, "refused", str(error.detail))
