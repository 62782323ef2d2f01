"""``powderkeg heatmap``: the map of one market, or of one coin over several venues, through time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import model_options, options
from powderkeg.cli.map_source import Coin
from powderkeg.cli.measured_source import MeasurableSource

if TYPE_CHECKING:
    from powderkeg.maps.aggregated_heatmap import AggregatedHeatmap


@options.market_command
def heatmap(
    market: MeasurableSource,
    coin: Coin = None,
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

    With a coin, from the lake, after fetching what it lacks from the venues; each column is the sum of the
    venues known at its time. With files, from price bars and open interest. With --measured or --positions,
    counted: each column is the last snapshot of positions known at its time. Examples:

    powderkeg heatmap BTC --venues binance,bybit --plot heatmap.png

    powderkeg heatmap --bars bars.parquet --open-interest oi.csv --symbol BTC --start 2025-10-01

    powderkeg heatmap --positions positions.parquet --symbol BTC --bars bars.parquet --plot heatmap.png
    """
    from powderkeg.cli.terminal import print_heatmap, print_json, print_written, working
    from powderkeg.maps.aggregated_heatmap import aggregated_heatmap, known_heatmaps
    from powderkeg.maps.coin_frames import skipped_json
    from powderkeg.maps.table_file import write_table
    from powderkeg.model.times import milliseconds

    if market.is_measured:
        model_options.refuse_model(model, parameters)
        _show_measured(market, coin, (start, end, step), as_json=as_json, plot=plot, output=output)
        return
    chosen = model_options.chosen_models(model, parameters)
    skipped: dict[str, str] = {}
    if coin is None:
        with working("Reading the files"):
            frames = [market.from_files()]
    else:
        until = None if end is None else milliseconds(end, "--end")
        # Who broke off long ago was there before.
        frames, skipped = market.from_lake(coin, until, keep_late=True)
    with working(f"Running the model over {sum(map(len, frames)):,} bars"):
        runs = model_options.runs_of(chosen, frames)
        summed = None
        if coin is None:
            result = runs[0].heatmap(start, end, step)
        else:
            known, without = known_heatmaps(runs, start, step)
            skipped |= {name.partition(":")[0]: reason for name, reason in without.items()}
            summed = aggregated_heatmap(known, coin.upper())
            result = summed.total
    if output:
        with working(f"Writing {output}"):
            write_table(result.to_polars(), output)
    if plot:
        with working("Drawing"):
            (summed or result).plot(plot)
    if as_json:
        summed_json = None if summed is None else {**summed.as_json(), "skipped": skipped_json(skipped)}
        print_json(summed_json or result.as_json())
    elif summed is None:
        print_heatmap(result)
    else:
        _print_sum(summed, skipped)
    for path in (output, plot):
        if path:
            print_written(path, as_json=as_json)


def _show_measured(
    market: MeasurableSource,
    coin: str | None,
    window: tuple[str | None, str | None, str | None],
    *,
    as_json: bool,
    plot: Path | None,
    output: Path | None,
) -> None:
    from powderkeg.cli.terminal import print_json, print_written, working
    from powderkeg.cli.terminal_measured import print_measured_heatmap
    from powderkeg.maps.table_file import write_table

    with working("Counting positions"):
        result = market.measured_heatmap(coin, *window)
    if output:
        with working(f"Writing {output}"):
            write_table(result.heatmap.to_polars(), output)
    if plot:
        with working("Drawing"):
            result.heatmap.plot(plot)
    if as_json:
        print_json(result.as_json())
    else:
        print_measured_heatmap(result)
    for path in (output, plot):
        if path:
            print_written(path, as_json=as_json)


def _print_sum(summed: AggregatedHeatmap, skipped: dict[str, str]) -> None:
    """Print the sum with a line for each venue, and who is left out and why."""
    from dataclasses import replace

    from powderkeg.cli.terminal import print_heatmap, print_note
    from powderkeg.cli.terminal_layers import print_skipped

    total = summed.total
    # The notes have a line for each venue; the inputs would have several for each.
    print_heatmap(replace(total, provenance=replace(total.provenance, inputs=())))
    print_note("How each series was read, and where each venue is missing: --json.")
    print_skipped(skipped)
