"""``powderkeg fake-venue``: venues on this machine, played from the simulated market."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from powderkeg.errors import OutputError
from powderkeg.model.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from powderkeg.fake_venues.fake_venue import FakeVenue
    from powderkeg.fake_venues.scripted_market import ScriptedMarket

Scenario = Literal["calm", "trending", "short_squeeze", "long_cascade", "both"]
_TICK = 0.25
_ACCOUNTS = 2_000


def fake_venue(
    venues: Annotated[
        list[str] | None, typer.Argument(help="Venues to play, such as binance bybit; all of them otherwise.")
    ] = None,
    coin: Annotated[str, typer.Option("--coin", help="What the simulated coin is called.")] = "BTC",
    scenario: Annotated[Scenario, typer.Option("--scenario", help="What happens to it.")] = "short_squeeze",
    days: Annotated[
        int, typer.Option("--days", min=3, max=90, help="Days to simulate; two thirds are the past.")
    ] = 15,
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, help="Simulated seconds in a second; bars come sooner.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another market for every number.")] = 8,
    lasting: Annotated[
        str | None, typer.Option("--for", help="Stop after this long, such as 10m. Default: on Ctrl-C.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", help="Settings file to write, with the urls of these venues.")
    ] = Path("fake-venues.toml"),
) -> None:
    """Serve venues' own protocols from a simulated market, where something begins at the next full hour.

    In another terminal: powderkeg record --settings fake-venues.toml, and powderkeg map BTC --settings
    fake-venues.toml. Prices are invented.
    """
    from contextlib import ExitStack

    from powderkeg.cli.terminal import output as console
    from powderkeg.cli.terminal import working
    from powderkeg.fake_venues.dialects import dialect
    from powderkeg.fake_venues.fake_venue import FakeVenue
    from powderkeg.fake_venues.live_venues import pushed_tables
    from powderkeg.model.times import duration, iso
    from powderkeg.venues.registry import venues as venues_of

    seconds = None if lasting is None else duration(lasting, "--for") / 1000
    asked = venues_of(venues) if venues else venues_of()
    _check_writable(output)
    now = time.time_ns() // 1_000_000
    with working(f"Simulating {days} days"):
        markets = _markets([one.name for one in asked], coin, scenario, days, seed, now)
    with ExitStack() as stack:
        served = []
        for one in asked:
            fake = FakeVenue(dialect(one.name), markets[one.name], pushed=pushed_tables(one))
            served.append((one, stack.enter_context(fake)))
        _write_settings(output, {one.name: fake.urls(one.urls) for one, fake in served}, coin)
        for one, fake in served:
            console.print(f"{one.title:<12} {fake.http.url}  {fake.stream.url}")
        market = markets[asked[0].name]
        last = max(row.ts for row in market.series["bars", asked[0].symbol(coin), "1m"])
        console.print(
            f"\nA {scenario.replace('_', ' ')} begins about {iso(now // HOUR * HOUR + HOUR)}; the market "
            f"ends {iso(last)}. Invented prices.\nwrote {output}. In another terminal:\n"
            f"  powderkeg record --settings {output}\n  powderkeg map {coin} --settings {output}\n"
        )
        _run([fake for _, fake in served], speed, seconds)


def _markets(
    names: list[str], coin: str, scenario: Scenario, days: int, seed: int, now: int
) -> dict[str, ScriptedMarket]:
    """Return a market for each venue: one simulation, told by each in its own way."""
    from dataclasses import replace

    import numpy as np

    from powderkeg.fake_venues.dialects import dialect
    from powderkeg.fake_venues.fake_accounts import PopulatedMarket
    from powderkeg.fake_venues.scripted_market import ScriptedMarket
    from powderkeg.fake_venues.simulated_source import (
        shifted,
        simulated_instrument,
        simulated_series,
        told_by,
    )
    from powderkeg.simulation.market import simulated_market
    from powderkeg.simulation.simulated_venue import ALDER
    from powderkeg.venues.registry import venue

    own = (replace(ALDER, name="simulated", liquidation_interval=0, open_interest_cadence=MINUTE),)
    market = simulated_market(np.random.default_rng(seed), scenario=scenario, days=days, venues=own)
    event = market.start + round(2 / 3 * days) * DAY
    told = shifted(market.venues[0], now // HOUR * HOUR + HOUR - event)
    series = simulated_series(told, coin, live_since=now)
    found = {}
    for name in names:
        symbol = venue(name).symbol(coin)
        instrument = dialect(name).example(simulated_instrument(int(told.ts[0]), coin))
        rows = told_by(series, symbol, venue(name).semantics.liquidation_price)
        if venue(name).census is None:
            found[name] = ScriptedMarket({symbol: instrument}, rows, now)
        else:
            found[name] = PopulatedMarket({symbol: instrument}, rows, now, count=_ACCOUNTS, seed=seed)
    return found


def _check_writable(path: Path) -> None:
    """Find out before the simulation whether the settings can be written; what is there stays as it is."""
    there = path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise _not_written(path, error) from error
    if not there:
        path.unlink()


def _write_settings(path: Path, urls: dict[str, dict[str, str]], coin: str) -> None:
    lines = [f'lake = "{path.with_suffix("")}-lake"', f'coins = ["{coin}"]']
    for venue, hosts in urls.items():
        lines += [f"\n[venues.{venue}.urls]", *(f'{host} = "{url}"' for host, url in hosts.items())]
    try:
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> OutputError:
    return OutputError(f"output: {path} cannot be written: {error.strerror}")


def _run(venues: list[FakeVenue], speed: float, seconds: float | None) -> None:
    """Move the venues' clocks, from this machine's on, until told to stop."""
    start, began = time.time_ns() // 1_000_000, time.monotonic()
    try:
        while seconds is None or time.monotonic() - began < seconds:
            time.sleep(_TICK)
            until = start + int((time.monotonic() - began) * speed * 1000)
            for venue in venues:
                venue.advance(until)
    except KeyboardInterrupt:
        return
