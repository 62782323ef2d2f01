"""``powderkeg liquidations``: what venues reported of a coin's liquidations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json

if TYPE_CHECKING:
    from powderkeg.lake.market_lake import Lake
    from powderkeg.settings.settings import Settings


def liquidations(
    coin: Annotated[str, typer.Argument(help="Coin, such as BTC.")] = "BTC",
    venues: Annotated[
        str | None,
        typer.Option("--venues", help="Venues, separated by commas; all of them otherwise."),
    ] = None,
    since: lake_options.Since = "1d",
    until: lake_options.Until = None,
    interval: Annotated[
        str, typer.Option("--interval", help="Length of the intervals, from 1m to 1d.")
    ] = "1h",
    largest: Annotated[
        int, typer.Option("--largest", min=0, help="How many single liquidations to list.")
    ] = 10,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show the liquidations that venues reported, per venue and added up, and how much of them is known.

    What was not recorded is not zero, and what a throttled feed hides is estimated beside what was reported,
    never added to it. Example: powderkeg liquidations ETH --venues binance,bybit --since 7d --interval 1d
    """
    from powderkeg.analytics.realised_liquidations import realised_liquidations
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.venues.registry import venues as venues_of

    chosen = lake_options.settings_of(settings, lake)
    asked = venues_of(lake_options.names_of(venues, ())) if venues is not None else venues_of()
    window = lake_options.window_of(since, until)
    with working("Adding up"):
        result = realised_liquidations(
            _existing(chosen, coin), asked, coin, window, interval=interval, largest=largest
        )
    if as_json:
        from powderkeg.analytics.liquidations_json import liquidations_json

        print_json(liquidations_json(result))
    else:
        from powderkeg.cli.terminal_liquidations import print_liquidations

        print_liquidations(result)


def _existing(settings: Settings, coin: str) -> Lake:
    """Return the lake; LakeError where there is none yet, with what fills one."""
    return lake_options.lake_of(
        settings,
        missing=f"there is no lake in {settings.lake_path} yet; `powderkeg record --coins {coin}` records "
        f"liquidations, and `powderkeg backfill gate {coin} --tables liquidation_totals` fetches what "
        "Gate added up",
    )
