"""``powderkeg context``: what surrounds a coin's map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from powderkeg.cli import lake_options, model_options, options
from powderkeg.cli.options import Json


def context(
    coin: Annotated[str, typer.Argument(help="Coin, such as BTC.")] = "BTC",
    venues: Annotated[
        str | None,
        typer.Option(
            "--venues",
            help="Venues, separated by commas. Default: all that publish their open interest's past.",
        ),
    ] = None,
    at: options.AsOf = None,
    history: Annotated[
        str, typer.Option("--history", help="How much of the past is compared with, from 8d.")
    ] = "180d",
    to: Annotated[
        list[float] | None,
        typer.Option("--to", help="Price of the coin: what a move there would liquidate. Repeatable."),
    ] = None,
    others: Annotated[
        str | None,
        typer.Option(
            "--others", help="Coins to compare with, separated by commas. Default: the most traded."
        ),
    ] = None,
    spot: Annotated[
        Path | None,
        typer.Option("--spot", help="Bars of the coin's spot market (Parquet or CSV), for the basis."),
    ] = None,
    parameters: options.Parameters = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show positioning, deleveraging, funding, technical state, ripple to other coins and more, at any time.

    From the lake alone: what it lacks is told with the command that brings it, and is never a zero. Examples:

    powderkeg context BTC --venues binance,bybit

    powderkeg context BTC --at 2025-10-11T06:00 --to 100000
    """
    from powderkeg.analytics.market_context import market_context
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.model.times import duration, milliseconds
    from powderkeg.venues.registry import venues as venues_of

    chosen = lake_options.settings_of(settings, lake)
    store = lake_options.lake_of(
        chosen,
        missing=f"there is no lake in {chosen.lake_path} yet; `powderkeg backfill binance {coin}` fills one",
    )
    with working("Reading the lake"):
        result = market_context(
            store,
            coin,
            lake_options.now() if at is None else milliseconds(at, "--at"),
            venues=None if venues is None else venues_of(lake_options.names_of(venues, ())),
            others=None if others is None else lake_options.names_of(others, ()),
            prices=tuple(to or ()),
            history=duration(history, "--history"),
            models=model_options.chosen_models(options.ModelName.WORLDS, parameters),
            spot=spot,
        )
    if as_json:
        print_json(result.as_json())
    else:
        from powderkeg.cli.terminal_context import print_context

        print_context(result)
