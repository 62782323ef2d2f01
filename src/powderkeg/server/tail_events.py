"""Events of the stream that do not wait for tables: liquidations and prices, from live segments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from powderkeg.analytics.coin_instruments import DescribedInstruments
from powderkeg.ingest.live_tail import HeardLiquidation, HeardPrice, LiveTail
from powderkeg.model.market_rows import MarkPrice
from powderkeg.model.times import HOUR, SECOND, iso
from powderkeg.server.liquidation_events import LiquidationEvent, told_in_parts
from powderkeg.server.told_liquidations import ToldLiquidations
from powderkeg.venues.registry import VENUE_NAMES, venue

_APART = 250
_STALE = 15 * SECOND


class TailEvents:
    """Reads on in the live segments and says what is new; used by one thread at a time.

    The first look at a coin tells no liquidations of before; after an hour without one the next is a first.
    A price comes at most four times a second for each coin, the newest; from the first venue in `ranking`
    that has told one within 15 seconds.

    Parameters
    ----------
    tail
        The segments.
    told
        What was told already, from here or from the tables.
    ranking
        Coin -> venues, the one with most open interest first; others follow in the registry's order.
    clock
        Tells UTC milliseconds.
    """

    def __init__(
        self,
        tail: LiveTail,
        told: ToldLiquidations,
        ranking: Mapping[str, tuple[str, ...]],
        clock: Callable[[], int],
    ) -> None:
        self._tail = tail
        self._told = told
        self._ranking = ranking
        self._clock = clock
        self._last = 0
        self._begun: dict[str, int] = {}
        self._coins: frozenset[str] = frozenset()
        self._last_price: dict[str, tuple[int, HeardPrice]] = {}

    def look(self, coins: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return (coin, event) of what is new; raises `LakeError` where the segments cannot be read."""
        wanted = {name: [venue(name).symbol(coin) for coin in coins] for name in VENUE_NAMES}
        # Who was not listened to at the last look may have missed something then.
        joined = not self._coins.issuperset(coins)
        news = self._tail.look(0 if joined else self._last, wanted)
        now = self._clock()
        found: list[tuple[str, dict[str, Any]]] = []
        for coin in coins:
            fresh = self._told.fresh(events_of(news.liquidations, coin), now)
            if coin in self._begun:
                found += [(coin, event) for event in told_in_parts(fresh)]
            price = self._price(coin, news.prices, now)
            if price is not None:
                found.append((coin, price))
        self._last, self._coins = news.last, frozenset(coins)
        self._begun = {coin: at for coin, at in self._begun.items() if now - at < HOUR}
        self._begun |= dict.fromkeys(coins, now)
        self._last_price = {coin: one for coin, one in self._last_price.items() if coin in self._coins}
        return found

    def _price(
        self, coin: str, prices: Mapping[tuple[str, str], HeardPrice], now: int
    ) -> dict[str, Any] | None:
        at, last = self._last_price.get(coin, (0, None))
        if now - at < _APART:
            return None
        names = self._ranking.get(coin, ())
        for name in dict.fromkeys((*names, *VENUE_NAMES)):
            symbol = venue(name).symbol(coin)
            price = prices.get((name, symbol))
            if price is None or now - price.received > _STALE:
                continue
            if price is last:
                return None
            self._last_price[coin] = (now, price)
            row = price.row
            return {
                "type": "price",
                "venue": name,
                "symbol": symbol,
                "mark_price": row.mark_price if isinstance(row, MarkPrice) else row.price,
                "of": "mark" if isinstance(row, MarkPrice) else "trade",
                "time": iso(row.ts),
            }
        return None


def events_of(heard: Collection[HeardLiquidation], coin: str) -> list[LiquidationEvent]:
    """Return those of a coin, in any order: of the instruments that count as it in the tables, too."""
    return [
        LiquidationEvent(
            one.row.ts,
            one.venue,
            one.symbol,
            one.row.position_side,
            one.row.price,
            one.row.price_meaning,
            one.row.quantity,
            one.row.notional,
            one.row.event_id,
            one.row.occurrence,
        )
        for one in heard
        if _is_of(one.venue, one.symbol, one.described, coin)
    ]


@lru_cache(maxsize=4_096)
def _is_of(name: str, symbol: str, described: tuple[str, str] | None, coin: str) -> bool:
    known = DescribedInstruments(venue(name), {symbol: described})
    return symbol in known.of_coin(coin).symbols
