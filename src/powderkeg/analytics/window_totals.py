"""What was reported in each of several windows: by one feed, or by many added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from powderkeg.model.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class WindowTotals:
    """USD and counts of n windows by side; the columns of two-dimensional arrays are (long, short).

    Attributes
    ----------
    usd
        As reported, shape (n, 2): a floor. NaN where nothing was recorded, which is not 0.
    events
        How many single liquidations were reported; NaN where none were listened to.
    share
        Share of the window that was listened to or is covered by totals of the venue, shape (n,).
    from_totals
        Share of the window for which `usd` is what the venue itself added up, shape (n,).
    low, estimate, high
        USD with what throttled feeds may have hidden, shape (n, 2); the same as `usd` where no feed is
        throttled. `estimate` and `high` are NaN where every slot of a minute was taken.
    """

    usd: FloatArray
    events: FloatArray
    share: FloatArray
    from_totals: FloatArray
    low: FloatArray
    estimate: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.share)

    @property
    def recorded(self) -> BoolArray:
        """Where anything was recorded, shape (n,)."""
        return np.isfinite(self.usd[:, 0])

    @property
    def saturated(self) -> BoolArray:
        """Where more was hidden than can be estimated, shape (n,)."""
        return self.recorded & ~np.isfinite(self.estimate[:, 0])

    @classmethod
    def added(cls, parts: Sequence[WindowTotals]) -> Self:
        """Return the sums of the same windows over several feeds, at least one; shares are averages.

        A window is recorded where one of the feeds recorded it. What could not be estimated in one feed
        cannot be in the sum.
        """
        recorded = np.stack([part.recorded for part in parts])
        return cls(
            usd=_summed([part.usd for part in parts], recorded),
            events=_summed(
                [part.events for part in parts], np.stack([np.isfinite(part.events[:, 0]) for part in parts])
            ),
            share=np.mean([part.share for part in parts], axis=0),
            from_totals=np.mean([part.from_totals for part in parts], axis=0),
            low=_summed([part.low for part in parts], recorded),
            estimate=_summed([part.estimate for part in parts], recorded),
            high=_summed([part.high for part in parts], recorded),
        )

    def joined(self, lengths: IntArray) -> Self:
        """Return all windows, of these lengths in ms, as one."""
        weights = lengths / lengths.sum()
        recorded = self.recorded[:, None]
        counted = np.isfinite(self.events[:, :1])
        return type(self)(
            usd=_summed(self.usd[:, None], recorded),
            events=_summed(self.events[:, None], counted),
            share=np.array([self.share @ weights]),
            from_totals=np.array([self.from_totals @ weights]),
            low=_summed(self.low[:, None], recorded),
            estimate=_summed(self.estimate[:, None], recorded),
            high=_summed(self.high[:, None], recorded),
        )


def _summed(parts: Sequence[FloatArray] | FloatArray, counted: BoolArray) -> FloatArray:
    """Return sums over the first axis of (k, n, 2) of what `counted` (k, n) admits, NaN where it is none."""
    sums = np.where(counted[:, :, None], np.asarray(parts), 0.0).sum(axis=0)
    return np.where(np.asarray(counted.any(axis=0))[:, None], sums, np.nan)
