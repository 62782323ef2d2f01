"""How long does a measured map of 500,000 accounts take, against a loop over them in plain Python?"""

from __future__ import annotations

import resource

import numpy as np
from rich.table import Table

from benchmarks.measure import timing
from powderkeg.maps.measured_map import Levels, measured_map
from powderkeg.maps.position_levels import MarginBook, coins_of, margin_book
from powderkeg.model.account_positions import CROSS, PositionSnapshot

_ACCOUNTS, _LOOPED = 500_000, 500
_COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "HYPE", "AVAX", "LINK")
_MARKS = np.array([68_000.0, 2_000.0, 85.0, 1.4, 0.095, 30.0, 9.0, 8.8])
_BETAS = {"ETH": 1.2, "SOL": 1.3, "XRP": 1.2, "DOGE": 1.4, "HYPE": 1.1, "AVAX": 1.3, "LINK": 1.3}


def table() -> Table:
    """Return the times for accounts of one to eight cross positions, four in the mean."""
    snapshot = made_snapshot(_ACCOUNTS)
    out = Table("work", "time", "positions a second", "over the loop")
    few = made_snapshot(_LOOPED)
    book = margin_book(few)
    loop = timing(lambda: _plain_loop(few, book), repeats=3)
    looped = len(few) / loop.median
    out.add_row(f"plain loop, {_LOOPED} accounts, joint shock", str(loop), f"{looped:,.0f}", "1")
    for levels in ("published", "frozen", "joint"):
        chosen: Levels = levels
        taken = timing(lambda: measured_map(snapshot, "BTC", levels=chosen, betas=_BETAS), repeats=3)  # noqa: B023
        rate = len(snapshot) / taken.median
        out.add_row(
            f"map, {levels} levels, check included", str(taken), f"{rate:,.0f}", f"{rate / looped:.0f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.caption = f"{len(snapshot):,} positions; peak memory of this process {peak:,.0f} MB"
    return out


def made_snapshot(accounts: int) -> PositionSnapshot:
    """Return accounts with random positions in eight coins and an equity of a tenth to all of their size."""
    generator = np.random.default_rng(5)
    held = generator.random((accounts, len(_COINS))) < 0.5
    held[np.arange(accounts), generator.integers(0, len(_COINS), accounts)] = True
    account, coin = np.nonzero(held)
    notional = generator.lognormal(8.0, 2.0, len(account))
    side = generator.choice([-1, 1], len(account))
    gross = np.bincount(account, notional)
    mark = _MARKS[coin]
    return PositionSnapshot(
        venue="hyperliquid",
        as_of=1_770_724_800_000,
        coins=_COINS,
        mark_price=_MARKS,
        accounts=tuple(map(str, range(accounts))),
        state_ts=np.full(accounts, 1_770_724_800_000),
        cross_account_value=gross * generator.uniform(0.1, 1.0, accounts),
        portfolio_margin=np.zeros(accounts, np.bool_),
        account=account,
        coin=coin,
        position_side=side,
        quantity=notional / mark,
        entry_price=mark,
        state_mark_price=mark,
        leverage=np.full(len(account), 10.0),
        margin_mode=np.full(len(account), CROSS),
        isolated_margin=np.full(len(account), np.nan),
        liquidation_price=mark * np.where(side > 0, 0.7, 1.3),
    )


def _plain_loop(snapshot: PositionSnapshot, book: MarginBook) -> list[tuple[float, float]]:
    """Return the levels of each account under the joint shock, found by halving; no arrays."""
    units, tables = book.units, book.tables
    betas = coins_of(snapshot, _BETAS, "BTC").tolist()
    rates, amounts = tables.rates.tolist(), tables.amounts.tolist()
    first, equity = units.first_leg.tolist(), units.equity.tolist()
    coins, exposures = units.coin.tolist(), units.exposure.tolist()

    def left(unit: int, move: float) -> float:
        value: float = equity[unit]
        for leg in range(first[unit], first[unit + 1]):
            coin, held = coins[leg], exposures[leg]
            notional = abs(held) * max(1 + betas[coin] * move, 0.0)
            lines = zip(rates[coin], amounts[coin], strict=True)
            value += held * betas[coin] * move - max(rate * notional - amount for rate, amount in lines)
        return value

    levels = []
    for unit in range(len(equity)):
        found = []
        for end in (-1.0, 10.0):
            inside, outside = 0.0, end
            for _ in range(40):
                middle = (inside + outside) / 2
                if left(unit, middle) > 0:
                    inside = middle
                else:
                    outside = middle
            found.append(outside)
        levels.append((found[0], found[1]))
    return levels
