"""``powderkeg map``: the liquidation map of one market at one instant."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


def liquidation_map(
    bars: options.Bars,
    open_interest: options.OpenInterest,
    symbol: options.Symbol,
    venue: options.Venue = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As-of time, ISO 8601 UTC; nothing known later is used. Default: the end."),
    ] = None,
    model: options.Model = options.ModelName.WORLDS,
    as_json: options.Json = False,
    plot: options.Plot = None,
    sides: options.Sides = 1,
    unit: options.Unit = None,
    open_interest_stamp: options.OpenInterestStamp = options.Stamp.INTERVAL,
    bar_step: options.BarStep = None,
    volume_scale: options.VolumeScale = 1.0,
    mark: options.Mark = None,
    funding: options.Funding = None,
    column: options.Columns = None,
) -> None:
    """Show where open interest would be liquidated, from price bars and open interest.

    Example: powderkeg map --bars bars.parquet --open-interest oi.csv --symbol BTC --plot map.png
    """
    from powderkeg.cli.terminal import print_json, print_map, print_written, working
    from powderkeg.maps.map_run import map_run

    with working("Reading the files"):
        frame = options.frame_from(
            bars=bars,
            open_interest=open_interest,
            symbol=symbol,
            venue=venue,
            sides=sides,
            unit=unit,
            stamp=open_interest_stamp,
            bar_step=bar_step,
            volume_scale=volume_scale,
            columns=column,
            mark=mark,
            funding=funding,
        )
    with working(f"Running {model.value} over {len(frame):,} bars"):
        result = map_run(frame, model.value).map(at)
    if plot:
        with working("Drawing"):
            result.plot(plot)
    if as_json:
        print_json(result.as_json())
    else:
        print_map(result)
    if plot:
        print_written(plot, as_json=as_json)
