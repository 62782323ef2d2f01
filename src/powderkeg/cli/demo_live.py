"""The live half of ``powderkeg demo``: the whole product over the simulated market, in real time."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from powderkeg.cli.recording_plans import TABLES
from powderkeg.cli.serve_command import ServedLake, run_server
from powderkeg.cli.terminal import output as console
from powderkeg.cli.terminal import working
from powderkeg.errors import InputError, PowderkegError, VenueError
from powderkeg.fake_venues.live_venues import LiveMarket, LiveVenues
from powderkeg.fake_venues.simulated_source import shifted
from powderkeg.ingest.backfill import backfill
from powderkeg.ingest.census import CensusRun
from powderkeg.ingest.census_settings import ONE_TRY, CensusSettings
from powderkeg.ingest.recorder_child import RecorderChild, RecordingPlan
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.ingest.recording import recorded_tables
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.venue_models import ALL
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, iso
from powderkeg.model.window import Window
from powderkeg.venues.asking import RateLimit
from powderkeg.venues.registry import venue

if TYPE_CHECKING:
    from powderkeg.simulation.emission import VenueEmission

SIZES = {"binance": 1.0, "bybit": 0.6, "okx": 0.5, "hyperliquid": 0.4}
"""Venues of the live market, and how large they are against the simulated one."""
_MARK = "SIMULATED"
log = logging.getLogger("powderkeg.demo")
_PAST = 30 * DAY
_STARTING = 15 * SECOND
_BEFORE = 55 * SECOND
_LISTENING = 60.0
_CENSUS = 3.0
_LAG = 61.0
_HISTORY = ("bars", "mark_bars", "open_interest", "funding", "leverage_tiers", "liquidation_totals")
_SETTINGS = RecorderSettings(segment_seconds=20.0, books_every=5_000)
_UNLIMITED = RateLimit(1_000_000, 1_000)


def live_demo(
    emission: VenueEmission,
    event: int,
    folder: Path,
    *,
    coin: str,
    port: int,
    seconds: float | None,
    parameters: Path | None = None,
) -> None:
    """Serve the simulated market, live through four fake venues, until told to stop.

    The lake of an earlier demo is replaced; another lake in its place is refused.

    Parameters
    ----------
    emission
        The simulated venue.
    event
        When its squeeze begins, in the simulation's time.
    folder
        Where the lake and a settings file go.
    coin
        What the simulated coin is called.
    port
        Of the server.
    seconds
        How long to serve; None until Ctrl-C.
    parameters
        File of the calibration that maps are drawn with; without one they have no bands.
    """
    began = time.monotonic()
    worst = worst_moment(emission, event)
    into = worst % MINUTE
    at = next_minute(_now() + _STARTING + _BEFORE - into) + into
    market = LiveMarket(shifted(emission, at - worst), coin, SIZES, _PAST)
    lake = _new_lake(folder / "lake")
    with working("Starting four venues that tell the simulated market in real time"):
        venues = LiveVenues(market).__enter__()
    try:
        _write_settings(folder / "live.toml", lake.root, venues.urls, coin)
        plans = [
            RecordingPlan(name, urls, (coin,), [one for one in recorded_tables(venue(name)) if one in TABLES])
            for name, urls in venues.urls.items()
        ]
        with RecorderChild(lake.root, plans, _SETTINGS) as recorder:
            with working("Recording, fetching 30 days of the past, and asking 1,000 accounts"):
                _wait_for(recorder)
                asyncio.run(_fill(lake, venues.urls, coin))

            def ready(url: str) -> None:
                wait = (at - _now()) / SECOND
                console.print(
                    f"\n[bold]LIVE[/], {time.monotonic() - began:.0f} s after the pictures: {url}/\n"
                    f"Simulated venues, invented prices. The squeeze comes at {iso(at)}"
                    + (f", in {wait:.0f} s." if wait > 0 else ".")
                    + f" Other commands work with --settings {folder / 'live.toml'} --offline meanwhile. "
                    + ("Ctrl-C ends it." if seconds is None else f"It ends in {seconds:g} s."),
                    soft_wrap=True,
                )
                if console.is_terminal:
                    threading.Thread(target=webbrowser.open, args=(f"{url}/",), daemon=True).start()

            files: dict[str, str | Path] = {} if parameters is None else {ALL: parameters}
            served = ServedLake(lake, files, recorder)
            with _completing(lake, venues.urls, coin):
                run_server(served, host="127.0.0.1", port=port, seconds=seconds, ready=ready)
    finally:
        venues.__exit__(None, None, None)
    console.print("The live market has ended; its lake stays, and another demo replaces it.")


def worst_moment(emission: VenueEmission, event: int) -> int:
    """Return when half was forced of the minute with most, near `event` or up to six hours after; UTC ms."""
    feed = emission.liquidations
    near = (feed.ts >= event - 30 * MINUTE) & (feed.ts < event + 6 * HOUR)
    if not near.any():
        return event
    _, place = np.unique(feed.ts[near] // MINUTE, return_inverse=True)
    worst = place == np.argmax(np.bincount(place, feed.notional[near]))
    forced = np.cumsum(feed.notional[near][worst])
    return int(feed.ts[near][worst][np.searchsorted(forced, forced[-1] / 2)])


def next_minute(at: int) -> int:
    """Return the first whole minute at or after `at`."""
    return -(-at // MINUTE) * MINUTE


def _now() -> int:
    return time.time_ns() // 1_000_000


def _new_lake(root: Path) -> Lake:
    """Return an empty lake, marked as the demo's; an older one that is so marked is removed."""
    if root.exists():
        if not (root / _MARK).exists():
            raise InputError(f"output: {root} is there and was not made by a demo; expected another --output")
        shutil.rmtree(root)
    lake = Lake(root, create=True)
    (root / _MARK).write_text("Invented prices; made, and replaced, by powderkeg demo.\n")
    return lake


def _write_settings(path: Path, lake: Path, urls: Mapping[str, Mapping[str, str]], coin: str) -> None:
    lines = [f'lake = "{lake}"', f'coins = ["{coin}"]']
    for name, hosts in urls.items():
        lines += [f"\n[venues.{name}.urls]", *(f'{host} = "{url}"' for host, url in hosts.items())]
    path.write_text("\n".join(lines) + "\n")


def _wait_for(recorder: RecorderChild) -> None:
    """Wait until every connection listens, so that what is fetched reaches up to what is recorded."""
    deadline = time.monotonic() + _LISTENING
    while time.monotonic() < deadline:
        told = recorder.report.venues
        if len(told) == len(SIZES) and all(one.listening == one.connections for one in told):
            return
        time.sleep(0.1)


async def _fill(lake: Lake, urls: Mapping[str, Mapping[str, str]], coin: str) -> None:
    """Fetch the past of every venue, and ask accounts who holds what."""
    async with asyncio.TaskGroup() as group:
        for name, hosts in urls.items():
            group.create_task(_fetch(lake, name, hosts, coin))
        for name, hosts in urls.items():
            if venue(name).census is not None:
                group.create_task(_count(lake, name, hosts))


async def _fetch(
    lake: Lake, name: str, hosts: Mapping[str, str], coin: str, longest: int = 5 * MINUTE
) -> None:
    asked = venue(name)
    # These venues are ours: nobody is spared by asking slowly.
    quick = replace(asked, limits=dict.fromkeys(asked.limits, _UNLIMITED))
    tables = [table for table in _HISTORY if table not in asked.unavailable]
    async with VenueClient(quick, hosts) as client:
        for step, length, wanted in ((5 * MINUTE, _PAST, tables), (MINUTE, HOUR, ["bars"])):
            if step > longest:
                continue
            now = _now()
            window = Window(now - length, now)
            report = await backfill(client, lake, [coin], wanted, window, interval=step, clock=_now)
            if report.failures:
                raise VenueError(f"{asked.title}: {report.failures[0]}")


@contextmanager
def _completing(lake: Lake, urls: Mapping[str, Mapping[str, str]], coin: str) -> Iterator[None]:
    """Fetch the last minutes of before the recording again, once every venue has them, while the block runs.

    Some are asked for what is a minute old only; without them the bar that was not over is not whole.
    """
    over = threading.Event()

    async def minutes() -> None:
        for name, hosts in urls.items():
            await _fetch(lake, name, hosts, coin, longest=MINUTE)

    def work() -> None:
        if not over.wait(_LAG):
            try:
                asyncio.run(minutes())
            except PowderkegError as error:
                log.warning("the minutes before the recording are not complete: %s", error)

    working = threading.Thread(target=work, daemon=True)
    working.start()
    try:
        yield
    finally:
        over.set()
        working.join()


async def _count(lake: Lake, name: str, hosts: Mapping[str, str]) -> None:
    asked = venue(name)
    quick = replace(asked, limits=dict.fromkeys(asked.limits, _UNLIMITED))
    async with VenueClient(quick, hosts, ONE_TRY) as client:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(_CENSUS, stop.set)
        settings = CensusSettings(together=8, flush=1.0, archive=0, trades=False)
        await CensusRun(client, lake, (), settings, clock=_now).run(stop)
