"""Recording through real sockets from a fake venue: what is kept, what is known of what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ingest.recording import QUICK, Recording, patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.faults import Fault
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.live_compaction import compact_segment, finished_segments
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Liquidation, MarketRow, Trade
from powderkeg.model.times import MINUTE, SECOND
from powderkeg.venues.bybit import VENUE
from venues.made_rows import START, instrument_row, made_book, made_rows

BTC = Instrument("bybit", "BTCUSDT", "BTC", "USDT")
TRADES = made_rows("trades", 2000, interval=10, semantics=VENUE.semantics)
LIQUIDATIONS = made_rows("liquidations", 300, interval=70, semantics=VENUE.semantics)
BARS = made_rows("bars", 3, interval=MINUTE, semantics=VENUE.semantics)
MARKS = made_rows("mark_prices", 20, interval=SECOND, semantics=VENUE.semantics)
TABLES = ("trades", "liquidations", "bars", "mark_prices", "depth_levels")


@pytest.fixture
def fake() -> Iterator[FakeVenue]:
    series: dict[tuple[str, str, str], Sequence[MarketRow]] = {
        ("trades", "BTCUSDT", "all"): TRADES,
        ("liquidations", "BTCUSDT", "all"): LIQUIDATIONS,
        ("bars", "BTCUSDT", "1m"): BARS,
        ("mark_prices", "BTCUSDT", "all"): MARKS,
        ("depth_levels", "BTCUSDT", "all"): made_book(START + SECOND),
    }
    with FakeVenue(
        dialect("bybit"), ScriptedMarket({"BTCUSDT": instrument_row()}, series, START - 1)
    ) as venue:
        yield venue


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def channels(*tables: str) -> list[str]:
    return [feed.channel("BTCUSDT") for feed in VENUE.stream.feeds if set(feed.tables) & set(tables)]


def compacted(lake: Lake) -> None:
    for path in finished_segments(lake.root, "bybit"):
        compact_segment(lake.root, path)


def rows(lake: Lake, table: str, kind: type, variant: str = "all") -> list[tuple[object, ...]]:
    frame = lake.read(DatasetKey(table, "bybit", "BTCUSDT", variant), columns=kind._fields)  # type: ignore[attr-defined]
    return list(frame.iter_rows())


def recorded(lake: Lake, fake: FakeVenue, tables: Sequence[str] = TABLES) -> Recording:
    # The recorder's clock is the market's, which leaps: delays are none, and no leap is taken for silence.
    leaping = patient(quiet=1e9, silence=1e9)
    instruments = {"BTCUSDT": BTC}
    return Recording(
        VENUE, fake, lake, instruments, tables, leaping, clock=lambda: fake.market.now * 1_000_000
    )


def test_everything_pushed_is_in_the_tables_and_in_the_archive(fake: FakeVenue, lake: Lake) -> None:
    with recorded(lake, fake) as recording:
        assert fake.stream.wait_for(channels(*TABLES))
        sent = fake.advance(START + 4 * MINUTE)
        recording.until(lambda status: sum(c.frames for c in status.connections) >= sent + 3)
    assert {counts.state for counts in recording.status.connections} == {"stopped"}
    compacted(lake)
    assert rows(lake, "trades", Trade) == sorted(map(tuple, TRADES))
    assert sorted(rows(lake, "liquidations", Liquidation)) == sorted(map(tuple, LIQUIDATIONS))
    assert len(rows(lake, "bars", type(BARS[0]), "1m")) == 3
    assert len(rows(lake, "depth_levels", type(made_book()[0]))) == 10
    assert not finished_segments(lake.root, "bybit")


def test_nothing_is_twice_after_a_disconnect_and_the_gap_is_a_row(fake: FakeVenue, lake: Lake) -> None:
    with recorded(lake, fake, ("trades", "liquidations")) as recording:
        wanted = channels("trades", "liquidations")
        assert fake.stream.wait_for(wanted)
        fake.advance(START + 5 * SECOND)
        recording.until(lambda _: recording.rows("trades") == 501)
        fake.stream.disconnect()
        recording.until(lambda status: all(c.reconnects for c in status.connections))
        assert fake.stream.wait_for(wanted)
        recording.until(lambda status: all(c.gaps for c in status.connections))
        # The venue repeats its last second, as some do after a reconnect.
        repeated = [row for row in TRADES if START + 4 * SECOND < row.ts <= START + 5 * SECOND]
        for row in repeated:
            fake.push("trades", "BTCUSDT", [row])
        fake.advance(START + 20 * SECOND)
        recording.until(lambda _: recording.rows("trades") == len(TRADES) + len(repeated))
    compacted(lake)
    assert rows(lake, "trades", Trade) == sorted(map(tuple, TRADES))
    gaps = lake.read(DatasetKey("gaps", "bybit", "BTCUSDT"))
    assert {"trades", "liquidations"} <= set(gaps["table"])
    assert (gaps["end_ts"] > gaps["ts"]).all()
    assert lake.covered(DatasetKey("trades", "bybit", "BTCUSDT"))


@pytest.mark.parametrize("kind", ["unknown_fields", "duplicates"])
def test_oddities_change_nothing_that_is_kept(fake: FakeVenue, lake: Lake, kind: str) -> None:
    fake.faults.add_stream(Fault(kind, times=5))  # type: ignore[arg-type]
    with recorded(lake, fake) as recording:
        assert fake.stream.wait_for(channels(*TABLES))
        fake.advance(START + 4 * MINUTE)
        times = 2 if kind == "duplicates" else 1
        recording.until(lambda _: recording.rows("trades") == times * len(TRADES))
        recording.until(lambda _: recording.rows("liquidations") == times * len(LIQUIDATIONS))
    compacted(lake)
    assert rows(lake, "trades", Trade) == sorted(map(tuple, TRADES))
    assert sorted(rows(lake, "liquidations", Liquidation)) == sorted(map(tuple, LIQUIDATIONS))


@pytest.mark.parametrize("kind", ["refused", "unacknowledged", "black_hole", "silent"])
def test_a_dead_connection_is_made_anew_and_what_follows_is_kept(
    fake: FakeVenue, lake: Lake, kind: str
) -> None:
    fake.faults.add_stream(Fault(kind))  # type: ignore[arg-type]
    # The fake pushes nothing while it is waited for: half a second of silence is long here.
    settings = {
        "silent": patient(silence=0.5 / 600),
        "black_hole": patient(protocol_ping=0.3),
        "unacknowledged": patient(acknowledging=0.5),
        "refused": QUICK,
    }[kind]
    with Recording(VENUE, fake, lake, {"BTCUSDT": BTC}, ("trades",), settings) as recording:
        if kind in {"black_hole", "silent"}:
            assert fake.stream.wait_for(channels("trades"))
            fake.advance(START + SECOND)
        recording.until(lambda status: status.connections[0].reconnects >= 1)
        trouble = recording.status.connections[0].trouble
        assert fake.stream.wait_for(channels("trades"))
        recording.until(lambda status: status.connections[0].state == "listening")
        fake.advance(START + 20 * SECOND)
        lost_at_most = 101 if kind in {"black_hole", "silent"} else 0
        recording.until(lambda _: recording.rows("trades") >= len(TRADES) - lost_at_most)
    compacted(lake)
    kept = rows(lake, "trades", Trade)
    assert kept[-1] == tuple(TRADES[-1])
    assert len(kept) >= len(TRADES) - lost_at_most
    expected = {
        "refused": "503",
        "unacknowledged": "no confirmation of publicTrade.BTCUSDT",
        "silent": "publicTrade.BTCUSDT was silent for",
        "black_hole": "keepalive ping timeout",
    }
    assert expected[kind] in trouble


def test_an_unreadable_frame_is_kept_counted_and_named(fake: FakeVenue, lake: Lake) -> None:
    fake.faults.add_stream(Fault("malformed", after=100))
    with recorded(lake, fake, ("trades",)) as recording:
        assert fake.stream.wait_for(channels("trades"))
        fake.advance(START + 20 * SECOND)
        recording.until(lambda _: recording.rows("trades") == len(TRADES) - 1)
    assert recording.status.connections[0].unreadable == 1
    compacted(lake)
    unreadable = lake.read(DatasetKey("unreadable_frames", "bybit", "*"))
    assert len(unreadable) == 1
    assert "publicTrade" in unreadable["excerpt"][0]
    assert len(rows(lake, "trades", Trade)) == len(TRADES) - 1


def test_a_refused_subscription_is_told_and_the_others_go_on(lake: Lake) -> None:
    # A stream whose venue answers "no" is not one that is silent.
    control = VENUE.stream.read(b'{"success":false,"ret_msg":"error:handler not found","op":"subscribe"}', {})
    assert control.control is not None
    assert control.control.kind == "refused"
