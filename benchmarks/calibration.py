"""What do a calibration and the bands of a map cost, against the run of the estimator that they rest on?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rich.table import Table

from benchmarks.measure import timing
from benchmarks.minute_market import YEAR, minute_market
from powderkeg.analytics.calibrating import calibration
from powderkeg.maps.map_run import map_run
from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
from powderkeg.model.times import DAY, MINUTE


def table() -> Table:
    """Return the answer for a year of 5-minute bars with daily totals, 64 members."""
    frame = _with_totals(_five_minute_year())
    run = timing(lambda: map_run(frame), repeats=3)
    fit = timing(lambda: calibration(frame), repeats=3)
    plain, fitted = map_run(frame), map_run(frame, calibration(frame))
    out = Table("work", "time", "over the run")
    out.add_row("run of the estimator, 105,120 bars", str(run), "1.0")
    out.add_row("calibration on 365 days, run included", str(fit), f"{fit.median / run.median:.1f}")
    for name, work in (
        ("map without bands", plain.map),
        ("map with 64 members", fitted.map),
        ("its JSON without bands", lambda: plain.map().as_json()),
        ("its JSON, bands on every bin", lambda: fitted.map().as_json()),
    ):
        taken = timing(work, repeats=3)
        out.add_row(name, str(taken), f"{taken.median / run.median:.2f}")
    return out


def _five_minute_year() -> MarketFrame:
    """Return as many bars as a year has five-minute ones, on that clock."""
    frame = minute_market(YEAR // 5)
    return replace(frame, step=5 * MINUTE, ts=frame.start + 5 * MINUTE * np.arange(len(frame)))


def _with_totals(frame: MarketFrame) -> MarketFrame:
    edges = frame.start + DAY * np.arange(2, len(frame) * frame.step // DAY)
    predicted = map_run(frame).predicted_liquidations(edges)
    noise = np.random.default_rng(0).gamma(2.0, 0.25, size=(2, len(edges) - 1))
    totals = LiquidationTotals(
        edges[:-1], edges[1:], predicted.long_notional * noise[0], predicted.short_notional * noise[1]
    )
    return replace(frame, liquidations=totals)
