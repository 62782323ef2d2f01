"""A calibrated model: an ensemble of laws per side, what it was fitted on, and how well."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from powderkeg.core.calibration import SideCalibration
from powderkeg.core.named_models import model_parameters
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.times import iso
from powderkeg.model.worlds_parameters import WorldsParameters

FORMAT = 1
NAME = "calibrated"
STAGE_NAMES = {
    0: "prior, nothing fitted",
    1: "one scale per side",
    2: "law of distances and turnovers",
    3: "dictionary",
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `powderkeg calibrate` finds, and what maps are drawn with.

    Two quantities follow from it. What *stands*: shares of open interest by world, which make the nominal
    map. What is *expected to be forced* if the price goes there, by the pass-through of each side.

    Attributes
    ----------
    instrument
        What it was fitted on, ``venue:symbol`` or the symbol.
    start, end
        First and last moment fitted on, UTC milliseconds; nothing later has shaped it.
    step
        Length of the intervals in milliseconds.
    seed
        Of the ensemble.
    sides
        (long, short).
    coverage
        Share of liquidated USD that the record is believed to show, per member, in (0, 1], shape (members,).
    notes
        What a reader has to know of the data.
    version
        Version of powderkeg that fitted it.
    """

    instrument: str
    start: int
    end: int
    step: int
    seed: int
    sides: tuple[SideCalibration, SideCalibration]
    coverage: FloatArray
    notes: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "coverage", read_only(self.coverage))

    @property
    def members(self) -> int:
        """Size of the ensemble."""
        return len(self.coverage)

    @property
    def standing(self) -> FloatArray:
        """Share of one-sided open interest by member, side and world, shape (members, 2, 16, 4)."""
        return np.stack([side.standing for side in self.sides], axis=1)

    @property
    def releasing(self) -> FloatArray:
        """Factor on each world's true liquidations, shape (members, 2, 16, 4): the coverage is taken out."""
        recorded = np.stack([side.releasing for side in self.sides], axis=1)
        return np.asarray(recorded / self.coverage[:, None, None, None])

    @property
    def ensemble_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over all members: the same file has the same."""
        digest = hashlib.sha256()
        for array in (self.standing, self.releasing, self.dispersion):
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()[:16]

    @property
    def dispersion(self) -> FloatArray:
        """Phi of the noise of one side's true total over `step`, shape (2,)."""
        recorded = np.array([side.dispersion for side in self.sides])
        return np.asarray(recorded / np.sqrt(self.coverage.mean()))

    @property
    def parameters(self) -> WorldsParameters:
        """The nominal map's table: the mean of what stands over the members."""
        prior = model_parameters("worlds")
        stages = " and ".join(
            f"{name}: {STAGE_NAMES[side.stage]}"
            for name, side in zip(("longs", "shorts"), self.sides, strict=True)
        )
        return WorldsParameters(
            name=NAME,
            nearest=prior.nearest,
            farthest=prior.farthest,
            turnover=prior.turnover,
            weights=self.standing.mean(axis=0),
            bin_width=prior.bin_width,
            source=f"calibrated on {self.instrument}, {self.sides[0].intervals} intervals from "
            f"{iso(self.start)} to {iso(self.end)} ({stages})",
        )

    @property
    def pass_through(self) -> tuple[float, float]:
        """Mean share of what stands that is forced when swept, (long, short); coverage taken out."""
        means = [float((side.scales / self.coverage).mean()) for side in self.sides]
        return means[0], means[1]
