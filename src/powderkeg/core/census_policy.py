"""How a census divides its requests: classes of accounts, the share of each, and what follows for ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import NamedTuple

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_rows import AccountPosition
from powderkeg.model.times import HOUR, MINUTE, SECOND

CLASSES = ("new", "close", "near", "far", "empty")
NEW, CLOSE, NEAR, FAR, EMPTY = range(5)


@dataclass(frozen=True, slots=True)
class CensusPolicy:
    """The law by which accounts are asked; the tuples have a value for each of `CLASSES`.

    An account is `close` or `near` while the position of it that is nearest to liquidation is within that
    fraction of the mark price, `far` with any other position, `empty` without one, `new` before it was ever
    asked, and when it has traded since it was seen to be empty.

    Attributes
    ----------
    close, near
        Edges of the classes, fractions of the mark price.
    shares
        Of the requests, while every class has somebody waiting; what a class does not use goes to the
        others in proportion. All above 0: nobody is forgotten.
    rests
        ms for which an account is left alone after an answer.
    usual_notional
        Quote. An account with n times as much is asked sqrt(n) times as often as others of its class, at
        most `largest_weight` times and at least one in `largest_weight`.
    largest_weight
        See there; the same bounds how much more often an account is asked that is nearer than its class's
        outer edge.
    first_backoff, longest_backoff
        ms for which an account is left alone whose answer cannot be used, doubling.
    """

    close: float = 0.02
    near: float = 0.10
    shares: tuple[float, ...] = (0.45, 0.25, 0.15, 0.10, 0.05)
    rests: tuple[int, ...] = (0, 10 * SECOND, 30 * SECOND, 2 * MINUTE, HOUR)
    usual_notional: float = 100_000.0
    largest_weight: float = 4.0
    first_backoff: int = 30 * SECOND
    longest_backoff: int = HOUR

    def weight(self, kind: int, notional: float, distance: float) -> float:
        """Return how often an account is asked, in units of the usual one of its class.

        Parameters
        ----------
        kind
            Number into `CLASSES`.
        notional
            Of all its positions in quote, or what a new account is worth; NaN, where nobody knows, is usual.
        distance
            As in `Outlook`; it counts for close and near accounts.
        """
        most = self.largest_weight
        size = 1.0 if isnan(notional) else (max(notional, 0.0) / self.usual_notional) ** 0.5
        weight = min(max(size, 1 / most), most)
        if kind in (CLOSE, NEAR):
            edge = self.close if kind == CLOSE else self.near
            weight *= min(edge / max(distance, edge / most), most)
        return weight

    def kind(self, distance: float) -> int:
        """Return the class of an account with a position at this distance; NaN, no level, is far."""
        return CLOSE if distance < self.close else NEAR if distance < self.near else FAR

    def classes(self, distance: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
        """Return `kind` of each of these distances."""
        return np.select([distance < self.close, distance < self.near], [CLOSE, NEAR], FAR).astype(np.int8)


class Outlook(NamedTuple):
    """What the last known state of an account says of its next one.

    `notional` is of all positions, in quote; 0 for an empty account. `coin`, `level` and `mark` are of the
    position that is nearest to its liquidation price `level`; '' and NaN where none has a level.
    """

    notional: float
    coin: str = ""
    level: float = nan
    mark: float = nan


def outlook_of(positions: Sequence[AccountPosition]) -> Outlook:
    """Return the outlook of an account with these positions."""
    nearest, coin, level, mark = inf, "", nan, nan
    for one in positions:
        if one.liquidation_price is not None and one.notional > 0:
            price = one.notional / one.quantity
            distance = abs(one.liquidation_price / price - 1)
            if distance < nearest:
                nearest, coin, level, mark = distance, one.coin, one.liquidation_price, price
    return Outlook(sum(one.notional for one in positions), coin, level, mark)


def class_rates(policy: CensusPolicy, accounts: Sequence[int], rate: float) -> tuple[float, ...]:
    """Return how many requests a second each class gets.

    The shares of the policy, without what a class cannot use because its accounts rest, which goes to the
    others in proportion to their shares.

    Parameters
    ----------
    policy
        See there.
    accounts
        How many there are in each of `CLASSES`; those that are new are taken as a backlog without end.
    rate
        Requests a second in all.
    """
    wanted = [
        (inf if rest == 0 else count * 1000 / rest) if count else 0.0
        for count, rest in zip(accounts, policy.rests, strict=True)
    ]
    given = [0.0] * len(CLASSES)
    left, open_classes = rate, {kind for kind, want in enumerate(wanted) if want > 0}
    while open_classes and left > 0:
        total = sum(policy.shares[kind] for kind in open_classes)
        offer = {kind: left * policy.shares[kind] / total for kind in open_classes}
        content = {kind for kind in open_classes if wanted[kind] <= offer[kind]}
        if not content:
            for kind, amount in offer.items():
                given[kind] = amount
            break
        for kind in content:
            given[kind] = wanted[kind]
            left -= wanted[kind]
        open_classes -= content
    return tuple(given)


def expected_intervals(policy: CensusPolicy, accounts: Sequence[int], rate: float) -> tuple[float, ...]:
    """Return the mean time in seconds from one answer of an account to its next, by class.

    Accounts of the class over its requests a second, and never less than its rest; the age of a state is
    half of that on average. For new accounts it is the time until all have been asked. NaN for a class
    without accounts. Arguments are those of `class_rates`.
    """
    rates = class_rates(policy, accounts, rate)
    return tuple(
        nan if not count else (count / given if given else inf)
        for count, given in zip(accounts, rates, strict=True)
    )
