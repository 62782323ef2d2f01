"""The numbers that make a worlds model: distance classes, turnover classes and their weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only

LONG, SHORT = 0, 1
TURNOVER_CLASSES = 4


@dataclass(frozen=True, slots=True)
class WorldsParameters:
    """A dictionary of worlds and the share of open interest that each of them explains.

    A world is one distance class with one turnover class. Weights are data: two models that differ only in
    them share one run of the estimator.

    Attributes
    ----------
    name
        Name of the model, such as ``worlds``.
    nearest, farthest
        Bounds of each distance class: how far from its entry price a position is liquidated, as a positive
        difference in log price, shape (2, D) for (long, short); ``nearest <= farthest``, a class of width
        zero is a single distance.
    turnover
        Four shares phi in [0, 1] of the traded volume that opens and closes positions, ascending, shape (4,).
    weights
        Share of one-sided open interest in each world, shape (2, D, 4), not negative, at most 1 in sum per
        side. What is missing to 1 is inert: hedges, basis trades and positions too far away to matter.
    bin_width
        Width of a price bin in log price.
    source
        Where the numbers come from, one sentence.
    extremes_first
        What a bar does not tell: whether its low and high come before its openings, which then meet only its
        close, or after them. After, by default: what is opened within reach of the bar's own extreme is
        liquidated in the bar.

    Raises
    ------
    InputError
        A shape, range or sum is wrong.
    """

    name: str
    nearest: FloatArray
    farthest: FloatArray
    turnover: FloatArray
    weights: FloatArray
    bin_width: float
    source: str
    extremes_first: bool = False

    def __post_init__(self) -> None:
        for field in ("nearest", "farthest", "turnover", "weights"):
            object.__setattr__(self, field, read_only(getattr(self, field)))
        classes = self.nearest.shape[-1]
        expected = {
            "nearest": (2, classes),
            "farthest": (2, classes),
            "turnover": (TURNOVER_CLASSES,),
            "weights": (2, classes, TURNOVER_CLASSES),
        }
        for field, shape in expected.items():
            found = getattr(self, field).shape
            if found != shape:
                raise InputError(f"{field}: shape {found}, expected {shape}")
        if not (np.all(self.nearest > self.bin_width) and np.all(self.nearest <= self.farthest)):
            raise InputError("distance classes: expected bin_width < nearest <= farthest in log price")
        if np.any(self.turnover < 0) or np.any(self.turnover > 1):
            raise InputError(f"turnover: {self.turnover.tolist()} is not within [0, 1]")
        if np.any(~np.isfinite(self.weights)) or np.any(self.weights < 0):
            raise InputError("weights: expected finite numbers that are not negative")
        if np.any(self.weights.sum(axis=(1, 2)) > 1 + 1e-9):
            raise InputError(
                f"weights: sum {self.weights.sum(axis=(1, 2)).tolist()} per side; more than all open interest"
            )

    @property
    def worlds(self) -> int:
        """Number of worlds: distance classes times turnover classes."""
        return int(self.weights[0].size)

    @property
    def inert_share(self) -> tuple[float, float]:
        """Share of (long, short) open interest that no world liquidates."""
        mapped = np.minimum(self.weights.sum(axis=(1, 2)), 1.0)
        return float(1 - mapped[LONG]), float(1 - mapped[SHORT])

    @property
    def parameter_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over every number that shapes a result."""
        digest = hashlib.sha256(np.float64(self.bin_width).tobytes())
        for array in (self.nearest, self.farthest, self.turnover, self.weights):
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        if self.extremes_first:
            digest.update(b"extremes first")
        return digest.hexdigest()[:16]

    def shares_dictionary_with(self, other: WorldsParameters) -> bool:
        """Return whether the two differ in nothing but their weights, so that one run serves both."""
        return (
            self.bin_width == other.bin_width
            and self.extremes_first == other.extremes_first
            and np.array_equal(self.nearest, other.nearest)
            and np.array_equal(self.farthest, other.farthest)
            and np.array_equal(self.turnover, other.turnover)
        )

    def reweighted(self, weights: FloatArray, *, name: str, source: str) -> WorldsParameters:
        """Return the same dictionary under other `weights`, shape (2, D, 4)."""
        return replace(self, weights=weights, name=name, source=source)
