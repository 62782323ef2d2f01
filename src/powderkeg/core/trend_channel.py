"""Trend channels: a line through log prices, parallels around it, and how little of it is certain.

Over a window of n bars, with x the number of a bar counted from the middle of the window,

    ln P = level + slope x + u.

The slope is that of least squares. Residuals of prices persist from bar to bar, so its variance is that of
the slope under u_t = phi u_(t-1) + e_t, exact for a given phi:

    var = s_e^2 (sum_(j>=1) c_j^2 + c_0^2 / (1 - phi^2)) / (sum x^2)^2,   c_j = sum_(t>=j) phi^(t-j) x_t.

The estimate of phi is too low in a short window with a trend. It is raised by
(2 + 4 phi + 4 e^(-n (1 - phi) / 10)) / n: two terms known for a trend (M. G. Kendall, Biometrika 41 (1954)
403), one fitted to simulations. It is set to 1, a random walk, where n (1 - phi) as estimated is below 21,
about the fifth percentile of that statistic for random walks (W. A. Fuller, Introduction to Statistical Time
Series, 1976). In simulations its 90 % intervals held 86 to 96 % of planted slopes (docs/technical.md). Newey
and West's variance was tried first: it held 14 % on random walks of 300 bars, and 59 % with phi = 0.8 and 90
bars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

FEWEST_BARS = 20
COVERED = 0.9
"""Share of a window's closes between the two parallels, and of slopes in their interval."""
LEAST_OUTSIDE = 3
"""Closes in a row outside of a channel before it counts as left."""
_NORMAL = 1.6448536269514722  # the 95th percentile of a standard normal
_RANDOM_WALK = 21.0
_BEFORE = 5  # closes whose median must lie inside before the first that is outside


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendChannel:
    """A channel fitted to `count` bars; residuals are differences in log price from the line.

    Attributes
    ----------
    count
        Bars in the window.
    slope, slope_low, slope_high
        Change of log price per bar, and its 90 % interval.
    level
        Log price of the line at the last bar of the window.
    lower, upper
        Residuals below and above which 5 % of the closes lie: the parallels.
    lowest, highest
        The extreme residuals, of lows and highs where these are given: the outer parallels.
    persistence
        Of the residuals from bar to bar, corrected; 1 where they cannot be told from a random walk, and then
        the line describes the window and says nothing beyond it.
    """

    count: int
    slope: float
    slope_low: float
    slope_high: float
    level: float
    lower: float
    upper: float
    lowest: float
    highest: float
    persistence: float

    @property
    def width(self) -> float:
        """Distance between the parallels in log price."""
        return self.upper - self.lower

    def line(self, residual: float = 0.0, bars_later: int = 0) -> float:
        """Return the price of the parallel at `residual`, so many bars after the window's last."""
        return math.exp(self.level + self.slope * bars_later + residual)

    def residual(self, price: float, bars_later: int = 0) -> float:
        """Return how far above the line a price is, in log price."""
        return math.log(price) - self.level - self.slope * bars_later

    def position(self, price: float, bars_later: int = 0) -> float:
        """Return where a price stands: 0 on the lower parallel, 1 on the upper, beyond these outside."""
        return (self.residual(price, bars_later) - self.lower) / self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelExit:
    """That all closes from one bar on lie outside of the channel fitted to the bars before it.

    Attributes
    ----------
    channel
        That channel; it knows nothing of what came after.
    first
        Number of the first bar outside.
    bars
        Closes outside, to the last bar.
    above
        Above the upper parallel; else below the lower one.
    beyond, beyond_low, beyond_high
        Distance of the last close from the parallel in log price, positive outside; and where it lies with
        the slope at either end of its interval. Where that includes 0, the slope may as well be another.
    beyond_extremes
        Whether the last close lies outside of the outer parallel, too.
    """

    channel: TrendChannel
    first: int
    bars: int
    above: bool
    beyond: float
    beyond_low: float
    beyond_high: float
    beyond_extremes: bool


def fitted_channel(
    close: npt.ArrayLike, high: npt.ArrayLike | None = None, low: npt.ArrayLike | None = None
) -> TrendChannel:
    """Return the channel of a window of bars.

    Parameters
    ----------
    close
        Last price of each bar, > 0, shape (n,), n >= 20, evenly spaced.
    high, low
        Extremes of the bars, for the outer parallels; the closes' by default.

    Raises
    ------
    InputError
        Too few bars, a price that is not above 0, other shapes, or prices that all lie on one line.
    """
    log_close = _logs("close", close)
    log_high = log_close if high is None else _logs("high", high)
    log_low = log_close if low is None else _logs("low", low)
    count = len(log_close)
    if count < FEWEST_BARS:
        raise InputError(f"close: {count} bars; expected {FEWEST_BARS} or more for a channel")
    if not log_high.shape == log_low.shape == log_close.shape:
        raise InputError(f"high, low: shapes {log_high.shape}, {log_low.shape}; expected {log_close.shape}")
    x, slope, mean = _line(log_close)
    fit = mean + slope * x
    residual = log_close - fit
    lower, upper = np.quantile(residual, ((1 - COVERED) / 2, (1 + COVERED) / 2)).tolist()
    if upper - lower < 1e-12:
        raise InputError("close: all prices lie on one line; a channel needs some that do not")
    persistence = _persistence(residual)
    error = math.sqrt(_slope_variance(residual, x, persistence))
    return TrendChannel(
        count=count,
        slope=slope,
        slope_low=slope - _NORMAL * error,
        slope_high=slope + _NORMAL * error,
        level=float(fit[-1]),
        lower=lower,
        upper=upper,
        lowest=float((log_low - fit).min()),
        highest=float((log_high - fit).max()),
        persistence=persistence,
    )


def channel_exit(
    close: npt.ArrayLike,
    length: int,
    high: npt.ArrayLike | None = None,
    low: npt.ArrayLike | None = None,
    *,
    least: int = LEAST_OUTSIDE,
) -> ChannelExit | None:
    """Return since when the price has been outside of the channel of `length` bars; None where it is not.

    It is since the earliest bar s, at most `length` bars back, such that all closes from s on lie above the
    upper parallel, or all below the lower one, of the channel fitted to the `length` bars before s and
    continued; and such that the price came from inside, the median of the five closes before s lying
    between the parallels. That fit knows nothing of what it is held against. Besides, the last close lies
    outside, on the same side, of the channel of the last `length` bars, which had the time to follow: without
    this condition a random walk counts as outside four fifths of the time, with it a quarter
    (docs/technical.md). The answer depends on the last 2 `length` bars alone.

    Parameters
    ----------
    close, high, low
        As in `fitted_channel`; fewer than 2 `length` bars shorten the search, fewer than `length` + `least`
        leave nothing to be searched.
    length
        Bars in a channel, >= 20.
    least
        Closes outside, from 1, before a channel counts as left.

    Raises
    ------
    InputError
        As `fitted_channel`, or `length` or `least` is too small.
    """
    if length < FEWEST_BARS or least < 1:
        raise InputError(
            f"length, least: {length}, {least}; expected {FEWEST_BARS} bars or more, and 1 or more"
        )
    prices = positive("close", close)
    tops = prices if high is None else positive("high", high)
    bottoms = prices if low is None else positive("low", low)
    if not tops.shape == bottoms.shape == prices.shape:
        raise InputError(f"high, low: shapes {tops.shape}, {bottoms.shape}; expected {prices.shape}")
    logs = np.log(prices)
    count = len(logs)
    if count < length + least:
        return None
    above = _side_outside(logs[-length:])
    if above is None:
        return None
    for first in range(max(length, count - length), count - least + 1):
        window = logs[first - length : first]
        x, slope, mean = _line(window)
        lower, upper = np.quantile(window - mean - slope * x, ((1 - COVERED) / 2, (1 + COVERED) / 2))
        after = logs[first:] - mean - slope * (x[-1] + np.arange(1, count - first + 1))
        from_inside = lower <= np.median((window - mean - slope * x)[-_BEFORE:]) <= upper
        if from_inside and np.all(after > upper if above else after < lower):
            part = slice(first - length, first)
            channel = fitted_channel(prices[part], tops[part], bottoms[part])
            return _exit(channel, float(prices[-1]), first, count - first, above)
    return None


def _side_outside(logs: FloatArray) -> bool | None:
    """Return whether the last price lies above its own channel, False if below it, None if inside."""
    x, slope, mean = _line(logs)
    residual = logs - mean - slope * x
    lower, upper = np.quantile(residual, ((1 - COVERED) / 2, (1 + COVERED) / 2))
    return None if lower <= residual[-1] <= upper else bool(residual[-1] > upper)


def _exit(channel: TrendChannel, price: float, first: int, bars: int, above: bool) -> ChannelExit:
    sign = 1.0 if above else -1.0
    residual = channel.residual(price, bars)
    beyond = sign * (residual - (channel.upper if above else channel.lower))
    # The line turns about the middle of its window.
    lever = bars + (channel.count - 1) / 2
    moved = sorted(
        sign * (channel.slope - slope) * lever for slope in (channel.slope_low, channel.slope_high)
    )
    outer = residual > channel.highest if above else residual < channel.lowest
    return ChannelExit(
        channel=channel,
        first=first,
        bars=bars,
        above=above,
        beyond=beyond,
        beyond_low=beyond + moved[0],
        beyond_high=beyond + moved[1],
        beyond_extremes=bool(outer),
    )


def _line(logs: FloatArray) -> tuple[FloatArray, float, float]:
    x = np.asarray(np.arange(len(logs)) - (len(logs) - 1) / 2, np.float64)
    return x, float(x @ logs / (x @ x)), float(logs.mean())


def _persistence(residual: FloatArray) -> float:
    count = len(residual)
    before = residual[:-1]
    estimate = float(residual[1:] @ before / (before @ before))
    if count * (1 - estimate) < _RANDOM_WALK:
        return 1.0
    corrected = estimate
    # The correction depends on the corrected value; its slope in it is below 1/2, so this settles.
    for _ in range(50):
        raised = 2 + 4 * corrected + 4 * math.exp(-count * (1 - corrected) / 10)
        corrected = min(1.0, estimate + raised / count)
    return max(corrected, -0.99)


def _slope_variance(residual: FloatArray, x: FloatArray, persistence: float) -> float:
    shocks = residual[1:] - persistence * residual[:-1]
    variance = float(shocks @ shocks) / (len(residual) - 3)
    weight, squares = 0.0, 0.0
    for place in x[:0:-1].tolist():
        weight = place + persistence * weight
        squares += weight**2
    if persistence < 1:
        squares += (float(x[0]) + persistence * weight) ** 2 / (1 - persistence**2)
    return variance * squares / float(x @ x) ** 2


def _logs(name: str, prices: npt.ArrayLike) -> FloatArray:
    return np.asarray(np.log(positive(name, prices)))
