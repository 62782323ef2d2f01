"""Endpoints about the server: is it well, how fresh is what it serves, and what has it done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from powderkeg.ingest.recorder_child import RecorderReport
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import iso
from powderkeg.server.answers import tagged
from powderkeg.server.bounded_cache import BoundedCache
from powderkeg.server.coin_maps import CoinMaps
from powderkeg.server.openapi_texts import FRESH, RECORDER, answer, refusals
from powderkeg.server.queries import NoQuery
from powderkeg.version import __version__

if TYPE_CHECKING:
    from powderkeg.server.live_events import LiveEvents

_FRESH_TABLES = ("bars", "open_interest", "liquidations")


class ServerMetrics:
    """What is counted of requests, in a registry of its own.

    Attributes
    ----------
    registry
        Where the metrics are.
    requests
        By route and status.
    seconds
        By route: from a request's arrival to the end of its answer.
    """

    def __init__(self, maps: CoinMaps, live: LiveEvents) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "powderkeg_server_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "powderkeg_server_request_seconds", "Time to answer.", ("route",), registry=self.registry
        )
        self.registry.register(_ServerCollector(maps, live))


class _ServerCollector(Collector):
    """Reads caches and stream whenever it is scraped."""

    def __init__(self, maps: CoinMaps, live: LiveEvents) -> None:
        self._caches: dict[str, BoundedCache[Any]] = {
            "maps": maps.maps,
            "answers": maps.answers,
            "runs": maps.runs,
            "heatmaps": maps.heatmaps,
            "layers": maps.layers,
            "heatmap_bodies": maps.heatmap_bodies,
        }
        self._live = live

    def collect(self) -> Iterable[Metric]:
        """Yield hits, misses and sizes of the caches, and clients and events of the stream."""
        for name, meaning in (("hits", "Values that were there."), ("misses", "Values that were made.")):
            counter = CounterMetricFamily(f"powderkeg_server_cache_{name}", meaning, labels=("cache",))
            for cache, values in self._caches.items():
                counter.add_metric([cache], getattr(values, name))
            yield counter
        kept = GaugeMetricFamily("powderkeg_server_cache_kept", "Values kept.", labels=("cache",))
        for cache, values in self._caches.items():
            kept.add_metric([cache], len(values))
        yield kept
        held = GaugeMetricFamily("powderkeg_server_cache_bytes", "Memory of values kept.", labels=("cache",))
        for cache, values in self._caches.items():
            held.add_metric([cache], values.nbytes)
        yield held
        yield GaugeMetricFamily(
            "powderkeg_server_stream_clients", "Clients of the stream.", value=self._live.clients
        )
        yield CounterMetricFamily(
            "powderkeg_server_stream_events", "Events pushed.", value=self._live.sequence
        )
        yield CounterMetricFamily(
            "powderkeg_server_stream_dropped", "Clients dropped for slowness.", value=self._live.dropped
        )


def status_router(
    lake: Lake,
    metrics: ServerMetrics,
    clock: Callable[[], int],
    recorder: Callable[[], RecorderReport] | None,
) -> APIRouter:
    """Return the endpoints; `clock` tells UTC milliseconds, `recorder` how one fares, if it runs beside."""
    router = APIRouter(tags=["server"])
    started = clock()

    @router.get(
        "/health",
        **answer(
            "Whether the lake can be read, how fresh it is, and how the recorder fares.",
            {"status": "ok", "version": __version__, "newest": [FRESH], "recorder": RECORDER},
        ),
    )
    def health(request: Request, query: Annotated[NoQuery, Query()]) -> Response:  # noqa: ARG001
        told = {
            "status": "ok",
            "version": __version__,
            "started": iso(started),
            "newest": newest(lake),
            "recorder": None if recorder is None else recorder().as_json(),
        }
        return tagged(request, told)

    @router.get(
        "/metrics",
        summary="What the server has done, for Prometheus.",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals()},
    )
    def numbers(query: Annotated[NoQuery, Query()]) -> Response:  # noqa: ARG001
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def newest(lake: Lake) -> list[dict[str, Any]]:
    """Return the time of the newest row of each venue's bars, open interest and liquidations.

    Raises
    ------
    LakeError
        A manifest is damaged.
    """
    last: dict[tuple[str, str], int] = {}
    for table in _FRESH_TABLES:
        for one in lake.datasets(table):
            if one.last_ts is not None:
                key = (one.key.venue, table)
                last[key] = max(one.last_ts, last.get(key, 0))
    return [{"venue": venue, "table": table, "last": iso(ts)} for (venue, table), ts in sorted(last.items())]
