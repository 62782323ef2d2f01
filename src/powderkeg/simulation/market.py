"""A simulated derivatives market: what its venues publish, and the truth behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from powderkeg.errors import InputError, MissingExtraError
from powderkeg.model.arrays import read_only
from powderkeg.model.times import DAY, MINUTE
from powderkeg.simulation.emission import VenueEmission
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.scenarios import Episode, ScenarioName, scenario_episodes
from powderkeg.simulation.simulated_venue import SIMULATED_VENUES, SimulatedVenue
from powderkeg.simulation.truth import MarketTruth

if TYPE_CHECKING:
    from powderkeg.simulation.randomness import SeedArray

DEFAULT_START = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMarket:
    """One simulated market: emissions by venue, and the truth.

    Attributes
    ----------
    scenario
        Its name, or ``custom``.
    start, days
        UTC milliseconds of the first bar, and length.
    parameters, episodes
        What it was made with.
    seeds
        State of its random streams, shape (venues + 1, 4): with these it can be made again.
    venues
        What each venue publishes.
    truth
        Positions at the requested instants, all liquidations, true open interest, closings by cause.
    """

    scenario: str
    start: int
    days: int
    parameters: MarketParameters
    episodes: tuple[Episode, ...]
    seeds: SeedArray
    venues: tuple[VenueEmission, ...]
    truth: MarketTruth

    def again(
        self,
        *,
        truth_at: Sequence[int] | npt.NDArray[np.int64] = (),
        parameters: MarketParameters | None = None,
    ) -> SimulatedMarket:
        """Return the same market, made again to look at other instants, or under other parameters.

        With the same parameters every number agrees: looking changes nothing.

        Raises
        ------
        InputError
            As in `simulated_market`.
        """
        return _simulated(
            self.seeds,
            scenario=self.scenario,
            episodes=self.episodes,
            days=self.days,
            start=self.start,
            venues=tuple(emission.venue for emission in self.venues),
            parameters=parameters or self.parameters,
            truth_at=truth_at,
        )


def simulated_market(
    generator: np.random.Generator,
    *,
    scenario: ScenarioName = "both",
    days: int = 90,
    start: int = DEFAULT_START,
    venues: Sequence[SimulatedVenue] = SIMULATED_VENUES,
    parameters: MarketParameters | None = None,
    truth_at: Sequence[int] | npt.NDArray[np.int64] = (),
    episodes: Sequence[Episode] | None = None,
) -> SimulatedMarket:
    """Return one-minute data of one coin at several venues, and the truth behind them.

    Traders open and close positions under the venues' margin rules in a book of finite depth; forced orders
    move the price and may force others. See ``docs/simulated-market.md`` for what is simulated, what is not,
    and how that differs from what the estimators assume. The same generator state gives the same market.

    Parameters
    ----------
    generator
        Source of randomness; used once, for the state of the market's own streams.
    scenario
        ``calm``, ``trending``, ``short_squeeze``, ``long_cascade`` or ``both``.
    days
        Days to show, at least 1. The warm-up of the parameters comes on top.
    start
        UTC milliseconds of the first bar, on the start of a day.
    venues
        At least one, with names of their own.
    parameters
        The numbers; the documented defaults where None.
    truth_at
        UTC milliseconds, ascending and on whole minutes in (start, start + days]: when to write down every
        position, after everything that happened before. About 0.1 kB per position each.
    episodes
        What happens from outside, instead of the scenario's own.

    Raises
    ------
    InputError
        An argument is out of range; the message names it.
    MissingExtraError
        numba is not installed.
    """
    if days < 1 or days != int(days):
        raise InputError(f"days is {days!r}; expected a whole number of at least 1")
    venues = tuple(venues)
    if episodes is None:
        episodes, name = scenario_episodes(scenario, days), str(scenario)
    else:
        name = "custom"
    seeds = generator.integers(0, 2**64, size=(len(venues) + 1, 4), dtype=np.uint64)
    return _simulated(
        seeds,
        scenario=name,
        episodes=tuple(episodes),
        days=days,
        start=start,
        venues=venues,
        parameters=parameters or MarketParameters(),
        truth_at=truth_at,
    )


def _simulated(
    seeds: SeedArray,
    *,
    scenario: str,
    episodes: tuple[Episode, ...],
    days: int,
    start: int,
    venues: tuple[SimulatedVenue, ...],
    parameters: MarketParameters,
    truth_at: Sequence[int] | npt.NDArray[np.int64],
) -> SimulatedMarket:
    if start % DAY:
        raise InputError(f"start is {start}; expected the start of a day in UTC milliseconds")
    if not venues:
        raise InputError("venues is empty; expected at least one")
    names = [venue.name for venue in venues]
    if len(set(names)) < len(names):
        raise InputError(f"venues are named {', '.join(names)}; expected different names")
    instants = np.asarray(truth_at, np.int64).ravel()
    if len(instants) and (
        np.any(instants % MINUTE)
        or np.any(np.diff(instants) <= 0)
        or instants[0] <= start
        or instants[-1] > start + days * DAY
    ):
        raise InputError(
            "truth_at: expected ascending times on whole minutes after the start and not after the end"
        )
    if find_spec("numba") is None:
        raise MissingExtraError("the simulated market needs numba; install it with: pip install numba")
    from powderkeg.simulation.market_run import run_market

    emissions, truth = run_market(
        seeds,
        episodes=episodes,
        days=days,
        start=start,
        venues=venues,
        parameters=parameters,
        instants=instants,
    )
    return SimulatedMarket(
        scenario=scenario,
        start=start,
        days=days,
        parameters=parameters,
        episodes=episodes,
        seeds=_kept(seeds),
        venues=emissions,
        truth=truth,
    )


def _kept(seeds: SeedArray) -> Any:
    return read_only(seeds, np.uint64)
