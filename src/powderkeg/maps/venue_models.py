"""Which model the map of a venue is drawn with: a calibration of its own, one for all, or a named model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from powderkeg.errors import InputError
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.maps.parameter_file import read_calibration
from powderkeg.model.market_frame import MarketFrame
from powderkeg.venues.registry import VENUE_NAMES

ALL = "all"


@dataclass(frozen=True, slots=True)
class VenueModels:
    """A model for every venue.

    Attributes
    ----------
    name
        Named model of a venue without a calibration, such as ``worlds``.
    calibrations
        Venue -> its calibration; that of ``all`` is of every venue that is not named.
    """

    name: str = "worlds"
    calibrations: Mapping[str, Calibration] = field(default_factory=lambda: MappingProxyType({}))

    def calibration(self, venue: str | None) -> Calibration | None:
        """Return the calibration of a venue; None where it has none. None is a venue that is not known."""
        own = None if venue is None else self.calibrations.get(venue)
        return self.calibrations.get(ALL) if own is None else own

    def runs(self, frames: Sequence[MarketFrame]) -> list[MapRun]:
        """Return the run of each frame under the model of its venue; InputError if no model has the name."""
        return [map_run(frame, self.calibration(frame.venue) or self.name) for frame in frames]


def read_venue_models(files: Mapping[str, str | Path], name: str = "worlds") -> VenueModels:
    """Return models with the calibrations of parameter files.

    Parameters
    ----------
    files
        Venue, or ``all`` -> file that ``powderkeg calibrate`` has written.
    name
        As in `VenueModels`.

    Raises
    ------
    InputError
        A venue is none; or as in `powderkeg.maps.parameter_file.read_calibration`.
    """
    for venue in files:
        if venue not in (ALL, *VENUE_NAMES):
            raise InputError(
                f"parameters: {venue!r} is no venue; expected {ALL} or one of {', '.join(VENUE_NAMES)}"
            )
    return VenueModels(name, {venue: read_calibration(Path(path)) for venue, path in files.items()})
