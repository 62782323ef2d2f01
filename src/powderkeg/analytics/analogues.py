"""Past days whose state was nearest to now, what followed them, and how little that proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from powderkeg.analytics.analogue_features import later_outcomes, state_features, weekly_funding
from powderkeg.analytics.analogue_words import analogue_sentence
from powderkeg.analytics.context_facts import FactWriter
from powderkeg.analytics.daily_history import at_ends, daily_history
from powderkeg.analytics.reference_bars import reference_bars
from powderkeg.core.analogues import Analogues, WhatFollowed, nearest_states, what_followed
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_bars
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

HISTORY_DAYS = 3 * 365
COUNT = 10
APART = 7
HORIZONS = (1, 7)
"""Days after which is asked what followed."""
_WARM_UP = 100


class GivenFeature(NamedTuple):
    """A feature that the lake cannot tell: the value known at each time, ascending, UTC milliseconds."""

    times: IntArray
    values: FloatArray


_NOTHING: Mapping[str, GivenFeature] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AnalogueReport:
    """The nearest past days.

    Attributes
    ----------
    coin, at
        Of what, and as of when; UTC milliseconds.
    now
        Feature -> its present value, as compared; a feature that is not known is NaN.
    times
        Ends of the days chosen, nearest first.
    found, followed
        See `powderkeg.core.analogues`; outcomes by their names.
    sentence
        What it amounts to, in words that promise nothing.
    facts
        Every number; docs/technical.md lists the names.
    """

    coin: str
    at: int
    now: dict[str, float]
    times: tuple[int, ...]
    found: Analogues
    followed: dict[str, WhatFollowed]
    sentence: str
    facts: tuple[Fact, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts, null where a number is not known."""
        return {
            "coin": self.coin,
            "as_of": iso(self.at),
            "state": {name: _number(value) for name, value in self.now.items()},
            "dropped": dict(self.found.dropped),
            "searched": len(self.found.searched),
            "analogues": [
                {
                    "time": iso(time),
                    "distance": distance,
                    "followed": {
                        name: _number(float(told.outcomes[place])) for name, told in self.followed.items()
                    },
                }
                for place, (time, distance) in enumerate(
                    zip(self.times, self.found.distances.tolist(), strict=True)
                )
            ],
            "sentence": self.sentence,
            "facts": [fact.as_json() for fact in self.facts],
        }


def analogue_report(
    lake: Lake,
    coin: str,
    at: int,
    venues: Sequence[Venue],
    *,
    given: Mapping[str, GivenFeature] = _NOTHING,
    count: int = COUNT,
    days: int = HISTORY_DAYS,
) -> AnalogueReport:
    """Return the past days nearest to the present one, as they could be known at a time.

    A day ends 24 hours, or a multiple of that, before the last bar; docs/technical.md has the features.
    A day can be chosen if what followed it in seven days was known, and no two lie within seven days.

    Parameters
    ----------
    lake, coin, at, venues
        Where to read, of what, as of when (UTC milliseconds), and at whom.
    given
        More features: the imbalance of a map through time, say.
    count
        How many days to choose.
    days
        How far to look back.

    Raises
    ------
    InputError
        The lake has no fresh bars, or fewer than fifty past days can be compared.
    LakeError
        A file is missing or damaged.
    """
    reference = reference_bars(lake, venues, coin, at)
    end = reference.bars[HOUR].end
    if not reference.is_fresh(HOUR):
        raise InputError(
            f"bars: those of {reference.venue} {reference.symbol} end at {iso(end)}; expected bars up to "
            f"{iso(at)}, less an hour or two, to compare now with the past"
        )
    reach = Window(end - (days + _WARM_UP) * DAY, end)
    hourly = lake_bars(lake, reference.venue, reference.symbol, reach, HOUR) or reference.bars[HOUR]
    history = daily_history(lake, coin, end, venues, min(days, (end - hourly.start) // DAY) + 1)
    funding = weekly_funding(lake, reference.venue, reference.symbol, history.ends)
    features = state_features(hourly, history, funding)
    for name, one in given.items():
        features[name] = at_ends(one.times, one.values, history.ends)
    longest = max(HORIZONS)
    found = nearest_states(
        {name: values[:-1] for name, values in features.items()},
        {name: float(values[-1]) for name, values in features.items()},
        count=count,
        apart=APART,
        until=len(history.ends) - longest,
    )
    followed = {
        name: what_followed(found, values[:-1])
        for name, values in later_outcomes(hourly, history, HORIZONS).items()
    }
    times = tuple(history.ends[found.rows].tolist())
    source = f"lake: 1h bars of {reference.venue} {reference.symbol}; liquidations of " + (
        ", ".join(history.feeds) or "no feed"
    )
    return AnalogueReport(
        coin=coin.upper(),
        at=at,
        now={name: float(values[-1]) for name, values in features.items()},
        times=times,
        found=found,
        followed=followed,
        sentence=analogue_sentence(found, followed),
        facts=_facts(found, followed, at, source, Window(int(history.ends[0]), end)),
    )


def _facts(
    found: Analogues, followed: Mapping[str, WhatFollowed], at: int, source: str, window: Window
) -> tuple[Fact, ...]:
    dropped = tuple(f"{name} is left out: {why}" for name, why in found.dropped.items())
    compared = (f"by {', '.join(found.features)}", *dropped)
    write = FactWriter(at)
    facts: list[Fact] = []

    def tell(
        name: str,
        value: float,
        unit: str,
        band: tuple[float, float] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        told = notes if np.isfinite(value) else (*notes, "not known after the days chosen")
        facts.append(
            write.fact(f"analogues.{name}", value, unit, source, window=window, band=band, notes=told)
        )

    tell("count", len(found.rows), "count", notes=(f"of {len(found.searched)} days searched",))
    tell("distance.nearest", float(found.distances[0]), "standard_deviations", notes=compared)
    tell("distance.farthest", float(found.distances[-1]), "standard_deviations")
    tell(
        "distance.usual", found.usual, "standard_deviations", notes=("median of days half the history apart",)
    )
    for name, told in followed.items():
        unit = "fraction" if name.startswith("return") else "fraction_of_open_interest"
        both = (f"5th to 95th percentile of {told.known} days",)
        tell(f"{name}.median", told.median, unit, (told.low, told.high), both)
        both = (f"5th to 95th percentile of {told.all_known} days",)
        tell(f"{name}.all_median", told.all_median, unit, (told.all_low, told.all_high), both)
        turned = (f"share of {told.rotations} rotations of the days chosen that differ as much",)
        tell(f"{name}.p_value", told.p_value, "fraction", notes=turned)
    return tuple(facts)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
