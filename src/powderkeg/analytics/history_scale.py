"""A day's liquidations, a cluster or a push beside the past: in dollars, and relative to the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from powderkeg.analytics.daily_history import DailyHistory, at_ends, daily_history
from powderkeg.core.history_scale import DOLLARS, ScaleReading, scale_against_history
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

HISTORY_DAYS = 365
LIQUIDATIONS = "liquidations_1d"
_NO_SIZES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HistoryScale:
    """Sizes beside the past days' liquidations.

    Attributes
    ----------
    coin, at
        Of what, and as of when; UTC milliseconds.
    readings
        Name of a size -> its readings. The last day's own liquidations are ``liquidations_1d``, and lack
        where they are not known.
    facts
        Every number; docs/technical.md lists the names.
    """

    coin: str
    at: int
    readings: dict[str, tuple[ScaleReading, ...]]
    facts: tuple[Fact, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts, times as ISO 8601 text."""
        return {
            "coin": self.coin,
            "as_of": iso(self.at),
            "readings": {name: [one.as_json() for one in told] for name, told in self.readings.items()},
            "facts": [fact.as_json() for fact in self.facts],
        }


def history_scale(
    lake: Lake,
    coin: str,
    at: int,
    venues: Sequence[Venue],
    *,
    sizes: Mapping[str, float] = _NO_SIZES,
    depth: tuple[IntArray, FloatArray] | None = None,
    days: int = HISTORY_DAYS,
) -> HistoryScale:
    """Return where sizes stand among the daily liquidations of the past, as known at a time.

    Parameters
    ----------
    lake, coin, at, venues
        Where to read, of what, as of when (UTC milliseconds, cut to the hour), and at whom.
    sizes
        Name, as it goes into names of facts -> USD: a cluster, a push. The last day's liquidations are
        always among them.
    depth
        Times, UTC milliseconds, ascending, and the USD that stood within a distance of the price, of which
        you say which in your own words; the last known at the end of each day counts, if it is no older than
        a day. None leaves that measure out.
    days
        How many days to look back.

    Raises
    ------
    InputError
        A size is negative or no number, or depth does not ascend.
    LakeError
        A file is missing or damaged.
    """
    history = daily_history(lake, coin, at, venues, days + 1)
    measures = {
        "open_interest": _parted(history.open_interest),
        "volume": _parted(history.volume),
    }
    if depth is not None:
        measures["depth"] = _parted(at_ends(*depth, history.ends))
    last, past = _parted(history.liquidations)
    given = dict(sizes)
    if np.isfinite(last):
        given = {LIQUIDATIONS: last, **given}
    readings = {name: scale_against_history(usd, past, measures) for name, usd in given.items()}
    facts: list[Fact] = []
    for name, told in readings.items():
        facts += _facts(name, told, history, at)
    if LIQUIDATIONS not in readings:
        facts.append(
            Fact(
                name=f"scale.{LIQUIDATIONS}.{DOLLARS}",
                value=None,
                unit="USD",
                as_of=at,
                source=_source(history),
                notes=("no feed knows nine tenths of the last day",),
            )
        )
    return HistoryScale(coin.upper(), at, readings, tuple(facts))


def _parted(values: FloatArray) -> tuple[float, FloatArray]:
    return float(values[-1]), values[:-1]


def _facts(name: str, told: Sequence[ScaleReading], history: DailyHistory, at: int) -> list[Fact]:
    end = int(history.ends[-1])
    facts = []
    own = name == LIQUIDATIONS
    floor = ("reported liquidations are floors of what happened",)
    for one in told:
        lacks = (one.reason,) if one.reason else ()
        facts.append(
            Fact(
                name=f"scale.{name}.{one.measure}",
                value=one.value,
                unit="USD" if one.measure == DOLLARS else "fraction",
                as_of=at,
                source=_source(history),
                kind="observed" if own else "given",
                window=Window(end - DAY, end) if own else None,
                notes=(*(lacks if one.value is None else ()), *(floor if own else ())),
            )
        )
        counted = f"{one.larger} of {one.windows} earlier days' liquidations were larger"
        facts.append(
            Fact(
                name=f"scale.{name}.{one.measure}.percentile",
                value=one.percentile,
                unit="fraction",
                as_of=at,
                source=_source(history),
                window=Window(int(history.ends[0]) - DAY, end),
                coverage=one.windows / (len(history.ends) - 1),
                low=one.low,
                high=one.high,
                notes=(counted, *lacks, *history.notes),
            )
        )
    return facts


def _source(history: DailyHistory) -> str:
    feeds = ", ".join(history.feeds) or "no feed"
    venues = ", ".join(history.venues) or "no venue"
    return f"lake: liquidations of {feeds}; open interest and volume of {venues}"
