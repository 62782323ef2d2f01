"""``powderkeg map``: the liquidation map of one market at one instant."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


@options.market_command
def liquidation_map(
    market: options.MarketOptions,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As-of time, ISO 8601 UTC; nothing known later is used. Default: the end."),
    ] = None,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    as_json: options.Json = False,
    plot: options.Plot = None,
) -> None:
    """Show where open interest would be liquidated, from price bars and open interest.

    Example: powderkeg map --bars bars.parquet --open-interest oi.csv --symbol BTC --plot map.png
    """
    from powderkeg.cli.terminal import print_json, print_map, print_written, working
    from powderkeg.maps.map_run import map_run

    with working("Reading the files"):
        chosen = options.chosen_model(model, parameters)
        frame = market.frame()
    with working(f"Running the model over {len(frame):,} bars"):
        result = map_run(frame, chosen).map(at)
    if plot:
        with working("Drawing"):
            result.plot(plot)
    if as_json:
        print_json(result.as_json())
    else:
        print_map(result)
    if plot:
        print_written(plot, as_json=as_json)
