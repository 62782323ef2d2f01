"""Binance, USD-margined perpetuals (USDⓈ-M futures).

COIN-margined contracts have another API, counted in contracts; they are out of scope, also where they appear
on streams of this one.
"""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.binance.answers import refusal
from powderkeg.venues.binance.bulk import BULK_AGGREGATES, BULK_BARS, BULK_METRICS
from powderkeg.venues.binance.history import HISTORY
from powderkeg.venues.binance.snapshots import SNAPSHOTS
from powderkeg.venues.binance.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

_DOCUMENTATION = "https://developers.binance.com/docs/derivatives/usds-margined-futures"
_CHANGES = "https://developers.binance.com/docs/derivatives/change-log"

VENUE = Venue(
    name="binance",
    title="Binance",
    urls={
        # One server under three names, because it counts three kinds of requests apart.
        "rest": "https://fapi.binance.com",
        "rest_data": "https://fapi.binance.com",
        "rest_funding": "https://fapi.binance.com",
        "bulk": "https://data.binance.vision",
        # Since 2026-04-23 every stream has its path. Elsewhere a subscription is confirmed, then silent.
        "stream_market": "wss://fstream.binance.com/market",
        "stream_public": "wss://fstream.binance.com/public",
    },
    limits={
        "rest": RateLimit(weight=2400, period_ms=60_000),
        "rest_data": RateLimit(weight=1000, period_ms=300_000),
        "rest_funding": RateLimit(weight=500, period_ms=300_000),
        # None is published for the file server.
        "bulk": RateLimit(weight=200, period_ms=10_000),
    },
    symbol=lambda coin: f"{coin}USDT",
    refusal=refusal,
    # Of one series files come first: they answer past days as a whole and to the end, REST the rest.
    history=(*BULK_BARS, *BULK_METRICS, *BULK_AGGREGATES, *HISTORY),
    snapshots=SNAPSHOTS,
    stream=STREAM,
    semantics=Semantics(
        liquidation_completeness="one per slot",
        liquidation_slot=1000,
        liquidation_side="order",
        liquidation_price="fill",
        open_interest_unit="base",
        open_interest_sides=1,
        clock="milliseconds; bars and taker volumes are stamped with their start, open interest and ratios "
        "with their moment, which metrics files state 5 minutes early",
        regimes=(
            Regime("2021-04-27", "forceOrder carries one order per symbol and second; before, all", _CHANGES),
            Regime(
                "2025-09-18",
                "basis of the mark price averaged over 30 seconds, before over a minute; funding divided by "
                "eight hours over the interval",
                "https://www.binance.com/en/square/post/29758881844449",
            ),
            Regime(
                "2025-12-31", "retail price improvement orders count in q of aggTrade, not in nq", _CHANGES
            ),
            Regime(
                "2026-01-15", "depth files have bands at 0.2 % beside 1 to 5 %", "https://data.binance.vision"
            ),
            Regime(
                "2026-04-10", "the one order per second is called the largest; before, the latest", _CHANGES
            ),
            Regime(
                "2026-04-23",
                "streams under /market and /public; the old paths confirm, then stay silent",
                f"{_DOCUMENTATION}/websocket-market-streams/Important-WebSocket-Change-Notice",
            ),
            Regime(
                "2026-06-30",
                "!forceOrder@arr carries COIN-margined contracts too (st 2); one budget of weight with them",
                "https://developers.binance.com/docs/derivatives/coin-margined-futures",
            ),
        ),
        notes=(
            "The side is the closing order's: SELL means that a long was liquidated, the opposite of Bybit.",
            "p of a forced order is its limit, not where it traded; ap is the average fill, z what filled.",
            "A stream name that does not exist is confirmed like any other, and stays silent.",
            "Settlements of funding are stamped some milliseconds late.",
            "The first value of a day stands in the metrics file of the day before.",
            "Depth files of April and May 2025 contradict the price of their time (binance-public-data 431).",
        ),
    ),
    unavailable={
        "leverage_tiers": "only told to signed requests; powderkeg ships dated tables of some contracts, and "
        "takes a table of your own",
        "liquidation_totals": "not published; add up the liquidations recorded live, of which there is at "
        "most one per second",
        "deleveraging_signals": "published as high, medium or low only (symbolAdlRisk), without a number",
    },
)
