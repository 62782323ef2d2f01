"""Where Bybit misleads, one test per trap; payloads are recorded or follow the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    FundingRate,
    InstrumentRow,
    LeverageTierRow,
    Liquidation,
    MarkPrice,
    OpenInterest,
)
from powderkeg.model.times import MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.bybit import VENUE
from powderkeg.venues.listening import Reading
from venues.recorded import messages, outcomes, sample

LINEAR = Instrument("bybit", "BTCUSDT", "BTC", "USDT")
INVERSE = Instrument("bybit", "BTCUSD", "BTC", "USD", "inverse")
KNOWN = {
    "BTCUSDT": LINEAR,
    "BTCUSD": INVERSE,
    "ETHUSD": Instrument("bybit", "ETHUSD", "ETH", "USD", "inverse"),
    "LTCUSDT": Instrument("bybit", "LTCUSDT", "LTC", "USDT"),
    "PIPPINUSDT": Instrument("bybit", "PIPPINUSDT", "PIPPIN", "USDT"),
    "ROSEUSDT": Instrument("bybit", "ROSEUSDT", "ROSE", "USDT"),
}
ALL = Window(1_000_000_000_000, 3_000_000_000_000)


def rows_of(reading: Reading) -> list[object]:
    assert not reading.ignored
    assert reading.control is None
    return [record.row for record in reading.records]


def test_buy_is_a_long_that_was_liquidated_because_bybit_names_the_position() -> None:
    frame = (
        b'{"topic":"allLiquidation.ROSEUSDT","type":"snapshot","ts":1739502303204,'
        b'"data":[{"T":1739502302929,"s":"ROSEUSDT","S":"Buy","v":"20000","p":"0.04499"}]}'
    )
    (row,) = rows_of(VENUE.stream.read(frame, KNOWN))
    expected = Liquidation(
        1739502302929, "long", 0.04499, "bankruptcy", 20000.0, 0.04499 * 20000, None, "", 0
    )
    assert row == expected


def test_two_equal_liquidations_in_one_message_are_two() -> None:
    item = '{"T":1739502302929,"s":"BTCUSDT","S":"Sell","v":"0.5","p":"60000"}'
    frame = f'{{"topic":"allLiquidation.BTCUSDT","ts":1739502303204,"data":[{item},{item}]}}'.encode()
    rows = rows_of(VENUE.stream.read(frame, KNOWN))
    assert [row.occurrence for row in rows if isinstance(row, Liquidation)] == [0, 1]
    assert {row.position_side for row in rows if isinstance(row, Liquidation)} == {"short"}


def test_inverse_sizes_are_usd_and_become_base() -> None:
    frame = (
        b'{"topic":"allLiquidation.BTCUSD","ts":1739502303204,'
        b'"data":[{"T":1739502302929,"s":"BTCUSD","S":"Sell","v":"30000","p":"60000"}]}'
    )
    (row,) = rows_of(VENUE.stream.read(frame, KNOWN))
    assert isinstance(row, Liquidation)
    assert (row.quantity, row.notional) == (0.5, 30000.0)


def test_inverse_bars_state_volume_in_usd_and_turnover_in_base() -> None:
    payload = (
        b'{"retCode":0,"retMsg":"OK","result":{"category":"inverse","symbol":"BTCUSD","list":'
        b'[["1670608800000","17071","17073","17027","17055.5","268611","15.74462667"]]}}'
    )
    source = next(source for source in VENUE.history if source.table == "bars")
    (row,) = source.read(payload, INVERSE, ALL, MINUTE)
    assert isinstance(row, Bar)
    assert (row.volume, row.turnover) == (15.74462667, 268611.0)


def test_open_interest_counts_both_sides() -> None:
    payload = (
        b'{"retCode":0,"retMsg":"OK","result":{"symbol":"BTCUSDT","category":"linear","list":'
        b'[{"openInterest":"61134.6","timestamp":"1669571100000"}],"nextPageCursor":""}}'
    )
    source = next(source for source in VENUE.history if source.table == "open_interest")
    assert source.read(payload, LINEAR, ALL, 300_000) == [
        OpenInterest(1669571100000, 30567.3, 61134.6, "base", 2, None)
    ]


def test_a_ticker_that_changes_something_else_says_nothing_of_mark_or_open_interest() -> None:
    frame = (
        b'{"topic":"tickers.BTCUSDT","type":"delta","ts":1673272861686,'
        b'"data":{"symbol":"BTCUSDT","bid1Price":"17215.50","bid1Size":"84.489"}}'
    )
    reading = VENUE.stream.read(frame, KNOWN)
    assert not reading.records
    assert "neither" in reading.ignored


@pytest.mark.parametrize(
    ("told", "price"),
    [
        ('"openInterest":"3000000","markPrice":"60000"', 60000.0),
        ('"openInterest":"3000000","openInterestValue":"50"', 60000.0),
        # Both: the value is rounded, the price is not.
        ('"openInterest":"3000000","openInterestValue":"49.99","markPrice":"60000"', 60000.0),
    ],
)
def test_open_interest_of_inverse_contracts_is_usd_and_becomes_base(told: str, price: float) -> None:
    frame = (
        f'{{"topic":"tickers.BTCUSD","type":"delta","ts":1673272861686,"data":{{"symbol":"BTCUSD",{told}}}}}'
    )
    row = rows_of(VENUE.stream.read(frame.encode(), KNOWN))[-1]
    assert row == OpenInterest(1673272861686, 25.0, 3_000_000.0, "quote", 2, price)


def test_open_interest_in_usd_alone_is_left_alone_because_no_price_is_told() -> None:
    frame = (
        b'{"topic":"tickers.BTCUSD","type":"delta","ts":1673272861686,'
        b'"data":{"symbol":"BTCUSD","openInterest":"3000000"}}'
    )
    assert "without mark price or value" in VENUE.stream.read(frame, KNOWN).ignored


def test_alerts_of_inverse_contracts_have_a_topic_at_their_own_url() -> None:
    feeds = [feed for feed in VENUE.stream.feeds if feed.tables == ("deleveraging_signals",)]
    assert [(feed.channel("BTCUSD"), feed.host_of("inverse"), feed.host_of("linear")) for feed in feeds] == [
        ("adlAlert.USDT", None, "stream"),
        ("adlAlert.inverse", "stream_inverse", None),
    ]


def test_a_restarted_book_is_a_snapshot_whatever_its_type_says() -> None:
    frame = (
        b'{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1672304484978,'
        b'"data":{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[],"u":1,"seq":7961638724}}'
    )
    reading = VENUE.stream.read(frame, KNOWN)
    assert reading.books[0].snapshot
    assert reading.steps[0].restart


def test_an_open_bar_is_not_kept() -> None:
    frame = (
        b'{"topic":"kline.1.BTCUSDT","data":[{"start":1672324800000,"end":1672324859999,"interval":"1",'
        b'"open":"16649.5","close":"16677","high":"16677","low":"16608","volume":"2.081",'
        b'"turnover":"34666.4005","confirm":false,"timestamp":1672324828882}],"ts":1672324828882,"type":"snapshot"}'
    )
    assert VENUE.stream.read(frame, KNOWN).ignored == "a bar that is still open"


def test_a_subscription_that_is_refused_is_not_taken_for_silence() -> None:
    frame = b'{"success":false,"ret_msg":"error:handler not found,topic:trade.X","op":"subscribe"}'
    control = VENUE.stream.read(frame, {}).control
    assert control is not None
    assert (control.kind, control.channels) == ("refused", ("trade.X",))


def test_a_refusal_inside_http_200_is_understood() -> None:
    def kind(body: bytes) -> str:
        refusal = VENUE.refusal(body)
        return refusal.kind if refusal else ""

    assert kind(b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}') == "limited"
    assert kind(b'{"retCode":10001,"retMsg":"params error: symbol invalid","result":{}}') == "unknown"
    assert kind(b'{"retCode":10001,"retMsg":"params error: limit invalid","result":{}}') == "invalid"
    assert kind(b'{"retCode":10016,"retMsg":"Server error","result":{}}') == "unavailable"
    assert kind(b'{"retCode":0,"retMsg":"OK","result":{}}') == kind(b"<html>502</html>") == ""


def test_a_symbol_that_was_not_asked_for_is_refused_because_its_units_are_unknown() -> None:
    frame = (
        b'{"topic":"allLiquidation.XUSDT","ts":1739502303204,'
        b'"data":[{"T":1739502302929,"s":"XUSDT","S":"Sell","v":"1","p":"2"}]}'
    )
    with pytest.raises(PayloadError, match=r"symbol is 'XUSDT', which was not asked for"):
        VENUE.stream.read(frame, KNOWN)


def test_deleveraging_alerts_carry_drawdown_and_trigger() -> None:
    frame = (
        b'{"topic":"adlAlert.USDT","type":"snapshot","ts":1757736794000,"data":[{"c":"USDT","s":"BERAUSDT",'
        b'"b":"453.5","mb":"","i_pr":"-0.3","pr":"0.25","adl_tt":"10000","adl_sr":"-0.25"}]}'
    )
    assert rows_of(VENUE.stream.read(frame, {})) == [
        DeleveragingSignal(1757736794000, 453.5, None, 0.25, -0.3)
    ]


def test_every_recorded_message_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    unknown = "unreadable: symbol is '{}', which was not asked for: units unknown"
    assert outcomes(VENUE, messages(shared, "bybit.jsonl"), KNOWN) == {
        "subscribed": 1,
        "Liquidation": 2,
        "Trade": 4,
        "MarkPrice": 2,
        "OpenInterest": 2,
        "book": 3,
        "a change of open interest in USD, without mark price or value": 1,
        "topic instrument_info": 11,
        "topic liquidation": 7,
        "topic orderBookL2_25": 13,
        "topic orderBook_200": 3,
        "topic trade": 5,
        unknown.format("BTCPERP"): 2,  # settled in USDC, not among those asked for here
        unknown.format("BTCUSDU23"): 2,
    }


def test_recorded_answers_are_read(shared: Path) -> None:
    bars = next(source for source in VENUE.history if source.table == "bars")
    (bar,) = bars.read(sample(shared, "bybit", "http_get_klines_linear.json"), LINEAR, ALL, MINUTE)
    assert bar == Bar(
        1709891679000, MINUTE, 27450.0, 27460.0, 27440.0, 27455.0, 123.45, 3390000.0, None, None
    )
    funding = next(source for source in VENUE.history if source.table == "funding")
    assert funding.read(sample(shared, "bybit", "http_get_funding_history.json"), LINEAR, ALL, 0) == [
        FundingRate(1709884800000, 0.0001, None),
        FundingRate(1709856000000, 0.00015, None),
    ]
    listed = VENUE.snapshot("instruments").read(
        sample(shared, "bybit", "http_get_instruments_linear.json"), {}, 7
    )
    described = {record.symbol: record.row for record in listed}
    assert set(described) == {"BTCUSDT", "ETHUSDT"}
    assert isinstance(described["BTCUSDT"], InstrumentRow)
    assert described["BTCUSDT"].maximum_leverage == 100.0
    inverse = VENUE.snapshot("instruments").read(
        sample(shared, "bybit", "http_get_instruments_inverse.json"), {}, 7
    )
    assert all(isinstance(r.row, InstrumentRow) and r.row.contract == "inverse" for r in inverse)


def test_recorded_frames_are_read(shared: Path) -> None:
    ticker = VENUE.stream.read(sample(shared, "bybit", "ws_ticker_linear.json"), KNOWN)
    mark, interest = rows_of(ticker)
    assert mark == MarkPrice(1673272861686, 17217.33, 17227.36, -0.000212, 1673280000000)
    assert isinstance(interest, OpenInterest)
    assert interest.open_interest == pytest.approx(68744.761 / 2)
    delta = VENUE.stream.read(sample(shared, "bybit", "ws_orderbook_delta.json"), KNOWN)
    assert delta.books[0].asks == [(27451.0, 0.0)]
    assert delta.steps[0].last == 123456790
    assert VENUE.stream.read(sample(shared, "bybit", "ws_kline.json"), KNOWN).ignored


@pytest.mark.parametrize("written", ["0.5", "0.005"])
def test_maintenance_of_inverse_tiers_is_written_in_percent_or_as_a_fraction(written: str) -> None:
    item = (
        f'{{"id":1,"symbol":"BTCUSD","riskLimitValue":"150","maintenanceMargin":"{written}",'
        '"initialMargin":"1","isLowestRisk":1,"maxLeverage":"100.00","mmDeduction":""}'
    )
    payload = f'{{"retCode":0,"retMsg":"OK","result":{{"category":"inverse","list":[{item}]}}}}'.encode()
    (record,) = VENUE.snapshot("leverage_tiers").read(payload, KNOWN, 7)
    assert isinstance(record.row, LeverageTierRow)
    assert (record.row.maintenance_margin_rate, record.row.unit) == (0.005, "base")
    with pytest.raises(PayloadError, match=r"maintenanceMargin is 50\.0 at maxLeverage 100\.0"):
        VENUE.snapshot("leverage_tiers").read(payload.replace(written.encode(), b"50"), KNOWN, 7)
