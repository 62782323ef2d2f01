"""Squeeze predictions against what simulated markets then did.

Truth exists only there. Predictions are made from the true positions and the true book at rest of the moment
before a push, so that what is scored is the mechanism and not the map: how far, how much, and how surely. The
market goes on by rules of its own that none of the predictors knows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from powderkeg.analytics.push_experiments import PushExperiment, push_experiments
from powderkeg.core.cascade_envelope import envelope
from powderkeg.core.cascade_paths import cascade_paths
from powderkeg.core.cascade_rules import BINANCE, CascadeRules
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.times import DAY

FITTED_ON, HELD_OUT = (601, 602, 603), (604, 605, 606)
MODELS = ("paths", "envelope", "book", "book_scaled", "constant_amplification")
PATHS = 200
_HORIZON, _PUSH_SECONDS = 600, 60
# An event that a desk would ask about: the chain adds at least a tenth to the push.
_CHAIN = 0.1
# Displacements and amounts below these count as these in logs.
_LEAST_MOVE, _LEAST_SHARE = 1e-4, 1e-3
_SPREADS = (0.05, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class SqueezeScore:
    """One number of the board.

    Attributes
    ----------
    model
        ``paths`` (Monte Carlo in time), ``envelope`` (all at once), ``book`` (the plain walk), and the latter
        with one factor fitted on other markets: ``book_scaled`` on the distance, and
        ``constant_amplification``, where a constant multiple of the push is forced.
    metric
        ``move_log_mae``: mean |ln(predicted / seen)| of the farthest traded price; ``move_ratio``: median of
        seen over predicted; ``forced_log_mae`` and ``forced_ratio`` (of sums) of the notional forced, in
        units of the push; of ``paths`` also ``coverage_90`` of the farthest price and ``brier`` of "the
        chain adds a tenth to the push", which for others is their yes or no.
    value, low, high
        Over pushes, with the 90 % interval from drawing whole markets' pushes by blocks of a day again.
    n
        Number of pushes.
    """

    model: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class SqueezeBoard:
    """Scores, and a reliability table of the paths' probabilities.

    Attributes
    ----------
    rows
        The scores.
    reliability
        (Lower edge, upper edge, mean probability, share seen, pushes) of each group of probabilities.
    fitted_on, held_out
        Seeds of the markets that factors were fitted on, and of those that are scored.
    """

    rows: tuple[SqueezeScore, ...]
    reliability: tuple[tuple[float, float, float, float, int], ...]
    fitted_on: tuple[int, ...]
    held_out: tuple[int, ...]

    def value(self, model: str, metric: str) -> float:
        """Return one score; KeyError if it is not on the board."""
        for row in self.rows:
            if (row.model, row.metric) == (model, metric):
                return row.value
        raise KeyError((model, metric))

    def as_json(self) -> list[dict[str, Any]]:
        """Return the rows as a list of dictionaries."""
        return [asdict(row) for row in self.rows]


def squeeze_scoreboard(
    fitted_on: Sequence[int] = FITTED_ON,
    held_out: Sequence[int] = HELD_OUT,
    *,
    days: int = 24,
    rules: CascadeRules = BINANCE,
    paths: int = PATHS,
    progress: Callable[[int, int], None] | None = None,
) -> SqueezeBoard:
    """Return the board of pushes into held-out markets.

    Parameters
    ----------
    fitted_on, held_out
        Seeds; no seed may be in both.
    days
        Length of each market.
    rules, paths
        Of the simulation in time; volatility is that of the hour before each push, and the spread of depth is
        that of `_SPREADS` whose 90 % bands come nearest to holding 90 % of the fitted pushes.
    progress
        Called with (markets done, of how many).

    Raises
    ------
    InputError
        A seed is in both groups, or a group is empty.
    """
    if not fitted_on or not held_out or set(fitted_on) & set(held_out):
        raise InputError("seeds: expected two groups of markets, with no market in both")
    pushes = push_experiments([*fitted_on, *held_out], days=days, progress=progress)
    train = [one for one in pushes if one.seed in set(fitted_on)]
    test = [one for one in pushes if one.seed in set(held_out)]
    seen_move = _moves(test)
    seen_forced = np.array([one.forced_notional / one.push for one in test])
    block = np.array([one.seed * 1_000_000 + one.ts // DAY for one in test])

    book_factor = float(np.median(_moves(train) / _book(train)))
    forced_share = float(np.mean([one.forced_notional / one.push for one in train]))
    book, at_once = _book(test), _envelope(test)
    rules = replace(rules, stress_spread=_fitted_spread(train, rules, paths))
    extremes, forced = _paths(test, rules, paths)
    predicted = {
        "paths": (np.median(extremes, axis=1), forced.mean(axis=1), (forced >= _CHAIN).mean(axis=1)),
        "envelope": (at_once[0], at_once[1], (at_once[1] >= _CHAIN).astype(float)),
        "book": (book, np.zeros(len(test)), np.zeros(len(test))),
        "book_scaled": (book * book_factor, np.zeros(len(test)), np.zeros(len(test))),
        "constant_amplification": (
            _book([replace(one, push=one.push * (1 + forced_share)) for one in test]) * book_factor,
            np.full(len(test), forced_share),
            np.full(len(test), float(np.mean([one.forced_notional >= _CHAIN * one.push for one in train]))),
        ),
    }
    rows = []
    for model, (move, share, chance) in predicted.items():
        errors = np.abs(np.log(np.maximum(move, _LEAST_MOVE) / seen_move))
        amounts = np.abs(np.log((share + _LEAST_SHARE) / (seen_forced + _LEAST_SHARE)))
        rows += [
            _scored(model, "move_log_mae", errors, block, np.mean),
            _scored(model, "move_ratio", seen_move / np.maximum(move, _LEAST_MOVE), block, np.median),
            _scored(model, "forced_log_mae", amounts, block, np.mean),
            _scored(model, "brier", (chance - (seen_forced >= _CHAIN)) ** 2, block, np.mean),
        ]
        if share.sum() > 0:
            ratio = float(seen_forced.sum() / share.sum())
            rows.append(SqueezeScore(model, "forced_ratio", ratio, float("nan"), float("nan"), len(test)))
    rows.append(_scored("paths", "coverage_90", _inside(extremes, seen_move), block, np.mean))
    return SqueezeBoard(
        tuple(rows),
        _reliability(predicted["paths"][2], seen_forced >= _CHAIN),
        tuple(fitted_on),
        tuple(held_out),
    )


def _fitted_spread(pushes: Sequence[PushExperiment], rules: CascadeRules, paths: int) -> float:
    seen = _moves(pushes)
    misses = []
    for spread in _SPREADS:
        extremes, _ = _paths(pushes, replace(rules, stress_spread=spread), paths)
        misses.append(abs(_inside(extremes, seen).mean() - 0.9))
    return _SPREADS[int(np.argmin(misses))]


def _inside(extremes: FloatArray, seen: FloatArray) -> FloatArray:
    """Return 1 where what was seen lies in the central 90 % of the paths, and 0 elsewhere."""
    rank = (extremes < seen[:, None]).mean(axis=1)
    return np.asarray((rank > 0.05) & (rank < 0.95), np.float64)


def _moves(pushes: Sequence[PushExperiment]) -> FloatArray:
    return np.array([max(one.traded_displacement, _LEAST_MOVE) for one in pushes])


def _book(pushes: Sequence[PushExperiment]) -> FloatArray:
    return np.array([float(envelope(one.depth, one.forced).book_landing(one.push)) for one in pushes])


def _envelope(pushes: Sequence[PushExperiment]) -> tuple[FloatArray, FloatArray]:
    moves, shares = [], []
    for one in pushes:
        found = envelope(one.depth, one.forced)
        landing = float(found.landing(one.push))
        end = landing if np.isfinite(landing) else float(found.displacement[-1])
        moves.append(end)
        shares.append(float(found.forced_at(end)) / one.push)
    return np.array(moves), np.array(shares)


def _paths(
    pushes: Sequence[PushExperiment], rules: CascadeRules, paths: int
) -> tuple[FloatArray, FloatArray]:
    """Return farthest displacements and forced notional over the push, shape (pushes, paths)."""
    extremes, forced = np.empty((len(pushes), paths)), np.empty((len(pushes), paths))
    for row, one in enumerate(pushes):
        found = cascade_paths(
            one.depth,
            one.forced,
            replace(rules, volatility=max(one.volatility, 1e-7)),
            seed=row,
            push=one.push,
            push_seconds=_PUSH_SECONDS,
            horizon=_HORIZON,
            paths=paths,
        )
        extremes[row], forced[row] = found.extreme, found.forced / one.push
    return extremes, forced


def _scored(
    model: str, metric: str, values: FloatArray, block: IntArray, statistic: Callable[..., Any]
) -> SqueezeScore:
    """Return a statistic with its 90 % interval from drawing blocks again."""
    _, number = np.unique(block, return_inverse=True)
    members = [np.flatnonzero(number == one) for one in range(int(number.max()) + 1)]
    generator = np.random.default_rng(0)
    draws = [
        float(statistic(values[np.concatenate([members[one] for one in chosen])]))
        for chosen in generator.integers(0, len(members), (200, len(members)))
    ]
    low, high = np.quantile(draws, (0.05, 0.95))
    return SqueezeScore(model, metric, float(statistic(values)), float(low), float(high), len(values))


def _reliability(chance: FloatArray, seen: BoolArray) -> tuple[tuple[float, float, float, float, int], ...]:
    edges = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (chance >= low) & ((chance < high) | (high == 1.0))
        if inside.any():
            rows.append(
                (low, high, float(chance[inside].mean()), float(seen[inside].mean()), int(inside.sum()))
            )
    return tuple(rows)
