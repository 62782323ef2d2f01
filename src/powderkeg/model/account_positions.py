"""What accounts hold at one instant, where a venue makes that public: the input of measured maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only

CROSS, ISOLATED, UNKNOWN_MODE = 0, 1, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSnapshot:
    """Positions of many accounts as they were known at one instant, each account as it was last seen.

    One row per account and coin that it holds; rows of one account stand together. An account whose state
    says that it holds nothing is there without rows. All contracts are linear.

    Attributes
    ----------
    venue
        In lower case, such as ``hyperliquid``.
    as_of
        UTC milliseconds; nothing learned later is in it.
    coins
        Symbols that positions refer to.
    mark_price
        Mark price of each coin at `as_of`, quote per base, > 0, shape (coins,); NaN where it is not known.
    accounts
        Names or numbers of the accounts, as text.
    state_ts
        When each account's state was taken, UTC milliseconds, shape (accounts,).
    cross_account_value
        Equity in quote behind an account's cross positions, at the marks of its own state, of either sign,
        shape (accounts,); NaN where it is not known.
    portfolio_margin
        Accounts margined over their whole portfolio, which have no liquidation price of one coin;
        shape (accounts,).
    account, coin
        Numbers into `accounts`, ascending, and into `coins`, shape (n,). This and all below have a value for
        each position.
    position_side
        +1 for a long, -1 for a short.
    quantity
        In base, > 0.
    entry_price
        Quote per base, > 0.
    state_mark_price
        Mark price that the account's state was valued at, > 0.
    leverage
        As set by the account, >= 1; not the effective one. NaN where it is not known.
    margin_mode
        `CROSS`, `ISOLATED` or `UNKNOWN_MODE`.
    isolated_margin
        Equity in quote of an isolated position at its state's mark; NaN for others.
    liquidation_price
        As published, > 0; NaN where the venue gives none.

    Raises
    ------
    InputError
        Lengths do not agree, or a number is outside its range.
    """

    venue: str
    as_of: int
    coins: tuple[str, ...]
    mark_price: FloatArray
    accounts: tuple[str, ...]
    state_ts: IntArray
    cross_account_value: FloatArray
    portfolio_margin: BoolArray
    account: IntArray
    coin: IntArray
    position_side: IntArray
    quantity: FloatArray
    entry_price: FloatArray
    state_mark_price: FloatArray
    leverage: FloatArray
    margin_mode: IntArray
    isolated_margin: FloatArray
    liquidation_price: FloatArray

    def __post_init__(self) -> None:
        lengths = {"coins": len(self.coins), "accounts": len(self.accounts), "positions": len(self.account)}
        for per, names in _ARRAYS.items():
            for name, kind in names.items():
                values = read_only(getattr(self, name), kind)
                if values.shape != (lengths[per],):
                    raise InputError(f"{name}: shape {values.shape}, expected ({lengths[per]},)")
                object.__setattr__(self, name, values)
        for name, count in (("account", len(self.accounts)), ("coin", len(self.coins))):
            values = getattr(self, name)
            if len(values) and (values.min() < 0 or values.max() >= count):
                raise InputError(f"{name}: {int(values.max())} is no number into {count} of them")
        if np.any(np.diff(self.account) < 0):
            raise InputError("account: rows of one account do not stand together, ascending")
        if not np.isin(self.position_side, (-1, 1)).all():
            raise InputError("position_side: expected +1 or -1 for every position")
        for name in ("quantity", "entry_price", "state_mark_price"):
            values = getattr(self, name)
            good = np.isfinite(values) & (values > 0)
            if not good.all():
                raise InputError(f"{name}: {values[~good][0]} of a position; expected a positive number")

    def __len__(self) -> int:
        return len(self.account)

    @property
    def notional(self) -> FloatArray:
        """Quote per position at the marks of `as_of`; at its own state's mark where that is not known."""
        mark = self.mark_price[self.coin]
        return self.quantity * np.where(np.isfinite(mark), mark, self.state_mark_price)

    @property
    def age(self) -> IntArray:
        """Milliseconds from each position's state to `as_of`, shape (n,)."""
        return self.as_of - self.state_ts[self.account]

    def number_of(self, coin: str) -> int:
        """Return the number of a coin, spelled as the venue does or the same but for case.

        Raises
        ------
        InputError
            Nobody in the snapshot holds it, or it is spelled like several but for case.
        """
        alike = [number for number, name in enumerate(self.coins) if name.casefold() == coin.casefold()]
        if coin not in self.coins and len(alike) == 1:
            return alike[0]
        if coin not in self.coins:
            known = ", ".join(self.coins[:10]) + (", ..." if len(self.coins) > 10 else "")
            raise InputError(f"symbol: {coin!r} is held by no account of this snapshot; it has {known}")
        return self.coins.index(coin)

    def rows(self, chosen: BoolArray) -> Self:
        """Return the snapshot with the positions that `chosen`, shape (n,), marks; accounts stay."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _ARRAYS["positions"]})


_ARRAYS: dict[str, dict[str, type[np.generic]]] = {
    "coins": {"mark_price": np.float64},
    "accounts": {"state_ts": np.int64, "cross_account_value": np.float64, "portfolio_margin": np.bool_},
    "positions": {
        "account": np.int64,
        "coin": np.int64,
        "position_side": np.int64,
        "quantity": np.float64,
        "entry_price": np.float64,
        "state_mark_price": np.float64,
        "leverage": np.float64,
        "margin_mode": np.int64,
        "isolated_margin": np.float64,
        "liquidation_price": np.float64,
    },
}
