"""``powderkeg score-simulated``: maps against the known positions of simulated markets."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import options


def score_simulated(
    seeds: Annotated[
        str, typer.Option("--seeds", help="One simulated market each, separated by commas.")
    ] = "501,502,503,504,505",
    days: Annotated[int, typer.Option("--days", min=30, help="Length of each market.")] = 60,
    as_json: options.Json = False,
) -> None:
    """Score maps against the known positions of simulated markets; about a minute and a half a market.

    The default seeds are markets that nothing in this package was chosen on.

    Example: powderkeg score-simulated --seeds 501,502 --json
    """
    from powderkeg.analytics.truth_scoreboard import truth_scoreboard
    from powderkeg.cli.terminal import counting, print_json
    from powderkeg.cli.terminal_scores import print_truth_board
    from powderkeg.errors import InputError

    try:
        numbers = [int(seed) for seed in seeds.split(",") if seed.strip()]
    except ValueError:
        raise InputError(f"seeds: {seeds!r}; expected whole numbers separated by commas") from None
    with counting("Simulating and scoring markets") as progress:
        result = truth_scoreboard(numbers, days=days, progress=progress)
    if as_json:
        print_json(result.as_json())
    else:
        print_truth_board(result)
