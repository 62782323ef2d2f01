"""OKX, linear and inverse perpetual swaps, API v5."""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.okx.answers import refusal
from powderkeg.venues.okx.history import HISTORY
from powderkeg.venues.okx.snapshots import SNAPSHOTS
from powderkeg.venues.okx.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

_DOCUMENTATION = "https://www.okx.com/docs-v5/en/"
_CHANGES = "https://www.okx.com/docs-v5/log_en/"
_SECURITY_FUND = "https://www.okx.com/help/okx-to-optimize-the-front-end-display-and-api-of-the-security-fund"

VENUE = Venue(
    name="okx",
    title="OKX",
    urls={
        "rest": "https://openapi.okx.com",
        "stream": "wss://ws.okx.com:8443/ws/v5/public",
        "stream_business": "wss://ws.okx.com:8443/ws/v5/business",
    },
    # Every path has its own budget; the most common one stands for all, and slower paths weigh more.
    limits={"rest": RateLimit(weight=20, period_ms=2_000)},
    symbol=lambda coin: f"{coin}-USDT-SWAP",
    refusal=refusal,
    history=HISTORY,
    snapshots=SNAPSHOTS,
    stream=STREAM,
    semantics=Semantics(
        liquidation_completeness="unknown",
        liquidation_slot=None,
        liquidation_side="order",
        liquidation_price="bankruptcy",
        open_interest_unit="contracts, beside coin and USD",
        open_interest_sides=1,
        open_interest_history_stamp="interval",
        clock="milliseconds; bars and statistics are stamped with their start; liquidations come unordered",
        regimes=(
            Regime(
                "2026-05-20", "REST is at openapi.okx.com; before, at www.okx.com", f"{_CHANGES}#2026-05-20"
            ),
            Regime(
                "2026-05-31",
                "liquidation-orders are no longer said to be at most one per contract and second, as until "
                "2026-01-15 at least; they are still said not to be all (days on which the page was read)",
                f"{_DOCUMENTATION}#public-data-websocket-liquidation-orders-channel",
            ),
            Regime(
                "2026-06-09",
                "adl-warning is silent in the normal state, and most of its fields are empty; the security "
                "fund is told once a day",
                _SECURITY_FUND,
            ),
            Regime("2026-06-23", "checksum of books is 0; only seqId tells", f"{_CHANGES}#2026-06-23"),
            Regime(
                "2026-07-19",
                "bkPx is called the liquidation mark price, and rows say mark; until 2026-06-26 at least it "
                "was called the bankruptcy price (days on which the page was read)",
                f"{_DOCUMENTATION}#public-data-websocket-liquidation-orders-channel",
            ),
        ),
        notes=(
            "Sizes are contracts: 0.01 BTC in BTC-USDT-SWAP, 100 USD in BTC-USD-SWAP. Volumes are kept from "
            "volCcy, in coin, not from vol.",
            "A liquidation's side is that of the order, posSide that of the position; in net mode posSide is "
            "net and only the order tells.",
            "Position tiers are counted in contracts. They are kept in base for linear and in quote for "
            "inverse contracts, as the unit of each row says; the rate is the whole position's.",
            "1D and 6H begin at 16:00 UTC; only 1Dutc and its like are asked for.",
            "Statistics per currency add up all contracts of a coin, are stamped with a period's end, and "
            "are not asked for; those per contract are, and are stamped with its start.",
            "Whether open interest counts one side or both is not documented; one is assumed.",
            "fundingRate of the history is the forecast, realizedRate what was paid.",
            "The instruments' list holds announced contracts with most fields empty.",
        ),
    ),
    unavailable={
        "liquidation_totals": "not published; add up the liquidations recorded live, which are not all",
        "depth_bands": "not published; depth_levels are recorded live",
    },
)
