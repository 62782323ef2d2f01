"""``powderkeg map``: the liquidation map of one market, or of one coin over several venues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import options
from powderkeg.cli.map_source import Coin, MapSource

if TYPE_CHECKING:
    from powderkeg.maps.aggregated_map import AggregatedMap


@options.market_command
def liquidation_map(
    market: MapSource,
    coin: Coin = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As-of time, ISO 8601 UTC; nothing known later is used. Default: the end."),
    ] = None,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    as_json: options.Json = False,
    plot: options.Plot = None,
) -> None:
    """Show where open interest would be liquidated.

    With a coin, from the lake, after fetching what it lacks from the venues; the map is the sum of the
    venues'. With files, from price bars and open interest. Examples:

    powderkeg map BTC --venues binance,bybit

    powderkeg map --bars bars.parquet --open-interest oi.csv --symbol BTC --plot map.png
    """
    from powderkeg.cli.terminal import print_json, print_map, print_written, working
    from powderkeg.maps.map_run import map_run

    if coin is not None:
        _print_lake_map(market, coin, at, options.chosen_model(model, parameters), as_json=as_json, plot=plot)
        return
    with working("Reading the files"):
        chosen = options.chosen_model(model, parameters)
        frame = market.from_files()
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


def _print_lake_map(
    market: MapSource, coin: str, at: str | None, model: object, *, as_json: bool, plot: object
) -> None:
    from pathlib import Path

    from powderkeg.cli.terminal import print_json, print_map, print_written, working
    from powderkeg.cli.terminal_layers import print_layers, skipped_json
    from powderkeg.maps.aggregated_map import aggregated_map
    from powderkeg.maps.calibrated_model import Calibration
    from powderkeg.maps.map_run import map_run
    from powderkeg.model.times import milliseconds

    chosen = model if isinstance(model, Calibration) else str(model)
    end = None if at is None else milliseconds(at, "--at")
    frames, skipped = market.from_lake(coin, end)
    with working(f"Running the model over {sum(map(len, frames)):,} bars"):
        result: AggregatedMap = aggregated_map(
            [map_run(frame, chosen).map() for frame in frames], coin.upper()
        )
    picture = Path(str(plot)) if plot else None
    if picture:
        with working("Drawing"):
            result.total.plot(picture)
    if as_json:
        print_json({**result.as_json(), "skipped": skipped_json(skipped)})
    else:
        print_map(result.total)
        print_layers(result, skipped)
    if picture:
        print_written(picture, as_json=as_json)
