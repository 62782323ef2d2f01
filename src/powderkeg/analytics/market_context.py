"""A market's context at one time: positioning, deleveraging, funding, technical state, ripple, and history.

Everything is as it was known at the time asked for: rows of later times are not used, an interval counts
from its end on, and what is not known has no value and says which command brings it. History that was fetched
later than its time counts, as for maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powderkeg.analytics.context_deleveraging import EventReading, deleveraging, event_readings
from powderkeg.analytics.context_facts import ContextSection, FactWriter
from powderkeg.analytics.context_funding import funding_and_basis
from powderkeg.analytics.context_inputs import context_inputs, total_interest
from powderkeg.analytics.context_positioning import BuildUpReading, positioning
from powderkeg.analytics.context_ripple import CoMovement, JointLiquidation, ripple
from powderkeg.analytics.context_venues import ClusterVenues, coin_feeds, venue_stress
from powderkeg.analytics.history_catalogue import CatalogueEntry, history_catalogue
from powderkeg.analytics.history_scale import history_scale
from powderkeg.analytics.technical_state import technical_state
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.tables import Source
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.coin_frames import skipped_json
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.fact import Fact
from powderkeg.model.times import DAY, iso
from powderkeg.venues.registry import venues_with_history
from powderkeg.venues.venue import Venue
from powderkeg.version import __version__

HISTORY = 180 * DAY
TABLES = (
    "liquidations",
    "liquidation_totals",
    "instruments",
    "long_short_ratios",
    "taker_volume",
    "deleveraging_signals",
    "depth_levels",
    "depth_bands",
)
"""Tables of a coin's instruments that are read besides those of a map."""
VENUE_TABLES = ("bars", "insurance_funds", "account_states", "positions")
"""Tables of which a whole venue's are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContext:
    """What surrounds a coin's liquidation map at one time.

    Attributes
    ----------
    coin, as_of
        Which, and the end of the last bar that is in it; UTC milliseconds.
    sections
        ``positioning``, ``deleveraging``, ``funding``, ``technical``, ``ripple``, ``venue_stress`` and
        ``history``.
    build_ups
        What the joint move of price and open interest is called, by window.
    events
        Deleveraging events of the history, ascending.
    co_movements, joint_liquidations
        How other coins move with this one, and what its moves would liquidate.
    clusters
        The largest clusters by venue.
    catalogue
        Large days of the past that were over, with the events of the lake.
    skipped
        Venue -> why it is left out.
    """

    coin: str
    as_of: int
    sections: tuple[ContextSection, ...]
    build_ups: tuple[BuildUpReading, ...]
    events: tuple[EventReading, ...]
    co_movements: tuple[CoMovement, ...]
    joint_liquidations: tuple[JointLiquidation, ...]
    clusters: tuple[ClusterVenues, ...]
    catalogue: tuple[CatalogueEntry, ...]
    skipped: dict[str, str]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All facts, section by section."""
        return tuple(fact for section in self.sections for fact in section.facts)

    def fact(self, name: str) -> Fact:
        """Return the fact of this name.

        Raises
        ------
        InputError
            There is none; the message lists the most alike.
        """
        for fact in self.facts:
            if fact.name == name:
                return fact
        head = name.partition(".")[0]
        alike = [fact.name for fact in self.facts if fact.name.startswith(head)] or [
            section.name for section in self.sections
        ]
        raise InputError(
            f"name: {name!r} is no fact of this context; expected one of {', '.join(alike[:20])}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``powderkeg context --json`` prints; numbers that are not known are NaN."""
        return {
            "coin": self.coin,
            "as_of": iso(self.as_of),
            "sections": [section.as_json() for section in self.sections],
            "build_ups": [one.as_json() for one in self.build_ups],
            "events": [one.as_json() for one in self.events],
            "co_movements": [one.as_json() for one in self.co_movements],
            "joint_liquidations": [one.as_json() for one in self.joint_liquidations],
            "clusters": [one.as_json() for one in self.clusters],
            "catalogue": [one.as_json() for one in self.catalogue],
            "skipped": skipped_json(self.skipped),
            "version": __version__,
        }


def market_context(
    lake: Lake,
    coin: str,
    at: int,
    *,
    venues: Sequence[Venue] | None = None,
    others: Sequence[str] | None = None,
    prices: Sequence[float] = (),
    history: int = HISTORY,
    models: VenueModels | None = None,
    spot: Source | None = None,
) -> MarketContext:
    """Return the context of a coin as it was known at a time.

    Parameters
    ----------
    lake, coin, at
        Where, what, and when; UTC milliseconds.
    venues
        By default those that publish their open interest's past.
    others
        Coins whose moves are compared; by default the most traded ones of the lake.
    prices
        Of the coin: what a move there would liquidate in all of them, beside round moves.
    history
        Milliseconds of the past that is compared with, 8 days or more.
    models
        Behind the maps; ``worlds`` by default.
    spot
        Bars of the coin's spot market, for the basis: a file or a polars frame.

    Raises
    ------
    InputError
        No venue has bars and open interest that reach to that time, or an argument is unfit.
    LakeError
        A file is missing or damaged.
    """
    asked = tuple(venues_with_history() if venues is None else venues)
    chosen = models or VenueModels()
    inputs = context_inputs(lake, asked, coin, at, history=history, models=chosen)
    write = FactWriter(inputs.as_of)
    total = total_interest(inputs)
    feeds = coin_feeds(inputs, history)
    summed = aggregated_map([run.map() for run in inputs.runs], inputs.coin)
    position_section, build_ups = positioning(inputs, total, write)
    events = event_readings(total, feeds)
    clusters_of_map = summed.total.clusters()
    state = technical_state(
        lake, inputs.coin, inputs.as_of, asked, clusters=clusters_of_map, clusters_kind=summed.total.kind
    )
    largest = {"largest_cluster": clusters_of_map[0].notional} if clusters_of_map else {}
    scale = history_scale(lake, inputs.coin, inputs.as_of, asked, sizes=largest)
    rippled = ripple(inputs, summed.total, write, chosen, others=others, prices=prices)
    stress, clusters = venue_stress(inputs, feeds, summed, write)
    return MarketContext(
        coin=inputs.coin,
        as_of=inputs.as_of,
        sections=(
            position_section,
            deleveraging(inputs, total, events, write),
            funding_and_basis(inputs, write, spot),
            ContextSection("technical", "Technical state", state.facts),
            rippled.section,
            stress,
            ContextSection("history", "History for scale", scale.facts),
        ),
        build_ups=build_ups,
        events=events,
        co_movements=rippled.co_movements,
        joint_liquidations=rippled.joint,
        clusters=clusters,
        catalogue=history_catalogue(inputs.as_of, events),
        skipped=inputs.skipped,
    )
