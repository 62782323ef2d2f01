"""What every venue must do, asked of each alike: its reader against the server that speaks its protocol."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powderkeg.errors import InputError, PayloadError
from powderkeg.fake_venues.dialect import Call, Dialect
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import DepthLevel, InstrumentRow, MarketRow, table_of
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Record, Request
from powderkeg.venues.listening import Feed, Reading
from powderkeg.venues.registry import VENUE_NAMES, venue
from powderkeg.venues.venue import Venue
from venues.made_rows import START, instrument_row, made_book, made_rows, made_tiers

SOURCES = [
    pytest.param(name, index, id=f"{name}-{source.table}-{source.population or index}")
    for name in VENUE_NAMES
    for index, source in enumerate(venue(name).history)
    if source.checksummed is False
]
# Venues at which what settles in coin is listened to at a place of its own, and its perpetual on Bitcoin.
APART = {"bybit": "BTCUSD", "gate": "BTC_USD"}
KINDS = ("main", "inverse")
FEEDS = [
    pytest.param(name, feed, table, kind, id=f"{name}-{table}-{kind}")
    for name in VENUE_NAMES
    for kind in (KINDS if name in APART else KINDS[:1])
    for feed in venue(name).stream.feeds
    if name not in APART or feed.host_of("linear" if kind == "main" else kind) is not None
    for table in feed.tables
]
EVERY = pytest.mark.parametrize("name", VENUE_NAMES)


def listed(name: str, kind: str = "main") -> tuple[Venue, Dialect, InstrumentRow, Instrument]:
    """A venue, its dialect, and a perpetual of it as its own instruments endpoint describes it."""
    asked, spoken = venue(name), dialect(name)
    if kind == "inverse":
        row, symbol = instrument_row(quote="USD", contract="inverse"), APART[name]
    else:
        row, symbol = spoken.example(instrument_row()), asked.symbol("BTC")
    instrument = Instrument(name, symbol, row.base, row.quote, row.contract, row.contract_size)  # type: ignore[arg-type]
    return asked, spoken, row, instrument


def call(request: Request) -> Call:
    return Call(request.path, dict(request.parameters), request.body or b"")


def assert_same(found: Iterable[MarketRow], expected: Sequence[MarketRow]) -> None:
    """Rows agree in every column that the venue tells; how it counts open interest is its own affair."""
    found = sorted(found)
    expected = sorted(expected)
    assert [row.ts for row in found] == [row.ts for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        columns = table_of(row).columns
        for name, value, want in zip(columns, row, wanted, strict=True):
            if (
                name.startswith("raw_")
                or name == "event_id"
                or (columns[name].optional and None in {value, want})
            ):
                continue
            if isinstance(want, float):
                assert isinstance(value, float)
                assert math.isclose(value, want, rel_tol=1e-12), (name, row, wanted)
            else:
                assert value == want, (name, row, wanted)


@pytest.mark.parametrize(("name", "index"), SOURCES)
def test_a_full_span_of_history_comes_back_whole_and_nothing_of_its_neighbours(name: str, index: int) -> None:
    asked, spoken, row, instrument = listed(name)
    source: HistorySource = asked.history[index]
    for interval in (source.intervals[0], source.intervals[-1]):
        step = interval or (HOUR if source.table == "funding" else MINUTE)
        span = source.span(interval)
        count = min(span // step, 6000)
        rows = made_rows(
            source.table, count + 4, interval=step, population=source.population, semantics=asked.semantics
        )
        window = Window(START + 2 * step, START + 2 * step + count * step)
        variant = "all" if source.table == "open_interest" else source.variant(interval)
        market = ScriptedMarket(
            {instrument.symbol: row},
            {(source.table, instrument.symbol, variant): rows},
            now=max(START + (count + 9) * step, START + 2 * DAY),
        )
        answer = spoken.answer(call(source.request(instrument, window, interval)), market)
        assert answer is not None
        assert asked.refusal(answer) is None, answer
        expected = [row for row in rows if window.start <= row.ts < window.end]
        assert_same(source.read(answer, instrument, window, interval), expected)
        empty = Window(START - 9 * DAY, START - 9 * DAY + min(span, DAY))
        answer = spoken.answer(call(source.request(instrument, empty, interval)), market)
        assert answer is not None
        assert list(source.read(answer, instrument, empty, interval)) == []


@pytest.mark.parametrize(("name", "feed", "table", "kind"), FEEDS)
def test_what_is_pushed_on_a_feed_is_what_is_read(name: str, feed: Feed, table: str, kind: str) -> None:
    asked, spoken, row, instrument = listed(name, kind)
    rows: Sequence[MarketRow]
    if table == "depth_levels":
        rows = made_book()
    else:
        rows = made_rows(table, 3, interval=MINUTE, semantics=asked.semantics)
    frames = [
        frame
        for group in ([rows] if table == "depth_levels" else [[row] for row in rows])
        for frame in spoken.frames(table, instrument.symbol, group, row)
    ]
    assert frames
    instruments = {instrument.symbol: instrument}
    readings = [asked.stream.read(frame, instruments) for _, frame in frames]
    assert not any(reading.control or reading.ignored for reading in readings)
    for channel, frame in frames:
        assert channel == feed.channel(instrument.symbol)
        assert asked.stream.channel_of(frame) in {channel, ""}
    if table == "depth_levels":
        assert_same([level for reading in readings for level in levels_of(reading)], rows)
    else:
        found = [
            record.row
            for reading in readings
            for record in reading.records
            if table_of(record.row).name == table
        ]
        assert {record.symbol for reading in readings for record in reading.records} == {instrument.symbol}
        assert_same(found, rows)


def levels_of(reading: Reading) -> Iterable[DepthLevel]:
    for book in reading.books:
        assert book.snapshot
        for price, quantity in book.bids:
            yield DepthLevel(book.ts, "bid", sum(p > price for p, _ in book.bids), price, quantity)
        for price, quantity in book.asks:
            yield DepthLevel(book.ts, "ask", sum(p < price for p, _ in book.asks), price, quantity)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind in KINDS for name in (VENUE_NAMES if kind == "main" else APART)]
)
def test_subscribing_is_heard_and_acknowledged(name: str, kind: str) -> None:
    asked, spoken, row, instrument = listed(name, kind)
    stream = asked.stream
    channels_at: dict[str, dict[str, None]] = {}
    for feed in stream.feeds:
        at = feed.host_of(instrument.contract)
        if at is not None:
            channels_at.setdefault(at, {})[feed.channel(instrument.symbol)] = None
    for host, named in channels_at.items():
        channels = tuple(named)
        url = stream.url(asked.urls[host], channels)
        assert urlsplit(url).path.startswith(spoken.stream_path(row))
        heard = [spoken.heard(message) for message in stream.subscribe(channels)]
        served = set(spoken.opened(url)) | {channel for message in heard for channel in message.channels}
        assert served == set(channels)
        replies = [reply for message in heard for reply in message.replies]
        controls = [stream.read(reply, {}).control for reply in replies]
        assert {control.kind for control in controls if control} <= {"subscribed", "info"}
        assert not stream.acknowledges or any(c and c.kind == "subscribed" for c in controls)
    if stream.ping is not None:
        pongs = [stream.read(reply, {}).control for reply in spoken.heard(stream.ping).replies]
        assert [pong.kind for pong in pongs if pong] == ["pong"]


@EVERY
def test_the_instruments_endpoint_describes_what_the_fake_venue_lists(name: str) -> None:
    asked, spoken, row, instrument = listed(name)
    market = ScriptedMarket({instrument.symbol: row}, {}, now=START + DAY)
    source = asked.snapshot("instruments")
    request: Request | None = source.request(None)
    found: list[Record] = []
    pages = 0
    while request is not None:
        payload = spoken.answer(call(request), market)
        assert payload is not None
        found += source.read(payload, {}, START)
        request = source.following(payload, request) if source.following else None
        pages += 1
        assert pages < 9
    assert [record.symbol for record in found] == [instrument.symbol]
    described = found[0].row
    assert isinstance(described, InstrumentRow)
    for field in ("base", "quote", "contract", "contract_size", "status"):
        assert getattr(described, field) == getattr(row, field), field


@pytest.mark.parametrize("name", [n for n in VENUE_NAMES if "leverage_tiers" not in venue(n).unavailable])
def test_leverage_tiers_come_back_as_brackets_without_a_gap(name: str) -> None:
    asked, spoken, row, instrument = listed(name)
    market = ScriptedMarket(
        {instrument.symbol: row},
        {
            ("leverage_tiers", instrument.symbol, "all"): made_tiers(),
            # For those who count tiers in something else than they are made in.
            ("mark_prices", instrument.symbol, "all"): made_rows("mark_prices", 1, semantics=asked.semantics),
        },
        now=START + DAY,
    )
    source = asked.snapshot("leverage_tiers")
    payload = spoken.answer(call(source.request(None if source.whole_venue else instrument)), market)
    assert payload is not None
    found = [record.row for record in source.read(payload, {instrument.symbol: instrument}, START)]
    assert len(found) >= 2
    floors = [row.notional_floor for row in found]  # type: ignore[union-attr]
    caps = [row.notional_cap for row in found]  # type: ignore[union-attr]
    assert floors[0] == 0
    assert floors[1:] == caps[:-1]


@pytest.mark.parametrize(
    ("name", "table"),
    [(name, one.table) for name in VENUE_NAMES for one in venue(name).snapshots if not one.whole_venue],
)
def test_a_state_of_one_instrument_is_not_asked_for_without_one(name: str, table: str) -> None:
    with pytest.raises(InputError, match="instrument is None; expected one"):
        venue(name).snapshot(table).request(None)


@EVERY
def test_every_table_is_offered_or_said_to_be_unavailable(name: str) -> None:
    asked = venue(name)
    offered = (
        {source.table for source in asked.history}
        | {source.table for source in asked.snapshots}
        | {table for feed in asked.stream.feeds for table in feed.tables}
    )
    tables = {
        "instruments", "leverage_tiers", "bars", "mark_bars", "mark_prices", "open_interest", "funding",
        "long_short_ratios", "taker_volume", "liquidations", "liquidation_totals", "trades", "depth_levels",
        "depth_bands", "insurance_funds", "deleveraging_signals",
    }  # fmt: skip
    assert offered | set(asked.unavailable) == tables
    assert not offered & set(asked.unavailable)
    assert all(not feed.droppable for feed in asked.stream.feeds if "liquidations" in feed.tables)
    assert all(feed.silence is None for feed in asked.stream.feeds if feed.tables == ("liquidations",))


@EVERY
def test_the_body_of_a_429_is_understood_as_slow_down(name: str) -> None:
    refusal = venue(name).refusal(dialect(name).limited)
    assert refusal is None or refusal.kind == "limited"


@EVERY
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_no_bytes_crash_a_reader(name: str, data: st.DataObject) -> None:
    """Any bytes, and any damage to a good frame or answer, end in a reading or in a PayloadError."""
    asked, frames = good_frames(name)
    payload = data.draw(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(frames).flatmap(damaged),
            st.sampled_from(frames).flatmap(with_another_value),
        )
    )
    instruments = {asked.symbol("BTC"): listed(name)[3]}
    assert isinstance(asked.stream.channel_of(payload), str)
    with contextlib.suppress(PayloadError):
        for record in asked.stream.read(payload, instruments).records:
            check_row(record.row)


@EVERY
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_no_answer_crashes_a_source(name: str, data: st.DataObject) -> None:
    asked, spoken, row, instrument = listed(name)
    source = data.draw(st.sampled_from([s for s in asked.history if not s.checksummed]))
    interval = source.intervals[0]
    step = interval or HOUR
    rows = made_rows(source.table, 3, interval=step, population=source.population, semantics=asked.semantics)
    variant = "all" if source.table == "open_interest" else source.variant(interval)
    market = ScriptedMarket(
        {instrument.symbol: row}, {(source.table, instrument.symbol, variant): rows}, now=START + DAY
    )
    window = Window(START, START + 3 * step)
    good = spoken.answer(call(source.request(instrument, window, interval)), market)
    assert good is not None
    payload = data.draw(st.one_of(st.binary(max_size=60), damaged(good), with_another_value(good)))
    asked.refusal(payload)
    with contextlib.suppress(PayloadError):
        for found in source.read(payload, instrument, window, interval):
            check_row(found)
            assert window.start <= found.ts < window.end


def check_row(row: MarketRow) -> None:
    """Whatever comes through has the types and signs of its table."""
    for (column, kind), value in zip(table_of(row).columns.items(), row, strict=True):
        if value is None:
            assert kind.optional, column
            continue
        assert type(value) is {"int": int, "float": float, "text": str}[kind.kind], (column, value)
        if isinstance(value, float):
            assert math.isfinite(value), (column, value)
            if column in {"price", "quantity", "notional", "mark_price", "open", "high", "low", "close"}:
                assert value > 0, (column, value)


def good_frames(name: str) -> tuple[Venue, list[bytes]]:
    asked, spoken, row, instrument = listed(name)
    frames = []
    for feed in asked.stream.feeds:
        for table in feed.tables:
            rows = made_book() if table == "depth_levels" else made_rows(table, 2, semantics=asked.semantics)
            frames += [frame for _, frame in spoken.frames(table, instrument.symbol, rows, row)]
    return asked, frames


def damaged(frame: bytes) -> st.SearchStrategy[bytes]:
    position = st.integers(0, len(frame))
    cut = position.map(lambda at: frame[:at])
    changed = st.tuples(position, st.binary(min_size=1, max_size=3)).map(
        lambda change: frame[: change[0]] + change[1] + frame[change[0] + len(change[1]) :]
    )
    return st.one_of(cut, changed)


ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, "", "NaN", "Infinity", "-1", "0", -1, 0, 1e400, 1e308, True, [], {}, "x", 2**70, "١"]
)


def with_another_value(frame: bytes) -> st.SearchStrategy[bytes]:
    """Replace one value somewhere inside the JSON by an odd one, or leave it out."""
    try:
        tree = msgspec.json.decode(frame)
    except msgspec.MsgspecError:
        return st.just(frame)
    paths = list(paths_of(tree))

    def changed(choice: tuple[tuple[object, ...], object, bool]) -> bytes:
        path, value, leave_out = choice
        copy = msgspec.json.decode(frame)
        if not path:
            return b"null" if leave_out else msgspec.json.encode(None)
        parent = copy
        for step in path[:-1]:
            parent = parent[step]
        if leave_out:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value if value != 1e400 else "1e400"
        return json_of(copy)

    return st.tuples(st.sampled_from(paths), ODD, st.booleans()).map(changed)


def json_of(value: object) -> bytes:
    return json.dumps(value).encode()


def paths_of(tree: object, path: tuple[object, ...] = ()) -> Iterable[tuple[object, ...]]:
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from paths_of(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from paths_of(value, (*path, index))
