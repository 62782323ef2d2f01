"""What the tests of a census share: a fake venue with accounts, a census in a thread or a process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ingest.threaded_run import ThreadedRun
from powderkeg.core.census_policy import CensusPolicy
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_accounts import PopulatedMarket
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.faults import Faults
from powderkeg.fake_venues.scripted_market import Series
from powderkeg.ingest.census import CensusRun
from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.ingest.census_settings import CensusSettings
from powderkeg.ingest.venue_client import Patience, VenueClient
from powderkeg.ingest.watchfulness import Watchfulness
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import InstrumentRow, MarketRow, MarkPrice, OpenInterest
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import RateLimit
from powderkeg.venues.hyperliquid import VENUE
from powderkeg.venues.venue import Venue

ACCOUNTS, STATES, POSITIONS = (
    DatasetKey(table, "hyperliquid", "perpetuals") for table in ("accounts", "account_states", "positions")
)
COINS = ("BTC", "ETH", "kPEPE")
QUICK = CensusSettings(
    flush=0.05,
    archive=0,
    trades=False,
    policy=CensusPolicy(rests=(0, 50, 50, 50, 50), first_backoff=200, longest_backoff=400),
    watchfulness=Watchfulness(quiet=2.0, first_wait=0.02, longest_wait=0.1),
    first_pause=0.05,
    longest_pause=0.2,
)
ONE_QUICK_TRY = Patience(attempts=1, connect=2.0, read=0.3, whole=2.0)


def unlimited(venue: Venue = VENUE) -> Venue:
    """Return the venue with a limit that a test does not reach."""
    return replace(venue, limits={host: RateLimit(1_000_000, 60_000) for host in venue.limits})


class LiveMarket(PopulatedMarket):
    """A market whose clock is this machine's, so that no two states of an account are of one time."""

    @property
    def now(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000

    @now.setter
    def now(self, _: int) -> None:
        """Leave the clock alone."""


def market(count: int, now: int, **options: Any) -> LiveMarket:
    """Return a market of three coins and a builder's, of which one day is over at `now`."""
    series: dict[Series, Sequence[MarketRow]] = {}
    instruments = {}
    for place, coin in enumerate((*COINS, "xyz:TSLA")):
        price = 100.0 * (place + 1)
        instruments[coin] = InstrumentRow(
            now, coin.split(":")[-1], "USD", "USDC", "linear", 1.0, 0.001, 0.001, "trading", None, 40.0
        )
        series["mark_prices", coin, "all"] = [
            MarkPrice(now - 24 * HOUR + minute * MINUTE, price * (1 + 0.00001 * minute), price, 0.0, None)
            for minute in range(24 * 60)
        ]
        interest = 1_000_000.0 / price
        series["open_interest", coin, "all"] = [
            OpenInterest(now - HOUR, interest, 2 * interest, "base", 2, None)
        ]
    return LiveMarket(instruments, series, now, count=count, **options)


@contextmanager
def served(made: PopulatedMarket, faults: Faults | None = None) -> Iterator[FakeVenue]:
    """Serve a market."""
    with FakeVenue(dialect("hyperliquid"), made, faults=faults) as fake:
        yield fake


class Counting(ThreadedRun[CensusProgress]):
    """A census in a thread of its own; leaving the context stops it."""

    patience = 30.0

    def __init__(
        self,
        fake: FakeVenue,
        lake: Lake,
        accounts: Sequence[str] = (),
        settings: CensusSettings = QUICK,
        venue: Venue | None = None,
    ) -> None:
        asked = venue or unlimited()
        super().__init__(VenueClient(asked, fake.urls(VENUE.urls), ONE_QUICK_TRY))
        self.run = CensusRun(self._client, lake, accounts, settings)

    @property
    def state(self) -> CensusProgress:
        return self.progress

    @property
    def progress(self) -> CensusProgress:
        return self.run.progress

    async def work(self, stop: asyncio.Event) -> None:
        await self.run.run(stop)


def count(pipe: Connection, root: Path, urls: Mapping[str, str], accounts: Sequence[str]) -> None:
    """Run a census, told to start, until told to stop; say what is acknowledged."""

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with VenueClient(unlimited(), urls, ONE_QUICK_TRY) as client:
            census = CensusRun(client, Lake(root), accounts, QUICK)
            running = asyncio.create_task(census.run(stop))
            told = 0
            while not running.done():
                await asyncio.wait([running], timeout=0.005)
                if census.progress.acknowledged != told:
                    told = census.progress.acknowledged
                    pipe.send(told)
            await running

    with contextlib.suppress(EOFError):  # the test is over
        pipe.recv()
        asyncio.run(run())
