"""What a market's context looks like in the terminal: at most 100 columns."""

from __future__ import annotations

import math

from rich.text import Text

from powderkeg.analytics.context_deleveraging import EventReading
from powderkeg.analytics.market_context import MarketContext
from powderkeg.cli.context_values import (
    UNKNOWN,
    facts_of,
    length_text,
    told,
    value_text,
)
from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, price_text, print_note
from powderkeg.cli.terminal_ripple import print_history, print_ripple, print_stress
from powderkeg.cli.terminal_tables import print_table, table_of
from powderkeg.model.amount_text import usd
from powderkeg.model.fact import Fact
from powderkeg.model.times import iso

_EVENTS = 8
_WINDOWS = ("1h", "4h", "24h", "7d")
_NAMED = {
    "long_build_up": Text("long build-up", style=LONG_COLOUR),
    "short_build_up": Text("short build-up", style=SHORT_COLOUR),
    "short_covering": Text("short covering", style=SHORT_COLOUR),
    "long_unwinding": Text("long unwinding", style=LONG_COLOUR),
    None: Text("within the noise", style="dim"),
}


def print_context(result: MarketContext) -> None:
    """Print every section, what is not known with what brings it, and what has to be known."""
    mark = result.fact("price.mark").value
    output.print(
        Text.assemble((result.coin, "bold"), f"  market context as of {iso(result.as_of)}"),
    )
    interest = (
        f"{told(result, 'open_interest.usd')} per side, {told(result, 'open_interest.base')} {result.coin}"
    )
    output.print(f"mark price {'-' if mark is None else price_text(mark)}   open interest {interest}\n")
    _print_positioning(result)
    _print_deleveraging(result)
    _print_funding(result)
    print_ripple(result)
    print_stress(result)
    print_history(result)
    _print_missing(result)


def _print_positioning(result: MarketContext) -> None:
    table = table_of("Positioning", "over", "price", "open interest", "usual", "which is called", left=(0, 4))
    for one in result.build_ups:
        table.add_row(
            one.window,
            *facts_of(
                result,
                f"price.change_{one.window}",
                f"open_interest.change_{one.window}",
                f"open_interest.usual_change_{one.window}",
            ),
            _NAMED[one.name],
        )
    print_table(table)
    table = table_of("", "opened", "USD", "net", "by sellers", "by buyers")
    for way in ("down", "up"):
        prefix = f"open_interest.added_on_way_{way}"
        parts = facts_of(
            result, *(f"{prefix}.{part}" for part in ("usd", "net_usd", "short_led", "long_led"))
        )
        table.add_row(f"on the way {way} from the week's {'high' if way == 'down' else 'low'}", *parts)
    print_table(table)
    table = table_of("", "in unrealised loss", "longs", "shorts", "kind", left=(0, 3))
    bounds = [
        f"{value_text(result.fact(f'offside.{side}.lowest')).plain} to "
        f"{value_text(result.fact(f'offside.{side}.highest')).plain}"
        for side in ("long", "short")
    ]
    table.add_row(
        "modelled", *facts_of(result, "offside.long", "offside.short"), "entries implied by the map"
    )
    table.add_row("  at least, at most", *bounds, "")
    for fact in result.facts:
        if (
            fact.name.startswith("offside.measured.")
            and fact.name.endswith(".long")
            and fact.value is not None
        ):
            venue = fact.name.split(".")[2]
            short = result.fact(f"offside.measured.{venue}.short")
            table.add_row(venue, value_text(fact), value_text(short), "known positions")
    print_table(table)
    loose = [
        fact
        for fact in result.facts
        if fact.name.startswith(("long_short_ratio.", "leverage.")) and fact.value is not None
    ]
    table = table_of("", "who holds", "ratio", "what it is", left=(0, 2))
    for fact in loose:
        table.add_row(fact.name, value_text(fact), fact.notes[-1].partition(":")[0])
    print_table(table)


def _print_deleveraging(result: MarketContext) -> None:
    headings = ("began (UTC)", "known in", "open interest", "price low", "forced", "back 1d", "back 7d")
    table = table_of("Deleveraging", *headings)
    for one in result.events[-_EVENTS:]:
        event = one.event
        table.add_row(
            iso(event.start)[2:16].replace("T", " "),
            length_text(event.known_at - event.start),
            Text(f"-{event.depth:.1%} in {length_text(event.most_by - event.start)}"),
            price_text(one.price_low, 6) if math.isfinite(one.price_low) else UNKNOWN,
            _forced(one),
            _back(event.recovery_1d),
            "under way" if event.ended is None else _back(event.recovery_7d),
        )
    print_table(table)
    now = result.fact("deleveraging.now.fall")
    count = result.fact("deleveraging.events")
    if not result.events:
        output.print("Deleveraging: no event in this time", style="italic")
    print_note(
        f"{value_text(count).plain} events in {_history_text(count)}; now {value_text(now).plain} below the "
        "highest of the day. Open interest: depth, and how soon nine tenths of it had gone. Forced: "
        "liquidated over the fall. Back: share of the fall regained."
    )


def _back(share: float | None) -> Text | str:
    return UNKNOWN if share is None else f"{share:+.0%}"


def _history_text(fact: Fact) -> str:
    return "an unknown time" if fact.window is None else length_text(fact.window.length)


def _forced(one: EventReading) -> Text | str:
    share = one.forced_share
    if math.isfinite(share):
        return f"{share:.0%}"
    return f">{usd(one.forced_usd)}" if math.isfinite(one.forced_usd) else UNKNOWN


def _print_funding(result: MarketContext) -> None:
    table = table_of("Funding and basis", "venue", "per 8h", "a year", "7 days", "persists", "mark to index")
    names = [
        fact.name.split(".")[1]
        for fact in result.facts
        if fact.name.startswith("funding_rate.") and fact.name.endswith(".annualised")
    ]
    for name in names:
        table.add_row(
            "weighed" if name == "weighted" else name,
            *facts_of(
                result,
                f"funding_rate.{name}",
                f"funding_rate.{name}.annualised",
                f"funding_rate.{name}.cumulative_7d",
                f"funding_rate.{name}.persistence",
            ),
            _basis(result.fact(f"basis.{name}.mark_to_index")),
            style="bold" if name == "weighted" else None,
        )
    print_table(table)
    crowded = {
        1.0: "longs are crowded",
        -1.0: "shorts are crowded",
        0.0: "no side is crowded",
        None: "crowding not known",
    }
    percentile = result.fact("funding_rate.weighted.percentile")
    spot = result.fact("basis.perpetual_to_spot")
    side = crowded[result.fact("funding_rate.crowded_side").value]
    print_note(
        f"Higher than {value_text(percentile).plain} of its own days; {side}. Perpetual to spot: "
        f"{_basis(spot).plain}."
    )


def _basis(fact: Fact) -> Text:
    return UNKNOWN if fact.value is None else Text(f"{fact.value:+.3%}")


def _print_missing(result: MarketContext) -> None:
    reasons: dict[str, list[str]] = {}
    for fact in result.facts:
        if fact.value is None:
            reasons.setdefault(fact.notes[-1], []).append(fact.name)
    if reasons:
        output.print("\nNot known", style="bold")
    for reason, names in reasons.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        print_note(f"{shown}: {reason}")
    for name, reason in result.skipped.items():
        print_note(f"Without {name}: {reason}")
    print_note("A context says what is so, and is no forecast of direction.")
