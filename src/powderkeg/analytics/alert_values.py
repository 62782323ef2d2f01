"""What alerts are made of: what was observed of a coin, the state of a rule, and a trigger; values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from powderkeg.analytics.measured_positions import NearPosition
from powderkeg.analytics.realised_imbalance import RealisedImbalance
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import FloatArray
from powderkeg.model.fact import Fact
from powderkeg.model.times import iso


class ReportedUsd(NamedTuple):
    """USD of liquidations reported in a window, floors, and the share of the window that was listened to."""

    long_usd: float
    short_usd: float
    share: float


class Change(NamedTuple):
    """A sum at the start and at the end of a window, over the venues that are known at both."""

    before: float
    now: float


class Extremes(NamedTuple):
    """The lowest and the highest mark price of a window."""

    low: float
    high: float


class Funding(NamedTuple):
    """The rate settled last, a fraction per eight hours, mean of the venues, and every eight hours before."""

    rate: float
    history: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known of a coin at a time, as far as some rules ask for it.

    What is not in it is not known, and `missing` says why. Windows are lengths in milliseconds that end at
    `as_of`.

    Attributes
    ----------
    coin, as_of
        Of what, and when, UTC milliseconds: nothing later is in it.
    mark_price
        The newest, quote per base.
    map
        Of all venues together, modelled.
    earlier_maps
        Window -> the map at its start.
    extremes
        Window -> the lowest and highest mark price in it.
    map_imbalances
        Range -> imbalances of the map over its history, shape (n,).
    liquidations
        Window -> what was reported in it.
    realised_imbalances
        Window -> its imbalance.
    open_interest
        Window -> open interest in base units, one side.
    funding
        The rate, and its history.
    positions
        Positions in reach of their level, largest first.
    last_rows
        (venue, table) -> time of the newest row.
    coverage
        (venue, table, window) -> share of the window for which rows are complete.
    missing
        Attribute -> why it, or a part of it, is not known.
    """

    coin: str
    as_of: int
    mark_price: float | None = None
    map: LiquidationMap | None = None
    earlier_maps: Mapping[int, LiquidationMap] = field(default_factory=lambda: MappingProxyType({}))
    extremes: Mapping[int, Extremes] = field(default_factory=lambda: MappingProxyType({}))
    map_imbalances: Mapping[float, FloatArray] = field(default_factory=lambda: MappingProxyType({}))
    liquidations: Mapping[int, ReportedUsd] = field(default_factory=lambda: MappingProxyType({}))
    realised_imbalances: Mapping[int, RealisedImbalance] = field(default_factory=lambda: MappingProxyType({}))
    open_interest: Mapping[int, Change] = field(default_factory=lambda: MappingProxyType({}))
    funding: Funding | None = None
    positions: tuple[NearPosition, ...] | None = None
    last_rows: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    coverage: Mapping[tuple[str, str, int], float] = field(default_factory=lambda: MappingProxyType({}))
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def why(self, part: str) -> str:
        """Return why a part is not known."""
        return self.missing.get(part, f"{part} was not observed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A rule held against an observation.

    Attributes
    ----------
    value
        What is compared; None where there is nothing to compare, as without any wall, or where `unknown`.
    threshold
        What it is compared with, in the same unit.
    rises
        True where the rule fires at or above the threshold, False where at or below.
    unit
        Of both.
    sentence
        What is the case, in words.
    facts
        The numbers.
    unknown
        Why the rule cannot be judged; None where it can.
    most
        The highest that `value` can be, None where nothing bounds it.
    """

    value: float | None
    threshold: float
    rises: bool
    unit: str
    sentence: str = ""
    facts: tuple[Fact, ...] = ()
    unknown: str | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the rule's condition holds."""
        if self.unknown is not None or self.value is None:
            return False
        return self.value >= self.threshold if self.rises else self.value <= self.threshold

    def left(self, hysteresis: float) -> bool:
        """Return whether the value is back beyond the threshold by a margin, a fraction of the threshold.

        Where a value that fires when it is low cannot exceed `most`, the margin is a fraction of the way from
        the threshold to there.
        """
        if self.unknown is not None:
            return False
        if self.value is None:
            return True
        if self.rises:
            return self.value < self.threshold * (1 - hysteresis)
        room = self.threshold if self.most is None else self.most - self.threshold
        return self.value > self.threshold + hysteresis * room


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where a rule stands.

    Attributes
    ----------
    armed
        Whether it may fire: it has left its margin since it fired last.
    episode
        How often it has fired.
    fired_at
        When last, UTC milliseconds; None if never.
    as_of
        Of the last observation that it was held against; None before the first.
    value, threshold, rises, unit
        Of the last reading.
    unknown
        Why it cannot be judged now; None where it can.
    """

    armed: bool
    episode: int = 0
    fired_at: int | None = None
    as_of: int | None = None
    value: float | None = None
    threshold: float | None = None
    rises: bool = True
    unit: str = ""
    unknown: str | None = None

    def as_stored(self) -> dict[str, Any]:
        """Return what `from_stored` takes."""
        return asdict(self)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """Return the state that `as_stored` told."""
        return cls(**stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A rule that fired.

    Attributes
    ----------
    rule, coin, episode
        Which, of what, and for which time since its state was made: together the identity of one message.
    kind, severity
        Of the rule.
    as_of
        Of the observation, UTC milliseconds.
    sentence, facts
        What was the case, in words and numbers.
    """

    rule: str
    coin: str
    episode: int
    kind: str
    severity: str
    as_of: int
    sentence: str
    facts: tuple[Fact, ...]

    @property
    def identity(self) -> str:
        """The same for every message about this episode, and for no other's."""
        return f"{self.rule}/{self.coin}/{self.episode}"

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "identity": self.identity,
            "rule": self.rule,
            "coin": self.coin,
            "episode": self.episode,
            "kind": self.kind,
            "severity": self.severity,
            "as_of": iso(self.as_of),
            "sentence": self.sentence,
            "facts": [fact.as_json() for fact in self.facts],
        }
