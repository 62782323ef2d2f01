"""``powderkeg backfill``: the past of a venue's instruments into the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json

if TYPE_CHECKING:
    from powderkeg.ingest.backfill import BackfillReport

# What a liquidation map needs, and the little that comes with it.
_TABLES = ("bars", "mark_bars", "open_interest", "funding", "leverage_tiers", "liquidation_totals")


def backfill(
    venue: Annotated[str, typer.Argument(help="Venue, such as binance; `powderkeg venues` lists them.")],
    symbols: Annotated[
        list[str] | None,
        typer.Argument(help="Symbols of the venue, or coins; those of the settings otherwise."),
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(
            "--tables", help="Tables, separated by commas. Default: what a map needs and the venue offers."
        ),
    ] = None,
    since: lake_options.Since = "30d",
    until: lake_options.Until = None,
    interval: Annotated[
        str, typer.Option("--interval", help="Length of bars and of other intervals.")
    ] = "5m",
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Fetch what the lake lacks, and exactly that, within the venue's rate limits.

    It can be interrupted at any time: the same command goes on where it was. Example: powderkeg backfill
    binance BTC ETH --since 90d
    """
    import asyncio

    from powderkeg.cli.terminal import counting, print_json
    from powderkeg.cli.terminal_lake import backfill_json, print_backfill
    from powderkeg.ingest.backfill import Progress
    from powderkeg.ingest.backfill import backfill as run_backfill
    from powderkeg.ingest.venue_client import VenueClient
    from powderkeg.model.times import duration
    from powderkeg.venues.registry import venue as venue_of

    chosen = lake_options.settings_of(settings, lake)
    asked = venue_of(venue)
    window = lake_options.window_of(since, until)
    wanted = lake_options.names_of(tables, tuple(name for name in _TABLES if name not in asked.unavailable))

    async def run() -> BackfillReport:
        async with VenueClient(asked, chosen.urls(asked.name)) as client:
            with counting(f"Asking {asked.title}") as move:

                def progress(step: Progress) -> None:
                    move(step.done, step.total)

                return await run_backfill(
                    client,
                    lake_options.lake_of(chosen, create=True),
                    symbols or chosen.symbols(asked.name),
                    wanted,
                    window,
                    interval=duration(interval, "--interval"),
                    clock=lake_options.now,
                    progress=progress,
                )

    report = asyncio.run(run())
    if as_json:
        print_json(backfill_json(report))
    else:
        print_backfill(report, lake_options.lake_of(chosen))
    if report.failures:
        raise typer.Exit(1)
