"""What became of positions between two snapshots, and which levels they survived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_positions import NOON, snapshot_of
from powderkeg.core.level_survival import level_survival
from powderkeg.core.position_changes import (
    CLOSED,
    FATES,
    FIRST_SEEN,
    INCREASED,
    LIQUIDATED,
    NOT_SEEN_AGAIN,
    OPENED,
    REDUCED,
    UNCHANGED,
    PositionChanges,
    position_changes,
)
from powderkeg.errors import InputError
from powderkeg.model.account_positions import CROSS, ISOLATED, PositionSnapshot
from powderkeg.model.times import HOUR
from recorded_positions import recorded_basis, recorded_changes

NONE = float("nan")
LATER = NOON + HOUR
Row = tuple[str, str, float, float, float]


def later(rows: list[Row], also: tuple[str, ...] = (), mode: int = ISOLATED) -> PositionSnapshot:
    """Return the second snapshot, with accounts `also` that were asked and hold nothing."""
    found = snapshot_of(rows, as_of=LATER, margin_mode=mode)
    accounts = (*found.accounts, *also)
    return replace(
        found,
        accounts=accounts,
        state_ts=np.full(len(accounts), LATER),
        cross_account_value=np.full(len(accounts), NONE),
        portfolio_margin=np.zeros(len(accounts), np.bool_),
    )


def changed(
    before: list[Row],
    after: list[Row],
    *,
    also: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    mode: int = ISOLATED,
    funding: float | None = None,
) -> PositionChanges:
    first = snapshot_of(before, margin_mode=mode)
    coins = len(first.coins)

    def everywhere(value: float | None) -> np.ndarray | None:
        return None if value is None else np.full(coins, value)

    return position_changes(
        first,
        later(after, also, mode),
        low=everywhere(low),
        high=everywhere(high),
        funding=everywhere(funding),
    )


def fate_of(before: Row, after: list[Row], low: float, high: float) -> str:
    found = changed([before], after, also=() if after else (before[0],), low=low, high=high)
    return FATES[int(found.fate[0])]


LONG: Row = ("a", "BTC", 2.0, 100.0, 90.0)
SHORT: Row = ("a", "BTC", -2.0, 100.0, 110.0)


@pytest.mark.parametrize(
    ("before", "after", "low", "high", "fate"),
    [
        (LONG, [("a", "BTC", 2.0, 101.0, 90.0)], 95.0, 102.0, "unchanged"),
        (LONG, [("a", "BTC", 2.0 * (1 + 1e-7), 101.0, 90.0)], 95.0, 102.0, "unchanged"),
        (LONG, [("a", "BTC", 2.0, 101.0, 80.0)], 89.0, 102.0, "unchanged"),
        (LONG, [("a", "BTC", 3.0, 101.0, 90.0)], 95.0, 102.0, "increased"),
        (LONG, [("a", "BTC", 3.0, 101.0, 80.0)], 89.0, 102.0, "increased"),
        (LONG, [("a", "BTC", 1.0, 101.0, 80.0)], 91.0, 102.0, "reduced"),
        (LONG, [("a", "BTC", 1.0, 101.0, 80.0)], 89.0, 102.0, "liquidated"),
        (LONG, [], 91.0, 150.0, "closed"),
        (LONG, [], 90.0, 102.0, "liquidated"),
        (SHORT, [], 50.0, 109.0, "closed"),
        (SHORT, [], 50.0, 110.0, "liquidated"),
        (SHORT, [("a", "BTC", -1.0, 101.0, 120.0)], 50.0, 111.0, "liquidated"),
        (("a", "BTC", 2.0, 100.0, NONE), [], 1.0, 200.0, "closed"),
    ],
)
def test_what_became_of_a_position(before: Row, after: list[Row], low: float, high: float, fate: str) -> None:
    assert fate_of(before, after, low, high) == fate


def test_marks_of_both_snapshots_are_part_of_the_range() -> None:
    after: list[Row] = [("b", "BTC", 1.0, 89.0, 80.0)]
    found = changed([LONG, ("b", "BTC", 1.0, 100.0, 80.0)], after, also=("a",))
    assert found.fate.tolist() == [LIQUIDATED, UNCHANGED]
    assert found.crossed_by[0] == pytest.approx(np.log(90 / 89))
    assert found.crossed_by[1] == pytest.approx(np.log(80 / 89))


def test_a_side_that_changed_is_one_gone_and_one_opened() -> None:
    found = changed([LONG], [("a", "BTC", -2.0, 100.0, 110.0)], low=95.0, high=105.0)
    assert found.fate.tolist() == [CLOSED, OPENED]
    assert (found.before_row.tolist(), found.after_row.tolist()) == ([0, -1], [-1, 0])
    assert (found.account_of(1), found.coin_of(1)) == ("a", "BTC")


def test_an_account_that_is_missing_is_unknown_and_never_closed() -> None:
    found = changed([LONG, ("b", "BTC", 1.0, 100.0, 99.9)], [LONG], low=50.0, high=200.0)
    assert found.fate.tolist() == [UNCHANGED, NOT_SEEN_AGAIN]
    gone = changed([LONG, ("b", "BTC", 1.0, 100.0, 99.9)], [], low=50.0, high=200.0)
    assert gone.fate.tolist() == [NOT_SEEN_AGAIN, NOT_SEEN_AGAIN]
    assert np.isnan(gone.collateral).all()


def test_an_account_whose_state_is_no_newer_is_unknown() -> None:
    after = replace(later([LONG]), state_ts=np.array([NOON]))
    found = position_changes(snapshot_of([LONG]), after)
    assert found.fate.tolist() == [NOT_SEEN_AGAIN]


def test_new_positions_of_known_accounts_were_opened_and_those_of_others_may_be_old() -> None:
    found = changed([LONG], [LONG, ("a", "ETH", 1.0, 10.0, 9.0), ("b", "BTC", 1.0, 100.0, 90.0)])
    assert found.fate.tolist() == [UNCHANGED, OPENED, FIRST_SEEN]
    assert np.isnan(found.crossed_by[1:]).all()


def test_nobody_before_and_nobody_after() -> None:
    assert changed([], [LONG]).fate.tolist() == [FIRST_SEEN]
    assert len(changed([], [])) == 0


def test_approaching_is_by_the_mark_and_not_by_the_level() -> None:
    by_mark = changed([LONG], [("a", "BTC", 2.0, 95.0, 90.0)])
    assert by_mark.approaching.tolist() == [True]
    by_level = changed([LONG], [("a", "BTC", 2.0, 100.0, 95.0)])
    assert by_level.approaching.tolist() == [False]
    away = changed([SHORT], [("a", "BTC", -2.0, 95.0, 110.0)])
    assert away.approaching.tolist() == [False]
    hardly = changed([LONG], [("a", "BTC", 2.0, 99.5, 90.0)])
    assert hardly.approaching.tolist() == [False]


def test_critical_is_within_the_stated_distance() -> None:
    after: list[Row] = [("a", "BTC", 2.0, 91.5, 90.0), ("b", "BTC", 1.0, 91.5, 91.0)]
    found = changed([LONG], after)
    assert found.critical.tolist() == [True, True]
    first = snapshot_of([LONG])
    assert position_changes(first, later(after), critical=0.01).critical.tolist() == [False, True]
    with pytest.raises(InputError, match="near: 0; expected a fraction"):
        position_changes(first, later(after), critical=0.0)


@pytest.mark.parametrize(("side", "level"), [(1.0, 90.0), (-1.0, 110.0)])
def test_collateral_of_an_isolated_position_is_told_in_quote(side: float, level: float) -> None:
    # 2 base at 5 quote of margin each moves the level by 5 away from the mark.
    before: list[Row] = [("a", "BTC", 2 * side, 100.0, level)]
    added = changed(before, [("a", "BTC", 2 * side, 104.0, level - 5 * side)])
    assert added.collateral.tolist() == pytest.approx([10.0])
    taken = changed(before, [("a", "BTC", 2 * side, 96.0, level + 2 * side)])
    assert taken.collateral.tolist() == pytest.approx([-4.0])
    nothing = changed(before, [("a", "BTC", 2 * side, 104.0, level)])
    assert nothing.collateral.tolist() == [0.0]


def test_funding_explains_a_level_and_is_no_collateral() -> None:
    # Longs paid 1 %: 2 of the margin of a position of 200 is gone, its level 1 nearer.
    after: list[Row] = [("a", "BTC", 2.0, 100.0, 91.0)]
    assert changed([LONG], after, funding=0.01).collateral.tolist() == [0.0]
    assert changed([LONG], after).collateral.tolist() == pytest.approx([-2.0])
    short_after: list[Row] = [("a", "BTC", -2.0, 100.0, 111.0)]
    assert changed([SHORT], short_after, funding=0.01).collateral.tolist() == [0.0]


def test_gains_of_another_cross_position_are_no_collateral() -> None:
    # A long in ETH wins 100; equity behind the BTC long is 100 higher, its level 50 lower.
    before: list[Row] = [("a", "BTC", 2.0, 100.0, 90.0), ("a", "ETH", 10.0, 50.0, 30.0)]
    after: list[Row] = [("a", "BTC", 2.0, 100.0, 40.0), ("a", "ETH", 10.0, 60.0, 30.0)]
    assert changed(before, after, mode=CROSS).collateral[0] == 0.0
    assert changed(before, after, mode=-1).collateral[0] == 0.0
    assert changed(before, after, mode=ISOLATED).collateral[0] == pytest.approx(100.0)
    # Without a move of ETH the same level tells that 100 were added to either.
    still: list[Row] = [("a", "BTC", 2.0, 100.0, 40.0), ("a", "ETH", 10.0, 50.0, 20.0)]
    assert changed(before, still, mode=CROSS).collateral.tolist() == pytest.approx([100.0, 100.0])


def test_collateral_is_not_judged_where_it_cannot_be_told() -> None:
    before: list[Row] = [("a", "BTC", 2.0, 100.0, 90.0), ("a", "ETH", 10.0, 50.0, 30.0)]
    resized: list[Row] = [("a", "BTC", 2.0, 100.0, 40.0), ("a", "ETH", 5.0, 60.0, 30.0)]
    assert np.isnan(changed(before, resized, mode=CROSS).collateral).all()
    assert changed(before, resized, mode=ISOLATED).collateral[0] == pytest.approx(100.0)
    opened = [*before, ("a", "SOL", 1.0, 9.0, 8.0)]
    assert np.isnan(changed(before, opened, mode=CROSS).collateral[:2]).all()
    without: list[Row] = [("a", "BTC", 2.0, 100.0, NONE)]
    assert np.isnan(changed([LONG], without).collateral).all()


def test_snapshots_that_do_not_fit_are_refused() -> None:
    first, second = snapshot_of([LONG]), later([LONG])
    with pytest.raises(InputError, match=r"as_of: the later snapshot is of 2026-02-10T12:00:00Z"):
        position_changes(second, first)
    with pytest.raises(InputError, match="venue: snapshots of hyperliquid and other"):
        position_changes(first, replace(second, venue="other"))
    twice = replace(later([LONG, ("b", "BTC", 1.0, 100.0, 90.0)]), accounts=("a", "a"))
    with pytest.raises(InputError, match="accounts: 'a' is 2 times in the snapshot"):
        position_changes(first, twice)
    with pytest.raises(InputError, match="low: 110 of BTC is above high, 90"):
        position_changes(first, second, low=np.array([110.0]), high=np.array([90.0]))
    with pytest.raises(InputError, match=r"funding: shape \(2,\), expected \(1,\)"):
        position_changes(first, second, funding=np.zeros(2))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_position_is_told_once_and_the_fast_way_agrees_with_a_plain_one(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def made(as_of: int) -> PositionSnapshot:
        rows: list[Row] = [
            (f"account-{who}", coin, float(generator.choice([-2, -1, 1, 2])), 100.0, NONE)
            for who in generator.permutation(8)[:5]
            for coin in generator.permutation(["A", "B", "C"])[: generator.integers(1, 4)]
        ]
        return snapshot_of(rows, as_of=as_of)

    first, second = made(NOON), made(LATER)
    found = position_changes(first, second)
    assert sorted(found.before_row[found.before_row >= 0]) == list(range(len(first)))
    assert sorted(found.after_row[found.after_row >= 0]) == list(range(len(second)))

    def plain(snapshot: PositionSnapshot) -> dict[tuple[str, str, int], float]:
        return {
            (snapshot.accounts[who], snapshot.coins[what], int(side)): float(size)
            for who, what, side, size in zip(
                snapshot.account, snapshot.coin, snapshot.position_side, snapshot.quantity, strict=True
            )
        }

    old, new = plain(first), plain(second)
    expected: dict[tuple[str, str, int], int] = {}
    for key, size in old.items():
        if key[0] not in second.accounts:
            expected[key] = NOT_SEEN_AGAIN
        elif key not in new:
            expected[key] = CLOSED
        else:
            expected[key] = UNCHANGED if new[key] == size else INCREASED if new[key] > size else REDUCED
    for key in new.keys() - old.keys():
        expected[key] = OPENED if key[0] in first.accounts else FIRST_SEEN
    sides = [
        int((first if row >= 0 else second).position_side[row if row >= 0 else other])
        for row, other in zip(found.before_row, found.after_row, strict=True)
    ]
    told = {
        (found.account_of(number), found.coin_of(number), sides[number]): int(found.fate[number])
        for number in range(len(found))
    }
    assert told == expected


def survival_of(
    found: PositionChanges, bounds: tuple[float, ...] = (-np.inf, 0.0, np.inf)
) -> list[tuple[int, int, float, float]]:
    rows = level_survival([found], np.random.default_rng(0), bounds=bounds)
    return [(row.positions, row.unknown, row.same_size.value, row.still_there.value) for row in rows]


def test_survival_counts_crossed_and_uncrossed_apart() -> None:
    before: list[Row] = [(f"{i}", "BTC", 2.0, 100.0, 95.0 if i < 4 else 80.0) for i in range(8)]
    before.append(("x", "BTC", 2.0, 100.0, NONE))
    after: list[Row] = [("0", "BTC", 2.0, 100.0, 70.0), ("1", "BTC", 1.0, 100.0, 70.0)]
    after += [(f"{i}", "BTC", 2.0, 100.0, 80.0) for i in (4, 5, 6)] + [("x", "BTC", 2.0, 100.0, NONE)]
    found = changed(before, after, also=("2", "7"), low=94.0, high=101.0)
    # Crossed: one kept, one smaller, one gone, one not seen. Not crossed: three kept, one gone.
    assert survival_of(found) == [(4, 0, 0.75, 0.75), (4, 1, pytest.approx(1 / 3), pytest.approx(2 / 3))]
    crossed = level_survival([found], np.random.default_rng(0), bounds=(0.0, 0.01, 0.02, np.inf))
    assert [row.positions for row in crossed] == [0, 4, 0]
    assert crossed[1].seen_same_size.value == 0.25
    assert crossed[1].not_seen.value == 0.25
    assert crossed[1].crossed
    assert np.isnan(crossed[0].same_size).all()


def test_a_class_in_which_nothing_survived_does_not_look_certain() -> None:
    found = changed([(f"{i}", "BTC", 2.0, 100.0, 95.0) for i in range(4)], [], also=tuple("0123"), low=90.0)
    (row,) = level_survival([found], np.random.default_rng(0), bounds=(0.0, np.inf))
    assert (row.same_size.value, row.same_size.low) == (0.0, 0.0)
    assert 0.2 < row.same_size.high < 0.8


def test_survival_of_nobody_is_not_a_number() -> None:
    rows = level_survival([], np.random.default_rng(0))
    assert [row.positions for row in rows] == [0] * len(rows)
    assert np.isnan([row.same_size.value for row in rows]).all()
    one = changed([LONG], [LONG], low=89.0)
    (row,) = level_survival([one], np.random.default_rng(0), coins=("ETH",), bounds=(-np.inf, np.inf))
    assert row.positions == 0


def test_recorded_positions_whose_level_was_crossed_are_not_seen_again(shared: Path) -> None:
    changes = recorded_changes(shared)
    bounds = (-np.inf, -0.01, 0.0, np.inf)
    far, near, crossed = level_survival(changes, np.random.default_rng(0), bounds=bounds)
    assert crossed.positions >= 12
    # Nobody whose level was crossed was seen again at the same size; two thirds of the others were.
    assert crossed.seen_same_size.value == 0
    assert crossed.seen_same_size.high < 0.35
    assert far.seen_same_size.low > 0.6
    assert crossed.seen_same_size.high < near.seen_same_size.high < far.seen_same_size.low
    # Accounts vanish from this sample with their last position, so most of the crossed are unknown.
    assert crossed.not_seen.low > 0.6
    assert far.not_seen.high < 0.2


def test_recorded_prices_of_binance_stand_for_marks_within_their_basis(shared: Path) -> None:
    for coin in ("BTC", "ETH", "SOL"):
        basis = np.abs(recorded_basis(shared, coin))
        assert len(basis) > 40
        assert np.median(basis) < 1e-3
        assert np.quantile(basis, 0.9) < 5e-3


def test_recorded_changes_tell_every_position_once(shared: Path) -> None:
    for change in recorded_changes(shared):
        both = len(change.before) + len(change.after) - np.count_nonzero(change.still_there)
        assert len(change) == both
        known = change.fate[: len(change.before)] != NOT_SEEN_AGAIN
        seen = np.isin(np.array(change.before.accounts), np.array(change.after.accounts))
        np.testing.assert_array_equal(known, seen[change.before.account])
