"""Depth curves for tests, given point by point."""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve


def depth_curve(
    displacement: FloatArray | list[float], absorbed: FloatArray | list[float], tail: float | None = None
) -> DepthCurve:
    """Return the bids of a book."""
    return DepthCurve(
        direction=-1,
        displacement=np.asarray(displacement, np.float64),
        absorbed=np.asarray(absorbed, np.float64),
        tail_exponent=tail,
        kind="book",
        source="test",
        as_of=0,
    )
