"""``powderkeg score``: models and baselines on recorded liquidations that they have not seen."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


@options.market_command
def score(
    market: options.RecordedMarketOptions,
    models: Annotated[
        str,
        typer.Option(
            "--models",
            help="Names separated by commas. Ablations: no_diffuse, no_prior, one_class, no_closings, "
            "no_conservation, extremes_first.",
        ),
    ] = "calibrated,worlds,fixed_tiers,diffuse,range",
    train_end: Annotated[
        str | None,
        typer.Option(
            "--train-end",
            help="Fit on nothing after this time and score what follows; by default walk-forward.",
        ),
    ] = None,
    step: Annotated[
        str, typer.Option("--step", help="Add recorded intervals shorter than this up to it.")
    ] = "1d",
    embargo: Annotated[
        str, typer.Option("--embargo", help="Time left out between fitting and scoring.")
    ] = "1d",
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the intervals of the scores.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Score models and baselines on liquidation totals they were not fitted on, given the price path.

    Example: powderkeg score --bars bars.parquet --open-interest oi.parquet --liquidations totals.parquet
    --symbol BTC
    """
    from powderkeg.analytics.scoreboard import scoreboard
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.cli.terminal_scores import print_scoreboard

    with working("Reading the files"):
        frame = market.frame()
    with working("Fitting and scoring"):
        result = scoreboard(
            frame,
            [name.strip() for name in models.split(",") if name.strip()],
            train_end=train_end,
            step=step,
            embargo=embargo,
            seed=seed,
        )
    if as_json:
        print_json(result.as_json())
    else:
        print_scoreboard(result)
