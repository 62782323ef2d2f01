"""A census of 50,000 made accounts in virtual time, beside a round robin with the same budget.

Run this file for the tables of docs/census.md: python tests/census_simulation.py
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp
from random import Random

import numpy as np

from powderkeg.core.census_policy import CLASSES, CensusPolicy, expected_intervals, outlook_of
from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.fake_accounts import FakeAccounts, PopulatedMarket, account_address
from powderkeg.fake_venues.hyperliquid import DIALECT
from powderkeg.ingest.census_ledger import CensusLedger
from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.ingest.census_settings import states_per_second, with_share
from powderkeg.ingest.rate_limit import TokenBucket
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_rows import InstrumentRow, MarkPrice, Trade
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.venues.hyperliquid import VENUE
from powderkeg.venues.hyperliquid.accounts import CENSUS

START = 1_790_000_000_000
LIFE = 3 * DAY
COINS = 20
CLOSE = 0.02
DELAY = 80
"""ms from a question to its answer."""


@dataclass
class Simulated:
    """What was measured: weights with their times in seconds, ages in seconds, and accounts by class."""

    budget: int
    rate: float
    policy: CensusPolicy
    spent: list[tuple[float, int]] = field(default_factory=list)
    census_ages: list[float] = field(default_factory=list)
    round_robin_ages: list[float] = field(default_factory=list)
    notional: list[float] = field(default_factory=list)
    intervals: list[list[float]] = field(default_factory=lambda: [[] for _ in CLASSES])
    counts: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def weight_by_second(self) -> FloatArray:
        """Weight spent in each second of the run."""
        times = np.array([time for time, _ in self.spent])
        weights = np.array([weight for _, weight in self.spent], np.float64)
        return np.bincount((times - times[0]).astype(np.int64), weights).astype(np.float64)

    @property
    def most_in_a_minute(self) -> float:
        """The most weight that was spent in any 60 seconds, whenever they begin."""
        times = np.array([time for time, _ in self.spent])
        total = np.concatenate([[0.0], np.cumsum([weight for _, weight in self.spent])])
        ends = np.searchsorted(times, times + 60.0)
        return float((total[ends] - total[: len(times)]).max())


def marks(seed: int, hours: int) -> dict[str, list[MarkPrice]]:
    """Return prices of some coins by the minute, moving about 4.5 % a day, from before the first position."""
    random = np.random.default_rng(seed)
    count = (LIFE + hours * HOUR) // MINUTE + 1
    paths = np.exp(np.cumsum(random.normal(0, 0.0012, (COINS, count)), axis=1))
    first = START - LIFE
    return {
        f"C{number}": [
            MarkPrice(first + minute * MINUTE, float(price), None, None, None)
            for minute, price in enumerate(path * exp(number / 2))
        ]
        for number, path in enumerate(paths)
    }


def populated(count: int, seed: int, hours: int) -> PopulatedMarket:
    """Return a market with accounts of which 30 % hold something at any time."""
    told = marks(seed, hours)
    instruments = {
        coin: InstrumentRow(START, coin, "USD", "USDC", "linear", 1.0, 0.001, 0.001, "trading", None, 40.0)
        for coin in told
    }
    series = {("mark_prices", coin, "all"): rows for coin, rows in told.items()}
    return PopulatedMarket(instruments, series, START, count=count, seed=seed, life=LIFE)


def turns(accounts: FakeAccounts, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (when, number) of accounts that take other positions, or none, in [start, end), in that order."""
    found = []
    for number in range(accounts.count):
        turned = number * 7_919_000 % LIFE
        at = -(-(start + turned) // LIFE) * LIFE - turned
        if at < end:
            found.append((at, number))
    yield from sorted(found)


def simulated_census(
    *,
    count: int = 50_000,
    hours: int = 4,
    share: float = 0.5,
    seed: int = 1,
    trades: bool = True,
    looks: int = 6,
) -> Simulated:
    """Return what a census and a round robin know of positions within 2 % of liquidation, as hours pass.

    Both begin with the same memory: a round that ended when they start. Questions go through the reader and
    the rate limit of the product. Ages are looked at in the second half.
    """
    market = populated(count, seed, hours)
    venue = with_share(VENUE, share)
    policy = CensusPolicy()
    result = Simulated(venue.limits["rest"].weight, states_per_second(VENUE, CENSUS, share), policy)
    schedule = CensusSchedule(policy)
    ledger = CensusLedger(schedule, CensusProgress("hyperliquid"))
    order = Random(seed).sample(range(count), count)  # noqa: S311
    gap = 1000 / result.rate
    asked = np.zeros(count)
    for place, number in enumerate(order):
        at = START - (count - place) * gap
        market.now = int(at)
        answer = CENSUS.read(_answer(market, account_address(number)), account_address(number), 0)
        schedule.seen(account_address(number), int(at), outlook_of(answer.positions))
        asked[number] = at
    asyncio.run(_asked(market, ledger, result, asked, order, gap, hours, trades, looks))
    return result


async def _asked(
    market: PopulatedMarket,
    ledger: CensusLedger,
    result: Simulated,
    asked: FloatArray,
    order: list[int],
    gap: float,
    hours: int,
    trades: bool,
    looks: int,
) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += max(seconds, 1e-6)  # a wait too short to move the clock would never end

    bucket = TokenBucket(
        with_share(VENUE, result.budget / VENUE.limits["rest"].weight).limits["rest"],
        clock=lambda: now,
        sleep=sleep,
    )
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    end = START + hours * HOUR
    turned = list(turns(market.accounts, START, end)) if trades else []
    heapq.heapify(turned)
    look_at = np.linspace(START + hours * HOUR / 2, end - MINUTE, looks).tolist()
    marked = 0
    while True:
        at = START + int(now * 1000)
        if at >= end:
            return
        if look_at and at >= look_at[0]:
            look_at.pop(0)
            result.counts.append(ledger.schedule.counts)
            _look(market, result, asked, places, at, gap)
        while turned and turned[0][0] <= at:
            when, number = heapq.heappop(turned)
            row = Trade(when, str(number // 2), 1.0, 1.0, "buy")
            for _, frame in DIALECT.frames("trades", "C0", [row], market.instruments["C0"]):
                ledger.traded(CENSUS.named_in(frame), at)
        if at - marked >= 5000:
            ledger.schedule.see_marks(ledger.mark_price)
            marked = at
        account = ledger.schedule.next(at)
        if account is None:
            now += 0.05
            continue
        request = CENSUS.request(account)
        await bucket.take(request.weight)
        result.spent.append((now, request.weight))
        market.now = START + int(now * 1000)
        reading = CENSUS.read(_answer(market, account), account, 0)
        ledger.answered(reading, market.now + DELAY)
        number = int(account[6:])
        if look_at and len(look_at) < looks:
            kind = int(ledger.schedule.kinds[ledger.schedule._numbers[account]])
            result.intervals[kind].append((market.now - asked[number]) / 1000)
        asked[number] = market.now


def _answer(market: PopulatedMarket, account: str) -> bytes:
    request = CENSUS.request(account)
    payload = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
    assert payload is not None
    return payload


def _look(
    market: PopulatedMarket, result: Simulated, asked: FloatArray, places: np.ndarray, at: int, gap: float
) -> None:
    """Note how old both are about every account with a position that is truly within 2 % now."""
    count = len(places)
    done = int((at - START) / gap)
    # The round robin asks the first of its order again when it has asked the last.
    rounds = (done - 1 - places) // count
    last = START + (places + rounds * count) * gap
    for number in range(count):
        state = market.accounts.state(account_address(number), at)
        near = sum(
            one.notional
            for one in state.positions
            if one.liquidation_price is not None and abs(one.liquidation_price / one.mark_price - 1) < CLOSE
        )
        if near:
            result.census_ages.append((at - asked[number]) / 1000)
            result.round_robin_ages.append((at - last[number]) / 1000)
            result.notional.append(near)


def mean_age(ages: list[float], weights: list[float] | None = None) -> float:
    """Return the mean of ages, by notional where that is given."""
    return float(np.average(ages, weights=weights))


def main() -> None:
    """Print the tables of docs/census.md."""
    for trades in (True, False):
        found = simulated_census(trades=trades)
        print(f"\n{'With' if trades else 'Without'} live trades; {found.rate:g} states a second\n")
        print("| class | accounts | asked every, as expected | median, as measured |\n|---|---|---|---|")
        counts = [round(float(np.mean(column))) for column in zip(*found.counts, strict=True)]
        expected = expected_intervals(found.policy, counts, found.rate)
        for name, count, interval, measured in zip(CLASSES, counts, expected, found.intervals, strict=True):
            # An interval as long as the run cannot be measured in it.
            told = f"{np.median(measured):,.0f} s" if measured and interval < 3600 else "-"
            wanted = f"{interval:,.0f} s" if count else "-"
            print(f"| {name} | {count:,} | {wanted} | {told} |")
        print("\n| age of positions within 2 % | mean | median | 90 % below | mean by notional |")
        print("|---|---|---|---|---|")
        for name, ages in (("census", found.census_ages), ("round robin", found.round_robin_ages)):
            half, most = np.quantile(ages, (0.5, 0.9))
            print(
                f"| {name} | {mean_age(ages):,.0f} s | {half:,.0f} s | {most:,.0f} s | "
                f"{mean_age(ages, found.notional):,.0f} s |"
            )
        seconds = found.weight_by_second
        print(
            f"\nmost in a second {seconds.max():.0f}, in 60 s {found.most_in_a_minute:.0f} of {found.budget}"
        )


if __name__ == "__main__":
    main()
