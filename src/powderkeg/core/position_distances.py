"""How far positions are from their liquidation, and how well a sample of accounts tells it.

The effective distance of a position is the log of how far the mark has to move, whatever leverage was set:
cross positions with the highest setting often stand far away.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

import numpy as np

from powderkeg.core.account_resampling import DRAWS, Estimate, account_estimates, effective_accounts
from powderkeg.errors import InputError
from powderkeg.model.account_positions import CROSS, UNKNOWN_MODE, PositionSnapshot
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.times import duration_text, iso

REACHES = (0.01, 0.03, 0.05, 0.10)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_MANY = 0.5


class SizeClass(Enum):
    """Notional of a position in quote, from and below."""

    SMALL = (0.0, 1e4)
    MEDIUM = (1e4, 1e5)
    LARGE = (1e5, 1e6)
    LARGEST = (1e6, float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceDistribution:
    """Effective distances of some positions, weighted by notional.

    Attributes
    ----------
    positions, accounts
        How many, and of how many accounts.
    notional
        In quote.
    effective_accounts
        How many accounts of equal size would vary as these do.
    without_level
        Share of the notional that has no liquidation price, or no mark to hold it against.
    reached
        Share whose level the mark has reached or passed: being liquidated, or a state that is too old.
    within
        Share to be liquidated if the mark moves by 1, 3, 5 and 10 % (`REACHES`) of itself towards it, without
        what it has reached already.
    quantiles
        Of the distances not reached, at `QUANTILES`: logs.
    median, sigma
        Of the lognormal with the same mean and standard deviation of log distances, those not reached.

    Shares are of all notional counted here. Every number is NaN where there is nothing to tell it from.
    """

    positions: int
    accounts: int
    notional: float
    effective_accounts: float
    without_level: Estimate
    reached: Estimate
    within: tuple[Estimate, ...]
    quantiles: tuple[Estimate, ...]
    median: Estimate
    sigma: Estimate


def distance_to_level(snapshot: PositionSnapshot) -> FloatArray:
    """Return |ln(level / mark)| of each position, negative where the mark has passed the level, shape (n,).

    Longs are liquidated below the mark, shorts above: side x ln(mark / level). NaN without a level, for
    accounts margined over their portfolio, and without a mark at the time of the snapshot.
    """
    mark = snapshot.mark_price[snapshot.coin]
    level = snapshot.liquidation_price
    known = np.isfinite(mark) & np.isfinite(level) & (level > 0) & (mark > 0)
    known &= ~snapshot.portfolio_margin[snapshot.account]
    out = np.full(len(snapshot), np.nan)
    out[known] = snapshot.position_side[known] * np.log(mark[known] / level[known])
    return out


def log_reach(fraction: float, position_side: IntArray | int) -> FloatArray:
    """Return the log distance that a move of the mark by `fraction` towards a side's levels covers.

    -ln(1 - x) for longs (+1), whose levels stand below, ln(1 + x) for shorts (-1).

    Raises
    ------
    InputError
        `fraction` is not above 0 and below 1.
    """
    if not 0 < fraction < 1:
        raise InputError(f"near: {fraction:g}; expected a fraction above 0 and below 1, such as 0.05 for 5 %")
    reach = np.where(np.asarray(position_side) > 0, -np.log1p(-fraction), np.log1p(fraction))
    return np.asarray(reach, np.float64)


def distance_distribution(
    snapshot: PositionSnapshot, chosen: BoolArray, generator: np.random.Generator, draws: int = DRAWS
) -> DistanceDistribution:
    """Return the distribution of the distances of the positions that `chosen`, shape (n,), marks.

    Sampling errors come from drawing the accounts again (`powderkeg.core.account_resampling`): they say what
    another draw of such accounts would show, and nothing of who is not among such accounts
    (`sample_notes`).

    Raises
    ------
    InputError
        The snapshot contradicts itself (`refuse_contradictions`).
    """
    refuse_contradictions(snapshot)
    distance = distance_to_level(snapshot)
    order = np.argsort(distance, kind="stable")
    order = order[chosen[order]]
    distance, weight = distance[order], snapshot.notional[order]
    account, side = snapshot.account[order], snapshot.position_side[order]
    ahead = distance > 0
    inside = [ahead & (distance <= log_reach(reach, side)) for reach in REACHES]
    logs = np.log(np.where(ahead, distance, 1.0))

    def statistics(times: FloatArray) -> FloatArray:
        held = times * weight
        total, standing = held.sum(), (held * ahead).sum()
        parts = [np.isnan(distance), distance <= 0, *inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = [(held * part).sum() / total for part in parts]
            mean = (held * ahead * logs).sum() / standing
            spread = np.sqrt((held * ahead * (logs - mean) ** 2).sum() / standing)
        cumulative = np.cumsum(held * ahead)
        places = np.searchsorted(cumulative, np.asarray(QUANTILES) * standing)
        reached = distance[np.minimum(places, len(distance) - 1)] if standing > 0 else [np.nan] * len(places)
        return np.array([*shares, *reached, np.exp(mean), spread])

    found = account_estimates(statistics, account, generator, draws)
    last = 2 + len(REACHES)
    return DistanceDistribution(
        positions=len(order),
        accounts=len(np.unique(account)),
        notional=float(weight.sum()),
        effective_accounts=effective_accounts(weight, account),
        without_level=found[0],
        reached=found[1],
        within=tuple(found[2:last]),
        quantiles=tuple(found[last:-2]),
        median=found[-2],
        sigma=found[-1],
    )


def chosen_positions(
    snapshot: PositionSnapshot,
    *,
    coin: str | None = None,
    position_side: int | None = None,
    size: SizeClass | None = None,
) -> BoolArray:
    """Return which positions are of a coin, a side (+1 long, -1 short) and a size; all where not given.

    Raises
    ------
    InputError
        Nobody in the snapshot holds the coin.
    """
    chosen = np.ones(len(snapshot), np.bool_)
    if coin is not None:
        chosen &= snapshot.coin == snapshot.number_of(coin)
    if position_side is not None:
        chosen &= snapshot.position_side == position_side
    if size is not None:
        chosen &= (snapshot.notional >= size.value[0]) & (snapshot.notional < size.value[1])
    return chosen


def sample_notes(
    snapshot: PositionSnapshot, chosen: BoolArray, open_interest: float | None = None
) -> tuple[str, ...]:
    """Return who is in a sample, as sentences: what its sampling error cannot say.

    Parameters
    ----------
    snapshot, chosen
        Positions of one side, `chosen` of shape (n,).
    open_interest
        One-sided open interest of the venue in quote, where it is known.
    """
    account, weight = snapshot.account[chosen], snapshot.notional[chosen]
    total = float(weight.sum())
    if not total:
        return ("no positions: nothing can be said of those who hold some elsewhere",)
    held = np.sort(np.bincount(account, weight))[::-1]
    notes = [
        f"{np.count_nonzero(held)} accounts as they were found, not drawn at random: those who trade "
        f"much, or are listed somewhere, are more likely to be among them; the ten largest hold "
        f"{held[:10].sum() / total:.0%} of the notional"
    ]
    if open_interest is None:
        notes.append("which share of the venue's open interest they hold is not known")
    else:
        notes.append(f"they hold {total / open_interest:.0%} of the venue's open interest of this side")
    modes = snapshot.margin_mode[chosen]
    unknown = float(weight[modes == UNKNOWN_MODE].sum()) / total
    if unknown > _MANY:
        notes.append("whether positions are cross or isolated is not known")
    else:
        cross = float(weight[modes == CROSS].sum()) / total
        notes.append(f"{cross:.0%} of the notional is cross: its levels move with the account's other coins")
    portfolio = float(weight[snapshot.portfolio_margin[account]].sum()) / total
    if portfolio:
        notes.append(f"{portfolio:.0%} is margined over a portfolio and counts as without a level")
    if age := int(np.median(snapshot.age[chosen])):
        notes.append(f"half of the states are older than {duration_text(age // 1000 * 1000)}")
    return tuple(notes)


def refuse_contradictions(snapshot: PositionSnapshot) -> None:
    """Refuse a snapshot that says two things of one account.

    Raises
    ------
    InputError
        An account is there twice, or holds two positions in one coin.
    """
    at = iso(snapshot.as_of)
    for name, often in Counter(snapshot.accounts).most_common(1):
        if often > 1:
            raise InputError(f"accounts: {name!r} is {often} times in the snapshot of {at}; expected once")
    key = snapshot.account * max(len(snapshot.coins), 1) + snapshot.coin
    keys, first, count = np.unique(key, return_index=True, return_counts=True)
    if len(keys) < len(key):
        row = int(first[count > 1][0])
        name, coin = snapshot.accounts[snapshot.account[row]], snapshot.coins[snapshot.coin[row]]
        raise InputError(
            f"positions: {name!r} holds {coin} more than once in the snapshot of {at}; expected one position "
            "per account and coin"
        )
