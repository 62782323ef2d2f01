"""The largest positions close to liquidation, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_positions import NOON, snapshot_of
from powderkeg.analytics.mark_ranges import ranges_of_lake, ranges_of_snapshots
from powderkeg.analytics.measured_changes import measured_changes
from powderkeg.analytics.measured_positions import measured_positions, pseudonym
from powderkeg.core.position_changes import position_changes
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.account_positions import ISOLATED, PositionSnapshot
from powderkeg.model.market_rows import MarkBar, MarkPrice
from powderkeg.model.times import HOUR, MINUTE
from recorded_positions import recorded_snapshots

NONE = float("nan")
ADDRESS = "0x" + "0123456789abcdefABCDEF0123456789abcd4f2e"
ROWS = [
    (ADDRESS, "BTC", 3.0, 100.0, 97.0),
    ("17", "BTC", 1.0, 100.0, 99.5),
    ("18", "BTC", 6.0, 100.0, 50.0),
    ("19", "BTC", -2.0, 100.0, 104.0),
    ("20", "BTC", -4.0, 100.0, 99.0),
    ("21", "BTC", -4.0, 100.0, NONE),
    ("17", "ETH", 500.0, 10.0, 9.99),
]


def snapshot() -> PositionSnapshot:
    return snapshot_of(ROWS, margin_mode=ISOLATED)


def test_the_largest_come_first_with_their_signed_distance() -> None:
    found = measured_positions(snapshot(), "BTC", near=0.05, open_interest=2_000.0)
    assert [(one.rank, one.account, one.position_side) for one in found.positions] == [
        (1, "0x0123…4f2e", "long"),
        (2, "19", "short"),
        (3, "17", "long"),
    ]
    assert [one.distance for one in found.positions] == pytest.approx([-0.03, 0.04, -0.005])
    assert [one.share for one in found.positions] == pytest.approx([0.15, 0.1, 0.05])
    assert [one.liquidation_price for one in found.positions] == [97.0, 104.0, 99.5]
    assert {one.margin_mode for one in found.positions} == {"isolated"}
    assert found.close == (3, 600.0)
    assert len(measured_positions(snapshot(), "BTC", limit=1).positions) == 1
    assert measured_positions(snapshot(), "BTC", near=0.01).close == (1, 100.0)


def test_shares_are_of_what_was_counted_and_of_the_venues_open_interest() -> None:
    found = measured_positions(snapshot(), "BTC", open_interest=2_000.0)
    long, short = found.sides
    assert (long.notional, long.coverage, long.passed) == (1_000.0, 0.5, 0.0)
    assert (short.notional, short.passed, short.without_level) == (1_000.0, 400.0, 400.0)
    within = {(one.position_side, round(one.distance, 2)): one for one in found.within}
    assert within["long", -0.01].share == pytest.approx(0.1)
    assert within["long", -0.05].share == pytest.approx(0.4)
    assert within["short", 0.03].counted == 0
    assert within["short", 0.05].share == pytest.approx(0.2)
    assert within["short", 0.05].scaled == pytest.approx(400.0)
    unknown = measured_positions(snapshot(), "BTC")
    assert unknown.open_interest is None
    assert unknown.positions[0].share == pytest.approx(0.3)
    assert unknown.within[0].scaled is None
    assert any("open interest they hold is not known" in note for note in unknown.notes[0])


def test_ages_and_unknown_modes_are_shown_as_they_are() -> None:
    aged = replace(snapshot_of(ROWS), state_ts=np.full(6, NOON - HOUR))
    found = measured_positions(aged, "BTC")
    assert {one.age for one in found.positions} == {HOUR}
    assert {one.margin_mode for one in found.positions} == {None}


def test_an_address_is_shown_by_its_ends_and_a_number_as_it_is() -> None:
    assert pseudonym(ADDRESS) == "0x0123…4f2e"
    assert pseudonym("1480") == "1480"
    assert pseudonym("0x12") == "0x12"


def test_json_holds_everything() -> None:
    found = measured_positions(snapshot(), "BTC", open_interest=2_000.0).as_json()
    assert found["kind"] == "measured"
    assert found["as_of"] == "2026-02-10T12:00:00Z"
    assert len(found["within"]) == 8
    assert found["long"]["distances"]["accounts"] == 3
    assert found["long"]["coverage"] == 0.5
    assert found["close"] == {"positions": 3, "notional": 600.0}
    assert ADDRESS not in str(found)


@pytest.mark.parametrize(
    ("coin", "options", "message"),
    [
        ("DOGE", {}, "symbol: 'DOGE' is held by no account"),
        ("BTC", {"near": 0.0}, "near: 0; expected a fraction above 0 and below 1"),
        ("BTC", {"near": 1.0}, "near: 1; expected a fraction above 0 and below 1"),
        ("BTC", {"open_interest": -1.0}, "open_interest: -1 USD; expected a positive amount"),
    ],
)
def test_what_cannot_be_asked_is_refused(coin: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measured_positions(snapshot(), coin, **options)  # type: ignore[arg-type]


def test_a_coin_without_a_mark_and_a_contradiction_are_refused() -> None:
    unmarked = replace(snapshot(), mark_price=np.array([NONE, 10.0]))
    with pytest.raises(InputError, match="mark price of BTC is not known at 2026-02-10T12:00:00Z"):
        measured_positions(unmarked, "BTC")
    both = snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("a", "BTC", -1.0, 100.0, 120.0)])
    with pytest.raises(InputError, match="positions: 'a' holds BTC more than once"):
        measured_positions(both, "BTC")


def test_all_without_a_level_is_nobody_close() -> None:
    found = measured_positions(snapshot_of([("a", "BTC", 1.0, 100.0, NONE)]), "BTC")
    assert (found.positions, found.close) == ((), (0, 0.0))
    assert found.sides[0].without_level == 100.0
    assert [one.counted for one in found.within] == [0.0] * 8


def test_changes_are_counted_by_side_and_listed_by_size() -> None:
    after = replace(
        snapshot_of(
            [
                (ADDRESS, "BTC", 3.0, 98.0, 97.0),
                ("17", "ETH", 400.0, 10.0, 9.0),
                ("18", "BTC", 6.0, 98.0, 45.0),
                ("19", "BTC", -1.0, 98.0, 120.0),
            ],
            as_of=NOON + HOUR,
            margin_mode=ISOLATED,
        )
    )
    changes = position_changes(snapshot(), after, low=np.array([97.5, 9.5]), high=np.array([101.0, 10.0]))
    found = measured_changes(changes, "BTC", range_source="made up")
    assert found.counts["long"]["unchanged"] == pytest.approx((2, 882.0))
    assert found.counts["long"]["liquidated"] == pytest.approx((1, 100.0))
    assert found.counts["short"]["reduced"] == pytest.approx((1, 98.0))
    assert found.counts["short"]["not seen again"] == pytest.approx((2, 800.0))
    assert found.marks["long"]["critical"] == pytest.approx((1, 294.0))
    assert found.marks["long"]["approaching"][0] == 1
    assert found.marks["long"]["collateral_added"] == pytest.approx((1, 588.0))
    assert [(one.account, one.fate, one.marks) for one in found.positions] == [
        ("18", "unchanged", ("collateral_added",)),
        ("0x0123…4f2e", "unchanged", ("approaching", "critical")),
        ("17", "liquidated", ()),
    ]
    assert found.positions[0].collateral == pytest.approx(30.0)
    assert found.positions[2].distance_after is None
    assert found.as_json()["long"]["liquidated"] == {"positions": 1, "notional": pytest.approx(100.0)}
    assert not measured_changes(changes, "DOGE", range_source="made up").positions


def test_ranges_of_snapshots_hold_all_their_marks() -> None:
    marks = [replace(snapshot(), mark_price=np.array([mark, NONE])) for mark in (100.0, 90.0, 105.0)]
    found = ranges_of_snapshots(marks[0], marks)
    assert (found.low[0], found.high[0]) == (90.0, 105.0)
    assert np.isnan([found.low[1], found.high[1]]).all()
    assert "marks of 3 snapshots" in found.source


def test_ranges_of_a_lake_hold_bars_and_marks_of_the_time_in_between(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    bars = [
        MarkBar(NOON + number * MINUTE, MINUTE, 100.0, high, low, 100.0)
        for number, low, high in ((-1, 1.0, 999.0), (0, 95.0, 101.0), (1, 96.0, 107.0), (2, 2.0, 998.0))
    ]
    lake.append(DatasetKey("mark_bars", "hyperliquid", "BTC", "1m"), bars, received_ts=NOON, source="rest")
    marks = [MarkPrice(NOON + MINUTE, 94.0, None, None, None), MarkPrice(NOON + HOUR, 1.0, None, None, None)]
    lake.append(DatasetKey("mark_prices", "hyperliquid", "BTC"), marks, received_ts=NOON, source="stream")
    found = ranges_of_lake(lake, snapshot(), NOON + 2 * MINUTE)
    assert (found.low[0], found.high[0]) == (94.0, 107.0)
    assert np.isnan(found.low[1])


def test_recorded_positions_of_a_coin_are_shown(shared: Path) -> None:
    found = measured_positions(recorded_snapshots(shared)[40], "BTC", near=0.1, open_interest=2e9)
    assert found.positions[0].notional == max(one.notional for one in found.positions)
    assert all(abs(one.distance) <= 0.1 for one in found.positions)
    assert 0.04 < (found.sides[0].coverage or 0) < 0.35
    assert all((one.distance < 0) == (one.position_side == "long") for one in found.positions)
