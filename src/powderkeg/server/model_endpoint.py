"""Which models the server offers, and what its calibrations were fitted on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from powderkeg.core.named_models import NAMED_MODELS
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.parameter_file import calibration_summary
from powderkeg.server.answers import tagged
from powderkeg.server.coin_maps import CALIBRATED, CoinMaps, MapRequest, with_history
from powderkeg.server.openapi_texts import MODEL, answer
from powderkeg.server.queries import NoQuery
from powderkeg.venues.registry import VENUE_NAMES

_TOLD = ("instrument", "fitted_from", "fitted_until", "coverage", "members", "parameter_hash")


def model_router(maps: CoinMaps) -> APIRouter:
    """Return the endpoint over `maps`."""
    router = APIRouter(tags=["maps"])

    @router.get(
        "/models",
        **answer(
            "Models that maps can be drawn with, and what calibrations were fitted on.", {"models": [MODEL]}
        ),
    )
    def models(request: Request, query: Annotated[NoQuery, Query()]) -> Response:  # noqa: ARG001
        return tagged(request, {"models": models_json(maps)})

    return router


def models_json(maps: CoinMaps) -> list[dict[str, Any]]:
    """Return each model that a request may name, the calibrated one first where there is one.

    `default` is true for that of a map of the venues that are taken when none are named.
    """
    default = maps.model_of(MapRequest("BTC", with_history(), 0, 0))
    own = {name: one for name in VENUE_NAMES if (one := maps.models.calibration(name)) is not None}
    told: list[dict[str, Any]] = []
    if own:
        sources = sorted({one.parameters.source for one in own.values()})
        hashes = {one.parameters.parameter_hash for one in own.values()}
        told.append(
            {
                "name": CALIBRATED,
                "default": default == CALIBRATED,
                "source": "; ".join(sources),
                "parameter_hash": hashes.pop() if len(hashes) == 1 else None,
                "calibrations": [calibration_json(name, one) for name, one in own.items()],
            }
        )
    for name, parameters in NAMED_MODELS.items():
        made = parameters()
        told.append(
            {
                "name": name,
                "default": default == name,
                "source": made.source,
                "parameter_hash": made.parameter_hash,
                "calibrations": [],
            }
        )
    return told


def calibration_json(venue: str, calibration: Calibration) -> dict[str, Any]:
    """Return what the calibration of a venue was fitted on."""
    summary = calibration_summary(calibration)
    return {"venue": venue, **{key: summary[key] for key in _TOLD}}
