"""How a push on one venue moves the others, and what one coin's move forces in other coins.

Venues share no book. What joins them is arbitrage, which buys where it is cheap and sells as much where it is
dear, and the mark, which looks at more than the venue's own price. Both are deterministic here: an expected
path, second by second, beside the distributions of `cascade_paths`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from powderkeg.core.cascade_envelope import FARTHEST, ForcedCurve
from powderkeg.core.cascade_rules import CascadeRules, StepRules
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.depth_curve import DepthCurve

# Share of a gap between venues that arbitrage closes per second. A judgement: half of a gap goes in seven
# seconds. In stress venues stand apart for longer (Kaiko on 10 October 2025), so lower it there.
ARBITRAGE_PER_SECOND = 0.1


@dataclass(frozen=True, slots=True)
class ConnectedVenue:
    """One venue of several: its curves, in the same direction and unit as the others', and its rules.

    Of the rules, the mark's lag, the takeover distance, the median pass-through, refill and stress are used:
    everything is closed at once, depth does not collapse and the price does not move by itself.
    """

    name: str
    depth: DepthCurve
    forced: ForcedCurve
    rules: CascadeRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Contagion:
    """What a push on one venue does on all; displacements as in `DepthCurve`, notionals in quote.

    Attributes
    ----------
    names
        The venues.
    displacement
        Per venue and second from 0, shape (venues, seconds + 1).
    mark
        Displacement of each venue's mark, likewise.
    forced, executed, taken_over
        Notional set off, sold into the venue's book and taken over, shape (venues,).
    arbitrage
        Net notional that arbitrage has sold on each venue, negative where it bought, shape (venues,). Their
        sum is 0.
    """

    names: tuple[str, ...]
    displacement: FloatArray = field(repr=False)
    mark: FloatArray = field(repr=False)
    forced: FloatArray
    executed: FloatArray
    taken_over: FloatArray
    arbitrage: FloatArray


def venue_contagion(
    venues: Sequence[ConnectedVenue],
    pushed: str,
    push: float,
    *,
    push_seconds: int = 1,
    horizon: int = 300,
    arbitrage_per_second: float = ARBITRAGE_PER_SECOND,
) -> Contagion:
    """Return what an order on one venue does on all of them.

    Per second: what refills has refilled; each mark moves towards the median of three prices, its venue's,
    the index (the median over all venues) and the median of the other venues, which is how marks are made
    (Hyperliquid: robust-price-indices; Binance: mark price; read 2026-11-25); levels that a mark has newly
    reached are closed, up to the takeover distance; then arbitrage closes a share of each gap. The price at
    which the venues would agree, c, is where their books together have absorbed what they have absorbed
    apart, sum D_v(c) = sum eaten_v, so venue v is sold a share of D_v(c) - eaten_v: in total as much as is
    bought.

    Parameters
    ----------
    venues
        One or more, all in the same direction.
    pushed
        The name of the venue on which the order is sold.
    push, push_seconds
        The order in quote, >= 0, in equal parts over so many seconds.
    horizon
        Seconds, from 1.
    arbitrage_per_second
        Share of each gap closed per second, 0 (strangers) to 1 (one market).

    Raises
    ------
    InputError
        A number is outside its range, venues differ in direction, or a name is unknown or given twice.
    """
    names = tuple(venue.name for venue in venues)
    if not venues or len(set(names)) < len(names):
        raise InputError(
            f"venues: {', '.join(names) or 'none'}; expected one or more with names of their own"
        )
    if pushed not in names:
        raise InputError(f"pushed: {pushed}; expected one of {', '.join(names)}")
    if len({venue.depth.direction for venue in venues}) > 1:
        raise InputError("venues: depth curves of both directions; expected one")
    if not (np.isfinite(push) and push >= 0):
        raise InputError(f"push: {push:g}; expected a number from 0")
    if not 0 <= arbitrage_per_second <= 1:
        raise InputError(f"arbitrage_per_second: {arbitrage_per_second:g}; expected a share from 0 to 1")
    if horizon < 1 or push_seconds < 1:
        raise InputError(f"horizon, push_seconds: {horizon}, {push_seconds}; expected seconds from 1")

    books = [_Book(venue) for venue in venues]
    together = np.unique(np.concatenate([book.points for book in books]))
    order = names.index(pushed)
    prices, marks = np.zeros((2, len(books), horizon + 1))
    push_owed = 0.0
    for second in range(horizon):
        shown = prices[:, second]
        index = float(np.median(shown))
        for number, book in enumerate(books):
            book.refill()
            others = float(np.median(np.delete(shown, number))) if len(books) > 1 else index
            book.close_forced(float(np.median([shown[number], index, others])))
        if second < push_seconds:
            push_owed += push / push_seconds
        push_owed -= books[order].sell(push_owed)
        _arbitrage(books, together, arbitrage_per_second)
        prices[:, second + 1] = [book.displacement() for book in books]
        marks[:, second + 1] = [book.mark for book in books]
    return Contagion(
        names=names,
        displacement=read_only(prices),
        mark=read_only(marks),
        forced=read_only([book.forced for book in books]),
        executed=read_only([book.executed for book in books]),
        taken_over=read_only([book.taken_over for book in books]),
        arbitrage=read_only([book.arbitrage for book in books]),
    )


class _Book:
    """One venue's book, eaten and refilling, and how far its levels are released."""

    def __init__(self, venue: ConnectedVenue) -> None:
        self.rules: StepRules = venue.rules.per_second()
        depth = venue.depth.reaching(FARTHEST)
        self.points, self.absorbed = depth.displacement, depth.absorbed * self.rules.stress
        self.forced_curve = venue.forced
        self.permanent = self.transient = 0.0
        self.mark = self.reached = self.released = 0.0
        self.unfilled = self.forced = self.executed = self.taken_over = self.arbitrage = 0.0

    @property
    def eaten(self) -> float:
        return self.permanent + self.transient

    def displacement(self) -> float:
        return float(_inverse(self.points, self.absorbed, self.eaten))

    def at(self, place: float) -> float:
        return float(_at(self.points, self.absorbed, place))

    def refill(self) -> None:
        self.transient *= self.rules.refill_keep

    def sell(self, notional: float) -> float:
        """Sell what the book takes of `notional`, and return it."""
        sold = min(notional, max(float(self.absorbed[-1]) - self.eaten, 0.0))
        self.permanent += self.rules.permanent_share * sold
        self.transient += (1 - self.rules.permanent_share) * sold
        return sold

    def close_forced(self, price: float) -> None:
        """Move the mark towards a price and close what it newly reaches."""
        self.mark += self.rules.mark_gain * (price - self.mark)
        orders = self.unfilled
        if self.mark > self.reached:
            now = float(_at(self.forced_curve.displacement, self.forced_curve.forced, self.mark))
            orders += self.rules.pass_through * (now - self.released)
            self.forced += self.rules.pass_through * (now - self.released)
            self.reached, self.released = self.mark, now
        room = self.at(self.reached + self.rules.takeover_distance) - self.eaten
        sold = self.sell(min(orders, max(room, 0.0)))
        self.executed += sold
        self.unfilled = orders - sold
        if np.isfinite(self.rules.takeover_distance):
            self.taken_over += self.unfilled
            self.unfilled = 0.0


def _arbitrage(books: list[_Book], together: FloatArray, share: float) -> None:
    """Move all books towards the displacement at which together they have absorbed as much."""
    if len(books) == 1 or share == 0:
        return
    # Jumps in a book are levels: beside the places themselves, the books just before each of them.
    before = np.sum([_at(book.points, book.absorbed, together, "left") for book in books], axis=0)
    at = np.sum([_at(book.points, book.absorbed, together) for book in books], axis=0)
    total = sum(book.eaten for book in books)
    curve = np.column_stack([before, at]).ravel()
    common = float(_inverse(np.repeat(together, 2), curve, total))
    low = np.array([float(_at(book.points, book.absorbed, common, "left")) for book in books])
    high = np.array([book.at(common) for book in books])
    # Where levels of several books lie at that price, each gives the same part of its own.
    part = (total - low.sum()) / (high.sum() - low.sum()) if high.sum() > low.sum() else 0.0
    for book, target in zip(books, low + np.clip(part, 0.0, 1.0) * (high - low), strict=True):
        moved = share * (float(target) - book.eaten)
        book.permanent += moved
        book.arbitrage += moved


def _inverse(points: FloatArray, values: FloatArray, value: float) -> FloatArray:
    index = int(np.clip(np.searchsorted(values, value * (1 - 1e-12)), 1, len(points) - 1))
    rise = values[index] - values[index - 1]
    share = np.clip((value - values[index - 1]) / rise, 0.0, 1.0) if rise > 0 else 0.0
    return np.asarray(points[index - 1] + share * (points[index] - points[index - 1]))


def _at(points: FloatArray, values: FloatArray, place: float | FloatArray, side: str = "right") -> FloatArray:
    """Return a curve at places, its jump there included (right) or not (left); its last value beyond."""
    index = np.searchsorted(points, place, side="right" if side == "right" else "left")
    upper, lower = np.clip(index, 0, len(points) - 1), np.clip(index - 1, 0, len(points) - 1)
    width = np.where(points[upper] > points[lower], points[upper] - points[lower], 1.0)
    inside = values[lower] + (np.minimum(place, points[-1]) - points[lower]) / width * (
        values[upper] - values[lower]
    )
    return np.asarray(np.where(index == 0, 0.0, np.where(index == len(points), values[-1], inside)))


@dataclass(frozen=True, slots=True)
class CoinExposure:
    """What a coin forces when it falls and when it rises, and how it moves with the coin that is shocked.

    Attributes
    ----------
    name
        The coin.
    beta
        Its log return per log return of the shocked coin; see `powderkeg.core.betas.shrunk_betas`.
    falling, rising
        What is forced on the way down from its mark, and on the way up, in quote.
    """

    name: str
    beta: float
    falling: ForcedCurve
    rising: ForcedCurve


def jointly_forced(coins: Sequence[CoinExposure], move: float) -> FloatArray:
    """Return what each coin forces when all move together with one, shape (coins,), in quote.

    forced_j = L_j(|beta_j move|) on the side to which beta_j times the move points: a sum over maps without
    time, depth or feedback. With a negative beta a fall forces the coin's shorts.

    Parameters
    ----------
    coins
        The coins, the shocked one among them with beta 1 if it is to be counted.
    move
        Log return of the shocked coin: ln(P / mark).

    Raises
    ------
    InputError
        `move` or a beta is not finite.
    """
    forced = np.zeros(len(coins))
    for number, coin in enumerate(coins):
        own = coin.beta * move
        if not np.isfinite(own):
            raise InputError(f"move, beta of {coin.name}: {move:g}, {coin.beta:g}; expected finite numbers")
        curve = coin.falling if own < 0 else coin.rising
        if own != 0:
            forced[number] = _at(curve.displacement, curve.forced, abs(own))
    return forced
