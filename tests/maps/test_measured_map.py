"""Measured maps: what is counted, what is not, and what recorded positions say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_positions import NOON, snapshot_of
from powderkeg.core.venue_tiers import venue_tier_table
from powderkeg.errors import InputError
from powderkeg.maps.map_picture import draw_map
from powderkeg.maps.measured_map import Levels, measured_map
from powderkeg.maps.position_files import position_snapshots, snapshot_at
from powderkeg.maps.position_levels import computed_levels, level_check, margin_book
from powderkeg.maps.snapshot_betas import betas_of_snapshots
from powderkeg.model.account_positions import CROSS, ISOLATED, PositionSnapshot
from powderkeg.model.times import HOUR

# Account, coin, signed quantity, mark and entry price, published level.
HELD = [
    ("a", "BTC", 2.0, 100_000.0, 90_000.0),
    ("b", "BTC", -1.0, 100_000.0, 120_000.0),
    ("c", "BTC", 3.0, 100_000.0, np.nan),
    ("d", "BTC", 1.0, 100_000.0, 101_000.0),  # the mark has fallen through its level since
    ("e", "BTC", 4.0, 100_000.0, 100.0),  # far away
    ("e", "ETH", -10.0, 4_000.0, 5_000.0),
]


def test_every_position_is_counted_once_and_in_one_place() -> None:
    found = measured_map(snapshot_of(HELD), "BTC")
    longs, shorts = found.sides
    assert (longs.positions, longs.accounts, shorts.positions) == (4, 4, 1)
    assert longs.notional == longs.in_map + longs.far + longs.without_level + longs.passed == 1_000_000.0
    assert (longs.in_map, longs.far, longs.without_level, longs.passed) == (2e5, 4e5, 3e5, 1e5)
    assert found.map.long_notional.sum() == 2e5
    assert found.map.short_notional.sum() == shorts.in_map == 1e5
    assert found.map.kind == "measured"
    assert found.map.open_interest == 1_000_000.0  # the larger side, as the venue's is not known
    assert (found.open_interest, longs.coverage) == (None, None)
    assert found.map.liquidated_if(89_000.0).notional == pytest.approx(2e5)


def test_counted_and_scaled_are_never_the_same_number() -> None:
    snapshot = snapshot_of(HELD)
    raw = measured_map(snapshot, "BTC", open_interest=4e6)
    scaled = measured_map(snapshot, "BTC", open_interest=4e6, scaled=True)
    assert raw.map.long_notional.sum() == 2e5
    assert [side.coverage for side in raw.sides] == [0.25, 0.025]
    # A quarter of the longs is known, so each stands for four; a fortieth of the shorts.
    assert scaled.map.long_notional.sum() == pytest.approx(8e5)
    assert scaled.map.short_notional.sum() == pytest.approx(4e6)
    assert scaled.map.open_interest == 4e6
    assert any("SCALED" in note for note in scaled.map.provenance.notes)
    assert not any("SCALED" in note for note in raw.map.provenance.notes)
    assert raw.as_json()["measured"]["scaled"] is False
    assert raw.map.provenance.parameter_hash != scaled.map.provenance.parameter_hash


def test_the_heading_of_a_picture_tells_scaled_from_counted() -> None:
    for scaled in (False, True):
        result = measured_map(snapshot_of(HELD), "BTC", open_interest=4e6, scaled=scaled).map
        headings = [text.get_text() for text in draw_map(result).texts]
        (heading,) = [line for line in headings if line.startswith("as of ")]
        assert "measured: published levels of known positions" in heading
        assert ("SCALED to the open interest" in heading) is scaled


def test_what_is_counted_is_certain_and_the_rest_has_a_band() -> None:
    positions = [
        (f"a{number}", "BTC", 1.0, 100_000.0, level)
        for number, level in enumerate(np.linspace(70_000.0, 99_500.0, 60).tolist())
    ]
    for open_interest, certain in ((6e6, True), (6e7, False)):
        found = measured_map(snapshot_of(positions), "BTC", open_interest=open_interest)
        ten = next(one for one in found.within if one.distance == -0.10)
        assert ten.counted == sum(1e5 for row in positions if row[4] >= 90_000.0)
        assert ten.scaled == pytest.approx(ten.counted * open_interest / 6e6)
        assert ten.band is not None
        assert ten.scaled is not None
        assert (ten.band.high_90 == ten.band.low_90 == ten.counted) == certain
        assert ten.band.low_90 <= ten.scaled <= ten.band.high_90
        assert ten.band.low_90 >= ten.counted


def cross(snapshot: PositionSnapshot, *, value: float) -> PositionSnapshot:
    """Return a snapshot whose positions are all cross, with this equity behind each account."""
    return replace(
        snapshot,
        margin_mode=np.full(len(snapshot), CROSS),
        cross_account_value=np.full(len(snapshot.accounts), value),
    )


def test_computed_levels_need_no_published_ones() -> None:
    snapshot = cross(snapshot_of([("a", "BTC", 2.0, 100_000.0, np.nan)]), value=40_000.0)
    found = measured_map(snapshot, "BTC", levels="frozen")
    rate = venue_tier_table("hyperliquid", "BTC").tiers[0].maintenance_margin_rate
    # 40,000 + 2 (P - 100,000) = 2 rate P
    level = (200_000.0 - 40_000.0) / (2 * (1 - rate))
    edges = found.map.grid.edges
    assert edges[0] <= level < edges[1]
    assert found.sides[0].in_map == 2e5


def test_a_joint_shock_moves_the_levels_of_accounts_that_hold_other_coins() -> None:
    held = [("a", "BTC", 1.0, 100_000.0, np.nan), ("a", "ETH", 20.0, 4_000.0, np.nan)]
    snapshot = cross(snapshot_of(held), value=60_000.0)
    marks: dict[Levels, float] = {}
    for levels in ("frozen", "joint"):
        book = margin_book(snapshot)
        beta = None if levels == "frozen" else np.array([1.0, 1.5])
        fall, _, _ = computed_levels(snapshot, book, "BTC", beta)
        marks[levels] = float(fall[0])
    assert marks["frozen"] < marks["joint"] < 100_000.0
    nearer = measured_map(snapshot, "BTC", levels="joint", betas={"ETH": 1.5})
    assert nearer.map.grid.edges[0] <= marks["joint"] < nearer.map.grid.edges[1]


def test_a_long_that_only_a_rise_liquidates_is_not_on_the_map() -> None:
    held = [("a", "BTC", 1.0, 100_000.0, np.nan), ("a", "ETH", -100.0, 4_000.0, np.nan)]
    snapshot = cross(snapshot_of(held), value=60_000.0)
    found = measured_map(snapshot, "BTC", levels="joint")
    assert (found.sides[0].in_map, found.sides[0].other_side) == (0.0, 1e5)
    assert found.map.grid.count == 0


def test_negative_equity_is_a_level_that_was_passed() -> None:
    snapshot = cross(snapshot_of([("a", "BTC", 1.0, 100_000.0, np.nan)]), value=-5_000.0)
    assert measured_map(snapshot, "BTC", levels="frozen").sides[0].passed == 1e5


def test_isolated_margin_moves_with_the_mark_and_stands_alone() -> None:
    held = [("a", "BTC", 1.0, 100_000.0, np.nan), ("a", "ETH", 100.0, 4_000.0, np.nan)]
    snapshot = replace(
        snapshot_of(held, marks={"BTC": 95_000.0, "ETH": 1_000.0}),
        margin_mode=np.full(2, ISOLATED),
        isolated_margin=np.array([10_000.0, 50_000.0]),
    )
    fall, _, _ = computed_levels(snapshot, margin_book(snapshot), "BTC")
    # The same price from either mark: margin 10,000 at 100,000 is 5,000 at 95,000.
    assert fall[0] == pytest.approx((100_000.0 - 10_000.0) / (1 - 0.0125))


def test_portfolio_margin_has_no_level_of_one_coin() -> None:
    snapshot = replace(cross(snapshot_of(HELD), value=1e5), portfolio_margin=np.ones(5, np.bool_))
    found = measured_map(snapshot, "BTC", levels="frozen")
    assert found.portfolio_accounts == 5
    assert found.sides[0].without_level == found.sides[0].notional


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"levels": "guessed"}, "levels: 'guessed'"),
        ({"open_interest": 0.0}, "open_interest: 0 USD"),
        ({"open_interest": float("nan")}, "open_interest: nan USD"),
        ({"scaled": True}, "scaled: needs the venue's open interest"),
    ],
)
def test_arguments_that_cannot_be_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measured_map(snapshot_of(HELD), "BTC", **given)  # type: ignore[arg-type]


def test_a_coin_that_nobody_holds_or_whose_mark_is_not_known_is_named() -> None:
    snapshot = snapshot_of(HELD, marks={"BTC": 100_000.0})
    with pytest.raises(InputError, match="'SOL' is held by no account"):
        measured_map(snapshot, "SOL")
    with pytest.raises(InputError, match="mark price of ETH is not known"):
        measured_map(snapshot, "ETH")
    with pytest.raises(InputError, match="nobody in the snapshot of 2026-02-10T12:00:00Z holds ETH"):
        measured_map(snapshot.rows(snapshot.coin == 0), "ETH")


# What recorded positions say


@pytest.fixture(scope="module")
def recorded(shared: Path) -> list[PositionSnapshot]:
    return position_snapshots(shared / "data" / "hyperliquid-positions-2026-02" / "positions.parquet")


def test_every_recorded_long_stands_below_the_mark_and_every_short_above(
    recorded: list[PositionSnapshot],
) -> None:
    assert len(recorded) == 63
    for snapshot in recorded:
        level = snapshot.liquidation_price
        known = np.isfinite(level)
        below = level < snapshot.state_mark_price
        assert np.array_equal(below[known], (snapshot.position_side > 0)[known])


def test_recorded_levels_follow_from_the_formula_to_rounding(recorded: list[PositionSnapshot]) -> None:
    # The equity of an account is not in the record: each leg of it must imply the same one.
    checks = [level_check(snapshot, margin_book(snapshot)) for snapshot in recorded]
    compared = sum(check.compared for check in checks)
    exact = sum(check.compared * check.within_rounding for check in checks)
    assert compared > 60_000
    assert exact / compared > 0.94
    assert max(check.median for check in checks) < 1e-10


def test_recorded_maps_hold_what_the_rows_say(recorded: list[PositionSnapshot]) -> None:
    for snapshot in recorded[::10]:
        found = measured_map(snapshot, "BTC")
        mine = snapshot.coin == snapshot.number_of("BTC")
        for side, counted in zip((1, -1), found.sides, strict=True):
            rows = mine & (snapshot.position_side == side)
            assert counted.positions == rows.sum()
            levelled = rows & np.isfinite(snapshot.liquidation_price)
            assert counted.in_map + counted.far + counted.passed == pytest.approx(
                snapshot.notional[levelled].sum()
            )
            # Marks of one coin within a snapshot differ by seconds of collecting it.
            assert counted.passed <= 0.01 * counted.notional


def test_a_joint_shock_of_recorded_accounts_brings_longs_nearer(recorded: list[PositionSnapshot]) -> None:
    betas = betas_of_snapshots(recorded, "BTC", recorded[-1].as_of)
    assert 0.9 < betas["ETH"] < 1.8
    assert betas_of_snapshots(recorded, "BTC", recorded[5].as_of) == betas_of_snapshots(
        recorded[:6], "BTC", recorded[5].as_of
    )
    frozen = measured_map(recorded[-1], "BTC", levels="frozen")
    joint = measured_map(recorded[-1], "BTC", levels="joint", betas=betas)
    assert joint.sides[0].other_side > 0 == frozen.sides[0].other_side
    published = measured_map(recorded[-1], "BTC")
    assert frozen.sides[0].in_map == pytest.approx(published.sides[0].in_map, rel=0.02)


def test_older_states_join_a_snapshot_only_when_they_are_asked_for(recorded: list[PositionSnapshot]) -> None:
    last = recorded[-1]
    alone, merged = snapshot_at(recorded, None), snapshot_at(recorded, None, oldest=24 * HOUR)
    assert alone is last
    assert set(last.accounts) < set(merged.accounts)
    assert merged.as_of == last.as_of
    newest = {account: int(at) for account, at in zip(merged.accounts, merged.state_ts, strict=True)}
    assert all(newest[account] == last.as_of for account in last.accounts)
    assert min(newest.values()) >= last.as_of - 24 * HOUR
    early = snapshot_at(recorded, NOON)
    assert early.as_of <= NOON
