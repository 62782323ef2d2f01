"""What is traded, and the margin tiers that a venue applies to it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal, Self

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only

Contract = Literal["linear", "inverse"]

# The largest jump of the maintenance margin at a tier's floor that passes as rounding, as a share of it.
_LARGEST_JUMP = 1e-6


@dataclass(frozen=True, slots=True)
class Instrument:
    """A perpetual future at one venue.

    Attributes
    ----------
    venue, symbol
        The venue in lower case, and the instrument as that venue spells it: ``binance``, ``BTCUSDT``.
    base, quote
        The coin, and the currency that its price is written in: ``BTC``, ``USDT``.
    contract
        ``linear``: profit in quote is linear in the price. ``inverse``: margin and profit are in base.
    contract_size
        What one contract holds, > 0: base for a linear contract, quote for an inverse one.

    Raises
    ------
    InputError
        A name is empty, the contract is of another kind, or its size is not a positive number.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    contract: Contract = "linear"
    contract_size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("venue", "symbol", "base", "quote"):
            if not getattr(self, name):
                raise InputError(f"{name} of an instrument is empty; expected a name")
        _check_contract(self.contract)
        if not (math.isfinite(self.contract_size) and self.contract_size > 0):
            raise InputError(f"contract_size is {self.contract_size!r}; expected a positive number")


@dataclass(frozen=True, slots=True)
class LeverageTier:
    """One row of a tier table: how much margin the part of a position between two notionals needs.

    Only the table can tell a right row from a wrong one, so `TierTable` does all the checking.

    Attributes
    ----------
    notional_floor, notional_cap
        The bracket, floor < notional <= cap: in quote for a linear contract, in base for an inverse one.
        The cap may be infinite.
    maintenance_margin_rate
        Maintenance margin per notional inside the bracket, a fraction in (0, 1).
    maintenance_amount
        Deduction, in the unit of the notional: maintenance margin = rate x notional - amount.
    maximum_leverage
        Highest leverage at which a position of this notional can be opened, >= 1.
    """

    notional_floor: float
    notional_cap: float
    maintenance_margin_rate: float
    maintenance_amount: float
    maximum_leverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTable:
    """The margin tiers of one instrument at one venue on one day.

    With c_n = c_(n-1) + floor_n (m_n - m_(n-1)) the maintenance margin m_n N - c_n is continuous in the
    notional N, and a position has exactly one liquidation price; a table without that is refused.

    Attributes
    ----------
    venue, symbol, base, quote, contract
        As in `Instrument`. The contract fixes the unit of every notional, see `notional_unit`.
    as_of
        The day the table was published or, for a page that changes in place, read; ISO 8601.
    source
        Where the numbers stand, for whoever wants to check them.
    tiers
        Ascending and without a gap, the first one from 0.

    Raises
    ------
    InputError
        A name is empty, the day is not one, or a tier breaks a rule; the message names tier (counted from 1),
        field, value and what was expected.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    as_of: str
    source: str
    tiers: tuple[LeverageTier, ...]
    contract: Contract = "linear"

    def __post_init__(self) -> None:
        for name in ("venue", "symbol", "base", "quote", "source"):
            if not getattr(self, name):
                raise InputError(f"{name} of a tier table is empty; expected a name")
        _check_contract(self.contract)
        _check_day(self.as_of)
        if not self.tiers:
            raise InputError(f"{self.title}: no tiers; expected at least one")
        for number, tier in enumerate(self.tiers, start=1):
            self._check_alone(number, tier)
        for number, (lower, upper) in enumerate(pairwise(self.tiers), start=2):
            self._check_against_lower(number, lower, upper)

    @classmethod
    def from_floors(
        cls,
        *,
        venue: str,
        symbol: str,
        base: str,
        quote: str,
        as_of: str,
        source: str,
        notional_floors: Sequence[float],
        maintenance_margin_rates: Sequence[float],
        maximum_leverages: Sequence[float],
        notional_cap: float = math.inf,
        contract: Contract = "linear",
    ) -> Self:
        """Return the table with the deductions that make its maintenance margin continuous.

        Parameters
        ----------
        venue, symbol, base, quote, as_of, source, contract
            As in the table itself.
        notional_floors, maintenance_margin_rates, maximum_leverages
            One value per tier, ascending by floor, the first floor 0.
        notional_cap
            Cap of the last tier, infinite unless the venue states one.

        Raises
        ------
        InputError
            The three sequences differ in length, or the table they make breaks a rule of `TierTable`.
        """
        lengths = (len(notional_floors), len(maintenance_margin_rates), len(maximum_leverages))
        if len(set(lengths)) > 1:
            raise InputError(
                f"{venue} {symbol}: {lengths[0]} notional_floors, {lengths[1]} maintenance_margin_rates and "
                f"{lengths[2]} maximum_leverages; expected one of each per tier"
            )
        tiers: list[LeverageTier] = []
        amount = previous_rate = 0.0
        for floor, cap, rate, leverage in zip(
            notional_floors,
            [*notional_floors[1:], notional_cap],
            maintenance_margin_rates,
            maximum_leverages,
            strict=True,
        ):
            amount += floor * (rate - previous_rate)
            tiers.append(LeverageTier(float(floor), float(cap), float(rate), amount, float(leverage)))
            previous_rate = rate
        return cls(
            venue=venue,
            symbol=symbol,
            base=base,
            quote=quote,
            as_of=as_of,
            source=source,
            tiers=tuple(tiers),
            contract=contract,
        )

    @property
    def title(self) -> str:
        """Venue, symbol and day, as messages and tables show them."""
        return f"{self.venue} {self.symbol} (as of {self.as_of})"

    @property
    def notional_unit(self) -> str:
        """Currency of the floors, caps and amounts: quote for a linear contract, base for an inverse one."""
        return self.quote if self.contract == "linear" else self.base

    @property
    def notional_floors(self) -> FloatArray:
        """Floors of the tiers; shape (tiers,), read-only, as all these arrays."""
        return read_only([tier.notional_floor for tier in self.tiers])

    @property
    def notional_caps(self) -> FloatArray:
        """Caps of the tiers; the last may be infinite."""
        return read_only([tier.notional_cap for tier in self.tiers])

    @property
    def maintenance_margin_rates(self) -> FloatArray:
        """Maintenance margin rates of the tiers."""
        return read_only([tier.maintenance_margin_rate for tier in self.tiers])

    @property
    def maintenance_amounts(self) -> FloatArray:
        """Deductions of the tiers."""
        return read_only([tier.maintenance_amount for tier in self.tiers])

    @property
    def maximum_leverages(self) -> FloatArray:
        """Highest leverages of the tiers."""
        return read_only([tier.maximum_leverage for tier in self.tiers])

    def _check_alone(self, number: int, tier: LeverageTier) -> None:
        for field in fields(tier):
            if math.isnan(getattr(tier, field.name)):
                raise self._error(number, field.name, math.nan, "a number")
        if number == 1 and tier.notional_floor != 0:
            raise self._error(number, "notional_floor", tier.notional_floor, "0 in the first tier")
        if number == 1 and tier.maintenance_amount != 0:
            raise self._error(number, "maintenance_amount", tier.maintenance_amount, "0 in the first tier")
        if not tier.notional_cap > tier.notional_floor:
            expected = f"more than its notional_floor {tier.notional_floor:,.10g}"
            raise self._error(number, "notional_cap", tier.notional_cap, expected)
        if not 0 < tier.maintenance_margin_rate < 1:
            expected = "a fraction above 0 and below 1"
            raise self._error(number, "maintenance_margin_rate", tier.maintenance_margin_rate, expected)
        if not 1 <= tier.maximum_leverage < math.inf:
            raise self._error(number, "maximum_leverage", tier.maximum_leverage, "a finite number from 1")

    def _check_against_lower(self, number: int, lower: LeverageTier, upper: LeverageTier) -> None:
        if upper.notional_floor != lower.notional_cap:
            expected = f"the notional_cap of the tier below, {lower.notional_cap:,.10g}"
            raise self._error(number, "notional_floor", upper.notional_floor, expected)
        rate = upper.maintenance_margin_rate
        if rate < lower.maintenance_margin_rate:
            expected = f"at least that of the tier below, {lower.maintenance_margin_rate:,.10g}"
            raise self._error(number, "maintenance_margin_rate", rate, expected)
        if upper.maximum_leverage > lower.maximum_leverage:
            expected = f"at most that of the tier below, {lower.maximum_leverage:g}"
            raise self._error(number, "maximum_leverage", upper.maximum_leverage, expected)
        amount = lower.maintenance_amount + upper.notional_floor * (rate - lower.maintenance_margin_rate)
        # Venues publish rounded amounts; what matters is how far the maintenance margin jumps at the floor.
        maintenance_at_floor = lower.maintenance_margin_rate * upper.notional_floor - lower.maintenance_amount
        if not abs(upper.maintenance_amount - amount) <= _LARGEST_JUMP * maintenance_at_floor:
            expected = f"{amount:,.10g}, which keeps the maintenance margin continuous at the tier's floor"
            raise self._error(number, "maintenance_amount", upper.maintenance_amount, expected)

    def _error(self, number: int, field: str, value: float, expected: str) -> InputError:
        return InputError(f"{self.title}, tier {number}: {field} is {value:,.10g}; expected {expected}")


def _check_contract(contract: str) -> None:
    if contract not in {"linear", "inverse"}:
        raise InputError(f"contract is {contract!r}; expected 'linear' or 'inverse'")


def _check_day(as_of: str) -> None:
    try:
        day = dt.date.fromisoformat(as_of).isoformat()
    except ValueError:
        day = None
    if day != as_of:
        raise InputError(f"as_of is {as_of!r}; expected a day such as 2021-03-18")
