"""The ensemble behind a calibrated map: what each member has standing, and expects to be forced, per bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.core.bands import Band, ensemble_band, ensemble_quantiles, summed_outcome_quantiles
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT


@dataclass(frozen=True, slots=True)
class ForcedPart:
    """What one venue adds to what is expected to be forced; chance strikes each venue on its own.

    Attributes
    ----------
    forced
        USD expected to be force-closed if the price goes there, shape (members, 2, bins) for (long, short).
    dispersion
        phi of the noise of a side's total, shape (2,).
    """

    forced: FloatArray
    dispersion: FloatArray

    def __post_init__(self) -> None:
        for name in ("forced", "dispersion"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class MapEnsemble:
    """Members of a calibrated map on the map's own grid.

    Attributes
    ----------
    standing
        USD standing, shape (members, 2, bins) for (long, short). Its mean over members is the map.
    parts
        What is expected to be forced at each venue of the map, at least one.
    seed
        Of the draws of outcomes.
    calibration
        `Calibration.ensemble_hash` of that whose members these are; of a sum, of all together.
    """

    standing: FloatArray
    parts: tuple[ForcedPart, ...]
    seed: int
    calibration: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "standing", read_only(self.standing))

    @property
    def members(self) -> int:
        """Size of the ensemble."""
        return len(self.standing)

    @property
    def forced(self) -> FloatArray:
        """USD expected to be force-closed if the price goes there, all venues, shape (members, 2, bins)."""
        first, *others = (part.forced for part in self.parts)
        return read_only(sum(others, start=first)) if others else first

    @property
    def expected_forced(self) -> FloatArray:
        """USD expected to be forced per side and bin, mean over members, shape (2, bins)."""
        return np.asarray(self.forced.mean(axis=0))

    def bin_bands(self, side: int, bins: slice = slice(None)) -> tuple[FloatArray, FloatArray]:
        """Return the quantiles 5, 25, 75 and 95 % per bin: of what stands, and of what will be forced.

        Both have shape (4, bins), of those of the grid that `bins` selects. The second holds the noise of
        outcomes as well.
        """
        return (
            ensemble_quantiles(self.standing[:, side, bins]),
            self._outcomes([part.forced[:, side, bins] for part in self.parts], side),
        )

    def between(self, grid: PriceGrid, side: int, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return what each member has standing, and expects forced, between two prices; (members,) each."""
        standing, *forced = self._between(grid, side, low, high)
        return standing, np.asarray(np.sum(forced, axis=0))

    def bands(self, grid: PriceGrid, side: int, low: float, high: float) -> tuple[Band, float, Band]:
        """Return the band of what stands between two prices, what is expected forced, and its band."""
        standing, *forced = self._between(grid, side, low, high)
        return (
            ensemble_band(standing),
            float(np.sum(forced, axis=0).mean()),
            Band(*self._outcomes(forced, side).tolist()),
        )

    def imbalance_band(self, grid: PriceGrid, mark_price: float, distance: float) -> Band:
        """Return the band of the imbalance within a distance of the mark price, a fraction in (0, 1)."""
        long, short = (
            _share_between(self.standing[:, side], grid, low, high)
            for side, low, high in (
                (LONG, mark_price * (1 - distance), mark_price),
                (SHORT, mark_price, mark_price * (1 + distance)),
            )
        )
        with np.errstate(invalid="ignore"):
            return ensemble_band((short - long) / (short + long))

    def taken(self, members: IntArray) -> MapEnsemble:
        """Return the ensemble of these members, by number, in this order; one may come more than once."""
        return replace(
            self,
            standing=self.standing[members],
            parts=tuple(replace(part, forced=part.forced[members]) for part in self.parts),
        )

    def _between(self, grid: PriceGrid, side: int, low: float, high: float) -> list[FloatArray]:
        masses = (self.standing, *(part.forced for part in self.parts))
        return [_share_between(mass[:, side], grid, low, high) for mass in masses]

    def _outcomes(self, expected: Sequence[FloatArray], side: int) -> FloatArray:
        noise = [float(part.dispersion[side]) for part in self.parts]
        return summed_outcome_quantiles(list(zip(expected, noise, strict=True)), self.seed)


def map_ensemble(calibration: Calibration, layers: FloatArray) -> MapEnsemble:
    """Return the members of a map from what stands in every world, USD, shape (2, 16, 4, bins).

    No member expects more to be forced than stands on the side in open interest: a pass-through above one
    says that more was liquidated than the law holds, and is cut where a side would exceed everything.
    """
    releasing = calibration.releasing
    shares = np.maximum(releasing.sum(axis=(2, 3), keepdims=True), 1.0)
    return MapEnsemble(
        standing=_members(calibration.standing, layers),
        parts=(ForcedPart(_members(releasing / shares, layers), calibration.dispersion),),
        seed=calibration.seed,
        calibration=calibration.ensemble_hash,
    )


def _members(weights: FloatArray, layers: FloatArray) -> FloatArray:
    """Return (members, 2, bins) from weights (members, 2, 16, 4) and layers (2, 16, 4, bins)."""
    members, bins = len(weights), layers.shape[-1]
    out = np.empty((members, 2, bins))
    for side in (LONG, SHORT):
        out[:, side] = weights[:, side].reshape(members, -1) @ layers[side].reshape(-1, bins)
    return out


def _share_between(masses: FloatArray, grid: PriceGrid, low: float, high: float) -> FloatArray:
    """Return what of masses (members, bins) lies between two prices; a bin counts by the part inside."""
    edges = np.log(grid.edges)
    lower, upper = np.log(low), np.log(high)
    first = max(int(np.searchsorted(edges, lower, side="right")) - 1, 0)
    stop = min(int(np.searchsorted(edges, upper, side="left")), grid.count)
    if stop <= first:
        return np.zeros(len(masses))
    inside = edges[first : stop + 1].clip(lower, upper)
    return np.asarray(masses[:, first:stop] @ (np.diff(inside) / np.diff(edges[first : stop + 1])))
