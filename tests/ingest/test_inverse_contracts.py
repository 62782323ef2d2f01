"""What settles in coin and what does not: each heard where the venue tells it, both kept in base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ingest.recording import Recording, patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.ingest.connection_plan import connection_plans
from powderkeg.ingest.listed_instruments import instrument_of_row
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import InstrumentRow, MarketRow
from powderkeg.model.times import MINUTE, SECOND
from powderkeg.venues.registry import venue as venue_named
from powderkeg.venues.venue import Venue
from venues.made_rows import START, instrument_row, made_book, made_rows

# Venue -> its linear and its inverse perpetual on Bitcoin; and the paths that its documentation has for them.
SYMBOLS = {"bybit": ("BTCUSDT", "BTCUSD"), "gate": ("BTC_USDT", "BTC_USD")}
PATHS = {
    "bybit": ("/v5/public/linear", "/v5/public/inverse"),
    "gate": ("/v4/ws/usdt", "/v4/ws/btc"),
}
TABLES = ("trades", "liquidations", "mark_prices", "open_interest", "depth_levels")
NAMED = pytest.mark.parametrize("name", SYMBOLS)


def listed(name: str) -> dict[str, InstrumentRow]:
    linear, inverse = SYMBOLS[name]
    return {
        linear: dialect(name).example(instrument_row()),
        inverse: instrument_row(quote="USD", contract="inverse"),
    }


def instruments(name: str) -> dict[str, Instrument]:
    return {symbol: instrument_of_row(name, symbol, row) for symbol, row in listed(name).items()}


def told(venue: Venue) -> dict[Series, Sequence[MarketRow]]:
    """Different rows of each of the two, in house units."""
    series: dict[Series, Sequence[MarketRow]] = {}
    for seed, symbol in enumerate(SYMBOLS[venue.name], start=1):
        for table in TABLES:
            series[table, symbol, "all"] = (
                made_book(START + SECOND, levels=4 + seed)
                if table == "depth_levels"
                else made_rows(table, 20, interval=SECOND, semantics=venue.semantics, seed=seed)
            )
    return series


def columns(
    lake: Lake, venue: str, symbol: str, table: str, names: Sequence[str]
) -> list[tuple[object, ...]]:
    return list(lake.read(DatasetKey(table, venue, symbol)).sort("ts").select(names).iter_rows())


@NAMED
def test_one_of_each_kind_is_recorded_at_its_own_path_and_kept_in_base(name: str, tmp_path: Path) -> None:
    venue, lake = venue_named(name), Lake(tmp_path, create=True)
    series = told(venue)
    with FakeVenue(dialect(name), ScriptedMarket(listed(name), series, START - 1)) as fake:
        plans = connection_plans(venue, list(instruments(name).values()), TABLES)
        leaping = patient(quiet=1e9, silence=1e9)
        with Recording(
            venue,
            fake,
            lake,
            instruments(name),
            TABLES,
            leaping,
            clock=lambda: fake.market.now * 1_000_000,
        ) as recording:
            wanted: Mapping[str, int] = {
                table: sum(len(rows) for (told_of, *_), rows in series.items() if told_of == table)
                for table in TABLES
            }
            assert fake.stream.wait_for(channel.name for plan in plans for channel in plan.channels)
            recording.until(lambda status: all(one.state == "listening" for one in status.connections))
            fake.advance(START + MINUTE)
            recording.until(lambda _: all(recording.rows(table) >= wanted[table] for table in TABLES))
        assert not any(one.unreadable for one in recording.status.connections)
    for path in finished_segments(lake.root, name):
        compact_segment(lake.root, path)
    for symbol, row in listed(name).items():
        for table, names in (("trades", ("ts", "price", "quantity")), ("liquidations", ("ts", "notional"))):
            found = columns(lake, name, symbol, table, names)
            assert len(found) == 20
            wanted_rows = [
                tuple(getattr(one, field) for field in names) for one in series[table, symbol, "all"]
            ]
            assert found == [pytest.approx(one, rel=1e-12) for one in wanted_rows]
        interests = columns(lake, name, symbol, "open_interest", ("open_interest", "raw_unit", "raw_value"))
        expected = [one.open_interest for one in series["open_interest", symbol, "all"]]  # type: ignore[union-attr]
        assert [one[0] for one in interests] == pytest.approx(expected, rel=1e-12)
        units = {"bybit": "base" if row.contract == "linear" else "quote", "gate": "contracts"}
        assert {one[1] for one in interests} == {units[name]}
        # Dollars, of both sides: what is kept is not what was told.
        if row.contract == "inverse":
            assert [one[2] for one in interests] == pytest.approx([2 * 60_500 * one for one in expected])
        assert len(lake.read(DatasetKey("depth_levels", name, symbol))) == len(
            series["depth_levels", symbol, "all"]
        )


@NAMED
def test_each_kind_has_connections_of_its_own_with_a_lively_neighbour(name: str) -> None:
    venue = venue_named(name)
    linear, inverse = instruments(name).values()
    plans = connection_plans(venue, [linear, inverse], TABLES)
    assert [(plan.name, plan.host) for plan in plans] == [
        (f"{kind}-{host}-0", host)
        for kind in ("depth", "liquidations", "market")
        for host in ("stream", "stream_inverse")
    ]
    for plan in plans:
        mine = linear if plan.host == "stream" else inverse
        assert {symbol for channel in plan.channels for symbol in channel.symbols} == {mine.symbol}
        assert venue.urls[plan.host].endswith(PATHS[name][mine is inverse])
        if "liquidations" in plan.name:
            assert any(channel.feed.silence for channel in plan.channels)


@NAMED
def test_of_one_kind_alone_nothing_is_opened_for_the_other(name: str) -> None:
    venue = venue_named(name)
    for instrument, host in zip(instruments(name).values(), ("stream", "stream_inverse"), strict=True):
        assert {plan.host for plan in connection_plans(venue, [instrument], TABLES)} == {host}


def test_a_table_that_is_told_of_one_kind_only_is_not_asked_for_of_the_other() -> None:
    linear, inverse = instruments("gate").values()
    (plan,) = connection_plans(venue_named("gate"), [linear, inverse], ["bars"])
    assert [channel.symbols for channel in plan.channels] == [(linear.symbol,)]
    assert not connection_plans(venue_named("gate"), [inverse], ["bars"])
