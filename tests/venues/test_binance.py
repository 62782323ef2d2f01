"""Where Binance's answers and messages mislead, one test per trap; files by the day are in their own."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import msgspec
import polars as pl
import pytest

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    MarkBar,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource
from powderkeg.venues.binance import VENUE
from powderkeg.venues.listening import Reading, SequenceStep
from venues.recorded import messages, outcomes, sample

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
KNOWN = {
    "BTCUSDT": BTC,
    "ETHUSDT": Instrument("binance", "ETHUSDT", "ETH", "USDT"),
    "XRPUSDT": Instrument("binance", "XRPUSDT", "XRP", "USDT"),
    "BNBUSDT": Instrument("binance", "BNBUSDT", "BNB", "USDT"),
}
ALL = Window(1_000_000_000_000, 3_000_000_000_000)
START = 1_750_000_200_000


def rows_of(reading: Reading) -> list[object]:
    assert not reading.ignored
    assert reading.control is None
    return [record.row for record in reading.records]


def force_order(**fields: object) -> bytes:
    order = {
        "s": "XRPUSDT", "S": "BUY", "o": "LIMIT", "f": "IOC", "q": "127.2", "p": "1.4984", "ap": "1.4912",
        "X": "FILLED", "l": "108.1", "z": "127.2", "T": 1791091174219, "ps": "XRPUSDT", "st": 1,
    }  # fmt: skip
    event = {"e": "forceOrder", "E": 1791091175227, "o": {**order, **fields}}
    return msgspec.json.encode({"stream": "!forceOrder@arr", "data": event})


def of_rest(table: str, population: str = "") -> HistorySource:
    return next(
        source
        for source in VENUE.history
        if (source.table, source.population, source.checksummed) == (table, population, False)
    )


# --- liquidations -----------------------------------------------------------------------------------------


def test_a_sell_order_closes_a_long_because_binance_names_the_order() -> None:
    (row,) = rows_of(VENUE.stream.read(force_order(S="SELL", p="1.4800"), KNOWN))
    assert isinstance(row, Liquidation)
    assert row.position_side == "long"
    (row,) = rows_of(VENUE.stream.read(force_order(S="BUY"), KNOWN))
    assert isinstance(row, Liquidation)
    assert row.position_side == "short"
    with pytest.raises(PayloadError, match=r"S is 'LONG'; expected BUY or SELL"):
        VENUE.stream.read(force_order(S="LONG"), KNOWN)


def test_it_traded_at_the_average_fill_and_not_at_the_limit_and_all_fills_count() -> None:
    (row,) = rows_of(VENUE.stream.read(force_order(), KNOWN))
    assert row == Liquidation(1791091174219, "short", 1.4912, "fill", 127.2, 1.4912 * 127.2, 1.4984, "", 0)


def test_before_the_first_fill_there_is_only_the_limit_and_what_was_ordered() -> None:
    (row,) = rows_of(VENUE.stream.read(force_order(X="NEW", ap="0", l="0", z="0"), KNOWN))
    assert row == Liquidation(1791091174219, "short", 1.4984, "limit", 127.2, 1.4984 * 127.2, 1.4984, "", 0)


def test_a_partly_filled_order_counts_what_is_filled() -> None:
    (row,) = rows_of(VENUE.stream.read(force_order(X="PARTIALLY_FILLED", z="100", l="1"), KNOWN))
    assert isinstance(row, Liquidation)
    assert row.quantity == 100.0


def test_coin_margined_contracts_on_the_merged_stream_are_left_alone_since_they_count_contracts() -> None:
    known = {**KNOWN, "BTCUSD_PERP": Instrument("binance", "BTCUSD_PERP", "BTC", "USD", "inverse", 100.0)}
    reading = VENUE.stream.read(force_order(s="BTCUSD_PERP", ps="BTCUSD", q="3", z="3", st=2), known)
    assert reading == Reading(ignored="a COIN-margined contract: BTCUSD_PERP")


def test_the_one_stream_of_all_symbols_carries_others_and_they_are_left_alone() -> None:
    reading = VENUE.stream.read(force_order(s="BTCUSDT_261225"), KNOWN)
    assert reading == Reading(ignored="a liquidation that was not asked for: BTCUSDT_261225")


@pytest.mark.parametrize(
    ("field", "value"),
    [("p", "0"), ("p", "NaN"), ("ap", "-1"), ("z", "Infinity"), ("q", "x"), ("T", 1791091174219000)],
)
def test_a_liquidation_with_an_impossible_number_is_refused(field: str, value: object) -> None:
    frame = force_order(**{field: value, **({"z": "0"} if field == "q" else {})})
    with pytest.raises(PayloadError):
        VENUE.stream.read(frame, KNOWN)


def test_a_notional_too_large_for_a_number_is_refused() -> None:
    with pytest.raises(PayloadError, match="price x quantity is inf"):
        VENUE.stream.read(force_order(ap="1e300", z="1e300"), KNOWN)


# --- trades and books -------------------------------------------------------------------------------------


def test_where_the_buyer_was_the_maker_the_taker_sold() -> None:
    frame = (
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1791391082024,"a":3478018549,'
        b'"s":"BTCUSDT","p":"83434.40","q":"0.016","nq":"0.010","f":8154045700,"l":8154045704,'
        b'"T":1791391081874,"m":true,"st":1}}'
    )
    reading = VENUE.stream.read(frame, KNOWN)
    # With what retail price improvement orders traded, which nq leaves out.
    assert rows_of(reading) == [Trade(1791391081874, "3478018549", 83434.4, 0.016, "sell")]
    assert reading.steps == [SequenceStep("btcusdt@aggTrade", 3478018549, 3478018549)]


def test_trades_outside_the_book_are_no_trades_but_are_counted() -> None:
    frame = (
        b'{"stream":"ethusdt@trade","data":{"e":"trade","E":1596034530241,"T":1596034530235,"s":"ETHUSDT",'
        b'"t":73701056,"p":"2366.55","q":"0.070","X":"INSURANCE_FUND","m":true}}'
    )
    reading = VENUE.stream.read(frame, KNOWN)
    assert not reading.records
    assert reading.ignored == "a trade outside the book: INSURANCE_FUND"
    assert reading.steps == [SequenceStep("ethusdt@trade", 73701056, 73701056)]


def depth(stream: str, bids: str = '[["7403.89","0.002"],["7403.90","3.906"]]') -> bytes:
    return (
        f'{{"stream":"{stream}","data":{{"e":"depthUpdate","E":1571889248277,"T":1571889248276,'
        f'"s":"BTCUSDT","ps":"BTCUSDT","U":390497796,"u":390497878,"pu":390497794,"b":{bids},'
        '"a":[["7405.96","3.340"]],"st":1}}'
    ).encode()


def test_a_partial_book_is_whole_and_misses_nothing_whatever_came_before() -> None:
    reading = VENUE.stream.read(depth("btcusdt@depth20@500ms"), KNOWN)
    (book,) = reading.books
    assert book.snapshot
    assert book.ts == 1571889248276
    assert (book.bids, book.asks) == ([(7403.89, 0.002), (7403.9, 3.906)], [(7405.96, 3.34)])
    assert not reading.steps


def test_changes_of_a_book_follow_on_what_pu_names_and_not_on_the_number_before_the_first() -> None:
    reading = VENUE.stream.read(depth("btcusdt@depth@100ms", bids='[["7403.89","0"]]'), KNOWN)
    (book,) = reading.books
    assert not book.snapshot
    assert book.bids == [(7403.89, 0.0)]
    assert reading.steps == [SequenceStep("btcusdt@depth@100ms", 390497796, 390497878, 390497794)]


def test_without_its_streams_name_a_book_could_be_whole_or_a_change_and_is_refused() -> None:
    frame = msgspec.json.encode(msgspec.json.decode(depth("btcusdt@depth20"))["data"])
    with pytest.raises(PayloadError, match="which tells changes from whole books"):
        VENUE.stream.read(frame, KNOWN)


def test_a_symbol_that_was_not_asked_for_is_refused_on_a_stream_of_its_own() -> None:
    frame = (
        b'{"stream":"xusdt@aggTrade","data":{"e":"aggTrade","E":1,"a":3,"s":"XUSDT","p":"1","q":"1",'
        b'"f":1,"l":1,"T":1791391081874,"m":true}}'
    )
    with pytest.raises(PayloadError, match=r"symbol is 'XUSDT', which was not asked for"):
        VENUE.stream.read(frame, KNOWN)


# --- mark prices and bars ---------------------------------------------------------------------------------


def test_a_mark_price_says_what_it_says_of_index_and_funding_and_no_more() -> None:
    def mark(fields: str) -> object:
        frame = f'{{"e":"markPriceUpdate","E":1791269856000,"s":"BTCUSDT","p":"85296.6",{fields}}}'
        (row,) = rows_of(VENUE.stream.read(frame.encode(), KNOWN))
        return row

    # ap is a moving average of the mark price here, and P is for the last hour of dated contracts.
    full = '"ap":"85000","P":"85321.9","i":"85345.9","r":"0.00000523","T":1791273600000,"st":1'
    assert mark(full) == MarkPrice(1791269856000, 85296.6, 85345.9, 0.00000523, 1791273600000)
    assert mark('"r":"0.0001","T":1791273600000') == MarkPrice(
        1791269856000, 85296.6, None, 0.0001, 1791273600000
    )
    assert mark('"i":"0.00000000","r":"","T":0') == MarkPrice(1791269856000, 85296.6, None, None, None)


def kline(closed: bool, interval: str = "1m") -> bytes:
    return (
        f'{{"stream":"btcusdt@kline_{interval}","data":{{"e":"kline","E":1786173360960,"s":"BTCUSDT","k":{{'
        f'"t":1786173300000,"T":1786173359999,"s":"BTCUSDT","i":"{interval}","f":1,"L":9,"o":"64970.80",'
        f'"c":"64969.40","h":"64970.90","l":"64969.30","v":"9.090","n":194,"x":{str(closed).lower()},'
        '"q":"590577.9688","V":"3.460","Q":"224795.0944","B":"0"}}}'
    ).encode()


def test_only_a_closed_bar_is_kept_with_what_takers_bought() -> None:
    assert VENUE.stream.read(kline(closed=False), KNOWN).ignored == "a bar that is still open"
    assert rows_of(VENUE.stream.read(kline(closed=True), KNOWN)) == [
        Bar(1786173300000, MINUTE, 64970.8, 64970.9, 64969.3, 64969.4, 9.09, 590577.9688, 3.46, 194)
    ]
    with pytest.raises(PayloadError, match="i is '1M'; expected one of 1m, 3m"):
        VENUE.stream.read(kline(closed=True, interval="1M"), KNOWN)


# --- connection -------------------------------------------------------------------------------------------


def test_a_subscription_is_confirmed_or_refused_in_either_wording() -> None:
    def control(frame: bytes) -> tuple[str, str]:
        found = VENUE.stream.read(frame, {}).control
        assert found is not None
        return found.kind, found.detail

    assert control(b'{"result":null,"id":1}') == ("subscribed", "")
    assert control(b'{"code":2,"msg":"Invalid request: too many parameters"}')[0] == "refused"
    assert control(b'{"error":{"code":2,"msg":"Invalid request"},"id":3}') == (
        "refused",
        "code 2: Invalid request",
    )
    assert control(b'{"result":["btcusdt@aggTrade"],"id":3}')[0] == "info"
    with pytest.raises(PayloadError, match="neither stream, event nor result"):
        VENUE.stream.read(b'{"id":1}', {})


def test_every_channel_is_asked_for_under_the_path_where_it_lives() -> None:
    hosts = {feed.tables[0]: feed.host for feed in VENUE.stream.feeds}
    assert hosts.pop("depth_levels") == "stream_public"
    assert set(hosts.values()) == {"stream_market"}
    assert {VENUE.stream.url(VENUE.urls[host], ()) for host in ("stream_market", "stream_public")} == {
        "wss://fstream.binance.com/market/stream",
        "wss://fstream.binance.com/public/stream",
    }


def test_channels_are_in_lower_case_and_subscribed_in_few_messages() -> None:
    channels = [f"c{number}usdt@aggTrade" for number in range(VENUE.stream.channels_per_connection)]
    asked = [msgspec.json.decode(message) for message in VENUE.stream.subscribe(channels)]
    assert len(asked) <= 5  # ten a second are allowed, pongs among them
    assert [name for message in asked for name in message["params"]] == channels
    assert len({message["id"] for message in asked}) == len(asked)
    assert {feed.channel("BTCUSDT") for feed in VENUE.stream.feeds} == {
        "!forceOrder@arr", "btcusdt@aggTrade", "btcusdt@depth20@500ms", "btcusdt@markPrice@1s",
        "btcusdt@kline_1m",
    }  # fmt: skip


def test_the_server_pings_in_the_protocol_so_there_is_no_message_to_send() -> None:
    assert VENUE.stream.ping is None
    assert VENUE.stream.acknowledges


def test_symbols_may_be_chinese() -> None:
    frame = force_order(s="牛来USDT").replace(b"!forceOrder@arr", "牛来usdt@forceOrder".encode())
    assert VENUE.stream.channel_of(frame) == "牛来usdt@forceOrder"
    assert VENUE.stream.read(frame, KNOWN).ignored.endswith("牛来USDT")


# --- history by request -----------------------------------------------------------------------------------

KLINE = (
    b'[[1750000200000,"105000.1","105100.0","104900.5","105050.0","182.4521",1750000259999,"19166591.1",'
    b'1842,"98.3211","10328631.5","0"]]'
)


def test_bars_carry_taker_volume_turnover_and_count() -> None:
    assert of_rest("bars").read(KLINE, BTC, ALL, MINUTE) == [
        Bar(START, MINUTE, 105000.1, 105100.0, 104900.5, 105050.0, 182.4521, 19166591.1, 98.3211, 1842)
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"0"]]', b'"0","1"]]'),  # a column more
        (b',"0"]]', b"]]"),  # and one less
        (b"1750000200000", b"1750000200000000"),  # microseconds, as in files of spot markets
        (b'"105100.0"', b'"104900.0"'),  # a high below the open
        (b'"182.4521"', b'"-1"'),
        (b'"98.3211"', b'"NaN"'),
        (b"1842", b"18.42"),
    ],
)
def test_a_bar_that_cannot_be_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(PayloadError):
        of_rest("bars").read(KLINE.replace(old, new), BTC, ALL, MINUTE)


def test_mark_bars_have_twelve_columns_too_most_of_them_rubbish() -> None:
    payload = (
        b'[[1750000200000,"9653.29","9653.67","9653.07","9653.08","0 ",1750000259999,"0",60,"0","0","0"]]'
    )
    assert of_rest("mark_bars").read(payload, BTC, ALL, MINUTE) == [
        MarkBar(START, MINUTE, 9653.29, 9653.67, 9653.07, 9653.08)
    ]


def test_bars_are_weighed_by_how_many_are_asked_for_and_both_ends_are_inside() -> None:
    source = of_rest("bars")

    def asked(count: int) -> tuple[int, dict[str, str]]:
        request = source.request(BTC, Window(START, START + count * MINUTE), MINUTE)
        return request.weight, dict(request.parameters)

    assert source.span(MINUTE) == 1500 * MINUTE
    assert [asked(count)[0] for count in (1, 99, 100, 499, 500, 1000, 1001, 1500)] == [
        1, 1, 2, 2, 5, 5, 10, 10,
    ]  # fmt: skip
    assert asked(100)[1] == {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "startTime": str(START),
        "endTime": str(START + 100 * MINUTE - 1),
        "limit": "100",
    }


def test_statistics_are_kept_for_thirty_days_and_have_a_budget_of_their_own() -> None:
    tables = ("open_interest", "long_short_ratios", "taker_volume")
    sources = [source for source in VENUE.history if source.table in tables and not source.checksummed]
    assert len(sources) == 5
    for source in sources:
        request = source.request(BTC, Window(START, START + 500 * 5 * MINUTE), 5 * MINUTE)
        assert source.span(5 * MINUTE) == 500 * 5 * MINUTE
        assert source.depth is not None
        assert 29 * DAY < source.depth < 30 * DAY
        assert (request.host, request.weight) == ("rest_data", 1)
        # Right whether the first instant counts or not, and the first one after the window never does.
        asked = dict(request.parameters)
        assert (asked["startTime"], asked["endTime"]) == (str(START - 1), str(START + 500 * 5 * MINUTE - 1))
    assert VENUE.limits["rest_data"].weight / VENUE.limits["rest_data"].period_ms == 1000 / 300_000
    assert VENUE.urls["rest_data"] == VENUE.urls["rest_funding"] == VENUE.urls["rest"]


def test_open_interest_is_one_side_in_base() -> None:
    payload = (
        b'[{"symbol":"BTCUSDT","sumOpenInterest":"20403.63700000","sumOpenInterestValue":"150570784.078",'
        b'"CMCCirculatingSupply":"19900000","timestamp":"1750000200000"}]'
    )
    assert of_rest("open_interest").read(payload, BTC, ALL, 5 * MINUTE) == [
        OpenInterest(START, 20403.637, 20403.637, "base", 1, None)
    ]


@pytest.mark.parametrize(
    ("population", "path"),
    [
        ("accounts", "globalLongShortAccountRatio"),
        ("top_accounts", "topLongShortAccountRatio"),
        ("top_positions", "topLongShortPositionRatio"),
    ],
)
def test_shares_that_are_rounded_apart_add_up_to_one(population: str, path: str) -> None:
    source = of_rest("long_short_ratios", population)
    payload = (
        b'[{"symbol":"BTCUSDT","longShortRatio":"1.4342","longAccount":"0.5891","shortAccount":"0.4108",'
        b'"timestamp":"1750000200000"}]'
    )
    (row,) = source.read(payload, BTC, ALL, 5 * MINUTE)
    assert isinstance(row, LongShortRatio)
    assert row.population == population
    assert row.long_share + row.short_share == pytest.approx(1, abs=1e-15)
    assert row.long_share == 0.5891 / 0.9999
    assert source.request(BTC, Window(START, START + HOUR), HOUR).path == f"/futures/data/{path}"


def test_taker_volume_is_in_base() -> None:
    payload = (
        b'[{"buySellRatio":"1.5586","buyVol":"387.3300","sellVol":"248.5030","timestamp":"1750000200000"}]'
    )
    assert of_rest("taker_volume").read(payload, BTC, ALL, 5 * MINUTE) == [
        TakerVolume(START, 5 * MINUTE, 387.33, 248.503, "base")
    ]


def test_settlements_stay_in_their_window_and_dividends_are_no_funding() -> None:
    source = of_rest("funding")
    payload = (
        b'[{"symbol":"BTCUSDT","fundingTime":1750003200004,"fundingRate":"-0.03750000","markPrice":"",'
        b'"rateType":"Regular"},{"symbol":"BTCUSDT","fundingTime":1750010400000,"fundingRate":"0.01",'
        b'"markPrice":"34287.5","rateType":"Special"},'
        b'{"symbol":"BTCUSDT","fundingTime":1750032000000,"fundingRate":"0.0001"}]'
    )
    window = Window(1_750_003_200_000, 1_750_032_000_000)
    assert source.read(payload, BTC, window, 0) == [FundingRate(1750003200004, -0.0375, None)]
    # Half of the thousand that the page promises, should every hour be settled.
    assert source.span(0) == 500 * HOUR
    assert source.request(BTC, window, 0).host == "rest_funding"


def test_refusals_are_understood() -> None:
    def kind(body: bytes) -> str:
        refusal = VENUE.refusal(body)
        return refusal.kind if refusal else ""

    assert kind(b'{"code":-1003,"msg":"Way too many requests; IP banned until 1712840265023."}') == "limited"
    assert kind(b'{"code":-1008,"msg":"Server is currently overloaded with other requests."}') == "limited"
    assert kind(b'{"code":-1001,"msg":"Internal error; unable to process your request."}') == "unavailable"
    assert kind(b'{"code":-1121,"msg":"Invalid symbol."}') == "unknown"
    assert kind(b'{"msg":"parameter \'startTime\' is invalid.","code":-1130}') == "unknown"
    assert kind(b'{"code":-1130,"msg":"Data sent for parameter \'limit\' is not valid."}') == "invalid"
    assert kind(b'{"code":-1120,"msg":"Invalid interval."}') == "invalid"
    assert (
        kind(b'{"code":200,"msg":"success"}') == kind(b"[]") == kind(b"<html>") == kind(b"PK\x03\x04") == ""
    )
    assert kind(b'{"symbols":[]}') == kind(b"{") == ""


# --- as of now --------------------------------------------------------------------------------------------


def exchange_info(**fields: object) -> bytes:
    symbol = {
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "onboardDate": 1569398400000,
        "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT",
        "pricePrecision": 2, "quantityPrecision": 3, "maintMarginPercent": "2.5000",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.002", "maxQty": "120", "minQty": "0.001"},
        ],
    }  # fmt: skip
    return msgspec.json.encode({"timezone": "UTC", "symbols": [{**symbol, **fields}]})


def test_steps_come_from_the_filters_and_the_highest_leverage_is_not_told() -> None:
    source = VENUE.snapshot("instruments")
    (record,) = source.read(exchange_info(), {}, 7)
    assert record == (
        "BTCUSDT",
        InstrumentRow(7, "BTC", "USDT", "USDT", "linear", 1.0, 0.1, 0.001, "trading", 1569398400000, None),
    )
    (record,) = source.read(exchange_info(status="SETTLING", onboardDate=0), {}, 7)
    assert isinstance(record.row, InstrumentRow)
    assert (record.row.status, record.row.listed_ts) == ("SETTLING", None)
    with pytest.raises(PayloadError, match="BTCUSDT has no PRICE_FILTER among its filters"):
        source.read(exchange_info(filters=[]), {}, 7)


@pytest.mark.parametrize(
    "fields",
    [
        {"contractType": "CURRENT_QUARTER", "symbol": "BTCUSDT_261225"},
        {"contractType": "TRADIFI_PERPETUAL", "symbol": "TSLAUSDT"},
        {"contractType": "", "symbol": "NEWUSDT"},
        {"quoteAsset": "BTC", "marginAsset": "BTC", "symbol": "ETHBTC"},
    ],
)
def test_only_perpetuals_of_coins_in_dollars_are_instruments(fields: dict[str, object]) -> None:
    assert VENUE.snapshot("instruments").read(exchange_info(**fields), {}, 7) == []


def test_open_interest_now_is_one_side_in_base() -> None:
    source = VENUE.snapshot("open_interest")
    assert source.request(BTC).parameters == (("symbol", "BTCUSDT"),)
    payload = b'{"openInterest":"10659.509","symbol":"BTCUSDT","time":1750000200000}'
    assert source.read(payload, KNOWN, 7) == [
        ("BTCUSDT", OpenInterest(START, 10659.509, 10659.509, "base", 1, None))
    ]
    with pytest.raises(PayloadError, match="openInterest is 0"):
        source.read(payload.replace(b"10659.509", b"0"), KNOWN, 7)


def test_mark_prices_of_all_symbols_are_kept_for_those_asked_for() -> None:
    payload = (
        b'[{"symbol":"BTCUSDT","markPrice":"11793.6","indexPrice":"11781.8","estimatedSettlePrice":"11781.1",'
        b'"lastFundingRate":"0.00038246","interestRate":"0.0001","nextFundingTime":1750003200000,'
        b'"time":1750000200000},'
        b'{"symbol":"BTCUSDT_261225","markPrice":"12077.0","indexPrice":"10979.1",'
        b'"estimatedSettlePrice":"","lastFundingRate":"","interestRate":"","nextFundingTime":0,'
        b'"time":1750000200000}]'
    )
    source = VENUE.snapshot("mark_prices")
    assert source.request(None).weight == 10
    assert source.read(payload, KNOWN, 7) == [
        ("BTCUSDT", MarkPrice(START, 11793.6, 11781.8, 0.00038246, 1750003200000))
    ]


def test_an_insurance_pool_is_kept_with_each_instrument_that_it_stands_behind() -> None:
    payload = (
        b'[{"symbols":["BNBUSDT","BTCUSDT","BTCUSDT_261225"],"assets":['
        b'{"asset":"USDT","marginBalance":"793930579.315848","updateTime":1745366402000},'
        b'{"asset":"BNFCR","marginBalance":"-0.5","updateTime":1745366402000}]},'
        b'{"symbols":["TSTUSDT"],"assets":[{"asset":"USDT","marginBalance":"5166686.8",'
        b'"updateTime":1745366402000}]}]'
    )
    dollars = InsuranceFund(1745366402000, "USDT", 793930579.315848)
    points = InsuranceFund(1745366402000, "BNFCR", -0.5)
    assert VENUE.snapshot("insurance_funds").read(payload, KNOWN, 7) == [
        ("BNBUSDT", dollars), ("BNBUSDT", points), ("BTCUSDT", dollars), ("BTCUSDT", points),
    ]  # fmt: skip


def test_what_is_not_to_be_had_is_said_with_the_reason() -> None:
    assert "signed" in VENUE.unavailable["leverage_tiers"]
    assert "high, medium or low" in VENUE.unavailable["deleveraging_signals"]


# --- recorded ---------------------------------------------------------------------------------------------

UNKNOWN = "unreadable: symbol is '{}', which was not asked for: units unknown"


def test_every_recorded_message_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    assert outcomes(VENUE, messages(shared, "binance-futures.jsonl"), KNOWN) == {
        "Liquidation": 1,
        "Trade": 2,
        "a trade outside the book": 1,
        "MarkPrice": 2,
        "book": 2,
        "event 24hrTicker": 2,
        "event bookTicker": 1,
        "an answer that a recorder put among the messages": 2,
        "unreadable: aggTrade: Object missing required field `a`": 1,  # of 2019: no id to tell it by
        UNKNOWN.format("BTCBUSD_210129"): 1,
    }


def test_recorded_messages_of_coin_margined_contracts_become_nothing(shared: Path) -> None:
    assert outcomes(VENUE, messages(shared, "binance-delivery.jsonl"), KNOWN) == {
        "subscribed": 1,
        "a liquidation that was not asked for": 1,
        "an answer that a recorder put among the messages": 2,
        "event 24hrTicker": 1,
        "event bookTicker": 1,
        "event indexPriceUpdate": 1,
        "unreadable: markPriceUpdate: Object missing required field `r`": 1,  # dated contracts have none
        UNKNOWN.format("BTCUSD_200925"): 3,
        UNKNOWN.format("ETCUSDT"): 1,  # a trade by auto-deleveraging
    }


def test_recorded_frames_without_a_streams_name_are_read(shared: Path) -> None:
    folder = ("binance", "futures", "market_data_json")

    def outcome(name: str) -> Counter[str]:
        return outcomes(VENUE, [sample(shared, *folder, f"{name}.json")], KNOWN)

    assert outcome("liquidation_stream") == {"Liquidation": 1}
    assert outcome("mark_price_stream") == {"MarkPrice": 1}
    assert outcome("kline_stream_closed") == {"Bar": 1}
    assert outcome("kline_stream_open") == {"a bar that is still open": 1}
    assert outcome("ticker_stream") == {"event 24hrTicker": 1}
    assert outcome("book_ticker_stream") == {"event bookTicker": 1}
    assert outcome("depth_update_stream") == {"unreadable: depthUpdate came on stream ''": 1}
    # Times of 1973, invented for the documentation.
    assert outcome("agg_trade_stream") == outcome("trade_stream") == {"unreadable: T is 123456785": 1}
    (row,) = rows_of(VENUE.stream.read(sample(shared, *folder, "liquidation_stream.json"), KNOWN))
    assert isinstance(row, Liquidation)
    assert (row.position_side, row.price, row.limit_price) == ("long", 9910.12345678, 9910.0)


def test_recorded_liquidations_traded_better_than_their_limit_on_the_side_that_was_closed(
    shared: Path,
) -> None:
    recorded = pl.read_parquet(shared / "data" / "binance-force-orders" / "force_orders.parquet")
    symbols = {f"{coin}USDT" for coin in recorded["symbol"]}
    known = {symbol: Instrument("binance", symbol, symbol[:-4], "USDT") for symbol in symbols}
    found: Counter[str] = Counter()
    for order in recorded.iter_rows(named=True):
        frame = force_order(
            s=f"{order['symbol']}USDT",
            S=order["side"],
            q=str(order["orig_qty"]),
            p=str(order["price"]),
            ap=str(order["avg_price"] or 0),
            l=str(order["last_qty"] or 0),
            z=str(order["filled_qty"]),
            T=order["trade_time_ms"],
        )
        (row,) = rows_of(VENUE.stream.read(frame, known))
        assert isinstance(row, Liquidation)
        assert row.limit_price == order["price"]
        assert row.position_side == order["liquidated_side"]
        assert row.quantity == order["filled_qty"]
        found[row.price_meaning] += 1
        if row.price_meaning == "fill":
            assert row.price == order["avg_price"]
            sign = 1 if row.position_side == "long" else -1
            assert sign * (row.price - order["price"]) >= 0
            found["the last fill is not all"] += order["last_qty"] != order["filled_qty"]
    # Where the recorder left out the fill, only the limit is known.
    assert found == {"fill": 2678, "limit": 1157, "the last fill is not all": 1379}
    # One per symbol and second, as the feed is throttled.
    slots = Counter(zip(recorded["symbol"], recorded["trade_time_ms"] // 1000, strict=True))
    assert Counter(slots.values()) == {1: 3833, 2: 1}


def test_recorded_books_and_trades_follow_on_without_a_break(shared: Path) -> None:
    path = shared / "data" / "binance-book-2024-08" / "usdm-btcusdt_20240808.gz"
    with gzip.open(path) as lines:
        frames = [line.split(b" ", 1)[1] for line in islice(lines, 6000)]
    assert outcomes(VENUE, frames, KNOWN) == {
        "Trade": 912,
        "book": 489,
        "event bookTicker": 4598,
        "unreadable: message has neither stream, event nor result": 1,  # an answer without a symbol
    }
    ended: dict[str, int] = {}
    contiguous: Counter[bool] = Counter()
    for frame in frames:
        if "lastUpdateId" in json.loads(frame):
            continue
        for step in VENUE.stream.read(frame, KNOWN).steps:
            before = step.first - 1 if step.previous is None else step.previous
            assert ended.get(step.stream, before) == before
            if step.stream.endswith("@depth@0ms"):
                contiguous[step.first == before + 1] += 1
            ended[step.stream] = step.last
    assert set(ended) == {"btcusdt@depth@0ms", "btcusdt@trade"}
    # Were the first number taken for the one after the last, almost every message would be a break.
    assert contiguous[False] > 10 * contiguous[True]
