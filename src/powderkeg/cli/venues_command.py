"""``powderkeg venues``: what each venue offers, and what its numbers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli.options import Json

if TYPE_CHECKING:
    from rich.table import Table

    from powderkeg.venues.venue import Semantics, Venue

_WIDEST = 100
_MOST_INTERVALS = 5


def venues(
    name: Annotated[
        str | None, typer.Argument(help="Venue, such as binance; an overview of all without one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what each venue offers: live, of the past and as of now, and what its numbers mean.

    Nothing is asked of a venue for it: this is what powderkeg reads off documentation and recorded payloads.
    Example: powderkeg venues bybit
    """
    from powderkeg.cli.terminal import print_json
    from powderkeg.cli.venue_offers import venue_json
    from powderkeg.venues.registry import venue as venue_of
    from powderkeg.venues.registry import venues as all_venues

    if name is None:
        chosen = all_venues()
        if as_json:
            print_json([venue_json(venue) for venue in chosen])
        else:
            _print_overview(chosen)
        return
    venue = venue_of(name)
    if as_json:
        print_json(venue_json(venue))
    else:
        _print_venue(venue)


def _print_overview(venues: tuple[Venue, ...]) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from powderkeg.cli.venue_offers import LIVE, NOW, PAST, TABLE_NAMES, ways_of
    from powderkeg.model.times import duration_text

    def letters(offered: tuple[str, ...]) -> str:
        shown = (letter if way in offered else "·" for way, letter in ((LIVE, "L"), (PAST, "P"), (NOW, "N")))
        return " ".join(shown) if offered else "-"

    def seen(semantics: Semantics) -> str:
        if semantics.liquidation_slot is None:
            return semantics.liquidation_completeness
        return f"1 per {duration_text(semantics.liquidation_slot)}"

    table = Table("table", *(venue.name for venue in venues), box=SIMPLE)
    for name in TABLE_NAMES:
        table.add_row(name, *(letters(ways_of(venue, name)) for venue in venues))
    table.add_section()
    table.add_row("liquidations seen", *(seen(venue.semantics) for venue in venues))
    sides = (venue.semantics.open_interest_sides for venue in venues)
    table.add_row("open interest of", *("one side" if number == 1 else "both" for number in sides))
    _print_table(table)
    _print_text(
        "L: live. P: of the past. N: as of now. -: not offered; `powderkeg venues NAME` says why, and how "
        "far back the past reaches. Open interest is as the venue counts it; in the lake it is of one side.",
        style="dim",
    )
    _print_text(
        "From documentation and recorded payloads; not tried against live venues. See docs/venues.md.",
        style="dim",
    )


def _print_venue(venue: Venue) -> None:
    from powderkeg.cli.terminal import output
    from powderkeg.cli.venue_offers import completeness_text, sides_text

    semantics = venue.semantics
    output.print(f"[bold]{venue.title}[/], BTC is {venue.symbol('BTC')}")
    _print_text(f"Open interest: {semantics.open_interest_unit}; {sides_text(semantics)}.")
    _print_text(
        f"Liquidations seen live: {completeness_text(semantics)}. Side named by the venue: "
        f"{semantics.liquidation_side}. Price: {semantics.liquidation_price}."
    )
    _print_text(f"Clock: {semantics.clock}.")
    _print_past(venue)
    _print_live(venue)
    _print_now(venue)
    for title, lines in (
        ("Not offered", [f"{table}: {why}" for table, why in venue.unavailable.items()]),
        ("What misleads", semantics.notes),
        ("Dated changes", [f"{regime.since}: {regime.what}" for regime in semantics.regimes]),
    ):
        if lines:
            output.print(f"\n[bold]{title}[/]")
            for line in lines:
                _print_text(line, bullet=True)
    output.print()
    _print_text(
        "From documentation and recorded payloads; not tried against the live venue. Sources are in "
        "docs/venues.md and with --json.",
        style="dim",
    )


def _print_past(venue: Venue) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from powderkeg.cli.venue_offers import about, depth_text, intervals_text, past_series, span_text

    table = Table("past", "series", "intervals", "reaches back", "a request", "lag", box=SIMPLE)
    for series in past_series(venue):
        intervals = intervals_text(series.intervals)
        if len(series.intervals) > _MOST_INTERVALS:
            first, *_, last = intervals.split(", ")
            intervals = f"{first} to {last} ({len(series.intervals)})"
        only = "" if len(series.contracts) > 1 else f"{series.contracts[0]} "
        table.add_row(
            series.table,
            series.population or (only + ("files" if series.checksummed else "")).strip(),
            intervals,
            depth_text(series),
            span_text(series),
            about(series.lag) if series.lag else "none",
        )
    _print_table(table)


def _print_live(venue: Venue) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from powderkeg.cli.venue_offers import channel_text, silence_text

    table = Table("live", "channel", "of", "silence", "droppable", box=SIMPLE)
    for feed in venue.stream.feeds:
        table.add_row(
            "\n".join(feed.tables),
            channel_text(venue, feed),
            "venue" if feed.every_symbol else "symbol",
            silence_text(feed),
            "yes" if feed.droppable else "no",
        )
    _print_table(table)
    _print_text(
        "Silence: after that long the connection is made anew. Droppable: under pressure, as a counted gap.",
        style="dim",
    )


def _print_now(venue: Venue) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from powderkeg.cli.venue_offers import snapshot_endpoints
    from powderkeg.model.times import duration_text

    table = Table("as of now", "endpoint", "of", "asked every", box=SIMPLE)
    for name, endpoint, whole_venue, poll in snapshot_endpoints(venue):
        of = "venue" if whole_venue else "symbol"
        table.add_row(name, endpoint, of, duration_text(poll) if poll else "asked once")
    _print_table(table)
    _print_text("A recorder asks again and again only for what is not live.", style="dim")


def _print_table(table: Table) -> None:
    from powderkeg.cli.terminal import output

    for column in table.columns:
        column.overflow = "fold"
    output.print(table, width=min(output.width, _WIDEST))


def _print_text(text: str, *, style: str = "", bullet: bool = False) -> None:
    """Print a paragraph that is broken at 100 columns, as an item of a list if it is one."""
    from textwrap import wrap

    from rich.text import Text

    from powderkeg.cli.terminal import output

    indents = ("  - ", "    ") if bullet else ("", "")
    width = min(output.width, _WIDEST)
    lines = wrap(text, width, initial_indent=indents[0], subsequent_indent=indents[1], break_on_hyphens=False)
    output.print(Text("\n".join(lines), style=style), soft_wrap=True)
