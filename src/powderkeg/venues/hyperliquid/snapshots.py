"""What Hyperliquid tells as of now: instruments, margin tables, mark prices and open interest.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals, and beside it
api/tick-and-lot-size, trading/margin-tiers and trading/contract-specifications, read 2026-11-25.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import InstrumentRow, LeverageTierRow, MarkPrice, OpenInterest
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import Instruments, Record, SnapshotSource
from powderkeg.venues.hyperliquid.answers import answer, question
from powderkeg.venues.payload import decoder, finite, non_negative, positive

# Prices have at most this many decimals, less those that sizes have.
_PRICE_DECIMALS = 6
# Margin tables with a smaller id are not listed: one tier, whose leverage is the id.
_FIRST_LISTED_TABLE = 50
# Collateral by token index, as far as recorded answers name it; dexes of builders may use any token.
_COLLATERAL = {0: "USDC", 235: "USDE", 360: "USDH"}


class _Perpetual(msgspec.Struct, rename="camel"):
    name: str
    sz_decimals: int
    max_leverage: float
    margin_table_id: int | None = None
    is_delisted: bool | None = None


class _Tier(msgspec.Struct, rename="camel"):
    lower_bound: float
    max_leverage: float


class _MarginTable(msgspec.Struct, rename="camel"):
    margin_tiers: list[_Tier]


class _Dex(msgspec.Struct, rename="camel"):
    universe: list[_Perpetual]
    margin_tables: list[tuple[int, _MarginTable]] = []
    collateral_token: int = 0


class _Context(msgspec.Struct, rename="camel"):
    mark_px: float
    oracle_px: float
    open_interest: float
    funding: float


# The documentation pairs each dex with its contexts; recorded answers have the dexes alone.
_DEXES = decoder(list[_Dex | tuple[_Dex, msgspec.Raw]])
_DEX_AND_CONTEXTS = decoder(tuple[_Dex, list[_Context]])


def _dexes(payload: bytes) -> list[_Dex]:
    listed = answer(payload, _DEXES, "allPerpMetas")
    return [dex if isinstance(dex, _Dex) else dex[0] for dex in listed]


def _leverage(value: float) -> float:
    if 1 <= value < math.inf:
        return value
    raise PayloadError(f"maxLeverage is {value!r}; expected a number from 1")


def _instrument(dex: _Dex, perpetual: _Perpetual, now: int) -> InstrumentRow:
    decimals = perpetual.sz_decimals
    if not 0 <= decimals <= _PRICE_DECIMALS:
        raise PayloadError(f"szDecimals is {decimals!r}; expected a number from 0 to {_PRICE_DECIMALS}")
    base = perpetual.name.rsplit(":", 1)[-1]
    if not base:
        raise PayloadError(f"name is {perpetual.name!r}; expected a coin")
    settle = _COLLATERAL.get(dex.collateral_token)
    unnamed = f"token {dex.collateral_token}"
    return InstrumentRow(
        ts=now,
        base=base,
        quote="USD" if settle else unnamed,
        settle=settle or unnamed,
        contract="linear",
        contract_size=1.0,  # sizes are in base
        # The finest step; five significant figures make it coarser as the price rises, up to 1.
        tick_size=float(f"1e-{_PRICE_DECIMALS - decimals}"),
        quantity_step=float(f"1e-{decimals}"),
        status="delisted" if perpetual.is_delisted else "trading",
        listed_ts=None,
        maximum_leverage=_leverage(perpetual.max_leverage),
    )


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(perpetual.name, _instrument(dex, perpetual, now))
        for dex in _dexes(payload)
        for perpetual in dex.universe
    ]


def _margin_tiers(dex: _Dex, perpetual: _Perpetual) -> list[_Tier]:
    number = perpetual.margin_table_id
    for listed, table in dex.margin_tables:
        if listed == number:
            return table.margin_tiers
    if number is None:
        return [_Tier(0.0, perpetual.max_leverage)]
    if 0 < number < _FIRST_LISTED_TABLE:
        return [_Tier(0.0, float(number))]
    raise PayloadError(f"marginTableId of {perpetual.name} is {number!r}; expected a listed one or below 50")


def _tier_rows(tiers: list[_Tier], now: int) -> Iterator[LeverageTierRow]:
    """Yield the rows of one margin table.

    The maintenance margin rate is half of the initial rate at the tier's maximum leverage, 1 / (2 leverage),
    and the amounts keep the maintenance margin continuous: the venue publishes both as rules, not as numbers.
    """
    floors = [non_negative(tier.lower_bound, "lowerBound") for tier in tiers]
    if not floors or floors[0] != 0 or not all(lower < upper for lower, upper in pairwise(floors)):
        raise PayloadError(f"lowerBound of the tiers is {floors!r}; expected 0 first, then rising")
    caps = [*floors[1:], math.inf]
    amount = below = 0.0
    for number, (tier, cap) in enumerate(zip(tiers, caps, strict=True), start=1):
        rate = 0.5 / _leverage(tier.max_leverage)
        if number > 1:
            amount += tier.lower_bound * (rate - below)
        below = rate
        yield LeverageTierRow(now, number, tier.lower_bound, cap, rate, amount, tier.max_leverage)


def _tiers(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(perpetual.name, row)
        for dex in _dexes(payload)
        for perpetual in dex.universe
        for row in _tier_rows(_margin_tiers(dex, perpetual), now)
    ]


def _contexts(payload: bytes) -> Iterator[tuple[str, _Context]]:
    """Yield the symbol and the context of each perpetual that trades; a delisted one's stand still."""
    dex, contexts = answer(payload, _DEX_AND_CONTEXTS, "metaAndAssetCtxs")
    if len(contexts) != len(dex.universe):
        raise PayloadError(
            f"metaAndAssetCtxs: {len(contexts)} contexts of {len(dex.universe)} perpetuals; expected one each"
        )
    for perpetual, context in zip(dex.universe, contexts, strict=True):
        if not perpetual.is_delisted:
            yield perpetual.name, context


def _mark_prices(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(
            symbol,
            MarkPrice(
                now,
                positive(context.mark_px, "markPx"),
                positive(context.oracle_px, "oraclePx"),
                finite(context.funding, "funding"),
                None,  # on the next full hour, which the answer does not say
            ),
        )
        for symbol, context in _contexts(payload)
    ]


def _interests(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        # The sum of absolute position sizes: longs and shorts. See `Semantics.notes`.
        Record(symbol, OpenInterest(now, value / 2, value, "base", 2, None))
        for symbol, context in _contexts(payload)
        for value in (non_negative(context.open_interest, "openInterest"),)
    ]


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: question("allPerpMetas"),
        read=_instruments,
        whole_venue=True,
        poll=6 * HOUR,
    ),
    SnapshotSource(
        table="leverage_tiers",
        request=lambda _: question("allPerpMetas"),
        read=_tiers,
        whole_venue=True,
        poll=6 * HOUR,
    ),
    # Of the main dex only: each dex of a builder is another question, and a source asks one.
    SnapshotSource(
        table="mark_prices",
        request=lambda _: question("metaAndAssetCtxs"),
        read=_mark_prices,
        whole_venue=True,
        poll=MINUTE,
    ),
    SnapshotSource(
        table="open_interest",
        request=lambda _: question("metaAndAssetCtxs"),
        read=_interests,
        whole_venue=True,
        poll=MINUTE,
    ),
)
