"""What goes into the lake comes out of it: rows, times, coverage and batches, each once and as they were."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lake.made_rows import BARS, HOUR, MINUTES_5, RECEIVED, START, bar, made_rows, plain, standing
from powderkeg.errors import InputError, LakeError, MissingColumnError, OutputError, WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import (
    TABLES,
    FundingRate,
    LeverageTierRow,
    MarketTable,
    MarkPrice,
    StreamGap,
)
from powderkeg.model.window import Window

FEBRUARY = START + 2 * HOUR  # bar 24
ORIGIN = ["received_ts", "source"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake without data."""
    return Lake(tmp_path / "lake", create=True)


def fields(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows of a frame without when and from where they came."""
    return frame.drop(ORIGIN).rows()


def part_paths(lake: Lake) -> list[Path]:
    """Return all Parquet files of a lake, sorted."""
    return sorted(lake.root.rglob("*.parquet"))


# Rows come back


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_of_every_table_come_back_as_they_were(lake: Lake, table: MarketTable) -> None:
    key = DatasetKey(table.name, "venue", "BTC/USD:X", "all")
    rows = made_rows(table, 60)
    times = [RECEIVED + index for index in range(60)]
    assert lake.append(key, rows, received_ts=times, source="rest").rows == 60
    frame = lake.read(key)
    assert fields(frame) == plain(rows)
    assert frame["received_ts"].to_list() == times
    assert set(frame["source"]) == {"rest"}
    assert frame.columns == [*table.columns, *ORIGIN]
    lake.compact(key)
    assert lake.read(key).equals(frame)
    assert lake.verify(key) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_frame_of_every_table_is_stored_like_its_rows(lake: Lake, table: MarketTable) -> None:
    rows = made_rows(table, 20, seed=1)
    one, other = DatasetKey(table.name, "venue", "A"), DatasetKey(table.name, "venue", "B")
    lake.append(one, rows, received_ts=RECEIVED, source="bulk")
    frame = lake.read(one).drop(ORIGIN)
    lake.append_frame(other, frame.select(reversed(frame.columns)), received_ts=RECEIVED, source="bulk")
    assert lake.read(other).equals(lake.read(one))


def test_rows_come_sorted_by_time_in_whatever_order_they_were_written(lake: Lake) -> None:
    for index in (30, 3, 17, 24, 0, 23):
        lake.append(BARS, [bar(index)], received_ts=RECEIVED, source="rest")
    assert lake.read(BARS)["ts"].to_list() == [START + i * MINUTES_5 for i in (0, 3, 17, 23, 24, 30)]


def test_a_window_holds_its_start_and_not_its_end(lake: Lake) -> None:
    lake.append(BARS, [bar(index) for index in range(48)], received_ts=RECEIVED, source="rest")
    window = Window(FEBRUARY - MINUTES_5, FEBRUARY + MINUTES_5)
    assert lake.read(BARS, window)["ts"].to_list() == [FEBRUARY - MINUTES_5, FEBRUARY]
    assert lake.read(BARS, Window(FEBRUARY, FEBRUARY + 1))["ts"].to_list() == [FEBRUARY]


def test_rows_are_filed_under_their_utc_month(lake: Lake) -> None:
    lake.append(BARS, [bar(23), bar(24)], received_ts=RECEIVED, source="rest")
    assert [path.parent.name for path in part_paths(lake)] == ["month=2025-01", "month=2025-02"]


def test_columns_come_in_the_order_asked_for_also_where_parts_overlap(lake: Lake) -> None:
    lake.append(BARS, [bar(0), bar(5)], received_ts=RECEIVED, source="rest")
    asked = ["close", "ts"]
    assert lake.read(BARS, columns=asked).rows() == [(100.0, START), (100.0, START + 5 * MINUTES_5)]
    lake.append(BARS, [bar(0, close=101.0)], received_ts=RECEIVED + 1, source="rest")
    assert lake.read(BARS, columns=asked).rows() == [(101.0, START), (100.0, START + 5 * MINUTES_5)]
    origin = lake.read(BARS, columns=["source", "confirmed_ts", "received_ts"])
    assert origin.rows() == [("rest", RECEIVED + 1, RECEIVED + 1), ("rest", RECEIVED, RECEIVED)]
    with pytest.raises(InputError, match="columns: 'price' is no column of bars of binance BTCUSDT"):
        lake.read(BARS, columns=["price"])


def test_nothing_comes_from_a_dataset_that_nobody_wrote(lake: Lake) -> None:
    frame = lake.read(BARS)
    assert frame.height == 0
    assert frame.schema["close"] == pl.Float64
    assert lake.covered(BARS) == ()
    assert lake.compact(BARS).parts_after == 0
    lake.remove_coverage(BARS, Window(START, START + 1))
    assert lake.verify(BARS) == []
    assert not (lake.root / "tables").exists()  # and asking made nothing


# One row per key


def test_the_row_received_last_stands_whatever_order_it_is_written_in(lake: Lake) -> None:
    for close, received in ((102.0, 2), (103.0, 3), (101.0, 1)):
        lake.append(BARS, [bar(0, close)], received_ts=RECEIVED + received, source=f"at {received}")
    stands = (103.0, RECEIVED + 3, "at 3")
    assert lake.read(BARS, columns=["close", *ORIGIN]).rows() == [stands]
    done = lake.compact(BARS)
    assert (done.duplicates, done.conflicts) == (0, 2)
    assert lake.read(BARS, columns=["close", *ORIGIN]).rows() == [stands]
    (summary,) = lake.datasets()
    assert (summary.rows, summary.duplicates_dropped, summary.conflicts_resolved) == (1, 0, 2)


def test_of_rows_received_at_one_time_the_one_written_later_stands(lake: Lake) -> None:
    rows = [bar(0, 101.0), bar(0, 102.0)]
    done = lake.append(BARS, rows, received_ts=RECEIVED, source="rest")
    assert (done.rows, done.conflicts) == (1, 1)
    assert lake.read(BARS)["close"].to_list() == [102.0]
    lake.append(BARS, [bar(0, 101.0)], received_ts=RECEIVED, source="rest")
    assert lake.read(BARS)["close"].to_list() == [101.0]


@pytest.mark.parametrize("merged", [False, True])
def test_a_row_told_again_keeps_when_it_was_learned_and_still_beats_older_ones(
    lake: Lake, merged: bool
) -> None:
    lake.append(BARS, [bar(0, 101.0)], received_ts=RECEIVED, source="live")
    lake.append(BARS, [bar(0, 101.0)], received_ts=RECEIVED + 20, source="bulk")
    if merged:
        assert lake.compact(BARS).duplicates == 1
    columns = ["close", "confirmed_ts", *ORIGIN]
    assert lake.read(BARS, columns=columns).rows() == [(101.0, RECEIVED + 20, RECEIVED, "live")]
    lake.append(BARS, [bar(0, 102.0)], received_ts=RECEIVED + 10, source="late")
    assert lake.read(BARS, columns=["close"]).rows() == [(101.0,)]  # confirmed after the other was heard


def test_an_empty_value_is_a_value_and_not_the_same_as_another(lake: Lake) -> None:
    key = DatasetKey("mark_prices", "binance", "BTCUSDT")
    told = [MarkPrice(START, 1.0, None, 0.1, None), MarkPrice(START, 1.0, 2.0, None, None)]
    for number, row in enumerate(told):
        lake.append(key, [row], received_ts=RECEIVED + number, source="live")
    assert lake.compact(key).conflicts == 1
    assert fields(lake.read(key)) == [tuple(told[-1])]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_told_in_three_orders_are_what_a_dictionary_keeps(lake: Lake, table: MarketTable) -> None:
    key = DatasetKey(table.name, "venue", "X")
    told = [row for seed in range(3) for row in made_rows(table, 12, seed)]
    for number in range(0, len(told), 5):
        lake.append(key, told[number : number + 5], received_ts=RECEIVED + number, source="rest")
    assert fields(lake.read(key)) == standing(told, table)
    lake.compact(key)
    assert fields(lake.read(key)) == standing(told, table)


def test_gaps_of_two_tables_and_reasons_stay_apart(lake: Lake) -> None:
    key = DatasetKey("gaps", "binance", "BTCUSDT")
    rows = [StreamGap(START, START + 5, table, reason) for table in ("bars", "trades") for reason in "ab"]
    lake.append(key, rows, received_ts=RECEIVED, source="live")
    lake.append(key, rows, received_ts=RECEIVED, source="live")
    assert fields(lake.read(key)) == plain(rows)


# Batches


def test_a_batch_is_applied_once(lake: Lake) -> None:
    covered = [Window(START, START + HOUR)]
    assert lake.append(
        BARS, [bar(0)], received_ts=RECEIVED, source="live", covered=covered, batch="a"
    ).applied
    again = lake.append(BARS, [bar(1)], received_ts=RECEIVED, source="live", batch="a")
    assert (again.applied, again.rows) == (False, 0)
    assert lake.read(BARS).height == 1
    assert lake.append(BARS, [], received_ts=RECEIVED, source="live", batch="b").applied
    assert lake.applied_batches(BARS) == ("a", "b")
    assert lake.forget_batches(BARS, ["a", "never"]) == 1
    assert lake.applied_batches(BARS) == ("b",)
    assert lake.append(BARS, [bar(1)], received_ts=RECEIVED, source="live", batch="a").applied
    assert lake.read(BARS).height == 2


# Coverage


def test_coverage_says_what_is_missing_to_the_millisecond(lake: Lake) -> None:
    lake.add_coverage(BARS, Window(START, START + 10), Window(START + 20, START + 30))
    lake.append(BARS, [], received_ts=RECEIVED, source="rest", covered=[Window(START + 10, START + 12)])
    assert lake.covered(BARS) == (Window(START, START + 12), Window(START + 20, START + 30))
    assert lake.missing(BARS, Window(START - 5, START + 25)) == (
        Window(START - 5, START),
        Window(START + 12, START + 20),
    )
    lake.remove_coverage(BARS, Window(START + 5, START + 21))
    assert lake.covered(BARS) == (Window(START, START + 5), Window(START + 21, START + 30))
    assert lake.read(BARS).height == 0


@pytest.mark.parametrize("window", [Window(5, 5), Window(6, 5)])
def test_a_window_without_time_is_refused(lake: Lake, window: Window) -> None:
    with pytest.raises(WindowError):
        lake.add_coverage(BARS, window)
    with pytest.raises(WindowError):
        lake.read(BARS, window)


# What is refused, and that nothing of it is written


FUNDING = DatasetKey("funding", "okx", "BTC-USDT-SWAP")


def refusal(lake: Lake, rows: Any, key: DatasetKey = FUNDING, **changed: Any) -> str:
    """Return the message with which rows are refused, after checking that nothing was written."""
    arguments: dict[str, Any] = {"received_ts": RECEIVED, "source": "rest"} | changed
    with pytest.raises(InputError) as caught:
        lake.append(key, rows, **arguments)
    assert not (lake.root / "tables").exists()
    return str(caught.value)


GOOD = FundingRate(START, 0.0001, None)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"funding_rate": math.nan}, "funding: funding_rate is nan in row 1 .*; expected a finite number"),
        ({"funding_rate": -math.inf}, "funding: funding_rate is -inf in row 1 .*; expected a finite number"),
        ({"funding_rate": None}, "funding: funding_rate is None in row 1 .*; expected a finite number"),
        ({"funding_rate": "0.1"}, "funding: funding_rate is '0.1' in row 1 .*; expected a finite number"),
        ({"funding_rate": True}, "funding: funding_rate is True in row 1 .*; expected a finite number"),
        ({"ts": float(START)}, r"funding: ts is 1738360800000\.0 in row 1 .*; expected a whole number"),
        ({"ts": None}, "funding: ts is None in row 1 .*; expected a whole number"),
        ({"ts": START // 1000}, "funding: ts in row 1 .*: 1738360800 is not a time in UTC milliseconds"),
        ({"interval_ms": 2**63}, "funding: interval_ms is 9223372036854775808 in row 1 .*or None"),
        ({"interval_ms": False}, "funding: interval_ms is False in row 1"),
    ],
)
def test_an_impossible_value_is_refused_with_its_field_and_row(
    lake: Lake, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        lake.append(FUNDING, [GOOD, GOOD._replace(**changed)], received_ts=RECEIVED, source="rest")
    assert not (lake.root / "tables").exists()


def test_rows_of_another_table_are_refused(lake: Lake) -> None:
    assert "row 1 (counted from 0) is Bar(" in refusal(lake, [GOOD, bar(0)])
    assert "expected instances of FundingRate" in refusal(lake, [tuple(GOOD)])


def test_text_that_is_no_unicode_is_refused(lake: Lake) -> None:
    gaps = DatasetKey("gaps", "okx", "BTC-USDT-SWAP")
    rows = [StreamGap(START, START + 1, "bars", "ok"), StreamGap(START, START + 1, "bars", "a\ud800")]
    assert "gaps: reason is 'a\\ud800' in row 1" in refusal(lake, rows, gaps)
    with pytest.raises(InputError, match="expected Unicode text"):
        DatasetKey("gaps", "okx", "a\ud800")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"received_ts": [RECEIVED]}, "received_ts holds 1 times for 2 rows"),
        ({"received_ts": [RECEIVED, None]}, "received_ts is None in row 1"),
        ({"received_ts": RECEIVED / 1000}, "expected UTC milliseconds as an integer"),
        ({"received_ts": RECEIVED * 1000}, "received_ts: 1738396800000000 is not a time"),
        ({"source": ""}, "source is ''"),
        ({"batch": ""}, "batch is ''; expected an id, or None"),
        ({"covered": [Window(1.0, 2)]}, "start of a window is 1.0"),  # type: ignore[arg-type]
    ],
)
def test_an_impossible_argument_is_refused(lake: Lake, changed: dict[str, Any], expected: str) -> None:
    assert expected in refusal(lake, [GOOD, GOOD], **changed)


@pytest.mark.parametrize(
    "names", [("bars", "", "X"), ("bars", "v", ""), ("bars", "v", "X", ""), ("bar", "v", "X")]
)
def test_a_dataset_without_a_name_or_table_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        DatasetKey(*names)
    with pytest.raises(InputError, match="too long for a directory"):
        DatasetKey("bars", "v", "X" * 300)


def test_only_the_cap_of_a_tier_may_be_infinite(lake: Lake) -> None:
    key = DatasetKey("leverage_tiers", "okx", "BTC-USDT-SWAP")
    row = LeverageTierRow(START, 1, 0.0, math.inf, 0.004, None, 125.0)
    assert "notional_floor is inf" in refusal(lake, [row._replace(notional_floor=math.inf)], key)
    lake.append(key, [row], received_ts=RECEIVED, source="rest")
    assert fields(lake.read(key)) == [tuple(row)]


def test_a_frame_is_refused_for_its_columns_and_values(lake: Lake) -> None:
    def message(error: type[InputError], **columns: Any) -> str:
        given = {"ts": [START], "funding_rate": [0.1], "interval_ms": [None]} | columns
        frame = pl.DataFrame({name: values for name, values in given.items() if values is not None})
        with pytest.raises(error) as caught:
            lake.append_frame(FUNDING, frame, received_ts=RECEIVED, source="bulk")
        assert not (lake.root / "tables").exists()
        return str(caught.value)

    assert "no column 'funding_rate'" in message(MissingColumnError, funding_rate=None)
    assert "column 'rate' is not a field" in message(InputError, rate=[1.0])
    assert "column 'ts' holds Float64" in message(InputError, ts=[float(START)])
    assert "column 'funding_rate' holds String" in message(InputError, funding_rate=["0.1"])
    assert "funding_rate is None in row 0" in message(
        InputError, funding_rate=pl.Series([None], dtype=pl.Float64)
    )
    assert "interval_ms is 18446744073709551615" in message(
        InputError, interval_ms=pl.Series([2**64 - 1], dtype=pl.UInt64)
    )


# Names


def test_any_symbol_has_a_directory_of_its_own_and_is_found_again(lake: Lake) -> None:
    symbols = [
        "BTC/USD:BTC",
        "..",
        ".",
        "a%2Fb",
        "a/b",
        "a=b",
        "ß→",
        "k PEPE",
        "kPEPE",
        "KPEPE",
        "*",
        "\n",
        "'",
    ]
    for number, symbol in enumerate(symbols):
        key = DatasetKey("bars", "v/v", symbol, "1 m")
        lake.append(key, [bar(number)], received_ts=RECEIVED, source="rest")
    found = list(lake.datasets())
    assert sorted(summary.key.symbol for summary in found) == sorted(symbols)
    for number, symbol in enumerate(symbols):
        key = DatasetKey("bars", "v/v", symbol, "1 m")
        assert lake.read(key)["ts"].to_list() == [START + number * MINUTES_5]
        assert [summary.key for summary in lake.datasets(symbol=symbol)] == [key]


def test_two_symbols_in_one_directory_are_an_error_and_not_one_symbol(lake: Lake) -> None:
    lower, upper = DatasetKey("bars", "hl", "kPEPE"), DatasetKey("bars", "hl", "KPEPE")
    lake.append(lower, [bar(0)], received_ts=RECEIVED, source="rest")
    place = lake.root / "tables" / lower.directory
    # As a file system that does not tell upper from lower case would have it.
    place.parent.rename(place.parent.with_name("symbol=KPEPE"))
    for call in (
        lambda: lake.read(upper),
        lambda: lake.append(upper, [bar(0)], received_ts=RECEIVED, source="rest"),
        lambda: list(lake.datasets()),
    ):
        with pytest.raises(LakeError, match="holds bars of hl kPEPE .*, not bars of hl KPEPE"):
            call()


def test_datasets_are_listed_with_what_their_manifests_say(lake: Lake) -> None:
    lake.append(
        BARS, [bar(0), bar(30)], received_ts=RECEIVED, source="rest", covered=[Window(START, FEBRUARY)]
    )
    other = DatasetKey("mark_prices", "okx", "BTC-USDT-SWAP")
    lake.add_coverage(other, Window(START, FEBRUARY))
    bars, marks = lake.datasets()
    assert (bars.key, bars.rows, bars.parts) == (BARS, 2, 2)
    assert (bars.first_ts, bars.last_ts) == (START, START + 30 * MINUTES_5)
    assert bars.covered == (Window(START, FEBRUARY),)
    assert bars.size == sum(path.stat().st_size for path in part_paths(lake))
    assert (marks.key, marks.rows, marks.first_ts, marks.last_ts) == (other, 0, None, None)
    assert [found.key for found in lake.datasets(venue="okx")] == [other]
    assert [found.key for found in lake.datasets("bars", "binance", "BTCUSDT")] == [BARS]
    assert list(lake.datasets("bars", "okx")) == []
    with pytest.raises(InputError, match="table is 'klines'"):
        list(lake.datasets("klines"))


# Opening


def test_what_is_no_lake_is_not_opened_or_made_one_by_accident(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(LakeError, match=r"is no lake: it has no lake\.json"):
            Lake(root)
    assert list(tmp_path.iterdir()) == []
    Lake(tmp_path / "a" / "lake", create=True)
    Lake(tmp_path / "a" / "lake")
    Lake(tmp_path / "a" / "lake", create=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"format": 2}', "is a lake of format 2, which a newer powderkeg wrote"),
        ("{}", "is damaged"),
        ("\x00", "is damaged"),
        ("[1]", "is damaged"),
    ],
)
def test_a_lake_of_a_newer_format_or_without_one_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "lake.json").write_text(text)
    for create in (False, True):
        with pytest.raises(LakeError, match=expected):
            Lake(tmp_path, create=create)
    assert (tmp_path / "lake.json").read_text() == text


# Export


def test_an_export_holds_what_a_read_returns(lake: Lake, tmp_path: Path) -> None:
    lake.append(BARS, [bar(index) for index in range(48)], received_ts=RECEIVED, source="rest")
    lake.append(BARS, [bar(3, 105.0)], received_ts=RECEIVED + 1, source="rest")
    window = Window(START, FEBRUARY)
    assert lake.export(BARS, tmp_path / "bars.parquet", window) == 24
    assert pl.read_parquet(tmp_path / "bars.parquet").equals(lake.read(BARS, window))
    assert lake.export(BARS, str(tmp_path / "bars.csv")) == 48
    read_back = pl.read_csv(tmp_path / "bars.csv", schema=lake.read(BARS).schema)
    assert read_back.equals(lake.read(BARS))
    with pytest.raises(OutputError, match=r"ends neither in \.parquet nor in \.csv"):
        lake.export(BARS, tmp_path / "bars.xlsx")
    with pytest.raises(OutputError, match="No such file or directory"):
        lake.export(BARS, tmp_path / "absent" / "bars.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.csv", "bars.parquet", "lake"]


def test_a_lake_is_described_in_plain_json(lake: Lake) -> None:
    lake.append(
        BARS, [bar(0)], received_ts=RECEIVED, source="rest", covered=[Window(START, FEBRUARY)], batch="b"
    )
    document = json.loads((lake.root / "tables" / BARS.directory / "manifest.json").read_text())
    assert document["format"] == 1
    manifest = document["manifest"]
    assert manifest["key"] == {"table": "bars", "venue": "binance", "symbol": "BTCUSDT", "variant": "5m"}
    assert manifest["covered"] == [[START, FEBRUARY]]
    assert manifest["batches"] == ["b"]
    assert [part["rows"] for part in manifest["parts"]] == [1]
