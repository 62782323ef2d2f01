"""Alert rules: what each kind reads, when it fires, and what a rules file may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_alerts import AT, made_map, rule, seen
from powderkeg.analytics.alert_conditions import reading_of
from powderkeg.analytics.alert_evaluation import evaluated, first_state, watched
from powderkeg.analytics.alert_rules import KINDS, alert_rule, alert_rules
from powderkeg.analytics.alert_values import AlertState, Change, Extremes, Funding, Observation, ReportedUsd
from powderkeg.analytics.measured_positions import NearPosition
from powderkeg.errors import InputError
from powderkeg.model.times import HOUR, MINUTE

# State machine

PRICES = st.lists(
    st.tuples(st.integers(1, 90), st.one_of(st.none(), st.floats(50.0, 150.0))), min_size=1, max_size=60
)


@given(
    steps=PRICES,
    cooldown=st.integers(1, 300),
    hysteresis=st.floats(0.0, 0.3),
    direction=st.sampled_from(["up", "down"]),
)
def test_triggers_are_a_cooldown_and_a_margin_apart(
    steps: list[tuple[int, float | None]], cooldown: int, hysteresis: float, direction: str
) -> None:
    made = rule(
        "price_crosses", level=100.0, direction=direction, cooldown=f"{cooldown}m", hysteresis=hysteresis
    )
    margin = 100 * (1 - hysteresis) if direction == "up" else 100 * (1 + hysteresis)
    state, minute, left, before = first_state(made), 0, False, None
    episodes = []
    for wait, price in steps:
        minute += wait
        state, trigger = evaluated(made, state, seen(minute, mark_price=price))
        if trigger is not None:
            assert left, "it had not left its margin"
            assert before is None or trigger.as_of - before >= cooldown * MINUTE
            assert price is not None
            assert price >= 100 if direction == "up" else price <= 100
            before, left = trigger.as_of, False
            episodes.append(trigger.episode)
        elif price is not None:
            left = left or (price < margin if direction == "up" else price > margin)
    assert episodes == list(range(1, len(episodes) + 1))


@given(steps=PRICES, again=st.integers(1, 3))
def test_an_observation_told_again_changes_nothing(steps: list[tuple[int, float | None]], again: int) -> None:
    made = rule("price_crosses", level=100.0, direction="up", cooldown="1m")
    once = often = first_state(made)
    minute = 0
    for wait, price in steps:
        minute += wait
        observation = seen(minute, mark_price=price)
        once, first = evaluated(made, once, observation)
        often, same = evaluated(made, often, observation)
        assert first == same
        for _ in range(again):
            often, trigger = evaluated(made, often, observation)
            assert trigger is None
    assert once == often


@given(steps=PRICES)
def test_what_is_not_known_neither_fires_nor_resolves(steps: list[tuple[int, float | None]]) -> None:
    made = rule("price_crosses", level=100.0, direction="up", cooldown="1m")
    state, minute = first_state(made), 0
    for wait, price in steps:
        minute += wait
        state, _ = evaluated(made, state, seen(minute, mark_price=price))
        blind, trigger = evaluated(made, state, seen(minute + 1))
        assert trigger is None
        assert (blind.armed, blind.episode, blind.fired_at) == (state.armed, state.episode, state.fired_at)
        assert watched(made, blind).status == "unknown"
        minute += 1
        state = blind


def test_the_watch_list_names_every_stage() -> None:
    made = rule("liquidations_above", usd=100.0, window="1h", cooldown="30m", hysteresis=0.5)

    def reported(usd: float) -> dict[str, Any]:
        return {"liquidations": {HOUR: ReportedUsd(usd, 0.0, 1.0)}}

    state = first_state(made)
    assert watched(made, state).status == "unknown"
    told = []
    for minute, usd in ((1, 10.0), (2, 80.0), (3, 100.0), (4, 60.0), (5, 49.0), (6, 120.0), (40, 120.0)):
        state, trigger = evaluated(made, state, seen(minute, **reported(usd)))
        told.append((watched(made, state).status, trigger is not None))
    assert told == [
        ("armed", False),
        ("near", False),
        ("fired", True),
        ("fired", False),
        ("cooling", False),
        ("cooling", False),
        ("fired", True),
    ]
    assert watched(made, state).remaining == -20.0
    state, trigger = evaluated(made, state, seen(41, missing={"liquidations": "nobody listened"}))
    assert trigger is None
    assert watched(made, state).as_json()["unknown_because"] == "nobody listened"
    assert AlertState.from_stored(state.as_stored()) == state


def test_an_observation_of_another_coin_is_refused() -> None:
    made = rule("price_crosses", level=100.0, direction="up")
    with pytest.raises(InputError, match="'r' is of BTC; the observation is of ETH"):
        evaluated(made, first_state(made), Observation(coin="ETH", as_of=AT))


# Kinds


def position(side: str, usd: float, distance: float) -> NearPosition:
    return NearPosition(
        rank=1, account="a", position_side=side, notional=usd, liquidation_price=100 * (1 + distance),
        distance=distance, age=1_000, margin_mode=None, share=0.1,
    )  # fmt: skip


WALLS = made_map([(95.0, 30.0), (101.0, 50.0), (120.0, 400.0)])
RATES = np.linspace(-1e-4, 1e-4, 101)

CASES: list[tuple[dict[str, Any], dict[str, Any], float | None, bool]] = [
    ({"kind": "price_near_wall", "least_usd": 40.0}, {"map": WALLS, "mark_price": 100.9}, 0.0, True),
    ({"kind": "price_near_wall", "least_usd": 40.0, "side": "long"}, {"map": WALLS, "mark_price": 95.0},
     None, False),
    ({"kind": "price_near_wall", "least_share": 0.02, "side": "long"}, {"map": WALLS, "mark_price": 95.0},
     0.0, True),
    ({"kind": "wall_grew", "added": 0.5, "window": "1h"},
     {"map": WALLS, "earlier_maps": {HOUR: made_map([(95.0, 20.0), (101.0, 20.0)])}}, 0.6, True),
    ({"kind": "wall_grew", "added": 0.5, "window": "1h", "side": "long"},
     {"map": WALLS, "earlier_maps": {HOUR: made_map([(95.0, 20.0), (101.0, 20.0)])}}, 1 / 3, False),
    ({"kind": "wall_swept", "least_usd": 45.0},
     {"earlier_maps": {HOUR: WALLS}, "extremes": {HOUR: Extremes(94.0, 102.0)}}, 50.0, True),
    ({"kind": "wall_swept", "least_usd": 45.0},
     {"earlier_maps": {HOUR: WALLS}, "extremes": {HOUR: Extremes(94.0, 100.5)}}, 30.0, False),
    ({"kind": "map_imbalance_beyond", "beyond": 0.2, "range": 0.06}, {"map": WALLS}, 0.25, True),
    ({"kind": "map_imbalance_beyond", "percentile": 0.9, "range": 0.06},
     {"map": WALLS, "map_imbalances": {0.06: np.linspace(-1, 0.2, 50)}}, 1.0, True),
    ({"kind": "liquidations_above", "usd": 100.0}, {"liquidations": {HOUR: ReportedUsd(90.0, 20.0, 0.1)}},
     110.0, True),
    ({"kind": "liquidations_above", "usd": 100.0, "side": "short"},
     {"liquidations": {HOUR: ReportedUsd(90.0, 20.0, 1.0)}}, 20.0, False),
    ({"kind": "cascade_under_way", "usd": 100.0, "drop": 0.02, "window": "1h"},
     {"liquidations": {HOUR: ReportedUsd(150.0, 0.0, 1.0)}, "open_interest": {HOUR: Change(100.0, 97.0)}},
     1.5, True),
    ({"kind": "cascade_under_way", "usd": 100.0, "drop": 0.02, "window": "1h"},
     {"liquidations": {HOUR: ReportedUsd(900.0, 0.0, 1.0)}, "open_interest": {HOUR: Change(100.0, 99.0)}},
     0.5, False),
    ({"kind": "funding_extreme", "percentile": 0.95}, {"funding": Funding(-2e-4, RATES)}, 1.0, True),
    ({"kind": "funding_extreme", "absolute": 3e-4}, {"funding": Funding(-2e-4, RATES)}, 2e-4, False),
    ({"kind": "open_interest_drop", "fraction": 0.05}, {"open_interest": {HOUR: Change(200.0, 180.0)}},
     0.1, True),
    ({"kind": "measured_position_near", "usd": 50.0},
     {"positions": (position("long", 60.0, -0.015), position("short", 40.0, 0.001))}, 0.015, True),
    ({"kind": "measured_position_near", "usd": 50.0}, {"positions": ()}, None, False),
    ({"kind": "price_crosses", "level": 99.0, "direction": "down"}, {"mark_price": 98.0}, 98.0, True),
    ({"kind": "feed_silent", "longer_than": "10m"},
     {"last_rows": {("binance", "liquidations"): AT - 11 * MINUTE, ("bybit", "trades"): AT}},
     11.0 * MINUTE, True),
    ({"kind": "feed_silent", "longer_than": "10m"},
     {"last_rows": {("binance", "liquidations"): AT - 11 * MINUTE, ("bybit", "liquidations"): AT}},
     0.0, False),
    ({"kind": "coverage_lost", "window": "6h"}, {"coverage": {("binance", "liquidations", 6 * HOUR): 0.5}},
     0.5, True),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "parts", "value", "met"), CASES)
def test_a_kind_reads_its_value(
    fields: dict[str, Any], parts: dict[str, Any], value: float | None, met: bool
) -> None:
    reading = reading_of(rule(**fields), seen(**parts))
    assert reading.unknown is None
    assert reading.value == pytest.approx(value, abs=1e-9)
    assert reading.met is met
    if met:
        assert reading.sentence.startswith("BTC: ")
        assert reading.facts
        assert all(fact.as_of == AT and fact.value is not None for fact in reading.facts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_unknown_without_data(kind: str) -> None:
    needed = {"level": 1.0, "direction": "up"} if kind == "price_crosses" else {}
    reading = reading_of(rule(kind, **needed), seen())
    assert reading.unknown
    assert not reading.met
    assert not reading.left(0.0)


def test_a_small_sum_of_a_feed_that_was_hardly_heard_is_unknown() -> None:
    made = rule("liquidations_above", usd=100.0)
    reading = reading_of(made, seen(liquidations={HOUR: ReportedUsd(1.0, 0.0, 0.2)}))
    assert reading.unknown == "only 20.0 % of the last 1h was heard"


def test_a_share_of_coverage_can_come_back_whatever_the_margin() -> None:
    made = rule("coverage_lost", least=0.99, hysteresis=0.9)
    whole = reading_of(made, seen(coverage={("binance", "liquidations", 6 * HOUR): 1.0}))
    assert whole.left(made.hysteresis)
    assert not replace(whole, value=0.995).left(made.hysteresis)


# Rules files


def test_defaults_fill_a_rule() -> None:
    made = alert_rule({"name": "a", "coin": "btc", "kind": "price_near_wall"})
    assert made.coin == "BTC"
    assert dict(made.parameters) == {"within": 0.01, "least_share": 0.02, "side": "either"}
    assert (made.cooldown, made.hysteresis, made.severity) == (HOUR, 0.5, "warning")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a/b"}, r"rule 1: name is 'a/b'"),
        ({"coin": 3}, r"rule 'a': coin is 3"),
        ({"kind": "wall"}, r"rule 'a': kind is 'wall'; expected one of price_near_wall"),
        ({"within": 1.5}, r"rule 'a': within is 1.5; expected a number above 0 and below 1"),
        ({"within": "near"}, r"rule 'a': within is 'near'"),
        ({"within": True}, r"rule 'a': within is True"),
        ({"side": "both"}, r"rule 'a': side is 'both'; expected one of long, short, either"),
        ({"least_usd": 1.0, "least_share": 0.1}, r"rule 'a': least_share is 0.1 beside least_usd"),
        ({"cooldown": "soon"}, r"rule 'a': cooldown is 'soon'; expected a length of time"),
        ({"hysteresis": 1}, r"rule 'a': hysteresis is 1; expected a fraction"),
        ({"severity": "loud"}, r"rule 'a': severity is 'loud'"),
        (
            {"colour": "red"},
            r"rule 'a': colour is 'red', but a rule of kind price_near_wall has no such field",
        ),
        (
            {"kind": "price_crosses", "direction": "up"},
            r"rule 'a': level is missing; expected quote per base",
        ),
        ({"kind": "feed_silent", "table": "news"}, r"rule 'a': table is 'news'; expected one of instruments"),
    ],
)
def test_an_unfit_field_is_named(fields: dict[str, Any], message: str) -> None:
    table = {"name": "a", "coin": "BTC", "kind": "price_near_wall", **fields}
    with pytest.raises(InputError, match=message):
        alert_rules([table])


def test_two_rules_of_one_name_are_refused() -> None:
    table = {"name": "a", "coin": "BTC", "kind": "price_near_wall"}
    with pytest.raises(InputError, match="rule 2: name is 'a'; expected one that no other rule has"):
        alert_rules([table, table])
