"""The low-dimensional laws that a calibration chooses from: where positions stand, how fast they turn over.

A law says which share of open interest stands in each world: a lognormal of distances times turnovers.
A share of what is liquidated may come from a diffuse law beside it, uniform in distance: positions opened and
forced so soon that no map made before can hold them. They count in expected liquidations, not in the map.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from powderkeg.core.named_models import (
    DISTANCE_SIGMA,
    MEDIAN_DISTANCE,
    TURNOVER_WEIGHTS,
    diffuse,
    lognormal_class_weights,
)
from powderkeg.model.arrays import FloatArray, read_only

MEDIANS = tuple(float(median) for median in MEDIAN_DISTANCE * 1.2 ** np.arange(-6, 7))
SIGMAS = (0.5, 0.7, DISTANCE_SIGMA, 1.1, 1.3)
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

    @property
    def penalty(self) -> float:
        """Minus twice the log prior of the law, without its scale and up to a constant."""
        return float(
            (np.log(self.median / MEDIAN_DISTANCE) / PRIOR_MEDIAN) ** 2
            + ((self.sigma - DISTANCE_SIGMA) / PRIOR_SIGMA) ** 2
        )


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
        Shape (K,).
    """

    laws: tuple[Law, ...]
    standing: FloatArray
    releasing: FloatArray
    penalty: FloatArray

    def __len__(self) -> int:
        return len(self.laws)


def law_table(laws: tuple[Law, ...]) -> LawTable:
    """Return `laws` as arrays."""
    return LawTable(
        laws=laws,
        standing=read_only(np.stack([law.standing for law in laws])),
        releasing=read_only(np.stack([law.releasing for law in laws])),
        penalty=read_only([law.penalty for law in laws]),
    )


def single_distance_laws() -> LawTable:
    """Return laws with all open interest at nearly one distance and nothing diffuse: an ablation."""
    distances = np.geomspace(0.005, 0.45, 16).tolist()
    return law_table(tuple(Law(distance, 0.1, mix) for mix in TURNOVER_MIXES for distance in distances))


def all_laws(diffuse_shares: tuple[float, ...] = DIFFUSE_SHARES) -> LawTable:
    """Return every law that a calibration of the second stage chooses from: 195 times the diffuse shares."""
    return law_table(
        tuple(
            Law(median, sigma, turnover, share)
            for turnover, median, sigma, share in itertools.product(
                TURNOVER_MIXES, MEDIANS, SIGMAS, diffuse_shares
            )
        )
    )
