"""``powderkeg calibrate --prior``: distances expected from positions, as known at the end of the fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from command_line import Command, Files
from powderkeg.core.laws import BUILT_IN
from powderkeg.maps.parameter_file import read_calibration
from powderkeg.model.times import DAY, HOUR, iso

START = 1_767_225_600_000
EARLY, UNTIL, LATE = START + 9 * DAY, START + 10 * DAY, START + 11 * DAY


def snapshot(ts: int, median: float) -> pl.DataFrame:
    """Return positions in BTC, entered at 100, with levels that lie about `median` away, and one in ABC."""
    fraction = median * np.exp(0.3 * np.random.default_rng(4).standard_normal(40))
    side = np.where(np.arange(40) % 2, 1, -1)
    made = pl.DataFrame(
        {
            "my_time": np.full(41, ts),
            "account": [f"{number}" for number in range(41)],
            "coin": ["BTC"] * 40 + ["ABC"],
            "szi": [*side.tolist(), 1],
            "entry_px": np.full(41, 100.0),
            "mark_px": np.full(41, 100.0),
            "liquidation_px": [*(100 * (1 - side * fraction)).tolist(), 1.0],
        }
    )
    return made.cast({"szi": pl.Float64})


@pytest.fixture
def positions(tmp_path: Path) -> Path:
    """Write a snapshot of near levels before the end of the fit, and one of far levels after it."""
    path = tmp_path / "positions.parquet"
    pl.concat([snapshot(EARLY, 0.05), snapshot(LATE, 0.3)]).write_parquet(path)
    return path


@pytest.fixture
def line(files: Files) -> list[str | Path]:
    """Return the command for nine days of totals, every six hours."""
    totals = files.folder / "totals.csv"
    times = START + 6 * HOUR * np.arange(8, 44)
    amounts = np.random.default_rng(0).gamma(2.0, 1e5, size=(2, len(times)))
    pl.DataFrame({"ts": times, "long_usd": amounts[0], "short_usd": amounts[1]}).write_csv(totals)
    options = ("--step", "6h", "--until", iso(UNTIL), "--json", "--output")
    return [*files.arguments, "--liquidations", totals, *options]


def test_the_last_snapshot_by_the_end_is_expected_and_on_record(
    powderkeg: Command, line: list[str | Path], positions: Path, tmp_path: Path
) -> None:
    measured, built_in = tmp_path / "measured.toml", tmp_path / "built-in.toml"
    names = ("--prior", positions, "--column", "positions.ts=my_time")
    done = powderkeg("calibrate", *line, measured, *names)
    assert done.status == 0, done.err
    summary = json.loads(done.out)
    for name, side in zip(("long", "short"), read_calibration(measured).sides, strict=True):
        assert 0.04 < side.prior.median < 0.06
        assert side.prior.source == f"20 positions in BTC of 20 accounts, {iso(EARLY)} to {iso(EARLY)}"
        assert summary[name]["prior"]["source"] == side.prior.source
        assert any(note.startswith(f"{name}s: distances expected at") for note in summary["notes"])

    done = powderkeg("calibrate", *line, built_in)
    without = json.loads(done.out)
    for name, side in zip(("long", "short"), read_calibration(built_in).sides, strict=True):
        assert side.prior == BUILT_IN
        assert without[name]["prior"]["median"] == 0.25
        assert without[name]["median_distance"] > 1.5 * summary[name]["median_distance"]

    without_end = [word for word in line if word not in ("--until", iso(UNTIL))]
    done = powderkeg("calibrate", *without_end, measured, *names)
    assert json.loads(done.out)["short"]["prior"]["source"].endswith(f"{iso(LATE)} to {iso(LATE)}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--until 2026-01-05 --column positions.ts=my_time",
            "--prior: 2026-01-05T00:00:00Z is before the first",
        ),
        (
            "--column positions.ts=time_of_day",
            "--prior: positions (positions.parquet): column 'time_of_day', which",
        ),
        ("", "--prior: positions (positions.parquet): no column for ts"),
        ("--symbol XYZ --column positions.ts=my_time", "--prior: symbol: 'XYZ' is held by no account"),
        (
            "--symbol ABC --column positions.ts=my_time",
            "--prior: positions: 1 longs of 1 accounts tell no law",
        ),
    ],
)
def test_positions_that_tell_no_law_are_refused(
    powderkeg: Command, line: list[str | Path], positions: Path, tmp_path: Path, options: str, message: str
) -> None:
    written = tmp_path / "none.toml"
    done = powderkeg("calibrate", *line, written, "--prior", positions, *options.split())
    assert (done.status, done.out) == (2, "")
    assert message in " ".join(done.err.split())
    assert not written.exists()
