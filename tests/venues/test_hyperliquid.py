"""Where Hyperliquid misleads, one test per trap; payloads are recorded or follow the documentation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from powderkeg.errors import PayloadError
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.hyperliquid import DIALECT
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.model.instrument import Instrument, LeverageTier, TierTable
from powderkeg.model.market_rows import (
    Bar,
    FundingRate,
    InstrumentRow,
    LeverageTierRow,
    Liquidation,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import Record, Request
from powderkeg.venues.hyperliquid import VENUE
from powderkeg.venues.hyperliquid.fills import liquidations_of_block, liquidations_of_fills
from powderkeg.venues.listening import BookChange, Control
from venues.made_rows import START, instrument_row, made_rows
from venues.recorded import messages, outcomes, sample

BTC = Instrument("hyperliquid", "BTC", "BTC", "USD")
KNOWN = {
    symbol: Instrument("hyperliquid", symbol, symbol, "USD")
    for symbol in ("BTC", "BANANA", "FXS", "SHIA", "kPEPE", "xyz:TSLA")
}
ALL = Window(1_000_000_000_000, 3_000_000_000_000)
NOW = 1_790_000_000_000
LIQUIDATED, VAULT = "0x" + 10 * "Ab12", "0x" + 10 * "00cd"


def bars_of(interval: int) -> Any:
    return next(s for s in VENUE.history if s.table == "bars" and s.intervals == (interval,))


FUNDING = next(source for source in VENUE.history if source.table == "funding")


def fundings_in(payload: bytes) -> list[FundingRate]:
    rows = list(FUNDING.read(payload, BTC, ALL, 0))
    assert all(isinstance(row, FundingRate) for row in rows)
    return rows  # type: ignore[return-value]


def body(request: Request) -> Any:
    assert request.path == "/info"
    assert not request.parameters
    assert request.body is not None
    return json.loads(request.body)


def control(frame: bytes) -> Control:
    found = VENUE.stream.read(frame, {}).control
    assert found is not None
    return found


def snapshot(table: str, payload: object) -> list[Record]:
    return list(VENUE.snapshot(table).read(json.dumps(payload).encode(), {}, NOW))


def perpetual(name: str, **fields: object) -> dict[str, object]:
    return {"name": name, "szDecimals": 5, "maxLeverage": 40, **fields}


def recorded_pairs(shared: Path, kind: str) -> list[tuple[Any, bytes]]:
    """Return the recorded pairs of request and answer of one type of question."""
    file = shared / "data" / "hyperliquid-rest-recorded" / "recorded_responses.jsonl"
    pairs = []
    for line in file.read_text().splitlines():
        pair = json.loads(line)
        if pair["request"]["type"] == kind:
            said = pair["response"]
            pairs.append((pair["request"], (said if isinstance(said, str) else json.dumps(said)).encode()))
    return pairs


# Trades and books


def test_the_side_of_a_trade_is_the_takers_and_a_is_not_buy() -> None:
    item = (
        '{{"coin":"BTC","side":"{}","px":"60001.0","sz":"0.5","time":1750000000123,"hash":"0x0",'
        '"tid":912345678901234,"users":["0xbuyer","0xseller"]}}'
    )
    frame = f'{{"channel":"trades","data":[{item.format("B")},{item.format("A")}]}}'.encode()
    bought, sold = (record.row for record in VENUE.stream.read(frame, KNOWN).records)
    assert bought == Trade(1750000000123, "912345678901234", 60001.0, 0.5, "buy")
    assert sold == Trade(1750000000123, "912345678901234", 60001.0, 0.5, "sell")
    with pytest.raises(PayloadError, match="side is 'C'; expected A or B"):
        VENUE.stream.read(f'{{"channel":"trades","data":[{item.format("C")}]}}'.encode(), KNOWN)


def test_trade_ids_are_hashes_and_never_tell_of_a_gap(shared: Path) -> None:
    frames = [frame for frame in messages(shared, "hyperliquid.jsonl") if b'"trades"' in frame]
    assert frames
    assert not any(VENUE.stream.read(frame, KNOWN).steps for frame in frames)


def test_a_message_of_trades_may_hold_none() -> None:
    reading = VENUE.stream.read(b'{"channel":"trades","data":[]}', KNOWN)
    assert not reading.records
    assert not reading.control


def test_spot_has_the_same_channels_and_is_not_taken_for_a_perpetual() -> None:
    frame = (
        b'{"channel":"trades","data":[{"coin":"@107","side":"A","px":"25.1","sz":"3","time":1750000000123,'
        b'"tid":7}]}'
    )
    with pytest.raises(PayloadError, match=r"symbol is '@107', which was not asked for"):
        VENUE.stream.read(frame, KNOWN)


def test_every_book_is_whole_and_an_empty_one_is_a_book() -> None:
    frame = (
        b'{"channel":"l2Book","data":{"coin":"BTC","time":1750000000123,"levels":[[{"px":"59.5","sz":"3.5",'
        b'"n":1}],[{"px":"59.75","sz":"2.5","n":1}]]}}'
    )
    expected = BookChange("BTC", 1750000000123, True, [(59.5, 3.5)], [(59.75, 2.5)])
    assert list(VENUE.stream.read(frame, KNOWN).books) == [expected]
    empty = b'{"channel":"l2Book","data":{"coin":"SHIA","time":1750000000123,"levels":[[],[]]}}'
    assert list(VENUE.stream.read(empty, KNOWN).books) == [BookChange("SHIA", 1750000000123, True, [], [])]
    with pytest.raises(PayloadError, match=r"sz is 0\.0; expected a number above 0"):
        VENUE.stream.read(frame.replace(b'"sz":"3.5"', b'"sz":"0.0"'), KNOWN)


def test_case_and_dex_are_part_of_a_channel() -> None:
    trades = next(feed for feed in VENUE.stream.feeds if "trades" in feed.tables)
    channels = [trades.channel("kPEPE"), trades.channel("xyz:TSLA")]
    asked = [json.loads(message) for message in VENUE.stream.subscribe(channels)]
    assert asked == [
        {"method": "subscribe", "subscription": {"type": "trades", "coin": "kPEPE"}},
        {"method": "subscribe", "subscription": {"type": "trades", "coin": "xyz:TSLA"}},
    ]
    frame = b'{"channel":"trades","data":[{"coin":"xyz:TSLA","side":"B","px":"1","sz":"1","time":1,"tid":1}]}'
    assert VENUE.stream.channel_of(frame) == channels[1]


# What is left alone


def test_a_context_carries_no_time_so_it_is_left_alone_and_polled() -> None:
    frame = (
        b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000125","openInterest":"1.5",'
        b'"oraclePx":"60000.0","markPx":"60001.0"}}}'
    )
    assert "carries no time" in VENUE.stream.read(frame, KNOWN).ignored
    assert {VENUE.snapshot(table).poll for table in ("mark_prices", "open_interest")} == {MINUTE}


def test_an_update_of_a_bar_does_not_say_whether_it_closed_so_it_is_left_alone() -> None:
    frame = (
        b'{"channel":"candle","data":{"t":1750000020000,"T":1750000079999,"s":"BTC","i":"1m","o":"1","c":"1",'
        b'"h":"1","l":"1","v":"0.5","n":3}}'
    )
    assert "may still be open" in VENUE.stream.read(frame, KNOWN).ignored
    assert not any("bars" in feed.tables for feed in VENUE.stream.feeds)


def test_a_channel_that_is_not_known_is_not_passed_over() -> None:
    with pytest.raises(PayloadError, match="channel is 'liquidations'"):
        VENUE.stream.read(b'{"channel":"liquidations","data":[]}', KNOWN)


# The connection


def test_the_greeting_is_no_json_and_no_failure() -> None:
    assert control(b"Websocket connection established.").kind == "info"


def test_an_acknowledgement_repeats_the_subscription_with_options_filled_in() -> None:
    said = control(
        b'{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book",'
        b'"coin":"BTC","nSigFigs":null,"mantissa":null,"fast":false}}}'
    )
    assert (said.kind, said.channels) == ("subscribed", ("l2Book:BTC",))
    ended = control(
        b'{"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":{"type":"trades",'
        b'"coin":"BTC"}}}'
    )
    assert ended.kind == "info"


def test_a_subscription_that_is_refused_is_named_and_one_held_twice_is_no_refusal() -> None:
    def error(words: str) -> Control:
        return control(json.dumps({"channel": "error", "data": words}).encode())

    refused = error('Invalid subscription {"type":"trades","coin":"NOPE"}')
    assert (refused.kind, refused.channels) == ("refused", ("trades:NOPE",))
    unread = error('Error parsing JSON into valid websocket request: {"method": "subscribe"}')
    assert (unread.kind, unread.channels) == ("refused", ())
    asked = '{"method": "subscribe", "subscription": {"type": "l2Book", "coin": "xyz:TSLA"}}'
    unread = error(f"Error parsing JSON into valid websocket request: {asked}")
    assert (unread.kind, unread.channels) == ("refused", ("l2Book:xyz:TSLA",))
    assert error("Cannot track more than 10 total users.").kind == "refused"
    twice = error('Already subscribed: {"type":"trades","coin":"BTC"}')
    assert (twice.kind, twice.channels) == ("info", ("trades:BTC",))


def test_the_server_closes_after_a_minute_of_its_own_silence_so_pings_are_closer() -> None:
    assert VENUE.stream.ping == b'{"method":"ping"}'
    assert VENUE.stream.ping_interval <= 30 * SECOND
    assert control(b'{"channel":"pong"}').kind == "pong"


# Bars


def test_questions_are_posted_and_both_ends_of_a_window_are_inside() -> None:
    window = Window(START, START + 2000 * MINUTE)
    request = bars_of(MINUTE).request(KNOWN["kPEPE"], window, MINUTE)
    wanted = {"coin": "kPEPE", "interval": "1m", "startTime": window.start, "endTime": window.end - 1}
    assert body(request) == {"type": "candleSnapshot", "req": wanted}
    assert request.weight == 20 + 34  # a started 60 bars weighs 1
    funding = FUNDING.request(KNOWN["xyz:TSLA"], Window(START, START + 499 * HOUR), 0)
    asked = {"coin": "xyz:TSLA", "startTime": START, "endTime": START + 499 * HOUR - 1}
    assert body(funding) == {"type": "fundingHistory", **asked}
    assert funding.weight == 20 + 25  # a started 20 fundings weighs 1
    assert VENUE.limits["rest"].weight == 1200


def test_the_bar_that_was_open_when_the_window_starts_is_not_in_it(shared: Path) -> None:
    ((request, payload),) = recorded_pairs(shared, "candleSnapshot")
    asked = request["req"]
    window = Window(asked["startTime"], asked["endTime"] + 1)
    assert json.loads(payload)[0]["t"] < window.start
    rows = bars_of(HOUR).read(payload, KNOWN["kPEPE"], window, HOUR)
    assert len(rows) == 23
    told = json.loads(payload)[1]
    opened, highest, lowest, closed, volume = (float(told[name]) for name in "ohlcv")
    assert rows[0] == Bar(told["t"], HOUR, opened, highest, lowest, closed, volume, None, None, told["n"])
    assert rows[-1].ts == asked["endTime"] // HOUR * HOUR


def test_a_bar_of_another_length_than_asked_for_is_refused() -> None:
    payload = (
        b'[{"t":1750000020000,"T":1750000079999,"s":"BTC","i":"1m","o":"1","c":"1","h":"1","l":"1","v":"0.5",'
        b'"n":3}]'
    )
    assert len(list(bars_of(MINUTE).read(payload, BTC, ALL, MINUTE))) == 1
    with pytest.raises(PayloadError, match="T is 1750000079999; expected 1750003619999"):
        bars_of(HOUR).read(payload, BTC, ALL, HOUR)
    with pytest.raises(PayloadError, match="n is -3"):
        bars_of(MINUTE).read(payload.replace(b'"n":3', b'"n":-3'), BTC, ALL, MINUTE)


def test_only_the_newest_5000_bars_of_each_interval_are_kept() -> None:
    # Ten fewer, for the time that requests wait; each interval is a source, as each reaches back differently.
    assert {source.intervals: source.depth for source in VENUE.history if source.table == "bars"} == {
        source.intervals: 4990 * source.intervals[0] for source in VENUE.history if source.table == "bars"
    }
    row = DIALECT.example(instrument_row())
    rows = made_rows("bars", 6000, semantics=VENUE.semantics)
    market = ScriptedMarket({"BTC": row}, {("bars", "BTC", "1m"): rows}, now=START + 6000 * MINUTE + 1)
    source = bars_of(MINUTE)

    def found(window: Window) -> list[MarketRow]:
        request = source.request(BTC, window, MINUTE)
        answer = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
        assert answer is not None
        return list(source.read(answer, BTC, window, MINUTE))

    oldest = market.now - source.depth
    assert len(found(Window(START, START + 1001 * MINUTE))) == 0
    assert found(Window(oldest, oldest + 10 * MINUTE)) != []
    assert [row.ts for row in found(Window(START + 1001 * MINUTE, START + 3001 * MINUTE))] == [
        START + number * MINUTE for number in range(1001, 3001)
    ]


# Funding


def test_funding_is_stamped_by_its_block_and_was_settled_every_eight_hours_until_june_2023(
    shared: Path,
) -> None:
    asked, payload = recorded_pairs(shared, "fundingHistory")[1]
    assert "endTime" not in asked
    rows = {row.ts: row for row in fundings_in(payload)}
    assert len(rows) == 1038  # of before an answer was limited to 500
    assert rows[1686182400254].interval_ms == 8 * HOUR  # 2023-06-08 00:00
    assert rows[1686186000054].interval_ms == HOUR
    lateness = {ts % HOUR for ts in rows}
    assert min(lateness) >= 0
    assert max(lateness) == 1433040  # almost 24 minutes, once


def test_a_window_of_499_hours_can_hold_the_500_fundings_of_an_answer() -> None:
    row = DIALECT.example(instrument_row())
    fundings = [FundingRate(START + number * HOUR, 0.0000125, HOUR) for number in range(501)]
    # The first settled late, after the window's start; the others on the hour.
    window = Window(START + 10 * MINUTE, START + 10 * MINUTE + FUNDING.span(0))
    fundings[0] = fundings[0]._replace(ts=START + 24 * MINUTE)
    market = ScriptedMarket({"BTC": row}, {("funding", "BTC", "all"): fundings}, now=START + 30 * DAY)
    request = FUNDING.request(BTC, window, 0)
    answer = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
    assert answer is not None
    assert list(FUNDING.read(answer, BTC, window, 0)) == fundings[:500]


# Instruments and margin tables


def test_instruments_of_every_dex_come_with_what_they_settle_in() -> None:
    main = {
        "universe": [perpetual("BTC"), perpetual("kPEPE", szDecimals=0), perpetual("FTM", isDelisted=True)],
        "marginTables": [],
        "collateralToken": 0,
    }
    built = {"universe": [perpetual("km:US500", szDecimals=3)], "marginTables": [], "collateralToken": 360}
    other = {"universe": [perpetual("cash:TSLA")], "marginTables": [], "collateralToken": 9999}
    found = {record.symbol: record.row for record in snapshot("instruments", [main, built, other])}
    assert found["BTC"] == InstrumentRow(
        NOW, "BTC", "USD", "USDC", "linear", 1.0, 0.1, 0.00001, "trading", None, 40.0
    )

    def told(symbol: str) -> tuple[object, ...]:
        row = found[symbol]
        assert isinstance(row, InstrumentRow)
        return row.base, row.quote, row.settle, row.tick_size, row.quantity_step, row.status

    assert told("kPEPE") == ("kPEPE", "USD", "USDC", 0.000001, 1.0, "trading")
    assert told("FTM")[-1] == "delisted"
    assert told("km:US500") == ("US500", "USD", "USDH", 0.001, 0.001, "trading")
    assert told("cash:TSLA")[:3] == ("TSLA", "token 9999", "token 9999")


def test_dexes_are_listed_alone_or_as_documented_with_their_contexts() -> None:
    dex = {"universe": [perpetual("BTC")], "marginTables": [], "collateralToken": 0}
    alone, paired = snapshot("instruments", [dex]), snapshot("instruments", [[dex, [{"markPx": "1.0"}]]])
    assert alone == paired
    assert [record.symbol for record in alone] == ["BTC"]


def tiers_of(table: object, **fields: object) -> list[LeverageTierRow]:
    dex = {"universe": [perpetual("BTC", **fields)], "marginTables": table, "collateralToken": 0}
    rows = [record.row for record in snapshot("leverage_tiers", [dex])]
    assert all(isinstance(row, LeverageTierRow) for row in rows)
    return rows  # type: ignore[return-value]


def margin_table(number: int, *tiers: tuple[str, int]) -> list[object]:
    listed = [{"lowerBound": bound, "maxLeverage": leverage} for bound, leverage in tiers]
    return [number, {"description": "tiered", "marginTiers": listed}]


def test_maintenance_is_half_of_the_initial_rate_and_the_amount_keeps_it_continuous() -> None:
    # The documented table of BTC: 40x up to 150M of notional, 20x above.
    table = [margin_table(50, ("0.0", 50)), margin_table(56, ("0.0", 40), ("150000000.0", 20))]
    rows = tiers_of(table, marginTableId=56)
    assert rows == [
        LeverageTierRow(NOW, 1, 0.0, 150e6, 0.0125, 0.0, 40.0),
        LeverageTierRow(NOW, 2, 150e6, math.inf, 0.025, 1_875_000.0, 20.0),
    ]
    tiers = tuple(LeverageTier(*row[2:5], row.maintenance_amount or 0.0, row[6]) for row in rows)
    table_of_btc = TierTable(
        venue="hyperliquid",
        symbol="BTC",
        base="BTC",
        quote="USD",
        as_of="2026-11-25",
        source="-",
        tiers=tiers,
    )
    assert table_of_btc.tiers == tiers


def test_a_margin_table_below_50_is_its_leverage_and_is_not_listed() -> None:
    (tier,) = tiers_of([], marginTableId=20, maxLeverage=20)
    assert tier[4:7] == (0.025, 0.0, 20.0)
    (tier,) = tiers_of([], maxLeverage=3)  # before 2025 no table was named
    assert (tier.maintenance_margin_rate, tier.maximum_leverage) == (0.5 / 3, 3.0)
    with pytest.raises(PayloadError, match="marginTableId of BTC is 77; expected a listed one or below 50"):
        tiers_of([], marginTableId=77)


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([], "lowerBound of the tiers is .*; expected 0 first"),
        ([("5.0", 40)], "lowerBound of the tiers is .*; expected 0 first"),
        ([("0.0", 40), ("9.0", 20), ("9.0", 10)], "expected 0 first, then rising"),
        ([("0.0", 40), ("Infinity", 20)], "lowerBound is inf"),
        ([("0.0", 0)], r"maxLeverage is 0\.0; expected a number from 1"),
    ],
)
def test_a_margin_table_that_cannot_be_is_refused(tiers: list[tuple[str, int]], words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        tiers_of([margin_table(51, *tiers)], marginTableId=51)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"szDecimals": 7}, "szDecimals is 7; expected a number from 0 to 6"),
        ({"szDecimals": -1}, "szDecimals is -1"),
        ({"maxLeverage": "NaN"}, "maxLeverage is nan"),
        ({"name": "xyz:"}, "name is 'xyz:'; expected a coin"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(fields: dict[str, object], words: str) -> None:
    dex = {"universe": [perpetual("BTC") | fields]}
    with pytest.raises(PayloadError, match=words):
        snapshot("instruments", [dex])


# Contexts


def context(**fields: object) -> dict[str, object]:
    return {
        "funding": "-0.000002", "openInterest": "2501.5", "prevDayPx": "59000.0", "premium": None,
        "oraclePx": "60010.0", "markPx": "60000.0", "midPx": None, "impactPxs": None, **fields,
    }  # fmt: skip


def test_open_interest_counts_both_sides_and_contexts_take_the_recorders_time() -> None:
    dex = {"universe": [perpetual("BTC"), perpetual("FTM", isDelisted=True), perpetual("NEW")]}
    payload = [dex, [context(), context(), context(openInterest="0.0")]]
    assert snapshot("open_interest", payload) == [
        Record("BTC", OpenInterest(NOW, 1250.75, 2501.5, "base", 2, None)),
        Record("NEW", OpenInterest(NOW, 0.0, 0.0, "base", 2, None)),
    ]
    assert [record.symbol for record in snapshot("mark_prices", payload)] == ["BTC", "NEW"]
    assert snapshot("mark_prices", payload)[0].row == MarkPrice(NOW, 60000.0, 60010.0, -0.000002, None)
    assert VENUE.semantics.open_interest_sides == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"markPx": "0.0"}, r"markPx is 0\.0"),
        ({"oraclePx": "-1"}, r"oraclePx is -1\.0"),
        ({"funding": "Infinity"}, "funding is inf"),
        ({"markPx": None}, "markPx"),
    ],
)
def test_a_context_that_cannot_be_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        snapshot("mark_prices", [{"universe": [perpetual("BTC")]}, [context(**changed)]])


def test_contexts_belong_to_coins_by_their_place_so_a_missing_one_is_refused() -> None:
    dex = {"universe": [perpetual("BTC"), perpetual("ETH")]}
    with pytest.raises(PayloadError, match="1 contexts of 2 perpetuals; expected one each"):
        snapshot("open_interest", [dex, [context()]])
    with pytest.raises(PayloadError, match="openInterest is -1"):
        snapshot("open_interest", [dex, [context(openInterest="-1"), context()]])


def test_what_the_fake_venue_holds_is_what_is_polled() -> None:
    row = DIALECT.example(instrument_row())
    marks = made_rows("mark_prices", 3, semantics=VENUE.semantics)
    interests = made_rows("open_interest", 3, semantics=VENUE.semantics)
    series = {("mark_prices", "BTC", "all"): marks, ("open_interest", "BTC", "all"): interests}
    market = ScriptedMarket({"BTC": row, "xyz:TSLA": row}, series, now=START + DAY)

    def polled(table: str) -> list[Record]:
        source = VENUE.snapshot(table)
        request = source.request(None)
        assert request.weight == 20
        answer = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
        assert answer is not None
        return list(source.read(answer, {"BTC": BTC}, NOW))

    (mark,) = polled("mark_prices")
    assert mark.row == marks[-1]._replace(ts=NOW, next_funding_ts=None)  # type: ignore[call-arg]
    (interest,) = polled("open_interest")
    assert isinstance(interest.row, OpenInterest)
    assert isinstance(interests[-1], OpenInterest)
    assert interest.row.open_interest == interests[-1].open_interest
    assert [record.symbol for record in polled("instruments")] == ["BTC", "xyz:TSLA"]


def test_one_long_raised_published_open_interest_by_twice_its_size(shared: Path) -> None:
    """On 2025-03-12 one account held 175,000 ETH long at the most, for about three hours."""
    folder = shared / "data" / "multivenue-2025-2026"
    prices = pl.read_parquet(folder / "candles_1h.parquet").filter(venue="bybit", coin="ETH")
    published = (
        pl.read_parquet(folder / "open_interest_1h.parquet")
        .filter(venue="hyperliquid", coin="ETH")
        .join(prices, on="timestamp")
        .with_columns(base=pl.col("oi_usd") / pl.col("c"))
        .filter(pl.col("timestamp").dt.date().cast(pl.String) == "2025-03-12")
        .sort("timestamp")["base"]
    )
    before, highest = published[6], published[7:14].max()
    assert isinstance(highest, float)
    assert 2.0 < (highest - before) / 175_000 < 2.3
    assert VENUE.semantics.open_interest_sides == 2


# Errors


def test_errors_are_bare_text_and_null_alone_is_no_refusal() -> None:
    unread = VENUE.refusal(b"Failed to deserialize the JSON body into the target type")
    assert unread is not None
    assert unread.kind == "invalid"
    # 429, a passing 500, and 200 for an unknown coin all say null; only the status tells them apart.
    assert VENUE.refusal(b"null") is None
    assert VENUE.refusal(b"[]") is VENUE.refusal(b"<html>502 Bad Gateway</html>") is None
    with pytest.raises(PayloadError, match="candleSnapshot: null"):
        bars_of(MINUTE).read(b"null", BTC, ALL, MINUTE)
    with pytest.raises(PayloadError, match="fundingHistory: null"):
        FUNDING.read(b" null\n", BTC, ALL, 0)


# Liquidations in fills


def fill(**fields: object) -> dict[str, object]:
    return {
        "coin": "ETH", "px": "2500.0", "sz": "0.1", "side": "A", "time": 1750000000123, "dir": "Close Long",
        "startPosition": "0.1", "closedPnl": "-9.9", "crossed": True, "fee": "0.0", "tid": 912345678901234,
        "liquidation": {"liquidatedUser": LIQUIDATED.lower(), "markPx": "2505.5", "method": "market"},
        **fields,
    }  # fmt: skip


def liquidated(payload: object, user: str = LIQUIDATED) -> list[Record]:
    return liquidations_of_fills(json.dumps(payload).encode(), user)


def test_what_a_liquidated_account_sold_was_long_at_the_price_of_the_fill_not_the_mark() -> None:
    (record,) = liquidated([fill(), fill(liquidation=None), {**fill(), "liquidation": None, "coin": "@107"}])
    notional = 2500.0 * 0.1
    assert record == Record(
        "ETH",
        Liquidation(1750000000123, "long", 2500.0, "fill", 0.1, notional, None, "912345678901234", 0),
    )
    (short,) = liquidated([fill(side="B", startPosition="-0.3", dir="Close Short")])
    assert isinstance(short.row, Liquidation)
    assert short.row.position_side == "short"


def test_the_counterpartys_fill_carries_the_same_mark_and_is_not_counted_again(shared: Path) -> None:
    payload = sample(shared, "hyperliquid", "ws_user_fill_liquidation.json")
    (told,) = json.loads(payload)["data"]["fills"]
    assert liquidations_of_fills(payload, VAULT) == []
    with pytest.raises(PayloadError, match="expected A and a long, or B and a short"):
        # It opened a short against the account that was liquidated, whose own fill it cannot be.
        liquidations_of_fills(payload, told["liquidation"]["liquidatedUser"])


def test_in_a_backstop_both_fills_say_liquidated_and_only_one_is() -> None:
    origin = {"liquidatedUser": LIQUIDATED, "markPx": "2505.5", "method": "backstop"}
    said = {"dir": "Liquidated Isolated Long", "liquidation": origin}
    block = {
        "local_time": "2025-06-15T15:06:40.3", "block_time": "2025-06-15T15:06:40.123", "block_number": 1,
        "events": [
            [LIQUIDATED.lower(), fill(**said)],
            [VAULT, fill(side="B", startPosition="0.0", **said)],
            [VAULT, {**fill(), "liquidation": None}],
        ],
    }  # fmt: skip
    (record,) = liquidations_of_block(json.dumps(block).encode())
    assert isinstance(record.row, Liquidation)
    assert (record.symbol, record.row.position_side, record.row.quantity) == ("ETH", "long", 0.1)


def test_fills_come_as_an_answer_or_as_messages_and_other_events_hold_none() -> None:
    told = {"user": LIQUIDATED, "isSnapshot": True, "fills": [fill()]}
    assert len(liquidated({"channel": "userFills", "data": told})) == 1
    assert len(liquidated({"channel": "user", "data": {"fills": [fill()]}})) == 1
    assert liquidated({"channel": "user", "data": {"funding": {"coin": "ETH"}}}) == []
    for unread in (b"", b"null", b"[[]]", b'{"data":[]}', b'{"events":[["0x1"]]}'):
        with pytest.raises(PayloadError):
            liquidations_of_fills(unread, LIQUIDATED)
        with pytest.raises(PayloadError):
            liquidations_of_block(unread)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"px": "0"}, r"px is 0\.0"),
        ({"sz": "-1"}, r"sz is -1\.0"),
        ({"side": "S"}, "side is 'S'"),
        ({"startPosition": "NaN"}, "startPosition is nan"),
        ({"time": 1750000000}, "time is 1750000000; expected UTC milliseconds"),
        ({"liquidation": {"markPx": "1", "method": "market"}}, "liquidatedUser"),
    ],
)
def test_a_fill_that_cannot_be_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        liquidated([fill(**changed)])


# Recorded


def test_every_recorded_message_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    assert outcomes(VENUE, messages(shared, "hyperliquid.jsonl"), KNOWN) == {
        "Trade": 6,
        "book": 2,
        "channel activeAssetCtx": 1,
        "channel activeSpotAssetCtx": 1,
        "channel bbo": 2,
    }
    names = ("ws_all_dexs_asset_ctxs.json", "ws_allmids.json", "ws_user_fill_liquidation.json")
    samples = [sample(shared, "hyperliquid", name) for name in names]
    assert outcomes(VENUE, samples, KNOWN) == {
        "channel allDexsAssetCtxs": 1,
        "channel allMids": 1,
        "channel user": 1,
    }
    with pytest.raises(PayloadError, match="channel"):  # the data of a message without the message
        VENUE.stream.read(sample(shared, "hyperliquid", "ws_book_data.json"), KNOWN)


def test_recorded_answers_are_read(shared: Path) -> None:
    fundings = fundings_in(sample(shared, "hyperliquid", "http_funding_history.json"))
    assert [row.funding_rate for row in fundings] == [0.0000125, -0.0000081, 0.0000033]
    assert {row.interval_ms for row in fundings} == {HOUR}
    metas = sample(shared, "hyperliquid", "http_all_perp_metas_non_usdc_collateral.json")
    listed = {record.symbol: record.row for record in VENUE.snapshot("instruments").read(metas, {}, NOW)}
    settled = {symbol: row.settle for symbol, row in listed.items() if isinstance(row, InstrumentRow)}
    assert settled == {"BTC": "USDC", "km:US500": "USDH", "hyna:BTC": "USDE"}
    assert len(VENUE.snapshot("leverage_tiers").read(metas, {}, NOW)) == 3
    first = b"[" + sample(shared, "hyperliquid", "http_meta_perp_sample.json") + b"]"
    assert len(VENUE.snapshot("instruments").read(first, {}, NOW)) == 3
    for _, meta in recorded_pairs(shared, "meta"):  # of 2023, before margin tables
        assert len(VENUE.snapshot("instruments").read(b"[" + meta + b"]", {}, NOW)) == 28
        assert len(VENUE.snapshot("leverage_tiers").read(b"[" + meta + b"]", {}, NOW)) == 28


def test_recorded_contexts_of_every_dex_are_read_with_nulls_where_a_book_is_empty(shared: Path) -> None:
    said = json.loads(sample(shared, "hyperliquid", "ws_all_dexs_asset_ctxs.json"))
    found = 0
    for _dex, contexts in said["data"]["ctxs"]:
        universe = [perpetual(f"C{number}") for number in range(len(contexts))]
        found += len(snapshot("mark_prices", [{"universe": universe}, contexts]))
        assert len(snapshot("open_interest", [{"universe": universe}, contexts])) == len(contexts)
    assert found == 412


def test_recorded_fills_without_liquidation_hold_none(shared: Path) -> None:
    for kind in ("userFills", "userFillsByTime"):
        ((request, payload),) = recorded_pairs(shared, kind)
        if b'"tid"' in payload:
            assert liquidations_of_fills(payload, request["user"]) == []
