"""Levels: prices at which the market turned, traded much, or may be forced to trade.

Three kinds of evidence, each with its own weight, are put together where they lie close to each other. What a
level is not: a promise that the price stops there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from powderkeg.core.arguments import positive
from powderkeg.core.clusters import peaks_of
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid

SWING, VOLUME, LIQUIDATIONS = "swing", "volume", "liquidations"
_SMOOTHING = 5
_LEAST_RELIEF, _LEAST_HEIGHT = 0.2, 0.2


class Evidence(NamedTuple):
    """One reason to call a price a level.

    `kind` is ``swing``, ``volume`` or ``liquidations``; `price` lies in [`low`, `high`]. `weight` compares
    within a kind: the swing's height in log price, base units traded, USD that would be liquidated. `number`
    is that of the bar at whose end it was known, -1 where that has no meaning. `detail` says it in words.
    """

    kind: str
    price: float
    low: float
    high: float
    weight: float
    number: int = -1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """Evidence that lies together.

    Attributes
    ----------
    price, low, high
        Mean price of the evidence, by strength and in log price; and how far the evidence reaches.
    strength
        In (0, 1]: per kind the largest weight in the level over the largest of all, averaged over the kinds
        that were looked for. 1 is the best of every kind in one place.
    distance
        `price` over the present price, less 1.
    evidence
        What it rests on, strongest kind first.
    """

    price: float
    low: float
    high: float
    strength: float
    distance: float
    evidence: tuple[Evidence, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its evidence, each once."""
        return tuple(dict.fromkeys(one.kind for one in self.evidence))

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "price": self.price,
            "low": self.low,
            "high": self.high,
            "strength": self.strength,
            "distance": self.distance,
            "evidence": [
                {"kind": one.kind, "price": one.price, "weight": one.weight, "detail": one.detail}
                for one in self.evidence
            ],
        }


def swings(high: FloatArray, low: FloatArray, wing: int) -> tuple[Evidence, ...]:
    """Return the pivot highs and lows of bars, by the bar at whose end they were known.

    A bar is a pivot high if no bar of the `wing` before it is as high and none of the `wing` after it is
    higher: it is known `wing` bars later, and not before. The weight is ln(high / lowest low of those bars),
    and the like for lows.

    Parameters
    ----------
    high, low
        Extremes of the bars, > 0, shape (n,).
    wing
        Bars on either side, at least 1.

    Raises
    ------
    InputError
        A price is not above 0, shapes differ, or `wing` is below 1.
    """
    tops, bottoms = positive("high", high), positive("low", low)
    if tops.shape != bottoms.shape:
        raise InputError(f"high: shape {tops.shape} where low has {bottoms.shape}")
    if wing < 1:
        raise InputError(f"wing is {wing}; expected 1 or more bars")
    if len(tops) < 2 * wing + 1:
        return ()
    found: list[Evidence] = []
    high_windows = np.lib.stride_tricks.sliding_window_view(tops, 2 * wing + 1)
    low_windows = np.lib.stride_tricks.sliding_window_view(bottoms, 2 * wing + 1)
    is_high = (tops[wing:-wing] > high_windows[:, :wing].max(axis=1)) & (
        tops[wing:-wing] >= high_windows[:, wing + 1 :].max(axis=1)
    )
    is_low = (bottoms[wing:-wing] < low_windows[:, :wing].min(axis=1)) & (
        bottoms[wing:-wing] <= low_windows[:, wing + 1 :].min(axis=1)
    )
    height = np.log(high_windows.max(axis=1) / low_windows.min(axis=1))
    for name, prices, chosen in (("high", tops, is_high), ("low", bottoms, is_low)):
        for place in np.flatnonzero(chosen).tolist():
            price = float(prices[place + wing])
            found.append(
                Evidence(SWING, price, price, price, float(height[place]), place + 2 * wing, f"swing {name}")
            )
    return tuple(sorted(found, key=lambda one: (one.number, one.detail)))


def volume_profile(
    high: FloatArray, low: FloatArray, volume: FloatArray, width: float
) -> tuple[PriceGrid, FloatArray]:
    """Return volume by price: bins of log price, and what was traded in each, in the unit of `volume`.

    Where in a bar its volume was traded is not known: it is spread evenly over the log prices between low and
    high. The sum over the bins is the sum over the bars.

    Parameters
    ----------
    high, low, volume
        Of the bars, shape (n,), n >= 1; prices above 0.
    width
        Of a bin in log price.

    Raises
    ------
    InputError
        A value is unfit, shapes differ, or a high lies below its low.
    """
    tops, bottoms = np.log(positive("high", high)), np.log(positive("low", low))
    if not tops.shape == bottoms.shape == volume.shape or not len(tops):
        raise InputError(
            f"high, low, volume: shapes {tops.shape}, {bottoms.shape}, {volume.shape}; expected one"
        )
    if np.any(tops < bottoms) or not np.all(np.isfinite(volume) & (volume >= 0)):
        raise InputError("high, low, volume: expected highs not below lows, and volumes of 0 or more")
    first = int(np.floor(bottoms.min() / width))
    count = int(np.floor(tops.max() / width)) + 1 - first
    grid = PriceGrid(width, first, count)
    edges = np.arange(first, first + count + 1) * width
    # Cumulative volume below each edge; a bar without a range is a step at its price.
    below = np.zeros(count + 1)
    for top, bottom, amount in zip(tops.tolist(), bottoms.tolist(), volume.tolist(), strict=True):
        reach = max(top - bottom, 1e-12)
        below += amount * np.clip((edges - bottom) / reach, 0.0, 1.0)
    return grid, np.diff(below)


def volume_peaks(grid: PriceGrid, traded: FloatArray) -> tuple[Evidence, ...]:
    """Return the prices around which most was traded: peaks of the profile, smoothed over five bins.

    A peak counts if it reaches a fifth of the highest and rises by a fifth of its height above the valleys
    beside it (`powderkeg.core.clusters.peaks_of`); its weight is what was traded between these valleys.
    """
    if not np.any(traded > 0):
        return ()
    smooth = np.convolve(traded, np.full(_SMOOTHING, 1 / _SMOOTHING))[_SMOOTHING // 2 :][: len(traded)]
    smooth = np.round(smooth / smooth.max(), 9)
    edges, centres = grid.edges, grid.centres
    return tuple(
        Evidence(
            VOLUME,
            float(centres[peak]),
            float(edges[peak]),
            float(edges[peak + 1]),
            float(traded[left : right + 1].sum()),
            -1,
            "peak of volume by price",
        )
        for peak, _, left, right in peaks_of(smooth, _LEAST_RELIEF, _LEAST_HEIGHT)
    )


def merged_levels(
    evidence: Sequence[Evidence], price: float, tolerance: float, kinds: Sequence[str]
) -> tuple[PriceLevel, ...]:
    """Return levels, strongest first: evidence nearer than `tolerance` to its neighbour lies together.

    A chain of neighbours is cut where it would reach over more than three times the tolerance.

    Parameters
    ----------
    evidence
        In any order.
    price
        The present price, which distances are measured from.
    tolerance
        In log price, above 0.
    kinds
        Those that were looked for, found or not: a level can have the full strength only with all of them.

    Raises
    ------
    InputError
        A number is not above 0, or evidence is of a kind that was not looked for.
    """
    positive("price", price)
    positive("tolerance", tolerance)
    largest: dict[str, float] = {}
    for one in evidence:
        if one.kind not in kinds:
            raise InputError(f"kinds: {', '.join(kinds)}; expected {one.kind!r} among them")
        largest[one.kind] = max(largest.get(one.kind, 0.0), one.weight)
    groups: list[list[Evidence]] = []
    for one in sorted(evidence, key=lambda one: one.price):
        near = groups and one.price <= groups[-1][-1].price * np.exp(tolerance)
        if near and one.price <= groups[-1][0].price * np.exp(3 * tolerance):
            groups[-1].append(one)
        else:
            groups.append([one])
    levels = [_level(group, price, largest, len(kinds)) for group in groups]
    return tuple(sorted(levels, key=lambda level: (-level.strength, level.price)))


def _level(group: list[Evidence], price: float, largest: dict[str, float], kinds: int) -> PriceLevel:
    shares = np.array([one.weight / largest[one.kind] if largest[one.kind] else 0.0 for one in group])
    best: dict[str, float] = {}
    for one, share in zip(group, shares.tolist(), strict=True):
        best[one.kind] = max(best.get(one.kind, 0.0), share)
    weights = shares if shares.sum() > 0 else np.ones(len(group))
    middle = float(np.exp(np.average(np.log([one.price for one in group]), weights=weights)))
    order = sorted(range(len(group)), key=lambda number: -shares[number])
    return PriceLevel(
        price=middle,
        low=min(one.low for one in group),
        high=max(one.high for one in group),
        strength=sum(best.values()) / kinds,
        distance=middle / price - 1,
        evidence=tuple(group[number] for number in order),
    )
