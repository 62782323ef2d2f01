"""Models side by side with what was recorded: how many dollars, and in which order of days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.recorded_intervals import recorded_intervals
from powderkeg.core.event_scores import rank_correlation
from powderkeg.errors import InputError
from powderkeg.maps.map_run import map_run
from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import iso
from powderkeg.model.worlds_parameters import WorldsParameters
from powderkeg.version import __version__


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One model and side.

    Attributes
    ----------
    model
        Name of the model.
    side
        ``long`` or ``short``: whose positions were liquidated.
    predicted, recorded
        USD over all intervals.
    ratio
        predicted / recorded; None if nothing was recorded.
    rank_correlation
        Spearman's correlation over the intervals; None with fewer than five, or where one side is constant.
    """

    model: str
    side: str
    predicted: float
    recorded: float
    ratio: float | None
    rank_correlation: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models side by side with recorded liquidations over the same intervals.

    Attributes
    ----------
    instrument
        ``venue:symbol`` or the symbol.
    start, end
        The compared intervals, UTC milliseconds, shape (n,).
    recorded_long, recorded_short
        USD recorded in each, shape (n,).
    predicted
        Per model name the USD predicted in each, shape (n, 2) for (long, short).
    rows
        One per model and side.
    inputs
        Where the data come from and what they cover.
    parameter_hashes
        Per model name the hash of its parameters.
    notes
        Intervals that were left out, and why; what a reader has to know of the data.
    """

    instrument: str
    start: IntArray
    end: IntArray
    recorded_long: FloatArray
    recorded_short: FloatArray
    predicted: dict[str, FloatArray]
    rows: tuple[ComparisonRow, ...]
    inputs: tuple[SeriesCoverage, ...]
    parameter_hashes: dict[str, str]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``powderkeg compare --json`` prints."""
        return {
            "instrument": self.instrument,
            "units": {"predicted": "USD", "recorded": "USD"},
            "rows": [{field: getattr(row, field) for field in ComparisonRow.__slots__} for row in self.rows],
            "intervals": [
                {
                    "start": iso(int(self.start[i])),
                    "end": iso(int(self.end[i])),
                    "recorded_long": float(self.recorded_long[i]),
                    "recorded_short": float(self.recorded_short[i]),
                    "predicted": {
                        model: {"long": float(values[i, 0]), "short": float(values[i, 1])}
                        for model, values in self.predicted.items()
                    },
                }
                for i in range(len(self.start))
            ],
            "provenance": {
                "version": __version__,
                "models": [
                    {"name": name, "parameter_hash": digest} for name, digest in self.parameter_hashes.items()
                ],
                "inputs": [series.as_json() for series in self.inputs],
            },
            "notes": list(self.notes),
        }


def comparison(
    frame: MarketFrame, models: Sequence[str | WorldsParameters], *, step: str = "1d"
) -> Comparison:
    """Return the models' predicted liquidations beside those recorded in ``frame.liquidations``.

    An interval counts when its bounds fall between bars, it lies inside the bars, and the open interest was
    known in it; the model has been warmed up on everything before. Nothing is fitted: the ratio shows how far
    the dollars are off, the rank correlation whether the order of the intervals is right. It is not a score;
    much of the order is the size of the move itself.

    Parameters
    ----------
    frame
        With recorded liquidations.
    models
        Names or tables of parameters, at least one.
    step
        Recorded intervals shorter than this are added up to it first, on whole UTC multiples.

    Raises
    ------
    InputError
        The frame has no recorded liquidations, or `models` is empty.
    WindowError
        No recorded interval can be compared.
    """
    if not models:
        raise InputError("models: none given")
    intervals = recorded_intervals(frame, step)
    start, end, actual = intervals.start, intervals.end, intervals.totals

    predicted: dict[str, FloatArray] = {}
    rows = []
    hashes: dict[str, str] = {}
    for model in models:
        run = map_run(frame, model)
        totals = run.predicted_liquidations(intervals.edges)
        values = np.column_stack([totals.long_notional, totals.short_notional])[intervals.numbers]
        name = run.parameters.name
        predicted[name] = read_only(values)
        hashes[name] = run.parameters.parameter_hash
        rows += [
            ComparisonRow(
                model=name,
                side=side,
                predicted=float(values[:, column].sum()),
                recorded=float(actual[:, column].sum()),
                ratio=float(values[:, column].sum() / actual[:, column].sum())
                if actual[:, column].sum() > 0
                else None,
                rank_correlation=rank_correlation(values[:, column], actual[:, column]),
            )
            for column, side in enumerate(("long", "short"))
        ]
    return Comparison(
        instrument=frame.instrument,
        start=read_only(start, np.int64),
        end=read_only(end, np.int64),
        recorded_long=read_only(actual[:, 0]),
        recorded_short=read_only(actual[:, 1]),
        predicted=predicted,
        rows=tuple(rows),
        inputs=frame.series,
        parameter_hashes=hashes,
        notes=(*intervals.notes, *frame.notes),
    )
