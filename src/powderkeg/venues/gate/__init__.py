"""Gate, perpetuals that settle in USDT, and the one on Bitcoin in USD that settles in it; API v4.

Since 2026-08-19 there are contracts that settle in USD1 too; they are left out, as the REST documentation
does not know them.
"""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.gate.answers import refusal
from powderkeg.venues.gate.history import HISTORY
from powderkeg.venues.gate.snapshots import SNAPSHOTS
from powderkeg.venues.gate.statistics import STATISTICS
from powderkeg.venues.gate.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

_REST = "https://www.gate.com/docs/developers/apiv4/"
_WEBSOCKET = "https://www.gate.com/docs/developers/futures/ws/"

VENUE = Venue(
    name="gate",
    title="Gate",
    urls={
        "rest": "https://api.gateio.ws",
        "stream": "wss://fx-ws.gateio.ws/v4/ws/usdt",
        "stream_inverse": "wss://fx-ws.gateio.ws/v4/ws/btc",
    },
    # Of every endpoint by itself; all are counted together here.
    limits={"rest": RateLimit(weight=200, period_ms=10_000)},
    # Otherwise sizes are rounded down to whole contracts.
    headers={"X-Gate-Size-Decimal": "1"},
    symbol=lambda coin: f"{coin}_USDT",
    refusal=refusal,
    history=(*HISTORY, *STATISTICS),
    snapshots=SNAPSHOTS,
    stream=STREAM,
    semantics=Semantics(
        liquidation_completeness="every",
        liquidation_slot=None,
        liquidation_side="order",
        liquidation_price="limit",
        open_interest_unit="contracts",
        open_interest_sides=2,
        clock="REST in seconds; the stream in milliseconds, and where those are missing in seconds",
        regimes=(
            Regime("2025-02-19", "public_liquidates begins", _WEBSOCKET),
            Regime(
                "2025-12-09",
                "sizes may be fractions of a contract, sent to clients with the header "
                "X-Gate-Size-Decimal: 1; others get them rounded down, to 0 below one",
                _REST,
            ),
            Regime("2026-04-27", "contract_stats has long_liq_usd_new, and sizes of takers", _REST),
            Regime(
                "2026-08-20",
                "public_liquidates carries all, gathered for up to a second, with times in milliseconds; "
                "before, at most one per contract and second, with times in seconds or milliseconds",
                _WEBSOCKET,
            ),
        ),
        notes=(
            "The stream gives the size of a liquidation the sign of the order (negative closes a long), "
            "liq_orders that of the position (negative is a short): the opposite.",
            "The stream's price is where the order stood, by Gate's help pages the bankruptcy price; "
            "liq_orders has the fill beside it. In history the price is the fill.",
            "The same liquidation is stamped in milliseconds on the stream and in seconds in liq_orders.",
            "That open interest counts both sides is not documented; it follows from total_size being twice "
            "the position_size of all longs.",
            "contract_stats stamps the open interest at the end of an interval with its start; here it is "
            "stamped with the end.",
            "Funding is stamped a second or two after it was due at times.",
            "The closed candle of an interval may never be sent on the stream, says the documentation.",
        ),
    ),
    unavailable={
        "depth_bands": "not published; depth_levels are recorded live",
        "deleveraging_signals": "not published; only the rank of one's own positions is",
    },
)
