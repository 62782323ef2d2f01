"""What can be asked of a squeeze: sizes of orders and prices beyond which no answer means anything."""

from __future__ import annotations

import math

from powderkeg.errors import InputError

MOST_PUSH = 1e18
"""USD: thousands of times all the money there is."""
FARTHEST_PRICE = 100.0
"""Times the mark price, or its part: curves of depth are followed to three times the mark, or a third."""


def check_push(push: float) -> None:
    """Raise `InputError` where an order's size is no positive number of USD up to `MOST_PUSH`."""
    if not (math.isfinite(push) and push > 0):
        raise InputError(f"push: {push:g} USD; expected a positive amount")
    if push > MOST_PUSH:
        raise InputError(f"push: {push:g} USD; expected at most {MOST_PUSH:g}")


def check_price(price: float, mark_price: float) -> None:
    """Raise `InputError` where a price to reach is no positive number, or the mark price itself."""
    if not (math.isfinite(price) and price > 0):
        raise InputError(f"to: {price:g}; expected a positive price")
    if price == mark_price:
        raise InputError(f"to: {price:,.8g} is the mark price; expected one above or below it")


def check_reach(price: float, mark_price: float, direction: int) -> None:
    """Raise `InputError` where a price does not lie in a direction, or is further than `FARTHEST_PRICE`."""
    check_price(price, mark_price)
    if (price - mark_price) * direction <= 0:
        where = "above" if direction > 0 else "below"
        raise InputError(f"to: {price:,.8g} is not {where} the mark price, {mark_price:,.8g}")
    if not 1 / FARTHEST_PRICE <= price / mark_price <= FARTHEST_PRICE:
        raise InputError(
            f"to: {price:g}; expected a price between {mark_price / FARTHEST_PRICE:,.8g} and "
            f"{mark_price * FARTHEST_PRICE:,.8g}, a hundredth and a hundred times the mark price"
        )
