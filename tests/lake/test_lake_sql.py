"""SQL sees what `read` returns, and can neither write nor look elsewhere."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from lake.made_rows import BARS, RECEIVED, bar, made_rows
from powderkeg.errors import InputError, LakeError, MissingExtraError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import TABLES, MarketTable

pytest.importorskip("duckdb")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with bars of two symbols, one of them in overlapping parts."""
    lake = Lake(tmp_path / "it's a = lake", create=True)
    lake.append(BARS, [bar(0), bar(1)], received_ts=RECEIVED, source="rest")
    lake.append(BARS, [bar(1, 101.0), bar(2)], received_ts=RECEIVED + 1, source="rest")
    lake.append(
        DatasetKey("bars", "binance", "ETH/USD %", "5m"), [bar(0)], received_ts=RECEIVED, source="rest"
    )
    return lake


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_sql_and_read_agree_on_every_table(lake: Lake, table: MarketTable) -> None:
    key = DatasetKey(table.name, "venue", "X→Y", "variant 1")
    # Values told again, in conflict, back and forth, in order and late.
    for seed, received in ((0, 0), (0, 5), (1, 3), (0, 9), (2, 7), (2, 9), (2, 9)):
        rows = made_rows(table, 5 + seed, seed)
        lake.append(key, rows, received_ts=RECEIVED + received, source=f"{seed} at {received}")
    frame = lake.read(key)
    answer = lake.sql(f"SELECT * FROM \"{table.name}\" WHERE venue = 'venue'")  # noqa: S608
    order = ["ts", *(name for name in table.key if name != "ts")]
    assert answer.select(frame.columns).sort(order).equals(frame)
    assert answer.select("venue", "symbol", "variant").unique().rows() == [("venue", "X→Y", "variant 1")]
    assert "confirmed_ts" not in answer.columns
    lake.compact(key)
    assert lake.sql(f"SELECT count(*) FROM {table.name} WHERE venue = 'venue'").item() == frame.height  # noqa: S608


def test_a_view_holds_all_instruments_of_a_table(lake: Lake) -> None:
    query = (
        "SELECT symbol, variant, count(*) AS n, sum(close) AS total FROM BARS GROUP BY ALL ORDER BY symbol"
    )
    assert lake.sql(query).rows() == [("BTCUSDT", "5m", 3, 301.0), ("ETH/USD %", "5m", 1, 100.0)]


def test_tables_can_be_joined_and_an_answer_can_be_empty(lake: Lake) -> None:
    marks = DatasetKey("mark_bars", "binance", "BTCUSDT", "5m")
    lake.append_frame(
        marks,
        lake.read(BARS).select("ts", "interval_ms", "open", "high", "low", "close"),
        received_ts=RECEIVED,
        source="rest",
    )
    query = "SELECT b.close - m.close AS d FROM bars b JOIN mark_bars m USING (ts, symbol) ORDER BY ts"
    assert lake.sql(query)["d"].to_list() == [0.0, 0.0, 0.0]
    assert lake.sql("SELECT ts, venue FROM bars WHERE close < 0").schema == {
        "ts": pl.Int64,
        "venue": pl.String,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT clsoe FROM bars", 'sql: Binder Error: .*"clsoe"'),
        ("SELEC 1", "sql: Parser Error"),
        ("SELECT * FROM trades", "sql: Catalog Error: Table with name trades does not exist"),
        ("SELECT 'a'::INT FROM bars", "sql: Conversion Error"),
        ("", "is not one SELECT"),
        ("SELECT 1; SELECT 2", "is not one SELECT"),
        ("COPY (SELECT 1) TO 'x.csv'", "is not one SELECT"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "is not one SELECT"),
        ("CREATE TABLE t AS SELECT 1", "is not one SELECT"),
        ("DROP VIEW bars", "is not one SELECT"),
        ("ATTACH 'x.db'", "is not one SELECT"),
        ("SET enable_external_access = true", "is not one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "sql: Permission Error"),
        ("SELECT * FROM read_text('/etc/passwd')", "sql: Permission Error"),
        ("SELECT * FROM glob('/*')", "sql: Permission Error"),
        ("SELECT * FROM '/etc/passwd.csv'", "sql: Permission Error"),
        ("SELECT * FROM query('COPY (SELECT 1) TO ''x.csv''')", "sql: "),
    ],
)
def test_what_is_no_question_to_the_lake_is_refused_in_words_of_duckdb(
    lake: Lake, query: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=expected):
        lake.sql(query)
    assert [path.name for path in tmp_path.iterdir()] == [lake.root.name]


@pytest.mark.parametrize(
    "value",
    [
        "DATE 'infinity'",
        "DATE '-infinity'",
        "DATE '10000-01-01'",
        "DATE '0001-01-01' - 1",
        "TIMESTAMP 'infinity'",
        "TIMESTAMPTZ '-infinity'",
        "TIMESTAMP '10000-01-01'",
        "'infinity'::TIMESTAMP_S",
        "'-infinity'::TIMESTAMP_MS",
        "'infinity'::TIMESTAMP_NS",
        "[[DATE 'infinity'], []]",
        "array_value(DATE '2025-01-01', DATE 'infinity')",
        "{'a': {'b': TIMESTAMP 'infinity'}}",
        "map {1: TIMESTAMP 'infinity'}",
        "map {DATE 'infinity': 1}",
    ],
)
def test_times_that_no_date_of_python_is_are_refused_with_the_column(lake: Lake, value: str) -> None:
    query = f"SELECT close, {value} AS latest FROM bars"  # noqa: S608
    with pytest.raises(InputError, match=r"sql: column 'latest' holds infinity .* cast it to text"):
        lake.sql(query)
    assert lake.sql(f"SELECT ({value})::VARCHAR AS latest").item()


def test_integers_of_128_bits_are_exact_or_refused(lake: Lake) -> None:
    largest = 2**128 - 1
    query = f"SELECT {largest}::UHUGEINT AS a, [{largest}::UHUGEINT] AS b, 5::UHUGEINT AS c"
    assert lake.sql(query).row(0) == (f"{largest}", f"[{largest}]", "5")
    for value in (10**38 - 1, 1 - 10**38, 7):
        assert int(lake.sql(f"SELECT sum({value}::HUGEINT) AS a").item()) == value
    with pytest.raises(InputError, match=rf"sql: .*{2**127 - 1}.* DECIMAL\(38,0\)"):
        lake.sql(f"SELECT {2**127 - 1}::HUGEINT AS a")


def test_the_first_and_last_times_of_python_are_answers(lake: Lake) -> None:
    query = """SELECT DATE '0001-01-01' AS a, DATE '9999-12-31' AS b, TIMESTAMP '0001-01-01' AS c,
        TIMESTAMP '9999-12-31 23:59:59.999999' AS d, TIMESTAMP_S '2025-01-02 03:04:05' AS e,
        [DATE '9999-12-31', NULL] AS f, NULL::DATE AS g, map {1: DATE '2025-01-01'} AS h, []::DATE[] AS i"""
    (row,) = lake.sql(query).drop("h").rows()
    assert [str(value) for value in row[:5]] == [
        "0001-01-01",
        "9999-12-31",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
        "2025-01-02 03:04:05",
    ]
    assert row[5:] == ([dt.date(9999, 12, 31), None], None, [])


def test_a_variable_of_the_caller_is_no_table(lake: Lake) -> None:
    frame = pl.DataFrame({"a": [1]})
    with pytest.raises(InputError, match="frame does not exist"):
        lake.sql("SELECT * FROM frame")
    assert frame.height == 1


def test_without_duckdb_the_extra_to_install_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'powderkeg\[sql\]'"):
        lake.sql("SELECT 1")


def test_a_missing_part_is_an_error_and_not_fewer_rows(lake: Lake) -> None:
    next(lake.root.rglob("*.parquet")).unlink()
    with pytest.raises(LakeError, match=r"sql: .*\.parquet"):
        lake.sql("SELECT count(close) FROM bars")


def test_sql_beside_appends_and_merges_sees_whole_appends(lake: Lake) -> None:
    done = threading.Event()

    def write() -> None:
        for index in range(1, 25):
            lake.append(
                BARS, [bar(2 * index), bar(2 * index + 1)], received_ts=RECEIVED + index, source="live"
            )
            lake.compact(BARS)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    while writer.is_alive():
        query = "SELECT count(*) AS n FROM bars WHERE symbol = 'BTCUSDT'"
        counts.append(lake.sql(query)["n"].item())
    writer.join()
    assert done.is_set()
    assert counts == sorted(counts)
    assert {count % 2 for count in counts if count > 3} <= {0}
    assert lake.sql("SELECT max(ts) FROM bars").item() == bar(49).ts
