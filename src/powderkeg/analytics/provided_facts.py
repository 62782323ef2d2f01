"""Provided series as facts: sums over days, what is known as of a time, and where a series ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powderkeg.analytics.reference_bars import period_text
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.model.arrays import FloatArray
from powderkeg.model.fact import Fact
from powderkeg.model.provided_series import MEANINGS, ProvidedRow, SeriesKind, SeriesMeaning, SeriesProvider
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window

SUMS = (DAY, 7 * DAY, 30 * DAY)
FEWEST_PAST = 20
_FIRST = 1_230_768_000_000  # 2009: before any such series


def flow_facts(provider: SeriesProvider | None, kind: SeriesKind, name: str, at: int) -> tuple[Fact, ...]:
    """Return the last day's flow and the sums over 7 and 30 days that were known at a time.

    The day is that of the last row known, and the sums end with it: what is not published yet is no 0.

    Parameters
    ----------
    provider
        What the rows are read from; None tells that there is none.
    kind
        ``etf_flow`` or ``exchange_netflow``.
    name
        What the facts are called, such as ``etf_flow.btc``: ``etf_flow.btc.1d``, ``.7d``, ``.7d.percentile``,
        ``.30d`` and ``.30d.percentile``.
    at
        UTC milliseconds.
    """
    meaning = MEANINGS[kind]
    rows = _known(provider, at)
    why = _why_none(provider, rows, meaning, at)
    facts: list[Fact] = []
    last = rows[-1].ts + meaning.span if rows else at
    for length in SUMS:
        window = Window(last - length, last)
        inside = [row for row in rows if window.start <= row.ts < window.end]
        short = bool(rows) and rows[0].ts > window.start
        value = None if why or short else float(sum(row.value for row in inside))
        first = f"the series begins at {iso(rows[0].ts)}" if short else ""
        notes = (
            [why or first]
            if value is None
            else [f"rows of {len(inside)} days", _known_note(rows[-1], meaning)]
        )
        facts.append(_fact(f"{name}.{period_text(length)}", value, meaning.unit, at, provider, window, notes))
        if length == DAY:
            continue
        past = _past_sums(rows, length, meaning)
        rank = percentile_rank(past, np.nan if value is None else value)
        share = rank.share if value is not None and rank.windows >= FEWEST_PAST else None
        told = [f"among {rank.windows} earlier sums apart from each other"]
        if share is None:
            told = [why or first or f"{rank.windows} earlier sums are known; expected {FEWEST_PAST} or more"]
        facts.append(
            _fact(f"{name}.{period_text(length)}.percentile", share, "fraction", at, provider, window, told)
        )
    return tuple(facts)


def sentiment_facts(
    provider: SeriesProvider | None, at: int, name: str = "fear_and_greed"
) -> tuple[Fact, ...]:
    """Return the index last published, its change over seven days, and its percentile in all history.

    The facts are `name`, ``.change_7d`` and ``.percentile``.
    """
    meaning = MEANINGS["fear_and_greed"]
    rows = _known(provider, at)
    why = _why_none(provider, rows, meaning, at)
    last = rows[-1] if rows else ProvidedRow(at, 0.0, at)
    value = None if why else last.value
    notes = [why] if why else [f"of {iso(last.ts)}", meaning.why]
    facts = [_fact(name, value, meaning.unit, at, provider, None, notes)]
    before = next((row.value for row in rows if row.ts == last.ts - 7 * DAY), None)
    change = None if value is None or before is None else value - before
    lacks = [why or f"there is no value of {iso(last.ts - 7 * DAY)}"] if change is None else []
    window = Window(last.ts - 7 * DAY, last.ts)
    facts.append(_fact(f"{name}.change_7d", change, "points", at, provider, window, lacks))
    rank = percentile_rank(np.array([row.value for row in rows[:-1]]), np.nan if value is None else value)
    share = rank.share if value is not None and rank.windows >= FEWEST_PAST else None
    told = [f"among {rank.windows} earlier days, which are alike for weeks"]
    if share is None:
        told = [why or f"{rank.windows} earlier days are known; expected {FEWEST_PAST} or more"]
    facts.append(_fact(f"{name}.percentile", share, "fraction", at, provider, None, told))
    return tuple(facts)


def _known(provider: SeriesProvider | None, at: int) -> Sequence[ProvidedRow]:
    """Return the rows known at a time, ascending."""
    if provider is None:
        return ()
    return [row for row in provider.series(Window(_FIRST, at + 1)) if row.known_at <= at]


def _why_none(
    provider: SeriesProvider | None, rows: Sequence[ProvidedRow], meaning: SeriesMeaning, at: int
) -> str:
    if provider is None:
        return "no provider is given: docs/technical.md says how"
    if not rows:
        return f"{provider.name} has nothing that was known by {iso(at)}"
    if at - rows[-1].known_at > meaning.longest_gap:
        return f"the series ends with {iso(rows[-1].ts)}, known at {iso(rows[-1].known_at)}"
    return ""


def _known_note(row: ProvidedRow, meaning: SeriesMeaning) -> str:
    usual = row.known_at - row.ts == meaning.known_after
    return f"last known at {iso(row.known_at)}" + (f": {meaning.why}" if usual else "")


def _past_sums(rows: Sequence[ProvidedRow], length: int, meaning: SeriesMeaning) -> FloatArray:
    """Return the sums of earlier windows of this length, one ending where the next begins."""
    if not rows:
        return np.empty(0)
    end = rows[-1].ts + meaning.span - length
    times = np.array([row.ts for row in rows])
    values = np.concatenate([[0.0], np.cumsum([row.value for row in rows])])
    sums = []
    while end - length >= times[0]:
        low, high = np.searchsorted(times, (end - length, end))
        # A hole in the series is no quiet time.
        sums.append(float(values[high] - values[low]) if high > low else np.nan)
        end -= length
    return np.array(sums)


def _fact(
    name: str,
    value: float | None,
    unit: str,
    at: int,
    provider: SeriesProvider | None,
    window: Window | None,
    notes: Sequence[str],
) -> Fact:
    return Fact(
        name=name,
        value=value,
        unit=unit,
        as_of=at,
        source="none" if provider is None else f"provided: {provider.name}",
        kind="given",
        window=window,
        notes=tuple(notes),
    )
