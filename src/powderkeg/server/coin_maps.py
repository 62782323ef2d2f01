"""Maps and heatmaps of coins as a lake knows them, each computed once for a bar and a state of the lake."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from powderkeg.analytics.coin_instruments import coin_of_main
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.aggregated_heatmap import AggregatedHeatmap, aggregated_heatmap, known_heatmaps
from powderkeg.maps.aggregated_map import AggregatedMap, aggregated_map
from powderkeg.maps.coin_frames import STALE, coin_frames, skipped_json
from powderkeg.maps.map_run import MapRun
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import MINUTE
from powderkeg.model.window import Window
from powderkeg.server.answers import TaggedBody, kept_json
from powderkeg.server.bounded_cache import BoundedCache
from powderkeg.server.held_bytes import held_bytes
from powderkeg.server.problems import RequestError
from powderkeg.venues.registry import venue, venues, venues_with_history
from powderkeg.venues.venue import Venue

BAR = 5 * MINUTE
CALIBRATED = "calibrated"
UNCALIBRATED = VenueModels()
_TABLES = ("bars", "mark_bars", "mark_prices", "open_interest", "funding")


@dataclass(frozen=True, slots=True)
class MapRequest:
    """Which map: all that decides what is in it but the lake.

    Attributes
    ----------
    coin
        In upper case.
    venues
        Names of venues, each once.
    end
        Nothing known later is used; UTC milliseconds, a multiple of a bar's length.
    history
        How much before it the map grows from, in milliseconds.
    model
        Name of the model; None for that of `CoinMaps.model_of`.
    """

    coin: str
    venues: tuple[str, ...]
    end: int
    history: int
    model: str | None = None


_Key = tuple[MapRequest, tuple[Hashable, ...]]


@dataclass(frozen=True, slots=True)
class CoinRuns:
    """One model's pass over each venue that has the coin, and why others have none."""

    runs: tuple[MapRun, ...]
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True)
class CoinMap:
    """The sum over venues; `skipped` says who is left out, and why."""

    summed: AggregatedMap
    skipped: dict[str, str]

    def as_json(self, clusters: int = 20) -> dict[str, Any]:
        """Return what ``powderkeg map COIN --json`` prints."""
        return {**self.summed.as_json(clusters), "skipped": skipped_json(self.skipped)}


@dataclass(frozen=True, slots=True)
class CoinHeatmap:
    """The sum over venues through time; `skipped` says who is left out, and why."""

    summed: AggregatedHeatmap
    skipped: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return what ``powderkeg heatmap COIN --json`` prints."""
        return {**self.summed.as_json(), "skipped": skipped_json(self.skipped)}


class CoinMaps:
    """Maps of a lake, the last ones kept.

    A kept map is used as long as the lake holds the same rows of its market: one that grows gives new maps.

    Parameters
    ----------
    lake
        Where the rows are.
    models
        Calibrations, if there are any.
    megabytes
        How much memory everything that is kept may take, about: half of it runs, which maps are drawn from.

    Attributes
    ----------
    runs, maps, heatmaps
        What answers are made of.
    answers, layers, heatmap_bodies
        Answers as they are sent.
    """

    def __init__(
        self,
        lake: Lake,
        models: VenueModels = UNCALIBRATED,
        megabytes: int = 1_024,
    ) -> None:
        self.lake = lake
        self.models = models
        most = megabytes << 20
        self.runs: BoundedCache[CoinRuns] = BoundedCache(16, most // 2, held_bytes)
        self.maps: BoundedCache[CoinMap] = BoundedCache(64, most // 16, held_bytes)
        self.heatmaps: BoundedCache[CoinHeatmap] = BoundedCache(4, most // 8, held_bytes)
        self.answers: BoundedCache[TaggedBody] = BoundedCache(64, most // 16, held_bytes)
        self.layers: BoundedCache[TaggedBody] = BoundedCache(4, most // 16, held_bytes)
        self.heatmap_bodies: BoundedCache[TaggedBody] = BoundedCache(16, most // 8, held_bytes)

    def model_of(self, request: MapRequest) -> str:
        """Return the model that a request is answered with.

        Without one it is ``calibrated`` where there are parameters for one of its venues at least, and
        ``worlds`` otherwise. Under ``calibrated`` the map of a venue without parameters is that of
        ``worlds``; the `model` of the answer names what was drawn, and its notes who lacks bands.

        Raises
        ------
        RequestError
            ``calibrated`` is asked for, and there are no parameters for any of the venues.
        """
        possible = any(self.models.calibration(name) is not None for name in request.venues)
        if request.model is None:
            return CALIBRATED if possible else self.models.name
        if request.model == CALIBRATED and not possible:
            given = ", ".join(self.models.calibrations) or "no venue"
            raise RequestError(
                404,
                "not_calibrated",
                f"model: 'calibrated' needs parameters for {' or '.join(request.venues)}; the server has "
                f"them for {given}. Fit them with powderkeg calibrate, and start it with --parameters FILE",
                "model",
            )
        return request.model

    def map(self, request: MapRequest) -> CoinMap:
        """Return the map; raises `RequestError` where no venue has what it needs, `LakeError` as the lake."""
        key = self._key(request)
        return self.maps.get(key, lambda: self._made_map(key))

    def map_with_runs(self, request: MapRequest) -> tuple[CoinMap, CoinRuns]:
        """Return the map and the runs that it is drawn from, of one state of the lake; raises as `map`."""
        key = self._key(request)
        return self.maps.get(key, lambda: self._made_map(key)), self._runs(key, STALE)

    def map_json(self, request: MapRequest) -> TaggedBody:
        """Return `CoinMap.as_json` of the map as JSON: bands on every bin take longer than the map itself."""
        return self.answer("map", request, lambda: self.map(request).as_json())

    def heatmap(self, request: MapRequest, start: int | None, step: int | None) -> CoinHeatmap:
        """Return the heatmap from `start` to the request's end, one column every `step` milliseconds.

        Raises
        ------
        InputError, WindowError
            As `powderkeg.maps.aggregated_heatmap.known_heatmaps`, or no venue has what it needs.
        """
        key = self._key(request)
        return self.heatmaps.get((*key, start, step), lambda: self._made_heatmap(key, start, step))

    def answer(
        self,
        name: Hashable,
        request: MapRequest,
        make: Callable[[], dict[str, Any]],
        tables: Sequence[str] = (),
        cache: BoundedCache[TaggedBody] | None = None,
    ) -> TaggedBody:
        """Return what `make` returns as JSON, kept as maps are; arguments and errors as in `body`."""
        return self.body(name, request, lambda: kept_json(make()), tables, cache)

    def body(
        self,
        name: Hashable,
        request: MapRequest,
        make: Callable[[], TaggedBody],
        tables: Sequence[str] = (),
        cache: BoundedCache[TaggedBody] | None = None,
    ) -> TaggedBody:
        """Return what `make` returns, kept as maps are.

        Parameters
        ----------
        name
            Tells it from other answers to the same request, with all that shapes it besides.
        request
            Of which market, and as of when.
        make
            Makes it.
        tables
            Of the lake, read besides those of a map.
        cache
            Where it is kept; with the other answers by default.

        Raises
        ------
        RequestError
            The lake has nothing of the coin.
        """
        key = self._key(request, tables)
        self._require_held(key)
        kept = self.answers if cache is None else cache
        return kept.get((name, *key), make)

    def kept_answer(self, key: Hashable, make: Callable[[], dict[str, Any]]) -> TaggedBody:
        """Return what `make` returns as JSON, kept under a key that names all that it is made of."""
        return self.answers.get(key, lambda: kept_json(make()))

    def frames(self, request: MapRequest, window: Window) -> tuple[list[MarketFrame], dict[str, str]]:
        """Return a frame for each of a request's venues that has one in a window, and why others have none.

        Raises
        ------
        RequestError
            No venue has one.
        """
        return self._frames(request, window, None)

    def _frames(
        self, request: MapRequest, window: Window, behind: int | None
    ) -> tuple[list[MarketFrame], dict[str, str]]:
        try:
            return coin_frames(self.lake, venues(request.venues), request.coin, window, behind=behind)
        except InputError as error:
            raise RequestError(404, "not_in_data", str(error)) from error

    def runs_of(self, request: MapRequest) -> CoinRuns:
        """Return the runs that the map of a request is drawn from; raises as `map`."""
        return self._runs(self._key(request), STALE)

    def _made_map(self, key: _Key) -> CoinMap:
        found = self._runs(key, STALE)
        return CoinMap(aggregated_map([run.map() for run in found.runs], key[0].coin), found.skipped)

    def _made_heatmap(self, key: _Key, start: int | None, step: int | None) -> CoinHeatmap:
        # Who broke off long ago was there before.
        found = self._runs(key, None)
        known, without = known_heatmaps(found.runs, start, step)
        skipped = found.skipped | {name.partition(":")[0]: reason for name, reason in without.items()}
        return CoinHeatmap(aggregated_heatmap(known, key[0].coin), skipped)

    def _runs(self, key: _Key, behind: int | None) -> CoinRuns:
        self._require_held(key)
        return self.runs.get((*key, behind), lambda: self._made_runs(key[0], behind))

    def _require_held(self, key: _Key) -> None:
        request, found = key
        if not found:
            raise RequestError(
                404,
                "unknown_coin",
                f"coin: the lake has nothing of {request.coin!r} at {', '.join(request.venues)}",
                "coin",
            )

    def _made_runs(self, request: MapRequest, behind: int | None) -> CoinRuns:
        window = Window(request.end - request.history, request.end)
        frames, skipped = self._frames(request, window, behind)
        models = self.models if request.model == CALIBRATED else VenueModels(str(request.model))
        return CoinRuns(tuple(models.runs(frames)), skipped)

    def _key(self, request: MapRequest, tables: Sequence[str] = ()) -> _Key:
        """Return the request, its model named, with what the lake holds of its markets now.

        That is of the tables of a map, and of `tables`.
        """
        request = replace(request, model=self.model_of(request))
        markets = [
            (table, name, venue(name).symbol(request.coin))
            for name in request.venues
            for table in (*_TABLES, *tables)
        ]
        return request, held(self.lake, markets)


def held(lake: Lake, markets: Iterable[tuple[str, str, str | None]]) -> tuple[Hashable, ...]:
    """Return what tells the rows of these (table, venue, symbol) from those of another time.

    A symbol of None stands for all of the table's at the venue. Raises LakeError for a damaged manifest.
    """
    return tuple(
        (summary.key, summary.rows, summary.parts, summary.size, summary.covered)
        for market in markets
        for summary in lake.datasets(*market)
    )


def with_history() -> tuple[str, ...]:
    """Return the names of the venues of a map when none are named."""
    return tuple(one.name for one in venues_with_history())


def coin_of_pair(asked: Venue, pair: str) -> str:
    """Return the coin whose main perpetual at a venue is `pair`.

    Raises
    ------
    InputError
        It is the main perpetual of no coin.
    """
    coin = coin_of_main(asked, pair)
    if coin is None:
        raise InputError(
            f"symbol: {pair!r} is the main perpetual of no coin at {asked.title}, as {asked.symbol('BTC')} is"
        )
    return coin
