"""Provided series: read as documented, never known before their time, refused where they cannot be."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest

from powderkeg.errors import InputError, MissingColumnError
from powderkeg.lake.series_files import file_series
from powderkeg.model.provided_series import HeldSeries, ProvidedRow
from powderkeg.model.times import DAY, HOUR, milliseconds
from powderkeg.model.window import Window

FIRST = milliseconds("2025-10-09")


def test_a_file_in_millions_of_dollars_is_read_in_dollars_and_known_the_next_morning(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text("date,total_usd_m,IBIT\n2025-10-09,-94.5,1\n2025-10-10,,\n2025-10-13,102.0,2\n")
    series = file_series(path, "etf_flow")
    assert series.name == "flows.csv"
    assert series.rows == (
        ProvidedRow(FIRST, -94.5e6, FIRST + DAY + 6 * HOUR),
        ProvidedRow(FIRST + 4 * DAY, 102e6, FIRST + 5 * DAY + 6 * HOUR),
    )
    assert series.series(Window(FIRST, FIRST + DAY)) == series.rows[:1]


def test_a_parquet_file_that_says_when_its_rows_were_known_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    pl.DataFrame(
        {"ts": [FIRST, FIRST + DAY], "value": [25.0, 30.0], "known_at": [FIRST + 5, FIRST + DAY]}
    ).write_parquet(path)
    rows = file_series(path, "fear_and_greed", name="mine").rows
    assert rows == (ProvidedRow(FIRST, 25.0, FIRST + 5), ProvidedRow(FIRST + DAY, 30.0, FIRST + DAY))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("date,total_eur\n2025-10-09,1\n", "etf_flow", "the columns date, total_eur; expected one of value"),
        ("day,value\n2025-10-09,1\n", "etf_flow", "expected one of ts, time"),
        ("date,fng\n2025-10-09,101\n", "fear_and_greed", "101 at 2025-10-09T00:00:00Z; expected fear"),
        ("date,value\n2025-10-10,1\n2025-10-09,1\n", "etf_flow", "expected rows sorted by time"),
        ("date,value\n2025-10-09,1\n2025-10-09,1\n", "etf_flow", "expected rows sorted by time"),
        ("date,value\n2025-10-09,much\n", "etf_flow", "'value' is 'much' in row 0"),
        ("date,value\n2025-10-09,\n", "etf_flow", "no row has a value in 'value'"),
        ("date,value\n09.10.2025,1\n", "etf_flow", "expected an ISO 8601 time"),
        ("date,value,known_at\n2025-10-09,1,2025-10-08\n", "etf_flow", "is known at 2025-10-08T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_such_a_series_is_refused(
    text: str, kind: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        file_series(path, kind)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_or_nothing_of_the_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no.csv is no file; expected a Parquet or CSV file"):
        file_series(tmp_path / "no.csv", "etf_flow")
    (tmp_path / "flows.xls").write_text("x")
    with pytest.raises(InputError, match="neither Parquet nor CSV by its name"):
        file_series(tmp_path / "flows.xls", "etf_flow")
    (tmp_path / "flows.parquet").write_text("x")
    with pytest.raises(InputError, match="cannot be read as what its name says"):
        file_series(tmp_path / "flows.parquet", "etf_flow")
    assert issubclass(MissingColumnError, InputError)


def test_held_rows_are_checked() -> None:
    with pytest.raises(InputError, match="expected rows sorted by time"):
        HeldSeries("mine", (ProvidedRow(FIRST, 1.0, FIRST), ProvidedRow(FIRST, 2.0, FIRST)))


def test_recorded_series_load(shared: Path) -> None:
    macro = shared / "data" / "macro"
    flows = file_series(macro / "btc_spot_etf_flows_daily_usd_m.csv", "etf_flow").rows
    assert len(flows) == 662
    assert flows[0] == ProvidedRow(milliseconds("2024-01-11"), 655.3e6, milliseconds("2024-01-12T06:00Z"))
    # Most closed days have no row, but some have one of 0: sums are right, counts of days are not.
    zero = [row.ts for row in flows if row.value == 0]
    assert zero == [milliseconds(day) for day in ("2026-04-03", "2026-05-25", "2026-07-03")]
    # The largest fund reports last: on the last day it is 0 where it was 503 the day before.
    last = pl.read_csv(macro / "btc_spot_etf_flows_daily_usd_m.csv", infer_schema_length=None).tail(2)
    assert last["IBIT"].to_list() == [503.0, 0.0]
    assert len(file_series(macro / "eth_spot_etf_flows_daily_usd_m.csv", "etf_flow").rows) == 523
    index = file_series(macro / "fear_greed_daily.csv", "fear_and_greed").rows
    gaps = [after.ts - before.ts for before, after in itertools.pairwise(index)]
    assert sorted(gaps)[-3:] == [DAY, 2 * DAY, 4 * DAY]
