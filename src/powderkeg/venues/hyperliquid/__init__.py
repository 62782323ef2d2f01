"""Hyperliquid, perpetuals on a chain of its own, with those that builders deploy there (HIP-3)."""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.hyperliquid.accounts import CENSUS
from powderkeg.venues.hyperliquid.answers import refusal
from powderkeg.venues.hyperliquid.history import HISTORY
from powderkeg.venues.hyperliquid.snapshots import SNAPSHOTS
from powderkeg.venues.hyperliquid.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

VENUE = Venue(
    name="hyperliquid",
    title="Hyperliquid",
    urls={
        "rest": "https://api.hyperliquid.xyz",
        "stream": "wss://api.hyperliquid.xyz/ws",
        "leaderboard": "https://stats-data.hyperliquid.xyz",
    },
    limits={"rest": RateLimit(weight=1_200, period_ms=60_000)},
    symbol=lambda coin: coin,
    refusal=refusal,
    history=HISTORY,
    snapshots=SNAPSHOTS,
    stream=STREAM,
    census=CENSUS,
    semantics=Semantics(
        liquidation_completeness="none",
        liquidation_slot=None,
        liquidation_side="position",
        liquidation_price="fill",
        open_interest_unit="base",
        open_interest_sides=2,
        clock=(
            "milliseconds of the block; bars are stamped with their start, funding with the block that "
            "settled it, mostly below a second after the hour; contexts carry no time and take the recorder's"
        ),
        regimes=(
            Regime(
                "2023-06-08",
                "funding settles every hour; before, every 8 hours",
                "measured on recorded answers to fundingHistory",
            ),
        ),
        notes=(
            "Open interest counts longs and shorts. The API page does not say; the page on HIP-3 deployer "
            "actions defines it, for its caps, as the sum of absolute position sizes, and a long of 175,000 "
            "ETH on 2025-03-12 raised the published figure by 376,000: measured and nearly certain, not "
            "documented. Third parties' recordings of one value an hour behave like means stamped with the "
            "hour's start.",
            "Liquidations are in no public feed: trades carry no mark of them, and a hash of zeros is none. "
            "Fills of an account do, on both sides of the trade: see powderkeg.venues.hyperliquid.fills.",
            "Coins are case-sensitive: kPEPE is a thousand PEPE, and its prices and sizes are of a thousand. "
            "A perpetual of a builder's dex has the dex before a colon: xyz:TSLA.",
            "Quoted in USD: the oracle prices most coins in USDT, margin is USDC, and no rate is applied.",
            "The tick is the finest that an instrument can have; prices keep five significant figures, so "
            "BTC at 60,000 moves by 1.",
            "Only the newest 5000 bars of each interval are kept: 3.5 days of minutes.",
            "Trade ids are hashes, unique within coin and millisecond; a gap in them means nothing.",
        ),
    ),
    unavailable={
        "liquidations": "in no public feed; public by account, and by block in a bucket whose reader pays",
        "liquidation_totals": "not published",
        "mark_bars": "not published; mark_prices are recorded as they are",
        "long_short_ratios": "not published; every position is public by account",
        "taker_volume": "not published; add up the trades recorded live",
        "depth_bands": "not published; depth_levels are recorded live",
        "insurance_funds": "there is none: a vault (HLP) takes over what the book cannot",
        "deleveraging_signals": "not published; a profitable account can be closed against at any time",
    },
)
