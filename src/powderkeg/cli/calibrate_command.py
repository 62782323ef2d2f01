"""``powderkeg calibrate``: fit the model to recorded liquidations and write a parameter file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import options
from powderkeg.errors import InputError, WindowError

if TYPE_CHECKING:
    from powderkeg.core.laws import DistancePrior
    from powderkeg.model.market_frame import MarketFrame


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
    prior: Annotated[
        Path | None,
        typer.Option(
            "--prior",
            help="Positions of accounts (Parquet or CSV) from whose last snapshot by --until the distances "
            "expected beforehand are taken, by side. Default: the built-in law.",
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
    from powderkeg.core.laws import BUILT_IN
    from powderkeg.maps.parameter_file import calibration_summary, write_calibration

    with working("Reading the files"):
        frame = market.frame()
        expected = (BUILT_IN, BUILT_IN) if prior is None else _measured(prior, market, frame, until, seed)
    with working("Fitting"):
        result = calibration(
            frame,
            until=until,
            step=step,
            coverage=(coverage_low, coverage_high),
            feed_slot=feed_slot,
            seed=seed,
            prior=expected,
        )
    write_calibration(result, output)
    if as_json:
        print_json(calibration_summary(result))
    else:
        print_calibration(result)
    print_written(output, as_json=as_json)


def _measured(
    path: Path, market: options.RecordedMarketOptions, frame: MarketFrame, until: str | None, seed: int
) -> tuple[DistancePrior, DistancePrior]:
    """Return the laws of distances, longs first, of the last snapshot of the coin that is known by then.

    Raises
    ------
    InputError
        The file cannot be read, nobody in the snapshot holds the coin, or too few do.
    WindowError
        Its first snapshot is of later.
    """
    import numpy as np

    from powderkeg.analytics.distance_prior import measured_priors
    from powderkeg.maps.position_files import position_snapshots, snapshot_at
    from powderkeg.model.times import milliseconds

    end = frame.end if until is None else milliseconds(until, "until")
    names = options.column_mapping(market.column).get("positions")
    try:
        snapshots = position_snapshots(path, venue=market.venue or "hyperliquid", columns=names)
        snapshot = snapshot_at(snapshots, end)
        return measured_priors([snapshot], np.random.default_rng([seed, 3]), coin=market.symbol)
    except WindowError as error:
        raise WindowError(f"--prior: {str(error).removeprefix('at: ')}") from error
    except InputError as error:
        raise InputError(f"--prior: {error}") from error
