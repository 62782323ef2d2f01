"""``powderkeg heatmap``: the liquidation map through time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from powderkeg.cli import options


@options.market_command
def heatmap(
    market: options.MarketOptions,
    start: Annotated[
        str | None, typer.Option("--start", help="First time shown, ISO 8601 UTC; the model warms up before.")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last time shown, ISO 8601 UTC.")] = None,
    step: Annotated[
        str | None,
        typer.Option("--step", help="Time between columns, such as 1h; by default at most 1,500 columns."),
    ] = None,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    as_json: options.Json = False,
    plot: options.Plot = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write every occupied cell to this Parquet or CSV file."),
    ] = None,
) -> None:
    """Show the map through time: levels appear as positions open and vanish when price sweeps them.

    Example: powderkeg heatmap --bars bars.parquet --open-interest oi.csv --symbol BTC --start 2025-10-01
    --plot heatmap.png
    """
    from powderkeg.cli.terminal import print_heatmap, print_json, print_written, working
    from powderkeg.maps.map_run import map_run
    from powderkeg.maps.table_file import write_table

    with working("Reading the files"):
        chosen = options.chosen_model(model, parameters)
        frame = market.frame()
    with working(f"Running the model over {len(frame):,} bars"):
        result = map_run(frame, chosen).heatmap(start, end, step)
    if output:
        with working(f"Writing {output}"):
            write_table(result.to_polars(), output)
    if plot:
        with working("Drawing"):
            result.plot(plot)
    if as_json:
        print_json(result.as_json())
    else:
        print_heatmap(result)
    for path in (output, plot):
        if path:
            print_written(path, as_json=as_json)
