"""Rules held against observations, with their states and messages kept in the store of a lake."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from powderkeg.analytics.alert_evaluation import Watched, evaluated, first_state, watched
from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import AlertState, Observation, Trigger
from powderkeg.lake.alert_store import AlertStore, Decided, Message, States, Told
from powderkeg.model.times import iso


def evaluate(
    store: AlertStore,
    rules: Iterable[AlertRule],
    observations: Iterable[Observation],
    targets: Sequence[str],
    now: int,
) -> list[Message]:
    """Hold rules against observations of their coins, and return the messages of those that fired.

    States and messages are written together or not at all. A rule without an observation stays as it is.

    Raises
    ------
    LakeError
        The store cannot be used.
    """
    by_coin = {one.coin: one for one in observations}
    asked = [rule for rule in rules if rule.coin in by_coin]

    def decide(states: States) -> Decided:
        changed: dict[tuple[str, str], dict[str, Any]] = {}
        messages: list[Message] = []
        for rule in asked:
            state, trigger = evaluated(rule, _state(states, rule), by_coin[rule.coin])
            changed[rule.name, rule.coin] = {"kind": rule.kind, **state.as_stored()}
            if trigger is not None:
                messages.append(message_of(trigger))
        return Decided(changed, messages)

    return store.update(decide, targets, now)


def message_of(trigger: Trigger) -> Message:
    """Return what is told of a trigger."""
    return Message(
        identity=trigger.identity,
        rule=trigger.rule,
        coin=trigger.coin,
        severity=trigger.severity,
        as_of=trigger.as_of,
        sentence=trigger.sentence,
        body=json.dumps(trigger.as_json()),
    )


def watch_list(store: AlertStore, rules: Iterable[AlertRule]) -> list[Watched]:
    """Return each rule with where it stands, as it was when it was evaluated last."""
    states = store.states()
    return [watched(rule, _state(states, rule)) for rule in rules]


def history_json(told: Iterable[Told]) -> list[dict[str, Any]]:
    """Return messages for scripts, each with how many targets have it, wait for it, and were given up."""
    return [
        {
            **json.loads(one.message.body),
            "recorded": iso(one.recorded),
            "targets": {"delivered": one.delivered, "waiting": one.waiting, "given_up": one.given_up},
        }
        for one in told
    ]


def _state(states: States, rule: AlertRule) -> AlertState:
    """Return a rule's state; where its kind has changed, one that knows only the number of episodes."""
    stored = dict(states.get((rule.name, rule.coin), {}))
    if not stored:
        return first_state(rule)
    if stored.pop("kind") != rule.kind:
        fresh = first_state(rule)
        return AlertState(armed=fresh.armed, episode=int(stored["episode"]), as_of=stored["as_of"])
    return AlertState.from_stored(stored)
