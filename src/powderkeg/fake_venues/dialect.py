"""How a fake venue words a market: the inverse of `powderkeg.venues`, written without looking at it.

A dialect turns rows in house units into the venue's own units, sides and JSON, as the venue's documentation
has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from powderkeg.model.market_rows import InstrumentRow, MarketRow
from powderkeg.model.window import Window


class FakeMarket(Protocol):
    """What there is to tell: rows in house units, as of a clock that the market keeps."""

    @property
    def now(self) -> int:
        """UTC milliseconds; nothing later is known yet."""

    @property
    def instruments(self) -> Mapping[str, InstrumentRow]:
        """Symbol, as this venue spells it -> instrument."""

    def rows(self, table: str, symbol: str, window: Window, variant: str = "all") -> Sequence[MarketRow]:
        """Return the rows of one series with ts in [start, end), ascending, that are known by now."""


class Call(NamedTuple):
    """One HTTP request as it arrives: path without the query, the query, and the body of a POST."""

    path: str
    query: Mapping[str, str]
    body: bytes


class Heard(NamedTuple):
    """What a client's message means: channels to serve from now on, and what to answer at once."""

    channels: tuple[str, ...] = ()
    replies: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One venue's protocol, spoken by a server.

    Attributes
    ----------
    venue
        Its name.
    example
        A plain linear instrument -> the venue's main perpetual: its quote, its kind of contract, its size.
    answer
        (call, market) -> body of a 200 answer, or None where the venue has no such path. Honours limits,
        paging and the inclusiveness of bounds as the venue does.
    limited
        Body that the venue sends with 429.
    opened
        Path and query of the url that a WebSocket client connects to -> channels that the url itself
        subscribes.
    heard
        Client's message -> what it means.
    frames
        (table, symbol, rows of one instant, instrument) -> (channel, frame) pairs, batched as the venue
        batches. Rows of ``depth_levels`` are one whole snapshot.
    stream_path
        Instrument -> how the path begins at which its channels are served; any path where that is empty.
    weight
        What a request costs in the venue's own units, for tests of who asks how fast.
    """

    venue: str
    example: Callable[[InstrumentRow], InstrumentRow]
    answer: Callable[[Call, FakeMarket], bytes | None]
    limited: bytes
    opened: Callable[[str], tuple[str, ...]]
    heard: Callable[[bytes], Heard]
    frames: Callable[[str, str, Sequence[MarketRow], InstrumentRow], Sequence[tuple[str, bytes]]]
    stream_path: Callable[[InstrumentRow], str] = lambda _: ""
    weight: Callable[[Call], int] = lambda _: 1
