"""Listening to a venue: channels, messages to send, and what a frame says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from powderkeg.model.market_rows import BookSide
from powderkeg.venues.asking import Instruments, Record


class BookChange(NamedTuple):
    """Levels of an order book: all of it (`snapshot`) or those that changed, quantity 0 for a level gone.

    Levels are (price in quote, quantity in base); the best need not come first.
    """

    symbol: str
    ts: int
    snapshot: bool
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]

    def side(self, side: BookSide) -> Sequence[tuple[float, float]]:
        """Return bids or asks."""
        return self.bids if side == "bid" else self.asks


class SequenceStep(NamedTuple):
    """The numbers [first, last] of a stream that a message carries; the one before it ended with `previous`.

    `previous` is None where numbers are contiguous and first - 1 is meant. `restart` marks a snapshot,
    after which counting begins anew.
    """

    stream: str
    first: int
    last: int
    previous: int | None = None
    restart: bool = False


class Control(NamedTuple):
    """A message about the connection.

    `kind`: ``subscribed``, ``refused`` (a subscription the venue would not take), ``pong``, ``ping``
    (answer with `reply`) or ``info``. `channels` are those it speaks of, if it says.
    """

    kind: Literal["subscribed", "refused", "pong", "ping", "info"]
    detail: str = ""
    channels: tuple[str, ...] = ()
    reply: bytes | None = None


class Reading(NamedTuple):
    """What one message of a stream says. At most one of `control` and `ignored` is set, and then no records.

    `ignored` is why a message that was understood holds nothing to keep: an open bar, a channel of another
    product. A message that cannot be understood raises `PayloadError` instead.
    """

    records: Sequence[Record] = ()
    books: Sequence[BookChange] = ()
    steps: Sequence[SequenceStep] = ()
    control: Control | None = None
    ignored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One table's live channel.

    Attributes
    ----------
    tables
        Tables whose rows arrive on it; ``depth_levels`` comes as `BookChange`.
    channel
        Symbol -> channel, as `Stream.subscribe` takes it. Where `every_symbol` is set the symbol is ignored.
    every_symbol
        One channel carries all instruments of the venue.
    silence
        Quiet for longer than this, in ms, and the channel is taken for dead; None for channels on which
        nothing may happen for hours, as liquidations, that live and die with the connection.
    droppable
        Under pressure frames of this channel may be dropped, and are then counted and recorded as a gap.
        Never for liquidations.
    host
        Key of the venue's urls that it lives at; by kind of contract (``linear``, ``inverse``) where those
        live apart, or where it carries one of them only.
    """

    tables: tuple[str, ...]
    channel: Callable[[str], str]
    every_symbol: bool = False
    silence: int | None = None
    droppable: bool = False
    host: str | Mapping[str, str] = "stream"

    def host_of(self, contract: str) -> str | None:
        """Return the key of the url at which it carries contracts of this kind; None if it carries none."""
        return self.host if isinstance(self.host, str) else self.host.get(contract)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How to listen to a venue.

    Attributes
    ----------
    feeds
        The channels on offer.
    subscribe
        Channels -> messages to send after connecting; empty where the url says it all.
    url
        (base url of the host, channels) -> url to connect to.
    read
        (frame, instruments) -> what it says. Raises `PayloadError`, and nothing else, whatever the bytes.
    channel_of
        Frame -> the channel it came on, or empty; used to tell silent channels apart. Never raises.
    ping
        Message of the venue's own to send every `ping_interval` ms; None where protocol pings do.
    channels_per_connection
        Most channels that one connection may carry.
    acknowledges
        The venue confirms subscriptions: a missing confirmation within ten seconds is a failure.
    """

    feeds: tuple[Feed, ...]
    subscribe: Callable[[Sequence[str]], Sequence[bytes]]
    url: Callable[[str, Sequence[str]], str]
    read: Callable[[bytes, Instruments], Reading]
    channel_of: Callable[[bytes], str]
    ping: bytes | None = None
    ping_interval: int = 20_000
    channels_per_connection: int = 200
    acknowledges: bool = True
