"""The command line run in this process, and files for it to read."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.main import get_command

from cli.served_venues import ServedVenues, served_venues
from command_line import Command, Files, Finished
from powderkeg.cli import terminal
from powderkeg.cli.main import main
from small_market import SmallMarket, small_market

START = 1_767_225_600_000
_command_tree = functools.cache(get_command)


@pytest.fixture
def powderkeg(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a line, and further arguments, and returns what it left behind."""
    # A console reads the width of the terminal once, when it is made.
    monkeypatch.setattr(terminal.output, "_width", 120)
    # The tree of commands is the same each time, and takes longer to build than most of them to run.
    monkeypatch.setattr("typer.main.get_command", _command_tree)

    def run(line: str, *arguments: str | Path) -> Finished:
        monkeypatch.setattr("sys.argv", ["powderkeg", *line.split(), *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = int(left.code or 0)
        captured = capfd.readouterr()
        return Finished(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def market() -> SmallMarket:
    """Return twelve days of a simulated market."""
    return small_market(np.random.default_rng(3), start=START, days=12)


@pytest.fixture
def files(market: SmallMarket, tmp_path: Path) -> Files:
    """Write bars as Parquet and open interest as CSV."""
    bars, interest = tmp_path / "bars.parquet", tmp_path / "open_interest.csv"
    pl.DataFrame(
        {name: getattr(market, name) for name in ("ts", "open", "high", "low", "close", "volume")}
    ).write_parquet(bars)
    pl.DataFrame({"ts": market.open_interest_ts, "open_interest": market.open_interest}).write_csv(interest)
    return Files(bars, interest, tmp_path)


@pytest.fixture(scope="session")
def served() -> Iterator[ServedVenues]:
    """Serve Binance and Bybit on this machine."""
    with served_venues(time.time_ns() // 1_000_000) as venues:
        yield venues


@pytest.fixture
def settings(served: ServedVenues, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a settings file with a lake that is not there yet, beside it, and these venues."""
    monkeypatch.chdir(tmp_path)
    return served.write_settings(tmp_path / "served.toml")
