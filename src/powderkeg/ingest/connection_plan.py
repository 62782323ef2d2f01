"""Which connections carry which channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powderkeg.model.instrument import Instrument
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
    venue: Venue, instruments: Sequence[Instrument], tables: Iterable[str]
) -> tuple[ConnectionPlan, ...]:
    """Return the connections that carry these tables of these instruments, each at the url of its kind.

    Liquidations have connections of their own, so that no flood of anything else delays them, and so do
    books, which have to be begun anew when a message of theirs is lost.

    Parameters
    ----------
    venue
        Whose channels.
    instruments
        Of this venue.
    tables
        Names; those that the venue does not stream, or not of an instrument's kind, are not this function's
        business.
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
        for host, symbols in _carried(feed, instruments).items():
            if feed.every_symbol:
                channels = [Channel(feed.channel(""), feed, symbols)]
            else:
                channels = [Channel(feed.channel(symbol), feed, (symbol,)) for symbol in symbols]
            groups.setdefault((kind, host), []).extend(channels)
    for (kind, host), found in list(groups.items()):
        neighbour = _neighbour(venue, host, instruments) if kind == "liquidations" else None
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


def _carried(feed: Feed, instruments: Sequence[Instrument]) -> dict[str, tuple[str, ...]]:
    """Return the symbols that a feed carries, by host."""
    carried: dict[str, tuple[str, ...]] = {}
    for instrument in instruments:
        host = feed.host_of(instrument.contract)
        if host is not None:
            carried[host] = (*carried.get(host, ()), instrument.symbol)
    return carried


def _neighbour(venue: Venue, host: str, instruments: Sequence[Instrument]) -> Channel | None:
    """Return a channel at this host that is never silent for long and carries little, if there is one."""
    lively = [
        (feed, symbols[0])
        for feed in venue.stream.feeds
        for symbols in [_carried(feed, instruments).get(host)]
        if symbols
        and feed.silence is not None
        and not feed.droppable
        and not feed.every_symbol
        and "liquidations" not in feed.tables
    ]
    if not lively:
        return None
    feed, symbol = min(lively, key=lambda one: ("trades" in one[0].tables, one[0].silence or 0))
    return Channel(feed.channel(symbol), feed, (symbol,))
