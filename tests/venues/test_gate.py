"""Where Gate misleads, one test per trap; payloads are recorded or follow the documentation."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.gate import DIALECT
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    Liquidation,
    LiquidationTotal,
    LongShortRatio,
    MarkBar,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.gate import VENUE
from powderkeg.venues.listening import Control, Reading
from venues.recorded import messages, outcomes

LINEAR = Instrument("gate", "BTC_USDT", "BTC", "USDT", "linear", 0.0001)
INVERSE = Instrument("gate", "BTC_USD", "BTC", "USD", "inverse", 1.0)
KNOWN = {
    "BTC_USDT": LINEAR,
    "BTC_USD": INVERSE,
    "ETH_USDT": Instrument("gate", "ETH_USDT", "ETH", "USDT", "linear", 0.01),
    "ALICE_USDT": Instrument("gate", "ALICE_USDT", "ALICE", "USDT", "linear", 0.1),
    "COMP_USDT": Instrument("gate", "COMP_USDT", "COMP", "USDT", "linear", 0.01),
    "XRP_USDT": Instrument("gate", "XRP_USDT", "XRP", "USDT", "linear", 10.0),
}
HOUR_OF = 1_790_000_000_000 - 1_790_000_000_000 % HOUR
T = HOUR_OF // SECOND
ALL = Window(1_300_000_000_000, 3_000_000_000_000)


def source(table: str, population: str = "", interval: int | None = None) -> HistorySource:
    found = [
        source
        for source in VENUE.history
        if source.table == table
        and source.population == population
        and (interval is None or interval in source.intervals)
    ]
    return found[0]


def answer(*rows: object) -> bytes:
    return json.dumps(rows).encode()


def frame(channel: str, result: object, event: str = "update", **more: object) -> bytes:
    return json.dumps({"time": T, "channel": channel, "event": event, "result": result, **more}).encode()


def rows_of(reading: Reading) -> list[object]:
    assert not reading.ignored
    assert reading.control is None
    return [record.row for record in reading.records]


def control_of(payload: bytes) -> Control:
    control = VENUE.stream.read(payload, {}).control
    assert control is not None
    return control


def statistic(**more: object) -> dict[str, object]:
    return {
        "time": T, "lsr_taker": 7.0, "lsr_account": 3.0, "top_lsr_account": 1.0, "top_lsr_size": "0.25",
        "mark_price": 60000.0, "open_interest": "2000", "open_interest_usd": 12000.0, "long_liq_size": "10",
        "long_liq_amount": 0.001, "long_liq_usd": 1.0, "long_liq_usd_new": 60.0, "short_liq_size": "20",
        "short_liq_amount": 0.002, "short_liq_usd": 2.0, "short_liq_usd_new": 120.0,
        "long_taker_size": "5000", "short_taker_size": "2500", **more,
    }  # fmt: skip


def order(**more: object) -> dict[str, object]:
    return {
        "time": T, "contract": "BTC_USDT", "size": "600", "order_size": "-600", "order_price": "3405",
        "fill_price": "3424", "left": "0", **more,
    }  # fmt: skip


# --- liquidations -----------------------------------------------------------------------------------------


def test_on_the_stream_the_sign_is_that_of_the_order_so_selling_closes_a_long() -> None:
    items = [
        {"price": "60000", "size": "-100", "time": HOUR_OF + 5, "contract": "BTC_USDT"},
        {"price": "60000", "size": "100", "time": HOUR_OF + 5, "contract": "BTC_USDT"},
    ]
    rows = rows_of(VENUE.stream.read(frame("futures.public_liquidates", items), KNOWN))
    assert rows == [
        Liquidation(HOUR_OF + 5, "long", 60000.0, "limit", 0.01, 600.0, None, "", 0),
        Liquidation(HOUR_OF + 5, "short", 60000.0, "limit", 0.01, 600.0, None, "", 0),
    ]


def test_in_liq_orders_the_sign_of_size_is_that_of_the_position() -> None:
    payload = answer(order(), order(size="-600", order_size="600"))
    long, short = source("liquidations", "orders").read(payload, LINEAR, ALL, 0)
    assert isinstance(long, Liquidation)
    assert isinstance(short, Liquidation)
    assert (long.position_side, short.position_side) == ("long", "short")
    assert long.quantity == short.quantity == 600 * 0.0001


def test_a_size_and_an_order_that_do_not_oppose_each_other_are_refused() -> None:
    with pytest.raises(PayloadError, match=r"size is 600.0, order_size 600.0; expected opposite signs"):
        source("liquidations", "orders").read(answer(order(order_size="600")), LINEAR, ALL, 0)


def test_the_price_of_a_liquidation_is_the_fill_in_history_and_the_order_on_the_stream() -> None:
    (past,) = source("liquidations", "orders").read(answer(order()), LINEAR, ALL, 0)
    assert isinstance(past, Liquidation)
    assert (past.price, past.price_meaning, past.limit_price) == (3424.0, "fill", 3405.0)
    item = {"price": "3405", "size": "-600", "time": HOUR_OF, "contract": "BTC_USDT"}
    (live,) = rows_of(VENUE.stream.read(frame("futures.public_liquidates", [item]), KNOWN))
    assert isinstance(live, Liquidation)
    assert (live.price, live.price_meaning, live.limit_price) == (3405.0, "limit", None)


def test_an_order_of_which_nothing_was_filled_has_no_fill_price() -> None:
    (row,) = source("liquidations", "orders").read(answer(order(fill_price="0", left="600")), LINEAR, ALL, 0)
    assert isinstance(row, Liquidation)
    assert (row.price, row.price_meaning, row.limit_price) == (3405.0, "limit", None)
    with pytest.raises(PayloadError, match="fill_price is 0"):
        source("liquidations", "orders").read(answer(order(fill_price="0", order_price="")), LINEAR, ALL, 0)


def test_a_liquidation_comes_alone_without_a_list_too() -> None:
    item = {"price": 60000, "size": -100, "time": HOUR_OF, "contract": "BTC_USDT"}
    alone = VENUE.stream.read(frame("futures.public_liquidates", item), KNOWN)
    assert alone == VENUE.stream.read(frame("futures.public_liquidates", [item]), KNOWN)
    assert len(alone.records) == 1


@pytest.mark.parametrize(
    ("times", "ts"),
    [
        ({"time": T}, HOUR_OF),
        ({"time": HOUR_OF + 123}, HOUR_OF + 123),
        ({"time": T, "time_ms": HOUR_OF + 123}, HOUR_OF + 123),
    ],
)
def test_the_time_of_a_liquidation_has_been_in_seconds_and_in_milliseconds(
    times: dict[str, int], ts: int
) -> None:
    item = {"price": 60000, "size": -100, "contract": "BTC_USDT", **times}
    (row,) = rows_of(VENUE.stream.read(frame("futures.public_liquidates", [item]), KNOWN))
    assert isinstance(row, Liquidation)
    assert row.ts == ts


def test_two_equal_liquidations_in_one_message_or_answer_are_two() -> None:
    item = {"price": 60000, "size": -100, "time": HOUR_OF, "contract": "BTC_USDT"}
    live = rows_of(VENUE.stream.read(frame("futures.public_liquidates", [item, item]), KNOWN))
    past = source("liquidations", "orders").read(answer(order(), order()), LINEAR, ALL, 0)
    for rows in (live, past):
        assert [row.occurrence for row in rows if isinstance(row, Liquidation)] == [0, 1]


def test_the_channel_of_all_liquidations_has_contracts_that_nobody_asked_for() -> None:
    items = [
        {"price": 2, "size": -1, "time": HOUR_OF, "contract": "X_USDT"},
        {"price": 60000, "size": -100, "time": HOUR_OF, "contract": "BTC_USDT"},
    ]
    reading = VENUE.stream.read(frame("futures.public_liquidates", items), KNOWN)
    assert [record.symbol for record in reading.records] == ["BTC_USDT"]
    other = VENUE.stream.read(frame("futures.public_liquidates", items[:1]), KNOWN)
    assert other.ignored == "liquidations of contracts that were not asked for"


def test_liq_orders_is_asked_in_seconds_and_for_an_hour_at_most() -> None:
    past = source("liquidations", "orders")
    span = past.span(0)
    assert span == HOUR
    asked = past.request(LINEAR, Window(HOUR_OF, HOUR_OF + span), 0)
    assert asked.path == "/api/v4/futures/usdt/liq_orders"
    assert asked.parameters == (
        ("contract", "BTC_USDT"),
        ("from", str(T)),
        ("to", str(T + span // SECOND - 1)),
        ("limit", "1000"),
    )


def test_a_full_page_of_liquidations_is_not_taken_for_all_there_were() -> None:
    with pytest.raises(WindowOverflowError, match=r"liq_orders: 1000 in .*, a full page"):
        source("liquidations", "orders").read(answer(*[order()] * 1000), LINEAR, ALL, 0)


def test_the_inverse_contract_holds_usd_and_settles_in_btc() -> None:
    past = source("liquidations", "orders")
    asked = past.request(INVERSE, Window(HOUR_OF, HOUR_OF + MINUTE), 0)
    assert asked.path == "/api/v4/futures/btc/liq_orders"
    item = order(contract="BTC_USD", size="30000", order_size="-30000", fill_price="60000")
    (row,) = past.read(answer(item), INVERSE, ALL, 0)
    assert isinstance(row, Liquidation)
    assert (row.quantity, row.notional) == (0.5, 30000.0)


# --- sizes and trades -------------------------------------------------------------------------------------


def test_the_sign_of_a_trade_is_the_takers_and_sizes_may_be_fractions_of_a_contract() -> None:
    items = [
        {"size": "-0.25", "id": 7, "create_time": T, "create_time_ms": HOUR_OF + 1, "price": "2000",
         "contract": "ETH_USDT"},
        {"size": 3, "id": 8, "create_time": T, "price": "2000", "contract": "ETH_USDT"},
    ]  # fmt: skip
    assert rows_of(VENUE.stream.read(frame("futures.trades", items), KNOWN)) == [
        Trade(HOUR_OF + 1, "7", 2000.0, 0.0025, "sell"),
        Trade(HOUR_OF, "8", 2000.0, 0.03, "buy"),
    ]


def test_a_fraction_rounded_down_to_nothing_is_no_trade_and_says_what_the_client_did_not_send() -> None:
    item = {"size": 0, "id": 7, "create_time": T, "price": "2000", "contract": "ETH_USDT"}
    with pytest.raises(PayloadError, match=r"size is 0\.0; .*X-Gate-Size-Decimal"):
        VENUE.stream.read(frame("futures.trades", [item]), KNOWN)


def test_what_the_insurance_fund_or_deleveraging_takes_over_is_no_trade_of_the_book() -> None:
    met = {"size": 1, "id": 7, "create_time": T, "price": "60000", "contract": "BTC_USDT"}
    taken = {**met, "id": 8, "is_internal": True}
    reading = VENUE.stream.read(frame("futures.trades", [met, taken]), KNOWN)
    assert [row.trade_id for row in rows_of(reading) if isinstance(row, Trade)] == ["7"]
    assert "insurance fund" in VENUE.stream.read(frame("futures.trades", [taken]), KNOWN).ignored


def test_a_symbol_that_was_not_asked_for_is_refused_because_its_units_are_unknown() -> None:
    item = {"size": 1, "id": 7, "create_time": T, "price": "2", "contract": "X_USDT"}
    with pytest.raises(PayloadError, match=r"symbol is 'X_USDT', which was not asked for"):
        VENUE.stream.read(frame("futures.trades", [item]), KNOWN)


# --- statistics -------------------------------------------------------------------------------------------


def test_open_interest_counts_contracts_of_both_sides() -> None:
    ticker = {"contract": "BTC_USDT", "mark_price": "60000", "total_size": "577776862"}
    mark, interest = rows_of(VENUE.stream.read(frame("futures.tickers", [ticker]), KNOWN))
    assert interest == OpenInterest(HOUR_OF, 288888431 * 0.0001, 577776862.0, "contracts", 2, None)
    assert mark == MarkPrice(HOUR_OF, 60000.0, None, None, None)
    inverse = {"contract": "BTC_USD", "mark_price": "60000", "total_size": "240000"}
    _, interest = rows_of(VENUE.stream.read(frame("futures.tickers", [inverse]), KNOWN))
    assert interest == OpenInterest(HOUR_OF, 2.0, 240000.0, "contracts", 2, 60000.0)


def test_open_interest_is_of_the_end_of_the_interval_whose_start_is_stamped() -> None:
    past = source("open_interest")
    window = Window(HOUR_OF + HOUR, HOUR_OF + 3 * HOUR)
    asked = past.request(LINEAR, window, HOUR)
    assert dict(asked.parameters)["from"] == str(T)
    payload = answer(*(statistic(time=T + hour * 3600) for hour in range(-1, 4)))
    rows = past.read(payload, LINEAR, window, HOUR)
    assert [row.ts for row in rows] == [HOUR_OF + HOUR, HOUR_OF + 2 * HOUR]
    assert next(iter(rows)) == OpenInterest(HOUR_OF + HOUR, 0.1, 2000.0, "contracts", 2, None)


def test_totals_are_those_whose_formula_is_documented() -> None:
    totals = source("liquidation_totals")
    assert totals.read(answer(statistic()), LINEAR, ALL, HOUR) == [
        LiquidationTotal(HOUR_OF, HOUR, 60.0, 120.0)
    ]
    older = {name: value for name, value in statistic().items() if not name.endswith("_new")}
    assert totals.read(answer(older), LINEAR, ALL, HOUR) == [LiquidationTotal(HOUR_OF, HOUR, 1.0, 2.0)]
    assert totals.contracts == ("linear",)


@pytest.mark.parametrize(
    ("population", "long"), [("accounts", 0.75), ("top_accounts", 0.5), ("top_positions", 0.2)]
)
def test_a_ratio_becomes_shares_and_that_of_takers_is_none_of_the_populations(
    population: str, long: float
) -> None:
    past = source("long_short_ratios", population)
    assert past.read(answer(statistic()), LINEAR, ALL, HOUR) == [
        LongShortRatio(HOUR_OF, HOUR, population, long, 1 - long)
    ]


def test_zero_says_that_nothing_was_counted() -> None:
    payload = answer(statistic(lsr_account=0, open_interest="0"))
    assert source("long_short_ratios", "accounts").read(payload, LINEAR, ALL, HOUR) == []
    assert source("open_interest").read(payload, LINEAR, ALL, HOUR) == []


def test_taker_volume_is_in_contracts() -> None:
    past = source("taker_volume")
    assert past.read(answer(statistic()), LINEAR, ALL, HOUR) == [
        TakerVolume(HOUR_OF, HOUR, 0.5, 0.25, "base")
    ]
    assert past.read(answer(statistic()), INVERSE, ALL, HOUR) == [
        TakerVolume(HOUR_OF, HOUR, 5000.0, 2500.0, "quote")
    ]


def test_statistics_have_no_end_so_a_page_goes_on_beyond_the_window() -> None:
    past = source("taker_volume")
    window = Window(HOUR_OF, HOUR_OF + 2 * HOUR)
    asked = past.request(LINEAR, window, HOUR)
    assert asked.parameters == (
        ("contract", "BTC_USDT"),
        ("from", str(T)),
        ("interval", "1h"),
        ("limit", "4"),
    )
    payload = answer(*(statistic(time=T + hour * 3600) for hour in range(6)))
    assert [row.ts for row in past.read(payload, LINEAR, window, HOUR)] == [HOUR_OF, HOUR_OF + HOUR]


# --- bars and funding -------------------------------------------------------------------------------------


def test_bars_are_counted_in_contracts_and_stamped_in_seconds() -> None:
    payload = answer(
        {"t": T, "v": 97151, "c": "60100", "h": "60200", "l": "59900", "o": "60000", "sum": "583"}
    )
    assert source("bars").read(payload, LINEAR, ALL, HOUR) == [
        Bar(HOUR_OF, HOUR, 60000.0, 60200.0, 59900.0, 60100.0, 97151 * 0.0001, 583.0, None, None)
    ]
    assert source("bars").contracts == ("linear",)


def test_both_ends_of_a_window_of_candles_are_inside_and_a_limit_is_not_allowed() -> None:
    past = source("bars", interval=HOUR)
    window = Window(HOUR_OF, HOUR_OF + past.span(HOUR))
    asked = past.request(LINEAR, window, HOUR)
    assert asked.path == "/api/v4/futures/usdt/candlesticks"
    assert asked.parameters == (
        ("contract", "BTC_USDT"),
        ("from", str(T)),
        ("to", str(T + 2000 * 3600 - 1)),
        ("interval", "1h"),
    )


def test_how_far_back_candles_reach_depends_on_their_length() -> None:
    for table in ("bars", "mark_bars"):
        for interval in (MINUTE, HOUR, DAY):
            depth = source(table, interval=interval).depth
            assert depth is not None
            assert depth < 10_000 * interval


def test_mark_bars_are_candles_of_a_contract_with_a_prefix_and_without_a_volume() -> None:
    past = source("mark_bars", interval=HOUR)
    asked = past.request(INVERSE, Window(HOUR_OF, HOUR_OF + HOUR), HOUR)
    assert str(asked).startswith("/api/v4/futures/btc/candlesticks?contract=mark_BTC_USD&")
    payload = answer({"t": T, "o": "60000", "h": "60200", "l": "59900", "c": "60100"})
    assert past.read(payload, LINEAR, ALL, HOUR) == [
        MarkBar(HOUR_OF, HOUR, 60000.0, 60200.0, 59900.0, 60100.0)
    ]


def test_funding_is_asked_within_the_30_days_that_an_answer_has() -> None:
    past = source("funding")
    assert past.span(0) == 30 * DAY
    payload = answer({"t": T + 1, "r": "0.000018"}, {"t": T - 28800, "r": "-0.0001"})
    assert past.read(payload, LINEAR, Window(HOUR_OF, HOUR_OF + HOUR), 0) == [
        FundingRate(HOUR_OF + SECOND, 0.000018, None)
    ]


def test_a_candle_that_is_still_open_is_not_kept() -> None:
    item = {"t": T, "v": "100", "c": "60100", "h": "60200", "l": "59900", "o": "60000", "n": "1m_BTC_USDT"}
    open_ = VENUE.stream.read(frame("futures.candlesticks", [item, {**item, "w": False}]), KNOWN)
    assert open_.ignored.startswith("a bar that is still open")
    (row,) = rows_of(VENUE.stream.read(frame("futures.candlesticks", [{**item, "w": True}]), KNOWN))
    assert row == Bar(HOUR_OF, MINUTE, 60000.0, 60200.0, 59900.0, 60100.0, 100 * 0.0001, None, None, None)
    inverse = {**item, "n": "1m_BTC_USD", "w": True}
    assert "inverse" in VENUE.stream.read(frame("futures.candlesticks", [inverse]), KNOWN).ignored
    with pytest.raises(PayloadError, match="n is '3m_BTC_USDT'"):
        VENUE.stream.read(frame("futures.candlesticks", [{**item, "n": "3m_BTC_USDT"}]), KNOWN)


# --- books and tickers ------------------------------------------------------------------------------------


def test_every_book_is_whole_and_a_level_rounded_down_to_nothing_is_none() -> None:
    result = {
        "t": HOUR_OF + 7, "id": 5, "contract": "BTC_USDT",
        "asks": [{"p": "60001", "s": 0}, {"p": "60002", "s": 5000}], "bids": [{"p": "60000", "s": "2500"}],
    }  # fmt: skip
    reading = VENUE.stream.read(frame("futures.order_book", result, "all"), KNOWN)
    (book,) = reading.books
    assert book.snapshot
    assert book.ts == HOUR_OF + 7
    assert book.asks == [(60002.0, 0.5)]
    assert book.bids == [(60000.0, 0.25)]
    assert not reading.steps


def test_an_empty_book_of_time_0_is_left_alone() -> None:
    result = {"asks": [], "bids": [], "contract": "ALICE_USDT", "id": 0, "t": 0}
    assert VENUE.stream.read(frame("futures.order_book", result, "all"), KNOWN).ignored == "an empty book"


def test_a_ticker_is_stamped_by_itself_before_its_message() -> None:
    ticker = {
        "contract": "BTC_USDT", "mark_price": "60000", "total_size": "", "index_price": "60001",
        "funding_rate": "", "funding_next_apply": T + 3600,
    }  # fmt: skip
    expected = MarkPrice(HOUR_OF, 60000.0, 60001.0, None, HOUR_OF + HOUR)
    stamped = {**ticker, "t": HOUR_OF + 9}
    for sent, ts in (
        (frame("futures.tickers", [ticker]), HOUR_OF),
        (frame("futures.tickers", [ticker], time_ms=HOUR_OF + 5), HOUR_OF + 5),
        (frame("futures.tickers", [stamped], time_ms=HOUR_OF + 5), HOUR_OF + 9),
    ):
        assert rows_of(VENUE.stream.read(sent, KNOWN)) == [expected._replace(ts=ts)]
    empty = {**ticker, "mark_price": ""}
    assert "neither" in VENUE.stream.read(frame("futures.tickers", [empty]), KNOWN).ignored


# --- connection -------------------------------------------------------------------------------------------


def test_contracts_share_a_subscription_and_terms_need_one_each() -> None:
    messages = VENUE.stream.subscribe(
        (
            "futures.public_liquidates:!all",
            "futures.trades:BTC_USDT",
            "futures.order_book:BTC_USDT,50,0",
            "futures.trades:ETH_USDT",
            "futures.candlesticks:1m,BTC_USDT",
        )
    )
    sent = [msgspec.json.decode(message) for message in messages]
    assert [(message["channel"], message["payload"]) for message in sent] == [
        ("futures.public_liquidates", ["!all"]),
        ("futures.trades", ["BTC_USDT", "ETH_USDT"]),
        ("futures.order_book", ["BTC_USDT", "50", "0"]),
        ("futures.candlesticks", ["1m", "BTC_USDT"]),
    ]
    assert all(message["event"] == "subscribe" and message["time"] for message in sent)


def test_an_acknowledgement_names_its_channels_where_it_repeats_the_request() -> None:
    done = {"status": "success"}
    lists = frame("futures.trades", done, "subscribe", payload=["BTC_USDT", "ETH_USDT"])
    assert control_of(lists).channels == ("futures.trades:BTC_USDT", "futures.trades:ETH_USDT")
    terms = frame("futures.order_book", done, "subscribe", payload=["BTC_USDT", "50", "0"])
    assert control_of(terms).channels == ("futures.order_book:BTC_USDT,50,0",)
    assert control_of(frame("futures.trades", done, "subscribe", error=None)) == Control(
        "subscribed", "futures.trades: success"
    )
    assert control_of(frame("futures.trades", done, "unsubscribe")).kind == "info"


def test_a_subscription_that_is_refused_is_not_taken_for_silence() -> None:
    error = {"code": 2, "message": "unknown contract X_USDT"}
    told = frame("futures.trades", None, "subscribe", error=error, payload=["X_USDT"])
    assert control_of(told) == Control(
        "refused", "futures.trades: 2 unknown contract X_USDT", ("futures.trades:X_USDT",)
    )
    assert control_of(frame("futures.trades", {"status": "fail"}, "subscribe")).kind == "refused"


def test_the_ping_is_a_message_of_gates_own() -> None:
    ping = VENUE.stream.ping
    assert ping is not None
    assert msgspec.json.decode(ping)["channel"] == "futures.ping"
    pong = b'{"time":1545404023,"time_ms":1545404023123,"channel":"futures.pong","event":"","result":null}'
    assert control_of(pong) == Control("pong")


def test_a_notice_of_the_system_is_passed_on() -> None:
    notice = frame("futures.system", {"type": "upgrade", "msg": "about to be upgraded"})
    assert control_of(notice) == Control("info", '{"type": "upgrade", "msg": "about to be upgraded"}')


def test_other_channels_are_left_alone_and_unknown_ones_are_not() -> None:
    assert VENUE.stream.read(frame("futures.obu", {"t": 1}), {}).ignored == (
        "channel futures.obu update: changes of books; whole books are recorded"
    )
    with pytest.raises(PayloadError, match="channel is 'futures.weather' and event 'update'"):
        VENUE.stream.read(frame("futures.weather", []), {})


def test_the_channel_of_a_frame_is_found_in_any_order_of_its_fields() -> None:
    levels = [{"p": str(60000 - level), "s": 1} for level in range(50)]
    book = json.dumps(
        {"result": {"asks": levels, "contract": "BTC_USDT"}, "event": "all", "channel": "futures.order_book"}
    )
    assert VENUE.stream.channel_of(book.encode()) == "futures.order_book:BTC_USDT,50,0"
    candle = frame("futures.candlesticks", [{"n": "1m_BTC_USDT"}])
    assert VENUE.stream.channel_of(candle) == "futures.candlesticks:1m,BTC_USDT"
    liquidation = frame("futures.public_liquidates", [{"contract": "BTC_USDT"}])
    assert VENUE.stream.channel_of(liquidation) == "futures.public_liquidates:!all"
    acknowledged = frame("futures.public_liquidates", {"status": "success"}, "subscribe")
    assert VENUE.stream.channel_of(acknowledged) == VENUE.stream.channel_of(b"\xff") == ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded (206)"}', "limited"),
        (b'{"label":"RATE_LIMIT_CONTROL","message":"slow down"}', "limited"),
        (b'{"label":"CONTRACT_NOT_FOUND"}', "unknown"),
        (b'{"label":"INVALID_PARAM_VALUE","message":"Candlestick too long ago. Maximum 10000"}', "unknown"),
        (b'{"label":"INVALID_PARAM_VALUE","detail":"from time exceeds 180-day limit"}', "unknown"),
        (b'{"label":"INVALID_PARAM_VALUE","message":"range from/to must in 1 hour"}', "invalid"),
        (b'{"label":"SERVER_ERROR","message":null}', "unavailable"),
        (b"[]", ""),
        (b"<html>502</html>", ""),
    ],
)
def test_a_label_words_a_refusal(body: bytes, kind: str) -> None:
    refusal = VENUE.refusal(body)
    assert (refusal.kind if refusal else "") == kind


# --- snapshots --------------------------------------------------------------------------------------------


def contract(name: str, **more: object) -> dict[str, object]:
    return {
        "name": name, "type": "direct", "quanto_multiplier": "0.0001", "order_price_round": "0.1",
        "order_size_min": 1, "leverage_max": "125", "status": "trading", "in_delisting": False,
        "create_time": 1_500_000_000, **more,
    }  # fmt: skip


def described(*listed: dict[str, object]) -> dict[str, InstrumentRow]:
    records = VENUE.snapshot("instruments").read(answer(*listed), {}, HOUR_OF)
    rows = {record.symbol: record.row for record in records}
    return {symbol: row for symbol, row in rows.items() if isinstance(row, InstrumentRow)}


def test_a_multiplier_of_0_is_a_contract_of_one_usd_and_quanto_contracts_are_left_out() -> None:
    listed = described(
        contract("BTC_USDT"),
        contract("BTC_USD", type="inverse", quanto_multiplier="0"),
        contract("ETH_USD", quanto_multiplier="0.000001"),
    )
    assert listed == {
        "BTC_USDT": InstrumentRow(
            HOUR_OF, "BTC", "USDT", "USDT", "linear", 0.0001, 0.1, 1.0, "trading", 1_500_000_000_000, 125.0
        ),
        "BTC_USD": InstrumentRow(
            HOUR_OF, "BTC", "USD", "BTC", "inverse", 1.0, 0.1, 1.0, "trading", 1_500_000_000_000, 125.0
        ),
    }


def test_the_step_is_a_contract_unless_fractions_are_enabled() -> None:
    listed = described(
        contract("A_USDT", order_size_min="5"),
        contract("B_USDT", enable_decimal=True, order_size_min="0.1"),
        contract("C_USDT", enable_decimal=True, order_size_min=0),
    )
    assert [row.quantity_step for row in listed.values()] == [1.0, 0.1, 0.0]


def test_a_contract_on_its_way_out_is_not_trading() -> None:
    listed = described(
        contract("A_USDT", in_delisting=True), contract("B_USDT", status="prelaunch", create_time=0)
    )
    assert listed["A_USDT"].status == "delisting"
    assert listed["B_USDT"].status == "prelaunch"
    assert listed["B_USDT"].listed_ts is None


def pages(table: str, market: ScriptedMarket) -> list[Request]:
    snapshot = VENUE.snapshot(table)
    assert snapshot.following is not None
    asked = [snapshot.request(None)]
    while True:
        payload = DIALECT.answer(Call(asked[-1].path, dict(asked[-1].parameters), b""), market)
        assert payload is not None
        following = snapshot.following(payload, asked[-1])
        if following is None:
            return asked
        asked.append(following)


def test_listings_are_paged_first_in_usdt_then_in_btc() -> None:
    row = InstrumentRow(1, "A", "USDT", "USDT", "linear", 1.0, 0.1, 1.0, "trading", 1, 10.0)
    tier = LeverageTierRow(1, 1, 0.0, 1000.0, 0.01, 0.0, 50.0)
    names = [f"A{number}_USDT" for number in range(150)]
    market = ScriptedMarket(
        dict.fromkeys(names, row), {("leverage_tiers", name, "all"): [tier] for name in names}, now=HOUR_OF
    )

    def offsets(table: str, endpoint: str) -> list[tuple[str, str]]:
        return [
            (request.path.removesuffix(f"/{endpoint}")[-4:], dict(request.parameters)["offset"])
            for request in pages(table, market)
        ]

    assert offsets("instruments", "contracts") == [("usdt", "0"), ("usdt", "100"), ("/btc", "0")]
    # A page of tiers has rows of 100 contracts, however many rows those are: an empty one is the last.
    assert offsets("leverage_tiers", "risk_limit_tiers") == [
        ("usdt", "0"),
        ("usdt", "100"),
        ("usdt", "200"),
        ("/btc", "0"),
    ]


def test_a_risk_limit_is_the_cap_of_its_tier_and_contracts_come_mixed() -> None:
    def tier(contract: str, limit: str, rate: str, leverage: str, deduction: str) -> dict[str, object]:
        return {
            "contract": contract, "tier": 9, "risk_limit": limit, "initial_rate": "0.01",
            "maintenance_rate": rate, "leverage_max": leverage, "deduction": deduction,
        }  # fmt: skip

    payload = answer(
        tier("BTC_USDT", "20000", "0.005", "100.01", "20"),
        tier("ETH_USDT", "5000", "0.004", "100", "0"),
        tier("BTC_USDT", "10000", "0.003", "125", "0"),
        tier("X_USDT", "10000", "0.003", "125", "0"),
    )
    found = VENUE.snapshot("leverage_tiers").read(payload, KNOWN, HOUR_OF)
    assert found == [
        ("BTC_USDT", LeverageTierRow(HOUR_OF, 1, 0.0, 10000.0, 0.003, 0.0, 125.0)),
        ("BTC_USDT", LeverageTierRow(HOUR_OF, 2, 10000.0, 20000.0, 0.005, 20.0, 100.01)),
        ("ETH_USDT", LeverageTierRow(HOUR_OF, 1, 0.0, 5000.0, 0.004, 0.0, 100.0)),
    ]


def test_tiers_of_the_inverse_contract_are_in_bitcoin() -> None:
    payload = answer(
        {
            "contract": "BTC_USD", "risk_limit": "100", "maintenance_rate": "0.005", "leverage_max": "100",
        }
    )  # fmt: skip
    assert VENUE.snapshot("leverage_tiers").read(payload, KNOWN, HOUR_OF) == [
        ("BTC_USD", LeverageTierRow(HOUR_OF, 1, 0.0, 100.0, 0.005, None, 100.0, "base"))
    ]


def test_tickers_of_all_contracts_are_stamped_when_they_were_asked_for() -> None:
    payload = answer(
        {"contract": "BTC_USDT", "mark_price": "60000", "total_size": "2000", "index_price": "60001",
         "funding_rate": "0.0001"},
        {"contract": "ETH_USDT", "mark_price": "", "total_size": ""},
        {"contract": "X_USDT", "mark_price": "0", "total_size": "0"},
    )  # fmt: skip
    assert VENUE.snapshot("mark_prices").read(payload, KNOWN, HOUR_OF) == [
        ("BTC_USDT", MarkPrice(HOUR_OF, 60000.0, 60001.0, 0.0001, None))
    ]
    assert VENUE.snapshot("open_interest").read(payload, KNOWN, HOUR_OF) == [
        ("BTC_USDT", OpenInterest(HOUR_OF, 0.1, 2000.0, "contracts", 2, None))
    ]


def test_tickers_are_asked_for_in_usdt_and_then_in_btc() -> None:
    for table in ("mark_prices", "open_interest"):
        asked = [str(request) for request in pages(table, ScriptedMarket({}, {}, now=HOUR_OF))]
        assert asked == ["/api/v4/futures/usdt/tickers", "/api/v4/futures/btc/tickers"]


def test_open_interest_of_the_inverse_contract_is_usd_of_both_sides() -> None:
    payload = answer({"contract": "BTC_USD", "mark_price": "60000", "total_size": "3000000"})
    assert VENUE.snapshot("open_interest").read(payload, KNOWN, HOUR_OF) == [
        ("BTC_USD", OpenInterest(HOUR_OF, 25.0, 3_000_000.0, "contracts", 2, 60000.0))
    ]


def test_the_insurance_fund_is_a_pool_in_usdt_with_a_balance_a_day() -> None:
    snapshot = VENUE.snapshot("insurance_funds")
    assert str(snapshot.request(None)) == "/api/v4/futures/usdt/insurance?limit=100"
    assert snapshot.read(answer({"t": T, "b": "83.0031"}), {}, 7) == [
        ("USDT pool", InsuranceFund(HOUR_OF, "USDT", 83.0031))
    ]


# --- the server that speaks the protocol ------------------------------------------------------------------


def told(endpoint: str, **query: str) -> bytes:
    row = InstrumentRow(1, "BTC", "USDT", "USDT", "linear", 0.0001, 0.1, 1.0, "trading", 1, 10.0)
    market = ScriptedMarket({"BTC_USDT": row}, {}, now=HOUR_OF)
    body = DIALECT.answer(Call(f"/api/v4/futures/usdt/{endpoint}", query, b""), market)
    assert body is not None
    return body


def test_the_fake_venue_refuses_what_gate_refuses() -> None:
    hour, later = str(T), str(T + 3600)
    refusals = [
        told("candlesticks", contract="BTC_USDT", interval="1m", limit="5", to=later),
        told("candlesticks", contract="BTC_USDT", interval="1m", **{"from": str(T - 2001 * 60)}, to=hour),
        told("liq_orders", contract="BTC_USDT", **{"from": hour}, to=str(T + 3601)),
        told("contract_stats", contract="BTC_USDT", interval="1h", limit="2001"),
        told("contract_stats", contract="BTC_USDT", interval="2h"),
    ]
    assert [refusal.kind for body in refusals if (refusal := VENUE.refusal(body))] == ["invalid"] * 5
    unknown = VENUE.refusal(told("funding_rate", contract="X_USDT"))
    assert unknown is not None
    assert unknown.kind == "unknown"
    assert told("liq_orders", contract="BTC_USDT", **{"from": hour}, to=later) == b"[]"


# --- recorded ---------------------------------------------------------------------------------------------


def test_every_recorded_message_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    unknown = "unreadable: symbol is '{}', which was not asked for: units unknown"
    assert outcomes(VENUE, messages(shared, "gate-io-futures.jsonl"), KNOWN) == {
        "subscribed": 3,
        "Trade": 5,
        "book": 2,
        "MarkPrice": 1,
        "OpenInterest": 1,
        "an empty book": 1,
        "channel futures.order_book update": 6,
        "channel futures.book_ticker update": 2,
        # One ticker of 2021 in a list within a list, as it was never documented nor sent since.
        "unreadable: tickers: Expected `object`, got `array` - at `$[0]`": 1,
        unknown.format("ZRX_USD"): 1,  # quanto, retired
        unknown.format("ETC_USD"): 2,
    }


def test_recorded_sizes_in_fractions_of_a_contract_are_read(shared: Path) -> None:
    recorded = messages(shared, "gate-io-futures-decimal-size.jsonl")
    assert outcomes(VENUE, recorded, KNOWN) == {
        "Trade": 1,
        "book": 1,
        "channel futures.book_ticker update": 1,
    }
    (trade,) = rows_of(VENUE.stream.read(recorded[0], KNOWN))
    assert trade == Trade(1774443183399, "1", 2171.44, 0.0025, "sell")
    (book,) = VENUE.stream.read(recorded[2], KNOWN).books
    assert book.asks == [(2172.85, 1053.5 * 0.01)]
