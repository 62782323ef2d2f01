"""A squeeze of a coin from the lake, as ``powderkeg squeeze COIN --json`` prints it."""

from __future__ import annotations

from typing import Any

from powderkeg.analytics.squeeze import DIRECTION_OF, Squeeze, asked_sides, squeeze
from powderkeg.analytics.squeeze_conditions import ENTRIES_OF_A_SUM, frame_volatility, squeeze_conditions
from powderkeg.analytics.squeeze_paths import squeeze_paths
from powderkeg.core.combined_depth import stressed_depth
from powderkeg.maps.lake_depth import lake_combined_depth
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.times import DAY, MINUTE
from powderkeg.server.answers import TaggedBody
from powderkeg.server.coin_maps import CoinMaps, MapRequest
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import SqueezeQuery, length_of
from powderkeg.venues.registry import venue

DEPTH_TABLES = ("depth_levels", "depth_bands")
PATHS = 2_000
_MOST_PUSHES = 4
_ROOT_SECONDS = 86_400**0.5  # a day's volatility over that of a second


def squeeze_body(maps: CoinMaps, query: SqueezeQuery, now: int) -> TaggedBody:
    """Return the object as JSON, kept as maps are.

    Raises
    ------
    RequestError
        A parameter does not fit, or the lake has nothing of the coin.
    InputError, WindowError
        As `squeeze_answer`.
    """
    asked = query.request(now)
    horizon = length_of(query.horizon, "horizon")
    if not MINUTE <= horizon <= 365 * DAY:
        raise RequestError(
            422, "invalid_parameter", f"horizon: {query.horizon!r}; expected 1m to 365d", "horizon"
        )
    if query.paths and len(query.push) > _MOST_PUSHES:
        raise RequestError(
            422, "too_large", f"paths: of {len(query.push)} pushes; expected at most {_MOST_PUSHES}", "paths"
        )
    shape = query.model_dump_json(exclude={"at"})
    return maps.answer(
        ("squeeze", shape), asked, lambda: squeeze_answer(maps, query, asked, horizon), DEPTH_TABLES
    )


def squeeze_answer(maps: CoinMaps, query: SqueezeQuery, asked: MapRequest, horizon: int) -> dict[str, Any]:
    """Return the object; pushes on a single venue are not computed, and their list is empty.

    Parameters
    ----------
    maps, asked
        Of which map.
    query
        Which pushes.
    horizon
        For touch probabilities, ms.

    Raises
    ------
    InputError, WindowError
        No venue has what the map needs, none has any depth, or a push or price is out of its range.
    """
    found, made_of = maps.map_with_runs(asked)
    total = found.summed.total
    frames = [run.frame for run in made_of.runs]
    instruments = [(str(frame.venue), venue(str(frame.venue)).symbol(asked.coin)) for frame in frames]
    volatility = frame_volatility(frames[0], total.as_of)
    told = []
    for side, prices in asked_sides(query.side, query.to, total.mark_price):
        direction = DIRECTION_OF[side]
        depth = lake_combined_depth(maps.lake, instruments, direction, total.as_of).curve
        report = squeeze(
            total,
            stressed_depth(depth, query.stress),
            pushes=tuple(query.push),
            prices=prices,
            pass_through=1.0 if query.pass_through is None else query.pass_through,
            seed=query.seed,
        )
        around = squeeze_conditions(
            total,
            direction,
            volatility=volatility,
            horizon=horizon,
            prices=tuple(query.to),
            crowding=None,
            crowding_note=ENTRIES_OF_A_SUM,
        )
        told.append(
            {
                **report.as_json(),
                "conditions": around.as_json(),
                "paths": _paths(total, report, query, volatility) if query.paths else [],
                "contagion": [],
                **({"envelope": report.envelope_json()} if query.curve else {}),
            }
        )
    return {"stress": query.stress, "squeezes": told}


def _paths(
    total: LiquidationMap, report: Squeeze, query: SqueezeQuery, volatility: float
) -> list[dict[str, Any]]:
    """Return paths in time of each push that is asked for, or of the largest of the ladder."""
    sizes = query.push or [one.push for one in report.ladder[-1:]]
    return [
        squeeze_paths(
            total,
            report.depth,
            size,
            paths=PATHS,
            seed=query.seed,
            volatility=volatility / _ROOT_SECONDS,
            pass_through=query.pass_through,
        ).as_json()
        for size in sizes
    ]
