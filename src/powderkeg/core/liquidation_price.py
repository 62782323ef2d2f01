"""Liquidation and bankruptcy prices of single positions, linear and inverse.

One identity stands behind every function: a position is liquidated where its equity equals its maintenance
margin plus the fee of closing it. Equity is linear in the price P for a linear contract and in 1/P for an
inverse one, so the root is closed form, and an inverse long *is* a linear short in 1/P. Long and short are
not mirror images of each other: the maintenance margin grows with the price on both sides.

Where there is no such price the answer is NaN, never infinity and never a negative number: a long that can
lose nothing more when the price is zero (1x), an inverse short at 1x, a cross account that is short of
maintenance at every price.

Here the maintenance margin has one rate and one deduction; `margin_tiers` finds the bracket they come from.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, fraction, leverage_of, non_negative, positive, sign_of
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.instrument import Contract

Basis = Literal["mark", "entry", "bankruptcy"]
"""Price at which a venue values a margin or a fee: the mark, the entry or the bankruptcy price."""

# A price this small a share of the entry price (or its reciprocal, for an inverse contract) is what rounding
# leaves of zero at 1x, and no level.
SMALLEST_PRICE_SHARE = 1e-12


def liquidation_price(
    *,
    contract: Contract = "linear",
    entry_price: npt.ArrayLike,
    size: npt.ArrayLike,
    position_side: npt.ArrayLike,
    margin: npt.ArrayLike,
    maintenance_margin_rate: npt.ArrayLike,
    maintenance_amount: npt.ArrayLike = 0.0,
    fee_rate: npt.ArrayLike = 0.0,
    other_unrealised_pnl: npt.ArrayLike = 0.0,
    other_maintenance_margin: npt.ArrayLike = 0.0,
    maintenance_basis: Basis = "mark",
    fee_basis: Basis = "mark",
) -> FloatArray:
    """Return the mark prices at which positions are liquidated; NaN where there is none.

    Solves, with s = +1 for a long and -1 for a short, and B = margin + other_unrealised_pnl,

        linear    B + s q (P - E)     = q (m V_m + f V_f) - c + other_maintenance_margin    in quote
        inverse   B + s Q (1/E - 1/P) = Q (m / V_m + f / V_f) - c + other_maintenance_margin    in base

    where each V is P, the entry price E or the bankruptcy price, whichever its basis names. For a lone
    position with both at the mark that is P = (B + c - s q E) / (q (m + f - s)) for a linear contract and
    P = Q (s + m + f) / (B + c + s Q / E) for an inverse one.

    Parameters
    ----------
    contract
        ``linear`` or ``inverse``. It fixes the unit of every amount below: quote, or base.
    entry_price
        E, quote per base, > 0. This and all other numbers broadcast against each other.
    size
        What does not change with the price, > 0 on either side: the quantity q in base of a linear position,
        the notional Q in quote (contracts times contract size) of an inverse one.
    position_side
        +1 for a long, -1 for a short.
    margin
        Isolated: the margin of the position. Cross: the wallet balance. An amount of either sign.
    maintenance_margin_rate
        m, in [0, 1); of the bracket that holds the position at its liquidation price.
    maintenance_amount
        c, the deduction of that bracket, an amount >= 0.
    fee_rate
        f, the closing fee that the venue reserves, in [0, 1).
    other_unrealised_pnl, other_maintenance_margin
        Amounts that the account's other positions add and need at their present marks ("frozen"); zero for an
        isolated position. `cross_margin` moves them along.
    maintenance_basis, fee_basis
        Price at which maintenance margin and fee are valued. Bybit valued the maintenance margin at the entry
        price until its rule of May 2026, and the fee at the bankruptcy price.

    Returns
    -------
    FloatArray
        Prices in quote per base, > 0 or NaN, of the broadcast shape (0-dimensional for plain numbers). One on
        the profit side of the mark means that the position should have been liquidated already. A level a
        trillion times away from the entry counts as none.

    Raises
    ------
    InputError
        An argument is outside its range, or the two rates together reach 1.

    References
    ----------
    Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", support FAQ
    b3c689c1f50a44cabb3a84e663b81d93, read in November 2026.
    """
    entry, side = _in_linear_terms(contract, entry_price, position_side)
    size = positive("size", size)
    funds = finite("margin", margin) + finite("other_unrealised_pnl", other_unrealised_pnl)
    surplus = (
        funds
        - finite("other_maintenance_margin", other_maintenance_margin)
        + non_negative("maintenance_amount", maintenance_amount)
    )
    rates = {
        "maintenance_basis": fraction("maintenance_margin_rate", maintenance_margin_rate),
        "fee_basis": fraction("fee_rate", fee_rate),
    }
    if not np.all(rates["maintenance_basis"] + rates["fee_basis"] < 1):
        raise InputError("maintenance_margin_rate plus fee_rate reaches 1; expected the two to stay below it")
    # A position that cannot go bankrupt is closed for nothing, at a price of zero, and pays no fee.
    bankruptcy = np.maximum(entry - side * funds / size, 0.0)
    rate_at_mark, fixed_charge = np.zeros(()), np.zeros(())
    for name, basis in (("maintenance_basis", maintenance_basis), ("fee_basis", fee_basis)):
        if basis == "mark":
            rate_at_mark = rate_at_mark + rates[name]
        elif basis in {"entry", "bankruptcy"}:
            fixed_charge = fixed_charge + rates[name] * (entry if basis == "entry" else bankruptcy)
        else:
            raise InputError(f"{name} is {basis!r}; expected one of {', '.join(get_args(Basis))}")
    root = (surplus / size - fixed_charge - side * entry) / (rate_at_mark - side)
    return _from_linear_terms(contract, root, entry)


def bankruptcy_price(
    *,
    contract: Contract = "linear",
    entry_price: npt.ArrayLike,
    size: npt.ArrayLike,
    position_side: npt.ArrayLike,
    margin: npt.ArrayLike,
    other_unrealised_pnl: npt.ArrayLike = 0.0,
) -> FloatArray:
    """Return the mark prices at which the equity of positions is zero; NaN where there is none.

    With B = margin + other_unrealised_pnl, P = E - s B / q for a linear contract and 1/P = 1/E + s B / Q for
    an inverse one, before any closing fee. A linear long and an inverse short at 1x or less have no such
    price. Arguments, shapes and errors are those of `liquidation_price`.
    """
    entry, side = _in_linear_terms(contract, entry_price, position_side)
    funds = finite("margin", margin) + finite("other_unrealised_pnl", other_unrealised_pnl)
    return _from_linear_terms(contract, entry - side * funds / positive("size", size), entry)


def liquidation_log_offset(
    leverage: npt.ArrayLike, maintenance_margin_rate: npt.ArrayLike, contract: Contract = "linear"
) -> tuple[FloatArray, FloatArray]:
    """Return ln(liquidation price / entry price) of a (long, short) pair of isolated positions.

    For a linear contract ln(1 - 1/L) - ln(1 - m) and ln(1 + 1/L) - ln(1 + m), for an inverse one the mirror
    image: its long is minus the linear short, its short minus the linear long. Nothing but leverage and rate
    enters, so a leverage class sits at a constant distance from its entry on a log-price grid.

    Parameters
    ----------
    leverage
        L, >= 1: notional over margin at the entry, nothing else in the account.
    maintenance_margin_rate
        m, in [0, 1), valued at the mark and without a deduction; below 1/L. The two broadcast.
    contract
        ``linear`` or ``inverse``.

    Returns
    -------
    tuple of FloatArray
        The long's offsets, < 0, and the short's, > 0. NaN for a linear long and an inverse short at exactly
        1x, which are never liquidated.

    Raises
    ------
    InputError
        A number is outside its range, the contract is of another kind, or the rate is 1/L or more: such a
        position would be liquidated as it is opened.
    """
    _check_contract(contract)
    margin_rate = 1.0 / leverage_of("leverage", leverage)
    rate = fraction("maintenance_margin_rate", maintenance_margin_rate)
    margin_rate, rate = np.broadcast_arrays(margin_rate, rate)
    if not np.all(rate < margin_rate):
        first = int(np.argmin(rate < margin_rate))
        raise InputError(
            f"maintenance_margin_rate is {rate.flat[first]:.6g}; expected less than 1/leverage, which is "
            f"{margin_rate.flat[first]:.6g}, or the position is liquidated as it is opened"
        )
    liquidated_below = np.where(margin_rate < 1, margin_rate, np.nan)
    down = np.log1p(-liquidated_below) - np.log1p(-rate)
    up = np.log1p(margin_rate) - np.log1p(rate)
    pair = (down, up) if contract == "linear" else (-up, -down)
    return np.asarray(pair[0]), np.asarray(pair[1])


def _check_contract(contract: str) -> None:
    if contract not in get_args(Contract):
        raise InputError(f"contract is {contract!r}; expected one of {', '.join(get_args(Contract))}")


def _in_linear_terms(
    contract: Contract, entry_price: npt.ArrayLike, position_side: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return entry price and side such that equity is linear in the price.

    In the price of quote in base, 1/P, an inverse long of Q is a linear short of Q that was entered at 1/E.
    """
    _check_contract(contract)
    entry = positive("entry_price", entry_price)
    side = sign_of("position_side", position_side)
    return (1.0 / entry, -side) if contract == "inverse" else (entry, side)


def _from_linear_terms(contract: Contract, price: FloatArray, entry: FloatArray) -> FloatArray:
    price = np.where(price > SMALLEST_PRICE_SHARE * entry, price, np.nan)
    return np.asarray(1.0 / price) if contract == "inverse" else price
