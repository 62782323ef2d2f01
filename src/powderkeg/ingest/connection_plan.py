"""Which connections carry which channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powderkeg.venues.listening import Feed
from powderkeg.venues.venue import Venue


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of one connection, and whose rows arrive on it."""

    name: str
    feed: Feed
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """One connection: its name, the key of the url it goes to, and its channels."""

    name: str
    host: str
    channels: tuple[Channel, ...]


def connection_plans(
    venue: Venue, symbols: Sequence[str], tables: Iterable[str]
) -> tuple[ConnectionPlan, ...]:
    """Return the connections that carry these tables of these symbols.

    Liquidations have connections of their own, so that no flood of anything else delays them, and so do
    books, which have to be begun anew when a message of theirs is lost.

    Parameters
    ----------
    venue
        Whose channels.
    symbols
        As the venue spells them.
    tables
        Names; those that the venue does not stream are not this function's business.
    """
    wanted = set(tables)
    groups: dict[tuple[str, str], list[Channel]] = {}
    for feed in venue.stream.feeds:
        if not wanted & set(feed.tables):
            continue
        if "liquidations" in feed.tables:
            kind = "liquidations"
        else:
            kind = "depth" if "depth_levels" in feed.tables else "market"
        if feed.every_symbol:
            channels = [Channel(feed.channel(""), feed, tuple(symbols))]
        else:
            channels = [Channel(feed.channel(symbol), feed, (symbol,)) for symbol in symbols]
        groups.setdefault((kind, feed.host), []).extend(channels)
    for (kind, host), found in list(groups.items()):
        neighbour = _neighbour(venue, host, symbols) if kind == "liquidations" else None
        if neighbour is not None:
            market = groups.get(("market", host), [])
            groups["market", host] = [channel for channel in market if channel.name != neighbour.name]
            found.append(neighbour)
    plans = []
    most = venue.stream.channels_per_connection
    for (kind, host), found in sorted(groups.items()):
        distinct = list({channel.name: channel for channel in found}.values())
        for number, first in enumerate(range(0, len(distinct), most)):
            part = tuple(distinct[first : first + most])
            plans.append(ConnectionPlan(f"{kind}-{host}-{number}", host, part))
    return tuple(plans)


def _neighbour(venue: Venue, host: str, symbols: Sequence[str]) -> Channel | None:
    """Return a channel at this host that is never silent for long and carries little, if there is one."""
    lively = [
        feed
        for feed in venue.stream.feeds
        if feed.host == host
        and feed.silence is not None
        and not feed.droppable
        and not feed.every_symbol
        and "liquidations" not in feed.tables
    ]
    if not lively:
        return None
    feed = min(lively, key=lambda feed: ("trades" in feed.tables, feed.silence or 0))
    return Channel(feed.channel(symbols[0]), feed, (symbols[0],))
