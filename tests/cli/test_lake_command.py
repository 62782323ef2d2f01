"""``powderkeg lake``: nothing missing is drawn as there, nothing damaged passes, tidying loses nothing."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import Command
from lake.made_rows import BARS, HOUR, MINUTES_5, RECEIVED, START, bar, made_rows
from powderkeg.analytics.lake_coverage import recorded_gaps
from powderkeg.cli import terminal
from powderkeg.cli.terminal_coverage import covered_shares, strip, time_axis
from powderkeg.cli.terminal_text import length_text, size_text, time_text
from powderkeg.fake_venues.dialects import dialect
from powderkeg.ingest.live_compaction import finished_segments
from powderkeg.ingest.segment_notes import NOTES, Listening, note_bytes
from powderkeg.ingest.segment_rows import ChannelMeaning, segment_metadata
from powderkeg.lake.catalogue import DatasetSummary
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader, SegmentWriter, segment_path
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import TABLES, LeverageTierRow, StreamGap, Trade, UnreadableFrame, table_of
from powderkeg.model.times import DAY, MINUTE, iso
from powderkeg.model.window import Window, united
from powderkeg.venues.bybit import VENUE
from venues.made_rows import START as SCRIPTED
from venues.made_rows import instrument_row
from venues.made_rows import made_rows as made_market

PAGE = Path(__file__).parents[2] / "docs" / "lake.md"
FEBRUARY = START + 2 * HOUR
COMMANDS = (
    "coverage", "verify", "compact", "export bars binance BTCUSDT out.csv", "sql SELECT",
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Return the lake of the settings: bars over the end of a month, in three parts, with a hole."""
    root = tmp_path / "lake"
    monkeypatch.setenv("POWDERKEG_LAKE", str(root))
    monkeypatch.chdir(tmp_path)
    lake = Lake(root, create=True)
    hole = Window(START + 30 * MINUTES_5, START + 33 * MINUTES_5)
    rows = [bar(index) for index in range(48) if not hole.start <= START + index * MINUTES_5 < hole.end]
    windows = [Window(START, hole.start), Window(hole.end, START + 48 * MINUTES_5)]
    lake.append(BARS, rows, received_ts=RECEIVED, source="rest", covered=windows)
    lake.append(BARS, [bar(0), bar(1, 101.0)], received_ts=RECEIVED + 1, source="live")
    return lake


def part_paths(lake: Lake) -> list[Path]:
    return sorted((lake.root / "tables").rglob("*.parquet"))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def words_of(text: str) -> str:
    return " ".join(text.split())


# What is drawn


windows = st.lists(
    st.tuples(st.integers(0, 3 * 10**10), st.integers(1, 10**9)).map(lambda pair: Window(pair[0], sum(pair))),
    min_size=1,
    max_size=8,
).map(united)


@given(windows, st.integers(8, 200))
def test_the_marks_of_a_strip_add_up_to_what_is_covered(covered: tuple[Window, ...], width: int) -> None:
    axis = time_axis(Window(covered[0].start, covered[-1].end), width)
    assert 1 <= axis.cells <= width
    assert axis.start <= axis.window.start
    assert axis.start + axis.cells * axis.step >= axis.window.end
    shares = covered_shares(covered, axis)
    assert all(0 <= share <= 1 for share in shares)
    total = 0.0
    for cell, share in enumerate(shares):
        start = axis.start + cell * axis.step
        total += share * (min(start + axis.step, axis.window.end) - max(start, axis.window.start))
    assert total == pytest.approx(sum(window.length for window in covered))


@pytest.mark.parametrize("days", [1, 30, 365, 4000])
def test_a_hole_of_a_millisecond_is_seen_however_much_a_mark_stands_for(days: int) -> None:
    window = Window(START, START + days * DAY)
    axis = time_axis(window, 78)
    middle = START + days * DAY // 2 + 7
    marks = strip(covered_shares([Window(START, middle), Window(middle + 1, window.end)], axis)).plain
    assert marks.count("▒") == 1
    assert set(marks) == {"█", "▒"}


def test_a_mark_is_a_day_where_days_fit() -> None:
    assert time_axis(Window(0, 60 * DAY), 78).step == DAY
    assert time_axis(Window(0, 100 * DAY), 78).step == 2 * DAY
    assert time_axis(Window(0, 3 * HOUR), 78).step == 5 * MINUTE


def test_texts_of_lengths_sizes_and_times() -> None:
    assert [length_text(n) for n in (0, 850, 90_000, 3 * DAY + 4 * HOUR + 5, 800 * DAY)] == [
        "0ms", "850ms", "1m 30s", "3d 4h", "800d",
    ]  # fmt: skip
    assert [size_text(n) for n in (0, 999, 1000, 1_234_567, 99_960_000, 2 * 10**9)] == [
        "0 B", "999 B", "1.0 kB", "1.2 MB", "100 MB", "2.0 GB",
    ]  # fmt: skip
    assert [time_text(START + n) for n in (2 * HOUR, 0, 61_500)] == [
        "2025-02-01", "2025-01-31 22:00", "2025-01-31 22:01:01",
    ]  # fmt: skip


# Coverage


def test_scripts_get_every_window_hole_and_count(powderkeg: Command, lake: Lake) -> None:
    found = powderkeg("lake --json")
    assert (found.status, found.err) == (0, "")
    (dataset,) = json.loads(found.out)["datasets"]
    hole = {"start": iso(START + 30 * MINUTES_5), "end": iso(START + 33 * MINUTES_5)}
    assert dataset["covered"] == [
        {"start": iso(START), "end": hole["start"]},
        {"start": hole["end"], "end": iso(START + 48 * MINUTES_5)},
    ]
    assert dataset["holes"] == [hole]
    assert (dataset["rows"], dataset["parts"]) == (47, 3)
    assert (dataset["first"], dataset["last"]) == (iso(START), iso(START + 47 * MINUTES_5))
    powderkeg("lake compact")
    (dataset,) = json.loads(powderkeg("lake coverage --json").out)["datasets"]
    assert (dataset["rows"], dataset["parts"]) == (45, 2)
    assert (dataset["duplicates_dropped"], dataset["conflicts_resolved"]) == (1, 1)


def test_one_dataset_is_told_in_full_and_alone_means_coverage(powderkeg: Command, lake: Lake) -> None:
    found = powderkeg("lake")
    assert found.out == powderkeg("lake coverage").out == powderkeg("lake --table bars").out
    assert "bars of binance BTCUSDT (5m)" in found.out
    assert "2025-02-01 00:30 to 2025-02-01 00:45 (15m)" in found.out
    assert "3 parts" in found.out
    assert re.search(r"^  █+·+█+$", found.out, re.MULTILINE)


def test_a_gap_that_a_backfill_filled_is_not_told_as_missing(powderkeg: Command, lake: Lake) -> None:
    key = DatasetKey("gaps", "binance", "BTCUSDT")
    rows = [
        StreamGap(START + MINUTE, START + 2 * MINUTE, "bars", "silent for 31 s"),
        StreamGap(START + 5 * MINUTE, START + 6 * MINUTE, "bars", "silent for 7 s"),
        StreamGap(START + 30 * MINUTES_5, START + 31 * MINUTES_5, "bars", "HTTP 503"),
        StreamGap(START, START + HOUR, "trades", "of another table"),
        StreamGap(START - DAY, START - HOUR, "bars", "of another time"),
    ]
    lake.append(key, rows, received_ts=RECEIVED, source="live")
    found = json.loads(powderkeg("lake --table bars --json").out)
    assert found["datasets"][0]["gaps"] == [
        {"reason": "HTTP 503", "count": 1, "milliseconds": MINUTES_5, "missing_milliseconds": MINUTES_5},
        {"reason": "silent for … s", "count": 2, "milliseconds": 2 * MINUTE, "missing_milliseconds": 0},
    ]
    shown = powderkeg("lake --table bars").out
    assert "1 gap, 5m in all, none of it filled since: HTTP 503" in shown
    assert "2 gaps, 2m in all, filled since: silent for … s" in shown


def test_a_reason_that_is_always_the_same_keeps_its_numbers() -> None:
    summary = DatasetSummary(BARS, 0, None, None, (Window(0, 10),), 0, 0, 0, 0)
    gaps = recorded_gaps(summary, [(Window(1, 3), "HTTP 503"), (Window(2, 5), "HTTP 503")])
    assert [(gap.reason, gap.count, gap.length) for gap in gaps] == [("HTTP 503", 2, 4)]


def test_a_damaged_manifest_is_named_and_does_not_hide_the_others(powderkeg: Command, lake: Lake) -> None:
    other = DatasetKey("bars", "bybit", "BTCUSDT", "5m")
    lake.append(other, [bar(0)], received_ts=RECEIVED, source="rest")
    path = lake.root / "tables" / other.directory / "manifest.json"
    path.write_text(path.read_text()[:-20])
    found = powderkeg("lake")
    assert found.status == 1
    assert "bars of binance BTCUSDT (5m)" in found.out
    assert "cannot be read: bars of bybit BTCUSDT (5m)" in found.err
    scripted = powderkeg("lake --json")
    assert scripted.status == 1
    assert [one["venue"] for one in json.loads(scripted.out)["unreadable"]] == ["bybit"]
    assert [one["venue"] for one in json.loads(scripted.out)["datasets"]] == ["binance"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("symbols", [2, 20, 60])
def test_many_datasets_fit_into_the_terminal_and_none_is_left_out_silently(
    powderkeg: Command, lake: Lake, width: int, symbols: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(symbols):
        key = DatasetKey("bars", "okx", f"C{number}-USDT-SWAP", "5m")
        lake.append(key, [bar(0)], received_ts=RECEIVED, source="rest", covered=[Window(START, START + DAY)])
    tiers = DatasetKey("leverage_tiers", "okx", "BTC-USDT-SWAP")
    tier = LeverageTierRow(START, 1, 0.0, 1e6, 0.004, None, 100.0)
    lake.append(tiers, [tier], received_ts=RECEIVED, source="rest")
    monkeypatch.setattr(terminal.output, "_width", width)
    out = powderkeg("lake").out
    listing = [line for line in out.splitlines() if not line.startswith(("--", "Left out", "/"))]
    assert max(map(len, listing)) <= width
    assert f"{symbols + 2} datasets" in out
    if symbols > 40:
        assert re.search(rf"bars of okx +{symbols} ", out)
        assert "--symbol choose" in out
    else:
        assert all(f"C{number}-USDT-SWAP 5m" in out for number in range(symbols))
    assert re.search(r"^  (BTC-USDT-SWAP all|leverage_tiers of okx +1) +1 +- ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--table bar", "table is 'bar'; expected one of"),
        ("--table trades", "--table is 'trades'; the lake in"),
        ("--venue okx", "has: binance"),
        ("--venue Binance --symbol BTC", "--symbol is 'BTC'; the lake in {root} has of binance: BTCUSDT"),
        ("--symbol .", "has: BTCUSDT"),
    ],
)
@pytest.mark.parametrize("command", ["coverage", "verify", "compact"])
def test_a_choice_that_leaves_nothing_says_what_there_is(
    powderkeg: Command, lake: Lake, command: str, options: str, expected: str
) -> None:
    found = powderkeg(f"lake {command} {options}")
    assert found.status == 2
    assert expected.replace("{root}", str(lake.root)) in words_of(found.err)
    assert "Traceback" not in found.err


# No lake


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_lake_both_commands_that_fill_one_are_named_and_none_is_made(
    powderkeg: Command, tmp_path: Path, command: str
) -> None:
    root = tmp_path / "no lake"
    found = powderkeg(f"lake {command}", "--lake", root)
    assert found.status == 2
    assert f"there is no lake in {root}" in words_of(found.err)
    assert f"powderkeg backfill binance BTC --lake '{root}'" in words_of(found.err)
    assert f"powderkeg record binance --lake '{root}'" in words_of(found.err)
    assert found.out == ""
    assert not root.exists()


def test_an_empty_lake_says_so_and_how_to_fill_it(powderkeg: Command, tmp_path: Path) -> None:
    Lake(tmp_path / "empty", create=True)
    for command in ("coverage", "verify", "compact"):
        found = powderkeg(f"lake {command}", "--lake", tmp_path / "empty")
        assert found.status == 0, command
    assert "holds nothing yet" in powderkeg("lake", "--lake", tmp_path / "empty").out
    assert json.loads(powderkeg("lake --json", "--lake", tmp_path / "empty").out)["datasets"] == []
    assert powderkeg("lake export bars binance BTC o.csv", "--lake", tmp_path / "empty").status == 2


def test_a_lake_of_a_newer_powderkeg_is_not_told_as_absent(powderkeg: Command, lake: Lake) -> None:
    (lake.root / "lake.json").write_text('{"format": 99}')
    found = powderkeg("lake")
    assert found.status == 2
    assert "update powderkeg" in words_of(found.err)


# Verify


def test_a_sound_lake_is_sound(powderkeg: Command, lake: Lake) -> None:
    found = powderkeg("lake verify")
    assert (found.status, found.out) == (0, "1 dataset verified: every file is what its manifest says.\n")
    result = json.loads(powderkeg("lake verify --json").out)
    assert (result["datasets"], result["problems"], result["forgotten"]) == (1, [], False)


def test_each_problem_comes_with_dataset_file_and_remedy(powderkeg: Command, lake: Lake) -> None:
    january, second, february = part_paths(lake)
    flipped(january)
    february.unlink()
    leftover = february.with_name("000000000099-aaaaaaaaaaaa.parquet")
    leftover.write_bytes(b"half")
    found = powderkeg("lake verify")
    assert found.status == 1
    for text in ("checksum", "missing", "leftover", "restore the file from a copy", "lake compact removes"):
        assert text in found.out
    for path in (january, february, leftover):
        assert f"file: {path}" in found.out
    assert str(second) not in found.out
    assert "3 problems in 1 of 1 dataset." in found.out
    scripted = powderkeg("lake verify --json")
    assert scripted.status == 1
    problems = json.loads(scripted.out)["problems"]
    assert [one["kind"] for one in problems] == ["checksum", "missing", "leftover"]
    assert {(one["venue"], one["symbol"], one["variant"]) for one in problems} == {
        ("binance", "BTCUSDT", "5m")
    }


def test_a_damaged_manifest_is_a_problem_and_not_an_abort(powderkeg: Command, lake: Lake) -> None:
    (lake.root / "tables" / BARS.directory / "manifest.json").write_text("{}")
    found = powderkeg("lake verify --forget --yes")
    assert found.status == 1
    assert "manifest: " in found.out
    assert "move its directory out of the lake" in found.out


def test_forget_removes_nothing_without_yes(powderkeg: Command, lake: Lake) -> None:
    covered = lake.covered(BARS)
    flipped(part_paths(lake)[-1])
    found = powderkeg("lake verify --forget")
    assert found.status == 1
    assert "Nothing was removed" in found.out
    assert lake.covered(BARS) == covered
    assert powderkeg("lake verify --yes").status == 2
    assert lake.covered(BARS) == covered


def test_forget_removes_the_coverage_of_the_damaged_month_and_of_no_other(
    powderkeg: Command, lake: Lake
) -> None:
    *sound, damaged = part_paths(lake)
    flipped(damaged)
    content = damaged.read_bytes()
    found = powderkeg("lake verify --forget --yes")
    assert found.status == 1
    assert lake.covered(BARS) == (Window(START, FEBRUARY),)
    assert part_paths(lake) == sound
    (aside,) = (lake.root / "damaged").rglob("*.parquet")
    assert aside.read_bytes() == content
    assert str(aside) in found.out
    assert "powderkeg backfill binance BTCUSDT --tables bars --since 2025-02-01T00:00:00Z" in found.out
    assert "--interval 5m" in found.out
    again = powderkeg("lake verify --forget --yes")
    assert again.status == 0
    assert "there was nothing to forget" in again.out


def test_of_tables_in_files_of_a_day_a_damaged_day_is_forgotten_and_not_its_month(
    powderkeg: Command, lake: Lake
) -> None:
    key = DatasetKey("trades", "binance", "BTCUSDT")
    rows = [Trade(START + hour * HOUR, str(hour), 100.0, 1.0, "buy") for hour in range(72)]
    window = Window(START, START + 72 * HOUR)
    lake.append(key, rows, received_ts=RECEIVED, source="bulk", covered=[window])
    (damaged,) = lake.root.rglob("day=2025-02-01/*.parquet")
    flipped(damaged)
    found = powderkeg("lake verify --forget --yes")
    assert found.status == 1
    assert lake.covered(key) == (Window(START, FEBRUARY), Window(FEBRUARY + DAY, window.end))
    assert "--since 2025-02-01T00:00:00Z --until 2025-02-02T00:00:00Z" in found.out
    assert "--interval" not in found.out


# Compact


def test_a_merge_changes_no_row_and_says_what_gave_way(powderkeg: Command, lake: Lake) -> None:
    before = lake.read(BARS)
    found = powderkeg("lake compact")
    assert found.status == 0
    assert re.search(r"bars of binance BTCUSDT \(5m\) +1 +3 → 2 +1 +1", found.out)
    assert lake.read(BARS).equals(before)
    assert lake.verify(BARS) == []
    assert "nothing to merge" in powderkeg("lake compact").out


def test_a_merge_gives_damage_no_new_checksum(powderkeg: Command, lake: Lake) -> None:
    flipped(part_paths(lake)[0])
    files = part_paths(lake)
    found = powderkeg("lake compact")
    assert found.status == 1
    assert "checksum" in found.err
    assert part_paths(lake) == files
    assert [problem.kind for problem in lake.verify(BARS)] == ["checksum"]


@pytest.fixture
def crashed(lake: Lake) -> list[Trade]:
    """Leave a segment as a killed recorder does, its last record torn, and return the trades in it."""
    trades = made_market("trades", 200, interval=100, semantics=VENUE.semantics)
    instrument = Instrument("bybit", "BTCUSDT", "BTC", "USDT")
    frames = [dialect("bybit").frames("trades", "BTCUSDT", [trade], instrument_row())[0] for trade in trades]
    (channel,) = {name for name, _ in frames}
    meaning = {channel: ChannelMeaning(("trades",), ("BTCUSDT",))}
    metadata = segment_metadata({"BTCUSDT": instrument}, meaning)
    received = SCRIPTED * 1_000_000
    header = SegmentHeader("bybit", "public-0", received, (NOTES, channel), metadata)
    path = segment_path(lake.root, header)
    path.parent.mkdir(parents=True)
    with SegmentWriter(path, header) as writer:
        writer.append(0, received, note_bytes(Listening(SCRIPTED, [channel])))
        for trade, (_, frame) in zip(trades, frames, strict=True):
            writer.append(1, trade.ts * 1_000_000, frame)
    with path.open("ab") as file:
        file.write(b"half a record")
    return [trade for trade in trades if isinstance(trade, Trade)]


def test_what_a_crash_left_is_moved_into_the_tables_once(
    powderkeg: Command, lake: Lake, crashed: list[Trade]
) -> None:
    key = DatasetKey("trades", "bybit", "BTCUSDT")
    assert lake.read(key).height == 0
    assert finished_segments(lake.root, "bybit")
    # A choice of tables leaves segments, which hold many, where they are.
    powderkeg("lake compact --table bars")
    assert lake.read(key).height == 0
    found = powderkeg("lake compact")
    assert found.status == 0
    assert f"{len(crashed)} trades" in found.out
    assert "13 B at its end cannot be read" in found.out
    (covered,) = lake.covered(key)
    assert covered.start >= SCRIPTED
    assert covered.end <= crashed[-1].ts
    rows = lake.read(key, columns=Trade._fields)
    assert list(rows.iter_rows()) == sorted(map(tuple, crashed))
    assert not finished_segments(lake.root, "bybit")
    assert "moved" not in powderkeg("lake compact").out
    assert lake.read(key, columns=Trade._fields).equals(rows)


def test_segments_of_a_venue_that_is_being_recorded_are_the_recorders(
    powderkeg: Command, lake: Lake, crashed: list[Trade]
) -> None:
    header = SegmentHeader("bybit", "public-1", time.time_ns(), ("#notes",), segment_metadata({}, {}))
    finished = finished_segments(lake.root, "bybit")
    with SegmentWriter(segment_path(lake.root, header), header):
        found = powderkeg("lake compact")
        assert found.status == 0
        assert "bybit is being recorded" in found.out
        assert set(finished) <= set(finished_segments(lake.root, "bybit"))
    assert "moved" in powderkeg("lake compact").out
    assert not finished_segments(lake.root, "bybit")


def test_a_segment_that_is_none_does_not_stop_the_others(
    powderkeg: Command, lake: Lake, crashed: list[Trade]
) -> None:
    strange = lake.root / "live" / "bybit" / "00000000T000000.000000000Z-x.segment"
    strange.write_bytes(b"hello\n")
    found = powderkeg("lake compact")
    assert found.status == 1
    assert str(strange) in found.err
    assert lake.read(DatasetKey("trades", "bybit", "BTCUSDT")).height == len(crashed)


# Export


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_export_holds_what_a_read_returns_and_not_its_end(
    powderkeg: Command, lake: Lake, ending: str
) -> None:
    line = f"lake export bars binance BTCUSDT out.{ending} --since 2025-02-01 --until 2025-02-01T00:10Z"
    found = powderkeg(line)
    assert (found.status, found.err) == (0, "")
    assert "2 rows of bars of binance BTCUSDT (5m)" in found.out
    written = pl.read_parquet("out.parquet") if ending == "parquet" else pl.read_csv("out.csv")
    assert written["ts"].to_list() == [FEBRUARY, FEBRUARY + MINUTES_5]
    assert written.columns == lake.read(BARS).columns


def test_an_export_says_what_is_not_complete_in_it(powderkeg: Command, lake: Lake) -> None:
    found = powderkeg("lake export bars binance BTCUSDT out.csv")
    assert "45 rows" in found.out
    assert "Not complete: 2025-02-01 00:30 to 2025-02-01 00:45" in words_of(found.err)
    result = json.loads(powderkeg("lake export bars binance BTCUSDT out.csv --json").out)
    assert (result["rows"], len(result["holes"])) == (45, 1)


def test_of_several_series_none_is_taken_by_chance(powderkeg: Command, lake: Lake) -> None:
    hourly = DatasetKey("bars", "binance", "BTCUSDT", "1h")
    lake.append(hourly, [bar(0)._replace(interval_ms=HOUR)], received_ts=RECEIVED, source="rest")
    line = "lake export bars binance BTCUSDT out.csv"
    found = powderkeg(line)
    assert found.status == 2
    assert "choose one of 1h, 5m" in words_of(found.err)
    assert "1 rows of" in powderkeg(f"{line} --variant 1h").out
    wrong = powderkeg(f"{line} --variant 2h")
    assert wrong.status == 2
    assert "has of bars binance BTCUSDT: 1h, 5m" in words_of(wrong.err)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("bars binance BTCUSDT out.xlsx", "ends neither in .parquet nor in .csv"),
        ("bars binance BTCUSDT nowhere/out.csv", "cannot be written"),
        ("bars binance BTCUSDT out.csv --since noon", "--since: 'noon' is neither a time"),
        ("bars binance BTCUSDT out.csv --since 2030-01-01", "holds no time"),
        ("bars binance BTCUSDT out.csv --until 2020-01-01", "has rows from 2025-01-31 22:00"),
        ("bars kraken BTCUSDT out.csv", "has of bars: binance"),
        ("candles binance BTCUSDT out.csv", "table is 'candles'"),
    ],
)
def test_an_export_that_cannot_be_says_why_and_writes_nothing(
    powderkeg: Command, lake: Lake, arguments: str, expected: str
) -> None:
    found = powderkeg(f"lake export {arguments}")
    assert found.status == 2
    assert expected in words_of(found.err)
    assert not list(Path().glob("out.*"))


# SQL


def test_people_see_the_first_rows_and_scripts_get_all(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    found = powderkeg("lake sql", "SELECT ts, close FROM bars ORDER BY ts")
    assert found.status == 0
    assert "45 rows; the first 40 are shown" in found.out
    assert found.out.count("100.0") + found.out.count("101.0") == 40
    assert "epoch_ms(ts) is a date" in found.out
    result = json.loads(powderkeg("lake sql --json", "SELECT ts, close FROM bars ORDER BY ts").out)
    assert [row[0] for row in result["rows"]] == lake.read(BARS)["ts"].to_list()
    assert [column["name"] for column in result["columns"]] == ["ts", "close"]
    written = powderkeg("lake sql --output all.csv", "SELECT ts FROM bars")
    assert "wrote all.csv" in written.out
    assert pl.read_csv("all.csv").height == 45


def test_columns_that_have_no_room_are_named(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    found = powderkeg("lake sql", "SELECT * FROM bars")
    shown, hidden = found.out.split("Left out for want of width: ")
    for name in ("ts", "open", "venue", "symbol", "variant", "source"):
        assert (name in words_of(shown).split()) != (name in hidden.split(".")[0].split(", "))
    one = powderkeg("lake sql", "SELECT * FROM bars LIMIT 1").out
    assert "Left out" not in one
    assert re.search(r"^variant +5m$", one, re.MULTILINE)


def test_values_of_every_kind_reach_scripts(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    query = (
        "SELECT sum(trades) AS total, [1, NULL] AS list, {'a': 'nan'::DOUBLE} AS struct, NULL AS nothing, "
        "epoch_ms(max(ts)) AS time, DATE '2025-01-01' AS day, 1.25::DECIMAL(9, 2) AS exact FROM bars"
    )
    result = json.loads(powderkeg("lake sql --json", query).out)
    time_of_last = "2025-02-01T01:55:00Z"
    assert result["rows"] == [[135, [1, None], {"a": None}, None, time_of_last, "2025-01-01", 1.25]]


def test_lengths_of_time_are_text_and_stay_in_order(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    query = (
        "SELECT ts, epoch_ms(ts) - epoch_ms(first(ts) OVER (ORDER BY ts)) AS age, INTERVAL 1 MONTH AS month, "
        "{'size': [NULL, INTERVAL 3 DAY]} AS nested, {'size': 1} AS plain, union_value(n := 2) AS either "
        "FROM bars ORDER BY ts DESC"
    )
    found = powderkeg("lake sql --json", query)
    assert (found.status, found.err) == (0, "")
    result = json.loads(found.out)
    assert [column["type"] for column in result["columns"][1:4]] == ["String"] * 3
    assert [row[0] for row in result["rows"]] == lake.read(BARS)["ts"].to_list()[::-1]
    assert result["rows"][0][1:] == ["03:55:00", "1 month", "{'size': [NULL, 3 days]}", {"size": 1}, "2"]
    assert result["rows"][-1][1] == "00:00:00"
    shown = powderkeg("lake sql", "SELECT INTERVAL 90 MINUTE AS length")
    assert (shown.status, shown.err) == (0, "")
    assert re.search(r"^01:30:00", shown.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM tradez", "`powderkeg lake tables` lists the tables"),
        ("SELECT * FROM trades", "has no trades yet"),
        ("SELECT clos FROM bars", 'Candidate bindings: "close"'),
        ("SELECT 1 AS a, 2 AS a", "name each column of the answer once"),
        ("SELECT INTERVAL 1 DAY AS a, 2 AS a", "name each column of the answer once"),
        ("DROP VIEW bars", "is not one SELECT"),
        ("", "is not one SELECT"),
    ],
)
def test_a_query_that_cannot_be_answered_says_what_helps(
    powderkeg: Command, lake: Lake, query: str, expected: str
) -> None:
    pytest.importorskip("duckdb")
    found = powderkeg("lake sql", query)
    assert found.status == 2
    assert expected in words_of(found.err)
    assert "Traceback" not in found.err
    assert found.out == ""


def test_an_answer_that_does_not_fit_a_csv_leaves_no_file(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    found = powderkeg("lake sql --output list.csv", "SELECT [1, 2] AS list")
    assert found.status == 2
    assert "list.csv cannot hold the answer" in words_of(found.err)
    assert powderkeg("lake sql --output list.xlsx", "SELECT 1 AS one").status == 2
    assert not list(Path().glob("list.*"))


def test_what_a_venue_sends_cannot_act_on_the_terminal(powderkeg: Command, lake: Lake) -> None:
    pytest.importorskip("duckdb")
    evil = "\x1b]0;owned\x07\x1b[2J"
    lake.append(
        DatasetKey("unreadable_frames", "bybit", evil),
        [UnreadableFrame(START, "trades", evil, evil)],
        received_ts=RECEIVED,
        source="live",
    )
    gap = StreamGap(START, START + HOUR, "bars", evil)
    lake.append(DatasetKey("gaps", "binance", "BTCUSDT"), [gap], received_ts=RECEIVED, source="live")
    for line in ("lake sql", "lake coverage", "lake verify"):
        arguments = ("SELECT symbol, reason FROM unreadable_frames",) if line == "lake sql" else ()
        found = powderkeg(line, *arguments)
        assert found.status == 0
        assert "\x1b" not in found.out + found.err
        assert "\x07" not in found.out + found.err
    assert "\\x1b" in powderkeg("lake coverage").out


# Tables


def test_every_table_and_column_is_told_and_needs_no_lake(powderkeg: Command, tmp_path: Path) -> None:
    found = powderkeg("lake tables")
    assert found.status == 0
    lines = found.out.splitlines()
    for table in TABLES:
        told = words_of(" ".join(lines[lines.index(table.name) + 1 :])).split("in every table")[0]
        for name, column in table.columns.items():
            key, empty = "*" * (name in table.key), "?" * column.optional
            assert f"{name}{key} {column.kind}{empty}" in told, (table.name, name)
    assert max(map(len, lines[: lines.index("in every table")])) <= 120
    result = {table["name"]: table for table in json.loads(powderkeg("lake tables --json").out)}
    assert list(result) == [table.name for table in TABLES]
    assert result["liquidations"]["meaning"] == "One liquidation that a venue reported."
    assert all(table["meaning"] for table in result.values())
    assert result["bars"]["key"] == ["interval_ms", "ts"]


# The page


def page_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


def test_everything_on_the_page_about_the_lake_runs(
    powderkeg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POWDERKEG_LAKE", "lake")
    times = [1_767_225_600_000 + minute * MINUTE for minute in range(20 * 1440)]
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    pl.DataFrame({"ts": times}).with_columns(**prices, volume=1.0).write_parquet("bars.parquet")
    for program in page_blocks("python"):
        exec(program, {})  # noqa: S102 - our own page
    lake = Lake("lake")
    for name in ("liquidations", "mark_bars"):
        key = DatasetKey(name, "mine", "BTC", "1m" if name == "mark_bars" else "all")
        lake.append(key, made_rows(table_of(name), 5), received_ts=RECEIVED, source="rest")
    gap = StreamGap(START, START + HOUR, "trades", "silent for 3600 s")
    lake.append(DatasetKey("gaps", "mine", "BTC"), [gap], received_ts=RECEIVED, source="live")
    for program in page_blocks("py"):
        names: dict[str, object] = {}
        exec(program, names)  # noqa: S102 - our own page
        for rows in (names[name] for name in ("rows", "bars") if name in names):
            assert len(rows) == len(times)  # type: ignore[arg-type]
    for query in page_blocks("sql"):
        found = powderkeg("lake sql", query)
        assert found.status == 0, found.err
    commands = [
        line
        for block in page_blocks("(?:text|sh)")
        for line in block.splitlines()
        if line.startswith("powderkeg lake")
    ]
    assert len(commands) >= 12
    for line in commands:
        found = powderkeg("", *shlex.split(line)[1:])
        assert found.status == 0, (line, found.err)


def test_the_page_names_every_problem_that_verify_can_find() -> None:
    from typing import get_args

    from powderkeg.lake.verification import ProblemKind

    page = PAGE.read_text()
    assert all(f"`{kind}`" in page for kind in get_args(ProblemKind))
