"""Maps, prices and open interest of a coin at times of a window, for alert rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import Change, Extremes
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.aggregated_heatmap import aggregated_heatmap, known_heatmaps
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.coin_frames import coin_frames
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_run import MapRun
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, HOUR, MINUTE, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue as venue_of
from powderkeg.venues.venue import Venue

HISTORY = 30 * DAY
"""What a map has seen before the first time that is asked for."""
IMBALANCE_HISTORY = 21 * DAY
"""How far back imbalances of maps are compared; what comes before has seen too little."""
BEHIND = 30 * MINUTE
"""Bars that end by more than this before a time say nothing of it."""
_PRICE_AGE = 10 * MINUTE
_BETWEEN_MAPS = 4 * HOUR
_OF_MAP = ("price_near_wall", "wall_grew", "wall_swept", "map_imbalance_beyond")


class MarketRecord:
    """Frames of a coin, and the runs of a model over them; parameters as `CoinObserver`'s."""

    def __init__(
        self,
        lake: Lake,
        venues: Sequence[Venue],
        coin: str,
        rules: Sequence[AlertRule],
        window: Window,
        models: VenueModels,
    ) -> None:
        self._coin = coin
        self._why = ""
        self._frames: list[MarketFrame] = []
        try:
            read = Window(window.start - HISTORY, window.end)
            self._frames, _ = coin_frames(lake, venues, coin, read, behind=None)
        except InputError as error:
            self._why = str(error)
        # The prices of one venue, or every basis would be a move: of the one with the most open interest.
        self._frames.sort(key=_first_interest, reverse=True)
        self._runs = models.runs(self._frames) if any(one.kind in _OF_MAP for one in rules) else []
        named = [str(self._frames[0].venue)] if self._frames else [one.name for one in venues]
        self._prices = self._read_prices(lake, named, window)
        self._map_windows = _windows(rules, ("wall_grew", "wall_swept"))
        self._reach_windows = _windows(rules, ("wall_swept",))
        self._interest_windows = _windows(rules, ("open_interest_drop", "cascade_under_way"))
        self._ranges = sorted(
            {
                one.number("range")
                for one in rules
                if one.kind == "map_imbalance_beyond" and "percentile" in one.parameters
            }
        )
        self._maps: dict[int, LiquidationMap | None] = {}
        first = window.start - IMBALANCE_HISTORY
        self._imbalances = {
            distance: self._read_imbalances(distance, first) for distance in self._ranges if self._runs
        }

    @property
    def reference(self) -> str | None:
        """The venue whose prices count; None where no venue has bars."""
        return str(self._frames[0].venue) if self._frames else None

    @property
    def end(self) -> int | None:
        """End of the newest bar of any venue; None without bars."""
        return max((frame.end for frame in self._frames), default=None)

    def at(self, time: int) -> dict[str, Any]:
        """Return the parts of an observation, and as `missing` why others are not known."""
        now = self._map(time) if self._runs else None
        earlier = {window: self._map(time - window) for window in self._map_windows}
        why = self._why or self._too_old(time)
        return {
            "mark_price": self._mark(time),
            "map": now,
            "earlier_maps": {window: found for window, found in earlier.items() if found is not None},
            "extremes": {
                window: found for window in self._reach_windows if (found := self._extremes(time, window))
            },
            "map_imbalances": {distance: self._past(time, distance) for distance in self._imbalances},
            "open_interest": {
                window: change for window in self._interest_windows if (change := self._change(time, window))
            },
            "missing": {
                "map": why,
                "mark_price": why or "no mark price of the last minutes is known",
                "earlier_maps": why or "the data begin later than the window",
                "extremes": why or "no bar of the window is known",
                "open_interest": why or "it is not known often enough for the window",
            },
        }

    def _too_old(self, time: int) -> str:
        if self.end is not None and time - self.end > BEHIND:
            return f"the bars end at {iso(self.end)}, {duration_text(time - self.end)} before"
        return ""

    def _read_prices(self, lake: Lake, venues: Sequence[str], window: Window) -> FloatArray:
        """Return (time, mark price) as recorded by the first venue that has any, shape (n, 2)."""
        read = Window(window.start - _PRICE_AGE, window.end + 1)
        for name in venues:
            key = DatasetKey("mark_prices", name, venue_of(name).symbol(self._coin))
            rows = lake.read(key, read, ("ts", "mark_price")).sort("ts")
            if rows.height:
                return np.column_stack([rows["ts"].to_numpy(), rows["mark_price"].to_numpy()])
        return np.empty((0, 2))

    def _mark(self, time: int) -> float | None:
        """Return the newer of the last recorded mark price and the last bar's; None if it is old."""
        known: list[tuple[int, float]] = []
        place = int(np.searchsorted(self._prices[:, 0], time, side="right"))
        if place:
            known.append((int(self._prices[place - 1, 0]), float(self._prices[place - 1, 1])))
        for frame in self._frames[:1]:
            rows = np.flatnonzero(frame.valid[: _rows(frame, time)])
            if len(rows):
                known.append((int(frame.ts[rows[-1]]) + frame.step, float(frame.mark_close[rows[-1]])))
        at, price = max(known, default=(0, np.nan))
        return price if time - at <= _PRICE_AGE and np.isfinite(price) else None

    def _map(self, time: int) -> LiquidationMap | None:
        """Return the map of all venues whose bars reach the time, as of the last bar that had ended."""
        if time not in self._maps:
            if len(self._maps) > 1_000:
                self._maps.clear()
            found = [one for run in self._runs if (one := _map_of(run, time)) is not None]
            self._maps[time] = aggregated_map(found, self._coin).total if found else None
        return self._maps[time]

    def _past(self, time: int, distance: float) -> FloatArray:
        """Return imbalances of the maps of the last three weeks before a time."""
        times, values = self._imbalances[distance]
        return values[(times >= time - IMBALANCE_HISTORY) & (times < time)]

    def _read_imbalances(self, distance: float, start: int) -> tuple[IntArray, FloatArray]:
        """Return times, every four hours from a time on, and the imbalances of the maps then."""
        times: list[int] = []
        values: list[float] = []
        try:
            heatmap = aggregated_heatmap(known_heatmaps(self._runs, None, _BETWEEN_MAPS)[0], self._coin).total
        except WindowError:  # no run has a map yet
            return np.array(times, np.int64), np.array(values)
        for column in np.flatnonzero(heatmap.times >= start).tolist():
            (told,) = heatmap.map_at(column).imbalance([distance])
            if told.imbalance is not None and not told.thin:
                times.append(int(heatmap.times[column]))
                values.append(told.imbalance)
        return np.array(times, np.int64), np.array(values)

    def _extremes(self, time: int, window: int) -> Extremes | None:
        for frame in self._frames[:1]:
            span = slice(_rows(frame, time - window), _rows(frame, time))
            seen = frame.valid[span]
            if seen.any() and time - frame.end <= BEHIND:
                low, high = np.min(frame.mark_low[span][seen]), np.max(frame.mark_high[span][seen])
                return Extremes(float(low), float(high))
        return None

    def _change(self, time: int, window: int) -> Change | None:
        """Return open interest before and now of the venues that told it anew in the window."""
        before = now = 0.0
        for frame in self._frames:
            rows = _rows(frame, time - window) - 1, _rows(frame, time) - 1
            if rows[0] < 0 or time - frame.end > BEHIND:
                continue
            ages, values = frame.open_interest_age[list(rows)], frame.open_interest[list(rows)]
            if np.isfinite(values).all() and ((ages >= 0) & (ages < window)).all():
                before, now = before + float(values[0]), now + float(values[1])
        return Change(before, now) if before > 0 else None


def _windows(rules: Sequence[AlertRule], kinds: Sequence[str]) -> list[int]:
    return sorted({rule.window for rule in rules if rule.kind in kinds})


def _rows(frame: MarketFrame, time: int) -> int:
    """Return how many bars had ended by a time."""
    return int(np.clip((time - frame.start) // frame.step, 0, len(frame.ts)))


def _first_interest(frame: MarketFrame) -> float:
    """Return the first open interest that is known, USD: the last would tell of what came later."""
    usd = frame.open_interest * frame.mark_close
    known = usd[np.isfinite(usd)]
    return float(known[0]) if len(known) else 0.0


def _map_of(run: MapRun, time: int) -> LiquidationMap | None:
    if time - run.frame.end > BEHIND:
        return None
    try:
        found = run.map(min(time, run.frame.end))
    except WindowError:
        return None
    return found if np.isfinite(found.mark_price) else None
