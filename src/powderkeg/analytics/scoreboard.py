"""The scoreboard: models and named baselines in one table, scored on intervals that none of them has seen.

Every model predicts the liquidations of an interval from the price path of that interval and from a state and
parameters of before it. So the scores answer "given where the price went, how much was liquidated", which is
what a map claims to know. They do not answer where the price goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.recorded_intervals import recorded_intervals
from powderkeg.analytics.visited_levels import visited_level_shares
from powderkeg.analytics.walk_forward import MODELS, predictions, walk_forward_splits
from powderkeg.core.event_scores import (
    block_bootstrap_interval,
    crps,
    deviance_skill,
    inside_band,
    log_errors,
    share_below,
    total_floor,
    tweedie_deviance,
)
from powderkeg.errors import InputError
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import LiquidationEvents, MarketFrame
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import DAY, duration, iso, milliseconds

BASELINES = ("diffuse", "fixed_tiers", "range")
SKILL_BASELINE = "range"
BAND_LEVELS = (50, 90)
RELIABILITY_LEVELS = tuple(range(10, 100, 10))
SIDES = ("long", "short")
_BLOCK = 5
_FEWEST_VISITS = 10


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One number of the scoreboard.

    Attributes
    ----------
    model
        Name of the model.
    side
        ``long`` or ``short``.
    metric
        ``log_mae``: mean absolute log error of totals, 0.69 is a factor of two. ``deviance``: mean Tweedie
        deviance with power 1.5. ``deviance_skill``: 1 - deviance / deviance of ``range``, which has no map; 1
        is perfect and 0 no better. ``deviance_skill_over_X``: the same over baseline X. ``total_ratio``:
        predicted over recorded, summed. ``crps``: continuous ranked probability score of the predictive
        distribution, USD. ``coverage_50``, ``coverage_90``: share of totals inside the band that is meant to
        hold so many percent. ``share_below_10`` to ``_90``: share of totals below that quantile of the
        predictive distribution, which a reliable one makes equal. Where the record is of single events with
        prices: ``top_quarter_share``, of the USD on levels that the price visited the share in the quarter
        where the map has most, and ``top_quarter_chance``, what even spreading would put there
        (`powderkeg.analytics.visited_levels`).
    value
        The score.
    low, high
        90 % interval from resampling blocks of five intervals.
    n
        Number of intervals scored.
    """

    model: str
    side: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Scores of several models on the same unseen intervals.

    Attributes
    ----------
    instrument
        ``venue:symbol`` or the symbol.
    start, end
        First and last moment scored, UTC milliseconds.
    rows
        The scores.
    inputs
        Where the data come from and what they cover.
    notes
        What was left out, and the protocol.
    """

    instrument: str
    start: int
    end: int
    rows: tuple[ScoreRow, ...]
    inputs: tuple[SeriesCoverage, ...]
    notes: tuple[str, ...]

    def value(self, model: str, side: str, metric: str) -> float:
        """Return one score; KeyError if it is not on the board."""
        for row in self.rows:
            if (row.model, row.side, row.metric) == (model, side, metric):
                return row.value
        raise KeyError((model, side, metric))

    def as_json(self) -> list[dict[str, Any]]:
        """Return the list of rows that ``powderkeg score --json`` prints."""
        return [{field: getattr(row, field) for field in ScoreRow.__slots__} for row in self.rows]


def scoreboard(
    frame: MarketFrame,
    models: Sequence[str] = MODELS,
    *,
    train_end: str | int | None = None,
    step: str = "1d",
    embargo: str = "1d",
    seed: int = 0,
) -> Scoreboard:
    """Return the scores of `models` on recorded liquidations that they were not fitted on.

    Parameters
    ----------
    frame
        With recorded liquidations.
    models
        ``calibrated``, ``worlds`` (the unfitted prior), ``fixed_tiers`` and ``diffuse`` (one fitted scale per
        side), ``range`` (open interest times a fitted power of the move). Skills need their baseline among
        them.
    train_end
        Nothing after it is fitted on, and everything an embargo after it is scored; by default each interval
        is predicted from the past before it (walk-forward).
    step
        Recorded intervals shorter than this are added up to it.
    embargo
        Time left out between what is fitted on and what is predicted.
    seed
        For the intervals of the scores.

    Raises
    ------
    InputError
        No recorded liquidations, an unknown model, or nothing liquidated on a side.
    WindowError
        Too few intervals to fit on or to predict.
    """
    intervals = recorded_intervals(frame, step)
    recorded = frame.liquidations
    assert recorded is not None  # noqa: S101 - recorded_intervals has refused a frame without any
    splits = walk_forward_splits(
        intervals,
        embargo=duration(embargo, "embargo"),
        train_end=None if train_end is None else milliseconds(train_end, "train_end"),
    )
    if not models:
        raise InputError("models: none given")
    fitted_on = intervals.totals[: splits[0].train]
    floors = np.array([total_floor(fitted_on[:, side]) for side in range(2)])
    asked = tuple(dict.fromkeys(models))
    predicted = predictions(
        frame, intervals, splits, tuple(dict.fromkeys((*asked, SKILL_BASELINE))), floors=floors, seed=seed
    )
    scored = slice(splits[0].test.start, splits[-1].test.stop)
    generator = np.random.default_rng(seed)
    rows: list[ScoreRow] = []
    for side, name in enumerate(SIDES):
        observed, floor = intervals.totals[scored, side], float(floors[side])
        deviances = {
            model: tweedie_deviance(observed, values.mean[scored, side], floor=floor)
            for model, values in predicted.items()
        }
        for model in asked:
            guess, draws = predicted[model].mean[scored, side], predicted[model].draws[:, scored, side]
            columns = {
                "log_mae": (log_errors(observed, guess, floor=floor)[:, None], _mean),
                "deviance": (deviances[model][:, None], _mean),
                "total_ratio": (np.column_stack([guess, observed]), _ratio),
                "deviance_skill": (np.column_stack([deviances[model], deviances[SKILL_BASELINE]]), _skill),
                **{
                    f"deviance_skill_over_{base}": (
                        np.column_stack([deviances[model], deviances[base]]),
                        _skill,
                    )
                    for base in BASELINES
                    if base in asked and base != model
                },
                "crps": (crps(draws, observed)[:, None], _mean),
                **{
                    f"share_below_{level}": (share_below(draws, observed, level / 100)[:, None], _mean)
                    for level in RELIABILITY_LEVELS
                },
                **{
                    f"coverage_{level}": (inside_band(draws, observed, level / 100)[:, None], _mean)
                    for level in BAND_LEVELS
                },
            }
            for metric, (data, statistic) in columns.items():
                low, high = block_bootstrap_interval(data, statistic, generator, block=_BLOCK)
                rows.append(ScoreRow(model, name, metric, statistic(data), low, high, len(observed)))
    if recorded.events is not None:
        window = int(intervals.start[scored][0]), int(intervals.end[scored][-1])
        rows += _visited_rows(
            frame, recorded.events, asked, window, int(intervals.end[splits[0].train - 1]), seed
        )
    protocol = (
        f"walk-forward, each interval predicted from what ended at least {embargo} before it"
        if train_end is None
        else f"fitted once on {splits[0].train} intervals"
    )
    return Scoreboard(
        instrument=frame.instrument,
        start=int(intervals.start[scored][0]),
        end=int(intervals.end[scored][-1]),
        rows=tuple(rows),
        inputs=frame.series,
        notes=(*intervals.notes, protocol, f"scored {iso(int(intervals.start[scored][0]))} onwards"),
    )


def _visited_rows(
    frame: MarketFrame,
    events: LiquidationEvents,
    models: tuple[str, ...],
    window: tuple[int, int],
    fitted_until: int,
    seed: int,
) -> list[ScoreRow]:
    """Return the spatial scores of models that have a map; the calibration is fitted before the window."""
    start, end = window
    runs: dict[str, MapRun] = {}
    if {"calibrated", "worlds", "diffuse"} & set(models):
        worlds = map_run(frame)
        runs = {"worlds": worlds, "diffuse": worlds.reweighted("diffuse")}
        if "calibrated" in models:
            runs["calibrated"] = worlds.reweighted(calibration(frame, until=fitted_until, seed=seed))
    if "fixed_tiers" in models:
        runs["fixed_tiers"] = map_run(frame, "fixed_tiers")
    generator = np.random.default_rng([seed, 1])
    rows = []
    for number, side in enumerate(SIDES):
        for model in models:
            if model not in runs or end - start < 2 * DAY:
                continue
            data = visited_level_shares(runs[model], events, start, end, side=number)
            data = data[data[:, 1] > 0]
            if len(data) < _FEWEST_VISITS:
                continue
            for metric, column in (("top_quarter_share", 0), ("top_quarter_chance", 2)):
                pair = data[:, [column, 1]]
                low, high = block_bootstrap_interval(pair, _ratio, generator, block=_BLOCK)
                rows.append(ScoreRow(model, side, metric, _ratio(pair), low, high, len(pair)))
    return rows


def _mean(data: FloatArray) -> float:
    return float(data.mean())


def _ratio(data: FloatArray) -> float:
    recorded = float(data[:, 1].sum())
    return float(data[:, 0].sum()) / recorded if recorded > 0 else float("nan")


def _skill(data: FloatArray) -> float:
    return deviance_skill(data[:, 0], data[:, 1])
