"""Where a map's frames come from: the user's files, or the lake, filled first where it lacks something."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options, options
from powderkeg.errors import InputError, PowderkegError, VenueError
from powderkeg.model.window import Window

if TYPE_CHECKING:
    from powderkeg.ingest.backfill import BackfillReport, Progress
    from powderkeg.lake.market_lake import Lake
    from powderkeg.model.market_frame import MarketFrame
    from powderkeg.settings.settings import Settings
    from powderkeg.venues.venue import Venue

_LAKE = "From the lake"
_TABLES = ("bars", "mark_bars", "open_interest", "funding")

Coin = Annotated[
    str | None,
    typer.Argument(help="Coin, such as BTC: its map comes from the lake and the venues, without files."),
]
Venues = Annotated[
    str | None,
    typer.Option(
        "--venues",
        help="Venues, separated by commas. Default: all that publish their open interest's past.",
        rich_help_panel=_LAKE,
    ),
]
Since = Annotated[
    str,
    typer.Option(
        "--since", help="How much history the map grows from: a length, or a time.", rich_help_panel=_LAKE
    ),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Ask no venue; take the lake as it is.", rich_help_panel=_LAKE)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSource:
    """The options that say where a map comes from; `market_command` turns its fields into options."""

    bars: options.OptionalBars = None
    open_interest: options.OptionalOpenInterest = None
    symbol: options.OptionalSymbol = None
    venue: options.Venue = None
    mark: options.Mark = None
    funding: options.Funding = None
    sides: options.Sides = 1
    open_interest_unit: options.Unit = None
    open_interest_stamp: options.OpenInterestStamp = options.Stamp.INTERVAL
    bar_step: options.BarStep = None
    volume_scale: options.VolumeScale = 1.0
    column: options.Columns = None
    venues: Venues = None
    since: Since = "30d"
    offline: Offline = False
    lake: lake_options.LakePath = None
    settings: lake_options.SettingsPath = None

    def from_files(self) -> MarketFrame:
        """Return the frame of the user's files.

        Raises
        ------
        InputError
            One that is needed is missing, or as in `market_frame`.
        """
        if self.bars is None or self.open_interest is None or self.symbol is None:
            raise InputError(
                "no coin and no files: name a coin, as in `powderkeg map BTC`, or give --bars, "
                "--open-interest and --symbol"
            )
        own = {one.name: getattr(self, one.name) for one in fields(options.MarketOptions)}
        return options.MarketOptions(**own).frame()

    def from_lake(
        self, coin: str, end: int | None, *, keep_late: bool = False
    ) -> tuple[list[MarketFrame], dict[str, str]]:
        """Return a frame for each venue that has one, the freshest data fetched first, and who is left out.

        Who is left out is a mapping of venue -> reason; one whose files are damaged is among them.

        Parameters
        ----------
        coin
            Which coin.
        end
            Until when, UTC milliseconds; now without one.
        keep_late
            Whether a venue stays that ends by more than `powderkeg.maps.coin_frames.STALE` before the others.

        Raises
        ------
        InputError
            Files are given too, or no venue has what a map needs; the message says why for each.
        LakeError
            No venue is to be asked, and there is no lake; the message says what fills one.
        """
        if self.bars is not None or self.open_interest is not None:
            raise InputError(f"{coin} comes from the lake, --bars from a file; expected one of them")
        from powderkeg.maps.coin_frames import STALE, coin_frames
        from powderkeg.venues.registry import venues_with_history

        chosen = lake_options.settings_of(self.settings, self.lake)
        at = lake_options.now() if end is None else end
        window = Window.between(lake_options.time_of(self.since, "--since", at), at)
        asked = _named_once(self.venues) if self.venues else venues_with_history()
        if self.offline:
            store = self._existing(chosen, asked[0], coin)
            failed: dict[str, str] = {}
        else:
            store = lake_options.lake_of(chosen, create=True)
            failed = _filled(asked, coin, window, store, chosen)
        return coin_frames(
            store,
            asked,
            coin,
            window,
            bar_step=self.bar_step or "5m",
            behind=None if keep_late else STALE,
            failed=failed,
            tolerated=PowderkegError,
        )

    def _existing(self, chosen: Settings, venue: Venue, coin: str) -> Lake:
        given = {"--lake": self.lake, "--settings": self.settings}
        options = "".join(f" {name} {shlex.quote(str(path))}" for name, path in given.items() if path)
        return lake_options.lake_of(
            chosen,
            missing=f"there is no lake in {chosen.lake_path}, and --offline asks no venue. Leave out "
            f"--offline, or fill one: powderkeg backfill {venue.name} {coin}{options}. If your lake is "
            "elsewhere, name it: --lake DIRECTORY, or the setting lake",
        )


def _named_once(names: str) -> tuple[Venue, ...]:
    from powderkeg.venues.registry import venues

    return tuple({one.name: one for one in venues(lake_options.names_of(names, ()))}.values())


def _filled(
    asked: tuple[Venue, ...], coin: str, window: Window, lake: Lake, settings: Settings
) -> dict[str, str]:
    """Fetch what the lake lacks, all venues at once; return why each that failed did."""
    import asyncio

    from powderkeg.cli.terminal import counting
    from powderkeg.ingest.backfill import backfill
    from powderkeg.ingest.venue_client import VenueClient

    failed: dict[str, str] = {}
    steps: dict[str, Progress] = {}

    async def one(venue: Venue) -> BackfillReport | None:
        tables = [table for table in _TABLES if table not in venue.unavailable]

        def progress(step: Progress) -> None:
            steps[venue.name] = step
            move(sum(one.done for one in steps.values()), sum(one.total for one in steps.values()))

        try:
            async with VenueClient(venue, settings.urls(venue.name)) as client:
                return await backfill(
                    client,
                    lake,
                    [coin],
                    tables,
                    window,
                    interval=300_000,
                    clock=lake_options.now,
                    progress=progress,
                )
        except (VenueError, InputError) as error:
            failed[venue.name] = str(error)
            return None

    async def run() -> None:
        reports = await asyncio.gather(*(one(venue) for venue in asked))
        for venue, report in zip(asked, reports, strict=True):
            if report is not None and report.failures:
                failed[venue.name] = report.failures[0]

    with counting(f"Asking {', '.join(venue.title for venue in asked)}") as move:
        asyncio.run(run())
    return failed
