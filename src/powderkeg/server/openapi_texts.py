"""What the OpenAPI document says of answers: the object, the error shape, and examples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ErrorDetail(BaseModel):
    """What is wrong with a request."""

    code: str = Field(description="For programs.", examples=["unknown_venue"])
    message: str = Field(description="For people: the field, the value, what was expected.")
    field: str | None = Field(description="Parameter at fault; null where it is none in particular.")


class ErrorAnswer(BaseModel):
    """The one shape of errors."""

    error: ErrorDetail


class CompatibleField(BaseModel):
    """What powderkeg says beside an error."""

    field: str | None = Field(description="Parameter at fault; null where it is none in particular.")


class CompatibleError(BaseModel):
    """An error in the shape of CoinGlass."""

    code: str = Field(description="The HTTP status as text.", examples=["404"])
    msg: str = Field(description="For people: the field, the value, what was expected.")
    powderkeg: CompatibleField


class CompatibleAnswer(BaseModel):
    """An answer in the shape of CoinGlass, and beside it what it is."""

    code: Literal["0"]
    msg: Literal["success"]
    data: Any = Field(description="In the keys, types and units of CoinGlass.")
    powderkeg: dict[str, Any] = Field(description="Kind, time, units, model and what to know.")


_REFUSALS = {
    400: "What was asked for cannot be answered from this lake.",
    401: "The token is missing or wrong.",
    403: "A page of another origin asks, or the host is not this machine's.",
    404: "No such venue or endpoint, or a time outside the data.",
    414: "Path and query are too long.",
    422: "A parameter does not fit; `field` names it.",
    429: "Too many requests; see `Retry-After`.",
    503: "The lake cannot be read, or too much is under way.",
}


def refusals(model: type[BaseModel] = ErrorAnswer) -> dict[int | str, dict[str, Any]]:
    """Return what every endpoint may answer instead, in the shape of `model`."""
    return {status: {"description": meaning, "model": model} for status, meaning in _REFUSALS.items()}


COMPATIBLE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "What was asked for.", "model": CompatibleAnswer},
    304: {"description": "The client has these bytes."},
    **refusals(CompatibleError),
}
NOT_COMPUTED: dict[int | str, dict[str, Any]] = {
    501: {"description": "Not computed.", "model": CompatibleError},
    **refusals(CompatibleError),
}


def answer(text: str, example: Any, content: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the keyword arguments of a route that describe it and what it may answer.

    Parameters
    ----------
    text
        One sentence; objects and keys are described in docs/json.md.
    example
        What an answer looks like, shortened.
    content
        Media types besides JSON.
    """
    return {
        "summary": text.split(".", maxsplit=1)[0] + ".",
        "description": f"{text} Carries a strong `ETag`; `If-None-Match` is answered with 304.",
        "responses": {
            200: {
                "description": text,
                "content": {
                    "application/json": {"schema": {"type": "object"}, "example": example},
                    **(content or {}),
                },
                "headers": {"ETag": {"description": "Of these bytes.", "schema": {"type": "string"}}},
            },
            304: {"description": "The client has these bytes."},
            **refusals(),
        },
    }


MAP = {"instrument": "BTC", "as_of": "2026-02-10T12:00:00Z", "mark_price": 95148.2, "kind": "modelled"}
MEASURED = {
    "instrument": "hyperliquid:BTC",
    "as_of": "2026-02-10T12:00:00Z",
    "mark_price": 95148.2,
    "kind": "measured",
    "model": "published levels of known positions",
}
SQUEEZE = {"side": "up", "instrument": "BTC", "as_of": "2026-02-10T12:00:00Z", "mark_price": 95148.2}
CLUSTER = {
    "side": "long",
    "price_low": 91000.0,
    "price_high": 92000.0,
    "price_peak": 91500.0,
    "notional": 4.2e7,
}
BALANCE = {"range": 0.05, "long_notional": 9.1e8, "short_notional": 7.4e8, "imbalance": -0.1, "thin": False}
BIN = {"price_low": 91000.0, "price_high": 91091.0, "long_notional": 1.2e6, "short_notional": 0.0}
COLUMN = {"as_of": "2026-02-10T12:00:00Z", "mark_price": 95148.2, "open_interest": 2.4e9}
EVENT = {
    "time": "2026-02-10T12:00:00.123Z",
    "venue": "bybit",
    "symbol": "BTCUSDT",
    "position_side": "long",
    "notional_usd": 250000.0,
    "price": 91480.5,
    "price_meaning": "bankruptcy",
    "quantity": 2.73,
}
INSTRUMENT = {"venue": "bybit", "symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "contract": "linear"}
DATASET = {"table": "bars", "venue": "bybit", "symbol": "BTCUSDT", "variant": "5m", "rows": 8640}
POSITION = {"rank": 1, "account": "a1b2c3", "position_side": "long", "notional": 1.1e6, "distance": -0.03}
RECORDER = {
    "state": "recording",
    "restarts": 0,
    "trouble": "",
    "venues": [{"venue": "bybit", "connections": 3, "listening": 3, "lag_ms": 40, "trouble": ""}],
}
FRESH = {"venue": "bybit", "table": "bars", "last": "2026-02-10T11:55:00Z"}
ENVELOPE = {
    "price": [95148.2, 95640.0, 96105.5],
    "absorbed": [0.0, 2.1e7, 4.4e7],
    "forced": [0.0, 1.2e6, 3.0e6],
    "push": [0.0, 1.98e7, 4.1e7],
}
SERIES = {
    "coin": "BTC",
    "kind": "observed",
    "as_of": "2026-02-10T12:00:00Z",
    "step": "1h",
    "times": ["2026-02-10T11:00:00Z", "2026-02-10T12:00:00Z"],
    "venues": [
        {
            "venue": "bybit",
            "symbol": "BTCUSDT",
            "open_interest": [4.9e9, None],
            "open_interest_base": [51500.0, None],
            "funding_rate": [0.0001, 0.0001],
            "funding_interval_hours": 8.0,
            "mark_price": [95148.2, 95210.0],
            "volume_usd": [2.1e8, None],
            "notes": [],
        }
    ],
    "total": {
        "open_interest": [4.9e9, None],
        "venues_known": [1, 0],
        "funding_rate": [0.0001, None],
        "funding_venues_known": [1, 0],
        "funding_interval_hours": 8.0,
    },
    "skipped": [{"venue": "okx", "reason": "bars: the lake has none"}],
}
CONTEXT = {
    "coin": "BTC",
    "as_of": "2026-02-10T12:00:00Z",
    "sections": [
        {
            "name": "positioning",
            "title": "Positioning",
            "facts": [
                {
                    "name": "price.mark",
                    "value": 95148.2,
                    "unit": "price",
                    "as_of": "2026-02-10T12:00:00Z",
                    "window": None,
                    "source": "mark price of bybit BTCUSDT, the venue with most open interest",
                    "kind": "observed",
                    "coverage": None,
                    "band_90": None,
                    "notes": [],
                }
            ],
        }
    ],
    "build_ups": [{"window": "24h", "name": "long_unwinding", "venues": ["binance", "bybit"]}],
    "joint_liquidations": [{"move": "down_5", "price": 90390.8, "coin": "BTC", "notional": 2.1e8}],
    "clusters": [{"side": "long", "notional": 4.2e7, "largest": "binance", "share": 0.7}],
    "catalogue": [
        {"historic": {"date": "2025-10-10", "name": "October 2025 crash", "side": "long"}, "detected": None}
    ],
    "skipped": [{"venue": "okx", "reason": "bars: the lake has none"}],
}
LAYERS = {
    "coin": "BTC",
    "kind": "modelled",
    "as_of": "2026-02-10T12:00:00Z",
    "mark_price": 95148.2,
    "model": "worlds",
    "classes": {"distances": [0.0046, 0.0063], "turnovers": [0.03, 0.1, 0.3, 1.0]},
    "grid": {"width": 0.001, "first": 10700, "count": 1520},
    "venues": [
        {
            "venue": "bybit",
            "instrument": "bybit:BTC",
            "mark_price": 95148.2,
            "basis": 0.0,
            "open_interest": 4.9e9,
            "weights": {"long": [[0.0001]], "short": [[0.0001]]},
            "standing": {"dtype": "float32", "shape": [2, 16, 4, 1520], "base64": "AAAA"},
        }
    ],
    "score": {
        "step": "1h",
        "start": ["2026-02-10T11:00:00Z"],
        "end": ["2026-02-10T12:00:00Z"],
        "recorded_long": [1.2e6],
        "recorded_short": [0.0],
        "recorded_venues": ["bybit"],
        "predicted": [{"venue": "bybit", "dtype": "float32", "shape": [1, 2, 16, 4], "base64": "AAAA"}],
        "baselines": [{"model": "diffuse", "log_mae": 1.9, "rank_correlation": 0.6, "total_ratio": 7.1}],
    },
    "score_reason": None,
    "skipped": [],
}
MODEL = {
    "name": "calibrated",
    "default": True,
    "parameter_hash": "c58b1ed1f5cb9a54",
    "calibrations": [{"venue": "bybit", "fitted_until": "2026-02-01T00:00:00Z", "coverage": [0.2, 0.5]}],
}
SCOREBOARD = {
    "coin": "BTC",
    "as_of": "2026-02-10T12:00:00Z",
    "since": "2026-01-21T12:00:00Z",
    "step": "4h",
    "total": {
        "start": "2026-01-21T12:00:00Z",
        "end": "2026-02-10T12:00:00Z",
        "intervals": 120,
        "compared": [{"model": "worlds", "log_mae": 1.1, "rank_correlation": 0.7, "total_ratio": 3.2}],
    },
    "total_reason": None,
    "venues": [
        {
            "venue": "bybit",
            "intervals": 120,
            "fitted": {
                "scores": [{"model": "calibrated", "side": "long", "metric": "log_mae", "value": 0.8}]
            },
        }
    ],
    "not_recorded": [],
    "skipped": [],
}
