"""How many bars does the estimator fold in a second on one core, and how much is that over the numpy twin?"""

from __future__ import annotations

from functools import partial

from rich.table import Table

from benchmarks.measure import timing
from benchmarks.minute_market import YEAR, minute_market, parameters_of
from powderkeg.core import worlds

_TWIN_BARS = 2_000


def table() -> Table:
    """Return the answer for 16 and 64 worlds."""
    year = minute_market(YEAR)
    short = year.rows(0, _TWIN_BARS)
    out = Table("worlds", "a year of 1-minute bars", "bars a second", "numpy twin, bars a second", "ratio")
    for classes in (4, 16):
        parameters = parameters_of(classes)
        state = worlds.init(parameters)
        fast = YEAR / (took := timing(partial(worlds.run, state, year, kernel="numba"))).median
        slow = _TWIN_BARS / timing(partial(worlds.run, state, short, kernel="numpy"), repeats=3).median
        out.add_row(
            str(parameters.worlds),
            str(took),
            f"{fast / 1e6:.2f} million",
            f"{slow:,.0f}",
            f"{fast / slow:,.0f}",
        )
    return out
