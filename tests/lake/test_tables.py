"""Tables as users have them: what is recognised, what is picked, and what is refused, and in which words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from powderkeg.errors import InputError, MissingColumnError
from powderkeg.lake.column_names import RECOGNISED, Kind
from powderkeg.lake.one_market import base_coin
from powderkeg.lake.tables import read_table

START = 1_760_130_000_000  # 2025-10-10T21:00:00Z
MINUTES_5 = 300_000


def bars(**changed: Any) -> pl.DataFrame:
    """Return four five-minute bars of BTC, with columns replaced or added."""
    columns: dict[str, Any] = {
        "ts": [START + i * MINUTES_5 for i in range(4)],
        "open": [105_000.0, 105_100.0, 105_200.0, 105_300.0],
        "high": [105_150.0, 105_250.0, 105_350.0, 105_450.0],
        "low": [104_950.0, 105_050.0, 105_150.0, 105_250.0],
        "close": [105_100.0, 105_200.0, 105_300.0, 105_400.0],
        "volume": [10.0, 20.0, 30.0, 40.0],
    }
    return pl.DataFrame(columns | changed)


def with_value(column: str, row: int, value: float | None) -> pl.DataFrame:
    """Return the bars with one value replaced."""
    values: list[float | None] = bars()[column].to_list()
    values[row] = value
    return bars(**{column: values})


def refusal(source: Any, kind: Kind = "bars", **options: Any) -> str:
    """Return the message with which a table is refused."""
    with pytest.raises(InputError) as caught:
        read_table(source, kind, **{"symbol": "BTC", **options})
    return str(caught.value)


# What is recognised


def test_no_column_name_means_two_fields_of_one_kind() -> None:
    for kind, fields in RECOGNISED.items():
        names = [name.replace("_", "") for recognised in fields.values() for name in recognised]
        assert {name for name in names if names.count(name) > 1} == set(), kind


@pytest.mark.parametrize(
    "names",
    [
        ("ts", "open", "high", "low", "close", "volume"),
        ("timestamp", "o", "h", "l", "c", "v"),
        ("Open Time", "Open", "HIGH", "Low", "Close", "Vol"),
        ("open_time", "open_price", "high_price", "low_price", "close_price", "base_volume"),
        ("datetime", "open", "high", "low", "close", "Base Volume"),
    ],
)
def test_bars_are_recognised_under_common_names(names: Sequence[str]) -> None:
    table = read_table(bars().rename(dict(zip(bars().columns, names, strict=True))), "bars", symbol="BTC")
    assert table.values["close"].tolist() == [105_100.0, 105_200.0, 105_300.0, 105_400.0]
    assert table.values["volume"].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert table.column_names["close"] == names[4]
    assert table.source == "frame"


def test_a_mapping_of_the_caller_wins_over_the_recognised_names() -> None:
    table = bars(settled=[1.0, 2.0, 3.0, 4.0])
    read = read_table(table, "bars", symbol="BTC", columns={"volume": "settled"})
    assert read.values["volume"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_mapping_to_a_column_that_is_not_there_is_refused() -> None:
    message = refusal(bars(), columns={"volume": "turnover"})
    assert "'turnover'" in message
    assert "ts, open, high, low, close, volume" in message


def test_a_mapping_of_a_field_that_does_not_exist_is_refused() -> None:
    message = refusal(bars(), columns={"oi": "volume"})
    assert "'oi' is not a field" in message
    assert "expected one of ts, open, high, low, close, volume" in message


def test_two_columns_that_differ_only_in_case_are_refused() -> None:
    message = refusal(bars(Close=[1.0] * 4))
    assert "close, Close" in message
    assert "could all be close" in message


def test_a_missing_column_is_named_with_those_there_are_and_those_recognised() -> None:
    with pytest.raises(MissingColumnError) as caught:
        read_table(bars().drop("volume"), "bars", symbol="BTC")
    message = str(caught.value)
    assert "no column for volume" in message
    assert "the table has ts, open, high, low, close;" in message
    assert "recognised as volume, v, vol" in message
    assert "columns={'bars': {'volume': 'your column'}}" in message


def test_open_interest_keeps_a_base_and_a_usd_column_apart() -> None:
    times = {"ts": [START, START + MINUTES_5]}
    both = pl.DataFrame({**times, "sumOpenInterest": [1.0, 2.0], "sumOpenInterestValue": [3.0, 4.0]})
    read = read_table(both, "open_interest", symbol="BTC")
    assert read.values["open_interest"].tolist() == [1.0, 2.0]
    assert read.values["open_interest_usd"].tolist() == [3.0, 4.0]
    chosen = read_table(both, "open_interest", symbol="BTC", columns={"open_interest": "sumOpenInterest"})
    assert set(chosen.values) == {"open_interest"}


def test_a_categorical_column_names_coins_too() -> None:
    table = bars(coin=pl.Series(["ETH", "BTC", "BTC", "ETH"]).cast(pl.Categorical))
    assert read_table(table, "bars", symbol="BTC").rows.tolist() == [1, 2]


def test_a_numeric_column_called_base_is_not_taken_for_a_coin() -> None:
    assert len(read_table(bars(base=[1.0] * 4), "bars", symbol="BTC")) == 4


# Times


@pytest.mark.parametrize(
    "first",
    [
        START // 1000,
        START,
        START * 1000,
        START * 1_000_000,
        float(START),
        str(START),
        str(START * 1_000_000),
        "2025-10-10T21:00:00Z",
        "2025-10-10T21:00",
        "2025-10-10T21:00Z",
        "2025-10-10T18:30-0230",
        "2025-10-10 21:00:00.000",
        "2025-10-10 23:00:00+02:00",
        "2025-10-10 21:00:00 UTC",
        dt.datetime(2025, 10, 10, 21),  # noqa: DTZ001 - naive on purpose
        dt.datetime(2025, 10, 10, 17, tzinfo=ZoneInfo("America/New_York")),
    ],
    ids=str,
)
def test_a_time_is_read_however_it_is_written(first: Any) -> None:
    table = pl.DataFrame({"ts": [first], "rate": [0.0001]})
    assert read_table(table, "funding", symbol="BTC").times.tolist() == [START]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_datetimes_of_any_unit_are_read(unit: Any) -> None:
    times = pl.Series([START]).cast(pl.Datetime("ms")).cast(pl.Datetime(unit, "UTC"))
    table = pl.DataFrame({"ts": times, "rate": [0.0001]})
    assert read_table(table, "funding", symbol="BTC").times.tolist() == [START]


def test_dates_are_midnights_in_utc() -> None:
    table = pl.DataFrame({"date": [dt.date(2025, 10, 10)], "rate": [0.0001]})
    assert read_table(table, "funding", symbol="BTC").times.tolist() == [START - 21 * 3_600_000]


def test_seconds_with_a_fraction_keep_their_milliseconds() -> None:
    table = pl.DataFrame({"ts": [START / 1000 + 0.345], "rate": [0.0001]})
    assert read_table(table, "funding", symbol="BTC").times.tolist() == [START + 345]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2025-10-10T21:00Z", "yesterday"], ["'yesterday'", "row 1", "ISO 8601"]),
        ([12, 13], ["values from 12 to 13", "epoch times"]),
        ([START, None], ["is missing in row 1", "every row needs a time"]),
        ([float(START), float("nan")], ["not finite in row 1", "every row needs a time"]),
        ([True, False], ["holds Boolean", "expected datetimes"]),
        ([dt.date(1970, 1, 21), dt.date(1970, 1, 22)], ["1728000000 is not a time", "between 2009 and 2100"]),
    ],
)
def test_a_column_that_is_not_a_time_is_refused(times: list[Any], expected: list[str]) -> None:
    message = refusal(pl.DataFrame({"ts": times, "rate": [0.0001, 0.0002]}), "funding")
    assert "funding: time 'ts'" in message
    for part in expected:
        assert part in message


def test_unsorted_times_are_refused_at_the_first_one() -> None:
    times = bars()["ts"].to_list()
    message = refusal(bars(ts=[times[0], times[2], times[1], times[3]]))
    assert "row 2 (counted from 0), 2025-10-10T21:05:00Z, is earlier than row 1" in message
    assert "2025-10-10T21:10:00Z" in message
    assert "sorted by time" in message


def test_repeated_times_are_refused_at_the_first_one() -> None:
    times = bars()["ts"].to_list()
    message = refusal(bars(ts=[times[0], times[1], times[1], times[2]]))
    assert "row 2 (counted from 0), 2025-10-10T21:05:00Z, repeats the time of row 1" in message
    assert "one row per time" in message


# Values


@pytest.mark.parametrize(
    ("column", "row", "value", "expected"),
    [
        ("close", 2, None, "'close' is missing in row 2"),
        ("close", 2, float("nan"), "'close' is nan in row 2"),
        ("high", 3, float("inf"), "'high' is inf in row 3"),
        ("low", 1, 0.0, "'low' is 0 in row 1"),
        ("open", 1, -5.0, "'open' is -5 in row 1"),
        ("volume", 2, -3.5, "'volume' is -3.5 in row 2"),
        ("volume", 2, None, "'volume' is missing in row 2"),
    ],
)
def test_an_impossible_value_is_refused_with_its_row_and_time(
    column: str, row: int, value: float | None, expected: str
) -> None:
    message = refusal(with_value(column, row, value))
    assert expected in message
    assert f"2025-10-10T21:{5 * row:02d}:00Z" in message
    assert ("0 or more" if column == "volume" else "a finite number above 0") in message


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (
            "high",
            105_000.0,
            "high is 105000 in row 1 (counted from 0), 2025-10-10T21:05:00Z; expected not below",
        ),
        (
            "low",
            105_150.0,
            "low is 105150 in row 1 (counted from 0), 2025-10-10T21:05:00Z; expected not above",
        ),
        ("low", 105_400.0, "expected not below its low, 105400"),
    ],
)
def test_a_candle_that_contradicts_itself_is_refused(column: str, value: float, expected: str) -> None:
    assert expected in refusal(with_value(column, 1, value))


def test_negative_open_interest_is_refused() -> None:
    table = pl.DataFrame({"ts": [START, START + MINUTES_5], "oi_usd": [1e9, -1.0]})
    message = refusal(table, "open_interest")
    assert "open_interest: 'oi_usd' is -1 in row 1 (counted from 0), 2025-10-10T21:05:00Z" in message
    assert "0 or more" in message


def test_text_that_is_no_number_is_refused_and_numbers_written_as_text_are_read() -> None:
    message = refusal(bars(close=["105100", "105200", "n/a", "105400"]))
    assert "'close' is 'n/a' in row 2 (counted from 0), 2025-10-10T21:10:00Z" in message
    read = read_table(bars(close=["105100", "105200.0", " 105300", "1.054e5"]), "bars", symbol="BTC")
    assert read.values["close"].tolist() == [105_100.0, 105_200.0, 105_300.0, 105_400.0]


def test_a_column_of_dates_is_not_a_column_of_numbers() -> None:
    assert "'volume' holds Date; expected numbers" in refusal(bars(volume=[dt.date(2025, 10, 10)] * 4))


# Files


def test_parquet_and_csv_give_what_the_frame_gives(tmp_path: Path) -> None:
    frame = bars().with_columns(pl.from_epoch("ts", "ms").dt.replace_time_zone("UTC"))
    frame.write_parquet(tmp_path / "bars.parquet")
    frame.write_csv(tmp_path / "bars.csv")
    expected = read_table(frame, "bars", symbol="BTC")
    for path in (tmp_path / "bars.parquet", str(tmp_path / "bars.csv")):
        read = read_table(path, "bars", symbol="BTC")
        assert read.times.tolist() == expected.times.tolist()
        assert {field: values.tolist() for field, values in read.values.items()} == {
            field: values.tolist() for field, values in expected.values.items()
        }
        assert read.source == Path(path).name


def test_a_number_that_turns_up_late_in_a_csv_is_read_exactly(tmp_path: Path) -> None:
    lines = ["ts,rate", *(f"{START + i * MINUTES_5},0" for i in range(2000)), f"{START + 10**9},0.0001"]
    path = tmp_path / "rates.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_table(path, "funding", symbol="BTC").values["funding_rate"][-1] == 0.0001


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nowhere.parquet does not exist" in refusal(tmp_path / "nowhere.parquet")


def test_a_folder_stands_for_the_one_table_in_it(tmp_path: Path) -> None:
    assert "is a folder with 0 tables" in refusal(tmp_path)
    (tmp_path / "README.md").write_text("about the rates", encoding="utf-8")
    table = f"ts,rate\n{START},0.0001\n"
    (tmp_path / "rates.csv").write_text(table, encoding="utf-8")
    assert read_table(tmp_path, "funding", symbol="BTC").source == "rates.csv"
    (tmp_path / "more.csv").write_text(table, encoding="utf-8")
    assert "is a folder with 2 tables" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert f"bars ({name}): the file is empty" in refusal(tmp_path / name)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    bars().clear().write_parquet(tmp_path / "bars.parquet")
    assert "bars (bars.parquet): the table has no rows" in refusal(tmp_path / "bars.parquet")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bars.txt").write_text("ts,open", encoding="utf-8")
    assert "neither Parquet nor CSV" in refusal(tmp_path / "bars.txt")
    (tmp_path / "bars.parquet").write_text("ts,open", encoding="utf-8")
    assert "bars (bars.parquet): cannot be read as what its name says" in refusal(tmp_path / "bars.parquet")


def test_anything_but_a_path_or_a_frame_is_refused() -> None:
    assert "a dict; expected a path or a polars DataFrame" in refusal({"ts": [START]})


# One market of several


@pytest.mark.parametrize(
    "name",
    ["BTC", "btc", "BTCUSDT", "BTC-USDT-SWAP", "BTC/USDT:USDT", "BTCUSD_PERP", "XBTUSD", "BTC-PERPETUAL"],
)
def test_an_instrument_is_known_by_its_coin(name: str) -> None:
    assert base_coin(name) == "BTC"
    table = bars(symbol=[name] * 4)
    assert len(read_table(table, "bars", symbol="BTC")) == 4
    assert len(read_table(table, "bars", symbol="BTCUSDT")) == 4


@pytest.mark.parametrize(
    ("name", "coin"), [("USDT", "USDT"), ("SUSDT", "S"), ("BNBUSD_PERP", "BNB"), ("1000PEPEUSDT", "1000PEPE")]
)
def test_a_quote_is_only_cut_off_a_coin(name: str, coin: str) -> None:
    assert base_coin(name) == coin


@pytest.mark.parametrize("column", ["symbol", "coin", "base", "instrument", "asset"])
def test_rows_of_one_coin_are_picked_and_keep_their_row_numbers(column: str) -> None:
    both = pl.concat([bars(**{column: ["ETH"] * 4}), bars(**{column: ["BTCUSDT"] * 4})])
    read = read_table(both, "bars", symbol="BTC")
    assert read.rows.tolist() == [4, 5, 6, 7]
    bad = both.with_row_index("n").with_columns(
        volume=pl.when(pl.col("n") == 6).then(-1.0).otherwise("volume")
    )
    assert "in row 6 (counted from 0), 2025-10-10T21:10:00Z" in refusal(bad)


def test_a_coin_that_is_not_in_the_file_is_refused_with_those_that_are() -> None:
    message = refusal(bars(coin=["ETH", "ETH", "SOL", "SOL"]))
    assert "no rows of symbol 'BTC'; column 'coin' has ETH, SOL" in message


def test_a_coin_with_two_instruments_has_to_be_named_exactly() -> None:
    both = pl.concat([bars(symbol=["BTCUSDC"] * 4), bars(symbol=["BTCUSDT"] * 4)])
    assert "several of column 'symbol': BTCUSDC, BTCUSDT; pass the exact one" in refusal(both)
    assert read_table(both, "bars", symbol="btcusdt").rows.tolist() == [4, 5, 6, 7]


def test_rows_of_the_named_venue_are_picked_whatever_its_case() -> None:
    both = pl.concat([bars(exchange=["Binance"] * 4), bars(exchange=["OKX"] * 4)])
    read = read_table(both, "bars", symbol="BTC", venue="okx")
    assert read.rows.tolist() == [4, 5, 6, 7]
    assert read.notes == ()
    message = refusal(both, venue="bybit")
    assert "no rows of venue 'bybit'; column 'exchange' has Binance, OKX" in message


def test_without_a_venue_the_one_that_covers_the_most_of_the_time_is_taken_and_noted() -> None:
    both = pl.concat([bars(venue=["a"] * 4), bars(venue=["b"] * 4)[:3]])
    read = read_table(both, "bars", symbol="BTC")
    assert read.rows.tolist() == [0, 1, 2, 3]
    assert read.notes == ("venue a taken of a, b: none was named, and it covers the most time",)
    early, late = bars(venue=["a"] * 4), bars(venue=["b"] * 4).with_columns(pl.col("ts") + 86_400_000)
    window = (START + 86_400_000, START + 2 * 86_400_000)
    assert read_table(pl.concat([early, late]), "bars", symbol="BTC", window=window).rows.tolist() == [
        4,
        5,
        6,
        7,
    ]


# Liquidations


def events(**changed: Any) -> pl.DataFrame:
    """Return three liquidation events, with columns replaced or added."""
    columns: dict[str, Any] = {
        "ts": [START, START, START + 1],
        "position_side": ["long", "SHORT", "Long"],
        "notional": [100.0, 20.0, 3.0],
    }
    return pl.DataFrame({name: values for name, values in (columns | changed).items() if values is not None})


def test_events_are_split_by_the_position_that_was_closed() -> None:
    read = read_table(events(), "liquidations", symbol="BTC")
    assert read.is_events
    assert read.values["long_notional"].tolist() == [100.0, 0.0, 3.0]
    assert read.values["short_notional"].tolist() == [0.0, 20.0, 0.0]


def test_a_notional_is_the_fill_price_times_the_quantity_where_it_is_not_given() -> None:
    table = events(notional=None, price=[9.0] * 3, avg_price=[10.0] * 3, qty=[1.0, 2.0, 3.0])
    read = read_table(table, "liquidations", symbol="BTC")
    assert read.values["long_notional"].tolist() == [10.0, 0.0, 30.0]
    assert read.values["short_notional"].tolist() == [0.0, 20.0, 0.0]


def test_events_may_come_out_of_order() -> None:
    read = read_table(events(ts=[START + 5, START, START + 2]), "liquidations", symbol="BTC")
    assert read.times.tolist() == [START, START + 2, START + 5]
    assert read.rows.tolist() == [1, 2, 0]
    assert read.values["long_notional"].tolist() == [0.0, 3.0, 100.0]


def test_a_side_of_buy_or_sell_is_refused_until_the_caller_says_what_it_means() -> None:
    table = events(position_side=None, side=["BUY", "SELL", "Sell"])
    message = refusal(table, "liquidations")
    for part in ("'side'", "Binance", "Bybit", "liquidation_side_meaning='order' or 'position'"):
        assert part in message
    order = read_table(table, "liquidations", symbol="BTC", side_meaning="order")
    assert order.values["long_notional"].tolist() == [0.0, 20.0, 3.0]
    position = read_table(table, "liquidations", symbol="BTC", side_meaning="position")
    assert position.values["long_notional"].tolist() == [100.0, 0.0, 0.0]


@pytest.mark.parametrize("side", ["both", None])
def test_a_side_that_is_neither_is_refused(side: str | None) -> None:
    message = refusal(events(position_side=["long", side, "short"]), "liquidations")
    assert f"'position_side' is {side!r} in row 1 (counted from 0), 2025-10-10T21:00:00Z" in message
    assert "expected one of long, short" in message


def test_events_without_a_side_are_refused() -> None:
    message = refusal(events(position_side=None), "liquidations")
    assert "no column for position_side" in message
    assert "liquidated_side" in message


def test_events_without_an_amount_are_refused() -> None:
    assert "no column for notional or price or quantity" in refusal(
        events(notional=None, price=[1.0] * 3), "liquidations"
    )


def test_totals_are_read_by_side() -> None:
    table = pl.DataFrame({"ts": [START, START + 1], "long_usd": [1.0, 2.0], "short_usd": [3.0, 0.0]})
    read = read_table(table, "liquidations", symbol="BTC")
    assert not read.is_events
    assert read.values["long_notional"].tolist() == [1.0, 2.0]
    assert read.values["short_notional"].tolist() == [3.0, 0.0]


# Recorded data


@pytest.mark.shared
def test_recorded_binance_force_orders_load_with_their_limit_prices_noted_apart(shared: Path) -> None:
    path = shared / "data/binance-force-orders/force_orders.parquet"
    raw = pl.read_parquet(path)
    for symbol in ("BTC", "ETH", "RARE"):
        rows = raw.filter(pl.col("symbol") == symbol)
        read = read_table(path, "liquidations", symbol=symbol)
        # In this recording SELL is the order that closed a long, as Binance documents it.
        longs = rows.filter(pl.col("side") == "SELL")["usd_size"].sum()
        assert len(read) == rows.height
        assert read.values["long_notional"].sum() == pytest.approx(longs, rel=1e-12)
        assert np.all(np.diff(read.times) >= 0)
        fields = {"side": "side", "notional": "usd_size"}
        by_order = read_table(path, "liquidations", symbol=symbol, columns=fields, side_meaning="order")
        assert by_order.values["long_notional"].tolist() == read.values["long_notional"].tolist()


@pytest.mark.shared
def test_recorded_liquidation_fills_without_a_side_are_refused(shared: Path) -> None:
    path = shared / "data/multivenue-2025-2026/liquidation_events.parquet"
    assert "no column for position_side" in refusal(path, "liquidations")
