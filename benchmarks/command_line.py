"""How long does a user wait for a map or a heatmap of 119,724 five-minute bars, picture included?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import polars as pl
from rich.table import Table

from benchmarks.measure import timing
from benchmarks.minute_market import minute_market
from powderkeg.model.times import HOUR, MINUTE

_BARS = 119_724


def table() -> Table:
    """Return the time of whole commands, interpreter start included, after a first one."""
    frame = minute_market(_BARS)
    # The same rows labelled as five-minute bars: the work is the same.
    ts = frame.start + pl.arange(0, _BARS, eager=True) * 5 * MINUTE
    program = [sys.executable, "-c", "from powderkeg.cli.main import main; main()"]
    with tempfile.TemporaryDirectory() as folder:
        bars, interest = Path(folder) / "bars.parquet", Path(folder) / "interest.parquet"
        columns = {name: getattr(frame, name) for name in ("open", "high", "low", "close", "volume")}
        pl.DataFrame({"ts": ts, **columns}).write_parquet(bars)
        hourly = pl.DataFrame({"ts": ts, "open_interest": frame.open_interest}).filter(
            pl.col("ts") % HOUR == 0
        )
        hourly.write_parquet(interest)
        data = ["--bars", str(bars), "--open-interest", str(interest), "--symbol", "BTC"]
        out = Table("command", "time")
        for name, command in (
            ("powderkeg --help", ["--help"]),
            ("powderkeg map", ["map", *data]),
            ("powderkeg map --plot", ["map", *data, "--plot", f"{folder}/map.png"]),
            ("powderkeg heatmap --plot", ["heatmap", *data, "--plot", f"{folder}/heatmap.png"]),
        ):
            run = partial(subprocess.run, [*program, *command], check=True, capture_output=True)
            out.add_row(name, str(timing(run, repeats=3)))
    return out
