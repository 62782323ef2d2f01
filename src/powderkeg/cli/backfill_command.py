"""``powderkeg backfill``: the past of a venue's instruments into the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.ingest.backfill import BackfillReport
    from powderkeg.venues.venue import Venue

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
        str,
        typer.Option(
            "--interval",
            help="Length of bars and of other intervals; tables that are not kept at it come at the next "
            "shorter one, or their shortest.",
        ),
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
    from powderkeg.venues.registry import venue as venue_of

    chosen = lake_options.settings_of(settings, lake)
    asked = venue_of(venue)
    window = lake_options.window_of(since, until)
    wanted = lake_options.names_of(tables, tuple(name for name in _TABLES if name not in asked.unavailable))
    length = _interval(interval, asked, wanted)

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
                    interval=length,
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


def _interval(text: str, venue: Venue, tables: Sequence[str]) -> int:
    """Return the length of intervals to ask for, in ms.

    Raises
    ------
    InputError
        It is no length of time, or the venue keeps none of the tables at it; the message has those it does.
    """
    from powderkeg.model.times import duration, duration_text

    length = duration(text, "--interval")
    offered = {one for source in venue.history if source.table in tables for one in source.intervals if one}
    if offered and length not in offered:
        kept = ", ".join(map(duration_text, sorted(offered)))
        raise InputError(f"--interval: {text!r}; {venue.title} has {kept} of {', '.join(tables)}")
    return length
