"""Alerts on the terminal: what fired, the watch list, the history, and dry runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.analytics.alert_evaluation import Watched
from powderkeg.cli.terminal import messages, output
from powderkeg.cli.terminal_text import count_text, length_text, plain_text, time_text
from powderkeg.model.times import duration_text

if TYPE_CHECKING:
    from powderkeg.analytics.alert_trials import Trial
    from powderkeg.lake.alert_store import Message, Told

_STYLES = {"fired": "bold red", "near": "bold yellow", "unknown": "dim", "cooling": "cyan"}


def round_json(
    fired: Sequence[Message],
    watched: Sequence[Watched],
    troubles: Mapping[str, str],
    arrived: int,
    failed: int,
) -> dict[str, Any]:
    """Return what one round did, for scripts."""
    return {
        "fired": [json.loads(one.body) for one in fired],
        "delivered": arrived,
        "not_delivered": failed,
        "not_observed": [{"coin": coin, "reason": why} for coin, why in troubles.items()],
        "watch_list": [one.as_json() for one in watched],
    }


def print_fired(fired: Sequence[Message], troubles: Mapping[str, str], arrived: int, failed: int) -> None:
    """Print what fired, how many messages arrived, and what could not be observed."""
    for message in fired:
        print_line(message)
    told = f"{count_text(len(fired), 'rule')} fired, {count_text(arrived, 'message')} delivered"
    output.print(told + (f", {failed} to be tried again" if failed else ""))
    print_troubles(troubles)


def print_line(message: Message) -> None:
    """Print one alert on a line."""
    line = f"{time_text(message.as_of)}  {message.severity}  {message.rule}: {message.sentence}"
    output.print(Text(plain_text(line)), soft_wrap=True)


def print_troubles(troubles: Mapping[str, str]) -> None:
    """Print on stderr which coins could not be observed, and why."""
    for coin, why in troubles.items():
        messages.print(Text(f"{coin} could not be observed: {plain_text(why)}"), soft_wrap=True)


def print_watch_list(watched: Sequence[Watched]) -> None:
    """Print where each rule stands."""
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("rule", "coin", "state", "value", "fires at", "why, or when it fired last"):
        table.add_column(name)
    for one in watched:
        state = one.state
        fired = "" if state.fired_at is None else f"{time_text(state.fired_at)}, {state.episode} in all"
        why = state.unknown if state.as_of is not None else "it was not evaluated yet"
        limit = (
            ""
            if state.threshold is None
            else f"{'≥' if state.rises else '≤'} {_number(state.threshold, state.unit)}"
        )
        table.add_row(
            one.rule.name,
            one.rule.coin,
            Text(one.status, style=_STYLES.get(one.status, "")),
            "" if state.value is None else _number(state.value, state.unit),
            limit,
            plain_text(why or fired),
        )
    output.print(table)


def print_history(told: Sequence[Told]) -> None:
    """Print what fired, newest first."""
    if not told:
        output.print("No rule has fired yet.")
        return
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("as of", "severity", "what", "told"):
        table.add_column(name)
    for one in told:
        reach = f"{one.delivered} yes" + (f", {one.waiting} waiting" if one.waiting else "")
        reach += f", {one.given_up} given up" if one.given_up else ""
        message = one.message
        text = f"{message.rule}: {message.sentence}"
        table.add_row(time_text(message.as_of), message.severity, plain_text(text), reach)
    output.print(table)


def print_trial(found: Trial) -> None:
    """Print how often each rule would have fired, and what followed."""
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("rule")
    for name in (
        "coin",
        "fired",
        "a move followed",
        "false alarms",
        "of all times",
        "median lead",
        "unknown",
    ):
        table.add_column(name, justify="right")
    for one in found.rules:
        lead = one.median_lead
        decided = one.followed + one.false_alarms
        table.add_row(
            one.rule.name,
            one.rule.coin,
            f"{len(one.triggers):,}",
            f"{one.followed} ({one.followed / decided:.0%})" if decided else "-",
            str(one.false_alarms) if decided else "-",
            "-" if one.base_share is None else f"{one.base_share:.0%}",
            "-" if lead is None else length_text(int(lead)),
            f"{one.unknown / one.steps:.0%}",
        )
    output.print(table)
    output.print(
        f"{found.window}, a look every {duration_text(found.step)}. A move is {found.move:.1%} of the mark "
        f"price either way within {duration_text(found.horizon)}; such a move followed the share `of all "
        "times`, and a rule says something only beyond that. Unknown: the share of looks at which it could "
        "not be judged.",
        soft_wrap=True,
    )


def _number(value: float, unit: str) -> str:
    if unit == "USD":
        return f"{value:,.0f} USD"
    if unit in ("fraction", "percentile"):
        return f"{value * 100:.2f} %"
    if unit == "milliseconds":
        return length_text(int(value))
    return f"{value * 100:.4f} %/8h" if unit == "per_8h" else f"{value:,.6g}"
