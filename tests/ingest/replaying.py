"""A simulated market replayed at speed: told by a fake venue, backfilled and recorded into a lake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from ingest.recording import PATIENCE, Recording, patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import STREAMED, FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.fake_venues.simulated_source import simulated_instrument, simulated_series, told_by
from powderkeg.ingest.backfill import BackfillReport, backfill
from powderkeg.ingest.connection_plan import connection_plans
from powderkeg.ingest.listed_instruments import instrument_of_row
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.ingest.recorder_settings import RecorderStatus
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.maps.market_frame import market_frame
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.market_rows import MarketRow, table_of
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.simulation.emission import VenueEmission
from powderkeg.simulation.market import simulated_market
from powderkeg.simulation.simulated_venue import ALDER
from powderkeg.venues.asking import RateLimit
from powderkeg.venues.registry import venue as venue_named
from powderkeg.venues.venue import Venue

COIN = "BTC"
FIVE = 5 * MINUTE
_PRICES = ("ts", "open", "high", "low", "close")
RECORDED = ("trades", "liquidations", "bars", "mark_prices", "open_interest")
BACKFILLED = ("bars", "mark_bars", "funding", "open_interest")
# Of four days the first is in Binance's daily files by now, and a squeeze begins when the 64th hour is over.
_DAYS, LIVE_HOUR, SQUEEZE_HOUR, END_HOUR = 4, 63, 64, 65
# Shorter than what neighbouring segments vouch for together: see `ingest.segment_sink`.
STEP = 30 * SECOND
# The market's clock leaps, and a leap is no silence.
_LEAPING = replace(patient(quiet=1e9, silence=1e9), segment_seconds=1800.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One simulated market, and the rows that are told of it."""

    emission: VenueEmission
    series: Mapping[Series, Sequence[MarketRow]]

    def at(self, hour: int) -> int:
        return int(self.emission.ts[0]) + hour * HOUR

    def rows(self, table: str, window: Window, variant: str = "all") -> list[Any]:
        return [row for row in self.series[table, COIN, variant] if window.start <= row.ts < window.end]

    def frame(self, table: str, window: Window, columns: Sequence[str], variant: str = "all") -> pl.DataFrame:
        fields = table_of(table).row._fields
        rows = self.rows(table, window, variant)
        return pl.DataFrame(rows, schema=list(fields), orient="row", infer_schema_length=None).select(columns)


def told_market() -> Told:
    # Venues state open interest all the time; Deribit does so in the same message as the mark price.
    own = (replace(ALDER, name="simulated", liquidation_interval=0, open_interest_cadence=MINUTE),)
    generator = np.random.default_rng(8)
    market = simulated_market(generator, scenario="short_squeeze", days=_DAYS, venues=own)
    return Told(market.venues[0], simulated_series(market.venues[0], COIN))


def marked_as_traded(told: Told) -> Told:
    """Return the market with traded prices for mark prices: two venues tell no bars of the mark."""
    prices = {f"mark_{name}": getattr(told.emission, name) for name in ("open", "high", "low", "close")}
    emission = replace(told.emission, **prices)
    return Told(emission, simulated_series(emission, COIN))


def at_speed(venue: Venue) -> Venue:
    """Return the venue without the pauses between polls and requests, which are meant for real minutes."""
    return replace(
        venue,
        snapshots=tuple(replace(one, poll=5 if one.poll else 0) for one in venue.snapshots),
        limits={host: RateLimit(weight=1_000_000, period_ms=1_000) for host in venue.urls},
    )


@dataclass(frozen=True, slots=True)
class Case:
    """How one venue tells the market, and what can be equal.

    `interval` is that of the bars asked for. `rounding` is the relative difference that the venue's units
    leave in the map, and `event_rounding` in quantities of liquidations and trades; 0 is bit for bit.
    `price_meaning` is what the rows say of a liquidation's price. `mark` and `interest_history` say whether
    the venue has a history of these.
    """

    venue: str
    interval: int
    rounding: float
    event_rounding: float
    price_meaning: str
    mark: bool = True
    interest_history: bool = True
    # Whether a value of past open interest counts from the end of its interval only.
    interest_late: bool = False


@dataclass(slots=True)
class Replay:
    """One venue that tells a simulated market from `now` on, and the lake that is filled from it.

    `copies` is how often the venue sends each frame.
    """

    name: str
    told: Told
    lake: Lake
    now: int
    copies: int = 1
    venue: Venue = field(init=False)
    symbol: str = field(init=False)
    streamed: set[str] = field(init=False)
    fake: FakeVenue = field(init=False)

    def __post_init__(self) -> None:
        self.venue = at_speed(venue_named(self.name))
        self.symbol = self.venue.symbol(COIN)
        self.streamed = {table for feed in self.venue.stream.feeds for table in feed.tables} & set(RECORDED)
        spoken = dialect(self.name)
        row = spoken.example(simulated_instrument(self.told.at(0), COIN))
        rows = told_by(self.told.series, self.symbol, self.venue.semantics.liquidation_price)
        market = ScriptedMarket({self.symbol: row}, rows, self.now)
        self.fake = FakeVenue(spoken, market, pushed=[one for one in STREAMED if one in self.streamed])

    def backfilled(self, window: Window, interval: int, tables: Sequence[str] = BACKFILLED) -> BackfillReport:
        """Fill the lake with what the venue has of the past of these tables, at the market's time."""
        past = {source.table for source in self.venue.history}

        async def run() -> BackfillReport:
            async with VenueClient(self.venue, self.fake.urls(self.venue.urls), PATIENCE) as client:
                return await backfill(
                    client,
                    self.lake,
                    [COIN],
                    [table for table in tables if table in past],
                    window,
                    interval=interval,
                    clock=lambda: self.fake.market.now,
                )

        report = asyncio.run(run())
        assert not report.failures, report.failures
        return report

    @property
    def instrument(self) -> Instrument:
        return instrument_of_row(self.name, self.symbol, self.fake.market.instruments[self.symbol])

    @property
    def polled(self) -> set[str]:
        """What is asked for again and again while it is recorded."""
        return (set(RECORDED) - self.streamed) & {one.table for one in self.venue.snapshots}

    def recording(self) -> Recording:
        return Recording(
            self.venue,
            self.fake,
            self.lake,
            {self.symbol: self.instrument},
            RECORDED,
            _LEAPING,
            clock=lambda: self.fake.market.now * 1_000_000,
        )

    def begin(self, recording: Recording, heard: Mapping[str, int] | None = None) -> None:
        """Wait until all is listened to: the venue has confirmed it, and polls have been answered.

        `heard` is how many frames had come on each connection before.
        """
        wanted = {}
        for plan in connection_plans(self.venue, [self.instrument], RECORDED):
            messages = self.venue.stream.subscribe([channel.name for channel in plan.channels])
            replies = sum(len(self.fake.dialect.heard(message).replies) for message in messages)
            wanted[plan.name] = (heard or {}).get(plan.name, 0) + replies

        def listening(status: RecorderStatus) -> bool:
            answered = all(recording.rows(table) for table in self.polled)
            return answered and all(one.frames >= wanted.get(one.name, 0) for one in status.connections)

        recording.until(listening)

    def play(self, recording: Recording, until: int, step: int = STEP) -> None:
        """Move the market on; what a step tells is heard before the next.

        Whatever is polled has been asked for anew by the time at which another row of it is told.
        """
        market = self.fake.market
        while market.now < until:
            since, now = market.now, min(market.now + step, until)
            before = {table: recording.rows(table) for table in RECORDED}
            self.fake.advance(now)
            wanted = {
                table: before[table] + self.copies * count for table, count in self._told(since, now).items()
            }
            for table, every in (("open_interest", FIVE), ("mark_prices", MINUTE)):
                if now % every == 0 and table in self.polled:
                    # Of the next two answers one at most was given before.
                    wanted[table] = recording.rows(table) + 2
            reach(recording, wanted)

    def _told(self, since: int, now: int) -> dict[str, int]:
        """Return how many rows are to be heard of what became known in (since, now]."""
        variants = {"bars": "1m"}
        count = {
            table: len(self.fake.market.news((table, self.symbol, variants.get(table, "all")), since, now))
            for table in self.streamed
        }
        if self.name == "deribit":
            # A liquidation is a trade there, and a ticker has both mark price and open interest.
            count["trades"] += count["liquidations"]
            count["mark_prices"] = count["open_interest"] = count["mark_prices"] + count["open_interest"]
        return count

    def compacted(self) -> None:
        for path in finished_segments(self.lake.root, self.name):
            compact_segment(self.lake.root, path)


def reach(recording: Recording, rows: Mapping[str, int]) -> None:
    """Wait until so many rows of each table have been heard."""
    recording.until(lambda _: all(recording.rows(table) >= count for table, count in rows.items()))


def frames_by_connection(recording: Recording) -> dict[str, int]:
    return {one.name: one.frames for one in recording.status.connections}


def frame_of(replay: Replay, window: Window) -> MarketFrame:
    """Return the frame that the lake makes of [start, end] in bars of five minutes."""
    # A state told at the very end is known when the last bar ends.
    asked = Window(window.start, window.end + 1)
    liquidations = "liquidations" in replay.streamed
    return lake_market_frame(
        replay.lake, replay.venue, replay.symbol, asked, bar_step="5m", liquidations=liquidations
    )


def frame_of_tables(case: Case, told: Told, window: Window, heard: Sequence[Window]) -> MarketFrame:
    """Return the frame of the simulator's own tables: of what `case` tells to who listened in `heard`.

    Each of these windows is without its start and with its end.
    """
    recorded = Window(heard[0].start + 1, window.end)
    mark = told.frame("mark_bars", window, _PRICES, "1m") if case.mark else _recorded_mark(told, heard)
    events = told.frame("liquidations", recorded, ("ts", "position_side", "notional"))
    return market_frame(
        told.frame("bars", window, (*_PRICES, "volume"), "1m"),
        _known_interest(case, told, window, heard),
        symbol=COIN,
        mark=mark,
        funding=told.frame("funding", window, ("ts", "funding_rate")),
        liquidations=events if case.price_meaning else None,
        open_interest_unit="base",
        open_interest_stamp="instant",
        bar_step="5m",
    )


def _recorded_mark(told: Told, heard: Sequence[Window]) -> pl.DataFrame:
    """Return bars of the mark prices of whole bars: at either end of what was heard a part is not claimed."""
    rows = []
    for one in heard:
        for ts in range((one.start + 1) // FIVE * FIVE + FIVE, one.end - FIVE, FIVE):
            prices = [row.mark_price for row in told.rows("mark_prices", Window(ts, ts + FIVE))]
            rows.append((ts, prices[0], max(prices), min(prices), prices[-1]))
    return pl.DataFrame(rows, schema=list(_PRICES), orient="row")


def _known_interest(case: Case, told: Told, window: Window, heard: Sequence[Window]) -> pl.DataFrame:
    """Return open interest with the times from which on it is known."""
    every = told.rows("open_interest", Window(window.start, window.end + 1))
    live = {row.ts: row.open_interest for row in every if any(one.start < row.ts <= one.end for one in heard)}
    known = dict(live)
    for row in every if case.interest_history else ():
        if row.ts % FIVE:
            continue
        if not case.interest_late:
            known[row.ts] = row.open_interest
        elif not any(row.ts < ts <= row.ts + FIVE for ts in live):
            known[row.ts + FIVE] = row.open_interest
    rows = sorted(item for item in known.items() if item[0] <= window.end)
    return pl.DataFrame(rows, schema=["ts", "open_interest"], orient="row")
