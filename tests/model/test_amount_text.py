"""Amounts have three digits at any size, and no exponent."""

from __future__ import annotations

import pytest

from powderkeg.model.amount_text import usd


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0"),
        (999.0, "$999"),
        (12_345.0, "$12.3k"),
        (4.34e9, "$4.34bn"),
        (999.7e6, "$1.00bn"),
        (1.25e12, "$1,250bn"),
        (-2e6, "$-2.00M"),
    ],
)
def test_an_amount_has_three_digits(amount: float, text: str) -> None:
    assert usd(amount) == text
