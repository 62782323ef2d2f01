"""``powderkeg demo``: the main job on a small simulated market, without any data or network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEMO_START = 1_767_225_600_000  # 2026-01-01T00:00Z; only a label, the market is simulated
SYMBOL, VENUE = "BTC", "simulated"


def demo(
    output: Annotated[
        Path, typer.Option("--output", help="Folder for the simulated data and the pictures.")
    ] = Path("demo-output"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another market for every number.")] = 7,
) -> None:
    """Simulate a small market with a squeeze and a crash, and draw its liquidation map and heatmap.

    The data files stay beside the pictures, so every command can be tried on them.
    """
    import numpy as np
    import polars as pl

    from powderkeg.cli.terminal import output as console
    from powderkeg.cli.terminal import print_map, working
    from powderkeg.errors import OutputError
    from powderkeg.maps.map_run import map_run
    from powderkeg.maps.market_frame import market_frame
    from powderkeg.maps.table_file import write_table
    from powderkeg.simulation.small_market import small_market

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"output: {output} cannot be made a folder: {error.strerror}") from error

    with working("Simulating 45 days of a market"):
        market = small_market(np.random.default_rng(seed), start=DEMO_START)
        tables = {
            "bars": pl.DataFrame(
                {field: getattr(market, field) for field in ("ts", "open", "high", "low", "close", "volume")}
            ),
            "open_interest": pl.DataFrame(
                {"ts": market.open_interest_ts, "open_interest": market.open_interest}
            ),
            "funding": pl.DataFrame({"ts": market.funding_ts, "funding_rate": market.funding_rate}),
        }
        files = {name: output / f"simulated-{name.replace('_', '-')}.parquet" for name in tables}
        for name, table in tables.items():
            write_table(table, files[name])
    with working("Running the model"):
        frame = market_frame(
            files["bars"],
            files["open_interest"],
            funding=files["funding"],
            symbol=SYMBOL,
            venue=VENUE,
            open_interest_stamp="instant",
        )
        run = map_run(frame)
        result = run.map()
    with working("Drawing"):
        result.plot(output / "map.png")
        run.heatmap().plot(output / "heatmap.png")

    console.print("[bold]SIMULATED MARKET[/]: no real prices, no real positions.\n")
    print_map(result)
    console.print()
    for path in (output / "map.png", output / "heatmap.png", *files.values()):
        console.print(f"wrote {path}", soft_wrap=True)
    console.print("\nNow try:", style="bold")
    sources = (
        f"--bars {files['bars']} --open-interest {files['open_interest']} --symbol BTC --venue simulated"
    )
    for command in (
        f"powderkeg map {sources} --at 2026-02-05T12:00Z",
        f"powderkeg heatmap {sources} --start 2026-01-16 --end 2026-01-21 --plot {output / 'squeeze.png'}",
        "powderkeg price --entry 100000 --leverage 10 --side long --venue hyperliquid --symbol BTC",
    ):
        console.print(f"  .venv/bin/{command}", soft_wrap=True)
