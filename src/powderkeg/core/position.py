"""The liquidation of one isolated position, from what a trader knows: entry, leverage, side and size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from powderkeg.core.arguments import finite, leverage_of, positive
from powderkeg.core.liquidation_price import Basis, bankruptcy_price, liquidation_price
from powderkeg.core.margin_tiers import tier_index, tiered_liquidation_price
from powderkeg.errors import InputError
from powderkeg.model.instrument import Contract, LeverageTier, TierTable

PositionSide = Literal["long", "short"]

_SIGNS = {"long": 1, "short": -1}


@dataclass(frozen=True, slots=True)
class PositionLiquidation:
    """Where an isolated position is liquidated, and what that was computed from.

    Amounts are in quote for a linear contract, in base for an inverse one.

    Attributes
    ----------
    liquidation_price, bankruptcy_price
        Quote per base; None where the position is never liquidated, or never loses all its margin.
    distance
        liquidation_price / entry_price - 1, a fraction: negative for a long, positive for a short; None where
        there is no liquidation price.
    notional
        Of the position at its entry price.
    margin
        Posted in all: notional / leverage plus the extra margin.
    maintenance_margin
        What the venue demands at the liquidation price, without the closing fee; at the entry price where
        there is no liquidation price.
    tier
        Bracket that the maintenance margin comes from; None where a plain rate was given.
    """

    liquidation_price: float | None
    bankruptcy_price: float | None
    distance: float | None
    notional: float
    margin: float
    maintenance_margin: float
    tier: LeverageTier | None


def position_liquidation(
    *,
    entry_price: float,
    leverage: float,
    position_side: PositionSide,
    quantity: float = 1.0,
    contract: Contract = "linear",
    tiers: TierTable | None = None,
    maintenance_margin_rate: float | None = None,
    fee_rate: float = 0.0,
    extra_margin: float = 0.0,
    maintenance_basis: Basis = "mark",
    fee_basis: Basis = "mark",
) -> PositionLiquidation:
    """Return the liquidation of one isolated position; the prices are those of `tiered_liquidation_price`.

    Parameters
    ----------
    entry_price
        Quote per base, > 0.
    leverage
        Notional over margin at the entry, from 1 up to what the tier of the entry notional allows.
    position_side
        ``long`` or ``short``.
    quantity
        In base at the entry price, > 0, for either contract: an inverse position holds quantity x entry price
        of quote from then on. The prices depend on it only through the tiers and the extra margin.
    contract
        ``linear`` or ``inverse``; with tiers it has to be that of the table.
    tiers, maintenance_margin_rate
        Exactly one of them: a tier table, or one rate in [0, 1) for every notional.
    fee_rate
        Closing fee that the venue reserves, a fraction in [0, 1).
    extra_margin
        Added to the margin after opening, or, below 0, taken out of it (funding paid): quote, or base for an
        inverse contract.
    maintenance_basis, fee_basis
        Price at which maintenance margin and fee are valued, see `liquidation_price`.

    Raises
    ------
    InputError
        An argument is outside its range; leverage or notional is more than the tiers allow; or the margin
        does not exceed what is demanded at the entry, so that the position is liquidated as it is opened.
    """
    if position_side not in _SIGNS:
        raise InputError(f"position_side is {position_side!r}; expected 'long' or 'short'")
    sign = _SIGNS[position_side]
    base = float(positive("quantity", quantity))
    quote = base * float(positive("entry_price", entry_price))
    size, notional = (quote, base) if contract == "inverse" else (base, quote)
    margin = notional / float(leverage_of("leverage", leverage)) + float(finite("extra_margin", extra_margin))

    if tiers is not None and maintenance_margin_rate is None:
        if tiers.contract != contract:
            raise InputError(f"contract is {contract!r}; expected {tiers.contract!r}, as {tiers.title} is")
        opening = _opening_tier(notional, leverage, tiers)
        demanded = opening.maintenance_margin_rate * notional - opening.maintenance_amount
        found = tiered_liquidation_price(
            tiers,
            entry_price=entry_price,
            size=size,
            position_side=sign,
            margin=margin,
            fee_rate=fee_rate,
            maintenance_basis=maintenance_basis,
            fee_basis=fee_basis,
        )
        price = float(found.liquidation_price)
        tier = opening if math.isnan(price) else tiers.tiers[int(found.tier_index)]
        rate, amount = tier.maintenance_margin_rate, tier.maintenance_amount
    elif tiers is None and maintenance_margin_rate is not None:
        tier, rate, amount = None, maintenance_margin_rate, 0.0
        demanded = rate * notional
        price = float(
            liquidation_price(
                contract=contract,
                entry_price=entry_price,
                size=size,
                position_side=sign,
                margin=margin,
                maintenance_margin_rate=rate,
                fee_rate=fee_rate,
                maintenance_basis=maintenance_basis,
                fee_basis=fee_basis,
            )
        )
    else:
        given = "neither" if tiers is None else "both"
        raise InputError(f"{given} of tiers and maintenance_margin_rate given; expected exactly one")

    bankruptcy = float(
        bankruptcy_price(
            contract=contract, entry_price=entry_price, size=size, position_side=sign, margin=margin
        )
    )
    if margin <= 0 or sign * (entry_price - price) <= 0:
        unit = "base" if contract == "inverse" else "quote"
        raise InputError(
            f"margin is {margin:,.10g} in {unit} at leverage {leverage:g}; expected more than the maintenance"
            f" margin at the entry price, {demanded:,.10g}, and the closing fee, or the position is closed as"
            " it is opened: lower the leverage or add margin"
        )
    valued_at = {"mark": price, "entry": entry_price, "bankruptcy": bankruptcy}[maintenance_basis]
    if math.isnan(valued_at):
        valued_at = entry_price
    maintained = quote / valued_at if contract == "inverse" else base * valued_at
    return PositionLiquidation(
        liquidation_price=_none_if_nan(price),
        bankruptcy_price=_none_if_nan(bankruptcy),
        distance=_none_if_nan(price / entry_price - 1),
        notional=notional,
        margin=margin,
        maintenance_margin=rate * maintained - amount,
        tier=tier,
    )


def _opening_tier(notional: float, leverage: float, tiers: TierTable) -> LeverageTier:
    number = int(tier_index(notional, tiers))
    tier = tiers.tiers[number]
    size = f"{notional:,.10g} {tiers.notional_unit}"
    if notional > tier.notional_cap:
        raise InputError(
            f"notional is {size}; expected at most {tier.notional_cap:,.10g}, the largest position in "
            f"{tiers.title}: lower the quantity"
        )
    if leverage > tier.maximum_leverage:
        raise InputError(
            f"leverage is {leverage:g}; expected at most {tier.maximum_leverage:g}, which is what tier "
            f"{number + 1} of {tiers.title} allows for a notional of {size}"
        )
    return tier


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
