"""Which liquidations the stream has told: each is told once, whoever finds it first."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from powderkeg.model.times import DAY
from powderkeg.server.liquidation_events import LiquidationEvent

_KEPT = DAY
_SLACK = 10_000


class ToldLiquidations:
    """Remembers, for a day of events; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[object, ...], int] = {}
        self._limit = _SLACK

    def fresh(self, events: Iterable[LiquidationEvent], now: int) -> list[LiquidationEvent]:
        """Return those that were not told before, ascending, and count them as told.

        Parameters
        ----------
        events
            In any order; what is older than a day is not told any more.
        now
            UTC milliseconds.
        """
        since = now - _KEPT
        found = []
        with self._lock:
            for event in events:
                key = event.key
                if event.ts >= since and key not in self._told:
                    self._told[key] = event.ts
                    found.append(event)
            if len(self._told) > self._limit:
                self._told = {key: ts for key, ts in self._told.items() if ts >= since}
                self._limit = 2 * len(self._told) + _SLACK
        return sorted(found)
