"""Fake venues in a process of their own that tell a simulated market in real time, by the second."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from powderkeg.errors import VenueError
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_accounts import PopulatedMarket
from powderkeg.fake_venues.fake_venue import STREAMED, FakeVenue
from powderkeg.fake_venues.live_detail import live_detail
from powderkeg.fake_venues.moved_market import on_a_clock, scaled
from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.fake_venues.simulated_source import (
    no_deleveraging,
    simulated_instrument,
    simulated_series,
    told_by,
)
from powderkeg.model.market_rows import MarketRow
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.simulation.emission import VenueEmission
from powderkeg.venues.registry import venue
from powderkeg.venues.venue import Venue

LENGTH = 12 * HOUR
"""How long markets go on from the hour that they are begun in; nothing comes after that."""
_AHEAD = 6 * MINUTE
_TICK = 0.2
_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = 120.0


class LiveMarket(NamedTuple):
    """What the venues tell.

    Attributes
    ----------
    emission
        A simulated venue's publications, past and future, moved to the time of this machine's clock.
    coin
        What the simulated coin is called.
    sizes
        Venue -> how large it is, against the simulated one.
    past
        How many ms of it there are to ask for.
    accounts, seed
        How many accounts the venue has that publishes positions; of the randomness.
    """

    emission: VenueEmission
    coin: str
    sizes: Mapping[str, float]
    past: int = 30 * DAY
    accounts: int = 1_000
    seed: int = 0


class LiveVenues:
    """Serves the venues of a market until the context is left; the process ends with its parent, too.

    Attributes
    ----------
    urls
        Venue -> its base urls by host, once entered.

    Raises
    ------
    VenueError
        On entering: the process ended before it served anything.
    """

    def __init__(self, market: LiveMarket) -> None:
        self.urls: dict[str, dict[str, str]] = {}
        self._pipe, theirs = _SPAWN.Pipe()
        self._theirs = theirs
        self._process = _SPAWN.Process(target=_serve, args=(theirs, market), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        try:
            told = self._pipe.recv() if self._pipe.poll(_PATIENCE) else None
        except EOFError:
            told = None
        if told is None:
            self.__exit__(None, None, None)
            raise VenueError("the simulated venues did not start")
        self.urls = told
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class ToldMarket:
    """One venue's market in its own words and size, told by the second as far as `advance` has come.

    Parameters
    ----------
    market
        See there.
    name
        The venue.
    now
        Where the clock stands, UTC ms.

    Attributes
    ----------
    market
        What is served. Bars of the past are of five minutes and longer, those of the last day and of the
        hours to come of a minute, too.
    """

    def __init__(self, market: LiveMarket, name: str, now: int) -> None:
        asked = venue(name)
        start, recent, end = (
            (now - market.past) // HOUR * HOUR, now // HOUR * HOUR - DAY, now // HOUR * HOUR + LENGTH,
        )  # fmt: skip
        emission = scaled(market.emission, market.sizes[name])
        self._symbol = asked.symbol(market.coin)
        self._emission = on_a_clock(emission, recent, end)
        self._generator = np.random.default_rng((market.seed, list(market.sizes).index(name)))
        series = _joined(
            simulated_series(on_a_clock(emission, start, recent), self._symbol, by_minute=False),
            simulated_series(self._emission, self._symbol),
        )
        series["deleveraging_signals", self._symbol, "all"] = no_deleveraging(now, end)
        rows = told_by(series, self._symbol, asked.semantics.liquidation_price)
        instruments = {self._symbol: dialect(name).example(simulated_instrument(start, market.coin))}
        if asked.census is None:
            self.market = ScriptedMarket(instruments, rows, now)
        else:
            self.market = PopulatedMarket(instruments, rows, now, count=market.accounts, seed=market.seed)
        # From the minute before, so that whoever comes now knows a price and a book.
        self._detailed = now // MINUTE * MINUTE - MINUTE
        self.detail(now)

    def detail(self, until: int) -> None:
        """Tell by the second some minutes beyond `until`; call it before the clock is moved there."""
        if self._detailed - until >= _AHEAD // 2:
            return
        window = Window(self._detailed, until // MINUTE * MINUTE + _AHEAD)
        for key, rows in live_detail(self._emission, self._symbol, window, self._generator).items():
            self.market.replace_rows(key, window, rows)
        self._detailed = window.end


def _joined(
    past: Mapping[Series, Sequence[MarketRow]], recent: Mapping[Series, Sequence[MarketRow]]
) -> dict[Series, Sequence[MarketRow]]:
    """Return the rows of both; what is said of the instrument itself, once."""
    once = {"leverage_tiers", "insurance_funds"}
    return {
        key: past[key] if key[0] in once else [*past.get(key, ()), *recent.get(key, ())]
        for key in {**past, **recent}
    }


def pushed_tables(asked: Venue) -> Sequence[str]:
    """Return the tables that a venue streams, but warnings while nothing is near."""
    streamed = {table for feed in asked.stream.feeds for table in feed.tables}
    if not any("deleveraging_signals" in feed.tables and feed.silence for feed in asked.stream.feeds):
        streamed.discard("deleveraging_signals")
    return [table for table in STREAMED if table in streamed]


def _serve(pipe: Connection, market: LiveMarket) -> None:
    """Serve until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    now = time.time_ns() // 1_000_000
    told = {name: ToldMarket(market, name, now) for name in market.sizes}
    with ExitStack() as stack:
        fakes = {
            name: stack.enter_context(FakeVenue(dialect(name), one.market, pushed=pushed_tables(venue(name))))
            for name, one in told.items()
        }
        pipe.send({name: fake.urls(venue(name).urls) for name, fake in fakes.items()})
        while not pipe.poll(_TICK):  # nothing is ever sent: it is the end
            now = time.time_ns() // 1_000_000
            for name, fake in fakes.items():
                told[name].detail(now)
                fake.advance(now)
