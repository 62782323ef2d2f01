"""The endpoint of the scoreboard: models side by side with what was recorded of a coin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from powderkeg.analytics.coin_layers import (
    RecordedVenue,
    ScoredIntervals,
    scored_intervals,
)
from powderkeg.analytics.coin_scoreboard import fitted_scoreboard
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.coin_frames import skipped_json
from powderkeg.maps.map_run import MapRun
from powderkeg.model.times import DAY, HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.server.answers import answered
from powderkeg.server.coin_maps import CoinMaps, MapRequest
from powderkeg.server.layers_endpoints import RECORDED_TABLES, joined_reasons, model_scores, runs_of_models
from powderkeg.server.openapi_texts import SCOREBOARD, answer
from powderkeg.server.queries import ScoreboardQuery

_MOST_INTERVALS = 200
_STEPS = (HOUR, 4 * HOUR, DAY)
_NOT_ASKED = "not asked for: fitted=true, of one venue"
_PROTOCOL = (
    "compared: named models as they are, nothing fitted. fitted: every model fitted once on the earlier half "
    "of the venue's recorded intervals and scored on the later one; not walk-forward, which takes minutes: "
    "`powderkeg score`. All predict from the price path of the interval and a state of before it"
)


def scoreboard_router(maps: CoinMaps, clock: Callable[[], int]) -> APIRouter:
    """Return the endpoint over `maps`; `clock` tells UTC milliseconds."""
    router = APIRouter(tags=["maps"])

    @router.get(
        "/scoreboard",
        **answer("Models side by side with recorded liquidations of a coin.", SCOREBOARD),
    )
    def scoreboard(request: Request, query: Annotated[ScoreboardQuery, Query()]) -> Response:
        asked = query.request(clock())
        score = query.score_length()
        body = maps.answer(
            ("scoreboard", score, query.fitted),
            asked,
            lambda: scoreboard_object(maps, asked, score, fitted=query.fitted),
            RECORDED_TABLES,
        )
        return answered(request, body)

    return router


def scoreboard_object(maps: CoinMaps, request: MapRequest, score: int, *, fitted: bool) -> dict[str, Any]:
    """Return the scores of the last `score` milliseconds of a request's history, of fitted models if asked.

    Raises
    ------
    RequestError
        No venue has what a map needs.
    """
    made_of = maps.runs_of(request)
    step = next((step for step in _STEPS if score // step <= _MOST_INTERVALS), _STEPS[-1])
    window = Window(request.end - score, request.end)
    scored, without = scored_intervals(maps.lake, made_of.runs, window, step)
    runs = {} if scored is None else runs_of_models(maps, request)
    return {
        "coin": request.coin,
        "as_of": iso(request.end),
        "since": iso(window.start),
        "step": duration_text(step),
        "total": None if scored is None else _total(scored, runs),
        "total_reason": None if scored is not None else joined_reasons(without),
        "venues": [] if scored is None else [_venue(one, runs, step, fitted=fitted) for one in scored.venues],
        "not_recorded": skipped_json(without),
        "protocol": _PROTOCOL,
        "skipped": skipped_json(made_of.skipped),
    }


def _total(scored: ScoredIntervals, runs: Mapping[str, Mapping[str, MapRun]]) -> dict[str, Any]:
    """Return what all venues that recorded an interval say of it together."""
    return {
        "start": iso(int(scored.start[0])),
        "end": iso(int(scored.end[-1])),
        "intervals": len(scored.start),
        "compared": model_scores(scored, runs),
    }


def _venue(
    one: RecordedVenue, runs: Mapping[str, Mapping[str, MapRun]], step: int, *, fitted: bool
) -> dict[str, Any]:
    """Return what one venue says: models as they are, and fitted."""
    found, reason = _fitted(one, step) if fitted else (None, _NOT_ASKED)
    alone = ScoredIntervals(
        one.intervals.start,
        one.intervals.end,
        one.intervals.totals,
        (one,),
        np.ones(len(one.intervals), np.int64),
    )
    return {
        "venue": one.name,
        "instrument": one.run.frame.instrument,
        **_total(alone, runs),
        "fitted": found,
        "fitted_reason": reason,
        "notes": list(one.intervals.notes),
    }


def _fitted(one: RecordedVenue, step: int) -> tuple[dict[str, Any] | None, str | None]:
    """Return the scores of fitted models, or None and why there are none."""
    try:
        found = fitted_scoreboard(one, step)
    except (InputError, WindowError) as error:
        return None, str(error)
    told = {
        "start": iso(found.start),
        "end": iso(found.end),
        "scores": found.as_json(),
        "notes": list(found.notes),
    }
    return told, None
