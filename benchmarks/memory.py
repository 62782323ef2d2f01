"""Does memory stay bounded by the output, however many bars there are?"""

from __future__ import annotations

import tracemalloc

import numpy as np
from rich.table import Table

from benchmarks.minute_market import minute_market, parameters_of
from powderkeg.core import worlds


def table() -> Table:
    """Return the largest sum of arrays held at once during a run, input not counted, by input and output."""
    out = Table("1-minute bars", "columns", "output", "largest sum of arrays", "of which per bar")
    state = worlds.init(parameters_of(16))
    for bars, columns in ((43_200, 0), (525_600, 0), (43_200, 720), (525_600, 720), (525_600, 8_760)):
        frame = minute_market(bars)
        rows = np.linspace(bars // columns, bars - 1, columns).astype(np.int64) if columns else None
        worlds.run(state, frame.rows(0, 100))
        tracemalloc.start()
        result = worlds.run(state, frame, columns=rows)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        output = result.columns.notional.nbytes
        out.add_row(
            f"{bars:,}",
            f"{columns:,}",
            f"{output / 1e6:.0f} MB",
            f"{peak / 1e6:.0f} MB",
            f"{(peak - output) / bars:.0f} bytes",
        )
    return out
