"""A fact is whole, or refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from powderkeg.errors import InputError
from powderkeg.model.fact import Fact
from powderkeg.model.window import Window

NOON = 1_770_724_800_000


def fact(**changed: Any) -> Fact:
    told: dict[str, Any] = {"name": "funding_rate.binance", "value": 1e-4, "unit": "per_8h", "as_of": NOON}
    return Fact(**{**told, "source": "funding of binance BTCUSDT", **changed})


def test_it_tells_all_of_itself_as_json() -> None:
    told = fact(window=Window(NOON - 1000, NOON), coverage=0.5, low=0.0, high=2e-4, notes=("late",)).as_json()
    assert json.loads(json.dumps(told)) == {
        "name": "funding_rate.binance",
        "value": 1e-4,
        "unit": "per_8h",
        "as_of": "2026-02-10T12:00:00Z",
        "window": {"start": "2026-02-10T11:59:59Z", "end": "2026-02-10T12:00:00Z"},
        "source": "funding of binance BTCUSDT",
        "kind": "observed",
        "coverage": 0.5,
        "band_90": {"low": 0.0, "high": 2e-4},
        "notes": ["late"],
    }
    assert fact(value=None).as_json()["value"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"value": math.nan}, "value of funding_rate.binance is nan"),
        ({"low": -math.inf, "high": 1.0}, "low of funding_rate.binance is -inf"),
        ({"coverage": 1.5}, "coverage of funding_rate.binance is 1.5; expected it in"),
        ({"high": 1.0}, "expected both bounds or none"),
    ],
)
def test_what_would_be_half_a_fact_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fact(**changed)
