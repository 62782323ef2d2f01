"""Snapshots of positions: what they refuse, and what they say of themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_positions import snapshot_of
from powderkeg.errors import InputError


def test_notional_is_at_the_marks_of_the_snapshot_where_they_are_known() -> None:
    snapshot = snapshot_of(
        [("a", "BTC", 2.0, 100.0, 80.0), ("a", "ETH", -3.0, 10.0, 20.0)], marks={"BTC": 110.0}
    )
    assert snapshot.notional.tolist() == [220.0, 30.0]


def test_rows_keep_accounts_and_coins() -> None:
    snapshot = snapshot_of([("a", "BTC", 2.0, 100.0, 80.0), ("b", "ETH", -3.0, 10.0, 20.0)])
    chosen = snapshot.rows(snapshot.position_side < 0)
    assert (len(chosen), chosen.accounts, chosen.coins) == (1, ("a", "b"), ("BTC", "ETH"))
    assert chosen.coin.tolist() == [1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": [0.0, 1.0]}, "quantity: 0.0"),
        ({"entry_price": [np.nan, 1.0]}, "entry_price: nan"),
        ({"position_side": [0, 1]}, "position_side"),
        ({"account": [1, 0]}, "ascending"),
        ({"coin": [0, 7]}, "coin: 7"),
        ({"leverage": [1.0]}, "leverage: shape"),
    ],
)
def test_a_wrong_column_is_named(change: dict[str, list[float]], message: str) -> None:
    snapshot = snapshot_of([("a", "BTC", 2.0, 100.0, 80.0), ("b", "ETH", -3.0, 10.0, 20.0)])
    with pytest.raises(InputError, match=message):
        replace(snapshot, **{name: np.array(values) for name, values in change.items()})  # type: ignore[arg-type]


def test_a_coin_that_nobody_holds_is_named_with_those_that_are_held() -> None:
    snapshot = snapshot_of([("a", "BTC", 2.0, 100.0, 80.0)])
    assert snapshot.number_of("BTC") == snapshot.number_of("btc") == 0
    with pytest.raises(InputError, match=r"'DOGE' is held by no account of this snapshot; it has BTC"):
        snapshot.number_of("DOGE")
