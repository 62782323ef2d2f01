"""Events of the stream, found by looking at the lake: maps at bar close, and liquidations."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.model.window import Window
from powderkeg.server.coin_maps import BAR, CoinMaps, MapRequest, with_history
from powderkeg.server.liquidation_events import (
    LiquidationEvent,
    events_of_feed,
    feeds_of_coin,
    told_in_parts,
)
from powderkeg.server.told_liquidations import ToldLiquidations
from powderkeg.venues.registry import VENUE_NAMES

HISTORY = 30 * DAY
_RECENT = DAY
_SAME = 1e-9


class LakeEvents:
    """Looks at a lake and says what has changed since it looked before; used by one thread at a time.

    Liquidations are told once they are in the lake's tables, unless they were before. The first look at a
    coin tells its whole map and no liquidations.

    Parameters
    ----------
    maps
        Whose lake is looked at.
    clock
        Tells UTC milliseconds.
    told
        What was told already, from here or from live segments.

    Attributes
    ----------
    ranking
        Coin -> venues of its last map, the one with most open interest first.
    """

    def __init__(
        self, maps: CoinMaps, clock: Callable[[], int], told: ToldLiquidations | None = None
    ) -> None:
        self.ranking: dict[str, tuple[str, ...]] = {}
        self._maps = maps
        self._clock = clock
        self._told = told or ToldLiquidations()
        self._last: dict[str, LiquidationMap] = {}
        self._begun: set[str] = set()
        self._feeds: dict[str, tuple[int, list[tuple[str, str]]]] = {}
        self._held: dict[tuple[str, str], object] = {}

    def look(self, coins: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return (coin, event) of what is new.

        Raises
        ------
        LakeError
            The lake cannot be read.
        """
        found: list[tuple[str, dict[str, Any]]] = []
        for coin in coins:
            found += [(coin, event) for event in (*self._map_events(coin), *self._liquidations(coin))]
        return found

    def _map_events(self, coin: str) -> list[dict[str, Any]]:
        end = self._clock() // BAR * BAR
        last = self._last.get(coin)
        if last is not None and end <= last.as_of:
            return []
        try:
            summed = self._maps.map(MapRequest(coin, with_history(), end, HISTORY)).summed
        except InputError:  # no map of it yet: liquidations may still come
            return []
        total = summed.total
        self.ranking[coin] = tuple(layer.map.instrument.partition(":")[0] for layer in summed.layers)
        if last is not None and total.as_of <= last.as_of:  # the lake lags behind
            return []
        self._last[coin] = total
        return [
            {
                "type": "map",
                "as_of": iso(total.as_of),
                "previous_as_of": None if last is None else iso(last.as_of),
                "mark_price": total.mark_price,
                "open_interest": total.open_interest,
                "bins": changed_bins(last, total),
            }
        ]

    def _liquidations(self, coin: str) -> list[dict[str, Any]]:
        first = coin not in self._begun
        self._begun.add(coin)
        recent = [event for feed in self._feeds_of(coin) for event in self._changed(feed)]
        fresh = self._told.fresh(recent, self._clock())
        return [] if first else told_in_parts(fresh)

    def _feeds_of(self, coin: str) -> list[tuple[str, str]]:
        """Return (venue, symbol) with liquidations of a coin, looked up once a minute."""
        now = self._clock()
        until, feeds = self._feeds.get(coin, (0, []))
        if now >= until:
            feeds = feeds_of_coin(self._maps.lake, VENUE_NAMES, coin)
            self._feeds[coin] = (now + MINUTE, feeds)
        return feeds

    def _changed(self, feed: tuple[str, str]) -> list[LiquidationEvent]:
        """Return the last day's liquidations of a feed whose tables have changed since the last look."""
        held = [(one.rows, one.parts, one.size) for one in self._maps.lake.datasets("liquidations", *feed)]
        if self._held.get(feed) == held:
            return []
        self._held[feed] = held
        now = self._clock()
        return events_of_feed(self._maps.lake, *feed, Window(now - _RECENT, now + HOUR))


def changed_bins(before: LiquidationMap | None, after: LiquidationMap) -> list[dict[str, float]]:
    """Return the bins of `after` that differ from those of `before` by more than a billionth, ascending.

    A bin in which nothing stands any more is told with zeros.
    """
    old = {} if before is None else _bins(before)
    new = _bins(after)
    edge = after.grid.width
    changed = []
    for number in sorted(old.keys() | new.keys()):
        then, now = old.get(number, (0.0, 0.0)), new.get(number, (0.0, 0.0))
        if any(abs(a - b) > _SAME * max(abs(a), abs(b)) for a, b in zip(then, now, strict=True)):
            grid = type(after.grid)(edge, number, 1)
            low, high = grid.edges.tolist()
            changed.append(
                {"price_low": low, "price_high": high, "long_notional": now[0], "short_notional": now[1]}
            )
    return changed


def _bins(one: LiquidationMap) -> dict[int, tuple[float, float]]:
    return {
        one.grid.first + place: (long, short)
        for place, (long, short) in enumerate(
            zip(one.long_notional.tolist(), one.short_notional.tolist(), strict=True)
        )
        if long or short
    }
