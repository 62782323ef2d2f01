"""Observations and maps made by hand for the tests of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from powderkeg.analytics.alert_rules import AlertRule, alert_rule
from powderkeg.analytics.alert_values import Observation
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import MINUTE

AT = 1_767_225_600_000


def rule(kind: str, **fields: Any) -> AlertRule:
    """Return a rule of BTC."""
    return alert_rule({"name": "r", "coin": "BTC", "kind": kind, **fields})


def made_map(
    walls: Sequence[tuple[float, float]], *, mark: float = 100.0, interest: float = 1_000.0, at: int = AT
) -> LiquidationMap:
    """Return a map with (price, USD) in single bins: longs below the mark, shorts above."""
    width = 0.001
    first, stop = int(np.log(mark / 2) / width), int(np.log(mark * 2) / width)
    grid = PriceGrid(width, first, stop - first)
    sides = np.zeros((2, grid.count))
    for price, usd in walls:
        sides[int(price > mark), int(np.log(price) / width) - first] += usd
    return LiquidationMap(
        instrument="BTC",
        as_of=at,
        mark_price=mark,
        open_interest=interest,
        grid=grid,
        long_notional=sides[0],
        short_notional=sides[1],
        provenance=Provenance(
            kind="modelled",
            model="made",
            parameter_hash="",
            inputs=(),
            warm_up_share=(0.0, 0.0),
            kernel="made",
        ),
    )


def seen(minutes: int = 0, **parts: Any) -> Observation:
    """Return an observation some minutes after `AT`."""
    return Observation(coin="BTC", as_of=AT + minutes * MINUTE, **parts)
