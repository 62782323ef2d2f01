"""Contagion between venues, read as prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.test_squeeze import depth, made_map
from powderkeg.analytics.squeeze_contagion import squeeze_contagion
from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.depth_curve import DepthCurve


def venues(wall: float = 50e6) -> list[tuple[str, LiquidationMap, DepthCurve]]:
    """Return three venues of one depth, the second trading one per cent higher."""
    maps = [made_map(wall=wall), replace(made_map(wall=wall), mark_price=101.0), made_map(wall=wall)]
    return [(name, one, depth(-1)) for name, one in zip(("binance", "bybit", "okx"), maps, strict=True)]


def test_a_push_on_one_venue_is_carried_over_and_conserved() -> None:
    found = squeeze_contagion(venues(), "bybit", 40e6)
    first, *others = found.venues
    assert (first.venue, first.mark_price) == ("bybit", 101.0)
    assert first.farthest_price / first.mark_price < min(
        one.farthest_price / one.mark_price for one in others
    )
    # Arbitrage bought where the push sold, and sold elsewhere as much.
    assert first.arbitrage < 0 < min(one.arbitrage for one in others)
    assert sum(one.arbitrage for one in found.venues) == pytest.approx(0.0, abs=1.0)
    strangers = squeeze_contagion(venues(), "bybit", 40e6, arbitrage_per_second=0.0)
    assert all(one.farthest_price == one.mark_price for one in strangers.venues[1:])


def test_nothing_forced_is_no_share_of_anything() -> None:
    found = squeeze_contagion(venues(wall=0.0), "okx", 5e6)
    assert np.isnan(found.forced_elsewhere)
    assert found.as_json()["venues"][0]["forced"] == 0.0


def test_a_venue_that_is_not_there_and_an_empty_push_are_refused() -> None:
    with pytest.raises(InputError, match="pushed: gate; expected one of binance, bybit, okx"):
        squeeze_contagion(venues(), "gate", 5e6)
    with pytest.raises(InputError, match="push: 0 USD"):
        squeeze_contagion(venues(), "okx", 0.0)
