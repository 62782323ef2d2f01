"""The endpoint of layers: what a map is the weighted sum of, and what other weights would have scored."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from powderkeg.analytics.coin_layers import (
    SIDES,
    ScoredIntervals,
    VenueLayers,
    coin_layers,
    interval_scores,
    scored_intervals,
    side_floors,
)
from powderkeg.core.named_models import NAMED_MODELS
from powderkeg.maps.coin_frames import skipped_json
from powderkeg.maps.map_run import MapRun
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.model.worlds_parameters import LONG, SHORT, WorldsParameters
from powderkeg.server.answers import answered
from powderkeg.server.coin_maps import CoinMaps, MapRequest
from powderkeg.server.openapi_texts import LAYERS, answer
from powderkeg.server.queries import LayersQuery

RECORDED_TABLES = ("liquidations", "liquidation_totals")
_MOST_INTERVALS = 400
_STEPS = (HOUR, 4 * HOUR, DAY)
_UNITS = {
    "standing": "USD at weight 1 of each class, one side of each contract, axes side (long, short), "
    "distance, turnover, bin; bin i holds prices from exp((first + i) width) to exp((first + i + 1) width)",
    "predicted": "USD at weight 1 of each class, axes interval, side (long, short), distance, turnover; NaN "
    "where the venue recorded nothing",
    "recorded": "USD reported, a floor of what happened, added up over the venues that recorded the interval",
    "distances": "fraction of the entry price, the geometric middle of the class",
    "turnovers": "share of the traded volume that opens and closes positions",
    "weights": "share of one-sided open interest, axes distance, turnover; what is missing to 1 is inert",
}
_NOTE = (
    "what worlds predict of an interval, given the price path in it and their state before it, beside what "
    "was reported of it; nothing is fitted here, and weights that are chosen by this score have seen it"
)


def layers_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoint over `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["maps"])

    @router.get(
        "/layers",
        **answer("What a map is the weighted sum of, and what other weights would have scored.", LAYERS),
    )
    def layers(request: Request, query: Annotated[LayersQuery, Query()]) -> Response:
        asked = query.request(clock())
        score = query.score_length()
        body = maps.answer(
            ("layers", score), asked, lambda: layers_object(maps, asked, score), RECORDED_TABLES, maps.layers
        )
        return answered(request, body)

    return router


def layers_object(maps: CoinMaps, request: MapRequest, score: int) -> dict[str, Any]:
    """Return the layers of a request's map, and the score of its last `score` milliseconds.

    Raises
    ------
    RequestError
        No venue has what the map needs.
    """
    whole, made_of = maps.map_with_runs(request)
    total = whole.summed.total
    layers = coin_layers(made_of.runs)
    step = step_of(score)
    window = Window(request.end - score, request.end)
    scored, without = scored_intervals(maps.lake, made_of.runs, window, step)
    return {
        "coin": request.coin,
        "kind": "modelled",
        "as_of": iso(total.as_of),
        "mark_price": total.mark_price,
        "model": maps.model_of(request),
        "units": _UNITS,
        "classes": _classes(made_of.runs[0].parameters),
        "grid": {"width": layers.grid.width, "first": layers.grid.first, "count": layers.grid.count},
        "venues": [_venue(one) for one in layers.venues],
        "score": None if scored is None else _score(maps, request, scored, step, without),
        "score_reason": None if scored is not None else joined_reasons(without),
        "provenance": total.provenance.as_json(),
        "skipped": skipped_json(made_of.skipped),
    }


def step_of(score: int) -> int:
    """Return the length of intervals of a scored time, in milliseconds: an hour if that makes few enough."""
    return next((step for step in _STEPS if score // step <= _MOST_INTERVALS), _STEPS[-1])


def runs_of_models(maps: CoinMaps, request: MapRequest) -> dict[str, dict[str, MapRun]]:
    """Return the runs of every named model by venue, on the frames of the request."""
    found: dict[str, dict[str, MapRun]] = {}
    for model in NAMED_MODELS:
        runs = maps.runs_of(replace(request, model=model)).runs
        found[model] = {str(run.frame.venue): run for run in runs}
    return found


def model_scores(scored: ScoredIntervals, runs: Mapping[str, Mapping[str, MapRun]]) -> list[dict[str, Any]]:
    """Return the scores of each model, as ``interval_scores`` names them."""
    return [
        {"model": model, **interval_scores(scored.recorded, scored.predicted(by_venue))}
        for model, by_venue in runs.items()
    ]


def numbers(values: FloatArray) -> dict[str, Any]:
    """Return an array for JSON: ``dtype``, ``shape`` and the little-endian bytes in C order as ``base64``."""
    small = np.ascontiguousarray(values, "<f4")
    return {
        "dtype": "float32",
        "shape": list(small.shape),
        "base64": base64.b64encode(small.tobytes()).decode("ascii"),
    }


def _classes(parameters: WorldsParameters) -> dict[str, Any]:
    """Return the classes of worlds: distances as fractions of the entry price, and turnovers."""
    offsets = np.stack([parameters.nearest, parameters.farthest], axis=-1)
    bounds = np.stack([-np.expm1(-offsets[LONG]), np.expm1(offsets[SHORT])])
    return {
        "distances": np.sqrt(bounds.prod(axis=2)).mean(axis=0).tolist(),
        "distance_bounds": {side: found.tolist() for side, found in zip(SIDES, bounds, strict=True)},
        "turnovers": parameters.turnover.tolist(),
    }


def _venue(one: VenueLayers) -> dict[str, Any]:
    frame = one.run.frame
    return {
        "venue": frame.venue,
        "instrument": frame.instrument,
        "as_of": iso(frame.end),
        "mark_price": one.mark_price,
        "basis": one.basis,
        "open_interest": one.open_interest,
        "weights": {
            side: weights.tolist() for side, weights in zip(SIDES, one.run.parameters.weights, strict=True)
        },
        "standing": numbers(one.standing),
    }


def _score(
    maps: CoinMaps, request: MapRequest, scored: ScoredIntervals, step: int, without: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "step": duration_text(step),
        "start": [iso(time) for time in scored.start.tolist()],
        "end": [iso(time) for time in scored.end.tolist()],
        "recorded_long": scored.recorded[:, 0].tolist(),
        "recorded_short": scored.recorded[:, 1].tolist(),
        "recorded_venues": [one.name for one in scored.venues],
        "venues_recorded": scored.counted.tolist(),
        "floors": dict(zip(SIDES, side_floors(scored.recorded), strict=True)),
        "predicted": [{"venue": one.name, **numbers(scored.layers(one))} for one in scored.venues],
        "baselines": model_scores(scored, runs_of_models(maps, request)),
        "not_recorded": skipped_json(without),
        "note": _NOTE,
    }


def joined_reasons(reasons: Mapping[str, str]) -> str:
    """Return venue -> why as one text."""
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
