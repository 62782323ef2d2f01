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
from powderkeg.fake_venues.live_detail import live_detail, with_detail
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.fake_venues.simulated_source import (
    on_a_clock,
    scaled,
    simulated_instrument,
    simulated_series,
    told_by,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.simulation.emission import VenueEmission
from powderkeg.venues.registry import venue
from powderkeg.venues.venue import Venue

DETAIL = 4 * HOUR
"""How long markets are told by the second; afterwards by the minute, as far as the simulation goes."""
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


def live_markets(market: LiveMarket, now: int) -> dict[str, ScriptedMarket]:
    """Return the market of each venue, told in its own words and size, whose clock stands at `now`."""
    start, end = (now - market.past) // HOUR * HOUR, int(market.emission.ts[-1]) + MINUTE
    told = on_a_clock(market.emission, start, end // HOUR * HOUR)
    # From the minute before, so that whoever comes now knows a price and a book.
    window = Window(now // MINUTE * MINUTE - MINUTE, now // MINUTE * MINUTE + DETAIL)
    markets: dict[str, ScriptedMarket] = {}
    for number, (name, size) in enumerate(market.sizes.items()):
        asked = venue(name)
        symbol = asked.symbol(market.coin)
        emission = scaled(told, size)
        generator = np.random.default_rng((market.seed, number))
        detail = live_detail(emission, symbol, window, generator)
        series = simulated_series(emission, symbol, live_since=window.end)
        rows = told_by(with_detail(series, detail, window), symbol, asked.semantics.liquidation_price)
        instrument = dialect(name).example(simulated_instrument(start, market.coin))
        if asked.census is None:
            markets[name] = ScriptedMarket({symbol: instrument}, rows, now)
        else:
            markets[name] = PopulatedMarket(
                {symbol: instrument}, rows, now, count=market.accounts, seed=market.seed
            )
    return markets


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
    with ExitStack() as stack:
        fakes = {
            name: stack.enter_context(FakeVenue(dialect(name), one, pushed=pushed_tables(venue(name))))
            for name, one in live_markets(market, now).items()
        }
        pipe.send({name: fake.urls(venue(name).urls) for name, fake in fakes.items()})
        while not pipe.poll(_TICK):  # nothing is ever sent: it is the end
            now = time.time_ns() // 1_000_000
            for fake in fakes.values():
                fake.advance(now)
