"""Two venues on this machine that tell twelve days of one small market, each in its own way and size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from command_line import Command
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.model.market_rows import Bar, FundingRate, MarketRow, OpenInterest
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue
from small_market import SmallMarket, small_market
from venues.made_rows import instrument_row

STEP = 5 * MINUTE
DAYS = 12
BASIS = {"binance": 1.0, "bybit": 1.01}
INTEREST = {"binance": 1.0, "bybit": 0.25}
NOWHERE = "http://127.0.0.1:9"
SYMBOL = "BTCUSDT"


@dataclass(frozen=True)
class ServedVenues:
    """Venues that are up, what they tell, and from when to when.

    Attributes
    ----------
    fakes
        By name.
    series
        What each tells, by venue.
    window
        The time of the market; its end is at most eight hours ago.
    """

    fakes: Mapping[str, FakeVenue]
    series: Mapping[str, Mapping[Series, Sequence[MarketRow]]]
    window: Window

    @property
    def requests(self) -> int:
        """How many requests they have answered."""
        return sum(len(fake.http.requests) for fake in self.fakes.values())

    def write_settings(self, path: Path, *, unreachable: Sequence[str] = ()) -> Path:
        """Write a settings file that points to them, and some of them to where nobody listens."""
        lines = [f'lake = "{path.parent / "lake"}"', 'coins = ["BTC"]', "[record]", "flush_seconds = 0.02"]
        for name, fake in self.fakes.items():
            urls = fake.urls(venue(name).urls)
            lines.append(f"[venues.{name}.urls]")
            lines += [f'{host} = "{NOWHERE if name in unreachable else url}"' for host, url in urls.items()]
        path.write_text("\n".join(lines) + "\n")
        return path


@contextmanager
def served_venues(now: int) -> Iterator[ServedVenues]:
    """Serve the twelve days before `now`, UTC ms, cut off at a multiple of eight hours."""
    end = now // (8 * HOUR) * 8 * HOUR
    start = end - DAYS * 24 * HOUR
    market = small_market(np.random.default_rng(3), start=start, days=DAYS)
    series = {name: _told(market, BASIS[name], INTEREST[name]) for name in BASIS}
    with ExitStack() as stack:
        fakes = {}
        for name, rows in series.items():
            spoken = dialect(name)
            instruments = {SYMBOL: spoken.example(instrument_row())}
            fake = FakeVenue(spoken, ScriptedMarket(instruments, rows, now))
            fakes[name] = stack.enter_context(fake)
        yield ServedVenues(fakes, series, Window(start, end))


def _told(market: SmallMarket, basis: float, size: float) -> dict[Series, Sequence[MarketRow]]:
    """Return the market's rows with prices and open interest multiplied."""
    interest = np.interp(market.ts, market.open_interest_ts, market.open_interest) * size
    columns = [
        values.tolist()
        for values in (
            market.ts, market.open * basis, market.high * basis, market.low * basis, market.close * basis,
            market.volume, interest,
        )
    ]  # fmt: skip
    rows = list(zip(*columns, strict=True))
    return {
        ("bars", SYMBOL, "5m"): [
            Bar(ts, STEP, first, high, low, last, volume, volume * last, volume / 2, 10)
            for ts, first, high, low, last, volume, _ in rows
        ],
        ("open_interest", SYMBOL, "all"): [
            OpenInterest(ts, value, value, "base", 1, first) for ts, first, *_, value in rows
        ],
        ("funding", SYMBOL, "all"): [
            FundingRate(ts, rate, 8 * HOUR)
            for ts, rate in zip(market.funding_ts.tolist(), market.funding_rate.tolist(), strict=True)
        ],
    }


def answer_that_filled(powderkeg: Command, line: str, settings: Path, lake: Path) -> dict[str, Any]:
    """Point the settings at a lake that tests share, and return the answer of the line that filled it.

    The first test to ask runs the line; the others read what it answered.
    """
    settings.write_text(settings.read_text().replace(str(settings.parent / "lake"), str(lake)))
    answer = lake.with_name("answer.json")
    if not answer.exists():
        found = powderkeg(f"{line} --json --settings", settings)
        assert (found.status, found.err) == (0, "")
        answer.write_text(found.out)
    result: dict[str, Any] = json.loads(answer.read_text())
    return result
