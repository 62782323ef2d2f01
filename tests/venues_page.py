"""What docs/venues.md says of each venue, made from the declarations that the program runs on.

Run this file to write it: python tests/venues_page.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from powderkeg.cli.venue_offers import (
    PAST,
    TABLE_NAMES,
    about,
    channel_text,
    completeness_text,
    depth_text,
    intervals_text,
    past_series,
    reach_text,
    sides_text,
    silence_text,
    snapshot_endpoints,
    span_text,
    stamp_text,
    ways_of,
)
from powderkeg.model.times import duration_text
from powderkeg.venues.listening import Feed
from powderkeg.venues.registry import venues
from powderkeg.venues.venue import Venue

BEGIN, END = "<!-- venues: made by tests/venues_page.py -->", "<!-- end of venues -->"
PAGE = Path(__file__).parent.parent / "docs" / "venues.md"
ABSENT = "—"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def offered(venue: Venue, name: str) -> str:
    """Return how a venue offers a table, in one cell."""
    ways = ways_of(venue, name)
    shown = (f"{way} ({reach_text(venue, name)})" if way == PAST else way for way in ways)
    return ", ".join(shown) or ABSENT


def overview(asked: Sequence[Venue]) -> str:
    rows = [[f"`{name}`", *(offered(venue, name) for venue in asked)] for name in TABLE_NAMES]
    return table(["table", *(venue.title for venue in asked)], rows)


def meanings(asked: Sequence[Venue]) -> str:
    """Return the conventions that matter most, side by side."""
    rows = [
        [
            venue.title,
            completeness_text(venue.semantics),
            venue.semantics.liquidation_side,
            venue.semantics.liquidation_price,
            venue.semantics.open_interest_unit,
            sides_text(venue.semantics),
        ]
        for venue in asked
    ]
    headings = ["venue", "liquidations on its feed", "side named", "price", "open interest in", "counts"]
    return table(headings, rows)


def past(venue: Venue) -> str:
    rows = []
    for series in past_series(venue):
        kinds = [] if len(series.contracts) > 1 else [f"{series.contracts[0]} only"]
        kinds += ["files with checksums"] if series.checksummed else []
        rows.append(
            [
                f"`{series.table}`" + (f" of `{series.population}`" if series.population else ""),
                intervals_text(series.intervals),
                depth_text(series),
                span_text(series),
                about(series.lag) if series.lag else "none",
                f"`{series.endpoint}`",
                ", ".join(kinds),
            ]
        )
    return table(["table", "intervals", "reaches back", "one request", "lag", "asked of", "remarks"], rows)


def live(venue: Venue) -> str:
    rows = [
        [
            ", ".join(f"`{name}`" for name in feed.tables),
            f"`{channel_text(venue, feed)}`",
            "the venue" if feed.every_symbol else "one instrument",
            silence_text(feed),
            "yes" if feed.droppable else "no",
            hosts_of(feed),
        ]
        for feed in venue.stream.feeds
    ]
    return table(["tables", "channel", "carries", "dead after silence of", "droppable", "host"], rows)


def hosts_of(feed: Feed) -> str:
    """Return where a channel lives, of each kind of contract where those differ."""
    if isinstance(feed.host, str):
        return f"`{feed.host}`"
    only = " only" if len(feed.host) == 1 else ""
    return ", ".join(f"`{host}` ({kind}{only})" for kind, host in feed.host.items())


def now(venue: Venue) -> str:
    streamed = {name for feed in venue.stream.feeds for name in feed.tables}
    rows = []
    for name, endpoint, whole_venue, poll in snapshot_endpoints(venue):
        every = duration_text(poll) if poll and name not in streamed else "on request; it is live"
        rows.append([f"`{name}`", f"`{endpoint}`", "the venue" if whole_venue else "one instrument", every])
    return table(["table", "asked of", "answers for", "a recorder asks every"], rows)


def hosts(venue: Venue) -> str:
    rows = []
    for name, url in venue.urls.items():
        limit = venue.limits.get(name)
        words = f"weight {limit.weight:,} in {duration_text(limit.period_ms)}" if limit else ""
        rows.append([f"`{name}`", f"`{url}`", words])
    return table(["host", "base url", "limit kept"], rows)


def section(venue: Venue) -> str:
    """Return everything about one venue."""
    semantics = venue.semantics
    conventions = [
        ["main perpetual of BTC", f"`{venue.symbol('BTC')}`"],
        ["open interest as published", f"{semantics.open_interest_unit}; {sides_text(semantics)}"],
        *(
            [["rows of its history are known", stamp_text(semantics)]]
            if PAST in ways_of(venue, "open_interest")
            else []
        ),
        ["liquidations on its feed", completeness_text(semantics)],
        ["side that the venue names", semantics.liquidation_side],
        ["price of a liquidation", semantics.liquidation_price],
        ["clock", semantics.clock],
    ]
    parts = [
        f"## {venue.title}",
        table(["convention", venue.title], conventions),
        "**Past**",
        past(venue),
        "**Live**",
        live(venue),
        "**As of now**",
        now(venue),
        "**Not offered**",
        table(["table", "why"], [[f"`{name}`", why] for name, why in venue.unavailable.items()]),
        "**Hosts and limits**",
        hosts(venue),
        "**What misleads**",
        "\n".join(f"- {note}" for note in semantics.notes),
        "**Dated changes**",
        table(
            ["since", "what", "source"],
            [[*regime[:2], source(regime.source)] for regime in semantics.regimes],
        ),
    ]
    return "\n\n".join(parts)


def source(text: str) -> str:
    """Return a source as a link if it is an address."""
    return f"[source]({text})" if text.startswith("https://") else text


def made() -> str:
    """Return the tables of all venues, then a section for each."""
    asked = venues()
    return "\n\n".join(
        [
            "## What is offered",
            overview(asked),
            f"{ABSENT} is not offered; the section of the venue says why.",
            "## What the numbers mean",
            meanings(asked),
            *(section(venue) for venue in asked),
        ]
    )


if __name__ == "__main__":
    page = PAGE.read_text()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}")
