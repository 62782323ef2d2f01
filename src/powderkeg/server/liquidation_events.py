"""Single liquidations of a coin as the lake holds them, of all venues in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powderkeg.analytics.coin_instruments import instruments_of_coin
from powderkeg.analytics.realised_liquidations import ReportedOrder
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

_MOST_IN_ONE = 1_000
_COLUMNS = ("ts", "position_side", "price", "price_meaning", "quantity", "notional", "event_id", "occurrence")


@dataclass(frozen=True, slots=True, order=True)
class LiquidationEvent(ReportedOrder):
    """A reported order with what tells it from others that are alike; ordered by time."""

    event_id: str
    occurrence: int

    @property
    def key(self) -> tuple[object, ...]:
        """What is the same of it wherever it is read: venue, symbol and the key of its table."""
        return (
            self.venue,
            self.symbol,
            self.ts,
            self.event_id,
            self.position_side,
            self.price,
            self.quantity,
            self.occurrence,
        )


def feeds_of_coin(lake: Lake, venues: Sequence[str], coin: str) -> list[tuple[str, str]]:
    """Return (venue, symbol) of the instruments of a coin that have liquidations in the lake."""
    return [
        (name, symbol) for name in venues for symbol in instruments_of_coin(lake, venue(name), coin).symbols
    ]


def events_of_feed(lake: Lake, name: str, symbol: str, window: Window) -> list[LiquidationEvent]:
    """Return the liquidations of one instrument in a window, ascending."""
    rows = lake.read(DatasetKey("liquidations", name, symbol), window, _COLUMNS)
    return sorted(LiquidationEvent(ts, name, symbol, *rest) for ts, *rest in rows.iter_rows())


def events_of_coin(lake: Lake, venues: Sequence[str], coin: str, window: Window) -> list[LiquidationEvent]:
    """Return the liquidations of a coin in a window, ascending; those alike stay in a fixed order."""
    feeds = feeds_of_coin(lake, venues, coin)
    return sorted(event for feed in feeds for event in events_of_feed(lake, *feed, window))


def told_in_parts(events: Sequence[LiquidationEvent]) -> list[dict[str, Any]]:
    """Return events of the stream that tell these, a thousand in each at most."""
    return [
        {"type": "liquidations", "liquidations": [one.as_json() for one in events[at : at + _MOST_IN_ONE]]}
        for at in range(0, len(events), _MOST_IN_ONE)
    ]
