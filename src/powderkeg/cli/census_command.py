"""``powderkeg census``: counting positions where they are public, and how much of them is counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.ingest.census_progress import CensusProgress
    from powderkeg.venues.census import Census

census_app = typer.Typer(
    name="census",
    help="Count positions, account by account, where a venue makes them public, and show what is counted.",
    no_args_is_help=True,
)
VenueName = Annotated[
    str, typer.Option("--venue", help="Whose accounts; positions have to be public there.", show_default=True)
]
Share = Annotated[
    float,
    typer.Option(
        "--share", help="Share of the venue's rate limit that the census takes; above 0, at most 1."
    ),
]
_LOOK = 0.5


@census_app.command("run")
def run_census(
    lasting: Annotated[
        str | None, typer.Option("--for", help="Stop after this long, such as 8h. Default: on Ctrl-C.")
    ] = None,
    accounts: Annotated[
        Path | None,
        typer.Option("--accounts", help="File with accounts to ask besides, one a line; # begins a comment."),
    ] = None,
    share: Share = 0.5,
    archive: Annotated[
        str,
        typer.Option(
            "--archive", help="Take accounts from recorded trades of the lake, this far back; 0 for none."
        ),
    ] = "1d",
    flush: Annotated[
        float, typer.Option("--flush", min=0.1, help="Seconds between two writes: what a crash can cost.")
    ] = 10.0,
    listed: Annotated[
        bool, typer.Option("--leaderboard/--no-leaderboard", help="Take accounts from the venue's own list.")
    ] = True,
    trades: Annotated[
        bool, typer.Option("--trades/--no-trades", help="Take accounts from live trades.")
    ] = True,
    venue: VenueName = "hyperliquid",
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Ask account by account who holds what: most often the large and those close to liquidation.

    It can be interrupted at any time: the same command goes on where it was. With --json a line of JSON
    tells the state every ten seconds. Example: powderkeg census run --share 0.8 --for 12h
    """
    import asyncio

    from powderkeg.cli.census_view import census_view, print_run
    from powderkeg.cli.record_view import ending
    from powderkeg.ingest.census import CensusRun
    from powderkeg.ingest.census_settings import CensusSettings, census_client, census_of
    from powderkeg.model.times import duration
    from powderkeg.venues.registry import venue as venue_of

    chosen = lake_options.settings_of(settings, lake)
    asked = venue_of(venue)
    wanted = [] if accounts is None else _accounts(accounts, census_of(asked))
    seconds = None if lasting is None else duration(lasting, "--for") / 1000
    how = CensusSettings(
        flush=flush,
        listed=listed,
        trades=trades,
        archive=0 if archive == "0" else duration(archive, "--archive"),
    )
    client = census_client(asked, chosen.urls(asked.name), share)

    async def run() -> CensusProgress:
        stop = asyncio.Event()
        async with client:
            census = CensusRun(
                client, lake_options.lake_of(chosen, create=True), wanted, how, clock=lake_options.now
            )
            with ending(stop, seconds), census_view(census.progress, as_json=as_json) as show:
                running = asyncio.create_task(census.run(stop))
                while not running.done():
                    show()
                    await asyncio.wait([running], timeout=_LOOK)
                await running
            return census.progress

    print_run(asyncio.run(run()), chosen.lake_path, as_json=as_json)


@census_app.command("status")
def census_status(
    share: Share = 0.5,
    coins: Annotated[
        int, typer.Option("--coins", min=1, help="Most coins to show; --json has all of them.")
    ] = 20,
    venue: VenueName = "hyperliquid",
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show what is counted: accounts, how old their states are, and the share of open interest by coin.

    Expected ages are those of a census that runs with --share. Example: powderkeg census status --share 0.8
    """
    from powderkeg.analytics.census_status import census_status as status_of
    from powderkeg.cli.census_view import print_status, status_json
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.ingest.census_settings import with_share
    from powderkeg.venues.registry import venue as venue_of

    asked = venue_of(venue)
    with_share(asked, share)  # refuses a share that no census can have
    store = lake_options.lake_of(lake_options.settings_of(settings, lake))
    with working("Reading the last states"):
        status = status_of(store, asked, lake_options.now(), share=share)
    if as_json:
        print_json(status_json(status))
    else:
        print_status(status, most_coins=coins)


def _accounts(path: Path, census: Census) -> list[str]:
    """Return the accounts of a file.

    Raises
    ------
    InputError
        It cannot be read, or a line is no account; the message has the line's number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"--accounts: {path} cannot be read: {reason}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                found.append(census.account(text))
            except InputError as error:
                raise InputError(f"--accounts: {path}, line {number}: {error}") from error
    return found
