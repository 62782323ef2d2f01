"""A made population of accounts with positions, whose states follow the marks and change in time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from powderkeg.fake_venues.scripted_market import ScriptedMarket, Series
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_rows import InstrumentRow, MarginMode, MarketRow, MarkPrice
from powderkeg.model.times import DAY

_ADDRESS = re.compile(r"0xfa4e([0-9]{36})")
_POSITIONS = (1, 1, 1, 1, 2, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class FakePosition:
    """A position at one mark price; `quantity` is signed, the rest as in `AccountPosition`.

    `raw_usd` is what an isolated position has beside the coins: its equity less quantity x mark.
    """

    coin: str
    quantity: float
    entry_price: float
    mark_price: float
    leverage: int
    margin_mode: MarginMode
    margin: float
    raw_usd: float
    liquidation_price: float | None

    @property
    def notional(self) -> float:
        """In quote at the mark."""
        return abs(self.quantity) * self.mark_price


@dataclass(frozen=True, slots=True)
class FakeState:
    """What an account is worth, in quote, and holds; as in `AccountState`."""

    account_value: float
    cross_account_value: float
    maintenance_margin: float
    positions: tuple[FakePosition, ...]
    portfolio_margin: bool = False


@dataclass(frozen=True, slots=True)
class _Holding:
    coin: str
    quantity: float
    entry_price: float
    leverage: int
    raw_usd: float | None
    """Of an isolated position; None for a cross one."""


@dataclass(frozen=True, slots=True)
class _Holdings:
    """What an account has for a while: one pot of money, or nothing, behind the cross positions together."""

    since: int
    cash: float
    cross: tuple[_Holding, ...]
    isolated: tuple[_Holding, ...]


EMPTY_STATE = FakeState(0.0, 0.0, 0.0, ())


class FakeAccounts:
    """Accounts numbered from 0; the same seed makes the same ones.

    Each keeps what it holds for `life`, then has something else. Liquidation prices solve
    equity = maintenance with other positions standing still; whatever was at or below its maintenance at any
    mark since it was opened has been liquidated and is gone.

    Parameters
    ----------
    count
        How many.
    ts, mark_price
        Times, UTC ms, ascending, shape (n,), and coin -> mark prices at them, shape (n,): each holds until
        the next, the first also before.
    maintenance_margin_rates
        Of each coin that may be held.
    seed
        See above.
    holding
        Share of the accounts that hold anything.
    median_distance
        Of the first position of each from its liquidation price when it is opened, a fraction; one in ten
        is at less than a quarter of it.
    life
        ms.
    listed
        Share of the accounts that the leaderboard has: the largest.
    """

    def __init__(
        self,
        count: int,
        ts: IntArray,
        mark_price: Mapping[str, FloatArray],
        maintenance_margin_rates: Mapping[str, float],
        *,
        seed: int = 0,
        holding: float = 0.3,
        median_distance: float = 0.2,
        life: int = 3 * DAY,
        listed: float = 0.1,
    ) -> None:
        self.count = count
        self._ts = ts
        self._marks = mark_price
        self._rates = dict(maintenance_margin_rates)
        self._coins = tuple(self._rates)
        self._seed = seed
        self._holding = holding
        self._median = median_distance
        self._life = life
        self._listed = listed
        self._known: dict[int, _Holdings] = {}

    def state(self, address: str, now: int) -> FakeState:
        """Return what an account is worth and holds; nothing for an address that is none of these."""
        number = account_number(address)
        if number is None or number >= self.count:
            return EMPTY_STATE
        held = self._held(number, now)
        if not (held.cross or held.isolated):
            return FakeState(held.cash, held.cash, 0.0, ())
        times = slice(self._place(held.since), self._place(now) + 1)
        spare = self._spare(held.cash, held.cross, times)
        cross: list[FakePosition] = []
        value, needed = held.cash, 0.0
        if held.cross:
            alive = bool(spare.min() > 0)
            cross = [self._position(one, times, float(spare[-1])) for one in held.cross if alive]
            needed = sum(self._rates[one.coin] * one.notional for one in cross)
            value = float(spare[-1]) + needed if alive else 0.0
        isolated = []
        for one in held.isolated:
            spare = self._spare(one.raw_usd or 0.0, (one,), times)
            if spare.min() > 0:
                isolated.append(self._position(one, times, float(spare[-1])))
        return FakeState(
            account_value=value + sum(one.margin for one in isolated),
            cross_account_value=value,
            maintenance_margin=needed,
            positions=(*cross, *isolated),
            portfolio_margin=number % 50 == 7,
        )

    def leaderboard(self, now: int) -> list[tuple[str, float]]:
        """Return the addresses and values of the largest accounts, the largest first."""
        addresses = [account_address(number) for number in range(self.count)]
        values = sorted(((self.state(one, now).account_value, one) for one in addresses), reverse=True)
        return [(address, value) for value, address in values[: round(self._listed * self.count)]]

    def _place(self, at: int) -> int:
        return max(int(np.searchsorted(self._ts, at, side="right")) - 1, 0)

    def _held(self, number: int, now: int) -> _Holdings:
        """Return what an account holds; each changes at a time of its own."""
        turned = number * 7_919_000 % self._life
        since = (now + turned) // self._life * self._life - turned
        held = self._known.get(number)
        if held is None or held.since != since:
            held = self._drawn(Random(f"{self._seed} {number} {since}"), since)  # noqa: S311
            self._known[number] = held
        return held

    def _drawn(self, random: Random, since: int) -> _Holdings:
        if random.random() >= self._holding:
            return _Holdings(since, random.lognormvariate(7, 2) * random.randrange(2), (), ())
        cross: list[_Holding] = []
        isolated: list[_Holding] = []
        cash = 0.0
        for coin in random.sample(self._coins, min(random.choice(_POSITIONS), len(self._coins))):
            mark, rate = float(self._marks[coin][self._place(since)]), self._rates[coin]
            side = random.choice((-1, 1))
            quantity = side * random.lognormvariate(10, 1.8) / mark
            entry = mark * random.lognormvariate(0, 0.03)
            leverage = random.randint(1, round(0.5 / rate))
            distance = max(self._median * random.lognormvariate(0, 1.1), 0.002)
            level = mark * max(1 - side * distance, 0.01)
            beside = rate * abs(quantity) - quantity
            if random.random() < 0.25:
                isolated.append(_Holding(coin, quantity, entry, leverage, level * beside))
            else:
                # What maintains a further one comes with it, so that the first one's level stays.
                cash += (mark if cross else level) * beside
                cross.append(_Holding(coin, quantity, entry, leverage, None))
        return _Holdings(since, cash, tuple(cross), tuple(isolated))

    def _spare(self, cash: float, held: Sequence[_Holding], times: slice) -> FloatArray:
        """Return equity less maintenance of positions that share their cash, at each of these times."""
        spare = np.full(times.stop - times.start, cash)
        for one in held:
            spare += (one.quantity - self._rates[one.coin] * abs(one.quantity)) * self._marks[one.coin][times]
        return spare

    def _position(self, one: _Holding, times: slice, spare: float) -> FakePosition:
        mark, rate = float(self._marks[one.coin][times.stop - 1]), self._rates[one.coin]
        side = 1 if one.quantity > 0 else -1
        # https://hyperliquid.gitbook.io/hyperliquid-docs/trading/liquidations, read 2026-11-25
        level = mark - side * spare / abs(one.quantity) / (1 - rate * side)
        isolated = one.raw_usd is not None
        return FakePosition(
            coin=one.coin,
            quantity=one.quantity,
            entry_price=one.entry_price,
            mark_price=mark,
            leverage=one.leverage,
            margin_mode="isolated" if isolated else "cross",
            margin=(one.raw_usd or 0.0) + one.quantity * mark
            if isolated
            else abs(one.quantity) * mark / one.leverage,
            raw_usd=one.raw_usd or 0.0,
            liquidation_price=level if level > 0 else None,
        )


def account_address(number: int) -> str:
    """Return the address of the account with this number."""
    return f"0xfa4e{number:036d}"


def account_number(address: str) -> int | None:
    """Return the number of the account with this address; None if it is no address of such an account."""
    found = _ADDRESS.fullmatch(address.lower())
    return int(found[1]) if found else None


class PopulatedMarket(ScriptedMarket):
    """A market with accounts, whose positions are valued at the market's own mark prices.

    Parameters
    ----------
    instruments, series, now
        As for `ScriptedMarket`; every instrument has mark prices.
    count, options
        As for `FakeAccounts`.
    """

    def __init__(
        self,
        instruments: Mapping[str, InstrumentRow],
        series: Mapping[Series, Sequence[MarketRow]],
        now: int,
        *,
        count: int,
        **options: Any,
    ) -> None:
        super().__init__(instruments, series, now)
        told = {symbol: self.series["mark_prices", symbol, "all"] for symbol in instruments}
        ts = np.unique([row.ts for rows in told.values() for row in rows])
        rates = {symbol: 0.5 / (row.maximum_leverage or 1.0) for symbol, row in instruments.items()}
        marks = {symbol: _at(ts, rows) for symbol, rows in told.items()}
        self.accounts = FakeAccounts(count, ts, marks, rates, **options)


def _at(ts: IntArray, rows: Sequence[MarketRow]) -> FloatArray:
    """Return the mark price at each of these times; the first one also before it."""
    known = [row.ts for row in rows]
    prices = np.array([row.mark_price for row in rows if isinstance(row, MarkPrice)])
    prices_at: FloatArray = prices[np.maximum(np.searchsorted(known, ts, side="right") - 1, 0)]
    return prices_at
