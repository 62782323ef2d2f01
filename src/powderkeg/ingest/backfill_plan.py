"""What to ask for, given what is missing: a pure function, shown and tested before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.model.instrument import Instrument
from powderkeg.model.times import duration_text
from powderkeg.model.window import Window
from powderkeg.model.window import missing as missing_parts
from powderkeg.venues.asking import HistorySource
from powderkeg.venues.venue import Venue

Missing = Callable[[DatasetKey, Window], Sequence[Window]]


@dataclass(frozen=True, slots=True)
class FetchTask:
    """One request to make.

    Attributes
    ----------
    key
        Where its rows go.
    instrument, window, interval
        What it asks for.
    sources
        Whom to ask, the next if the one before has nothing for this window.
    """

    key: DatasetKey
    instrument: Instrument
    window: Window
    interval: int
    sources: tuple[HistorySource, ...]


@dataclass(frozen=True, slots=True)
class NotToBeHad:
    """A window that nobody answers, and why."""

    key: DatasetKey
    window: Window
    reason: str


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """Requests to make, oldest first within each dataset, and what cannot be asked for."""

    tasks: tuple[FetchTask, ...]
    not_to_be_had: tuple[NotToBeHad, ...]


def backfill_plan(
    venue: Venue,
    instruments: Iterable[Instrument],
    tables: Sequence[str],
    window: Window,
    *,
    interval: int,
    now: int,
    missing: Missing,
) -> BackfillPlan:
    """Return the requests that complete these tables in [start, end).

    For each series the sources are taken in the venue's order, each for what it keeps by `now` and those
    before it do not; every request asks for no more than one answer holds.

    Parameters
    ----------
    venue, instruments, tables
        Whose history, of which tables; tables without history are not this function's business.
    window
        From when to when. Bars and other intervals are asked for whole, none that is not over yet.
    interval
        Length of bars and other intervals in ms, where the venue offers it; otherwise the nearest shorter
        one that it does, or its shortest.
    now
        UTC milliseconds.
    missing
        Dataset and window -> the parts of it that the lake lacks.

    Raises
    ------
    InputError
        The venue has no history of a table; the message says why, or what it has.
    """
    found = [
        one
        for instrument in instruments
        for table in tables
        for sources in series_of(venue, table)
        for one in _series_plan(
            venue, instrument, sources, window, interval=interval, now=now, missing=missing
        )
    ]
    return BackfillPlan(
        tuple(one for one in found if isinstance(one, FetchTask)),
        tuple(one for one in found if isinstance(one, NotToBeHad)),
    )


def _series_plan(
    venue: Venue,
    instrument: Instrument,
    sources: tuple[HistorySource, ...],
    window: Window,
    *,
    interval: int,
    now: int,
    missing: Missing,
) -> Iterator[FetchTask | NotToBeHad]:
    """Yield the requests for one series, at longer intervals where the wanted one is not kept."""
    step = offered_interval(sources, interval)
    key = DatasetKey(sources[0].table, venue.name, instrument.symbol, sources[0].variant(step))
    fit = tuple(source for source in sources if instrument.contract in source.contracts)
    if not fit:
        kinds = " and ".join(sources[0].contracts)
        yield NotToBeHad(key, window, f"{venue.title} publishes it for {kinds} contracts only")
        return
    longer = sorted({one for source in fit for one in source.intervals if one > step})
    holes = [_Unanswered(window, "")]
    for one in (step, *longer):
        at = DatasetKey(key.table, key.venue, key.symbol, fit[0].variant(one))
        left: list[_Unanswered] = []
        for hole in holes:
            whole = _whole_intervals(hole.window, one, fit, now)
            for part in missing(at, whole) if whole else ():
                for piece in _pieces(fit, part, one, now):
                    if isinstance(piece, _Unanswered):
                        left.append(piece)
                    else:
                        yield FetchTask(at, instrument, piece[0], one, piece[1])
        holes = left
        if not holes:
            return
    for hole in holes:
        yield NotToBeHad(key, hole.window, hole.reason)


def series_of(venue: Venue, table: str) -> list[tuple[HistorySource, ...]]:
    """Return the history sources of a table, those of one series together, in the venue's order.

    Raises
    ------
    InputError
        There is none.
    """
    series: dict[str, list[HistorySource]] = {}
    for source in venue.history:
        if source.table == table:
            series.setdefault(source.population, []).append(source)
    if not series:
        have = ", ".join(dict.fromkeys(source.table for source in venue.history))
        why = venue.unavailable.get(table, f"it has {have}")
        raise InputError(f"table: {venue.title} offers no history of {table}: {why}")
    return [tuple(sources) for sources in series.values()]


def offered_interval(sources: Iterable[HistorySource], interval: int) -> int:
    """Return `interval` if offered, else the longest shorter one, else the shortest; 0 for events."""
    offered = sorted({one for source in sources for one in source.intervals})
    shorter = [one for one in offered if one <= interval]
    return shorter[-1] if shorter else offered[0]


def _whole_intervals(window: Window, step: int, sources: Sequence[HistorySource], now: int) -> Window | None:
    start, end = window.start, min(window.end, now)
    if step:
        start, end = start // step * step, end // step * step
    if all(source.aligned for source in sources):
        start, end = _span_start(sources[0], step, start), _span_end(sources[0], step, end)
    return Window(start, end) if start < end else None


def _span_start(source: HistorySource, step: int, time: int) -> int:
    """Return the start of the aligned span that holds `time`."""
    span = source.span(step)
    return (time - source.offset) // span * span + source.offset


def _span_end(source: HistorySource, step: int, time: int) -> int:
    """Return the end of the aligned span that `time` ends in."""
    return -_span_start(replace(source, offset=-source.offset), step, -time)


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """A window that no source answers at an interval, and why."""

    window: Window
    reason: str


def _pieces(
    sources: Sequence[HistorySource], part: Window, step: int, now: int
) -> Iterator[tuple[Window, tuple[HistorySource, ...]] | _Unanswered]:
    """Yield windows of one request each with those who may answer, and why a rest has no answer."""
    left = [part]
    fit = [source for source in sources if step in source.intervals]
    for number, source in enumerate(fit):
        rest: list[Window] = []
        for hole in left:
            answered = _answered(source, hole, step, now)
            if answered is None:
                rest.append(hole)
                continue
            start = answered.start
            while start < answered.end:
                end = min(start + source.span(step), answered.end)
                others = tuple(later for later in fit[number + 1 :] if end - start <= later.span(step))
                yield Window(start, end), (source, *others)
                start = end
            rest += missing_parts(hole, [answered])
        left = rest
    for hole in left:
        if all(hole.start >= _latest(source, step, now) for source in fit):
            continue  # not complete yet: a later backfill finds it missing still
        depths = [source.depth for source in fit if source.depth is not None]
        kept = f"the venue keeps {duration_text(max(depths))} of it" if depths else "no source answers for it"
        yield _Unanswered(hole, f"{kept}; {hole} cannot be had")


def _answered(source: HistorySource, hole: Window, step: int, now: int) -> Window | None:
    """Return the part of a hole that a source can answer completely, None if there is none."""
    start = hole.start if source.depth is None else max(hole.start, now - source.depth)
    end = min(hole.end, _latest(source, step, now))
    if step:
        start = -(-start // step) * step
    if source.aligned:
        start, end = _span_end(source, step, start), _span_start(source, step, end)
    return Window(start, end) if start < end else None


def _latest(source: HistorySource, step: int, now: int) -> int:
    """Return until when a source's answers are complete by `now`."""
    latest = now - source.lag
    if source.aligned:
        return _span_start(source, step, latest)
    return latest // step * step if step else latest
