"""Whom a census asks next: shares of classes, weights inside them, rests, and nobody forgotten."""

from __future__ import annotations

import math
import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.census_policy import (
    CLASSES,
    CLOSE,
    EMPTY,
    FAR,
    NEAR,
    NEW,
    CensusPolicy,
    Outlook,
    class_rates,
    expected_intervals,
    outlook_of,
)
from powderkeg.core.census_schedule import CensusSchedule
from powderkeg.model.market_rows import AccountPosition
from powderkeg.model.times import HOUR, MINUTE, SECOND

NOW = 1_790_000_000_000
POLICY = CensusPolicy()
NOTHING = Outlook(0.0)


def at_distance(distance: float, notional: float = 100_000.0, coin: str = "BTC") -> Outlook:
    """Return the outlook of an account with a long this far from its liquidation price, at a mark of 100."""
    return Outlook(notional, coin, 100.0 * (1 - distance), 100.0)


def seen(schedule: CensusSchedule, outlooks: dict[str, Outlook], at: int = NOW) -> None:
    for account, outlook in outlooks.items():
        schedule.seen(account, at, outlook)


def asked(schedule: CensusSchedule, outlooks: dict[str, Outlook], seconds: int, step: int) -> list[str]:
    """Return whom a census asks that puts a question every `step` ms, each answered as before."""
    order = []
    for now in range(NOW, NOW + seconds * 1000, step):
        account = schedule.next(now)
        if account is not None:
            order.append(account)
            schedule.seen(account, now, outlooks[account])
    return order


def test_classes_go_by_the_nearest_position() -> None:
    schedule = CensusSchedule()
    outlooks = {
        "close": at_distance(0.019),
        "edge": at_distance(0.02),
        "near": at_distance(0.0999),
        "far": at_distance(0.11),
        "no level": Outlook(5_000.0),
        "empty": NOTHING,
    }
    seen(schedule, outlooks)
    schedule.add("new")
    assert [CLASSES[kind] for kind in schedule.kinds] == [
        "close",
        "near",
        "near",
        "far",
        "far",
        "empty",
        "new",
    ]
    assert schedule.counts == (1, 1, 2, 2, 1)
    assert len(schedule) == 7


def test_an_outlook_is_of_the_position_that_is_nearest_and_of_all_the_notional() -> None:
    def position(coin: str, notional: float, level: float | None, quantity: float = 2.0) -> AccountPosition:
        return AccountPosition(NOW, "a", coin, "long", quantity, 1.0, notional, 0.0, 5.0, "cross", 1.0, level)

    positions = [position("A", 200.0, 90.0), position("B", 400.0, 195.0), position("C", 50.0, None)]
    assert outlook_of(positions) == Outlook(650.0, "B", 195.0, 200.0)
    only = outlook_of([position("C", 50.0, None), position("D", 0.0, 1.0)])
    assert (only.notional, only.coin) == (50.0, "")
    assert math.isnan(only.level)
    assert outlook_of([]).notional == 0


def test_classes_that_wait_get_their_shares() -> None:
    outlooks = {
        **{f"close {n}": at_distance(0.015) for n in range(300)},
        **{f"near {n}": at_distance(0.09) for n in range(300)},
        **{f"far {n}": at_distance(0.5) for n in range(300)},
        **{f"empty {n}": NOTHING for n in range(300)},
        **{f"new {n}": NOTHING for n in range(2000)},
    }
    schedule = CensusSchedule()
    seen(schedule, {name: one for name, one in outlooks.items() if not name.startswith("new")}, NOW - HOUR)
    for name in outlooks:
        schedule.add(name)
    counts = Counter(name.split()[0] for name in asked(schedule, outlooks, 100, 100))
    shares = {name: counts[name] / 1000 for name in CLASSES}
    assert shares == pytest.approx(dict(zip(CLASSES, POLICY.shares, strict=True)), abs=0.01)


def test_a_class_without_anybody_waiting_leaves_its_share_to_the_others() -> None:
    outlooks = {"close": at_distance(0.01), **{f"far {n}": at_distance(0.5) for n in range(1000)}}
    schedule = CensusSchedule()
    seen(schedule, outlooks, NOW - HOUR)
    order = asked(schedule, outlooks, 100, 200)
    assert len(order) == 500
    # It rests for ten seconds after each answer, whatever share it might have.
    assert order.count("close") == 10
    # And having had no use for turns, it has not saved any up.
    far = [place for place, name in enumerate(order) if name != "close"]
    assert max(after - before for before, after in pairwise(far)) == 2


def test_of_two_accounts_of_a_class_the_larger_and_the_nearer_are_asked_more_often() -> None:
    policy = CensusPolicy(rests=(0, 0, 0, 0, 0))
    outlooks = {
        "usual": at_distance(0.02 - 1e-9),
        "four times as large": at_distance(0.02 - 1e-9, 400_000.0),
        "half as far": at_distance(0.01),
        "tiny": at_distance(0.02 - 1e-9, 1.0),
        "at its level": at_distance(0.0),
    }
    schedule = CensusSchedule(policy)
    seen(schedule, outlooks, NOW - HOUR)
    counts = Counter(asked(schedule, outlooks, 925, 100))
    usual = counts["usual"]
    assert usual == pytest.approx(1000, rel=0.01)
    assert counts["four times as large"] == pytest.approx(2 * usual, rel=0.01)
    assert counts["half as far"] == pytest.approx(2 * usual, rel=0.01)
    assert counts["tiny"] == pytest.approx(usual / 4, rel=0.02)
    assert counts["at its level"] == pytest.approx(4 * usual, rel=0.01)


def test_new_accounts_of_known_value_go_first_and_all_go() -> None:
    schedule = CensusSchedule()
    for number in range(50):
        schedule.add(f"small {number}", 10.0)
    schedule.add("unknown")
    schedule.add("large", 1e9)
    outlooks = dict.fromkeys([f"small {n}" for n in range(50)] + ["unknown", "large"], NOTHING)
    order = asked(schedule, outlooks, 60, 1000)
    assert len(order) == len(set(order)) == 52
    assert order.index("large") < order.index("unknown") < order.index("small 0")


def test_a_guess_at_the_value_counts_until_an_account_was_asked() -> None:
    schedule = CensusSchedule()
    schedule.add("a")
    schedule.add("b")
    assert not schedule.add("b", 1e9)
    assert schedule.next(NOW) == "b"
    schedule.seen("b", NOW, NOTHING)
    schedule.add("b", 1e9)
    assert schedule.next(NOW) == "a"
    schedule.seen("a", NOW, NOTHING)
    assert schedule.next(NOW) is None


def test_nobody_is_asked_twice_at_once_nor_while_resting() -> None:
    schedule = CensusSchedule()
    schedule.add("a")
    assert schedule.next(NOW) == "a"
    assert schedule.next(NOW) is None
    assert schedule.wait(NOW) is None
    schedule.seen("a", NOW, at_distance(0.05))
    assert schedule.wait(NOW) == POLICY.rests[NEAR]
    assert schedule.next(NOW + POLICY.rests[NEAR] - 1) is None
    assert schedule.wait(NOW + POLICY.rests[NEAR]) == 0
    assert schedule.next(NOW + POLICY.rests[NEAR]) == "a"


def test_an_account_whose_answers_are_of_no_use_waits_longer_each_time_and_holds_up_nobody() -> None:
    schedule = CensusSchedule()
    schedule.add("bad")
    now, pauses = NOW, []
    for _ in range(12):
        assert schedule.next(now) == "bad"
        schedule.failed("bad", now)
        wait = schedule.wait(now)
        assert wait is not None
        pauses.append(wait)
        schedule.add(f"good {now}")
        assert schedule.next(now) == f"good {now}"  # and is still being asked
        now += wait
        if wait == HOUR:
            break
    assert pauses == [min(30 * SECOND * 2**n, HOUR) for n in range(len(pauses))]
    assert pauses[-1] == HOUR
    assert schedule.next(now) == "bad"
    schedule.seen("bad", now, at_distance(0.01))
    assert schedule.next(now + POLICY.rests[CLOSE]) == "bad"
    now += POLICY.rests[CLOSE]
    schedule.failed("bad", now)
    assert schedule.wait(now) == 30 * SECOND  # an answer that could be used has made it good again


def test_who_got_no_answer_for_no_fault_of_its_own_is_next_again() -> None:
    schedule = CensusSchedule()
    for name in ("a", "b", "c"):
        schedule.add(name)
    first = schedule.next(NOW)
    assert first == "a"
    schedule.put_back("a")
    assert [schedule.next(NOW) for _ in range(4)] == ["a", "b", "c", None]


def test_marks_that_move_put_accounts_where_they_belong_and_the_closer_ones_first() -> None:
    schedule = CensusSchedule()
    outlooks = {f"far {n}": at_distance(0.5, coin="ETH") for n in range(5)}
    outlooks |= {"falling": at_distance(0.12), "short": Outlook(1e5, "BTC", 130.0, 100.0)}
    seen(schedule, outlooks, NOW - HOUR)
    assert schedule.see_marks({"BTC": 100.0, "DOGE": 1.0}) == 0
    assert schedule.see_marks({"BTC": 89.0}) == 1  # 88 is 1.1 % away
    assert schedule.counts == (0, 1, 0, 6, 0)
    assert schedule.next(NOW) == "falling"
    schedule.seen("falling", NOW, at_distance(0.12))
    # What was asked within its rest is not asked again for it, only sooner than it would have been.
    assert schedule.see_marks({"BTC": 87.0}) == 1  # beyond its level: nearer than any
    assert all(account != "falling" for account in iter(lambda: schedule.next(NOW), None))
    assert schedule.wait(NOW) == POLICY.rests[CLOSE]
    assert schedule.see_marks({"BTC": 129.9}) == 1  # the short is being asked, and is left where it is
    assert schedule.kinds[5] == FAR


def test_an_empty_account_that_trades_is_as_good_as_new() -> None:
    schedule = CensusSchedule()
    seen(schedule, {"empty": NOTHING, "holding": at_distance(0.3)}, NOW)
    schedule.traded("empty")
    schedule.traded("holding")
    assert schedule.counts == (1, 0, 0, 1, 0)
    assert schedule.next(NOW + 29 * SECOND) is None
    assert schedule.next(NOW + 30 * SECOND) == "empty"
    schedule.traded("empty")  # an answer is on its way
    schedule.seen("empty", NOW + 30 * SECOND, NOTHING)
    assert schedule.counts[EMPTY] == 1


def test_expected_intervals_share_what_rests_leave() -> None:
    rates = class_rates(POLICY, (0, 10, 0, 3000, 6000), 5.0)
    assert rates[NEW] == rates[NEAR] == 0
    assert rates[CLOSE] == 1.0  # ten accounts that rest ten seconds can use no more
    assert rates[FAR] == pytest.approx(4.0 * 0.10 / 0.15)
    # Empty accounts rest for an hour: 6,000 of them could use 1.67 a second.
    assert rates[EMPTY] == pytest.approx(4.0 * 0.05 / 0.15)
    assert sum(rates) == pytest.approx(5.0)
    intervals = expected_intervals(POLICY, (0, 10, 0, 3000, 6000), 5.0)
    assert intervals[CLOSE] == 10.0
    assert intervals[FAR] == pytest.approx(3000 / rates[FAR])
    assert math.isnan(intervals[NEW])
    assert sum(class_rates(POLICY, (0, 1, 1, 1, 1), 5.0)) < 5.0  # everybody rests


def test_what_is_expected_is_what_happens() -> None:
    outlooks = {
        **{f"close {n}": at_distance(0.015, 10.0 ** (3 + n % 4)) for n in range(60)},
        **{f"near {n}": at_distance(0.05) for n in range(200)},
        **{f"far {n}": at_distance(0.5) for n in range(300)},
        **{f"empty {n}": NOTHING for n in range(500)},
    }
    schedule = CensusSchedule()
    seen(schedule, outlooks, NOW - HOUR)
    order = asked(schedule, outlooks, 4000, 200)
    counts = Counter(name.split()[0] for name in order)
    expected = expected_intervals(POLICY, schedule.counts, 5.0)
    for kind in (CLOSE, NEAR, FAR):
        measured = 4000 * schedule.counts[kind] / counts[CLASSES[kind]]
        assert measured == pytest.approx(expected[kind], rel=0.1), CLASSES[kind]
    assert {name for name in order if name.startswith("empty")} == {f"empty {n}" for n in range(500)}


@settings(deadline=None, max_examples=15)
@given(
    distances=st.lists(st.sampled_from([0.001, 0.015, 0.06, 0.4, None]), min_size=1, max_size=40),
    notionals=st.lists(st.floats(1.0, 1e9), min_size=40, max_size=40),
)
def test_nobody_is_forgotten(distances: list[float | None], notionals: list[float]) -> None:
    outlooks = {
        str(number): NOTHING if one is None else at_distance(one, notionals[number])
        for number, one in enumerate(distances)
    }
    schedule = CensusSchedule()
    seen(schedule, outlooks, NOW - 2 * HOUR)
    # A class has a share of at least a twentieth, an account a weight of at least a sixteenth of another's.
    order = asked(schedule, outlooks, 20 * 16 * len(outlooks), 1000)
    assert set(order) == set(outlooks)


def test_half_a_million_accounts_cost_little_each() -> None:
    schedule = CensusSchedule()
    for number in range(450_000):
        schedule.add(str(number), float(number))
    for number in range(450_000, 500_000):
        schedule.seen(str(number), NOW - HOUR + number, at_distance((number % 1000) / 1000))
    began = time.process_time()
    for step in range(10_000):
        account = schedule.next(NOW + step)
        assert account is not None
        schedule.seen(account, NOW + step, at_distance(0.5))
    assert (time.process_time() - began) / 10_000 < 0.001
    began = time.process_time()
    schedule.see_marks({"BTC": 99.0})
    assert time.process_time() - began < 10.0


def test_times_of_the_usual_policy_are_as_documented() -> None:
    assert POLICY.rests == (0, 10 * SECOND, 30 * SECOND, 2 * MINUTE, HOUR)
    assert sum(POLICY.shares) == pytest.approx(1.0)
