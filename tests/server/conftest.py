"""A server in this process, over a lake that two venues and a few accounts have filled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.served_venues import SYMBOL, ServedVenues, served_venues
from powderkeg.cli.main import main
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import (
    AccountPosition,
    AccountState,
    Bar,
    Liquidation,
    LiquidationTotal,
    MarketRow,
    PositionSide,
)
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from powderkeg.venues.census import PERPETUALS

BASE = "http://127.0.0.1"
ACCOUNTS = tuple(f"0x{digit * 40}" for digit in "abc")


@dataclass(frozen=True)
class FilledLake:
    """A lake, and the time at which its market ends, UTC milliseconds."""

    lake: Lake
    end: int


def event(ts: int, side: PositionSide, notional: float, occurrence: int = 0) -> Liquidation:
    """Return a liquidation at a price of 100."""
    return Liquidation(ts, side, 100.0, "fill", notional / 100, notional, None, "", occurrence)


def put(lake: Lake, table: str, venue: str, symbol: str, rows: list[MarketRow], *covered: Window) -> None:
    """Append rows that were learned at their times."""
    key = DatasetKey(table, venue, symbol, "5m" if table == "liquidation_totals" else "all")
    lake.append(key, rows, received_ts=[row.ts for row in rows], source="live", covered=covered)


@pytest.fixture(scope="session")
def served() -> Iterator[ServedVenues]:
    """Serve Binance and Bybit on this machine."""
    with served_venues(time.time_ns() // 1_000_000) as venues:
        yield venues


@pytest.fixture(scope="session")
def filled(served: ServedVenues, tmp_path_factory: pytest.TempPathFactory) -> FilledLake:
    """Backfill twelve days through the venues, and add liquidations of a day and three positions."""
    folder = tmp_path_factory.mktemp("server")
    settings = served.write_settings(folder / "served.toml")
    end = served.window.end
    for venue in ("binance", "bybit"):
        line = f"powderkeg backfill {venue} BTC --tables bars,open_interest,funding --since 13d --settings"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", [*line.split(), str(settings)])
            with pytest.raises(SystemExit) as left:
                main()
            assert not left.value.code
    lake = Lake(folder / "lake")
    day = Window(end - 24 * HOUR, end)
    rows: list[MarketRow] = [event(end - 2 * HOUR + i * MINUTE, "long", 1_000.0 + i) for i in range(7)]
    rows += [event(end - HOUR, "short", 500.0, i) for i in range(5)]
    put(lake, "liquidations", "bybit", SYMBOL, rows, day)
    totals: list[MarketRow] = [LiquidationTotal(end - 3 * HOUR, 5 * MINUTE, 300.0, 40.0)]
    put(lake, "liquidation_totals", "binance", SYMBOL, totals, Window(end - 3 * HOUR, end - 2 * HOUR))
    states: list[MarketRow] = [AccountState(end, name, 60.0, 60.0, 4.0, 1, "standard") for name in ACCOUNTS]
    held: list[MarketRow] = [
        AccountPosition(end, name, "BTC", "long", 2.0, 95.0, 200.0, 10.0, 5.0, "cross", 40.0, level)
        for name, level in zip(ACCOUNTS, (97.0, 98.5, 50.0), strict=True)
    ]
    put(lake, "account_states", "hyperliquid", PERPETUALS, states)
    put(lake, "positions", "hyperliquid", PERPETUALS, held)
    return FilledLake(lake, end)


@pytest.fixture(scope="session")
def client(filled: FilledLake) -> Iterator[TestClient]:
    """Return a client of a server whose clock stands five minutes after the end of the market."""
    app = application(filled.lake, ServerRules(burst=100_000), lambda: filled.end + 5 * MINUTE)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def damaged_client(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of a server whose lake has damaged manifests."""
    lake = Lake(tmp_path / "lake", create=True)
    now = time.time_ns() // 1_000_000
    put(lake, "liquidations", "binance", SYMBOL, [event(now - HOUR, "long", 1.0)])
    bars = DatasetKey("bars", "binance", SYMBOL, "5m")
    lake.append(
        bars,
        [Bar(now // HOUR * HOUR, 300_000, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1)],
        received_ts=now,
        source="rest",
    )
    for manifest in (tmp_path / "lake").rglob("manifest*"):
        manifest.write_bytes(b"{")
    with TestClient(application(lake, ServerRules()), base_url=BASE) as made:
        yield made
