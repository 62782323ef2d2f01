"""``powderkeg price``: the liquidation price of one position."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from powderkeg.cli import options

ASSUMED_MAINTENANCE_MARGIN_RATE = 0.005


class PositionSideName(StrEnum):
    """Side of a position."""

    LONG = "long"
    SHORT = "short"


class ContractName(StrEnum):
    """Kind of contract."""

    LINEAR = "linear"
    INVERSE = "inverse"


class BasisName(StrEnum):
    """Price at which maintenance margin is valued."""

    MARK = "mark"
    ENTRY = "entry"
    BANKRUPTCY = "bankruptcy"


def price(
    entry: Annotated[float, typer.Option("--entry", help="Entry price, quote per base.")],
    leverage: Annotated[float, typer.Option("--leverage", help="Leverage at the entry, 1 or more.")],
    side: Annotated[PositionSideName, typer.Option("--side", help="long or short.")],
    quantity: Annotated[
        float, typer.Option("--quantity", help="Base units; matters for tiers and extra margin.")
    ] = 1.0,
    venue: Annotated[
        str | None, typer.Option("--venue", help="Take the margin tiers of this venue; needs --symbol.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Instrument, such as BTCUSDT.")] = None,
    maintenance_margin_rate: Annotated[
        float | None,
        typer.Option(
            "--maintenance-margin-rate", help="One rate for every size, as a fraction; 0.005 = 0.5 %."
        ),
    ] = None,
    contract: Annotated[
        ContractName, typer.Option("--contract", help="linear (quote-margined) or inverse.")
    ] = ContractName.LINEAR,
    fee_rate: Annotated[
        float, typer.Option("--fee-rate", help="Closing fee that the venue reserves, as a fraction.")
    ] = 0.0,
    extra_margin: Annotated[
        float, typer.Option("--extra-margin", help="Margin added after opening; negative for funding paid.")
    ] = 0.0,
    maintenance_basis: Annotated[
        BasisName,
        typer.Option("--maintenance-basis", help="Price at which the maintenance margin is valued."),
    ] = BasisName.MARK,
    as_json: options.Json = False,
) -> None:
    """Compute the liquidation and bankruptcy price of one isolated position.

    The maintenance margin comes from a venue's shipped tier table (--venue and --symbol) or from one
    --maintenance-margin-rate; with neither, 0.5 % is assumed and said.

    Example: powderkeg price --entry 50000 --leverage 10 --side long --venue binance --symbol BTCUSDT
    """
    from powderkeg.cli.terminal import print_json, print_position
    from powderkeg.core.position import position_liquidation
    from powderkeg.core.venue_tiers import venue_tier_table
    from powderkeg.errors import InputError

    assumptions = []
    tiers = venue_tier_table(venue, symbol) if venue and symbol else None
    if bool(venue) != bool(symbol):
        given, missing = ("--venue", "--symbol") if venue else ("--symbol", "--venue")
        raise InputError(f"{given} was given without {missing}; a tier table needs both")
    if tiers and maintenance_margin_rate is not None:
        assumptions.append(f"the given maintenance margin rate instead of the tiers of {tiers.title}")
        tiers = None
    elif tiers is None and maintenance_margin_rate is None:
        maintenance_margin_rate = ASSUMED_MAINTENANCE_MARGIN_RATE
        assumptions.append(
            f"no venue and no rate given: a maintenance margin rate of {maintenance_margin_rate:.1%}, "
            "common for small positions"
        )
    found = position_liquidation(
        entry_price=entry,
        leverage=leverage,
        position_side=side.value,
        quantity=quantity,
        contract=tiers.contract if tiers else contract.value,
        tiers=tiers,
        maintenance_margin_rate=maintenance_margin_rate,
        fee_rate=fee_rate,
        extra_margin=extra_margin,
        maintenance_basis=maintenance_basis.value,
    )
    result = {
        "position_side": side.value,
        "entry_price": entry,
        "leverage": leverage,
        "quantity": quantity,
        "contract": tiers.contract if tiers else contract.value,
        "liquidation_price": found.liquidation_price,
        "bankruptcy_price": found.bankruptcy_price,
        "distance": found.distance,
        "notional": found.notional,
        "margin": found.margin,
        "maintenance_margin": found.maintenance_margin,
        "maintenance_margin_rate": found.tier.maintenance_margin_rate
        if found.tier
        else maintenance_margin_rate,
        "maintenance_amount": found.tier.maintenance_amount if found.tier else 0.0,
        "maintenance_basis": maintenance_basis.value,
        "fee_rate": fee_rate,
        "assumptions": assumptions,
        "tiers": {"instrument": tiers.title, "as_of": tiers.as_of, "source": tiers.source} if tiers else None,
    }
    if as_json:
        print_json(result)
    else:
        print_position(result)
