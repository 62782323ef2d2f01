"""Where Binance's files by the day mislead, one test per trap, and a backfill of them from the fake venue."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.errors import PayloadError
from powderkeg.fake_venues.binance import DIALECT
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    DepthBand,
    LongShortRatio,
    MarkBar,
    MarketRow,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.binance import VENUE
from venues.made_rows import START, instrument_row, made_rows

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT")
FIVE = 5 * MINUTE
TODAY = Window(START, START + DAY)  # 2025-06-15
BAR_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore\n"
)
BAR_LINE = (
    f"{START},105000.1,105100.0,104900.5,105050.0,182.4521,{START + MINUTE - 1},19166591.1,1842,98.3,1,0\n"
)
METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
DEPTH_HEADER = "timestamp,percentage,depth,notional\n"
TRADES_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"


def of_files(table: str, population: str = "") -> HistorySource:
    return next(
        source
        for source in VENUE.history
        if (source.table, source.population, source.checksummed) == (table, population, True)
    )


def packed(*contents: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return file.getvalue()


def read(table: str, content: str, population: str = "", interval: int = FIVE) -> list[MarketRow]:
    return list(of_files(table, population).read(packed(content), BTC, TODAY, interval))


def metrics(time: str, interest: str = "102397.9520000000000000", ratios: str = "1.5,1.25,4,1.3") -> str:
    return f"{time},BTCUSDT,{interest},6616155263.19,{ratios}\n"


# --- bars -------------------------------------------------------------------------------------------------


def test_bars_are_the_same_with_and_without_a_header() -> None:
    bar = Bar(START, MINUTE, 105000.1, 105100.0, 104900.5, 105050.0, 182.4521, 19166591.1, 98.3, 1842)
    assert read("bars", BAR_HEADER + BAR_LINE, interval=MINUTE) == [bar]
    assert read("bars", BAR_LINE, interval=MINUTE) == [bar]
    assert read("bars", BAR_LINE.replace("\n", "\r\n"), interval=MINUTE) == [bar]
    assert read("mark_bars", BAR_HEADER + BAR_LINE, interval=MINUTE) == [MarkBar(START, MINUTE, *bar[2:6])]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (BAR_HEADER.replace("count", "trades") + BAR_LINE, "columns are open_time, open"),
        (BAR_LINE.replace(",1842,", ",1842,7,"), "line 1 has 13 cells; expected 12"),
        (BAR_HEADER + BAR_LINE + "\n", "line 3 has 1 cells"),
        (BAR_LINE.replace(str(START), f"{START}000"), "open_time is .*; expected UTC milliseconds"),
        (BAR_LINE.replace(str(START), "then", 1), "open_time is 'then'; expected a whole number"),
        (BAR_LINE.replace("182.4521", "nan"), "volume is 'nan'; expected a number"),
        (BAR_LINE.replace("182.4521", ""), "volume is empty; expected a number"),
        (BAR_LINE.replace("182.4521", "-1"), "volume is -1.0"),
        (BAR_LINE.replace("105100.0", "0"), "high 0.0"),
        (BAR_LINE.replace("1842", "18.42"), "count is '18.42'"),
        ("x" * 5000, "line 1 has 4096 bytes or more"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_by_name(content: str, found: str) -> None:
    with pytest.raises(PayloadError, match=found):
        read("bars", content, interval=MINUTE)


def test_what_is_no_zip_of_one_csv_is_refused() -> None:
    good = packed(BAR_HEADER + BAR_LINE)
    middle = len(good) // 2
    damaged = good[: middle - 20] + bytes(4) + good[middle - 16 :]
    for payload, found in (
        (b"", "expected a zip of one CSV"),
        (b"<html>404</html>", "not a zip file"),
        (good[:middle], "expected a zip of one CSV"),
        (damaged, "expected a zip of one CSV"),
        (packed(), "the zip holds 0 files"),
        (packed(BAR_LINE, BAR_LINE), r"the zip holds 2 files \(0.csv, 1.csv\)"),
        (packed(BAR_LINE, method=zipfile.ZIP_LZMA), "expected one deflated CSV"),
        (packed("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), "cells; expected 12"),
    ):
        with pytest.raises(PayloadError, match=found):
            list(of_files("bars").read(payload, BTC, TODAY, MINUTE))


def test_a_file_is_read_line_by_line_so_that_a_day_of_trades_needs_no_memory() -> None:
    line = f"7,105000.1,0.5,70,71,{START},true\n"
    payload = packed(line * 50_000 + "broken\n")
    rows = iter(of_files("trades").read(payload, BTC, TODAY, 0))
    assert isinstance(next(rows), Trade)
    with pytest.raises(PayloadError, match="line 50001 has 1 cells"):
        list(rows)


# --- metrics ----------------------------------------------------------------------------------------------


def test_open_interest_and_ratios_are_stamped_five_minutes_early() -> None:
    content = METRICS_HEADER + metrics("2025-06-15 00:00:00")
    late = START + FIVE
    assert read("open_interest", content) == [OpenInterest(late, 102397.952, 102397.952, "base", 1, None)]
    assert read("long_short_ratios", content, "accounts") == [
        LongShortRatio(late, FIVE, "accounts", 0.8, 0.2)
    ]
    assert read("long_short_ratios", content, "top_accounts") == [
        LongShortRatio(late, FIVE, "top_accounts", 0.6, 0.4)
    ]
    (row,) = read("long_short_ratios", content, "top_positions")
    assert isinstance(row, LongShortRatio)
    assert row.long_share == pytest.approx(5 / 9, abs=1e-15)


def test_rows_of_metrics_come_in_any_order_and_some_of_them_twice() -> None:
    content = METRICS_HEADER + "".join(
        metrics(f"2025-06-15 {time}:00", str(value))
        for time, value in (("00:10", 3), ("00:00", 1), ("00:10", 3), ("00:05", 2))
    )
    found = read("open_interest", content)
    assert [(row.ts - START, row.open_interest) for row in found if isinstance(row, OpenInterest)] == [
        (3 * FIVE, 3.0), (FIVE, 1.0), (2 * FIVE, 2.0),
    ]  # fmt: skip


def test_nothing_and_zero_are_no_value_in_metrics() -> None:
    content = METRICS_HEADER + "".join(
        (
            metrics("2025-06-15 00:00:00", "0E-16", '"","",0,1.3'),
            metrics("2025-06-15 00:05:00", "", "1.5,-1,,"),
            metrics("2025-06-15 00:10:00", "5", "1.5,1.25,4,"),
        )
    )
    assert [row.ts for row in read("open_interest", content)] == [START + 3 * FIVE]
    assert [row.ts for row in read("long_short_ratios", content, "accounts")] == [START + 3 * FIVE]
    assert [row.ts for row in read("long_short_ratios", content, "top_positions")] == [START + 3 * FIVE]
    assert len(read("long_short_ratios", content, "top_accounts")) == 2
    with pytest.raises(PayloadError, match="sum_open_interest is 'inf'; expected a number"):
        read("open_interest", METRICS_HEADER + metrics("2025-06-15 00:00:00", "inf"))


def test_the_last_row_of_a_day_is_the_first_value_of_the_next() -> None:
    content = METRICS_HEADER + metrics("2025-06-15 23:50:00") + metrics("2025-06-15 23:55:00")
    assert [row.ts for row in read("open_interest", content)] == [START + DAY - FIVE]
    # Windows shifted by the five minutes find it in the same file.
    source = of_files("open_interest")
    shifted = Window(START + FIVE, START + DAY + FIVE)
    assert [row.ts for row in source.read(packed(content), BTC, shifted, FIVE)] == [
        START + DAY - FIVE,
        START + DAY,
    ]
    assert source.request(BTC, shifted, FIVE) == source.request(BTC, TODAY, FIVE)


def test_metrics_of_another_symbol_or_at_no_time_are_refused() -> None:
    with pytest.raises(PayloadError, match="symbol is 'ETHUSDT'; expected 'BTCUSDT'"):
        read("open_interest", metrics("2025-06-15 00:00:00").replace("BTCUSDT", "ETHUSDT"))
    for time in ("2025-06-15", "1749945600000", "2025-06-15 00:00:00+02:00", "2025-02-30 00:00:00"):
        with pytest.raises(PayloadError, match="create_time is .*; expected a UTC time such as"):
            read("open_interest", metrics(time))


def test_the_taker_ratio_of_metrics_has_no_volumes_and_makes_no_row() -> None:
    assert [source.checksummed for source in VENUE.history if source.table == "taker_volume"] == [False]


# --- depth bands and trades -------------------------------------------------------------------------------


def test_depth_bands_are_fractions_below_zero_for_bids_in_either_spelling() -> None:
    content = (
        "2025-06-15 11:07:31,-5,7885.275,647368074.3692\n"
        "2025-06-15 11:07:31,-0.20,10.5,1100000\n"
        "2025-06-15 11:07:31,1.00,2097.41,176607765.2095\n"
        "2025-06-16 00:00:00,1.00,2097.41,176607765.2095\n"
    )
    ts = START + 11 * HOUR + 7 * MINUTE + 31_000
    assert read("depth_bands", DEPTH_HEADER + content, interval=0) == [
        DepthBand(ts, -0.05, 7885.275, 647368074.3692),
        DepthBand(ts, -0.002, 10.5, 1100000.0),
        DepthBand(ts, 0.01, 2097.41, 176607765.2095),
    ]
    for percentage in ("0", "100", "nan", ""):
        with pytest.raises(PayloadError, match="percentage is"):
            read("depth_bands", content.replace("-0.20", percentage), interval=0)


def test_where_the_buyer_was_the_maker_the_taker_sold_in_files_too() -> None:
    content = f"7,105000.1,0.5,70,71,{START},true\n8,105000.2,0.25,72,72,{START + 1},False\n"
    assert read("trades", TRADES_HEADER + content, interval=0) == [
        Trade(START, "7", 105000.1, 0.5, "sell"),
        Trade(START + 1, "8", 105000.2, 0.25, "buy"),
    ]
    for old, new, found in (
        ("true", "1", "is_buyer_maker is '1'; expected true or false"),
        ("0.25", "0", "quantity is 0.0"),
        ("105000.1", "-1", "price is -1.0"),
        ("7,", "x,", "agg_trade_id is 'x'"),
        (str(START), f"{START}123", "expected UTC milliseconds"),
    ):
        with pytest.raises(PayloadError, match=found):
            read("trades", content.replace(old, new, 1), interval=0)


# --- where they are, and what comes of them ---------------------------------------------------------------


def test_a_file_is_a_whole_day_with_its_checksum_beside_it() -> None:
    base = "/data/futures/um/daily"
    paths = {
        (source.table, source.population): source.request(BTC, TODAY, source.intervals[-1])
        for source in VENUE.history
        if source.checksummed
    }
    metrics_path = f"{base}/metrics/BTCUSDT/BTCUSDT-metrics-2025-06-15.zip"
    assert {series: request.path for series, request in paths.items()} == {
        ("bars", ""): f"{base}/klines/BTCUSDT/5m/BTCUSDT-5m-2025-06-15.zip",
        ("mark_bars", ""): f"{base}/markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2025-06-15.zip",
        ("open_interest", ""): metrics_path,
        ("long_short_ratios", "accounts"): metrics_path,
        ("long_short_ratios", "top_accounts"): metrics_path,
        ("long_short_ratios", "top_positions"): metrics_path,
        ("depth_bands", ""): f"{base}/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2025-06-15.zip",
        ("trades", ""): f"{base}/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-06-15.zip",
    }
    for request in paths.values():
        assert request.host == "bulk"
        assert request.checksum_path == f"{request.path}.CHECKSUM"
    for source in VENUE.history:
        assert source.aligned is source.checksummed
        if source.aligned:
            assert source.span(source.intervals[0]) == DAY
            assert source.lag > DAY


def test_files_stand_before_requests_for_the_same_series() -> None:
    seen: set[tuple[str, str]] = set()
    for source in VENUE.history:
        assert not (source.checksummed and (source.table, source.population) in seen)
        if not source.checksummed:
            seen.add((source.table, source.population))


def call(request: Request, *, checksum: bool = False) -> Call:
    return Call((checksum and request.checksum_path) or request.path, dict(request.parameters), b"")


def a_market(rows: dict[tuple[str, str, str], Sequence[MarketRow]], start: int = START) -> ScriptedMarket:
    return ScriptedMarket({"BTCUSDT": instrument_row()}, rows, now=start + 10 * DAY)


def a_day_of(table: str, interval: int, population: str = "") -> tuple[str, list[MarketRow]]:
    """Rows from an hour before the day until after it, and the variant that they are."""
    step = interval or 30_000
    rows = made_rows(
        table, 25 * HOUR // step + 5, interval=step, population=population, semantics=VENUE.semantics
    )
    source = of_files(table, population)
    return ("all" if table == "open_interest" else source.variant(interval)), list(rows)


@pytest.mark.parametrize(
    ("table", "population", "interval"),
    [
        ("bars", "", MINUTE),
        ("bars", "", FIVE),
        ("mark_bars", "", MINUTE),
        ("open_interest", "", FIVE),
        ("long_short_ratios", "accounts", FIVE),
        ("long_short_ratios", "top_accounts", FIVE),
        ("long_short_ratios", "top_positions", FIVE),
        ("depth_bands", "", 0),
        ("trades", "", 0),
    ],
)
def test_a_published_day_comes_back_with_the_checksum_it_is_published_with(
    table: str, population: str, interval: int
) -> None:
    variant, rows = a_day_of(table, interval, population)
    market = a_market({(table, "BTCUSDT", variant): rows})
    source = of_files(table, population)
    request = source.request(BTC, TODAY, interval)
    payload = DIALECT.answer(call(request), market)
    published = DIALECT.answer(call(request, checksum=True), market)
    assert payload is not None
    assert published is not None
    assert published.split() == [
        hashlib.sha256(payload).hexdigest().encode(),
        request.path.rsplit("/", 1)[1].encode(),
    ]
    assert VENUE.refusal(payload) is None
    early = table in {"open_interest", "long_short_ratios"}
    expected = [
        row._replace(price=None) if isinstance(row, OpenInterest) else row
        for row in rows
        if TODAY.start + early * FIVE <= row.ts < TODAY.end
    ]
    found = sorted(source.read(payload, BTC, TODAY, interval))
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        for value, want in zip(row, wanted, strict=True):
            assert value == (pytest.approx(want, rel=1e-12) if isinstance(want, float) else want)


def test_a_day_that_is_not_over_or_empty_is_not_published() -> None:
    variant, rows = a_day_of("bars", MINUTE)
    market = a_market({("bars", "BTCUSDT", variant): rows})
    source = of_files("bars")
    tomorrow = Window(TODAY.end + 2 * DAY, TODAY.end + 3 * DAY)
    assert DIALECT.answer(call(source.request(BTC, tomorrow, MINUTE)), market) is None
    market.now = START + DAY + HOUR
    assert DIALECT.answer(call(source.request(BTC, TODAY, MINUTE)), market) is None
    assert DIALECT.answer(call(of_files("trades").request(BTC, TODAY, 0)), market) is None


def test_files_and_requests_tell_the_same_bars() -> None:
    variant, rows = a_day_of("bars", FIVE)
    market = a_market({("bars", "BTCUSDT", variant): rows})
    answers = []
    for source in VENUE.history:
        if source.table == "bars":
            payload = DIALECT.answer(call(source.request(BTC, TODAY, FIVE)), market)
            assert payload is not None
            answers.append(sorted(source.read(payload, BTC, TODAY, FIVE)))
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert len(answers[0]) == 288


def test_metrics_of_files_and_requests_agree_but_for_the_first_of_the_day() -> None:
    series: dict[tuple[str, str, str], Sequence[MarketRow]] = {}
    for table, population in (("open_interest", ""), ("long_short_ratios", "accounts")):
        variant, rows = a_day_of(table, FIVE, population)
        series[table, "BTCUSDT", variant] = rows
    market = a_market(series)
    for table, population in (("open_interest", ""), ("long_short_ratios", "accounts")):
        sources = [one for one in VENUE.history if (one.table, one.population) == (table, population)]
        answers = []
        for source in sources:
            payload = DIALECT.answer(call(source.request(BTC, TODAY, FIVE)), market)
            assert payload is not None
            answers.append({row.ts for row in source.read(payload, BTC, TODAY, FIVE)})
        files, requests = answers
        assert requests - files == {START}
        assert not files - requests


def test_older_files_have_no_header() -> None:
    start = START - 5 * 365 * DAY
    (row,) = made_rows("bars", 1, interval=MINUTE, semantics=VENUE.semantics)
    old = row._replace(ts=start)
    market = a_market({("bars", "BTCUSDT", "1m"): [old]}, start)
    source = of_files("bars")
    window = Window(start, start + DAY)
    payload = DIALECT.answer(call(source.request(BTC, window, MINUTE)), market)
    assert payload is not None
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        assert archive.read(archive.namelist()[0]).startswith(str(start).encode())
    assert list(source.read(payload, BTC, window, MINUTE)) == [old]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_file_ends_in_anything_but_a_payload_error(data: st.DataObject) -> None:
    contents = {
        ("bars", ""): BAR_HEADER + BAR_LINE,
        ("mark_bars", ""): BAR_LINE,
        ("open_interest", ""): METRICS_HEADER + metrics("2025-06-15 00:00:00"),
        ("long_short_ratios", "accounts"): METRICS_HEADER + metrics("2025-06-15 00:00:00"),
        ("depth_bands", ""): DEPTH_HEADER + "2025-06-15 11:07:31,-5,7885.275,647368074.3692\n",
        ("trades", ""): TRADES_HEADER + f"7,105000.1,0.5,70,71,{START},true\n",
    }
    table, population = data.draw(st.sampled_from(sorted(contents)))
    content = contents[table, population]
    if data.draw(st.booleans()):
        good = packed(content, method=data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
        at = data.draw(st.integers(0, len(good)))
        change = data.draw(st.binary(max_size=3))
        payload = good[:at] + change + good[at + len(change) :] if change else good[:at]
    else:
        cells = content.split(",")
        at = data.draw(st.integers(0, len(cells) - 1))
        cells[at] = data.draw(
            st.sampled_from(["", "nan", "inf", "-1", "0", "1e400", "x", "1_0", "٣", "9" * 30])
        )
        payload = packed(",".join(cells))
    source = of_files(table, population)
    try:
        rows = list(source.read(payload, BTC, TODAY, source.intervals[0]))
    except PayloadError:
        return
    for row in rows:
        assert TODAY.start <= row.ts < TODAY.end
