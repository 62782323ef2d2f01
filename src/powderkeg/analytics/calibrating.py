"""From recorded liquidations to a calibrated model."""

from __future__ import annotations

import numpy as np

from powderkeg.analytics.recorded_intervals import recorded_intervals
from powderkeg.core.calibration import FEWEST_INTERVALS, MEMBERS, SideCalibration, calibrated_side
from powderkeg.core.event_scores import FLOOR_SHARE
from powderkeg.core.feed_coverage import CLUSTERING, RATE_WINDOW, throttled_coverage
from powderkeg.core.laws import BUILT_IN, DistancePrior
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.map_run import map_run
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import duration, iso, milliseconds
from powderkeg.version import __version__

_SIDES = ("long", "short")


def calibration(
    frame: MarketFrame,
    *,
    until: str | int | None = None,
    step: str = "1d",
    embargo: int = 1,
    coverage: tuple[float, float] = (1.0, 1.0),
    feed_slot: str | None = None,
    seed: int = 0,
    prior: tuple[DistancePrior, DistancePrior] = (BUILT_IN, BUILT_IN),
) -> Calibration:
    """Return the worlds fitted to the recorded liquidations of `frame`, with an ensemble for bands.

    Each side is fitted in the stage that walk-forward inside the data chooses (`powderkeg.core.calibration`).
    A side without a single liquidation, or with fewer than ten intervals, stays with the prior, and a note
    says so.

    Parameters
    ----------
    frame
        With recorded liquidations.
    until
        Nothing after it is used; the end of the data by default.
    step
        Recorded intervals shorter than this are added up to it.
    embargo
        Intervals left out before each fold when the stage is chosen.
    coverage
        Lowest and highest share of liquidated USD that the record shows; (1, 1) where it is complete. The
        members spread between them evenly in logs.
    feed_slot
        For a feed that shows at most one event per slot, such as ``1s`` for Binance: its coverage is then
        estimated from the events, between the upper bound of `throttled_coverage` and a sixth of it. On
        simulated feeds the truth was between a fifth and two thirds of the bound.
    seed
        The same seed gives the same ensemble.
    prior
        Laws of distances expected beforehand, of (longs, shorts), such as
        `powderkeg.analytics.distance_prior.measured_priors` returns; a note says where they come from.

    Raises
    ------
    InputError
        No recorded liquidations; totals above the open interest of their interval; a wrong argument.
    WindowError
        Nothing recorded ends by `until`.
    """
    if feed_slot is not None:
        if coverage != (1.0, 1.0):
            raise InputError("feed_slot: given together with coverage; expected one of the two")
        coverage = _coverage_of_feed(frame, duration(feed_slot, "feed_slot"), until)
    low, high = coverage
    if not 0 < low <= high <= 1:
        raise InputError(
            f"coverage: {low:g} to {high:g}; expected shares above 0 and at most 1, the lower one first"
        )
    intervals = recorded_intervals(frame, step)
    last = frame.end if until is None else milliseconds(until, "until")
    used = int(np.count_nonzero(intervals.end <= last))
    if used == 0:
        raise WindowError(
            f"until: no recorded interval ends by {iso(last)}; they reach from "
            f"{iso(int(intervals.start[0]))} to {iso(int(intervals.end[-1]))}"
        )
    totals = intervals.totals[:used]
    layers = map_run(frame).predicted_layers(intervals.edges)[intervals.numbers[:used]]
    notes = [*intervals.notes, *frame.notes]
    if low < 1:
        notes.append(f"the record is taken to show {low:.0%} to {high:.0%} of what was liquidated")
    sides: list[SideCalibration] = []
    for number, name in enumerate(_SIDES):
        observed = totals[:, number]
        # A side without liquidations gets a floor that is nothing beside what the prior predicts.
        mean = float(observed.mean()) or float(layers[:, number].mean())
        sides.append(
            calibrated_side(
                layers[:, number],
                observed,
                floor=max(FLOOR_SHARE * mean, 1e-9),
                generator=np.random.default_rng([seed, number]),
                embargo=embargo,
                distances=prior[number],
            )
        )
        if prior[number] != BUILT_IN:
            expected = prior[number]
            notes.append(
                f"{name}s: distances expected at a median of {expected.median:.1%} and sigma "
                f"{expected.sigma:.2f}, from {expected.source}"
            )
        if sides[-1].stage == 0 and used < FEWEST_INTERVALS:
            notes.append(f"{name}s: {used} intervals, fewer than {FEWEST_INTERVALS}: fell back to the prior")
        elif sides[-1].stage == 0 and not observed.any():
            notes.append(f"{name}s: nothing was liquidated: fell back to the prior")
    shown = np.random.default_rng([seed, 2]).permutation(np.geomspace(low, high, MEMBERS))
    return Calibration(
        instrument=frame.instrument,
        start=int(intervals.start[0]),
        end=int(intervals.end[used - 1]),
        step=duration(step, "step") if used < 2 else int(intervals.end[0] - intervals.start[0]),
        seed=seed,
        sides=(sides[0], sides[1]),
        coverage=np.minimum(shown, 1.0),
        notes=tuple(notes),
        version=__version__,
    )


def _coverage_of_feed(frame: MarketFrame, slot: int, until: str | int | None) -> tuple[float, float]:
    events = None if frame.liquidations is None else frame.liquidations.events
    if events is None:
        raise InputError("feed_slot: the record holds no single events with prices to estimate it from")
    last = frame.end if until is None else milliseconds(until, "until")
    bound, _ = throttled_coverage(events.ts[events.ts < last], slot=slot, window=RATE_WINDOW * slot)
    return bound / CLUSTERING, bound
