"""Where Deribit misleads, one test per trap; payloads are recorded or follow the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.fake_venues.deribit import DIALECT
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    FundingRate,
    InstrumentRow,
    Liquidation,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.deribit import VENUE
from powderkeg.venues.listening import Control, Reading, SequenceStep
from venues.made_rows import START, instrument_row, made_book, made_rows
from venues.recorded import messages, outcomes, sample

INVERSE = Instrument("deribit", "BTC-PERPETUAL", "BTC", "USD", "inverse", 10.0)
ETHER = Instrument("deribit", "ETH-PERPETUAL", "ETH", "USD", "inverse", 1.0)
LINEAR = Instrument("deribit", "BTC_USDC-PERPETUAL", "BTC", "USDC", "linear", 0.0001)
KNOWN = {
    "BTC-PERPETUAL": INVERSE,
    "ETH-PERPETUAL": ETHER,
    "BTC_USDC-PERPETUAL": LINEAR,
    "LINK_USDC-PERPETUAL": Instrument("deribit", "LINK_USDC-PERPETUAL", "LINK", "USDC", "linear", 1.0),
}
ALL = Window(1_000_000_000_000, 3_000_000_000_000)


def pushed(channel: str, data: Any) -> bytes:
    params = {"channel": channel, "data": data}
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}).encode()


def answered(result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1}).encode()


def trade(**changes: Any) -> dict[str, Any]:
    plain = {
        "trade_seq": 30289442, "trade_id": "48079254", "timestamp": 1590484156350, "tick_direction": 0,
        "price": 60000.0, "mark_price": 60001.2, "instrument_name": "BTC-PERPETUAL", "index_price": 60002.0,
        "direction": "sell", "amount": 30000.0, "contracts": 3000.0,
    }  # fmt: skip
    return plain | changes


def read_trades(*items: dict[str, Any]) -> Reading:
    return VENUE.stream.read(pushed("trades.BTC-PERPETUAL.100ms", list(items)), KNOWN)


def rows_of(reading: Reading) -> list[MarketRow]:
    assert not reading.ignored
    assert reading.control is None
    return [record.row for record in reading.records]


def liquidations_of(reading: Reading) -> list[Liquidation]:
    return [row for row in rows_of(reading) if isinstance(row, Liquidation)]


def control_of(frame: bytes) -> Control:
    control = VENUE.stream.read(frame, {}).control
    assert control is not None
    return control


def sources(table: str) -> list[HistorySource]:
    return [source for source in VENUE.history if source.table == table]


def call(request: Request) -> Call:
    return Call(request.path, dict(request.parameters), request.body or b"")


# --- liquidations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "direction", "closed"),
    [
        ("T", "sell", ["long"]),
        ("T", "buy", ["short"]),
        ("M", "sell", ["short"]),  # the maker bought
        ("M", "buy", ["long"]),
    ],
)
def test_the_flag_says_who_was_liquidated_and_the_direction_is_the_takers(
    flag: str, direction: str, closed: list[str]
) -> None:
    rows = liquidations_of(read_trades(trade(liquidation=flag, direction=direction)))
    assert [row.position_side for row in rows] == closed


def test_a_trade_between_two_that_are_liquidated_is_two_liquidations() -> None:
    rows = liquidations_of(read_trades(trade(liquidation="MT")))
    assert [(row.position_side, row.event_id, row.occurrence) for row in rows] == [
        ("long", "48079254", 0),
        ("short", "48079254", 0),
    ]


def test_a_liquidation_is_a_trade_as_well_and_its_price_is_the_fill() -> None:
    assert rows_of(read_trades(trade(liquidation="T"))) == [
        Trade(1590484156350, "48079254", 60000.0, 0.5, "sell"),
        Liquidation(1590484156350, "long", 60000.0, "fill", 0.5, 30000.0, None, "48079254", 0),
    ]


def test_a_trade_without_the_flag_is_no_liquidation() -> None:
    assert rows_of(read_trades(trade())) == [Trade(1590484156350, "48079254", 60000.0, 0.5, "sell")]


def test_a_flag_that_is_not_known_is_not_guessed_at() -> None:
    with pytest.raises(PayloadError, match=r"Invalid enum value 'A' - at `\$\[0\]\.liquidation`"):
        read_trades(trade(liquidation="A"))


def test_bankruptcies_are_not_asked_for_as_liquidations() -> None:
    asked = {
        str(source.request(INVERSE, Window(START, START + SECOND), 0)) for source in sources("liquidations")
    }
    assert all(path.startswith("/api/v2/public/get_last_trades_by_instrument_and_time?") for path in asked)


# --- units ------------------------------------------------------------------------------------------------


def test_amounts_are_usd_for_inverse_and_base_for_linear_contracts_whatever_a_contract_holds() -> None:
    linear = trade(
        instrument_name="BTC_USDC-PERPETUAL", amount=0.5, contracts=5000.0, liquidation="T", direction="buy"
    )
    reading = VENUE.stream.read(pushed("trades.BTC_USDC-PERPETUAL.100ms", [linear]), KNOWN)
    for (row,) in (liquidations_of(reading), liquidations_of(read_trades(trade(liquidation="T")))):
        assert (row.quantity, row.notional) == (0.5, 30000.0)


def ticker(**changes: Any) -> dict[str, Any]:
    plain = {
        "timestamp": 1623059681955, "state": "open", "settlement_price": 36169.49, "open_interest": 502231260,
        "min_price": 35744.73, "max_price": 36833.4, "mark_price": 36288.31, "last_price": 36289.5,
        "interest_value": 1.7362511643080387, "instrument_name": "BTC-PERPETUAL", "index_price": 36297.02,
        "funding_8h": 2.203e-05, "estimated_delivery_price": 36297.02, "current_funding": 0.0001,
        "best_bid_price": 36289.5, "best_bid_amount": 4600, "best_ask_price": 36290, "best_ask_amount": 53040,
    }  # fmt: skip
    return plain | changes


def test_open_interest_is_usd_for_inverse_contracts_and_the_mark_price_turns_it_into_base() -> None:
    mark, interest = rows_of(VENUE.stream.read(pushed("ticker.BTC-PERPETUAL.100ms", ticker()), KNOWN))
    assert mark == MarkPrice(1623059681955, 36288.31, 36297.02, 0.0001, None)
    assert interest == OpenInterest(1623059681955, 502231260 / 36288.31, 502231260.0, "quote", 1, 36288.31)


def test_open_interest_of_linear_contracts_is_base_already() -> None:
    data = ticker(instrument_name="BTC_USDC-PERPETUAL", open_interest=1234.5)
    _, interest = rows_of(VENUE.stream.read(pushed("ticker.BTC_USDC-PERPETUAL.100ms", data), KNOWN))
    assert interest == OpenInterest(1623059681955, 1234.5, 1234.5, "base", 1, None)


def test_funding_of_a_ticker_is_the_one_of_the_moment_not_of_eight_hours_past() -> None:
    mark, _ = rows_of(VENUE.stream.read(pushed("ticker.BTC-PERPETUAL.100ms", ticker()), KNOWN))
    assert isinstance(mark, MarkPrice)
    assert mark.funding_rate == 0.0001


@pytest.mark.parametrize("instrument", [INVERSE, LINEAR])
def test_volume_of_bars_is_base_and_cost_quote_for_both_contracts(instrument: Instrument) -> None:
    result = {
        "status": "ok", "ticks": [1554373800000, 1554375600000], "volume": [3.5, 4.0], "cost": [19000, 23400],
        "open": [4963.42, 4986.29], "low": [4728.94, 4726.6], "high": [5185.45, 5250.87],
        "close": [5052.95, 5013.59],
    }  # fmt: skip
    window = Window(1554373800000, 1554375600000)
    assert sources("bars")[0].read(answered(result), instrument, window, 30 * MINUTE) == [
        Bar(1554373800000, 30 * MINUTE, 4963.42, 5185.45, 4728.94, 5052.95, 3.5, 19000.0, None, None)
    ]


# --- history ----------------------------------------------------------------------------------------------


def test_a_chart_without_data_is_empty_and_one_with_uneven_columns_is_refused() -> None:
    (bars,) = sources("bars")
    assert bars.read(answered({"status": "no_data"}), INVERSE, ALL, MINUTE) == []
    uneven = {"status": "ok", "ticks": [1554373800000], "open": [1.0], "high": [1.0], "low": [1.0]}
    for result in (uneven, {"status": "ok"}, {"status": "error", "ticks": []}):
        with pytest.raises(PayloadError, match="expected 'ok' and as many of each as ticks, or 'no_data'"):
            bars.read(answered(result), INVERSE, ALL, MINUTE)


def test_funding_is_what_accrued_in_the_hour_not_the_overlapping_eight() -> None:
    result = [
        {
            "timestamp": 1569891600000, "index_price": 8222.87, "prev_index_price": 8305.72,
            "interest_8h": -9.234260068476106e-05, "interest_1h": -4.739622041017375e-07,
        }
    ]  # fmt: skip
    assert sources("funding")[0].read(answered(result), INVERSE, ALL, 0) == [
        FundingRate(1569891600000, -4.739622041017375e-07, HOUR)
    ]


def test_the_hour_at_the_start_of_a_window_is_asked_for_because_the_venue_leaves_it_out() -> None:
    request = sources("funding")[0].request(INVERSE, Window(START, START + DAY), 0)
    assert dict(request.parameters) == {
        "instrument_name": "BTC-PERPETUAL",
        "start_timestamp": str(START - 1),
        "end_timestamp": str(START + DAY - 1),
    }


def test_a_part_of_a_window_does_not_pass_for_the_whole() -> None:
    payload = answered({"trades": [trade(liquidation="T")], "has_more": True})
    for source in sources("trades") + sources("liquidations"):
        with pytest.raises(WindowOverflowError, match="has_more is true, .* holds more"):
            list(source.read(payload, INVERSE, ALL, 0))


@pytest.mark.parametrize("table", ["trades", "liquidations"])
def test_as_many_trades_as_an_answer_holds_come_whole_and_one_more_is_noticed(table: str) -> None:
    rows = made_rows(table, 1001, interval=9, semantics=VENUE.semantics)
    market = ScriptedMarket(
        {"BTC-PERPETUAL": DIALECT.example(instrument_row())},
        {(table, "BTC-PERPETUAL", "all"): rows},
        now=START + DAY,
    )
    archive, recent = sources(table)
    for source, window in (
        (recent, Window(START, START + 9000)),
        (archive, Window(START, START + MINUTE)),
    ):
        assert window.length <= source.span(0)
        payload = DIALECT.answer(call(source.request(INVERSE, window, 0)), market)
        assert payload is not None
        found = [row.ts for row in source.read(payload, INVERSE, window, 0)]
        assert found == [row.ts for row in rows if row.ts < window.end]
    payload = DIALECT.answer(call(recent.request(INVERSE, Window(START, START + 9001), 0)), market)
    assert payload is not None
    with pytest.raises(WindowOverflowError, match="has_more"):
        list(recent.read(payload, INVERSE, Window(START, START + 9001), 0))


def test_old_trades_are_asked_for_at_the_archive_and_the_last_hours_at_the_venue() -> None:
    archive, recent = sources("liquidations")
    asked = [source.request(INVERSE, Window(START, START + SECOND), 0).host for source in (archive, recent)]
    assert asked == ["archive", "rest"]
    assert recent.depth is not None
    assert archive.depth is None
    assert archive.lag < recent.depth


def test_a_trade_of_another_instrument_is_refused() -> None:
    payload = answered({"trades": [trade(instrument_name="ETH-PERPETUAL")], "has_more": False})
    with pytest.raises(PayloadError, match="instrument_name is 'ETH-PERPETUAL'; expected 'BTC-PERPETUAL'"):
        list(sources("trades")[0].read(payload, INVERSE, ALL, 0))


# --- snapshots --------------------------------------------------------------------------------------------


def listed(*rows: dict[str, Any]) -> dict[str, InstrumentRow]:
    records = VENUE.snapshot("instruments").read(answered(list(rows)), {}, 7)
    return {record.symbol: record.row for record in records if isinstance(record.row, InstrumentRow)}


def perpetual(**changes: Any) -> dict[str, Any]:
    plain = {
        "instrument_name": "BTC_USDC-PERPETUAL", "kind": "future", "settlement_period": "perpetual",
        "instrument_type": "linear", "base_currency": "BTC", "quote_currency": "USDC",
        "settlement_currency": "USDC", "contract_size": 0.0001, "min_trade_amount": 0.0001, "tick_size": 1,
        "is_active": True, "state": "open", "creation_timestamp": 1646918400000, "max_leverage": 50,
    }  # fmt: skip
    return plain | changes


def test_linear_perpetuals_count_contracts_in_base() -> None:
    assert listed(perpetual()) == {
        "BTC_USDC-PERPETUAL": InstrumentRow(
            7, "BTC", "USDC", "USDC", "linear", 0.0001, 1.0, 1.0, "trading", 1646918400000, 50.0
        )
    }


def test_what_house_units_cannot_express_is_left_out() -> None:
    assert not listed(
        perpetual(settlement_period="month"),
        perpetual(kind="option"),
        perpetual(instrument_type="quanto"),
        perpetual(settlement_currency="BTC"),
        perpetual(instrument_type="reversed", settlement_currency="USDC"),
    )


def test_a_perpetual_that_is_not_traded_says_so_in_the_venues_words() -> None:
    assert listed(perpetual(state="locked"))["BTC_USDC-PERPETUAL"].status == "locked"
    assert listed(perpetual(is_active=False))["BTC_USDC-PERPETUAL"].status == "inactive"


def test_listing_instruments_costs_twenty_plain_requests() -> None:
    assert VENUE.snapshot("instruments").request(None).weight == 20


def test_only_two_coins_have_an_inverse_perpetual_and_it_is_their_main_one() -> None:
    assert [VENUE.symbol(coin) for coin in ("BTC", "ETH", "SOL")] == [
        "BTC-PERPETUAL", "ETH-PERPETUAL", "SOL_USDC-PERPETUAL",
    ]  # fmt: skip


@pytest.mark.parametrize("table", ["mark_prices", "open_interest"])
def test_a_ticker_tells_mark_price_and_open_interest_as_of_now(table: str) -> None:
    rows = made_rows(table, 3, semantics=VENUE.semantics)
    market = ScriptedMarket(
        {"BTC-PERPETUAL": DIALECT.example(instrument_row())},
        {(table, "BTC-PERPETUAL", "all"): rows},
        now=START + DAY,
    )
    source = VENUE.snapshot(table)
    payload = DIALECT.answer(call(source.request(INVERSE)), market)
    assert payload is not None
    ((symbol, row),) = source.read(payload, KNOWN, START + DAY)
    assert (symbol, row.ts) == ("BTC-PERPETUAL", rows[-1].ts)
    if isinstance(row, OpenInterest):
        assert row.open_interest == pytest.approx(rows[-1][1], rel=1e-12)
    else:
        assert row[1] == rows[-1][1]


# --- stream -----------------------------------------------------------------------------------------------


def test_trades_are_numbered_one_by_one_so_that_a_missing_one_shows() -> None:
    reading = read_trades(trade(trade_seq=9), trade(trade_seq=7))
    channel = "trades.BTC-PERPETUAL.100ms"
    assert reading.steps == [SequenceStep(channel, 7, 7), SequenceStep(channel, 9, 9)]


def test_a_grouped_book_is_whole_every_time_and_its_amounts_become_base() -> None:
    data = {
        "timestamp": 1554375447971, "instrument_name": "BTC-PERPETUAL", "change_id": 109615,
        "bids": [[50000.0, 25000.0]], "asks": [[50000.5, 100001.0]],
    }  # fmt: skip
    (book,) = VENUE.stream.read(pushed("book.BTC-PERPETUAL.none.20.100ms", data), KNOWN).books
    assert book.snapshot
    assert (book.bids, book.asks) == ([(50000.0, 0.5)], [(50000.5, 2.0)])


def change(**changes: Any) -> bytes:
    plain = {
        "type": "change", "timestamp": 1554373911330, "prev_change_id": 297217,
        "instrument_name": "BTC_USDC-PERPETUAL", "change_id": 297218,
        "bids": [["delete", 60041.75, 7.0], ["new", 60042.0, 3.0]], "asks": [["change", 60050.0, 5.0]],
    }  # fmt: skip
    data = {name: value for name, value in (plain | changes).items() if value != "absent"}
    return pushed("book.BTC_USDC-PERPETUAL.100ms", data)


def test_a_book_in_changes_names_the_change_before_and_a_deleted_level_is_gone() -> None:
    reading = VENUE.stream.read(change(), KNOWN)
    assert not reading.books[0].snapshot
    assert reading.books[0].bids == [(60041.75, 0.0), (60042.0, 3.0)]
    assert reading.steps == [SequenceStep("book.BTC_USDC-PERPETUAL.100ms", 297218, 297218, 297217)]


def test_a_snapshot_begins_anew_whatever_change_it_names_before() -> None:
    for frame in (change(type="snapshot"), change(type="absent", prev_change_id="absent")):
        reading = VENUE.stream.read(frame, KNOWN)
        assert reading.books[0].snapshot
        assert (reading.steps[0].previous, reading.steps[0].restart) == (None, True)


def test_a_change_that_names_none_before_is_refused() -> None:
    with pytest.raises(PayloadError, match="prev_change_id of a change is missing"):
        VENUE.stream.read(change(prev_change_id="absent"), KNOWN)


def test_bars_of_the_stream_are_left_alone_because_none_says_that_it_is_closed() -> None:
    data = {
        "tick": 1573645080000, "open": 8869.79, "high": 8870.31, "low": 8788.25, "close": 8791.25,
        "volume": 0.05219351, "cost": 460,
    }  # fmt: skip
    reading = VENUE.stream.read(pushed("chart.trades.BTC-PERPETUAL.1", data), KNOWN)
    assert reading == Reading(ignored="channel chart: bars, and nothing says when one is closed")


def test_a_test_request_is_answered_or_the_venue_hangs_up() -> None:
    asked = control_of(b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}')
    assert asked.kind == "ping"
    assert asked.reply is not None
    assert json.loads(asked.reply)["method"] == "public/test"
    (reply,) = DIALECT.heard(asked.reply).replies
    assert control_of(reply).kind == "pong"
    beat = control_of(b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}')
    assert (beat.kind, beat.reply) == ("info", None)


def test_heartbeats_are_asked_for_no_more_often_than_allowed() -> None:
    heartbeat, subscribe = (json.loads(message) for message in VENUE.stream.subscribe(["ticker.X.100ms"]))
    assert heartbeat["method"] == "public/set_heartbeat"
    assert heartbeat["params"]["interval"] >= 10
    assert subscribe["params"] == {"channels": ["ticker.X.100ms"]}


def test_channels_that_are_refused_are_missing_from_the_answer_without_a_word() -> None:
    part = control_of(b'{"jsonrpc":"2.0","id":1,"result":["trades.BTC-PERPETUAL.100ms"]}')
    assert (part.kind, part.channels) == ("subscribed", ("trades.BTC-PERPETUAL.100ms",))
    (reply,) = DIALECT.heard(VENUE.stream.subscribe(["nonsense.BTC-PERPETUAL"])[1]).replies
    assert control_of(reply).kind == "refused"


def test_an_error_refuses_the_subscription_unless_it_is_about_something_else() -> None:
    error = '"error":{"code":10028,"message":"too_many_requests"}'
    assert control_of(f'{{"jsonrpc":"2.0","id":1,{error}}}'.encode()).kind == "refused"
    assert control_of(f'{{"jsonrpc":"2.0",{error}}}'.encode()).kind == "refused"
    pinged = control_of(f'{{"jsonrpc":"2.0","id":3,{error}}}'.encode())
    assert (pinged.kind, pinged.detail) == ("info", "code 10028: too_many_requests")


def test_other_products_are_left_alone_and_unknown_perpetuals_refused() -> None:
    option = pushed("ticker.BTC-27DEC24-100000-C.100ms", {})
    assert VENUE.stream.read(option, KNOWN).ignored.startswith("another product")
    sol = trade(instrument_name="SOL_USDC-PERPETUAL")
    with pytest.raises(PayloadError, match=r"symbol is 'SOL_USDC-PERPETUAL', which was not asked for"):
        VENUE.stream.read(pushed("trades.SOL_USDC-PERPETUAL.100ms", [sol]), KNOWN)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"{}", "message has neither method nor result nor error"),
        (b'{"method":"subscribe","params":{}}', "method is 'subscribe'; expected subscription or heartbeat"),
        (pushed("trades.future.any.100ms", []), "channel is 'trades.future.any.100ms'"),
        (pushed("unheard.of", []), "channel is 'unheard.of'"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"trades":[]}}', "missing required field `version`"),
        (pushed("trades.BTC-PERPETUAL.100ms", [trade(price=0)]), "price is 0.0; expected a number above 0"),
        (pushed("trades.BTC-PERPETUAL.100ms", [trade(amount=-1)]), "amount is -1.0"),
        (pushed("trades.BTC-PERPETUAL.100ms", [trade(timestamp=1590484156)]), "timestamp is 1590484156"),
        (pushed("ticker.BTC-PERPETUAL.100ms", ticker(mark_price="NaN")), "mark_price is nan"),
    ],
)
def test_what_cannot_be_read_is_named(frame: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        VENUE.stream.read(frame, KNOWN)
    assert reason in str(caught.value)


def test_an_empty_batch_of_trades_is_nothing_to_keep() -> None:
    assert read_trades().ignored == "no trades"


@pytest.mark.parametrize("table", ["trades", "liquidations", "open_interest"])
def test_what_is_pushed_of_a_linear_perpetual_is_read_in_base_too(table: str) -> None:
    described = instrument_row(quote="USDC", contract_size=0.0001)
    rows = made_rows(table, 2, semantics=VENUE.semantics)
    frames = DIALECT.frames(table, "BTC_USDC-PERPETUAL", rows, described)
    found = [
        record.row
        for _, frame in frames
        for record in VENUE.stream.read(frame, KNOWN).records
        if type(record.row) is type(rows[0])
    ]
    column = "open_interest" if table == "open_interest" else "quantity"
    assert [getattr(row, column) for row in found] == [getattr(row, column) for row in rows]


def test_a_book_of_a_linear_perpetual_is_in_base_already() -> None:
    rows = made_book()
    described = instrument_row(quote="USDC", contract_size=0.0001)
    ((_, frame),) = DIALECT.frames("depth_levels", "BTC_USDC-PERPETUAL", rows, described)
    (book,) = VENUE.stream.read(frame, KNOWN).books
    assert [*book.bids, *book.asks] == [(row.price, row.quantity) for row in rows]


# --- refusals ---------------------------------------------------------------------------------------------


def test_errors_are_understood() -> None:
    def kind(code: int, **data: str) -> str:
        body = json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": "x", "data": data}})
        refusal = VENUE.refusal(body.encode())
        return refusal.kind if refusal else ""

    assert kind(10028) == kind(10066) == "limited"
    assert kind(11051) == kind(13888) == kind(10041) == "unavailable"
    assert kind(13020) == kind(-32602, param="instrument_name", reason="wrong format") == "unknown"
    assert kind(-32602, param="resolution", reason="wrong format") == kind(11050) == "invalid"
    assert VENUE.refusal(answered([])) is VENUE.refusal(b"<html>502</html>") is None


def test_an_error_inside_an_answer_is_no_result() -> None:
    payload = b'{"jsonrpc":"2.0","error":{"code":13020,"message":"not_found"}}'
    with pytest.raises(PayloadError, match="funding rate history: found error code 13020: not_found"):
        sources("funding")[0].read(payload, INVERSE, ALL, 0)


# --- recorded ---------------------------------------------------------------------------------------------


def test_every_recorded_message_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    assert outcomes(VENUE, messages(shared, "deribit.jsonl"), KNOWN) == {
        "Trade": 4,
        "Liquidation": 2,
        "MarkPrice": 2,
        "OpenInterest": 2,
        "book": 3,
        "channel quote": 1,
        "another product": 9,
    }


def test_recorded_liquidations_of_march_2020_are_longs_both(shared: Path) -> None:
    frames = [frame for frame in messages(shared, "deribit.jsonl") if b'"liquidation"' in frame]
    found = [row for frame in frames for row in liquidations_of(VENUE.stream.read(frame, KNOWN))]
    assert [(row.position_side, row.price, row.notional) for row in found] == [
        ("long", 4469.5, 1120.0),  # the taker sold
        ("long", 4458.5, 2500.0),  # the taker bought from a maker
    ]


def test_recorded_frames_are_read(shared: Path) -> None:
    def read(name: str) -> Reading:
        return VENUE.stream.read(sample(shared, "deribit", name), KNOWN)

    assert rows_of(read("ws_ticker.json")) == [
        MarkPrice(1765541474086, 92281.78, 92263.55, 0.0, None),
        OpenInterest(1765541474086, 1132329370 / 92281.78, 1132329370.0, "quote", 1, 92281.78),
    ]
    assert [step.last for step in read("ws_trades.json").steps] == [271252854, 271252855]
    assert len(read("ws_book_grouped_snapshot.json").books[0].bids) == 10
    snapshot, delta = read("ws_book_snapshot.json"), read("ws_book_delta.json")
    assert (snapshot.books[0].snapshot, snapshot.steps[0].restart) == (True, True)
    assert delta.steps[0].previous == snapshot.steps[0].last
    assert delta.books[0].asks[0] == (42501.0, 0.0)
    assert control_of(sample(shared, "deribit", "ws_test_request.json")).kind == "ping"
    assert control_of(sample(shared, "deribit", "http_test.json")).kind == "pong"
    assert control_of(sample(shared, "deribit", "ws_error.json")).kind == "refused"
    assert control_of(sample(shared, "deribit", "ws_subscribe_response.json")).channels == (
        "trades.BTC-PERPETUAL.100ms",
        "book.BTC-PERPETUAL.100ms",
    )
    for name in ("ws_chart.json", "ws_quote.json", "ws_volatility_index.json", "ws_trades_option_combo.json"):
        assert read(name).ignored


def test_recorded_answers_are_read(shared: Path) -> None:
    def answer(name: str) -> bytes:
        return sample(shared, "deribit", name)

    described = {
        record.symbol: record.row
        for record in VENUE.snapshot("instruments").read(answer("http_get_instruments.json"), {}, 7)
    }
    assert described == {
        "BTC-PERPETUAL": InstrumentRow(
            7, "BTC", "USD", "BTC", "inverse", 10.0, 0.5, 1.0, "trading", 1534167754000, 50.0
        )
    }
    for name in ("http_get_instruments_future_combo.json", "http_get_instruments_option_combo.json"):
        assert not VENUE.snapshot("instruments").read(answer(name), {}, 7)
    bars = sources("bars")[0].read(answer("http_get_tradingview_chart_data.json"), INVERSE, ALL, MINUTE)
    assert [row[:2] for row in bars] == [(1766483460000 + n * MINUTE, MINUTE) for n in range(5)]
    first = next(iter(bars))
    assert isinstance(first, Bar)
    assert first.turnover is not None
    assert first.turnover / first.volume == pytest.approx(first.close, rel=1e-3)
    archive, _ = sources("trades")
    trades = list(
        archive.read(answer("http_get_last_trades_perpetual_with_combo_tags.json"), INVERSE, ALL, 0)
    )
    assert len(trades) == 7
    assert trades[0] == Trade(1779107382051, "244343036", 77315.5, 20 / 77315.5, "buy")
    with pytest.raises(WindowOverflowError, match="has_more"):
        list(archive.read(answer("http_get_last_trades.json"), ETHER, ALL, 0))
    with pytest.raises(PayloadError, match="expected 'BTC-PERPETUAL'"):
        list(archive.read(answer("http_get_last_trades_historical_combo.json"), INVERSE, ALL, 0))
