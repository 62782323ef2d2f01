"""Spot against futures, flows of funds and exchanges, and sentiment: who was buying what, as facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.provided_facts import flow_facts, sentiment_facts
from powderkeg.analytics.reference_bars import period_text
from powderkeg.analytics.spot_market import SpotMarket, futures_takers, hours_before, missing_text
from powderkeg.core.spot_futures import Build, build_of
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.coin_frames import coin_frames
from powderkeg.model.arrays import FloatArray
from powderkeg.model.fact import Fact
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.provided_series import SeriesProvider
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

WINDOWS = (DAY, 7 * DAY)
_PREFIX = "spot_against_futures"
_KNOWN = 0.9


@dataclass(frozen=True, slots=True)
class FlowState:
    """Flows of a coin at a time.

    Attributes
    ----------
    coin, at
        Of what, and as of when; UTC milliseconds.
    facts
        Every number; docs/technical.md lists the names.
    builds
        Window as in names of facts -> what open interest and spot takers were together in it; a window of
        which one of the two is not known lacks.
    """

    coin: str
    at: int
    facts: tuple[Fact, ...]
    builds: dict[str, Build]

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts, times as ISO 8601 text."""
        return {
            "coin": self.coin,
            "as_of": iso(self.at),
            "builds": dict(self.builds),
            "facts": [fact.as_json() for fact in self.facts],
        }


def flow_state(
    lake: Lake,
    coin: str,
    at: int,
    venues: Sequence[Venue],
    *,
    spot: SpotMarket | None = None,
    etf_flows: SeriesProvider | None = None,
    exchange_netflow: SeriesProvider | None = None,
    fear_and_greed: SeriesProvider | None = None,
) -> FlowState:
    """Return the flows of a coin as they could be known at a time.

    Parameters
    ----------
    lake, coin, venues
        Where perpetuals are read, of what, and at whom.
    at
        UTC milliseconds. Hours that had ended count.
    spot
        A spot market; without it, what needs one is None, and says so.
    etf_flows, exchange_netflow, fear_and_greed
        Providers; likewise.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    facts, builds = spot_against_futures(lake, coin, at, venues, spot)
    name = coin.lower()
    facts += flow_facts(etf_flows, "etf_flow", f"etf_flow.{name}", at)
    facts += flow_facts(exchange_netflow, "exchange_netflow", f"exchange_netflow.{name}", at)
    facts += sentiment_facts(fear_and_greed, at)
    return FlowState(coin.upper(), at, facts, builds)


def spot_against_futures(
    lake: Lake, coin: str, at: int, venues: Sequence[Venue], spot: SpotMarket | None
) -> tuple[tuple[Fact, ...], dict[str, Build]]:
    """Return the facts of a spot market beside the perpetuals, and what they are together per window.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    longest = max(WINDOWS)
    window = Window(at - 2 * longest - HOUR, at)
    try:
        frames, _ = coin_frames(lake, venues, coin, window, bar_step="1h")
        lacking = ""
    except InputError as error:
        frames, lacking = [], str(error)
    facts: list[Fact] = []
    builds: dict[str, Build] = {}
    for length in WINDOWS:
        part = _Part(lake, coin, at, venues, spot, frames, lacking, hours_before(at, length))
        facts += part.facts()
        if part.build is not None:
            builds[period_text(length)] = part.build
    facts += _basis_facts(at, spot, frames, lacking)
    return tuple(facts), builds


class _Part:
    """One window of spot and perpetuals."""

    def __init__(
        self,
        lake: Lake,
        coin: str,
        at: int,
        venues: Sequence[Venue],
        spot: SpotMarket | None,
        frames: Sequence[MarketFrame],
        lacking: str,
        window: Window,
    ) -> None:
        self.at, self.window, self.spot, self.frames = at, window, spot, frames
        self.text = period_text(window.length)
        self.no_spot = "" if spot else "no spot market is given: docs/technical.md says how"
        self.no_futures = lacking
        self.futures_source = "lake: " + (
            ", ".join(f"{frame.venue} {frame.symbol}" for frame in frames) or "nothing"
        )
        self.spot_flow = None if spot is None else spot.takers(window)
        told = [(venue, futures_takers(lake, venue, coin, window)) for venue in venues]
        self.futures_flows = {venue.name: flow for venue, flow in told if flow and flow.net_usd is not None}
        self.interest_change, self.interest_note = self._interest_change()
        self.build: Build | None = None
        if self.interest_change is not None and self.spot_flow and self.spot_flow.net_usd is not None:
            self.build = build_of(self.interest_change, self.spot_flow.net_usd)

    def facts(self) -> list[Fact]:
        before = Window(self.window.start - self.window.length, self.window.start)
        spot, futures = self._spot_volume(self.window), self._futures_volume(self.window)
        share = _share(spot, futures)
        earlier = _share(self._spot_volume(before), self._futures_volume(before))
        change = None if share is None or earlier is None else share - earlier
        both = self.no_spot or self.no_futures or missing_text(self.window, 0.0)
        made = [
            self._fact("spot_volume", spot, "USD", self.no_spot or "hours of spot bars are missing"),
            self._fact("futures_volume", futures, "USD", self.no_futures or "hours of bars are missing"),
            self._fact("spot_volume_share", share, "fraction", both),
            self._fact(
                "spot_volume_share.change", change, "fraction", "one of the two windows is not known whole"
            ),
        ]
        made += self._taker_facts()
        note = self.build or "spot takers are not known, so what built it cannot be told"
        made.append(
            self._fact("open_interest_change", self.interest_change, "fraction", self.interest_note, note)
        )
        return made

    def _taker_facts(self) -> list[Fact]:
        spot = self.spot_flow
        lacks = self.no_spot or "the spot market's table has no taker volume for nine in ten hours"
        net = sum(flow.net_usd or 0.0 for flow in self.futures_flows.values())
        traded = sum(flow.traded_usd or 0.0 for flow in self.futures_flows.values())
        known = bool(self.futures_flows)
        futures_share = net / traded if traded else None
        missing = "no venue's taker volume is known for nine in ten hours"
        names = "of " + ", ".join(sorted(self.futures_flows))
        spot_share = spot.share if spot else None
        gap = None if spot_share is None or futures_share is None else spot_share - futures_share
        return [
            self._fact("spot_taker_net", spot.net_usd if spot else None, "USD", lacks),
            self._fact("spot_taker_share", spot_share, "fraction", lacks),
            self._fact("futures_taker_net", net if known else None, "USD", missing, names),
            self._fact("futures_taker_share", futures_share, "fraction", missing, names),
            self._fact("taker_divergence", gap, "fraction", lacks if spot_share is None else missing),
        ]

    def _interest_change(self) -> tuple[float | None, str]:
        """Return the relative change of open interest in base over venues known at both ends."""
        start = end = 0.0
        names = []
        for frame in self.frames:
            values = [_interest_at(frame, time) for time in self.window]
            if all(np.isfinite(values)):
                start, end = start + values[0], end + values[1]
                names.append(str(frame.venue))
        if not names or start <= 0:
            return None, self.no_futures or "no venue's open interest is known at both ends"
        return end / start - 1, ""

    def _spot_volume(self, window: Window) -> float | None:
        if self.spot is None:
            return None
        rows = self.spot.inside(window)
        return _summed(rows["close"] * rows["volume"])

    def _futures_volume(self, window: Window) -> float | None:
        """Return the sum over venues, of each of which it has to be known: like is held against like."""
        totals = []
        for frame in self.frames:
            inside = (frame.ts >= window.start) & (frame.ts < window.end)
            traded = np.full(window.length // HOUR, np.nan)
            index = (frame.ts[inside] - window.start) // HOUR
            traded[index] = (frame.close * frame.volume)[inside]
            totals.append(_summed(traded))
        known = [total for total in totals if total is not None]
        return sum(known) if known and len(known) == len(totals) else None

    def _fact(self, name: str, value: float | None, unit: str, lacks: str, *notes: str) -> Fact:
        spot = "none" if self.spot is None else f"given: {self.spot.name}"
        of_spot = name.startswith(("spot", "taker"))
        of_futures = not name.startswith("spot_taker") and name != "spot_volume"
        parts = [spot] if of_spot else []
        parts += [self.futures_source] if of_futures else []
        return Fact(
            name=f"{_PREFIX}.{name}.{self.text}",
            value=value,
            unit=unit,
            as_of=self.at,
            source="; ".join(parts),
            kind="given" if of_spot and not of_futures else "observed",
            window=self.window,
            notes=notes if value is not None else (lacks,),
        )


def _basis_facts(at: int, spot: SpotMarket | None, frames: Sequence[MarketFrame], lacking: str) -> list[Fact]:
    """Return perpetual over spot less 1: of the last hour, and the mean of seven days."""
    window = hours_before(at, 7 * DAY)
    values = np.full(window.length // HOUR, np.nan)
    source = "none"
    if spot is not None and frames:
        frame = max(frames, key=lambda one: float(np.nansum((one.close * one.volume)[-7 * 24 :])))
        source = f"lake: {frame.venue} {frame.symbol}; given: {spot.name}"
        inside = (frame.ts >= window.start) & (frame.ts < window.end)
        index = (frame.ts[inside] - window.start) // HOUR
        values[index] = frame.close[inside]
        values = values / spot.inside(window)["close"] - 1
    known = float(np.isfinite(values).mean())
    lacks = lacking or ("" if spot else "no spot market is given: docs/technical.md says how")
    mean = float(np.nanmean(values)) if known >= _KNOWN else None
    last = float(values[-1]) if np.isfinite(values[-1]) else None
    made = []
    for name, value, part in (
        ("basis", last, Window(window.end - HOUR, window.end)),
        ("basis.7d", mean, window),
    ):
        note = lacks or "the closes of the last hour are not both known"
        if name == "basis.7d" and not lacks:
            note = missing_text(window, known)
        made.append(
            Fact(
                name=f"{_PREFIX}.{name}",
                value=value,
                unit="fraction",
                as_of=at,
                source=source,
                window=part,
                coverage=known if name == "basis.7d" else None,
                notes=() if value is not None else (note,),
            )
        )
    return made


def _interest_at(frame: MarketFrame, time: int) -> float:
    """Return the open interest that was known at a time, NaN where the frame has no bar that ends there."""
    row = (time - frame.step - frame.start) // frame.step
    if not 0 <= row < len(frame):
        return float("nan")
    fresh = 0 <= frame.open_interest_age[row] <= 6 * HOUR
    return float(frame.open_interest[row]) if fresh else float("nan")


def _summed(traded: FloatArray) -> float | None:
    """Return the sum where at least nine in ten hours are known, brought to all of them."""
    known = np.isfinite(traded)
    return float(traded[known].mean() * len(traded)) if known.mean() >= _KNOWN else None


def _share(spot: float | None, futures: float | None) -> float | None:
    if spot is None or futures is None or spot + futures <= 0:
        return None
    return spot / (spot + futures)
