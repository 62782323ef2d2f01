"""A whole venue on this machine: its HTTP and its WebSocket, from a scripted market whose clock you move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from powderkeg.fake_venues.dialect import Dialect
from powderkeg.fake_venues.faults import Faults
from powderkeg.fake_venues.http_server import FakeHttpServer
from powderkeg.fake_venues.scripted_market import ScriptedMarket, known_at
from powderkeg.fake_venues.stream_server import FakeStreamServer
from powderkeg.model.market_rows import MarketRow

# What venues push; the rest is asked for.
STREAMED = (
    "trades", "mark_prices", "open_interest", "depth_levels", "liquidations", "bars", "deleveraging_signals",
)  # fmt: skip


class FakeVenue:
    """Serves one venue's protocol; use it as a context manager.

    Parameters
    ----------
    dialect
        The venue's protocol.
    market
        What it has to tell. `advance` moves its clock.
    pushed
        Tables that are pushed as the clock moves, of those that the market has; all that the venue streams by
        default.
    faults
        What goes wrong.
    http_port, stream_port
        0 takes free ones.
    """

    def __init__(
        self,
        dialect: Dialect,
        market: ScriptedMarket,
        *,
        pushed: Sequence[str] = STREAMED,
        faults: Faults | None = None,
        http_port: int = 0,
        stream_port: int = 0,
    ) -> None:
        self.dialect = dialect
        self.market = market
        self.faults = faults or Faults()
        self.pushed = pushed
        self.http = FakeHttpServer(dialect, market, self.faults, http_port)
        self.stream = FakeStreamServer(dialect, self.faults, stream_port)

    def __enter__(self) -> Self:
        self.http.__enter__()
        self.stream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.__exit__(kind, error, trace)
        self.http.__exit__(kind, error, trace)

    def urls(self, real: Mapping[str, str]) -> dict[str, str]:
        """Return the venue's base urls with this server in the place of its own."""
        return {
            host: (self.http.url if url.startswith("http") else self.stream.url) + urlsplit(url).path
            for host, url in real.items()
        }

    def advance(self, until: int) -> int:
        """Move the clock to `until`, UTC ms, push what became known, and return the frames sent."""
        since, self.market.now = self.market.now, until
        by_path = groupby(self._news(since, until), itemgetter(0))
        return sum(
            self.stream.send([frame for _, frames in news for frame in frames], path)
            for path, news in by_path
        )

    def push(self, table: str, symbol: str, rows: Sequence[MarketRow]) -> int:
        """Push rows of one instant, known to the market or not, and return the frames sent."""
        path, frames = self._worded(table, symbol, rows)
        return self.stream.send(frames, path)

    def _worded(
        self, table: str, symbol: str, rows: Sequence[MarketRow]
    ) -> tuple[str, Sequence[tuple[str, bytes]]]:
        """Return the path at which an instrument is served, and the frames of its rows of one instant."""
        instrument = self.market.instruments[symbol]
        return self.dialect.stream_path(instrument), self.dialect.frames(table, symbol, rows, instrument)

    def _news(self, since: int, until: int) -> Iterator[tuple[str, Sequence[tuple[str, bytes]]]]:
        """Yield paths with frames of what became known in (since, until], in the order of its becoming so."""
        news: list[tuple[int, int, str, list[MarketRow]]] = []
        for key in self.market.series:
            table, symbol, _ = key
            if table in self.pushed:
                fresh = self.market.news(key, since, until)
                order = self.pushed.index(table)
                news += [(at, order, symbol, list(same)) for at, same in groupby(fresh, known_at)]
        for _, order, symbol, rows in sorted(news, key=lambda item: item[:3]):
            yield self._worded(self.pushed[order], symbol, rows)
