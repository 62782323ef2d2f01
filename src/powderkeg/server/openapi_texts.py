"""What the OpenAPI document says of answers: the object, the error shape, and examples."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ErrorDetail(BaseModel):
    """What is wrong with a request."""

    code: str = Field(description="For programs.", examples=["unknown_venue"])
    message: str = Field(description="For people: the field, the value, what was expected.")
    field: str | None = Field(description="Parameter at fault; null where it is none in particular.")


class ErrorAnswer(BaseModel):
    """The one shape of errors."""

    error: ErrorDetail


_REFUSALS = {
    400: "What was asked for cannot be answered from this lake.",
    401: "The token is missing or wrong.",
    404: "No such venue or endpoint, or a time outside the data.",
    422: "A parameter does not fit; `field` names it.",
    429: "Too many requests; see `Retry-After`.",
    503: "The lake cannot be read, or too much is under way.",
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
            **{
                status: {"description": meaning, "model": ErrorAnswer}
                for status, meaning in _REFUSALS.items()
            },
        },
    }


MAP = {"instrument": "BTC", "as_of": "2026-02-10T12:00:00Z", "mark_price": 95148.2, "kind": "modelled"}
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
