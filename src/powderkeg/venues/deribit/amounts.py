"""What Deribit means by an amount.

Trades, books and open interest state an `amount`: USD for inverse perpetuals, base for linear ones. A
contract is another thing, `contract_size` of such units (10 USD of BTC-PERPETUAL), and an amount is always a
whole number of them. Amounts are read as they are, so nothing read here hangs on the contract size, which
Deribit has changed before (2026-08-18, linear perpetuals).
"""

from __future__ import annotations

from powderkeg.model.instrument import Instrument
from powderkeg.venues.payload import finite


def base_of(instrument: Instrument, amount: float, price: float) -> float:
    """Return an amount in base: itself for a linear contract, over the price for an inverse one.

    Raises
    ------
    PayloadError
        The quotient is not a finite number.
    """
    return amount if instrument.contract == "linear" else finite(amount / price, "amount / price")


def notional_of(instrument: Instrument, amount: float, price: float) -> float:
    """Return an amount in quote: times the price for a linear contract, itself for an inverse one.

    Raises
    ------
    PayloadError
        The product is not a finite number.
    """
    return finite(amount * price, "amount x price") if instrument.contract == "linear" else amount
