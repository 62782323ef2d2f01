"""The low-dimensional laws that a calibration chooses from: where positions stand, how fast they turn over.

A law says which share of open interest stands in each world: a lognormal of distances times turnovers.
A share of what is liquidated may come from a diffuse law beside it, uniform in distance: positions opened and
forced so soon that no map made before can hold them. They count in expected liquidations, not in the map.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from powderkeg.core.arguments import positive
from powderkeg.core.named_models import (
    DISTANCE_SIGMA,
    MEDIAN_DISTANCE,
    TURNOVER_WEIGHTS,
    diffuse,
    lognormal_class_weights,
)
from powderkeg.model.arrays import FloatArray, read_only

# Laws to choose from, around a prior's own: factors on its median, steps from its width.
MEDIAN_FACTORS = tuple(float(factor) for factor in 1.2 ** np.arange(-6, 7))
SIGMA_STEPS = (-0.4, -0.2, 0.0, 0.2, 0.4)
_NARROWEST = 0.1
# The prior mix, one that turns over slowly and one that turns over fast.
TURNOVER_MIXES = (TURNOVER_WEIGHTS, (0.5, 0.3, 0.15, 0.05), (0.05, 0.15, 0.3, 0.5))
DIFFUSE_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
# Standard deviations of the weak prior: log scale, log median, width.
PRIOR_SCALE, PRIOR_MEDIAN, PRIOR_SIGMA = 0.7, 0.3, 0.2


@dataclass(frozen=True, slots=True)
class Law:
    """One law of distances and turnovers.

    Attributes
    ----------
    median, sigma
        Of the lognormal law of distances: a fraction of the entry price, and a standard deviation of logs.
    turnover
        Shares of the four turnover classes, sum 1.
    diffuse_share
        Share of expected liquidations that comes from the diffuse law, in [0, 1].
    """

    median: float = MEDIAN_DISTANCE
    sigma: float = DISTANCE_SIGMA
    turnover: tuple[float, float, float, float] = TURNOVER_WEIGHTS
    diffuse_share: float = 0.0

    @property
    def standing(self) -> FloatArray:
        """Share of one-sided open interest standing in each world, shape (16, 4), at most 1 in sum."""
        law = lognormal_class_weights(self.median, self.sigma)
        return np.asarray(law[:, None] * np.asarray(self.turnover))

    @property
    def releasing(self) -> FloatArray:
        """What each world's liquidations count for before the scale, shape (16, 4): standing and diffuse."""
        distances = diffuse().weights[0].sum(axis=1)
        spread = distances[:, None] * np.asarray(self.turnover)
        return np.asarray((1 - self.diffuse_share) * self.standing + self.diffuse_share * spread)


@dataclass(frozen=True, slots=True)
class DistancePrior:
    """Where the law of distances of one side is expected before any liquidation is seen, and how surely.

    Attributes
    ----------
    median, sigma
        Of the law of distances, as in `Law`.
    median_error
        Standard deviation of the log of the median, > 0.
    sigma_error
        Standard deviation of sigma, > 0.
    source
        Who says so.

    Raises
    ------
    InputError
        A number is not finite and above 0.
    """

    median: float = MEDIAN_DISTANCE
    sigma: float = DISTANCE_SIGMA
    median_error: float = PRIOR_MEDIAN
    sigma_error: float = PRIOR_SIGMA
    source: str = "built in"

    def __post_init__(self) -> None:
        for name in ("median", "sigma", "median_error", "sigma_error"):
            positive(f"prior: {name}", getattr(self, name))

    @property
    def law(self) -> Law:
        """The law that is expected."""
        return Law(self.median, self.sigma)

    def penalty(self, law: Law) -> float:
        """Return minus twice the log prior of `law`, without its scale and up to a constant."""
        return float(
            (np.log(law.median / self.median) / self.median_error) ** 2
            + ((law.sigma - self.sigma) / self.sigma_error) ** 2
        )


BUILT_IN = DistancePrior()
"""What `powderkeg.core.named_models.worlds` stands for, the same on both sides."""


@dataclass(frozen=True, slots=True)
class LawTable:
    """Laws as arrays; see `Law` for the meaning.

    Attributes
    ----------
    laws
        K laws.
    standing, releasing
        Shape (K, 16, 4).
    penalty
        Under the prior, shape (K,).
    """

    laws: tuple[Law, ...]
    standing: FloatArray
    releasing: FloatArray
    penalty: FloatArray

    def __len__(self) -> int:
        return len(self.laws)


# A map with bands asks for the same tables whenever it is drawn.
@lru_cache(maxsize=16)
def law_table(laws: tuple[Law, ...], prior: DistancePrior = BUILT_IN) -> LawTable:
    """Return `laws` as arrays, with what they pay under `prior`."""
    return LawTable(
        laws=laws,
        standing=read_only(np.stack([law.standing for law in laws])),
        releasing=read_only(np.stack([law.releasing for law in laws])),
        penalty=read_only([prior.penalty(law) for law in laws]),
    )


def single_distance_laws() -> LawTable:
    """Return laws with all open interest at nearly one distance and nothing diffuse: an ablation."""
    distances = np.geomspace(0.005, 0.45, 16).tolist()
    return law_table(tuple(Law(distance, 0.1, mix) for mix in TURNOVER_MIXES for distance in distances))


def all_laws(diffuse_shares: tuple[float, ...] = DIFFUSE_SHARES, prior: DistancePrior = BUILT_IN) -> LawTable:
    """Return every law that a calibration of the second stage chooses from, around that of `prior`.

    195 times the diffuse shares; fewer where the prior is so narrow that some widths would not be above 0.
    """
    medians = [prior.median * factor for factor in MEDIAN_FACTORS]
    sigmas = [sigma for step in SIGMA_STEPS if (sigma := round(prior.sigma + step, 12)) >= _NARROWEST]
    laws = itertools.product(TURNOVER_MIXES, medians, sigmas, diffuse_shares)
    return law_table(
        tuple(Law(median, sigma, turnover, share) for turnover, median, sigma, share in laws), prior
    )
