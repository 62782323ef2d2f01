"""One market's public data on one regular clock: what a model is allowed to know, bar by bar."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from powderkeg.errors import InputError, WindowError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import iso


@dataclass(frozen=True, slots=True)
class LiquidationEvents:
    """Realised liquidations one by one, where the record has their prices; arrays of shape (n,).

    Attributes
    ----------
    ts
        UTC milliseconds, ascending.
    price
        Quote per base, as the record gives it: a fill, or what the venue publishes instead.
    long_notional, short_notional
        USD; one of the two is zero.
    """

    ts: IntArray
    price: FloatArray
    long_notional: FloatArray
    short_notional: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "ts", read_only(self.ts, np.int64))
        for name in ("price", "long_notional", "short_notional"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True)
class LiquidationTotals:
    """Realised liquidations by side over half-open intervals: observed, never modelled.

    Attributes
    ----------
    start, end
        Interval bounds in UTC milliseconds, shape (n,), ascending and not overlapping.
    long_notional, short_notional
        USD force-closed inside each interval, shape (n,).
    events
        What the totals were summed from, if that has prices; None otherwise.
    """

    start: IntArray
    end: IntArray
    long_notional: FloatArray
    short_notional: FloatArray
    events: LiquidationEvents | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))
        for name in ("long_notional", "short_notional"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class MarketFrame:
    """Aligned arrays of one market, one row per bar of `step` milliseconds, without a row missing.

    Row i holds what was known when the bar ended, at ``ts[i] + step``: no later observation reaches it.
    A bar that the data lack is a row with ``valid`` False and NaN prices, never a row of zeros.

    Attributes
    ----------
    symbol
        The coin, such as ``BTC``.
    venue
        Where the open interest stands, or None where the caller did not say.
    step
        Length of a bar in milliseconds.
    ts
        Start of each bar, UTC milliseconds, shape (n,), exactly `step` apart.
    open, high, low, close
        Traded prices in quote per base; NaN on invalid rows.
    volume
        Traded base units in the bar; NaN on invalid rows.
    mark_high, mark_low, mark_close
        The prices that liquidate: of the mark where it is given, else the traded ones.
    open_interest
        One-sided open interest in base units, the last one known at the bar's end; NaN before the first.
    open_interest_age
        Milliseconds from the time that observation became known to the bar's end; -1 before the first.
    valid
        True where a bar was observed.
    funding_rate
        Sum of the funding rates paid inside the bar as a fraction of notional, longs pay shorts when
        positive; None where no funding is given.
    taker_buy
        Base units bought by takers in the bar, or None.
    long_short_ratio
        The last ratio of long to short accounts known at the bar's end, or None.
    liquidations
        Realised liquidations, or None.
    mark_is_last
        True where no mark price was given and the traded price stands in for it.
    series
        Coverage of every input.
    notes
        What a reader has to know about the data as a whole.
    """

    symbol: str
    venue: str | None
    step: int
    ts: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    mark_high: FloatArray
    mark_low: FloatArray
    mark_close: FloatArray
    open_interest: FloatArray
    open_interest_age: IntArray
    valid: BoolArray
    funding_rate: FloatArray | None = None
    taker_buy: FloatArray | None = None
    long_short_ratio: FloatArray | None = None
    liquidations: LiquidationTotals | None = None
    mark_is_last: bool = True
    series: tuple[SeriesCoverage, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.ts)
        for name, dtype in _ROW_ARRAYS.items():
            values = getattr(self, name)
            if values is None:
                continue
            if np.shape(values) != (rows,):
                raise InputError(f"{name}: shape {np.shape(values)} where ts has {rows} rows")
            object.__setattr__(self, name, read_only(values, dtype))
        if rows and np.any(np.diff(self.ts) != self.step):
            raise InputError(f"ts: bars are not all {self.step} ms apart")

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def instrument(self) -> str:
        """``venue:symbol``, or the symbol alone where no venue was given."""
        return f"{self.venue}:{self.symbol}" if self.venue else self.symbol

    @property
    def start(self) -> int:
        """Start of the first bar."""
        return int(self.ts[0])

    @property
    def end(self) -> int:
        """End of the last bar (half-open)."""
        return int(self.ts[-1]) + self.step

    def rows_known_at(self, time: int) -> int:
        """Return how many rows from the first had ended at `time`.

        Raises
        ------
        WindowError
            `time` lies a bar or more after the last one, or before the end of the first.
        """
        if time >= self.end + self.step:
            raise WindowError(
                f"at: {iso(time)} is after the data, whose last bar ends {iso(self.end)}; "
                "a map is drawn only of what has been observed"
            )
        rows = (time - self.start) // self.step
        if rows < 1:
            raise WindowError(
                f"at: {iso(time)} is before the first bar has ended, {iso(self.start + self.step)}"
            )
        return int(rows)

    def rows(self, start: int, stop: int) -> MarketFrame:
        """Return the frame of rows [start, stop), with the same provenance."""
        cut = {
            name: getattr(self, name)[start:stop] for name in _ROW_ARRAYS if getattr(self, name) is not None
        }
        return replace(self, **cut)


_ROW_ARRAYS: dict[str, type] = {
    "ts": np.int64,
    "open": np.float64,
    "high": np.float64,
    "low": np.float64,
    "close": np.float64,
    "volume": np.float64,
    "mark_high": np.float64,
    "mark_low": np.float64,
    "mark_close": np.float64,
    "open_interest": np.float64,
    "open_interest_age": np.int64,
    "valid": np.bool_,
    "funding_rate": np.float64,
    "taker_buy": np.float64,
    "long_short_ratio": np.float64,
}
