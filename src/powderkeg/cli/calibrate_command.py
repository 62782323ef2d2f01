"""``powderkeg calibrate``: fit the model to recorded liquidations and write a parameter file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from powderkeg.cli import options


@options.market_command
def calibrate(
    market: options.RecordedMarketOptions,
    output: Annotated[
        Path, typer.Option("--output", help="Parameter file to write (.toml); read it, it is short.")
    ],
    until: Annotated[
        str | None, typer.Option("--until", help="Use nothing after this time, ISO 8601 UTC.")
    ] = None,
    step: Annotated[
        str, typer.Option("--step", help="Add recorded intervals shorter than this up to it.")
    ] = "1d",
    coverage_low: Annotated[
        float,
        typer.Option(
            "--coverage-low", help="Least share of liquidated USD that the record shows, for a thinned feed."
        ),
    ] = 1.0,
    coverage_high: Annotated[
        float, typer.Option("--coverage-high", help="Largest such share; members spread between the two.")
    ] = 1.0,
    feed_slot: Annotated[
        str | None,
        typer.Option(
            "--feed-slot",
            help="The feed shows at most one event per this time (Binance: 1s): estimate its coverage.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the ensemble behind the bands.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Fit where positions stand, and which share of them is forced, to recorded liquidations.

    Example: powderkeg calibrate --bars bars.parquet --open-interest oi.parquet --liquidations totals.parquet
    --symbol BTC --output btc.toml
    """
    from powderkeg.analytics.calibrating import calibration
    from powderkeg.cli.terminal import print_json, print_written, working
    from powderkeg.cli.terminal_scores import print_calibration
    from powderkeg.maps.parameter_file import calibration_summary, write_calibration

    with working("Reading the files"):
        frame = market.frame()
    with working("Fitting"):
        result = calibration(
            frame,
            until=until,
            step=step,
            coverage=(coverage_low, coverage_high),
            feed_slot=feed_slot,
            seed=seed,
        )
    write_calibration(result, output)
    if as_json:
        print_json(calibration_summary(result))
    else:
        print_calibration(result)
    print_written(output, as_json=as_json)
