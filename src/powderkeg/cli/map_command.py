"""``powderkeg map``: the liquidation map of one market, or of one coin over several venues."""

from __future__ import annotations

from pathlib import Path

from powderkeg.cli import model_options, options
from powderkeg.cli.map_source import Coin
from powderkeg.cli.measured_source import MeasurableSource


@options.market_command
def liquidation_map(
    market: MeasurableSource,
    coin: Coin = None,
    at: options.AsOf = None,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    as_json: options.Json = False,
    plot: options.Plot = None,
) -> None:
    """Show where open interest would be liquidated.

    With a coin, from the lake, after fetching what it lacks from the venues; the map is the sum of the
    venues'. With files, from price bars and open interest. With --measured, from the positions of a census,
    and with --positions, from a file of positions: counted, not modelled. Examples:

    powderkeg map BTC --venues binance,bybit

    powderkeg map --bars bars.parquet --open-interest oi.csv --symbol BTC --plot map.png

    powderkeg map BTC --measured

    powderkeg map --positions positions.parquet --symbol BTC --at 2026-02-10T12:00
    """
    from powderkeg.cli.terminal import print_json, print_map, print_reading, print_written, working
    from powderkeg.cli.terminal_layers import print_layers
    from powderkeg.maps.aggregated_map import aggregated_map
    from powderkeg.maps.coin_frames import skipped_json
    from powderkeg.model.times import milliseconds

    if market.is_measured:
        model_options.refuse_model(model, parameters)
        _show_measured(market, coin, at, as_json=as_json, plot=plot)
        return
    chosen = model_options.chosen_models(model, parameters)
    skipped: dict[str, str] = {}
    if coin is None:
        with working("Reading the files"):
            frames = [market.from_files()]
    else:
        frames, skipped = market.from_lake(coin, None if at is None else milliseconds(at, "--at"))
        at = None  # the frames end there
    with working(f"Running the model over {sum(map(len, frames)):,} bars"):
        maps = [run.map(at) for run in model_options.runs_of(chosen, frames)]
        summed = None if coin is None else aggregated_map(maps, coin.upper())
    result = maps[0] if summed is None else summed.total
    if plot:
        with working("Drawing"):
            result.plot(plot)
    if as_json:
        summed_json = None if summed is None else {**summed.as_json(), "skipped": skipped_json(skipped)}
        print_json(summed_json or result.as_json())
    elif summed is None:
        print_map(result)
    else:
        print_reading(result)
        print_layers(summed, skipped)
    if plot:
        print_written(plot, as_json=as_json)


def _show_measured(
    market: MeasurableSource, coin: str | None, at: str | None, *, as_json: bool, plot: Path | None
) -> None:
    from powderkeg.cli.terminal import print_json, print_written, working
    from powderkeg.cli.terminal_measured import print_measured

    with working("Counting positions"):
        result = market.measured_map(coin, at)
    if plot:
        with working("Drawing"):
            result.map.plot(plot)
    if as_json:
        print_json(result.as_json())
    else:
        print_measured(result)
    if plot:
        print_written(plot, as_json=as_json)
