"""Alerts over a lake: what is observed at a time, and what rules would have done."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from alert_lake import BURST, END, FALL, SILENCE, START, write_lake
from powderkeg.analytics.alert_conditions import reading_of
from powderkeg.analytics.alert_observations import CoinObserver
from powderkeg.analytics.alert_rules import KINDS, AlertRule, alert_rules
from powderkeg.analytics.alert_rules_file import DEFAULT_RULES, read_rules
from powderkeg.analytics.alert_trials import leads_to_move, trial
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.registry import venues

VENUES = venues(["binance", "hyperliquid"])
KNOWN = alert_rules(
    [
        {"name": "large", "coin": "BTC", "kind": "liquidations_above", "usd": 50e6, "window": "1h"},
        {"name": "drop", "coin": "BTC", "kind": "open_interest_drop", "fraction": 0.05, "window": "1h"},
        {"name": "silent", "coin": "BTC", "kind": "feed_silent", "longer_than": "3h"},
        {"name": "lost", "coin": "BTC", "kind": "coverage_lost", "window": "6h", "least": 0.6},
        {"name": "nobody", "coin": "BTC", "kind": "measured_position_near"},
    ]
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return write_lake(tmp_path_factory.mktemp("alerts") / "lake")


def default_rules(folder: Path) -> tuple[AlertRule, ...]:
    path = folder / "rules.toml"
    path.write_text(DEFAULT_RULES, encoding="utf-8")
    return read_rules(path)


def test_a_dry_run_fires_when_it_was_planted(lake: Lake) -> None:
    found = trial(lake, VENUES, KNOWN, Window(START + 5 * DAY, START + 11 * DAY), HOUR)
    fired = {one.rule.name: [trigger.as_of for trigger in one.triggers] for one in found.rules}
    assert fired == {
        "large": [BURST],
        "drop": [FALL],
        # The last liquidation before came 59 minutes earlier.
        "silent": [SILENCE.start + 3 * HOUR],
        "lost": [SILENCE.start + 3 * HOUR],
        "nobody": [],
    }
    steps = 6 * 24 + 1
    assert {one.rule.name: one.unknown for one in found.rules} == dict.fromkeys(fired, 0) | {
        "large": SILENCE.length // HOUR,
        "nobody": steps,
    }
    assert {one.steps for one in found.rules} == {steps}
    told = found.as_json()["rules"][0]
    assert told["fired"] == told["followed"] + told["false_alarms"] + told["undecided"] == 1


def test_nothing_known_later_is_in_an_observation(lake: Lake, tmp_path: Path) -> None:
    at = START + 9 * DAY + 7 * HOUR
    rules = (*KNOWN, *default_rules(tmp_path))
    window = Window(at - DAY, at + 2 * DAY)
    whole = CoinObserver(lake, VENUES, "BTC", rules, window).at(at)
    cut = CoinObserver(write_lake(tmp_path / "cut", at), VENUES, "BTC", rules, window).at(at)
    readings = [(reading_of(rule, whole), reading_of(rule, cut)) for rule in rules]
    assert [dataclasses.asdict(one) for one, _ in readings] == [
        dataclasses.asdict(two) for _, two in readings
    ]
    judged = {rule.kind for rule, (one, _) in zip(rules, readings, strict=True) if one.unknown is None}
    assert judged >= {
        *("price_near_wall", "wall_grew", "wall_swept", "liquidations_above", "cascade_under_way"),
        *("open_interest_drop", "feed_silent", "coverage_lost", "map_imbalance_beyond", "funding_extreme"),
    } - {"funding_extreme"}  # 29 settled rates are no history


def test_a_price_that_was_heard_goes_before_the_last_bar(lake: Lake) -> None:
    rules = alert_rules([{"name": "a", "coin": "BTC", "kind": "price_near_wall"}])
    observer = CoinObserver(lake, VENUES, "BTC", rules, Window(END, END + 10 * MINUTE))
    assert observer.reference == "binance"
    assert observer.at(END + MINUTE, 123.0).mark_price == 123.0
    assert observer.at(END + MINUTE).map == observer.at(END + MINUTE).map is not None


def test_what_is_old_is_unknown_and_says_so(lake: Lake, tmp_path: Path) -> None:
    at = END + 3 * HOUR
    rules = default_rules(tmp_path)
    seen = CoinObserver(lake, VENUES, "BTC", rules, Window(at, at + MINUTE)).at(at)
    why = {rule.name: reading_of(rule, seen).unknown for rule in rules}
    assert why["wall near"] == why["deleveraging"] == "the bars end at 2026-01-13T00:00:00Z, 3h before"
    assert why["large liquidations"] == "the lake holds no liquidations of BTC in the window"
    assert why["large position near"] == "no account's state of the last day is in the lake"
    assert why["feed silent"] is None


def test_an_empty_lake_leaves_every_rule_unknown(tmp_path: Path) -> None:
    rules = default_rules(tmp_path)
    seen = CoinObserver(
        Lake(tmp_path / "lake", create=True), VENUES, "BTC", rules, Window(START, START + DAY)
    ).at(START)
    assert [rule.name for rule in rules if reading_of(rule, seen).unknown is None] == []


def test_lead_times_are_those_of_the_first_move_either_way() -> None:
    times = np.arange(6, dtype=np.int64) * HOUR
    prices = np.array([100.0, 101.0, np.nan, 104.0, 100.0, 100.0])
    leads = leads_to_move(times, prices, 0.03, 3 * HOUR)
    assert leads.tolist()[:2] == [3 * HOUR, np.inf]
    assert leads.tolist()[3] == HOUR
    assert np.isnan(leads[[2, 4, 5]]).all()


def test_a_dry_run_refuses_what_it_cannot_do(lake: Lake) -> None:
    window = Window(START, END)
    for arguments, message in (
        (([], window, HOUR), "rules: there are none"),
        ((KNOWN, window, 1_000), "step: 1s makes 1,036,801 looks"),
        ((KNOWN, Window(START + 1, START + 2), HOUR), "step: 1h makes 0 looks"),
    ):
        with pytest.raises(InputError, match=message):
            trial(lake, VENUES, *arguments)
    with pytest.raises(InputError, match="move is 1"):
        trial(lake, VENUES, KNOWN, window, HOUR, move=1)


def test_the_default_rules_have_every_kind_but_the_users_own(tmp_path: Path) -> None:
    assert {rule.kind for rule in default_rules(tmp_path)} == set(KINDS) - {"price_crosses"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rule = 3", "holds no rules"),
        ("[[rule]\n", "is no TOML"),
        ("[rules]\na = 1", "holds 'rules'; expected tables"),
        ("[[rule]]\nname = 'a'\ncoin = 'BTC'\nkind = 'wall'", r"rules.toml: rule 'a': kind is 'wall'"),
    ],
)
def test_a_file_of_no_rules_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rules(path)
    with pytest.raises(InputError, match="nowhere.toml cannot be read: No such file"):
        read_rules(tmp_path / "nowhere.toml")
