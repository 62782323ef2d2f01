"""The ensemble behind a calibrated map: what each member has standing, and expects to be forced, per bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powderkeg.core.bands import Band, ensemble_band, ensemble_quantiles, outcome_band, outcome_quantiles
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT


@dataclass(frozen=True, slots=True)
class MapEnsemble:
    """Members of a calibrated map on the map's own grid.

    Attributes
    ----------
    standing
        USD standing, shape (members, 2, bins) for (long, short). Its mean over members is the map.
    forced
        USD expected to be force-closed if the price goes there, same shape.
    dispersion
        phi of the noise of a side's total, shape (2,).
    seed
        Of the draws of outcomes.
    """

    standing: FloatArray
    forced: FloatArray
    dispersion: FloatArray
    seed: int

    def __post_init__(self) -> None:
        for name in ("standing", "forced", "dispersion"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def expected_forced(self) -> FloatArray:
        """USD expected to be forced per side and bin, mean over members, shape (2, bins)."""
        return np.asarray(self.forced.mean(axis=0))

    def bin_bands(self, side: int) -> tuple[FloatArray, FloatArray]:
        """Return the quantiles 5, 25, 75 and 95 % per bin: of what stands, and of what will be forced.

        Both have shape (4, bins). The second holds the noise of outcomes as well.
        """
        return (
            ensemble_quantiles(self.standing[:, side]),
            outcome_quantiles(self.forced[:, side], self.dispersion[side], self.seed),
        )

    def between(self, grid: PriceGrid, side: int, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return what each member has standing, and expects forced, between two prices; (members,) each."""
        standing, forced = (_between(grid, mass[:, side], low, high) for mass in (self.standing, self.forced))
        return standing, forced

    def bands(self, grid: PriceGrid, side: int, low: float, high: float) -> tuple[Band, float, Band]:
        """Return the band of what stands between two prices, what is expected forced, and its band."""
        standing, forced = self.between(grid, side, low, high)
        return (
            ensemble_band(standing),
            float(forced.mean()),
            outcome_band(forced, float(self.dispersion[side]), self.seed),
        )

    def imbalance_band(self, grid: PriceGrid, mark_price: float, distance: float) -> Band:
        """Return the band of the imbalance within a distance of the mark price, a fraction in (0, 1)."""
        long, _ = self.between(grid, LONG, mark_price * (1 - distance), mark_price)
        short, _ = self.between(grid, SHORT, mark_price, mark_price * (1 + distance))
        with np.errstate(invalid="ignore"):
            return ensemble_band((short - long) / (short + long))


def map_ensemble(calibration: Calibration, layers: FloatArray) -> MapEnsemble:
    """Return the members of a map from what stands in every world, USD, shape (2, 16, 4, bins).

    No member expects more to be forced than stands on the side in open interest: a pass-through above one
    says that more was liquidated than the law holds, and is cut where a side would exceed everything.
    """
    releasing = calibration.releasing
    shares = np.maximum(releasing.sum(axis=(2, 3), keepdims=True), 1.0)
    return MapEnsemble(
        standing=_members(calibration.standing, layers),
        forced=_members(releasing / shares, layers),
        dispersion=calibration.dispersion,
        seed=calibration.seed,
    )


def _members(weights: FloatArray, layers: FloatArray) -> FloatArray:
    """Return (members, 2, bins) from weights (members, 2, 16, 4) and layers (2, 16, 4, bins)."""
    members, bins = len(weights), layers.shape[-1]
    out = np.empty((members, 2, bins))
    for side in (LONG, SHORT):
        out[:, side] = weights[:, side].reshape(members, -1) @ layers[side].reshape(-1, bins)
    return out


def _between(grid: PriceGrid, masses: FloatArray, low: float, high: float) -> FloatArray:
    edges = np.log(grid.edges)
    cumulative = np.concatenate([np.zeros((len(masses), 1)), np.cumsum(masses, axis=1)], axis=1)
    lower, upper = (np.clip(np.log(price), edges[0], edges[-1]) for price in (low, high))
    place = np.array([lower, upper])
    index = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, grid.count - 1)
    share = (place - edges[index]) / (edges[index + 1] - edges[index])
    values = cumulative[:, index] + share * masses[:, index]
    return np.asarray(values[:, 1] - values[:, 0])
