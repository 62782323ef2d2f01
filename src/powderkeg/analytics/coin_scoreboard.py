"""Models fitted on the earlier half of what was recorded of a venue, and scored on the later one."""

from __future__ import annotations

from dataclasses import replace

from powderkeg.analytics.coin_layers import RecordedVenue
from powderkeg.analytics.scoreboard import Scoreboard, scoreboard
from powderkeg.errors import WindowError
from powderkeg.model.market_frame import LiquidationTotals
from powderkeg.model.times import duration_text

FEWEST = 20
"""Recorded intervals that it takes to fit on one half and to score on the other."""


def fitted_scoreboard(recorded: RecordedVenue, step: int, *, seed: int = 0) -> Scoreboard:
    """Return the scores of all models on the later half of the recorded intervals of one venue.

    Fitted once, on the earlier half; one interval between them is left out. Walk-forward, which
    ``powderkeg score`` does, fits anew before each interval and takes minutes where this takes seconds.

    Parameters
    ----------
    recorded
        What was recorded, and the frame.
    step
        Length of the intervals, milliseconds.
    seed
        As in `powderkeg.analytics.scoreboard.scoreboard`.

    Raises
    ------
    WindowError
        Fewer than 20 intervals were recorded.
    InputError
        Nothing was liquidated on a side in the earlier half.
    """
    intervals = recorded.intervals
    if len(intervals) < FEWEST:
        raise WindowError(
            f"liquidations: {len(intervals)} recorded intervals of {duration_text(step)}; expected at least "
            f"{FEWEST} to fit on one half and score on the other"
        )
    totals = LiquidationTotals(intervals.start, intervals.end, intervals.totals[:, 0], intervals.totals[:, 1])
    return scoreboard(
        replace(recorded.run.frame, liquidations=totals),
        train_end=int(intervals.end[len(intervals) // 2 - 1]),
        step=duration_text(step),
        embargo=duration_text(step),
        seed=seed,
    )
