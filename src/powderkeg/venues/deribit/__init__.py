"""Deribit, inverse and linear perpetuals, API v2."""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.deribit.answers import refusal
from powderkeg.venues.deribit.history import HISTORY
from powderkeg.venues.deribit.snapshots import SNAPSHOTS
from powderkeg.venues.deribit.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

_SUPPORT = "https://support.deribit.com/hc/en-us/articles"
_INSIGHTS = "https://insights.deribit.com/exchange-updates"
# Only these two have an inverse perpetual, and it is the one most traded; all others are settled in USDC.
_INVERSE = frozenset({"BTC", "ETH"})


def _symbol(coin: str) -> str:
    return f"{coin}-PERPETUAL" if coin in _INVERSE else f"{coin}_USDC-PERPETUAL"


VENUE = Venue(
    name="deribit",
    title="Deribit",
    urls={
        "rest": "https://www.deribit.com",
        "archive": "https://history.deribit.com",
        # Event nodes at streams.deribit.com speak the same; the reference names this one.
        "stream": "wss://www.deribit.com/ws/api/v2",
    },
    # Half of what an account may ask, 20 requests a second with bursts of 100: what an address without one
    # may ask is nowhere stated, and asking too much ends the session. The archive states nothing at all.
    limits={"rest": RateLimit(weight=50, period_ms=5_000), "archive": RateLimit(weight=25, period_ms=5_000)},
    symbol=_symbol,
    refusal=refusal,
    history=HISTORY,
    snapshots=SNAPSHOTS,
    stream=STREAM,
    semantics=Semantics(
        liquidation_completeness="every",
        liquidation_slot=None,
        liquidation_side="order (of the taker, with a flag for who was liquidated)",
        liquidation_price="fill",
        open_interest_unit="base (linear), quote (inverse)",
        open_interest_sides=1,
        clock="milliseconds; bars are stamped with their start, funding with the end of its hour",
        regimes=(
            Regime(
                "2022-01-11",
                "BTC and ETH: 50x at most; maintenance margin from 1 %, growing with the position",
                f"{_SUPPORT}/25944826427293-11-January-2022",
            ),
            Regime(
                "2023-08-01",
                "portfolio-margined accounts are liquidated in whatever adds most to their margin, or hedged "
                "with the perpetual: a flagged trade may then open a position instead of closing one",
                f"{_SUPPORT}/25944825289245-1-August-2023",
            ),
            Regime(
                "2026-08-05",
                "announced: margins of standard accounts vary with position size in a new way",
                f"{_INSIGHTS}/new-sm-margin-model-on-deribit/",
            ),
            Regime(
                "2026-08-18",
                "contract, tick and order sizes of linear perpetuals changed",
                f"{_INSIGHTS}/contract-specifications-change-for-linear-usdc-perpetuals/",
            ),
        ),
        notes=(
            "A liquidation is a trade: T with a selling taker ended a long, M with a selling taker ended the "
            "maker's short, MT ended both and is two liquidations. It is kept as a trade too.",
            "Settlements of type bankruptcy, which some connectors give out as liquidations, are losses that "
            "were socialized.",
            "Amounts are USD for inverse perpetuals and base for linear ones, never contracts; volumes of "
            "bars are base and their costs quote for both.",
            "Funding accrues every moment. Its history is the sum of each hour; tickers carry the rate of "
            "the moment, per eight hours.",
            "The chart channel sends a bar again and again without saying when it is closed: bars come from "
            "history only.",
            "Trades older than a day come from history.deribit.com, which the reference does not mention.",
        ),
    ),
    unavailable={
        "leverage_tiers": "no tiers: margins grow with every coin of a position, and no method says how",
        "mark_bars": "get_mark_price_history is empty for perpetuals; mark_prices are recorded live",
        "long_short_ratios": "not published",
        "taker_volume": "not published; add up the trades",
        "liquidation_totals": "not published; add up the liquidations",
        "depth_bands": "not published; depth_levels are recorded live",
        "insurance_funds": "shown on the site; no public method tells it",
        "deleveraging_signals": "not published",
    },
)
