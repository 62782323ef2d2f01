"""Which column of a user's table is which field: the names that are recognised, and what the caller says.

Names are compared without case, spaces, dashes and underscores, so ``fundingRate``, ``Funding Rate`` and
``funding_rate`` are one name. Where a table has several recognised columns for one field, the first in the
order below is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from powderkeg.errors import InputError, MissingColumnError

Kind = Literal[
    "bars", "mark", "open_interest", "funding", "taker", "long_short_ratio", "liquidations", "positions",
    "depth",
]  # fmt: skip

_TIMES = (
    *("ts", "timestamp", "time", "datetime", "date", "ts_ms", "timestamp_ms", "time_ms"),
    *("open_time", "create_time", "start_time", "funding_time", "calc_time", "trade_time", "trade_time_ms"),
)
_MARKET = {
    "symbol": ("symbol", "coin", "base", "instrument", "asset", "ticker", "inst_id"),
    "venue": ("venue", "exchange"),
}
_CANDLE = {
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
}

RECOGNISED: dict[Kind, dict[str, tuple[str, ...]]] = {
    "bars": {
        "ts": _TIMES,
        **_CANDLE,
        "volume": ("volume", "v", "vol", "base_volume", "volume_base"),
        **_MARKET,
    },
    "mark": {"ts": _TIMES, **_CANDLE, **_MARKET},
    "open_interest": {
        "ts": _TIMES,
        "open_interest_usd": (
            *("open_interest_usd", "oi_usd", "open_interest_value", "sum_open_interest_value", "oi_value"),
            *("open_interest_notional", "oi_notional"),
        ),
        "open_interest": (
            *("open_interest", "sum_open_interest", "oi", "oi_base", "open_interest_base"),
            *("open_interest_amount", "oi_ccy"),
        ),
        **_MARKET,
    },
    "funding": {
        "ts": _TIMES,
        "funding_rate": ("funding_rate", "rate", "last_funding_rate", "realized_rate"),
        **_MARKET,
    },
    "taker": {
        "ts": _TIMES,
        "taker_buy": (
            *("taker_buy", "taker_buy_volume", "taker_buy_base", "taker_buy_base_volume"),
            *("taker_buy_base_asset_volume", "buy_volume", "buy_vol"),
        ),
        **_MARKET,
    },
    "long_short_ratio": {
        "ts": _TIMES,
        "long_short_ratio": ("long_short_ratio", "ratio", "long_short_account_ratio"),
        **_MARKET,
    },
    "liquidations": {
        "ts": _TIMES,
        "long_notional": ("long_notional", "long_usd", "long_liq_usd", "long_liquidations_usd"),
        "short_notional": ("short_notional", "short_usd", "short_liq_usd", "short_liquidations_usd"),
        "position_side": ("position_side", "liquidated_side", "pos_side"),
        "side": ("side",),
        "notional": (
            *("notional", "notional_usd", "usd_size", "size_usd", "usd_value", "value_usd", "amount_usd"),
        ),
        "price": ("avg_price", "average_price", "fill_price", "price"),
        "quantity": ("filled_qty", "filled_quantity", "quantity", "qty", "orig_qty", "size", "amount"),
        **_MARKET,
    },
    "positions": {
        "ts": _TIMES,
        "account": ("account", "address", "user", "account_id"),
        "coin": ("coin", "symbol", "asset", "instrument"),
        "position_side": ("position_side", "direction", "side"),
        "signed_quantity": ("szi", "signed_size", "signed_quantity"),
        "quantity": ("quantity", "size", "qty"),
        "entry_price": ("entry_price", "entry_px"),
        "notional": ("notional", "position_value", "notional_usd"),
        "mark_price": ("mark_price", "mark_px", "mark_px_implied"),
        "liquidation_price": ("liquidation_price", "liquidation_px", "liq_price", "liq_px"),
        "leverage": ("leverage", "leverage_value"),
        "margin_mode": ("margin_mode", "leverage_type", "margin_type"),
        "margin": ("margin", "margin_used"),
        "cross_account_value": ("cross_account_value", "account_value"),
    },
    "depth": {
        "ts": _TIMES,
        "side": ("side", "book_side"),
        "price": ("price", "px", "p"),
        "quantity": ("quantity", "qty", "size", "sz", "amount"),
        "distance": ("distance",),
        "percentage": ("percentage", "percent"),
        "notional": ("notional", "notional_usd"),
    },
}

# Two ways to say one thing: where the caller names a column for one of them, the other is not looked for.
_ALTERNATIVES = (("open_interest", "open_interest_usd"), ("position_side", "side"))


def resolved_columns(
    kind: Kind, available: Sequence[str], mapping: Mapping[str, str] | None = None, *, label: str
) -> dict[str, str]:
    """Return field name -> column name for every field of a `kind` of table that is found.

    Parameters
    ----------
    kind
        What the table holds.
    available
        The columns it has.
    mapping
        Field name -> column name as the caller gives it; it wins over the recognised names.
    label
        What the table is called in an error message.

    Raises
    ------
    MissingColumnError
        A column of `mapping` is not there.
    InputError
        `mapping` names a field that this kind of table does not have, or two columns differ only in case or
        punctuation where one of them would be read.
    """
    fields = RECOGNISED[kind]
    mapping = mapping or {}
    for field, column in mapping.items():
        if field not in fields:
            raise InputError(
                f"columns[{kind!r}]: {field!r} is not a field of this table; "
                f"expected one of {_listed([*fields])}"
            )
        if column not in available:
            raise MissingColumnError(
                f"{label}: column {column!r}, which columns[{kind!r}] names for {field}, is not there; "
                f"the table has {_listed(available)}"
            )
    by_key: dict[str, list[str]] = {}
    for column in available:
        by_key.setdefault(_key(column), []).append(column)
    passed_over = {
        other
        for pair in _ALTERNATIVES
        for field, other in (pair, pair[::-1])
        if field in mapping and other not in mapping
    }
    found: dict[str, str] = {}
    for field, names in fields.items():
        if field in mapping:
            found[field] = mapping[field]
            continue
        if field in passed_over:
            continue
        candidates = next((by_key[_key(name)] for name in names if _key(name) in by_key), [])
        if len(candidates) > 1:
            raise InputError(
                f"{label}: columns {_listed(candidates)} could all be {field}; "
                f"say which with columns={{{kind!r}: {{{field!r}: ...}}}}"
            )
        if candidates:
            found[field] = candidates[0]
    return found


def missing_column(
    kind: Kind, fields: Sequence[str], available: Sequence[str], *, label: str
) -> MissingColumnError:
    """Return the error for a table that has no column for any of `fields`."""
    recognised = "; ".join(f"{field} is recognised as {_listed(RECOGNISED[kind][field])}" for field in fields)
    return MissingColumnError(
        f"{label}: no column for {' or '.join(fields)}; the table has {_listed(available)}; {recognised}; "
        f"for another name pass columns={{{kind!r}: {{{fields[0]!r}: 'your column'}}}}"
    )


def _key(name: str) -> str:
    return re.sub(r"[\s_\-.]", "", name).lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no columns"
