"""A dry run: how often rules would have fired over recorded data, and what the price did afterwards.

Nothing is sent and no state is kept. A move that follows a trigger is no proof that the rule saw it coming:
the same share is told of all times that were looked at, and a rule says something only beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.alert_evaluation import evaluated, first_state
from powderkeg.analytics.alert_observations import CoinObserver
from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.analytics.alert_values import Trigger
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

CHUNK = 7 * DAY
MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """What one rule would have done.

    Attributes
    ----------
    rule
        Which.
    steps, unknown
        How often it was held against an observation, and how often it could not be judged.
    triggers
        In order.
    lead_times
        Of each trigger: milliseconds until the mark price had moved so far, either way; None where it did not
        within the horizon, or nobody can tell.
    followed, false_alarms, undecided
        How many triggers a move followed, how many none did, and of how many it is not known.
    base_share
        Share of all steps of the coin that such a move followed, of those of which it is known; None without.
    """

    rule: AlertRule
    steps: int
    unknown: int
    triggers: tuple[Trigger, ...]
    lead_times: tuple[int | None, ...]
    followed: int
    false_alarms: int
    undecided: int
    base_share: float | None

    @property
    def median_lead(self) -> float | None:
        """Median of the lead times that there are, in milliseconds."""
        known = [lead for lead in self.lead_times if lead is not None]
        return float(np.median(known)) if known else None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        decided = self.followed + self.false_alarms
        return {
            "rule": self.rule.name,
            "coin": self.rule.coin,
            "kind": self.rule.kind,
            "steps": self.steps,
            "unknown_steps": self.unknown,
            "fired": len(self.triggers),
            "followed": self.followed,
            "false_alarms": self.false_alarms,
            "undecided": self.undecided,
            "followed_share": self.followed / decided if decided else None,
            "base_share": self.base_share,
            "median_lead_ms": self.median_lead,
            "triggers": [
                {"as_of": iso(one.as_of), "sentence": one.sentence, "lead_ms": lead}
                for one, lead in zip(self.triggers, self.lead_times, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """The dry run of some rules over [start, end], one look every `step`.

    `move` is the fraction by which the price has to move within `horizon` ms to count as one.
    """

    window: Window
    step: int
    move: float
    horizon: int
    rules: tuple[RuleTrial, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "since": iso(self.window.start),
            "until": iso(self.window.end),
            "step": duration_text(self.step),
            "move": self.move,
            "horizon": duration_text(self.horizon),
            "rules": [one.as_json() for one in self.rules],
        }


def trial(
    lake: Lake,
    venues: Sequence[Venue],
    rules: Sequence[AlertRule],
    window: Window,
    step: int,
    *,
    move: float = 0.03,
    horizon: int = DAY,
    models: VenueModels | None = None,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Trial:
    """Return what rules would have done over a window of a lake.

    Parameters
    ----------
    lake, venues
        Where, and whose rows.
    rules
        At least one.
    window
        Looked at on whole multiples of `step`.
    step
        Milliseconds between two looks. What comes and goes in between is not seen.
    move, horizon
        What counts as a move that follows, a fraction of the mark price either way, within so many ms.
    models
        What maps are drawn with.
    tell
        Called with (weeks done, weeks in all).

    Raises
    ------
    InputError
        No rules, an argument out of its range, or more than 200,000 looks.
    LakeError
        A file is missing or damaged.
    """
    if not rules:
        raise InputError("rules: there are none; expected at least one")
    if not 0 < move < 1:
        raise InputError(f"move is {move}; expected a fraction above 0 and below 1")
    times = np.arange(-(-window.start // step), window.end // step + 1, dtype=np.int64) * step
    if not 0 < len(times) <= MOST_STEPS:
        raise InputError(
            f"step: {duration_text(step)} makes {len(times):,} looks; expected 1 to {MOST_STEPS:,}"
        )
    coins = sorted({rule.coin for rule in rules})
    states = {rule.name: first_state(rule) for rule in rules}
    fired: dict[str, list[Trigger]] = {rule.name: [] for rule in rules}
    unknown = dict.fromkeys(fired, 0)
    prices = {coin: np.full(len(times), np.nan) for coin in coins}
    size = max(CHUNK // step, 1)
    starts = range(0, len(times), size)
    for number, first in enumerate(starts):
        tell(number, len(starts))
        chunk = times[first : first + size]
        for coin in coins:
            observer = CoinObserver(
                lake, venues, coin, rules, Window(int(chunk[0]), int(chunk[-1])), models, with_prices=True
            )
            for place, time in enumerate(chunk.tolist(), first):
                observation = observer.at(time)
                prices[coin][place] = np.nan if observation.mark_price is None else observation.mark_price
                for rule in (one for one in rules if one.coin == coin):
                    states[rule.name], trigger = evaluated(rule, states[rule.name], observation)
                    unknown[rule.name] += states[rule.name].unknown is not None
                    fired[rule.name] += [trigger] if trigger is not None else []
    tell(len(starts), len(starts))
    after = {coin: leads_to_move(times, prices[coin], move, horizon) for coin in coins}
    told = tuple(
        _rule_trial(rule, times, unknown[rule.name], fired[rule.name], after[rule.coin]) for rule in rules
    )
    return Trial(window, step, move, horizon, told)


def leads_to_move(times: IntArray, prices: FloatArray, move: float, horizon: int) -> FloatArray:
    """Return ms from each time to the first later one at which the price has moved by `move` either way.

    Infinity where it has not within `horizon`; NaN where that is not known: the price is not, or the data end
    before the horizon does and no move came until then.
    """
    leads = np.full(len(times), np.nan)
    for place in np.flatnonzero(np.isfinite(prices)).tolist():
        stop = int(np.searchsorted(times, times[place] + horizon, side="right"))
        moved = np.flatnonzero(np.abs(prices[place + 1 : stop] / prices[place] - 1) >= move)
        if len(moved):
            leads[place] = times[place + 1 + moved[0]] - times[place]
        elif times[-1] >= times[place] + horizon:
            leads[place] = np.inf
    return leads


def _rule_trial(
    rule: AlertRule, times: IntArray, unknown: int, triggers: Sequence[Trigger], after: FloatArray
) -> RuleTrial:
    leads = after[np.searchsorted(times, [one.as_of for one in triggers])]
    decided = after[~np.isnan(after)]
    return RuleTrial(
        rule=rule,
        steps=len(times),
        unknown=unknown,
        triggers=tuple(triggers),
        lead_times=tuple(int(lead) if np.isfinite(lead) else None for lead in leads),
        followed=int(np.isfinite(leads).sum()),
        false_alarms=int(np.isinf(leads).sum()),
        undecided=int(np.isnan(leads).sum()),
        base_share=float(np.isfinite(decided).mean()) if len(decided) else None,
    )
