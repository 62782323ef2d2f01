"""``powderkeg compare``: models side by side with recorded liquidations."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


@options.market_command
def compare(
    market: options.RecordedMarketOptions,
    models: Annotated[
        str, typer.Option("--models", help="Names separated by commas.")
    ] = "worlds,fixed_tiers,diffuse",
    step: Annotated[
        str, typer.Option("--step", help="Add recorded intervals shorter than this up to it.")
    ] = "1d",
    as_json: options.Json = False,
) -> None:
    """Hold the models' predicted liquidations against those that were recorded.

    Nothing is fitted. Example: powderkeg compare --bars bars.parquet --open-interest oi.parquet
    --liquidations totals.parquet --symbol BTC
    """
    from powderkeg.analytics.comparison import comparison
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.cli.terminal_scores import print_comparison

    with working("Reading the files"):
        frame = market.frame()
    with working("Running the models"):
        result = comparison(frame, [name.strip() for name in models.split(",") if name.strip()], step=step)
    if as_json:
        print_json(result.as_json())
    else:
        print_comparison(result)
