"""The technical state of a coin: strength, averages, channels, levels, returns and volatility, as facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.channel_facts import CHANNEL_DAYS, DrawnChannel, channel_facts, drawn_channel
from powderkeg.analytics.level_facts import found_levels, level_facts
from powderkeg.analytics.reference_bars import ReferenceBars, SeenBars, period_text, reference_bars
from powderkeg.core.clusters import Cluster
from powderkeg.core.indicators import (
    average_true_range,
    exponential_average,
    relative_strength_index,
    simple_average,
    strength_zone,
)
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.core.price_levels import PriceLevel
from powderkeg.core.volatility import realised_volatility
from powderkeg.lake.market_lake import Lake
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

STEPS = (HOUR, 4 * HOUR, DAY)
AVERAGES = (20, 50, 200)
INDEX_LENGTH = RANGE_LENGTH = 14
RETURNS = (HOUR, DAY, 7 * DAY, 30 * DAY)
VOLATILITIES = (DAY, 7 * DAY, 30 * DAY)
REGIME_OF = 7 * DAY
CALM, STRESSED = 0.25, 0.90
"""Percentiles of the seven-day volatility among its daily values of the past year that bound the regimes."""
FEWEST_PAST = 90
"""Daily values of the past that a percentile of volatility needs."""
HIGH_WITHIN = 365 * DAY
_YEAR = math.sqrt(365.0)


@dataclass(frozen=True, slots=True)
class TechnicalState:
    """What the bars of a coin say at a time.

    Attributes
    ----------
    coin, at
        Of what, and as of when; UTC milliseconds.
    venue, symbol
        Whose bars were read.
    facts
        Every number; docs/technical.md lists the names.
    channels
        Those of `CHANNEL_DAYS` for which there are bars.
    levels
        Support and resistance, strongest first.
    regime
        ``calm``, ``normal`` or ``stressed`` by the rule in docs/technical.md; None where it cannot be told.
    """

    coin: str
    at: int
    venue: str
    symbol: str
    facts: tuple[Fact, ...]
    channels: tuple[DrawnChannel, ...]
    levels: tuple[PriceLevel, ...]
    regime: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts, times as ISO 8601 text."""
        return {
            "coin": self.coin,
            "as_of": iso(self.at),
            "venue": self.venue,
            "symbol": self.symbol,
            "regime": self.regime,
            "facts": [fact.as_json() for fact in self.facts],
            "channels": [channel.as_json() for channel in self.channels],
            "levels": [level.as_json() for level in self.levels],
        }


def technical_state(
    lake: Lake,
    coin: str,
    at: int,
    venues: Sequence[Venue],
    *,
    clusters: Sequence[Cluster] = (),
    clusters_kind: str | None = None,
) -> TechnicalState:
    """Return the technical state of a coin as it could be known at a time.

    Parameters
    ----------
    lake, coin, venues
        Where to read, of what, and whom: the main perpetual of the one that knows it best.
    at
        UTC milliseconds. Bars that had ended count, on UTC days.
    clusters
        Of a map as of this time, to go into the levels.
    clusters_kind
        ``modelled`` or ``measured``, of that map; None where there is none, and levels then rest on swings
        and volume alone.

    Raises
    ------
    InputError
        The lake has no bars of the coin at these venues.
    LakeError
        A file is missing or damaged.
    """
    bars = reference_bars(lake, venues, coin, at)
    facts: list[Fact] = []
    for step in STEPS:
        facts += _indicator_facts(bars, step)
    channels = tuple(channel for days in CHANNEL_DAYS if (channel := drawn_channel(bars, days)) is not None)
    for days in CHANNEL_DAYS:
        facts += channel_facts(bars, days, next((one for one in channels if one.days == days), None))
    facts += _return_facts(bars)
    volatility, regime = _volatility_facts(bars)
    facts += volatility
    facts.append(_drawdown_fact(bars))
    levels = found_levels(bars, clusters, clusters_kind)
    facts += level_facts(bars, levels, clusters_kind)
    return TechnicalState(coin.upper(), at, bars.venue, bars.symbol, tuple(facts), channels, levels, regime)


def stale_note(bars: ReferenceBars, step: int) -> str | None:
    """Return why a series of bars says nothing of now; None where it does."""
    end = bars.ended(step)
    if end is None:
        return f"there are no {duration_text(step)} bars"
    if not bars.is_fresh(step):
        return f"the {duration_text(step)} bars end at {iso(end)}"
    return None


def _indicator_facts(bars: ReferenceBars, step: int) -> list[Fact]:
    text = duration_text(step)
    stale = stale_note(bars, step)
    seen = None if stale else bars.seen(step)

    def fact(name: str, value: float | None, unit: str, need: int, *notes: str) -> Fact:
        if seen is None:
            return Fact(
                name=name, value=None, unit=unit, as_of=bars.at, source=bars.source(step), notes=(str(stale),)
            )
        few = () if value is not None else (f"{len(seen)} bars are there; expected {need} or more",)
        holes = (f"{seen.missing} bars are missing and were passed over",) if seen.missing else ()
        return Fact(
            name=name,
            value=value,
            unit=unit,
            as_of=bars.at,
            source=bars.source(step),
            window=seen.window,
            coverage=len(seen) / max(len(seen) + seen.missing, 1),
            notes=(*(notes if value is not None else ()), *few, *holes),
        )

    index = None if seen is None else _last(relative_strength_index(seen["close"], INDEX_LENGTH))
    zone = () if index is None else (f"zone: {strength_zone(index)} (Wilder's bounds, 30 and 70)",)
    facts = [fact(f"rsi.{text}", index, "index_0_100", INDEX_LENGTH + 1, *zone)]
    for kind, average in (("simple", simple_average), ("exponential", exponential_average)):
        for length in AVERAGES:
            value = None if seen is None else _last(average(seen["close"], length))
            note: tuple[str, ...] = ()
            if seen is not None and value is not None:
                note = (f"the last close is {seen['close'][-1] / value - 1:+.2%} from it",)
            facts.append(fact(f"average.{kind}.{length}.{text}", value, "price", length, *note))
    reach = None
    if seen is not None:
        reach = _last(average_true_range(seen["high"], seen["low"], seen["close"], RANGE_LENGTH))
    facts.append(fact(f"average_true_range.{text}", reach, "price", RANGE_LENGTH + 1))
    return facts


def _return_facts(bars: ReferenceBars) -> list[Fact]:
    stale = stale_note(bars, HOUR)
    series = bars.bars[HOUR]
    facts = []
    for length in RETURNS:
        window = Window(series.end - length, series.end)
        back = len(series) - 1 - length // HOUR
        before = float(series.values["close"][back]) if back >= 0 else math.nan
        value = float(series.values["close"][-1]) / before - 1
        known = stale is None and math.isfinite(value)
        why = stale or "no bar ended when the window begins"
        facts.append(
            Fact(
                name=f"return.{period_text(length)}",
                value=value if known else None,
                unit="fraction",
                as_of=bars.at,
                source=bars.source(HOUR),
                window=window,
                notes=() if known else (why,),
            )
        )
    return facts


def _volatility_facts(bars: ReferenceBars) -> tuple[list[Fact], str | None]:
    stale = stale_note(bars, HOUR)
    series = bars.bars[HOUR]
    facts: list[Fact] = []
    regime = None
    for length in VOLATILITIES:
        text = period_text(length)
        values = realised_volatility(series.values["close"], HOUR, length) * _YEAR
        value = None if stale else _last(values)
        # One value a day, back from a day ago, of the year before.
        past = values[::-1][24 : 24 * 366 : 24]
        rank = percentile_rank(past, math.nan if value is None else value)
        percentile = rank.share if value is not None and rank.windows >= FEWEST_PAST else None
        window = Window(series.end - length, series.end)
        why = (stale,) if stale else ()
        facts.append(
            Fact(
                name=f"volatility.{text}",
                value=value,
                unit="per_root_year",
                as_of=bars.at,
                source=bars.source(HOUR),
                window=window,
                notes=why or (() if value is not None else ("nine in ten hours of it are not known",)),
            )
        )
        notes: tuple[str, ...] = why or (f"among {rank.windows} daily values of the year before",)
        if percentile is None and not why:
            notes = (f"{rank.windows} daily values of the past are known; expected {FEWEST_PAST} or more",)
        if length == REGIME_OF and percentile is not None:
            regime = "calm" if percentile < CALM else "stressed" if percentile >= STRESSED else "normal"
            notes = (*notes, f"regime: {regime} (calm below {CALM:.0%}, stressed from {STRESSED:.0%})")
        facts.append(
            Fact(
                name=f"volatility.{text}.percentile",
                value=percentile,
                unit="fraction",
                as_of=bars.at,
                source=bars.source(HOUR),
                window=window,
                notes=notes,
            )
        )
    return facts, regime


def _drawdown_fact(bars: ReferenceBars) -> Fact:
    stale = stale_note(bars, HOUR)
    seen: SeenBars = bars.seen(HOUR, HIGH_WITHIN)
    top = int(np.argmax(seen["high"]))
    value = float(seen["close"][-1] / seen["high"][top] - 1)
    days = seen.window.length / DAY
    short = (f"only {days:.0f} days of bars are there",) if seen.window.length < HIGH_WITHIN else ()
    when = f"from {seen['high'][top]:,.10g} in the hour of {iso(int(seen.ts[top]))}"
    return Fact(
        name="drawdown.365d",
        value=None if stale else value,
        unit="fraction",
        as_of=bars.at,
        source=bars.source(HOUR),
        window=seen.window,
        coverage=seen.coverage,
        notes=(stale,) if stale else (when, *short),
    )


def _last(values: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    return float(values[-1]) if len(values) and math.isfinite(values[-1]) else None
