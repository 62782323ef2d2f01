"""How alerts tell numbers, and the facts and readings that they make of them."""

from __future__ import annotations

from typing import Any

from powderkeg.analytics.alert_values import Observation, Reading
from powderkeg.model.fact import Fact


def percent(fraction: float, *, signed: bool = False) -> str:
    """Return a fraction as per cent, with its sign where asked for."""
    return f"{fraction * 100:+.1f} %" if signed else f"{fraction * 100:.1f} %"


def fact(
    seen: Observation, name: str, value: float, unit: str, source: str, *, kind: str = "observed", **more: Any
) -> Fact:
    """Return a fact as of an observation, its name under that of the coin; `more` as `Fact` takes it."""
    return Fact(
        name=f"{name}.{seen.coin}", value=value, unit=unit, as_of=seen.as_of, source=source, kind=kind, **more
    )


def unknown(threshold: float, unit: str, why: str, *, rises: bool = True) -> Reading:
    """Return the reading of a rule that cannot be judged."""
    return Reading(value=None, threshold=threshold, rises=rises, unit=unit, unknown=why)
