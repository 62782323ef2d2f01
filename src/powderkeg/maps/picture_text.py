"""Numbers, times and kinds as the words of a picture. Pure: nothing here draws."""

from __future__ import annotations

import math

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import iso


def usd(value: float) -> str:
    """Return an amount in USD with two or three significant digits, such as ``$1.2M`` or ``$340k``."""
    sign, value = ("-" if value < 0 else ""), abs(value)
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        # 999,950 rounds up to the next unit.
        if value >= limit * 0.9995:
            digits = 0 if value >= limit * 99.95 else 1
            return f"{sign}${value / limit:.{digits}f}".removesuffix(".0") + unit
    # Less than a cent is what rounding leaves of nothing.
    return f"{sign}${value:.2f}" if 0.005 <= value < 9.95 else f"{sign}${value:.0f}"


def price_text(price: float, step: float | None = None) -> str:
    """Return a price with five significant digits, or with as many decimals as multiples of `step` need."""
    if not (math.isfinite(price) and price > 0):
        return "–"
    if step is None:
        decimals = 4 - math.floor(math.log10(price))
    else:
        fine = -math.floor(math.log10(step))
        decimals = fine if math.isclose(step * 10.0**fine, round(step * 10.0**fine)) else fine + 1
    return f"{price:,.{max(decimals, 0)}f}"


def distance_text(distance: float, digits: int = 1) -> str:
    """Return a fraction as a signed percentage; nothing has no sign."""
    rounded = round(distance, digits + 2)
    return (f"{rounded:+.{digits}%}" if rounded else "0%").replace("%", " %").replace("-", "−")


def moment_text(time: int) -> str:
    """Return UTC milliseconds as people write them, to the minute where that is exact."""
    text = iso(time).replace("T", " ").removesuffix("Z")
    return (text.removesuffix(":00")) + " UTC"


def price_ticks(low: float, high: float, most: int) -> tuple[FloatArray, float]:
    """Return round prices within [low, high], at most about `most` of them, and their distance."""
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= 0.9999 * rough)
    count = np.arange(math.ceil(low / step), math.floor(high / step) + 1)
    return np.asarray(count * step), step


def is_simulated(instrument: str, kind: str) -> bool:
    """Return whether the picture must carry the stamp that tells it from a real market."""
    return kind == "simulated" or instrument.lower().startswith("simulated")


def origin_text(instrument: str, provenance: Provenance) -> str:
    """Return in plain words where the picture comes from: what is modelled, measured or simulated.

    What is measured says which levels were summed, and whether they were scaled to the open interest.
    """
    kind = provenance.kind
    words = f"measured: {provenance.model}" if kind == "measured" else kind
    if is_simulated(instrument, kind):
        return f"{words}, in a simulated market"
    return "modelled from public data, not measured" if kind == "modelled" else words


def balance_text(imbalance: float | None) -> str:
    """Return an imbalance in [-1, 1] with its sign; nothing has no sign, and what is not known is a dash."""
    if imbalance is None:
        return "–"
    return f"{imbalance:+.2f}".replace("-", "−") if round(imbalance, 2) else "0.00"
