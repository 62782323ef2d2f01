"""Backfill through real sockets against a fake venue: what is kept, what is asked, what each fault costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from powderkeg.errors import InputError, VenueError
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.faults import Fault
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.backfill import BackfillReport, Progress, backfill
from powderkeg.ingest.venue_client import Patience, VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import MarketRow
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.bybit import VENUE
from powderkeg.venues.registry import venue
from venues.made_rows import START, instrument_row, made_rows, made_tiers

NOW = START + 12 * DAY
BARS = made_rows("bars", 12 * 288, interval=5 * MINUTE, semantics=VENUE.semantics)
FUNDING = made_rows("funding", 36, interval=8 * HOUR, semantics=VENUE.semantics)
INTEREST = made_rows("open_interest", 12 * 288, interval=5 * MINUTE, semantics=VENUE.semantics)
WINDOW = Window(START, START + 10 * DAY)
BAR_KEY = DatasetKey("bars", "bybit", "BTCUSDT", "5m")
QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.05, connect=2, read=0.5, whole=5)


@pytest.fixture
def fake() -> Iterator[FakeVenue]:
    series: dict[tuple[str, str, str], Sequence[MarketRow]] = {
        ("bars", "BTCUSDT", "5m"): BARS,
        ("funding", "BTCUSDT", "all"): FUNDING,
        ("open_interest", "BTCUSDT", "all"): INTEREST,
        ("leverage_tiers", "BTCUSDT", "all"): made_tiers(),
    }
    instruments = {"BTCUSDT": instrument_row(), "ETHUSDT": instrument_row(base="ETH")}
    with FakeVenue(dialect("bybit"), ScriptedMarket(instruments, series, NOW)) as venue:
        yield venue


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def filled(
    fake: FakeVenue,
    lake: Lake,
    tables: Sequence[str] = ("bars",),
    window: Window = WINDOW,
    symbols: Sequence[str] = ("BTC",),
    steps: list[Progress] | None = None,
    now: int = NOW,
) -> BackfillReport:
    async def run() -> BackfillReport:
        async with VenueClient(VENUE, fake.urls(VENUE.urls), QUICK) as client:
            return await backfill(
                client,
                lake,
                symbols,
                tables,
                window,
                interval=5 * MINUTE,
                clock=lambda: now,
                progress=(steps if steps is not None else []).append,
            )

    return asyncio.run(run())


def kept(lake: Lake, window: Window = WINDOW) -> list[object]:
    return list(lake.read(BAR_KEY, window, columns=type(BARS[0])._fields).iter_rows())


def expected(window: Window = WINDOW) -> list[object]:
    # Bybit tells neither taker volumes nor counts of trades.
    return [(*row[:-2], None, None) for row in BARS if window.start <= row.ts < window.end]


def test_what_the_venue_has_is_in_the_lake_and_stated_as_covered(fake: FakeVenue, lake: Lake) -> None:
    steps: list[Progress] = []
    report = filled(fake, lake, ("bars", "funding", "open_interest", "leverage_tiers"), steps=steps)
    assert kept(lake) == expected()
    assert lake.covered(BAR_KEY) == (WINDOW,)
    assert not report.failures
    assert not report.not_to_be_had
    assert report.rows[DatasetKey("funding", "bybit", "BTCUSDT")] == 30
    interest = lake.read(DatasetKey("open_interest", "bybit", "BTCUSDT", "5m"), WINDOW)
    assert interest["open_interest"].to_list() == [row[1] for row in INTEREST[: 10 * 288]]
    assert interest["raw_sides"].unique().to_list() == [2]
    assert len(lake.read(DatasetKey("leverage_tiers", "bybit", "BTCUSDT"))) == 3
    assert steps[-1].done == steps[-1].total == len(steps)


def test_the_same_backfill_again_asks_for_nothing(fake: FakeVenue, lake: Lake) -> None:
    filled(fake, lake)
    asked = len(fake.http.requests)
    report = filled(fake, lake)
    assert report.requests == 0
    assert len(fake.http.requests) == asked


def test_exactly_what_is_missing_is_asked_for(fake: FakeVenue, lake: Lake) -> None:
    filled(fake, lake, window=Window(START, START + 4 * DAY))
    filled(fake, lake, window=Window(START + 6 * DAY, START + 8 * DAY))
    fake.http.requests.clear()
    filled(fake, lake)
    asked = sorted(request.split("start=")[1].split("&")[0] for request in fake.http.requests)
    assert asked == [str(START + 4 * DAY), str(START + 8 * DAY)]
    assert kept(lake) == expected()


def test_an_open_bar_is_never_asked_for_nor_covered(fake: FakeVenue, lake: Lake) -> None:
    now = START + 2 * DAY + 7 * MINUTE
    fake.market.now = now
    filled(fake, lake, window=Window(START, START + 9 * DAY), now=now)
    assert lake.covered(BAR_KEY) == (Window(START, START + 2 * DAY + 5 * MINUTE),)
    assert len(kept(lake)) == 2 * 288 + 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("refused", times=2),
        Fault("limited", seconds=0.05),
        Fault("limited_without_retry_after", times=2),
        Fault("server_error", times=2),
        Fault("slow", seconds=0.8),
        Fault("truncated", times=2),
        Fault("malformed", times=2),
        Fault("unknown_fields", times=9),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_passing_fault_costs_time_and_nothing_else(fake: FakeVenue, lake: Lake, fault: Fault) -> None:
    fake.faults.add_http(fault)
    report = filled(fake, lake)
    assert kept(lake) == expected()
    assert not report.failures
    assert report.retries == (0 if fault.kind == "unknown_fields" else fault.times)
    assert report.limited == (fault.times if fault.kind.startswith("limited") else 0)


def test_a_fault_that_stays_is_reported_and_left_for_the_next_run(fake: FakeVenue, lake: Lake) -> None:
    filled(fake, lake, window=Window(START, START + HOUR))  # so that instruments are known
    fake.faults.add_http(Fault("server_error", times=9))
    report = filled(fake, lake)
    assert len(report.failures) == 3
    assert "HTTP 503" in report.failures[0]
    assert "tried 3 times" in report.failures[0]
    assert lake.missing(BAR_KEY, WINDOW) == (Window(START + HOUR, WINDOW.end),)
    assert not filled(fake, lake).failures
    assert kept(lake) == expected()


def test_an_unknown_symbol_names_what_is_near(fake: FakeVenue, lake: Lake) -> None:
    with pytest.raises(InputError, match=r"Bybit lists no perpetual 'BTCUSDX'; it lists BTCUSDT"):
        filled(fake, lake, symbols=("BTCUSDX",))


def test_a_table_without_history_says_what_to_do_instead(fake: FakeVenue, lake: Lake) -> None:
    with pytest.raises(InputError, match=r"Bybit has no past liquidation_totals: not published; add up"):
        filled(fake, lake, ("liquidation_totals",))
    with pytest.raises(InputError, match=r"Bybit has no past trades: it is only streamed"):
        filled(fake, lake, ("trades",))


def test_a_venue_that_is_not_there_is_named(lake: Lake) -> None:
    async def run() -> None:
        urls = dict.fromkeys(VENUE.urls, "http://127.0.0.1:9")
        async with VenueClient(VENUE, urls, QUICK) as client:
            await backfill(client, lake, ["BTC"], ["bars"], WINDOW, interval=5 * MINUTE, clock=lambda: NOW)

    with pytest.raises(VenueError, match=r"bybit /v5/market/instruments-info.*tried 3 times"):
        asyncio.run(run())


def test_what_several_tables_are_in_is_asked_for_once(lake: Lake) -> None:
    gate = venue("gate")
    spoken, window = dialect("gate"), Window(START, START + 2 * DAY)
    totals, takers = (
        made_rows(table, 600, interval=5 * MINUTE, semantics=gate.semantics)
        for table in ("liquidation_totals", "taker_volume")
    )
    series: dict[tuple[str, str, str], Sequence[MarketRow]] = {
        ("liquidation_totals", "BTC_USDT", "5m"): totals,
        ("taker_volume", "BTC_USDT", "5m"): takers,
    }
    market = ScriptedMarket({"BTC_USDT": spoken.example(instrument_row())}, series, NOW)
    tables = ["liquidation_totals", "taker_volume"]

    async def run(fake: FakeVenue) -> BackfillReport:
        async with VenueClient(gate, fake.urls(gate.urls), QUICK) as client:
            return await backfill(
                client, lake, ["BTC"], tables, window, interval=5 * MINUTE, clock=lambda: NOW
            )

    with FakeVenue(spoken, market) as fake:
        report = asyncio.run(run(fake))
        asked = [path for path in fake.http.requests if "contract_stats" in path]
    assert not report.failures
    assert len(asked) == 1
    for table, rows in (("liquidation_totals", totals), ("taker_volume", takers)):
        key = DatasetKey(table, "gate", "BTC_USDT", "5m")
        kept_rows = lake.read(key, window, columns=type(rows[0])._fields)
        assert lake.covered(key) == (window,)
        assert list(kept_rows.iter_rows()) == [tuple(row) for row in rows if row.ts < window.end]
