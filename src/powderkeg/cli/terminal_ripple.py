"""What of a context lies beyond the coin itself: other coins, venues, and history."""

from __future__ import annotations

import math

from rich.text import Text

from powderkeg.analytics.market_context import MarketContext
from powderkeg.cli.context_values import UNKNOWN, facts_of, told
from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, price_text, print_note
from powderkeg.cli.terminal_tables import print_table, table_of
from powderkeg.core.co_movement import Measured
from powderkeg.model.amount_text import usd
from powderkeg.model.times import iso

_DAYS = 6


def print_ripple(result: MarketContext) -> None:
    """Print how other coins move with the coin, and what its moves would liquidate."""
    headings = ("coin", "beta calm", "stressed", "corr.", "stressed", "tail", "-10 %", "+10 %")
    table = table_of("Ripple to other coins", *headings)
    joint = {(one.move, one.coin): one.notional for one in result.joint_liquidations}

    def forced(coin: str) -> list[Text | str]:
        amounts = (joint.get((move, coin)) for move in ("down_10", "up_10"))
        colours = (LONG_COLOUR, SHORT_COLOUR)
        return [
            UNKNOWN if amount is None else Text(usd(amount), style=colour)
            for amount, colour in zip(amounts, colours, strict=True)
        ]

    table.add_row(result.coin, *[""] * 5, *forced(result.coin), style="bold")
    for one in result.co_movements:
        table.add_row(
            one.coin,
            *(_with_error(one.beta[regime]) for regime in ("calm", "stressed")),
            *(_alone(one.correlation[regime]) for regime in ("calm", "stressed")),
            _with_error(one.tail_falls),
            *forced(one.coin),
        )
    print_table(table)
    asked = dict.fromkeys(one.move for one in result.joint_liquidations if one.move.startswith("to_"))
    for move in asked:
        rows = [one for one in result.joint_liquidations if one.move == move]
        parts = ", ".join(f"{one.coin} {usd(one.notional)}" for one in rows)
        output.print(f"If {result.coin} goes to {price_text(rows[0].price)}: {parts}", soft_wrap=True)
    regime = result.fact("ripple.volatility.percentile")
    print_note(
        f"± one standard error. Tail: how often an hour of {result.coin}'s worst 5 % is one of the coin's. "
        f"±10 %: what stands in the maps on the way if {result.coin} moves so far, at betas in stress. "
        f"Volatility: {'; '.join(regime.notes)}."
    )


def _alone(found: Measured) -> Text | str:
    return UNKNOWN if not math.isfinite(found.value) else f"{found.value:.2f}"


def _with_error(found: Measured) -> Text | str:
    return UNKNOWN if not math.isfinite(found.value) else f"{found.value:.2f}±{found.error:.2f}"


def print_stress(result: MarketContext) -> None:
    """Print what venues stand before, and how clusters spread over them."""
    headings = ("venue", "fund", "day/fund", "bids 2%", "asks 2%", "hour/bids", "hour/asks", "fund/peak")
    table = table_of("Venue stress", *headings)
    names = [
        fact.name.split(".")[1]
        for fact in result.facts
        if fact.name.startswith("venue_stress.")
        and fact.name.endswith(".insurance_fund")
        and not fact.name.endswith("to_insurance_fund")
    ]
    for name in names:
        prefix = f"venue_stress.{name}"
        parts = (
            "insurance_fund",
            "liquidations_to_insurance_fund",
            "depth_down_2pct",
            "depth_up_2pct",
            "liquidations_to_depth_down",
            "liquidations_to_depth_up",
            "deleveraging.balance_to_peak",
        )
        cells = facts_of(result, *(f"{prefix}.{part}" for part in parts))
        if any(cell is not UNKNOWN for cell in cells):
            table.add_row(name, *cells)
    print_table(table)
    table = table_of(
        "", "cluster", "from", "to", "notional", "largest venue", "share", "Herfindahl", left=(0, 4)
    )
    for one in result.clusters:
        table.add_row(
            Text(f"{one.side}s", style=LONG_COLOUR if one.side == "long" else SHORT_COLOUR),
            price_text(one.price_low),
            price_text(one.price_high),
            usd(one.notional),
            one.largest,
            f"{one.share:.0%}",
            f"{one.herfindahl:.2f}",
        )
    print_table(table)
    liquidated = ", ".join(
        f"{side}s {told(result, f'liquidations.{window}.{side}')} in {window}"
        for window in ("1h", "24h")
        for side in ("long", "short")
    )
    print_note(
        f"Liquidated, as reported: {liquidated}. Day/fund: liquidated in a day over the insurance fund. "
        "Hour/bids: longs liquidated in an hour over the depth within 2 %; hour/asks: shorts."
    )


def print_history(result: MarketContext) -> None:
    """Print the last days of the catalogue."""
    table = table_of("History for scale", "day", "move of BTC", "liquidated", "open interest", left=(0, 1, 2))
    written = [entry.historic for entry in result.catalogue if entry.historic is not None]
    for one in written[-_DAYS:]:
        first = one.liquidations[0]
        more = ">" if first.floor or first.high is None else ""
        change = one.open_interest_change
        table.add_row(
            iso(one.day)[:10],
            one.move,
            f"{more}{usd(first.low)} {first.of}",
            UNKNOWN if change is None else f"{change:+.1%}",
        )
    print_table(table)
    print_note(
        "As quoted at the time. >: a floor, from feeds that show a part. --json has the rest, and sources."
    )
