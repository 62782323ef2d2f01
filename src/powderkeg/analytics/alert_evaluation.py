"""A rule held against one observation after another: when it fires, and where it stands in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from powderkeg.analytics.alert_conditions import reading_of
from powderkeg.analytics.alert_rules import KINDS, AlertRule
from powderkeg.analytics.alert_values import AlertState, Observation, Trigger
from powderkeg.errors import InputError
from powderkeg.model.times import iso

NEAR = 0.8
"""A rule is near where its value is so far on the way to its threshold, as a ratio of the two."""


def first_state(rule: AlertRule) -> AlertState:
    """Return the state of a rule that has never been held against anything.

    It may fire at first sight, but for kinds that say that something has crossed: they must be seen on the
    other side first.
    """
    return AlertState(armed=not KINDS[rule.kind].leaves_first)


def evaluated(
    rule: AlertRule, state: AlertState, observation: Observation
) -> tuple[AlertState, Trigger | None]:
    """Return the state of a rule after an observation, and the trigger if it fires.

    It fires where its condition holds, it has left its margin since it fired last, and its cooldown is over;
    one episode, one trigger. What cannot be judged leaves everything as it is but for the reason. An
    observation that is not newer than the last changes nothing.

    Raises
    ------
    InputError
        The observation is of another coin.
    """
    if observation.coin != rule.coin:
        raise InputError(f"rule {rule.name!r} is of {rule.coin}; the observation is of {observation.coin}")
    if state.as_of is not None and observation.as_of <= state.as_of:
        return state, None
    reading = reading_of(rule, observation)
    seen = replace(
        state,
        as_of=observation.as_of,
        value=reading.value,
        threshold=reading.threshold,
        rises=reading.rises,
        unit=reading.unit,
        unknown=reading.unknown,
    )
    if reading.unknown is not None:
        return seen, None
    if not state.armed:
        return replace(seen, armed=reading.left(rule.hysteresis)), None
    if not reading.met or _cooling_until(rule, state) > observation.as_of:
        return seen, None
    fired = replace(seen, armed=False, episode=state.episode + 1, fired_at=observation.as_of)
    return fired, Trigger(
        rule=rule.name,
        coin=rule.coin,
        episode=fired.episode,
        kind=rule.kind,
        severity=rule.severity,
        as_of=observation.as_of,
        sentence=reading.sentence,
        facts=reading.facts,
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule of the watch list.

    Attributes
    ----------
    rule, state
        As they are.
    status
        ``armed``, ``near`` (armed, and its value four fifths of the way), ``fired`` (the episode goes on),
        ``cooling`` (it is over, and the rule may not fire yet), ``waiting`` (to be seen on the other side
        first) or ``unknown``.
    remaining
        How far the value is from the threshold, in its unit, 0 or less where the condition holds; None where
        there is no value.
    """

    rule: AlertRule
    state: AlertState
    status: str
    remaining: float | None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        state = self.state
        return {
            "rule": self.rule.name,
            "coin": self.rule.coin,
            "kind": self.rule.kind,
            "severity": self.rule.severity,
            "status": self.status,
            "unknown_because": state.unknown if state.as_of is not None else "it was not evaluated yet",
            "value": state.value,
            "threshold": state.threshold,
            "fires": "at_or_above" if state.rises else "at_or_below",
            "unit": state.unit or None,
            "remaining": self.remaining,
            "episode": state.episode,
            "fired_at": None if state.fired_at is None else iso(state.fired_at),
            "as_of": None if state.as_of is None else iso(state.as_of),
        }


def watched(rule: AlertRule, state: AlertState) -> Watched:
    """Return a rule as the watch list shows it."""
    remaining = None
    if state.value is not None and state.threshold is not None:
        remaining = (state.threshold - state.value) * (1 if state.rises else -1)
    return Watched(rule, state, _status(rule, state), remaining)


def _status(rule: AlertRule, state: AlertState) -> str:
    if state.as_of is None or state.unknown is not None:
        return "unknown"
    if not state.armed:
        return "fired" if state.episode else "waiting"
    if _cooling_until(rule, state) > state.as_of:
        return "cooling"
    return "near" if _is_near(state) else "armed"


def _is_near(state: AlertState) -> bool:
    if state.value is None or state.threshold is None:
        return False
    small, large = (state.value, state.threshold) if state.rises else (state.threshold, state.value)
    return small >= NEAR * large


def _cooling_until(rule: AlertRule, state: AlertState) -> int:
    return 0 if state.fired_at is None else state.fired_at + rule.cooldown
