"""``powderkeg record``: live data of venues into the lake, until told to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json

if TYPE_CHECKING:
    from powderkeg.ingest.recorder_settings import RecorderStatus

_LOOK = 0.5


def record(
    venues: Annotated[
        list[str] | None, typer.Argument(help="Venues, such as binance bybit; all of them otherwise.")
    ] = None,
    coins: Annotated[
        str | None,
        typer.Option("--coins", help="Coins or symbols, separated by commas; the settings' otherwise."),
    ] = None,
    tables: Annotated[
        str | None, typer.Option("--tables", help="Tables, separated by commas. Default: all that is live.")
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", help="Stop after this long, such as 10m. Default: on Ctrl-C.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, max=65535, help="Serve Prometheus metrics on this port."),
    ] = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Record trades, liquidations, open interest, prices and order books as they come.

    Every frame is safe on disk a tenth of a second after it came, and is moved into the lake's tables every
    few minutes. Reconnects, silent feeds and lost messages are found and kept as gaps. With --json a line
    of JSON tells the state every ten seconds. The status is 1 if no venue was reached.

    Example: powderkeg record binance bybit --coins BTC,ETH
    """
    import asyncio

    from powderkeg.cli.record_view import (
        ending,
        is_heard,
        metrics_server,
        print_recorded,
        print_without,
        recording_view,
    )
    from powderkeg.cli.recording_plans import TABLES, recorder_settings, recording_plans
    from powderkeg.ingest.recording import RecordingRequest, check_tables, record_venues
    from powderkeg.model.times import duration
    from powderkeg.venues.registry import venue as venue_of
    from powderkeg.venues.registry import venues as venues_of

    chosen = lake_options.settings_of(settings, lake)
    asked = tuple({one.name: one for one in (venues_of(venues) if venues else venues_of())}.values())
    wanted = lake_options.names_of(tables, TABLES)
    if tables is not None:
        check_tables(asked, wanted)
        print_without(asked, wanted)
    requests = [
        RecordingRequest(venue_of(plan.venue), plan.urls, plan.symbols, plan.tables)
        for plan in recording_plans(chosen, asked, coins, wanted)
    ]
    seconds = None if lasting is None else duration(lasting, "--for") / 1000
    how = recorder_settings(chosen)
    statuses: dict[str, RecorderStatus] = {}

    async def run() -> None:
        stop = asyncio.Event()
        store = lake_options.lake_of(chosen, create=True)
        with ending(stop, seconds), metrics_server(metrics_port, statuses):
            recording = asyncio.create_task(
                record_venues(requests, store, how, stop, statuses, clock=time.time_ns)
            )
            with recording_view(statuses, as_json=as_json) as show:
                while not recording.done():
                    show()
                    await asyncio.wait([recording], timeout=_LOOK)
                show()
            await recording

    asyncio.run(run())
    print_recorded(statuses, chosen.lake_path, as_json=as_json)
    if not is_heard(statuses):
        raise typer.Exit(1)
