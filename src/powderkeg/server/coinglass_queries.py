"""What the CoinGlass-compatible endpoints take: their parameters, and `as_of` besides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from powderkeg.errors import InputError
from powderkeg.model.times import DAY, duration
from powderkeg.model.window import Window
from powderkeg.server.problems import RequestError
from powderkeg.server.queries import Query
from powderkeg.venues.registry import venue
from powderkeg.venues.venue import Venue

Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "4h", "6h", "8h", "12h", "1d", "1w"]
MapRange = Literal["1d", "7d", "30d"]
HeatmapRange = Literal["12h", "24h", "3d", "7d", "30d", "90d", "180d", "1y"]
_ALSO_CALLED = {"gate.io": "gate"}

Exchange = Annotated[str, Field(max_length=20, description="Exchange, in any case.", examples=["Binance"])]
Pair = Annotated[str, Field(min_length=1, max_length=40, description="Pair.", examples=["BTCUSDT"])]
Coin = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,20}$", description="Coin.", examples=["BTC"])]
Time = Annotated[int | None, Field(description="UTC milliseconds.")]


class AsOf(Query):
    """A query that can be asked as of an earlier time."""

    as_of: Annotated[
        int | None, Field(description="UTC milliseconds; nothing known later is used. Not of CoinGlass.")
    ] = None

    def end(self, now: int) -> int:
        """Return the time as of which is asked; raises `RequestError` where it is not past."""
        return past(self.as_of, "as_of", now)


class PairHistory(AsOf):
    """Liquidations of a pair by interval."""

    exchange: Exchange
    symbol: Pair
    interval: Interval
    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    start_time: Time = None
    end_time: Time = None


class CoinHistory(AsOf):
    """Liquidations of a coin by interval."""

    exchange_list: Annotated[
        str,
        Field(max_length=200, description="Exchanges, separated by commas.", examples=["Binance,Bybit"]),
    ]
    symbol: Coin
    interval: Interval
    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    start_time: Time = None
    end_time: Time = None


class CoinList(AsOf):
    """Liquidations of an exchange by coin."""

    exchange: Exchange


class ExchangeList(AsOf):
    """Liquidations by exchange."""

    symbol: Coin = "BTC"
    range: Literal["1h", "4h", "12h", "24h"]


class Orders(AsOf):
    """Single liquidations."""

    exchange: Exchange
    symbol: Coin
    min_liquidation_amount: Annotated[float, Field(ge=0, description="USD.", examples=[1_000])]
    start_time: Time = None
    end_time: Time = None


class PairHeatmap(AsOf):
    """A heatmap of a pair."""

    exchange: Exchange
    symbol: Pair
    range: HeatmapRange


class CoinHeatmapQuery(AsOf):
    """A heatmap of a coin."""

    symbol: Coin
    range: HeatmapRange


class PairMap(AsOf):
    """A map of a pair."""

    exchange: Exchange
    symbol: Pair
    range: MapRange


class CoinMapQuery(AsOf):
    """A map of a coin."""

    symbol: Coin
    range: MapRange


def exchange_of(name: str) -> Venue:
    """Return the venue that CoinGlass calls an exchange; raises `RequestError` where there is none."""
    lowered = name.strip().lower()
    try:
        return venue(_ALSO_CALLED.get(lowered, lowered))
    except InputError as error:
        raise RequestError(404, "unknown_exchange", str(error), "exchange") from error


def exchanges_of(names: str) -> tuple[Venue, ...]:
    """Return the venues of a list separated by commas, each once; raises `RequestError` as above."""
    found = {one.name: one for name in names.split(",") if name.strip() for one in [exchange_of(name)]}
    if not found:
        raise RequestError(422, "invalid_parameter", "exchange_list: expected names", "exchange_list")
    return tuple(found.values())


def past(time: int | None, field: str, now: int) -> int:
    """Return a time that is past, `now` without one; raises `RequestError` where it is not."""
    if time is None:
        return now
    if not 1_230_768_000_000 <= time <= now:
        raise RequestError(422, "invalid_parameter", f"{field}: {time}; expected UTC ms that are past", field)
    return time


def range_length(name: str) -> int:
    """Return the length of a range in milliseconds."""
    return 365 * DAY if name == "1y" else duration(name)


def history_window(query: PairHistory | CoinHistory, now: int) -> Window:
    """Return the whole intervals that are asked for: the last `limit` of them, or the first after a start.

    Raises
    ------
    RequestError
        A time is not past, or the end is not after the start.
    """
    step = duration(query.interval)
    end = past(query.end_time, "end_time", query.end(now))
    stop = -(-end // step) * step
    if query.start_time is None:
        return Window(stop - query.limit * step, end)
    start = past(query.start_time, "start_time", now) // step * step
    stop = min(end, start + query.limit * step)
    if stop <= start:
        raise RequestError(422, "invalid_parameter", "start_time: it is not before end_time", "start_time")
    return Window(start, stop)
