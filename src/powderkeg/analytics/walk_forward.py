"""Predictions of intervals from what was known before them: every model fitted on the past alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.analytics.recorded_intervals import RecordedIntervals
from powderkeg.core.calibration import (
    FEWEST_INTERVALS,
    calibrated_side,
    expected_liquidations,
    fitted_scale,
)
from powderkeg.core.event_scores import tweedie_deviance
from powderkeg.core.laws import Law, LawTable, all_laws, single_distance_laws
from powderkeg.core.named_models import model_parameters
from powderkeg.core.tweedie import tweedie_draws
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import iso

# Intervals left out before each fold when the stage of a calibration is chosen.
_INNER_EMBARGO = 1
# Powers of the move that the range baseline chooses from.
_POWERS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
# Draws of a predicted total: members of an ensemble come round as often as they have to.
DRAWS = 256


@dataclass(frozen=True, slots=True)
class Split:
    """Which intervals are fitted on, and which are then predicted.

    Attributes
    ----------
    train
        Number of intervals from the first that are fitted on.
    test
        Numbers of the predicted intervals.
    """

    train: int
    test: slice


def walk_forward_splits(intervals: RecordedIntervals, *, embargo: int, train_end: int | None) -> list[Split]:
    """Return the splits: one per test interval, or a single one where the end of training is given.

    Without `train_end` each interval from a third of the data on (at least ten intervals and the embargo
    later) is predicted from all that ended at least `embargo` milliseconds before it began. With it, all
    intervals that begin an embargo after it are predicted from those that ended by it.

    Raises
    ------
    WindowError
        There is nothing to fit on or nothing to predict.
    """
    count = len(intervals)
    if train_end is not None:
        train = int(np.count_nonzero(intervals.end <= train_end))
        first = int(np.searchsorted(intervals.start, train_end + embargo))
        if train == 0 or first >= count:
            raise WindowError(
                f"train_end: {iso(train_end)} leaves {train} intervals to fit on and {max(count - first, 0)} "
                f"to predict; they reach from {iso(int(intervals.start[0]))} to "
                f"{iso(int(intervals.end[-1]))}"
            )
        return [Split(train, slice(first, count))]
    splits = []
    for number in range(count // 3, count):
        train = int(np.searchsorted(intervals.end, intervals.start[number] - embargo, side="right"))
        if train >= FEWEST_INTERVALS:
            splits.append(Split(train, slice(number, number + 1)))
    if not splits:
        raise WindowError(
            f"liquidations: {count} recorded intervals are too few for walk-forward; at least "
            f"{FEWEST_INTERVALS} have to lie before a predicted one, besides the embargo"
        )
    return splits


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model predicts for all intervals; NaN where no split predicts one.

    Attributes
    ----------
    mean
        Expected totals, USD, shape (n, 2) for (long, short).
    draws
        Totals drawn from the predictive distribution, parameters and noise, shape (DRAWS, n, 2).
    """

    mean: FloatArray
    draws: FloatArray


@dataclass(frozen=True, slots=True)
class _Training:
    """What a model is fitted on, and what it then predicts from: one side of one split."""

    observed: FloatArray
    known: FloatArray
    wanted: FloatArray
    floor: float
    generator: np.random.Generator


def predictions(
    frame: MarketFrame,
    intervals: RecordedIntervals,
    splits: list[Split],
    models: tuple[str, ...],
    *,
    floors: FloatArray,
    seed: int = 0,
) -> dict[str, Predictions]:
    """Return per model what it predicts from the past of each interval.

    ``worlds`` is the unfitted prior. ``calibrated`` fits the worlds in the stage that walk-forward inside the
    training intervals chooses. ``fixed_tiers`` and ``diffuse`` get one fitted scale per side. ``range`` is
    a * open interest * move^b with the move of the interval towards that side, a and b fitted. Around each
    expectation every model has Tweedie noise, with the dispersion of its own training residuals.

    Ablations are ``calibrated`` with one part taken out: ``no_diffuse`` and ``no_prior`` of the laws,
    ``one_class`` with a single distance, ``no_closings`` without turnover by volume, ``no_conservation`` with
    falls of open interest ignored; ``extremes_first`` lets a bar's low and high come before its openings
    instead of after them.

    Raises
    ------
    InputError
        A model does not exist, or nothing was liquidated in a training window.
    """
    unknown = [model for model in models if model not in _PREDICTED]
    if unknown:
        raise InputError(f"models: {unknown[0]!r} cannot be scored; choose from {', '.join(_PREDICTED)}")
    inputs = _inputs(frame, intervals, models)
    out = {}
    for model in models:
        mean = np.full((len(intervals), 2), np.nan)
        draws = np.full((DRAWS, len(intervals), 2), np.nan)
        for split in splits:
            for side in range(2):
                values = inputs[model][:, side]
                training = _Training(
                    intervals.totals[: split.train, side],
                    values[: split.train],
                    values[split.test],
                    float(floors[side]),
                    np.random.default_rng([seed, split.train, side]),
                )
                expected, dispersion = _PREDICTED[model](training)
                mean[split.test, side] = expected.mean(axis=0)
                members = np.resize(expected, (DRAWS, expected.shape[1]))
                draws[:, split.test, side] = tweedie_draws(members, dispersion, training.generator)
        out[model] = Predictions(mean, draws)
    return out


def _inputs(
    frame: MarketFrame, intervals: RecordedIntervals, models: tuple[str, ...]
) -> dict[str, FloatArray]:
    """Return per model what its predictions are made from, shape (n, 2, ...); one run serves what it can."""
    inputs: dict[str, FloatArray] = {}
    on_layers = ("calibrated", "worlds", "no_diffuse", "no_prior", "one_class")
    if {*on_layers, "diffuse"} & set(models):
        run = map_run(frame, "worlds")
        inputs = dict.fromkeys(on_layers, interval_layers(run, intervals))
        inputs["diffuse"] = _totals(run.reweighted("diffuse"), intervals)
    for name, other in (("no_closings", _without_volume), ("no_conservation", _only_growing)):
        if name in models:
            inputs[name] = interval_layers(map_run(other(frame)), intervals)
    if "extremes_first" in models:
        other_order = replace(model_parameters("worlds"), extremes_first=True)
        inputs["extremes_first"] = interval_layers(map_run(frame, other_order), intervals)
    if "fixed_tiers" in models:
        inputs["fixed_tiers"] = _totals(map_run(frame, "fixed_tiers"), intervals)
    if "range" in models:
        inputs["range"] = _moves(frame, intervals)
    return inputs


def interval_layers(run: MapRun, intervals: RecordedIntervals) -> FloatArray:
    """Return what each layer predicts for the recorded intervals, see `MapRun.predicted_layers`."""
    return run.predicted_layers(intervals.edges)[intervals.numbers]


def _totals(run: MapRun, intervals: RecordedIntervals) -> FloatArray:
    totals = run.predicted_liquidations(intervals.edges)
    return np.column_stack([totals.long_notional, totals.short_notional])[intervals.numbers]


def _moves(frame: MarketFrame, intervals: RecordedIntervals) -> FloatArray:
    """Return open interest in USD before each interval and its log move to either side, shape (n, 2, 2)."""
    out = np.empty((len(intervals), 2, 2))
    first = (intervals.start - frame.start) // frame.step
    stop = (intervals.end - frame.start) // frame.step
    for i, (begin, end) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        rows = frame.rows(begin, end)
        seen = rows.valid & np.isfinite(rows.open_interest)
        opened = rows.open[seen][0]
        out[i, :, 0] = rows.open_interest[seen][0] * opened
        out[i, 0, 1] = np.log(opened / rows.low[seen].min())
        out[i, 1, 1] = np.log(rows.high[seen].max() / opened)
    return out


def _dispersion(training: _Training, predicted: FloatArray, fitted: int) -> float:
    misfit = tweedie_deviance(training.observed, predicted, floor=training.floor).sum()
    return max(float(misfit) / max(len(predicted) - fitted, 1), 1e-12)


def _prior(training: _Training) -> tuple[FloatArray, float]:
    releasing = Law().releasing.ravel()
    known, wanted = (rows.reshape(len(rows), -1) @ releasing for rows in (training.known, training.wanted))
    return wanted[None], _dispersion(training, known, 0)


def _calibrated(
    training: _Training, table: LawTable | None = None, stage: int | None = None, *, prior: bool = True
) -> tuple[FloatArray, float]:
    side = calibrated_side(
        training.known,
        training.observed,
        floor=training.floor,
        generator=training.generator,
        embargo=_INNER_EMBARGO,
        table=table,
        stage=stage,
        prior=prior,
    )
    return expected_liquidations(training.wanted, side), side.dispersion


def _without_diffuse(training: _Training) -> tuple[FloatArray, float]:
    return _calibrated(training, all_laws((0.0,)), 2)


def _without_prior(training: _Training) -> tuple[FloatArray, float]:
    return _calibrated(training, all_laws(), 2, prior=False)


def _one_class(training: _Training) -> tuple[FloatArray, float]:
    return _calibrated(training, single_distance_laws(), 2)


def _without_volume(frame: MarketFrame) -> MarketFrame:
    """Return the frame without turnover: positions open and close only as open interest rises and falls."""
    return replace(frame, volume=np.where(frame.valid, 0.0, np.nan))


def _only_growing(frame: MarketFrame) -> MarketFrame:
    """Return the frame with every fall of open interest ignored, as maps draw it whose mass only grows."""
    known = np.isfinite(frame.open_interest)
    rises = np.maximum(np.diff(frame.open_interest[known]), 0.0)
    grown = np.full(len(frame), np.nan)
    grown[known] = frame.open_interest[known][:1].sum() + np.concatenate([[0.0], np.cumsum(rises)])
    return replace(frame, open_interest=grown)


def _scaled(training: _Training) -> tuple[FloatArray, float]:
    scale = fitted_scale(training.observed, training.known, floor=training.floor)
    return (training.wanted * scale)[None], _dispersion(training, training.known * scale, 1)


def _range(training: _Training) -> tuple[FloatArray, float]:
    """Return a * open interest * move^b on the wanted rows, a and b of least deviance on the known ones."""
    best, least = training.wanted[:, 0], np.inf
    for power in _POWERS:
        known, wanted = (rows[:, 0] * rows[:, 1] ** power for rows in (training.known, training.wanted))
        scale = fitted_scale(training.observed, known, floor=float(np.mean(known)) * 1e-6 or 1.0)
        dispersion = _dispersion(training, scale * known, 2)
        if dispersion < least:
            best, least = scale * wanted, dispersion
    return best[None], least


# Each returns the expectation of every member, shape (members, n), and the dispersion of the noise.
_PREDICTED: dict[str, Callable[[_Training], tuple[FloatArray, float]]] = {
    "calibrated": _calibrated,
    "worlds": _prior,
    "fixed_tiers": _scaled,
    "diffuse": _scaled,
    "range": _range,
}
MODELS = tuple(_PREDICTED)
_PREDICTED |= {
    "no_diffuse": _without_diffuse,
    "no_prior": _without_prior,
    "one_class": _one_class,
    "no_closings": _calibrated,
    "no_conservation": _calibrated,
    "extremes_first": _calibrated,
}
ABLATIONS = tuple(_PREDICTED)[len(MODELS) :]
