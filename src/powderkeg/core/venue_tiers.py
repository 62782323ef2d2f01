"""Margin tiers of well-known contracts, so that liquidation prices work without a network.

Each table carries the day and the page that it comes from. Venues change their tiers often and without much
notice: a table is right for its day, and for a position that matters the venue's present one has to be used
(`TierTable.from_floors` builds it). Only what a venue itself published is here, written down from the page
that `source` names.
"""

from __future__ import annotations

import re

from powderkeg.errors import InputError
from powderkeg.model.instrument import Contract, TierTable

_MILLION = 1_000_000.0

_BINANCE_LINEAR = (
    TierTable.from_floors(
        venue="binance",
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        as_of="2021-03-18",
        source="Binance, 'Updates to Leverage and Margin Tiers of Binance Futures Contracts (2021-03-18)', "
        "binance.com/en/support/announcement/86cf9aa472574b8cb2e05bb751c2a9a6",
        notional_floors=(0, 50e3, 250e3, 1e6, 10e6, 20e6, 50e6, 100e6, 200e6, 300e6),
        maintenance_margin_rates=(0.004, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.15, 0.25, 0.5),
        maximum_leverages=(125, 100, 50, 20, 10, 5, 4, 3, 2, 1),
        notional_cap=500e6,
    ),
    TierTable.from_floors(
        venue="binance",
        symbol="ADAUSDT",
        base="ADA",
        quote="USDT",
        as_of="2024-11-19",
        source="Binance, announcement of new leverage and margin tiers on 2024-11-19, "
        "binance.com/zh-TC/square/post/16441350164546",
        notional_floors=(0, 10e3, 50e3, 200e3, 1e6, 2e6, 10e6, 20e6, 25e6, 50e6),
        maintenance_margin_rates=(0.005, 0.01, 0.015, 0.02, 0.025, 0.05, 0.1, 0.125, 0.25, 0.5),
        maximum_leverages=(75, 50, 40, 25, 20, 10, 5, 4, 2, 1),
        notional_cap=100e6,
    ),
)

# The limits per leverage are the page's. The maintenance margin rates are half the initial ones, which
# reproduces the example that Binance gives for 50 BTC, 50 x (5 % - 2.5 %) + 0.56 = 1.81. Nothing confirms
# that rule above 100 BTC, so the table ends there.
_BINANCE_INVERSE = (
    TierTable.from_floors(
        venue="binance",
        symbol="BTCUSD_PERP",
        base="BTC",
        quote="USD",
        as_of="2020-06-11",
        source="Binance, 'Leverage and Margin in Coin-Margined Futures Contracts', support FAQ "
        "be2c7d9d95b04a7e8044ed02dd7dfe5c as first published",
        notional_floors=(0, 10, 20, 30, 50),
        maintenance_margin_rates=(0.004, 0.005, 0.01, 0.025, 0.05),
        maximum_leverages=(125, 100, 50, 20, 10),
        notional_cap=100,
        contract="inverse",
    ),
)

# Coins, notional at which the second tier begins, and the highest leverage in the two.
_HYPERLIQUID_GROUPS: tuple[tuple[str, float, tuple[float, float]], ...] = (
    ("BTC", 150 * _MILLION, (40, 20)),
    ("ETH", 100 * _MILLION, (25, 15)),
    ("SOL", 70 * _MILLION, (20, 10)),
    ("XRP", 40 * _MILLION, (20, 10)),
    (
        "DOGE kPEPE SUI WLD TRUMP LTC ENA POPCAT WIF AAVE kBONK LINK CRV AVAX ADA UNI NEAR TIA APT BCH HYPE "
        "FARTCOIN",
        20 * _MILLION,
        (10, 5),
    ),
    ("OP ARB LDO TON MKR ONDO JUP INJ kSHIB SEI TRX BNB DOT", 3 * _MILLION, (10, 5)),
)


def _hyperliquid(coin: str, second_floor: float, leverages: tuple[float, float]) -> TierTable:
    return TierTable.from_floors(
        venue="hyperliquid",
        symbol=coin,
        base=coin,
        quote="USDC",
        as_of="2026-11-22",
        source="Hyperliquid, 'Margin tiers' (mainnet), "
        "hyperliquid.gitbook.io/hyperliquid-docs/trading/margin-tiers, stored copy read on that day",
        notional_floors=(0, second_floor),
        # The page defines the maintenance margin rate as half the initial one at the tier's maximum leverage.
        maintenance_margin_rates=tuple(0.5 / leverage for leverage in leverages),
        maximum_leverages=leverages,
    )


VENUE_TIERS: tuple[TierTable, ...] = (
    *_BINANCE_LINEAR,
    *_BINANCE_INVERSE,
    *(
        _hyperliquid(coin, floor, leverages)
        for coins, floor, leverages in _HYPERLIQUID_GROUPS
        for coin in coins.split()
    ),
)
"""Every table that is shipped. Where one coin has several at a venue, the linear one comes first."""

# One perpetual per coin: whatever quote the caller's symbol names, there is no other contract to mean.
_ONE_CONTRACT_PER_COIN = frozenset({"hyperliquid"})
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD")


def venue_tier_table(venue: str, symbol: str, contract: Contract | None = None) -> TierTable:
    """Return the shipped tier table of an instrument.

    Parameters
    ----------
    venue
        ``binance`` or ``hyperliquid``, in any case.
    symbol
        In the spelling of any venue, see `base_and_quote`. A quote that it names has to be the table's,
        except at Hyperliquid, which lists one perpetual per coin. Without a quote the coin's first table is
        meant.
    contract
        ``linear`` or ``inverse`` to insist on one of them.

    Raises
    ------
    InputError
        No table fits; the message lists those that the venue has, or the venues.
    """
    base, quote = base_and_quote(symbol)
    at_venue = [table for table in VENUE_TIERS if table.venue == venue.strip().lower()]
    if not at_venue:
        known = ", ".join(sorted({table.venue for table in VENUE_TIERS}))
        raise InputError(f"no margin tiers are shipped for venue {venue!r}; expected one of {known}")
    for table in at_venue:
        quote_fits = quote in {None, table.quote} or table.venue in _ONE_CONTRACT_PER_COIN
        if table.base.upper() == base and quote_fits and contract in {None, table.contract}:
            return table
    known = ", ".join(table.symbol for table in at_venue)
    kind = f" as {'an' if contract == 'inverse' else 'a'} {contract} contract" if contract else ""
    raise InputError(
        f"no margin tiers are shipped for {symbol!r} at {at_venue[0].venue}{kind}; expected one of {known}, "
        "or give a maintenance margin rate or a table of your own"
    )


def base_and_quote(symbol: str) -> tuple[str, str | None]:
    """Return the coin and the quote that a symbol names, in upper case; None where it names no quote.

    ``BTCUSDT``, ``BTC-USDT-SWAP`` and ``BTC/USDT:USDT`` give (BTC, USDT); ``BTC``, ``BTC-PERP`` and
    ``BTCPERP`` give (BTC, None); ``BTCUSD_PERP`` and ``XBTUSD`` give (BTC, USD).

    Raises
    ------
    InputError
        The symbol holds no coin.
    """
    parts = [part for part in re.split(r"[^A-Z0-9]+", symbol.upper()) if part]
    base, quote = (parts[0] if parts else ""), None
    if len(parts) > 1 and parts[1] in _QUOTES:
        quote = parts[1]
    else:
        base = base.removesuffix("PERP") or base
        for candidate in _QUOTES:
            if base.endswith(candidate) and base != candidate:
                base, quote = base.removesuffix(candidate), candidate
                break
    if not base:
        raise InputError(f"symbol is {symbol!r}; expected one such as BTCUSDT, BTC-USDT-SWAP or BTC")
    return ("BTC" if base == "XBT" else base), quote
