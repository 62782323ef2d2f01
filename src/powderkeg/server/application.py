"""The application: every endpoint over one lake, behind one guard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from powderkeg.ingest.live_tail import LiveTail
from powderkeg.ingest.recorder_child import RecorderReport
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.venue_models import VenueModels
from powderkeg.server.coin_maps import UNCALIBRATED, CoinMaps
from powderkeg.server.coinglass_application import coinglass_application
from powderkeg.server.context_endpoints import context_router
from powderkeg.server.lake_endpoints import lake_router
from powderkeg.server.lake_events import LakeEvents
from powderkeg.server.layers_endpoints import layers_router
from powderkeg.server.live_events import LiveEvents
from powderkeg.server.map_endpoints import map_router
from powderkeg.server.measured_endpoints import measured_router
from powderkeg.server.model_endpoint import model_router
from powderkeg.server.page_files import page_files, page_router
from powderkeg.server.problem_answers import answer_problems
from powderkeg.server.problems import RequestError, problem_object
from powderkeg.server.request_guard import COMPATIBLE, RequestGuard
from powderkeg.server.scoreboard_endpoints import scoreboard_router
from powderkeg.server.series_endpoints import series_router
from powderkeg.server.server_rules import ServerRules
from powderkeg.server.status_endpoints import ServerMetrics, status_router
from powderkeg.server.stream_endpoint import stream_router
from powderkeg.server.tail_events import TailEvents
from powderkeg.server.told_liquidations import ToldLiquidations
from powderkeg.venues.registry import VENUE_NAMES, venue
from powderkeg.version import __version__

BASE = "/v1"
_ABOUT = (
    "Liquidation maps, heatmaps, recorded liquidations, squeezes and measured positions from a lake. Objects "
    "are those of the command line's `--json`. Times are ISO 8601 in UTC, shares are fractions, and a number "
    "that does not exist is null. A map says where open interest would be force-closed; it is no forecast."
)


def now() -> int:
    """Return UTC milliseconds."""
    return time.time_ns() // 1_000_000


def application(
    lake: Lake,
    rules: ServerRules,
    clock: Callable[[], int] = now,
    *,
    models: VenueModels = UNCALIBRATED,
    recorder: Callable[[], RecorderReport] | None = None,
) -> FastAPI:
    """Return the ASGI application.

    Parameters
    ----------
    lake
        What is served; nothing else is read, and nothing written.
    rules
        Token and limits.
    clock
        Tells UTC milliseconds.
    models
        Calibrations that maps are drawn with by default.
    recorder
        Tells how the recorder fares that runs beside the server; None where none does.
    """
    maps = CoinMaps(lake, models)
    tail = LiveTail(lake.root, [venue(name) for name in VENUE_NAMES])
    told = ToldLiquidations()
    tables = LakeEvents(maps, clock, told)
    segments = TailEvents(tail, told, tables.ranking, clock)
    live = LiveEvents({segments: rules.tail_seconds, tables: rules.poll_seconds}, rules)
    metrics = ServerMetrics(maps, live)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = rules.workers
        looking = asyncio.create_task(live.run())
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    app = FastAPI(
        title="powderkeg",
        version=__version__,
        description=_ABOUT,
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,  # their pages fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect repeats the host that the request named
        lifespan=lifespan,
    )
    for router in (
        map_router(maps, clock),
        layers_router(maps, clock),
        scoreboard_router(maps, clock),
        series_router(maps, clock),
        context_router(maps, clock),
        measured_router(maps, clock),
        model_router(maps),
        lake_router(lake, tail, clock),
        status_router(lake, metrics, clock, recorder),
        stream_router(live),
    ):
        app.include_router(router, prefix=BASE)
    app.include_router(page_router(page_files()))
    app.mount(COMPATIBLE, coinglass_application(maps, clock))
    answer_problems(app, problem_object, _refusal)
    app.add_middleware(_Measured, metrics=metrics)
    app.add_middleware(RequestGuard, rules=rules)
    return app


def _refusal(request: Request, error: HTTPException) -> RequestError:
    path = request.url.path[:80]
    code = {404: "unknown_path", 405: "method"}.get(error.status_code, "refused")
    return RequestError(error.status_code, code, f"{request.method} {path}: {error.detail}")


class _Measured:
    """ASGI middleware that counts requests by route and status."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # By route, not by path: what is asked for must not make new series.
            found = scope.get("route")
            base = COMPATIBLE if scope["path"].startswith(f"{COMPATIBLE}/") else BASE
            route = "none" if found is None else base + found.path.removeprefix(base)
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
