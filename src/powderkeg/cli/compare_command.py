"""``powderkeg compare``: models side by side with recorded liquidations."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


def compare(
    bars: options.Bars,
    open_interest: options.OpenInterest,
    liquidations: options.Liquidations,
    symbol: options.Symbol,
    venue: options.Venue = None,
    models: Annotated[
        str, typer.Option("--models", help="Names separated by commas.")
    ] = "worlds,fixed_tiers,diffuse",
    step: Annotated[
        str, typer.Option("--step", help="Add recorded intervals shorter than this up to it.")
    ] = "1d",
    as_json: options.Json = False,
    sides: options.Sides = 1,
    unit: options.Unit = None,
    open_interest_stamp: options.OpenInterestStamp = options.Stamp.INTERVAL,
    bar_step: options.BarStep = None,
    volume_scale: options.VolumeScale = 1.0,
    mark: options.Mark = None,
    funding: options.Funding = None,
    liquidation_side: options.SideColumn = None,
    column: options.Columns = None,
) -> None:
    """Hold the models' predicted liquidations against those that were recorded.

    Nothing is fitted. Example: powderkeg compare --bars bars.parquet --open-interest oi.parquet
    --liquidations totals.parquet --symbol BTC
    """
    from powderkeg.analytics.comparison import comparison
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.cli.terminal_scores import print_comparison

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
            liquidations=liquidations,
            side_column=liquidation_side,
        )
    with working("Running the models"):
        result = comparison(frame, [name.strip() for name in models.split(",") if name.strip()], step=step)
    if as_json:
        print_json(result.as_json())
    else:
        print_comparison(result)
