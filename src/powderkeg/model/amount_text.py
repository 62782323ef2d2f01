"""Amounts as people read them, the same in a table, a verdict and a message."""

from __future__ import annotations


def usd(amount: float) -> str:
    """Return an amount in USD with three significant digits, such as ``$4.34bn``."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= 0.9995 * size:
            return f"${_three_digits(amount / size)}{unit}"
    return f"${amount:.0f}"


def _three_digits(value: float) -> str:
    decimals = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:,.{decimals}f}"
