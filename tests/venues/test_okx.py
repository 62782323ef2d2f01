"""Where OKX misleads, one test per trap; payloads are recorded or follow the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.okx import DIALECT
from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    Liquidation,
    LongShortRatio,
    MarkBar,
    MarketRow,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource
from powderkeg.venues.listening import Control, Reading, SequenceStep
from powderkeg.venues.okx import VENUE
from venues.made_rows import instrument_row
from venues.recorded import messages, outcomes, sample

LINEAR = Instrument("okx", "BTC-USDT-SWAP", "BTC", "USDT", contract_size=0.01)
INVERSE = Instrument("okx", "BTC-USD-SWAP", "BTC", "USD", "inverse", 100.0)
UNIFIED = Instrument("okx", "BTC-USD_UM-SWAP", "BTC", "USD", contract_size=0.001)
KNOWN = {
    "BTC-USDT-SWAP": LINEAR,
    "BTC-USD-SWAP": INVERSE,
    "WNCG-USDT-SWAP": Instrument("okx", "WNCG-USDT-SWAP", "WNCG", "USDT"),
    "XRP-USD-230929": Instrument("okx", "XRP-USD-230929", "XRP", "USD", "inverse", 10.0),
}
ALL = Window(1_000_000_000_000, 3_000_000_000_000)
# 2026-01-01 and 2026-08-01: bkPx was the bankruptcy price on one, and is the mark price on the other.
BANKRUPTCY_DAY, MARK_DAY = 1_767_225_600_000, 1_785_542_400_000
DETAIL = {
    "bkLoss": "0", "bkPx": "50000", "ccy": "", "posSide": "net", "side": "sell", "sz": "3",
    "ts": str(BANKRUPTCY_DAY),
}  # fmt: skip
TIER = {
    "instFamily": "BTC-USDT", "instId": "", "uly": "BTC-USDT", "tier": "1", "minSz": "0", "maxSz": "500",
    "mmr": "0.004", "imr": "0.01", "maxLever": "100", "baseMaxLoan": "", "quoteMaxLoan": "",
}  # fmt: skip
NEXT_TIER = TIER | {"tier": "2", "minSz": "501", "maxSz": "2000", "mmr": "0.006", "maxLever": "75"}


def answer(*data: Any) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": data}).encode()


def pushed(channel: str, *data: Any, of: dict[str, str] | None = None) -> bytes:
    argument = {"channel": channel, **(of or {"instId": "BTC-USDT-SWAP"})}
    return json.dumps({"arg": argument, "data": data}).encode()


def liquidated(*details: dict[str, str], symbol: str = "BTC-USDT-SWAP") -> bytes:
    told = {"details": details, "instFamily": "BTC-USDT", "instId": symbol, "instType": "SWAP"}
    return pushed("liquidation-orders", told, of={"instType": "SWAP"})


def rows_of(frame: bytes) -> list[Any]:
    reading: Reading = VENUE.stream.read(frame, KNOWN)
    assert not reading.ignored
    assert reading.control is None
    return [record.row for record in reading.records]


def control_of(frame: bytes) -> Control:
    control = VENUE.stream.read(frame, KNOWN).control
    assert control is not None
    return control


def history(table: str, interval: int = 0, population: str = "") -> HistorySource:
    (found,) = (
        source
        for source in VENUE.history
        if (source.table, source.population) == (table, population) and interval in source.intervals
    )
    return found


def snapshot_rows(table: str, payload: bytes, now: int = 7) -> dict[str, Any]:
    return {record.symbol: record.row for record in VENUE.snapshot(table).read(payload, KNOWN, now)}


# Liquidations


@pytest.mark.parametrize(("side", "closed"), [("sell", "long"), ("buy", "short")])
@pytest.mark.parametrize("names_position", [True, False])
def test_the_side_is_the_order_and_an_account_in_net_mode_does_not_name_its_position(
    side: str, closed: str, names_position: bool
) -> None:
    detail = DETAIL | {"side": side, "posSide": closed if names_position else "net"}
    (row,) = rows_of(liquidated(detail))
    assert row == (BANKRUPTCY_DAY, closed, 50000.0, "bankruptcy", 0.03, 1500.0, None, "", 0)
    assert isinstance(row, Liquidation)


@pytest.mark.parametrize("wrong", [{"side": "buy", "posSide": "long"}, {"side": "long"}, {"posSide": ""}])
def test_an_order_that_opens_the_position_it_names_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(PayloadError, match=r"[sS]ide is '"):
        VENUE.stream.read(liquidated(DETAIL | wrong), KNOWN)


def test_sizes_are_contracts_of_coin_in_linear_and_of_dollars_in_inverse_swaps() -> None:
    (linear,) = rows_of(liquidated(DETAIL))
    assert (linear.quantity, linear.notional) == (0.03, 1500.0)
    (inverse,) = rows_of(liquidated(DETAIL, symbol="BTC-USD-SWAP"))
    assert (inverse.quantity, inverse.notional) == (pytest.approx(300 / 50000), pytest.approx(300.0))


def test_what_the_price_of_a_liquidation_is_changed_in_2026() -> None:
    before, after = rows_of(liquidated(DETAIL, DETAIL | {"ts": str(MARK_DAY)}))
    assert (before.price_meaning, after.price_meaning) == ("bankruptcy", "mark")


def test_several_liquidations_under_one_contract_are_all_kept_and_two_equal_ones_are_two() -> None:
    earlier = DETAIL | {"ts": str(BANKRUPTCY_DAY - 1000), "sz": "7"}
    rows = rows_of(liquidated(DETAIL, DETAIL, earlier))
    assert [(row.ts - BANKRUPTCY_DAY, row.quantity, row.occurrence) for row in rows] == [
        (0, 0.03, 0),
        (0, 0.03, 1),
        (-1000, pytest.approx(0.07), 0),
    ]


def test_all_contracts_come_on_one_channel_and_those_not_asked_for_are_left_alone() -> None:
    reading = VENUE.stream.read(liquidated(DETAIL, symbol="PEPE-USDT-SWAP"), KNOWN)
    assert reading.ignored == "liquidations of contracts that were not asked for"
    assert not reading.records
    both = pushed(
        "liquidation-orders",
        {"instId": "PEPE-USDT-SWAP", "details": [DETAIL]},
        {"instId": "BTC-USDT-SWAP", "details": [DETAIL]},
        of={"instType": "SWAP"},
    )
    assert [record.symbol for record in VENUE.stream.read(both, KNOWN).records] == ["BTC-USDT-SWAP"]
    feed = next(feed for feed in VENUE.stream.feeds if feed.tables == ("liquidations",))
    assert feed.every_symbol
    assert feed.channel("BTC-USDT-SWAP") == feed.channel("") == "liquidation-orders:SWAP"


def test_a_full_page_of_past_liquidations_may_hide_others_and_is_refused() -> None:
    def page(details: int) -> bytes:
        return answer({"instId": "BTC-USDT-SWAP", "instFamily": "BTC-USDT", "details": [DETAIL] * details})

    source = history("liquidations")
    window = Window(BANKRUPTCY_DAY, BANKRUPTCY_DAY + MINUTE)
    assert len(list(source.read(page(99), LINEAR, window, 0))) == 99
    with pytest.raises(WindowOverflowError, match=r"100 in .*, a full page"):
        source.read(page(100), LINEAR, window, 0)


def test_past_liquidations_are_asked_by_family_and_their_bounds_are_left_out() -> None:
    query = dict(history("liquidations").request(LINEAR, Window(1_000, 61_000), 0).parameters)
    assert query == {
        "instType": "SWAP",
        "instFamily": "BTC-USDT",
        "state": "filled",
        "before": "999",
        "after": "61000",
        "limit": "100",
    }


def test_a_family_may_hold_other_contracts_of_the_same_coin() -> None:
    source = history("liquidations")
    listed = [{"instId": symbol, "details": [DETAIL]} for symbol in ("BTC-USDT-SWAP", "BTC-USDT-270326")]
    assert len(list(source.read(answer(*listed), LINEAR, ALL, 0))) == 1
    assert dict(source.request(UNIFIED, ALL, 0).parameters)["instFamily"] == "BTC-USD_UM"


# History


def test_days_are_those_of_utc_and_not_of_hong_kong() -> None:
    asked = {
        (source.table, interval): dict(source.request(LINEAR, Window(DAY, 2 * DAY), interval).parameters)
        for source in VENUE.history
        for interval in source.intervals
        if interval >= 6 * HOUR
    }
    codes = {query.get("bar") or query["period"] for query in asked.values()}
    assert codes == {"6Hutc", "12Hutc", "1Dutc"}


def test_bounds_are_left_out_of_the_answer_and_pages_are_of_different_lengths() -> None:
    asked = dict(history("bars", MINUTE).request(LINEAR, Window(60_000, 240_000), MINUTE).parameters)
    assert asked == {
        "instId": "BTC-USDT-SWAP", "bar": "1m", "before": "59999", "after": "239999", "limit": "300",
    }  # fmt: skip
    marks = dict(history("mark_bars", HOUR).request(LINEAR, Window(0, HOUR), HOUR).parameters)
    assert (marks["bar"], marks["limit"]) == ("1H", "100")
    funding = dict(history("funding").request(LINEAR, Window(0, HOUR), 0).parameters)
    # Settlements lie on no grid that is known, so the bounds are told apart to the millisecond.
    assert funding == {"instId": "BTC-USDT-SWAP", "before": "-1", "after": "3600000", "limit": "400"}
    assert history("bars", MINUTE).span(MINUTE) == 300 * MINUTE
    assert history("mark_bars", MINUTE).span(MINUTE) == 100 * MINUTE


def test_volume_of_bars_is_coin_and_not_contracts() -> None:
    # 1,000 contracts: 10 BTC in linear, 100,000 USD in inverse.
    linear = [str(BANKRUPTCY_DAY), "50000", "50000", "50000", "50000", "1000", "10", "500000", "1"]
    inverse = [str(BANKRUPTCY_DAY), "50000", "50000", "50000", "50000", "1000", "2", "100000", "1"]
    source = history("bars", MINUTE)
    (row,) = source.read(answer(linear), LINEAR, ALL, MINUTE)
    assert isinstance(row, Bar)
    assert (row.volume, row.turnover) == (10.0, 500000.0)
    (row,) = source.read(answer(inverse), INVERSE, ALL, MINUTE)
    assert isinstance(row, Bar)
    assert (row.volume, row.turnover) == (2.0, 100000.0)


@pytest.mark.parametrize("table", ["bars", "mark_bars"])
def test_an_open_bar_in_a_window_of_the_past_is_not_passed_over(table: str) -> None:
    prices = [str(BANKRUPTCY_DAY), "50000", "50000", "50000", "50000"]
    volumes = ["1", "1", "1"] if table == "bars" else []
    with pytest.raises(PayloadError, match="confirm is 0"):
        list(history(table, MINUTE).read(answer([*prices, *volumes, "0"]), LINEAR, ALL, MINUTE))
    # Beyond the window it says nothing about it.
    before = Window(BANKRUPTCY_DAY - MINUTE, BANKRUPTCY_DAY)
    assert not list(history(table, MINUTE).read(answer([*prices, *volumes, "0"]), LINEAR, before, MINUTE))


def test_mark_bars_are_read_without_volumes() -> None:
    payload = answer([str(BANKRUPTCY_DAY), "10", "12", "9", "11", "1"])
    assert list(history("mark_bars", HOUR).read(payload, LINEAR, ALL, HOUR)) == [
        MarkBar(BANKRUPTCY_DAY, HOUR, 10.0, 12.0, 9.0, 11.0)
    ]


def test_funding_that_was_paid_is_not_the_rate_that_was_forecast() -> None:
    paid = {"fundingRate": "0.0003", "realizedRate": "0.0001", "fundingTime": str(BANKRUPTCY_DAY)}
    assert list(history("funding").read(answer(paid), LINEAR, ALL, 0)) == [
        FundingRate(BANKRUPTCY_DAY, 0.0001, None)
    ]


def test_taker_volume_states_what_was_sold_first_and_is_asked_for_in_coin() -> None:
    source = history("taker_volume", HOUR)
    assert list(source.read(answer([str(BANKRUPTCY_DAY), "200", "380"]), LINEAR, ALL, HOUR)) == [
        TakerVolume(BANKRUPTCY_DAY, HOUR, 380.0, 200.0, "base")
    ]
    request = source.request(LINEAR, Window(HOUR, 3 * HOUR), HOUR)
    assert request.path == "/api/v5/rubik/stat/taker-volume-contract"
    assert dict(request.parameters) == {
        "instId": "BTC-USDT-SWAP", "period": "1H", "begin": "3599999", "end": "10799999", "limit": "100",
        "unit": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("population", "path"),
    [
        ("accounts", "long-short-account-ratio-contract"),
        ("top_accounts", "long-short-account-ratio-contract-top-trader"),
        ("top_positions", "long-short-position-ratio-contract-top-trader"),
    ],
)
def test_ratios_are_longs_per_short_and_each_population_has_its_path(population: str, path: str) -> None:
    source = history("long_short_ratios", HOUR, population)
    assert list(source.read(answer([str(BANKRUPTCY_DAY), "3"]), LINEAR, ALL, HOUR)) == [
        LongShortRatio(BANKRUPTCY_DAY, HOUR, population, 0.75, 0.25)
    ]
    assert source.request(LINEAR, ALL, HOUR).path == f"/api/v5/rubik/stat/contracts/{path}"


def test_how_far_statistics_reach_back_depends_on_their_period() -> None:
    reach = {
        period: history("open_interest", period).depth for period in (5 * MINUTE, 15 * MINUTE, HOUR, DAY)
    }
    # The latest 1,440 of each, the newest of which is not over.
    assert reach == {period: 1439 * period for period in reach}


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
def test_open_interest_is_contracts_beside_coin(instrument: Instrument) -> None:
    payload = answer([str(BANKRUPTCY_DAY), "3000000", "30000", "1500000000"])
    assert list(history("open_interest", HOUR).read(payload, instrument, ALL, HOUR)) == [
        OpenInterest(BANKRUPTCY_DAY, 30000.0, 3000000.0, "contracts", 1, None)
    ]


def test_statistics_per_currency_are_stamped_with_the_end_of_their_period(shared: Path) -> None:
    """They add up all contracts of a coin besides; only those per contract are asked for."""
    folder = shared / "data" / "okx-sol-swap-2026-06"
    taken = pl.read_parquet(folder / "taker_volume.parquet")
    hourly = (
        pl.read_parquet(folder / "ohlcv_1m.parquet")
        .with_columns(hour=pl.col("ts_ms") // HOUR * HOUR)
        .group_by("hour")
        # volume in contracts of one SOL
        .agg(turnover=(pl.col("volume") * pl.col("close")).sum(), minutes=pl.len())
        .filter(pl.col("minutes") == 60)
    )

    def agreement(shift: int) -> tuple[float, float]:
        both = hourly.with_columns(ts_ms=pl.col("hour") + shift).join(taken, on="ts_ms")
        told = pl.col("sellVol") + pl.col("buyVol")
        turnover = pl.col("turnover")
        found = both.select(agreeing=pl.corr(turnover, told), share=told.sum() / turnover.sum())
        return float(found["agreeing"].item()), float(found["share"].item())

    at_end, share = agreement(HOUR)
    assert at_end > 0.999
    assert agreement(0)[0] < 0.9
    assert 1.005 < share < 1.05  # of the one contract's turnover: others are in it
    paths = {source.request(LINEAR, ALL, HOUR).path for source in VENUE.history if HOUR in source.intervals}
    assert not paths & {
        "/api/v5/rubik/stat/taker-volume",
        "/api/v5/rubik/stat/contracts/open-interest-volume",
        "/api/v5/rubik/stat/contracts/long-short-account-ratio",
    }


# As of now


def instrument_answer(**changes: str) -> bytes:
    listed = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "instFamily": "BTC-USDT", "uly": "BTC-USDT",
        "settleCcy": "USDT", "ctType": "linear", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
        "tickSz": "0.1", "lotSz": "0.01", "lever": "100", "listTime": "1573557408000", "state": "live",
    }  # fmt: skip
    return answer(listed | changes)


def test_a_contract_holds_its_value_times_its_multiplier() -> None:
    (row,) = snapshot_rows("instruments", instrument_answer(ctMult="10")).values()
    assert row == InstrumentRow(
        7, "BTC", "USDT", "USDT", "linear", 0.1, 0.1, 0.01, "trading", 1573557408000, 100.0
    )


def test_a_contract_in_dollars_that_is_settled_in_dollars_takes_its_coin_from_the_underlying() -> None:
    listed = instrument_answer(
        instId="BTC-USD_UM-SWAP", instFamily="BTC-USD_UM", uly="BTC-USD", settleCcy="USD", ctVal="0.001"
    )
    ((symbol, row),) = snapshot_rows("instruments", listed).items()
    assert symbol == "BTC-USD_UM-SWAP"
    assert (row.base, row.quote, row.contract, row.contract_size) == ("BTC", "USD", "linear", 0.001)


@pytest.mark.parametrize(
    "change",
    [
        {"ctVal": "", "ctMult": "", "tickSz": "", "lotSz": "", "state": "preopen"},  # announced
        {"instType": "FUTURES"},
        {"ctType": ""},
        {"ctValCcy": "USDT"},  # linear, but counted in quote
        {"ctType": "inverse", "ctValCcy": "BTC"},
    ],
)
def test_what_is_only_announced_or_has_no_house_units_is_left_out(change: dict[str, str]) -> None:
    assert not snapshot_rows("instruments", instrument_answer(**change))


def test_a_suspended_contract_is_not_trading() -> None:
    (row,) = snapshot_rows("instruments", instrument_answer(state="suspend", lever="", listTime="")).values()
    assert (row.status, row.maximum_leverage, row.listed_ts) == ("suspend", None, None)


def test_tiers_are_counted_in_contracts_and_the_next_begins_one_contract_higher() -> None:
    records = VENUE.snapshot("leverage_tiers").read(answer(NEXT_TIER, TIER), KNOWN, 7)
    assert [record.row for record in records] == [
        # In BTC: in USDT a floor would move with the price.
        LeverageTierRow(7, 1, 0.0, 5.0, 0.004, 0.0, 100.0, "base", "whole"),
        LeverageTierRow(7, 2, 5.0, 20.0, 0.006, 0.0, 75.0, "base", "whole"),
    ]
    inverse = {"instFamily": "BTC-USD"}
    records = VENUE.snapshot("leverage_tiers").read(answer(TIER | inverse), KNOWN, 7)
    (row,) = (record.row for record in records)
    assert isinstance(row, LeverageTierRow)
    assert (row.notional_cap, row.unit) == (50_000.0, "quote")


@pytest.mark.parametrize(
    ("instrument", "unit", "told", "kept"),
    [
        (LINEAR, "base", 5.0, 5.0),
        (LINEAR, "quote", 312_500.0, 5.0),
        (INVERSE, "quote", 50_000.0, 50_000.0),
        (INVERSE, "base", 0.8, 50_000.0),
    ],
)
def test_the_fake_venue_tells_tiers_of_either_unit_in_contracts(
    instrument: Instrument, unit: str, told: float, kept: float
) -> None:
    row = instrument_row(
        quote=instrument.quote, contract=instrument.contract, contract_size=instrument.contract_size
    )
    tiers = [
        LeverageTierRow(7, 1, 0.0, told, 0.004, 0.0, 100.0, unit),
        LeverageTierRow(7, 2, told, 4 * told, 0.006, 0.0, 75.0, unit),
    ]
    mark = MarkPrice(7, 62_500.0, None, None, None)
    series: dict[Series, Sequence[MarketRow]] = {
        ("leverage_tiers", instrument.symbol, "all"): tiers,
        ("mark_prices", instrument.symbol, "all"): [mark],
    }
    source = VENUE.snapshot("leverage_tiers")
    request = source.request(instrument)
    market = ScriptedMarket({instrument.symbol: row}, series, now=9)
    payload = DIALECT.answer(Call(request.path, dict(request.parameters), b""), market)
    assert payload is not None
    found = [record.row for record in source.read(payload, KNOWN, 9)]
    held = "base" if instrument.contract == "linear" else "quote"
    caps = [(one.notional_cap, one.unit) for one in found if isinstance(one, LeverageTierRow)]
    assert [unit for _, unit in caps] == [held, held]
    assert [cap for cap, _ in caps] == pytest.approx([kept, 4 * kept])


@pytest.mark.parametrize("wrong", [{"minSz": "600"}, {"minSz": "400"}, {"tier": "3"}, {"maxSz": "500"}])
def test_tiers_with_a_hole_between_them_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(PayloadError, match=r"expected tier 2 to begin where the last ends"):
        list(VENUE.snapshot("leverage_tiers").read(answer(TIER, NEXT_TIER | wrong), KNOWN, 7))


def test_open_interest_and_mark_prices_of_all_swaps_come_in_one_answer() -> None:
    ts = str(BANKRUPTCY_DAY)
    told = {"instId": "BTC-USD-SWAP", "oi": "1000", "oiCcy": "2", "oiUsd": "100000", "ts": ts}
    assert snapshot_rows("open_interest", answer(told)) == {
        "BTC-USD-SWAP": OpenInterest(BANKRUPTCY_DAY, 2.0, 1000.0, "contracts", 1, None)
    }
    marked = {"instType": "SWAP", "instId": "BTC-USD-SWAP", "markPx": "50000", "ts": ts}
    assert snapshot_rows("mark_prices", answer(marked)) == {
        "BTC-USD-SWAP": MarkPrice(BANKRUPTCY_DAY, 50000.0, None, None, None)
    }


def test_the_security_fund_is_a_total_in_dollars_as_of_its_newest_change() -> None:
    change = {"amt": "1.5", "ccy": "USDT", "type": "bankruptcy_loss", "balance": "900"}
    fund = {
        "instFamily": "BTC-USDT", "instType": "SWAP", "total": "1000",
        "details": [change | {"ts": str(BANKRUPTCY_DAY - DAY)}, change | {"ts": str(BANKRUPTCY_DAY)}],
    }  # fmt: skip
    assert snapshot_rows("insurance_funds", answer(fund)) == {
        "BTC-USDT": InsuranceFund(BANKRUPTCY_DAY, "USD", 1000.0)
    }
    quiet = snapshot_rows("insurance_funds", answer(fund | {"details": []}), now=MARK_DAY)
    assert quiet == {"BTC-USDT": InsuranceFund(MARK_DAY, "USD", 1000.0)}


# Refusals


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("50011", "Too Many Requests", "limited"),  # with HTTP 429, and inside an HTTP 200
        ("50061", "Sub-account rate limit exceeded", "limited"),
        ("51001", "Instrument ID does not exist", "unknown"),
        ("51000", "Parameter instFamily error", "unknown"),
        ("51000", "Parameter bar error", "invalid"),
        ("50014", "Parameter limit can not be empty", "invalid"),
        ("50001", "Service temporarily unavailable. Try again later", "unavailable"),
        ("50013", "Systems are busy. Please try again later.", "unavailable"),
    ],
)
def test_a_refusal_inside_http_200_is_understood(code: str, words: str, kind: str) -> None:
    body = json.dumps({"code": code, "msg": words, "data": []}).encode()
    refusal = VENUE.refusal(body)
    assert refusal is not None
    assert (refusal.kind, refusal.detail) == (kind, f"code {code}: {words}")
    with pytest.raises(PayloadError, match=f"found code {code}"):
        history("bars", MINUTE).read(body, LINEAR, ALL, MINUTE)


def test_what_is_no_refusal_of_okx_is_none() -> None:
    assert VENUE.refusal(answer()) is None
    assert VENUE.refusal(b"<html>502</html>") is None


# The connection


def test_the_heartbeat_is_plain_text() -> None:
    assert VENUE.stream.ping == b"ping"
    assert VENUE.stream.ping_interval < 30_000
    assert control_of(b"pong") == Control("pong")


def test_one_channel_of_all_swaps_is_narrowed_by_type_and_others_by_instrument() -> None:
    (request,) = VENUE.stream.subscribe(["trades:BTC-USDT-SWAP", "liquidation-orders:SWAP"])
    assert json.loads(request) == {
        "op": "subscribe",
        "args": [
            {"channel": "trades", "instId": "BTC-USDT-SWAP"},
            {"channel": "liquidation-orders", "instType": "SWAP"},
        ],
    }
    many = VENUE.stream.subscribe([f"trades:C{number}-USDT-SWAP" for number in range(450)])
    assert [len(json.loads(request)["args"]) for request in many] == [200, 200, 50]
    assert all(len(request) < 64_000 for request in many)


@pytest.mark.parametrize(
    ("argument", "channel"),
    [
        ('{"channel":"trades","instId":"BTC-USDT-SWAP"}', "trades:BTC-USDT-SWAP"),
        ('{"channel":"liquidation-orders","instType":"SWAP"}', "liquidation-orders:SWAP"),
        ('{"instId":"BTC-USDT-SWAP","channel":"books5"}', "books5:BTC-USDT-SWAP"),
        ('{"instId":"BTC-USDT-SWAP"}', ""),
    ],
)
def test_an_acknowledgement_and_its_messages_name_the_channel_as_it_was_asked_for(
    argument: str, channel: str
) -> None:
    frame = f'{{"event":"subscribe","arg":{argument},"connId":"a4d3ae55"}}'.encode()
    assert VENUE.stream.channel_of(frame) == channel
    if channel:
        assert control_of(frame) == Control("subscribed", channels=(channel,))


@pytest.mark.parametrize(
    ("code", "words", "channels"),
    [
        (
            "60018",
            "Wrong URL or channel:trades,instId:BTC-USDTX-SWAP doesn't exist. Please use the correct URL, "
            "channel and parameters referring to API document.",
            ("trades:BTC-USDTX-SWAP",),
        ),
        (
            "60012",
            'Invalid request: {"op": "subscribe", "args":[{ "channel" : "trades", "instId" : "X-SWAP"}]}',
            ("trades:X-SWAP",),
        ),
        ("60014", "Requests too frequent", ()),
    ],
)
def test_a_refused_subscription_is_named_in_words_only(
    code: str, words: str, channels: tuple[str, ...]
) -> None:
    frame = json.dumps({"event": "error", "code": code, "msg": words, "connId": "a4d3ae55"}).encode()
    assert control_of(frame) == Control("refused", f"code {code}: {words}", channels)


def test_other_events_are_told_apart() -> None:
    notice = control_of(b'{"event":"notice","code":"64008","msg":"The connection will soon be closed"}')
    assert notice == Control("info", "The connection will soon be closed")
    counted = control_of(b'{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"a"}')
    assert counted.kind == "info"
    crowded = b'{"event":"channel-conn-count-error","channel":"orders","connCount":"30","connId":"a"}'
    assert control_of(crowded).kind == "refused"
    with pytest.raises(PayloadError, match="event is 'opened'"):
        VENUE.stream.read(b'{"event":"opened"}', KNOWN)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b'{"arg":{"channel":"liquidation-warning"},"data":[]}', "channel is 'liquidation-warning'"),
        (b'{"data":[]}', "neither arg nor event"),
        (b"ping", "message"),
        (b"[1]", "message"),
    ],
)
def test_what_is_not_known_is_not_passed_over(frame: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        VENUE.stream.read(frame, KNOWN)


# What streams say


def test_a_trade_may_be_several_fills_of_which_it_has_the_last_number() -> None:
    trade = {
        "instId": "BTC-USDT-SWAP", "tradeId": "130639474", "px": "42219.9", "sz": "12.5", "side": "buy",
        "ts": str(BANKRUPTCY_DAY), "count": "3", "source": "0", "seqId": 1234,
    }  # fmt: skip
    reading = VENUE.stream.read(pushed("trades", trade), KNOWN)
    assert [record.row for record in reading.records] == [
        Trade(BANKRUPTCY_DAY, "130639474", 42219.9, 0.125, "buy")
    ]
    assert list(reading.steps) == [SequenceStep("trades:BTC-USDT-SWAP", 130639472, 130639474)]


@pytest.mark.parametrize("wrong", [{"side": "Buy"}, {"count": "0"}, {"sz": "NaN"}, {"px": "0"}, {"ts": "1"}])
def test_a_trade_with_a_wrong_field_is_refused(wrong: dict[str, str]) -> None:
    trade = {
        "instId": "BTC-USDT-SWAP", "tradeId": "9", "px": "1", "sz": "1", "side": "buy",
        "ts": str(BANKRUPTCY_DAY), "count": "1",
    }  # fmt: skip
    with pytest.raises(PayloadError, match=next(iter(wrong))):
        VENUE.stream.read(pushed("trades", trade | wrong), KNOWN)


def test_a_book_is_whole_in_contracts_and_its_numbers_may_skip() -> None:
    book = {
        "asks": [["50010", "100", "0", "2"]], "bids": [["50000", "250", "0", "4"], ["49990", "1", "0", "1"]],
        "instId": "BTC-USDT-SWAP", "ts": str(BANKRUPTCY_DAY), "seqId": 363996337,
    }  # fmt: skip
    reading = VENUE.stream.read(pushed("books5", book), KNOWN)
    (change,) = reading.books
    assert change.snapshot
    assert change.asks == [(50010.0, 1.0)]
    assert change.bids == [(50000.0, 2.5), (49990.0, 0.01)]
    assert not reading.steps
    assert not reading.records
    dollars = VENUE.stream.read(pushed("books5", book, of={"instId": "BTC-USD-SWAP"}), KNOWN)
    assert dollars.books[0].bids[0] == pytest.approx((50000.0, 250 * 100 / 50000))


def test_marks_and_open_interest_stream_in_the_units_of_their_answers() -> None:
    ts = str(BANKRUPTCY_DAY)
    mark = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "markPx": "42310.6", "ts": ts}
    assert rows_of(pushed("mark-price", mark)) == [MarkPrice(BANKRUPTCY_DAY, 42310.6, None, None, None)]
    interest = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "oi": "2216113", "oiCcy": "22161.13", "ts": ts}
    assert rows_of(pushed("open-interest", interest)) == [
        OpenInterest(BANKRUPTCY_DAY, 22161.13, 2216113.0, "contracts", 1, None)
    ]


def test_an_open_bar_is_not_kept() -> None:
    entry = [str(BANKRUPTCY_DAY), "10", "12", "9", "11", "1000", "10", "110", "0"]
    assert VENUE.stream.read(pushed("candle1m", entry), KNOWN).ignored == "a bar that is still open"
    closed = pushed("candle1m", [*entry[:-1], "1"])
    assert rows_of(closed) == [Bar(BANKRUPTCY_DAY, MINUTE, 10.0, 12.0, 9.0, 11.0, 10.0, 110.0, None, None)]
    feed = next(feed for feed in VENUE.stream.feeds if feed.tables == ("bars",))
    assert feed.host == "stream_business"


def test_a_deleveraging_warning_carries_the_fund_and_most_other_fields_empty() -> None:
    warning = {
        "instType": "SWAP", "instFamily": "BTC-USDT", "state": "warning", "ccy": "", "bal": "280784384.9",
        "maxBal": "", "maxBalTs": "", "adlType": "", "adlBal": "", "adlRecBal": "", "decRate": "",
        "adlRate": "", "adlRecRate": "", "ts": str(BANKRUPTCY_DAY),
    }  # fmt: skip
    reading = VENUE.stream.read(pushed("adl-warning", warning, of={"instType": "SWAP"}), KNOWN)
    (record,) = reading.records
    assert record.symbol == "BTC-USDT-SWAP"
    assert record.row == DeleveragingSignal(BANKRUPTCY_DAY, 280784384.9, None, None, None, "warning")
    earlier = warning | {"maxBal": "300000000"}  # until 2026-06-09
    (record,) = VENUE.stream.read(pushed("adl-warning", earlier, of={"instType": "SWAP"}), KNOWN).records
    assert record.row[1:] == (280784384.9, 300000000.0, None, None, "warning")


# What was recorded


def test_every_recorded_message_about_swaps_is_read_or_left_alone_with_a_reason(shared: Path) -> None:
    assert outcomes(VENUE, messages(shared, "okex-swap.jsonl"), KNOWN) == {
        "MarkPrice": 1,
        "OpenInterest": 1,
        "Trade": 1,
        "channel bbo-tbt": 2,
        "channel books-l2-tbt": 1,
        "channel funding-rate": 2,
        "channel index-tickers": 1,
        "channel tickers": 2,
        "table swap/depth": 2,
        "table swap/depth_l2_tbt": 2,
        "table swap/funding_rate": 1,
        "table swap/liquidation": 2,
        "table swap/mark_price": 1,
        "table swap/ticker": 3,
        "table swap/trade": 2,
    }


def test_every_recorded_message_about_dated_futures_is_read_or_left_alone(shared: Path) -> None:
    unknown = "unreadable: symbol is '{}', which was not asked for: units unknown"
    recorded = messages(shared, "okex-futures.jsonl")
    assert outcomes(VENUE, recorded, KNOWN) == {
        "Liquidation": 2,
        "channel books-l2-tbt": 2,
        "channel index-tickers": 1,
        "channel liquidations": 2,
        "channel price-limit": 1,
        "channel tickers": 1,
        "subscribed": 1,
        "table futures/depth": 2,
        "table futures/depth_l2_tbt": 3,
        "table futures/liquidation": 2,
        "table futures/mark_price": 1,
        "table futures/ticker": 4,
        "table futures/trade": 4,
        "table swap/funding_rate": 1,
        unknown.format("FIL-USDT-220325"): 3,
        unknown.format("FIL-USD-220325"): 1,
    }
    none_known = outcomes(VENUE, recorded, {})
    assert none_known["liquidations of contracts that were not asked for"] == 2
    assert not none_known["Liquidation"]


def test_recorded_answers_are_read(shared: Path) -> None:
    bars = history("bars", MINUTE)
    assert list(bars.read(sample(shared, "okx", "http_get_candlesticks_full.json"), LINEAR, ALL, MINUTE)) == [
        Bar(
            1747094040000, MINUTE, 102806.1, 102820.4, 102806.1, 102820.4, 10.4037, 1069603.34883, None, None
        ),
        Bar(
            1747093980000, MINUTE, 102806.0, 102820.5, 102783.1, 102806.1, 71.6404, 7364701.57952, None, None
        ),
    ]
    with pytest.raises(PayloadError, match="confirm is 0"):
        bars.read(sample(shared, "okx", "http_get_candlesticks.json"), LINEAR, ALL, MINUTE)
    funding = sample(shared, "okx", "http_get_funding_rate_history.json")
    assert list(history("funding").read(funding, LINEAR, ALL, 0)) == [
        FundingRate(1704067200000, 0.00015, None),
        FundingRate(1704038400000, -0.00002, None),
    ]
    listed = snapshot_rows("instruments", sample(shared, "okx", "http_get_instruments_swap.json"))
    assert {symbol: (row.contract, row.contract_size) for symbol, row in listed.items()} == {
        "BTC-USD-SWAP": ("inverse", 100.0),
        "BTC-USDT-SWAP": ("linear", 0.01),
        "ETH-USDT-SWAP": ("linear", 0.1),
    }
    assert not snapshot_rows("instruments", sample(shared, "okx", "http_get_instruments_futures.json"))
    assert snapshot_rows("mark_prices", sample(shared, "okx", "http_get_mark_price.json")) == {
        "BTC-USDT-SWAP": MarkPrice(1744590349506, 84660.1, None, None, None)
    }
    # Of spot on margin, which has no contracts.
    with pytest.raises(PayloadError, match="symbol is '-SWAP'"):
        VENUE.snapshot("leverage_tiers").read(sample(shared, "okx", "http_get_position_tiers.json"), KNOWN, 7)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("ws_bbo_tbt.json", "channel bbo-tbt"),
        ("ws_books_snapshot.json", "channel books"),
        ("ws_books_update.json", "channel books"),
        ("ws_candle.json", "channel candle1D: bars of a length, or of a day in Hong Kong"),
        ("ws_funding_rate.json", "channel funding-rate"),
        ("ws_instruments.json", "channel instruments"),
        ("ws_tickers.json", "channel tickers"),
    ],
)
def test_recorded_frames_of_other_channels_are_left_alone(shared: Path, file: str, why: str) -> None:
    assert VENUE.stream.read(sample(shared, "okx", file), KNOWN).ignored.startswith(why)


def test_recorded_trades_of_spot_are_refused_because_they_are_no_contracts(shared: Path) -> None:
    with pytest.raises(PayloadError, match="symbol is 'BTC-USD', which was not asked for"):
        VENUE.stream.read(sample(shared, "okx", "ws_trades.json"), KNOWN)
    with pytest.raises(PayloadError, match="message"):
        VENUE.stream.read(sample(shared, "okx", "ws_opt_summary.json"), KNOWN)
