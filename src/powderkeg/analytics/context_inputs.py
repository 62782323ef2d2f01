"""What a market context is computed from: a coin's series on two clocks, nothing of them known later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.coin_frames import STALE, coin_frames
from powderkeg.maps.coin_series import LEAD, CoinSeries, VenueSeries, coin_series, step_ends
from powderkeg.maps.map_run import MapRun
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, HOUR, MINUTE, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue as venue_of
from powderkeg.venues.venue import Venue

BAR = 5 * MINUTE
RECENT = 30 * DAY
"""How much of the past the maps behind a context grow from."""
CHANGES = {"1h": HOUR, "4h": 4 * HOUR, "24h": DAY, "7d": 7 * DAY}
_SERIES = 8 * DAY
_FILLED = HOUR
_STEADY = 0.9


@dataclass(frozen=True, slots=True)
class ContextInputs:
    """The series of a coin as they were known at one time.

    Attributes
    ----------
    lake, coin, venues
        Where, what, and who was asked.
    as_of
        End of the last bar, UTC milliseconds: at most six hours before the time that was asked for.
    frames, skipped
        Of the 30 days before in bars of five minutes, one for each venue that has them; and venue -> why it
        has none.
    recent
        The last eight days in steps of five minutes.
    past, past_frames
        The whole history in steps of an hour, up to the last whole hour, and the frames it is taken from.
    runs
        The modelled maps' passes over `frames`.
    """

    lake: Lake
    coin: str
    venues: tuple[Venue, ...]
    as_of: int
    frames: tuple[MarketFrame, ...]
    skipped: dict[str, str]
    recent: CoinSeries
    past: CoinSeries
    past_frames: tuple[MarketFrame, ...]
    runs: tuple[MapRun, ...]

    @property
    def reference(self) -> VenueSeries:
        """The venue with the most open interest at the end, whose mark price is the price of the coin."""
        return max(self.recent.venues, key=lambda one: float(np.nan_to_num(last(one.open_interest_usd))))

    def symbol(self, name: str) -> str:
        """Return the coin's main perpetual at a venue."""
        return venue_of(name).symbol(self.coin)


@dataclass(frozen=True, slots=True)
class TotalInterest:
    """Open interest added up over venues whose record has few holes, hour by hour.

    Attributes
    ----------
    times
        Ends of hours, UTC milliseconds, shape (n,).
    open_interest
        Base units, one side, NaN where one of the venues is not known, shape (n,).
    price, lowest, highest
        Mark price of the largest of them at the end of each hour, and its extremes inside it, shape (n,).
    venues, left_out
        Names: those added up, and those with too many holes.
    """

    times: IntArray
    open_interest: FloatArray
    price: FloatArray
    lowest: FloatArray
    highest: FloatArray
    venues: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def source(self) -> str:
        """Where it comes from, for a fact."""
        return f"hourly open interest of {', '.join(self.venues)}"


def context_inputs(
    lake: Lake,
    venues: Sequence[Venue],
    coin: str,
    at: int,
    *,
    history: int,
    models: VenueModels,
) -> ContextInputs:
    """Return the inputs of a context.

    Parameters
    ----------
    lake, venues, coin
        Where, who, and what.
    at
        UTC milliseconds. Rows of the time after it are not used; history that was fetched later is.
    history
        Milliseconds of the past that is compared with, from 8 days.
    models
        Behind the maps.

    Raises
    ------
    InputError
        No venue has bars and open interest, or their last bar ended more than six hours before `at`; the
        message says what brings them. Or `history` is too short.
    LakeError
        A file is missing or damaged.
    """
    if history < _SERIES:
        raise InputError(f"history: {duration_text(history)}; expected {duration_text(_SERIES)} or more")
    coin = coin.upper()
    frames, skipped = coin_frames(lake, venues, coin, Window(at // BAR * BAR - RECENT, at // BAR * BAR))
    end = max(frame.end for frame in frames)
    if at - end > STALE:
        raise InputError(
            f"at: {iso(at)} is {duration_text((at - end) // MINUTE * MINUTE)} after the last bar of {coin} "
            f"in the lake; expected {duration_text(STALE)} at most: `powderkeg backfill {frames[0].venue} "
            f"{coin}` brings what lacks"
        )
    times = step_ends(Window(end - _SERIES, end), BAR)
    recent = coin_series(lake, frames, coin, times, BAR)
    hour = end // HOUR * HOUR
    long_frames, _ = coin_frames(
        lake,
        [venue_of(str(frame.venue)) for frame in frames],
        coin,
        Window(hour - history - LEAD, hour),
        bar_step="1h",
    )
    hours = step_ends(Window(max(hour - history, min(one.start for one in long_frames)), hour), HOUR)
    return ContextInputs(
        lake=lake,
        coin=coin,
        venues=tuple(venues),
        as_of=end,
        frames=tuple(frames),
        skipped=skipped,
        recent=recent,
        past=coin_series(lake, long_frames, coin, hours, HOUR),
        past_frames=tuple(long_frames),
        runs=tuple(models.runs(frames)),
    )


def last(values: FloatArray, *, step: int = BAR, behind: int = 0, filled: int = _FILLED) -> float:
    """Return the value `behind` ms before the end of a series, or the last known one up to an hour before.

    NaN where there is none, or where the series begins later.
    """
    stop = len(values) - behind // step
    if stop <= 0:
        return float("nan")
    near = values[max(stop - 1 - filled // step, 0) : stop]
    known = near[np.isfinite(near)]
    return float(known[-1]) if len(known) else float("nan")


def total_interest(inputs: ContextInputs) -> TotalInterest:
    """Return open interest summed over the venues whose record is whole in nine tenths of the hours.

    Where none is, the one that is known for longest stands alone: a venue that joins would look like a rise.
    """
    past = inputs.past
    known = np.array([np.isfinite(one.open_interest).mean() for one in past.venues])
    chosen = np.flatnonzero(known >= _STEADY)
    if not len(chosen):
        chosen = np.array([int(np.argmax(known))])
    sums = np.sum([past.venues[number].open_interest for number in chosen], axis=0)
    largest = max(chosen.tolist(), key=lambda number: float(np.nanmean(_or_zero(past.venues[number]))))
    names = [one.venue for one in past.venues]
    lowest, highest = _extremes(inputs.past_frames[largest], past.times)
    return TotalInterest(
        times=past.times,
        open_interest=read_only(sums),
        price=past.venues[largest].mark_price,
        lowest=lowest,
        highest=highest,
        venues=tuple(names[number] for number in chosen),
        left_out=tuple(name for number, name in enumerate(names) if number not in set(chosen.tolist())),
    )


def _extremes(frame: MarketFrame, ends: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest mark in the bar that ends at each time, NaN where there is none."""
    row = np.clip((ends - frame.start) // frame.step - 1, 0, len(frame) - 1)
    there = (frame.ts[row] + frame.step == ends) & frame.valid[row]
    return (
        read_only(np.where(there, frame.mark_low[row], np.nan)),
        read_only(np.where(there, frame.mark_high[row], np.nan)),
    )


def _or_zero(one: VenueSeries) -> FloatArray:
    return np.nan_to_num(one.open_interest)
