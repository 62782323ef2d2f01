"""Scenarios: what happens to the simulated market from outside, never what its traders do about it.

A scenario bends the drift of the efficient price, the depth that market makers offer, the leverage that
traders take and the side they lean to. Squeezes and cascades are not drawn into the price: they come about,
or do not, through the orders that follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

ScenarioName = Literal["calm", "trending", "short_squeeze", "long_cascade", "both"]
_MINUTES_PER_DAY = 1_440


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A stretch of time with conditions of its own.

    Attributes
    ----------
    begin
        Start as a share of the simulated days, in [0, 1).
    days
        Length in days.
    drift
        Log move of the efficient price over the whole episode, spread evenly.
    depth
        Factor on the depth that market makers offer, in (0, 1].
    leverage
        Factor on the leverage of new positions.
    long_bias
        Added to the log-odds that a new position is a long.
    appetite
        Factor on the arrival of new positions.
    push
        What an outsider buys (below 0: sells) at every venue in market orders spread evenly over the episode,
        in multiples of what the book holds within 1 %. He keeps it, and no count of positions has it.
    """

    begin: float
    days: float
    drift: float = 0.0
    depth: float = 1.0
    leverage: float = 1.0
    long_bias: float = 0.0
    appetite: float = 1.0
    push: float = 0.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a scenario does minute by minute; every array has shape (minutes,).

    Attributes
    ----------
    drift
        Log move of the efficient price in the minute.
    depth, leverage, appetite
        Factors, 1 in ordinary times.
    long_bias
        Added to the log-odds of a long.
    push
        What an outsider buys in the minute at each venue, in multiples of the depth within 1 %.
    """

    drift: FloatArray
    depth: FloatArray
    leverage: FloatArray
    long_bias: FloatArray
    appetite: FloatArray
    push: FloatArray


def _squeeze(begin: float, build_up: float, days: float) -> tuple[Episode, ...]:
    """Crowd of levered shorts into a slow decline, then a rise into a thin book."""
    start = begin + build_up / days
    return (
        Episode(begin=begin, days=build_up, drift=-0.03, leverage=1.9, long_bias=-1.9, appetite=1.5),
        Episode(begin=start, days=0.75 / 24, drift=0.025),
        Episode(begin=start, days=3.0 / 24, depth=0.2),
    )


def _cascade(begin: float, build_up: float, days: float) -> tuple[Episode, ...]:
    """Crowd of levered longs into a slow rise, then bad news into a thin book."""
    start = begin + build_up / days
    return (
        Episode(begin=begin, days=build_up, drift=0.01, leverage=2.2, long_bias=1.2, appetite=1.5),
        Episode(begin=start, days=0.5 / 24, drift=-0.035),
        Episode(begin=start, days=3.0 / 24, depth=0.15),
    )


def scenario_episodes(name: ScenarioName, days: int) -> tuple[Episode, ...]:
    """Return the episodes of the scenario `name` over `days` days.

    ``calm`` has none. ``trending`` rises by 1.2 % a day over the middle half, in six legs with pauses.
    ``short_squeeze`` and ``long_cascade`` build up for a fifth of the time, at least two days where there are
    six and at most a week, and let go at two thirds; ``both`` squeezes at two fifths and cascades at four
    fifths.

    Raises
    ------
    InputError
        There is no scenario of that name.
    """
    build_up = min(max(days / 5, min(days / 3, 2.0)), 7.0)
    if name == "calm":
        return ()
    if name == "trending":
        leg = days / 16
        begins = [0.25 + i / 12 for i in range(6)]
        return tuple(
            Episode(begin=begin, days=leg, drift=0.016 * leg, leverage=1.1, long_bias=0.25, appetite=1.2)
            for begin in begins
        )
    if name == "short_squeeze":
        return _squeeze(2 / 3 - build_up / days, build_up, days)
    if name == "long_cascade":
        return _cascade(2 / 3 - build_up / days, build_up, days)
    if name == "both":
        return (
            *_squeeze(2 / 5 - build_up / days, build_up, days),
            *_cascade(4 / 5 - build_up / days, build_up, days),
        )
    raise InputError(f"scenario is {name!r}; expected one of {', '.join(get_args(ScenarioName))}")


def conditions(episodes: tuple[Episode, ...], *, days: int, warm_up_days: int) -> Conditions:
    """Return `episodes` minute by minute, after `warm_up_days` in which nothing happens.

    Where episodes overlap, drifts and biases add up and factors multiply. What an episode has beyond the end
    is cut off.

    Raises
    ------
    InputError
        An episode begins outside [0, 1), has no length, or one of its factors is not positive.
    """
    minutes = (days + warm_up_days) * _MINUTES_PER_DAY
    drift, bias, push = np.zeros(minutes), np.zeros(minutes), np.zeros(minutes)
    depth, leverage, appetite = np.ones(minutes), np.ones(minutes), np.ones(minutes)
    for episode in episodes:
        if not 0 <= episode.begin < 1:
            raise InputError(f"begin of an episode is {episode.begin}; expected a share in [0, 1)")
        if not math.isfinite(episode.push):
            raise InputError(f"push of an episode is {episode.push}; expected a finite number")
        for field in ("days", "depth", "leverage", "appetite"):
            if not (math.isfinite(getattr(episode, field)) and getattr(episode, field) > 0):
                raise InputError(
                    f"{field} of an episode is {getattr(episode, field)}; expected a positive number"
                )
        first = round((warm_up_days + episode.begin * days) * _MINUTES_PER_DAY)
        length = max(round(episode.days * _MINUTES_PER_DAY), 1)
        inside = slice(first, first + length)
        drift[inside] += episode.drift / length
        push[inside] += episode.push / length
        bias[inside] += episode.long_bias
        depth[inside] *= episode.depth
        leverage[inside] *= episode.leverage
        appetite[inside] *= episode.appetite
    return Conditions(
        drift=drift, depth=depth, leverage=leverage, long_bias=bias, appetite=appetite, push=push
    )
