"""What is known of a coin at a time, from a lake, as far as alert rules ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from powderkeg.analytics.alert_feeds import FeedRecord
from powderkeg.analytics.alert_maps import MarketRecord
from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import Funding, Observation, ReportedUsd
from powderkeg.analytics.coin_instruments import instruments_of_coin
from powderkeg.analytics.liquidation_feeds import Feed, read_feed
from powderkeg.analytics.measured_positions import NearPosition, measured_positions
from powderkeg.analytics.realised_imbalance import RealisedImbalance, realised_imbalances
from powderkeg.analytics.realised_liquidations import HISTORY
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.alignment import cadence_of, last_known
from powderkeg.core.funding_rates import COMMON_INTERVAL
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.input_coverage import is_fresh
from powderkeg.maps.lake_positions import lake_snapshots
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

FUNDING_HISTORY = 90 * DAY
_OF_MARKET = frozenset(
    {
        *("price_near_wall", "wall_grew", "wall_swept", "map_imbalance_beyond"),
        *("cascade_under_way", "open_interest_drop", "price_crosses"),
    }
)
_MOST_POSITIONS = 10_000


class CoinObserver:
    """Reads once what some rules ask for of a coin in a window, and tells what was known at times in it.

    Rows count from their own time on, whenever they came into the lake. Coverage is as the lake knows it
    now: what a backfill has filled since counts as never lost.

    Parameters
    ----------
    lake, venues
        Where, and whose rows.
    coin
        Of what; rules of other coins are passed over.
    rules
        What they do not ask for is not read.
    window
        Times that will be asked for; its end counts too.
    models
        What maps are drawn with.
    with_prices
        Know the mark price even if no rule asks for it.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """

    def __init__(
        self,
        lake: Lake,
        venues: Sequence[Venue],
        coin: str,
        rules: Iterable[AlertRule],
        window: Window,
        models: VenueModels | None = None,
        *,
        with_prices: bool = False,
    ) -> None:
        self.coin = coin.upper()
        self._lake = lake
        self._venues = tuple(venues)
        self._rules = tuple(rule for rule in rules if rule.coin == self.coin)
        kinds = {rule.kind for rule in self._rules}
        self._market = (
            MarketRecord(lake, self._venues, self.coin, self._rules, window, models or VenueModels())
            if with_prices or kinds & _OF_MARKET
            else None
        )
        self._windows = tuple(
            sorted(
                {one.window for one in self._rules if one.kind in ("liquidations_above", "cascade_under_way")}
            )
        )
        self._imbalances = "realised_imbalance_beyond" in kinds
        self._feeds = self._read_feeds(window) if self._imbalances or self._windows else []
        self._funding = self._read_funding(window) if "funding_extreme" in kinds else []
        self._near = [one.number("within") for one in self._rules if one.kind == "measured_position_near"]
        self._record = FeedRecord(lake, self._venues, self.coin, self._rules, window)

    @property
    def reference(self) -> str | None:
        """The venue whose prices count; None where none is known, or no rule asks for prices."""
        return None if self._market is None else self._market.reference

    def at(self, time: int, mark_price: float | None = None) -> Observation:
        """Return what was known at a time of the window; a newer mark price, if one was heard, counts."""
        parts: dict[str, Any] = {"missing": {}}
        if self._market is not None:
            parts = self._market.at(time)
        if mark_price is not None:
            parts["mark_price"] = mark_price
        missing = parts.pop("missing")
        if self._windows or self._imbalances:
            parts["liquidations"] = self._reported(time)
            parts["realised_imbalances"] = self._realised_imbalances(time)
            why = f"the lake holds no liquidations of {self.coin} in the window"
            missing |= {"liquidations": why, "realised_imbalances": why}
        if self._funding:
            parts["funding"] = self._rates(time)
        missing["funding"] = f"no settled funding rate of {self.coin} is fresh"
        if self._near:
            parts["positions"] = self._positions(time)
            missing["positions"] = "no account's state of the last day is in the lake"
        return Observation(
            coin=self.coin,
            as_of=time,
            last_rows=self._record.last_rows(time),
            coverage=self._record.coverage(time),
            missing=missing,
            **parts,
        )

    def _read_feeds(self, window: Window) -> list[Feed]:
        before = HISTORY if self._imbalances else max(self._windows)
        read = Window(window.start - before, window.end + 1)
        return [
            read_feed(self._lake, venue, symbol, read)
            for venue in self._venues
            for symbol in instruments_of_coin(self._lake, venue, self.coin).symbols
        ]

    def _reported(self, time: int) -> dict[int, ReportedUsd]:
        found: dict[int, ReportedUsd] = {}
        for window in self._windows if self._feeds else ():
            bounds = np.array([time - window]), np.array([time])
            parts = [feed.between(*bounds) for feed in self._feeds]
            # A feed that heard nothing at all is no part of what was listened to.
            heard = [part for part in parts if part.recorded[0]]
            if heard:
                total = WindowTotals.added(heard)
                found[window] = ReportedUsd(
                    float(total.usd[0, 0]), float(total.usd[0, 1]), float(total.share[0])
                )
        return found

    def _realised_imbalances(self, time: int) -> dict[int, RealisedImbalance]:
        if not (self._imbalances and self._feeds):
            return {}
        return {one.window.length: one for one in realised_imbalances(self._feeds, time)}

    def _read_funding(self, window: Window) -> list[tuple[IntArray, FloatArray, int]]:
        """Return (times, rates per eight hours, interval) of each venue with more than one settled rate."""
        read = Window(window.start - FUNDING_HISTORY - DAY, window.end + 1)
        found = []
        for venue in self._venues:
            key = DatasetKey("funding", venue.name, venue.symbol(self.coin))
            rows = self._lake.read(key, read, ("ts", "funding_rate", "interval_ms")).sort("ts")
            told = rows["interval_ms"].drop_nulls()
            if rows.height > 1:
                times = rows["ts"].to_numpy()
                interval = int(told[-1]) if len(told) else cadence_of(times)
                common = rows["funding_rate"].to_numpy() * (COMMON_INTERVAL / interval)
                found.append((times, common, interval))
        return found

    def _rates(self, time: int) -> Funding | None:
        """Return the mean over the venues that are fresh, and of the same every 8 hours before."""
        times = time - COMMON_INTERVAL * np.arange(FUNDING_HISTORY // COMMON_INTERVAL + 1, dtype=np.int64)
        rates = []
        for settled, rate, interval in self._funding:
            value, age = last_known(settled, rate, times)
            rates.append(np.where(is_fresh(age, interval), value, np.nan))
        fresh = np.array([one for one in rates if np.isfinite(one[0])])
        if not len(fresh):
            return None
        known = np.isfinite(fresh).all(axis=0)
        mean = fresh[:, known].mean(axis=0)
        return Funding(float(mean[0]), mean[1:])

    def _positions(self, time: int) -> tuple[NearPosition, ...] | None:
        found: list[NearPosition] | None = None
        # Farther than any rule asks, so that a position can be seen to leave.
        near = min(4 * max(self._near), 0.99)
        for venue in self._venues:
            if venue.census is None:
                continue
            symbol = venue.symbol(self.coin)
            for _, snapshot in lake_snapshots(self._lake, venue.name, [time], coin=symbol):
                found = found or []
                try:
                    told = measured_positions(snapshot, symbol, near=near, limit=_MOST_POSITIONS)
                except InputError:  # nobody holds the coin, or its mark is not known
                    continue
                found += told.positions
        return None if found is None else tuple(sorted(found, key=lambda one: -one.notional))
