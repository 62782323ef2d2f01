"""Which model a map is drawn with, as ``--model`` and ``--parameters`` say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from powderkeg.cli.options import ModelName
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.maps.map_run import MapRun
    from powderkeg.maps.venue_models import VenueModels
    from powderkeg.model.market_frame import MarketFrame


def refuse_model(model: ModelName, parameters: Sequence[str] | None) -> None:
    """Raise InputError for a model or parameters where positions are counted."""
    if model is not ModelName.WORLDS or parameters:
        option = "--parameters" if parameters else "--model"
        raise InputError(f"{option} is of modelled maps; this one is counted from positions")


def parameter_files(entries: Sequence[str] | None) -> dict[str, str]:
    """Return venue -> file of ``FILE`` and ``VENUE=FILE`` entries; ``all`` for those of no venue.

    Raises
    ------
    InputError
        Two files are given for one venue, or for all.
    """
    from powderkeg.maps.venue_models import ALL

    files: dict[str, str] = {}
    for entry in entries or ():
        venue, equals, file = entry.partition("=")
        # What is before the sign belongs to the name of a file where it could be no venue.
        name, path = (venue, file) if equals and venue.isidentifier() else (ALL, entry)
        if name in files:
            raise InputError(f"--parameters: {path} and {files[name]} for {name}; expected one file")
        files[name] = path
    return files


def chosen_models(model: ModelName, parameters: Sequence[str] | None) -> VenueModels:
    """Return the calibrations of files where they are given, beside the name of the model."""
    from powderkeg.maps.venue_models import read_venue_models

    return read_venue_models(parameter_files(parameters), model.value)


def runs_of(models: VenueModels, frames: Sequence[MarketFrame]) -> list[MapRun]:
    """Return the run of each frame under the model of its venue.

    Raises
    ------
    InputError
        There are calibrations, and none of them is for a venue of the frames.
    """
    if models.calibrations and all(models.calibration(frame.venue) is None for frame in frames):
        raise InputError(
            f"--parameters: given for {', '.join(models.calibrations)}, but the map is of "
            f"{', '.join(frame.instrument for frame in frames)}; expected a file for one of these"
        )
    return models.runs(frames)
