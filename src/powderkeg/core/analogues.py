"""Past times whose state was nearest to the present one, what followed, and whether that differs from chance.

Features are centred on their median and divided by their spread, the 25th to 75th percentile over 1.349 (a
standard deviation, if they are normal), over the history that is searched. The distance of two states is the
root of the mean squared difference over the features: 1 is about one standard deviation in each.

Whether what followed differs from what follows any time is asked with rotations: the chosen times are moved
together along the history, around its end, by every step. That keeps how they bunch and how outcomes persist,
which drawing single times at random would not, and needs no random numbers. A p value is the share of these
rotations, the true one among them, whose mean outcome lies as far from that of all history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray

FEWEST_STATES = 50
"""Fewer past states than this are no history to search."""
_NORMAL_QUARTILES = 1.3489795003921634


@dataclass(frozen=True, slots=True, kw_only=True)
class Analogues:
    """The nearest past states.

    Attributes
    ----------
    rows
        Numbers of the states in the history, nearest first, shape (k,).
    distances
        Of each from the present state, shape (k,).
    features
        Names of those that were used.
    dropped
        Feature -> why it was not.
    searched
        Numbers of all states that could have been chosen, ascending, shape (n,).
    typical
        Median distance of those from the present state: what is far nearer is alike.
    usual
        Median distance of the searched states from each other, over neighbours half the history apart.
    """

    rows: IntArray
    distances: FloatArray
    features: tuple[str, ...]
    dropped: dict[str, str]
    searched: IntArray
    typical: float
    usual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatFollowed:
    """Outcomes after the analogues beside those of all times searched.

    Attributes
    ----------
    outcomes
        After each analogue, in their order; NaN where it is not known.
    mean, median, low, high
        Of those known: 5th and 95th percentile are `low` and `high`. NaN without any.
    known
        How many are known.
    all_mean, all_median, all_low, all_high, all_known
        The same of all times searched.
    p_value
        See the module; NaN with fewer than three outcomes.
    rotations
        How many it was counted over.
    """

    outcomes: FloatArray
    mean: float
    median: float
    low: float
    high: float
    known: int
    all_mean: float
    all_median: float
    all_low: float
    all_high: float
    all_known: int
    p_value: float
    rotations: int


def nearest_states(
    history: Mapping[str, FloatArray],
    now: Mapping[str, float],
    *,
    count: int,
    apart: int,
    until: int | None = None,
) -> Analogues:
    """Return the past states nearest to the present one, none two of them within `apart` rows.

    Parameters
    ----------
    history
        Feature -> its value at each past time, evenly spaced, ascending, shape (n,); NaN where not known.
    now
        Feature -> its present value; NaN where not known, and then it is left out, and said so. So is a
        feature of which less than half of the history is known, or whose spread is 0.
    count
        How many to choose, from 1; fewer where there are not as many.
    apart
        Rows between two of them at least, from 1: as many as an outcome lasts, so that none counts twice.
    until
        Number of the first row that may not be chosen: what followed it is not known yet. All by default.

    Raises
    ------
    InputError
        A number is too small, shapes differ, no feature is left, or fewer than fifty states are.
    """
    if count < 1 or apart < 1:
        raise InputError(f"count, apart: {count}, {apart}; expected 1 or more")
    shapes = {values.shape for values in history.values()}
    if len(shapes) != 1 or set(history) != set(now):
        raise InputError(
            f"history: {', '.join(history) or 'nothing'} of shapes {sorted(shapes)}; expected one shape, and "
            f"the features of now, {', '.join(now)}"
        )
    (length,) = shapes.pop()
    stop = length if until is None else min(until, length)
    scaled, present, dropped = _scaled(history, now, stop)
    if not scaled:
        raise InputError(f"history: no feature can be compared: {_reasons(dropped)}")
    states, point = np.column_stack(list(scaled.values())), np.array(list(present.values()))
    searched = np.flatnonzero(np.isfinite(states).all(axis=1))
    if len(searched) < FEWEST_STATES:
        raise InputError(
            f"history: {len(searched)} past states with {', '.join(scaled)}; expected {FEWEST_STATES} or more"
        )
    distance = np.sqrt(np.mean(np.square(states[searched] - point), axis=1))
    chosen: list[int] = []
    for place in np.argsort(distance, kind="stable").tolist():
        row = int(searched[place])
        if all(abs(row - int(searched[other])) >= apart for other in chosen):
            chosen.append(place)
            if len(chosen) == count:
                break
    half = len(searched) // 2
    pairs = states[searched[half:]] - states[searched[: len(searched) - half]]
    return Analogues(
        rows=searched[chosen],
        distances=distance[chosen],
        features=tuple(scaled),
        dropped=dropped,
        searched=searched,
        typical=float(np.median(distance)),
        usual=float(np.median(np.sqrt(np.mean(np.square(pairs), axis=1)))),
    )


def what_followed(found: Analogues, outcomes: FloatArray) -> WhatFollowed:
    """Return the outcomes after the analogues beside all history, and how often chance does as much.

    Parameters
    ----------
    found
        The analogues.
    outcomes
        What followed each row of the history, shape (n,); NaN where it is not known.
    """
    after = outcomes[found.rows]
    base = outcomes[found.searched]
    known, all_known = after[np.isfinite(after)], base[np.isfinite(base)]
    p_value, rotations = _p_value(found, base)
    return WhatFollowed(
        outcomes=after,
        mean=_mean(known),
        median=_quantile(known, 0.5),
        low=_quantile(known, 0.05),
        high=_quantile(known, 0.95),
        known=len(known),
        all_mean=_mean(all_known),
        all_median=_quantile(all_known, 0.5),
        all_low=_quantile(all_known, 0.05),
        all_high=_quantile(all_known, 0.95),
        all_known=len(all_known),
        p_value=p_value,
        rotations=rotations,
    )


def evidence_words(p_values: Sequence[float]) -> str:
    """Return what the smallest of several p values is worth, given how many were tried, in words.

    The smallest is multiplied by their number (C. E. Bonferroni). The words are about difference from other
    times; none of them says what will happen.
    """
    known = [value for value in p_values if np.isfinite(value)]
    if not known:
        return "too few outcomes are known to say anything"
    corrected = min(1.0, min(known) * len(known))
    tried = f"smallest p {min(known):.2g} of {len(known)} tried, {corrected:.2g} corrected"
    if corrected >= 0.1:
        return f"times chosen without looking differ as much: this shows nothing ({tried})"
    if corrected >= 0.01:
        return f"weak evidence that such times differ from others ({tried}); it does not carry over to now"
    return f"such times did differ from others ({tried}); whether this one will is not known"


def _scaled(
    history: Mapping[str, FloatArray], now: Mapping[str, float], stop: int
) -> tuple[dict[str, FloatArray], dict[str, float], dict[str, str]]:
    scaled: dict[str, FloatArray] = {}
    present: dict[str, float] = {}
    dropped: dict[str, str] = {}
    for name, values in history.items():
        past = values[:stop]
        known = past[np.isfinite(past)]
        if not np.isfinite(now[name]):
            dropped[name] = "not known now"
            continue
        if not len(past) or len(known) < 0.5 * len(past):
            dropped[name] = f"known at {len(known)} of {len(past)} past times"
            continue
        low, middle, high = np.quantile(known, (0.25, 0.5, 0.75)).tolist()
        spread = (high - low) / _NORMAL_QUARTILES
        if spread <= 0:
            dropped[name] = "half of its past values are the same"
            continue
        scaled[name] = (past - middle) / spread
        present[name] = (now[name] - middle) / spread
    return scaled, present, dropped


def _p_value(found: Analogues, base: FloatArray) -> tuple[float, int]:
    """Return the share of rotations that differ as much as the analogues do, and how many were counted."""
    places = np.searchsorted(found.searched, found.rows)
    count = len(base)
    turned = (places[None, :] + np.arange(count)[:, None]) % count
    values = base[turned]
    finite: BoolArray = np.isfinite(values)
    if finite[0].sum() < 3:
        return float("nan"), 0
    # A rotation with fewer outcomes than half of the analogues' would be noise beside theirs.
    enough = finite.sum(axis=1) * 2 >= finite[0].sum()
    means = np.where(finite, values, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    away = np.abs(means - np.nanmean(base))
    as_far = away >= away[0] - 1e-12
    return float(np.mean(as_far[enough])), int(enough.sum())


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _quantile(values: FloatArray, level: float) -> float:
    return float(np.quantile(values, level)) if len(values) else float("nan")


def _reasons(dropped: Mapping[str, str]) -> str:
    return "; ".join(f"{name} is {reason}" for name, reason in dropped.items()) or "none is given"
