"""Known cascades replayed: what a map said stood on the way, and what then happened to open interest.

A map knows nothing after its own time. What it says of the move that followed is held against what the same
record shows: how far the price went, what was traded, and how much open interest was gone a few hours later.
The last is more than what was forced (people close by themselves, and profitable positions are closed
against), so it bounds it from above.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.squeeze import squeeze
from powderkeg.errors import WindowError
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.depth_file import law_of_bars
from powderkeg.maps.map_run import map_run
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import HOUR, iso, milliseconds

AFTERMATH = 3 * HOUR


@dataclass(frozen=True, slots=True)
class EventReplay:
    """One event in one market, model and record side by side; USD at the mark before.

    Attributes
    ----------
    instrument, at, end
        The market, the time of the map, and the end of the move, UTC milliseconds.
    mark_price, extreme
        Before, and the farthest traded price in [at, end).
    move
        extreme over mark less 1.
    open_interest
        One side, before.
    standing, standing_share
        What the map said stood on the way to the extreme, and that over open interest.
    expected_forced, expected_low, expected_high
        What a calibration expected to be forced on that way, with its 90 % band; None without one.
    interest_gone, gone_share
        Open interest gone from before the move to the lowest in the move and three hours after it, base units
        at the mark before, and as a share.
    push
        What the envelope says an order at `at` would have needed to carry the price there; None beyond the
        book.
    without_forced
        The same if nobody were forced.
    traded
        Notional that traded in the move, for scale.
    """

    instrument: str
    at: int
    end: int
    mark_price: float
    extreme: float
    move: float
    open_interest: float
    standing: float
    standing_share: float
    expected_forced: float | None
    expected_low: float | None
    expected_high: float | None
    interest_gone: float
    gone_share: float
    push: float | None
    without_forced: float | None
    traded: float

    def as_json(self) -> dict[str, Any]:
        """Return the values with times as text."""
        return {**asdict(self), "at": iso(self.at), "end": iso(self.end)}


def event_replay(
    frame: MarketFrame, at: str | int, end: str | int, *, calibration: Calibration | None = None
) -> EventReplay:
    """Return a move of the past as a map before it saw it coming, and as it came.

    The direction is that of the larger of the two extremes. Depth is the impact law of the bars before.

    Parameters
    ----------
    frame
        The market.
    at, end
        Time of the map, and the end of the move.
    calibration
        Fitted on data before `at`.

    Raises
    ------
    WindowError
        The move is not in the data, or the calibration has seen later than `at`.
    """
    begin, stop = milliseconds(at, "at"), milliseconds(end, "end")
    if calibration is not None and calibration.end > begin:
        raise WindowError(f"calibration: fitted until {iso(calibration.end)}, after {iso(begin)}")
    first, last = frame.rows_known_at(begin), frame.rows_known_at(stop)
    if last <= first:
        raise WindowError(f"end: {iso(stop)} is not after {iso(begin)} in the data")
    found = map_run(frame, calibration or "worlds").map(begin)
    mark = found.mark_price
    low, high = float(np.nanmin(frame.low[first:last])), float(np.nanmax(frame.high[first:last]))
    falls = np.log(mark / low) >= np.log(high / mark)
    extreme = low if falls else high
    reading = found.liquidated_if(extreme)
    report = squeeze(found, law_of_bars(frame, begin, -1 if falls else 1), prices=[extreme])
    after = frame.rows_known_at(min(stop + AFTERMATH, frame.end))
    gone = float(frame.open_interest[first - 1] - np.nanmin(frame.open_interest[first:after]))
    band = reading.expected_forced_band
    traded: FloatArray = frame.volume[first:last] * frame.close[first:last]
    return EventReplay(
        instrument=found.instrument,
        at=begin,
        end=stop,
        mark_price=mark,
        extreme=extreme,
        move=extreme / mark - 1,
        open_interest=found.open_interest,
        standing=reading.notional,
        standing_share=reading.share,
        expected_forced=reading.expected_forced,
        expected_low=None if band is None else band.low_90,
        expected_high=None if band is None else band.high_90,
        interest_gone=gone * mark,
        gone_share=gone * mark / found.open_interest,
        push=report.reaching[0].push,
        without_forced=report.reaching[0].book_push,
        traded=float(np.nansum(traded)),
    )
