"""How long does a year of 1-minute bars take to a full heatmap, against copying the same output in memory?"""

from __future__ import annotations

from functools import partial

import numpy as np
from rich.table import Table

from benchmarks.measure import timing
from benchmarks.minute_market import YEAR, minute_market, parameters_of
from powderkeg.core import worlds


def table() -> Table:
    """Return the answer for hourly columns over a year and for one column per bar over 30 days."""
    year = minute_market(YEAR)
    out = Table("input", "columns x bins x sides", "worlds", "output", "time", "memory copy", "ratio")
    month = year.rows(0, 30 * 24 * 60)
    for name, frame, every in (("a year, hourly", year, 60), ("30 days, every bar", month, 1)):
        rows = np.arange(every - 1, len(frame), every)
        for classes in (4, 16):
            parameters = parameters_of(classes)
            draw = partial(worlds.run, worlds.init(parameters), frame, columns=rows)
            whole = timing(draw, repeats=3)
            result = draw().columns.notional
            copied = timing(result.copy, repeats=3)
            out.add_row(
                name,
                f"{len(rows):,} x {result.shape[2]:,} x 2",
                str(parameters.worlds),
                f"{result.nbytes / 1e6:.0f} MB",
                str(whole),
                str(copied),
                f"{whole.median / copied.median:.1f}",
            )
    return out
