"""What a census covers: how many accounts, how old what is known of them, and how much open interest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import polars as pl

from powderkeg.core.census_policy import CLASSES, CensusPolicy, expected_intervals
from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.ingest.census_memory import LastStates, known_accounts, last_states, remember
from powderkeg.ingest.census_settings import census_of, states_per_second
from powderkeg.ingest.census_writer import census_keys
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

QUANTILES = (0.1, 0.5, 0.9, 0.99)
"""Of the ages that are told."""


@dataclass(frozen=True, slots=True)
class ClassStatus:
    """The accounts of one class.

    Attributes
    ----------
    name
        As in `powderkeg.core.census_policy.CLASSES`.
    accounts
        How many.
    median_age
        ms since their last states; NaN without one.
    expected_interval
        ms from one state of such an account to its next, on average, while a census runs with the share
        that was asked about; its state is half as old on average. For new accounts the time until all have
        been asked. NaN without accounts.
    """

    name: str
    accounts: int
    median_age: float
    expected_interval: float


@dataclass(frozen=True, slots=True)
class CoinCoverage:
    """Positions in one coin by the last state of each account, and what the venue says there are.

    Attributes
    ----------
    coin
        As the venue spells it.
    long, short
        Counted quantity of either side, in base.
    notional
        Of both, quote, at the marks of their states.
    open_interest, open_interest_ts
        The latest in the lake, one side in base, and its time; None where there is none.
    """

    coin: str
    long: float
    short: float
    notional: float
    open_interest: float | None
    open_interest_ts: int | None

    @property
    def long_share(self) -> float | None:
        """Share of the longs that are counted; None where open interest is not known, or none.

        States are of different times, so it can be above 1.
        """
        return self.long / self.open_interest if self.open_interest else None

    @property
    def short_share(self) -> float | None:
        """Share of the shorts that are counted, as `long_share`."""
        return self.short / self.open_interest if self.open_interest else None


@dataclass(frozen=True, slots=True)
class CensusStatus:
    """What the lake knows of a venue's positions at one time.

    Attributes
    ----------
    venue, at
        Whose, and when, UTC ms.
    accounts, asked, holding
        Accounts known, those with a state, and those whose last state has positions.
    portfolio_margin
        Of the last, those whose margin is over their whole portfolio: no liquidation price of one coin is
        theirs.
    positions, notional
        In the last states: how many, and quote at the marks of these states.
    ages, notional_ages
        ms at `QUANTILES`: of the last states, and of positions by notional. NaN without any.
    classes
        One for each class of the schedule.
    coins
        The largest counted notional first.
    """

    venue: str
    at: int
    accounts: int
    asked: int
    holding: int
    portfolio_margin: int
    positions: int
    notional: float
    ages: tuple[float, ...]
    notional_ages: tuple[float, ...]
    classes: tuple[ClassStatus, ...]
    coins: tuple[CoinCoverage, ...]


def census_status(
    lake: Lake, venue: Venue, at: int, *, share: float, policy: CensusPolicy | None = None
) -> CensusStatus:
    """Return what a census of this venue has brought so far; one of nothing where there was none.

    Parameters
    ----------
    lake
        Where states are kept, and open interest.
    venue
        Whose.
    at
        UTC ms, from which ages count.
    share
        Of the venue's rate limit, for the expected intervals.
    policy
        The schedule's law; the usual one if None.

    Raises
    ------
    InputError
        Positions are not public at the venue.
    LakeError
        The lake cannot be read.
    """
    census = census_of(venue)
    accounts, states, positions = census_keys(venue, census)
    last = last_states(lake, states, positions, at)
    schedule = CensusSchedule(policy or CensusPolicy())
    remember(schedule, known_accounts(lake, accounts), last)
    held = last.positions.with_columns((at - pl.col("ts")).alias("age"))
    holding = last.states.filter(pl.col("positions") > 0)
    rate = states_per_second(venue, census, share)
    return CensusStatus(
        venue=venue.name,
        at=at,
        accounts=len(schedule),
        asked=len(last.states),
        holding=len(holding),
        portfolio_margin=int((holding["margining"] == "portfolio").sum()),
        positions=len(held),
        notional=float(held["notional"].sum()),
        ages=_quantiles((at - last.states["ts"]).to_numpy(), np.ones(len(last.states))),
        notional_ages=_quantiles(held["age"].to_numpy(), held["notional"].to_numpy()),
        classes=_classes(schedule, at, rate),
        coins=_coins(lake, venue, last, at),
    )


def _classes(schedule: CensusSchedule, at: int, rate: float) -> tuple[ClassStatus, ...]:
    kinds, asked_at = schedule.kinds, schedule.asked_at
    intervals = expected_intervals(schedule.policy, schedule.counts, rate)
    found = []
    for kind, (name, interval) in enumerate(zip(CLASSES, intervals, strict=True)):
        mine = kinds == kind
        ages = at - asked_at[mine & (asked_at > 0)]
        age = float(np.median(ages)) if len(ages) else nan
        found.append(ClassStatus(name, int(mine.sum()), age, interval * 1000))
    return tuple(found)


def _coins(lake: Lake, venue: Venue, last: LastStates, at: int) -> tuple[CoinCoverage, ...]:
    quantity = pl.col("quantity")
    counted = last.positions.group_by("coin").agg(
        quantity.filter(pl.col("position_side") == "long").sum().alias("long"),
        quantity.filter(pl.col("position_side") == "short").sum().alias("short"),
        pl.col("notional").sum(),
    )
    rows = counted.sort("notional", "coin", descending=[True, False]).iter_rows()
    return tuple(
        CoinCoverage(coin, long, short, notional, *_open_interest(lake, venue, coin, at))
        for coin, long, short, notional in rows
    )


def _open_interest(lake: Lake, venue: Venue, coin: str, at: int) -> tuple[float | None, int | None]:
    """Return the latest open interest of a coin within a day before `at`, and its time."""
    key = DatasetKey("open_interest", venue.name, coin)
    rows = lake.read(key, Window(at - DAY, at + 1), columns=("open_interest", "ts"))
    return rows.row(-1) if len(rows) else (None, None)


def _quantiles(values: Sequence[int] | FloatArray, weights: FloatArray) -> tuple[float, ...]:
    """Return the values below which these shares of the weight lie, by `QUANTILES`."""
    if not len(values) or weights.sum() <= 0:
        return (nan,) * len(QUANTILES)
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.array(QUANTILES) * reached[-1])
    return tuple(float(np.asarray(values)[order[min(place, len(order) - 1)]]) for place in places)
