"""A squeeze of a coin from the lake, as ``powderkeg squeeze COIN --json`` prints it."""

from __future__ import annotations

from typing import Any

from powderkeg.analytics.squeeze import DIRECTION_OF, asked_sides, squeeze
from powderkeg.analytics.squeeze_conditions import ENTRIES_OF_A_SUM, frame_volatility, squeeze_conditions
from powderkeg.core.combined_depth import stressed_depth
from powderkeg.maps.lake_depth import lake_combined_depth
from powderkeg.model.times import DAY, MINUTE
from powderkeg.server.coin_maps import CoinMaps
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import SqueezeQuery, length_of
from powderkeg.venues.registry import venue


def squeeze_answer(maps: CoinMaps, query: SqueezeQuery, now: int) -> dict[str, Any]:
    """Return the object; paths in time and pushes on a single venue are not computed, and their lists empty.

    Raises
    ------
    InputError, WindowError
        No venue has what the map needs, none has any depth, or a push or price is out of its range.
    """
    asked = query.request(now)
    horizon = length_of(query.horizon, "horizon")
    if not MINUTE <= horizon <= 365 * DAY:
        raise RequestError(
            422, "invalid_parameter", f"horizon: {query.horizon!r}; expected 1m to 365d", "horizon"
        )
    found = maps.map(asked)
    total = found.summed.total
    frames = [run.frame for run in found.made_of.runs]
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
            pass_through=query.pass_through,
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
        told.append({**report.as_json(), "conditions": around.as_json(), "paths": [], "contagion": []})
    return {"stress": query.stress, "squeezes": told}
