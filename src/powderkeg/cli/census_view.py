"""What a census looks like: a live view while it runs, what it has counted, and both as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from powderkeg.cli.live_view import live_view
from powderkeg.cli.terminal import messages, output, print_json
from powderkeg.cli.terminal_text import count_text, length_text, plain_text
from powderkeg.core.census_policy import CLASSES
from powderkeg.model.amount_text import usd
from powderkeg.model.times import SECOND, iso

if TYPE_CHECKING:
    from powderkeg.analytics.census_status import CensusStatus
    from powderkeg.ingest.census_progress import CensusProgress

_WIDEST = 100


def census_view(progress: CensusProgress, *, as_json: bool) -> AbstractContextManager[Callable[[], None]]:
    """Return a context whose function shows the state of a census, see `powderkeg.cli.live_view`."""
    began = time.monotonic()

    def tell() -> None:
        if as_json:
            print(json.dumps(progress_json(progress)), flush=True)
        else:
            messages.print(Text(summary(progress)), soft_wrap=True)

    return live_view(lambda: progress_view(progress, time.monotonic() - began), tell, as_json=as_json)


def progress_view(progress: CensusProgress, seconds: float) -> Group:
    """Return what is shown while a census runs, after so many seconds."""
    rate = progress.answered / seconds if seconds else 0.0
    table = Table(box=SIMPLE, pad_edge=False)
    for name in CLASSES:
        table.add_column(name, justify="right")
    if progress.classes:
        table.add_row(*(f"{count:,}" for count in progress.classes))
    lines = [
        Text.assemble((progress.venue, "bold"), f"  {progress.state}, {rate:.1f} states a second"),
        Text(summary(progress)),
    ]
    if progress.trouble:
        lines.append(
            Text(f"  {plain_text(progress.trouble)}", style="dim", no_wrap=True, overflow="ellipsis")
        )
    return Group(lines[0], table, *lines[1:], Text("Ctrl-C ends it.", style="dim"))


def summary(progress: CensusProgress) -> str:
    """Return a census in one line."""
    found = ", ".join(f"{count:,} by {how}" for how, count in sorted(progress.found.items()))
    parts = [
        f"{count_text(progress.accounts, 'account')} known" + (f" ({found} new)" if found else ""),
        f"{count_text(progress.answered, 'state')} with {count_text(progress.positions, 'position')}",
        f"{progress.acknowledged:,} safe",
    ]
    troubles = {
        "refused": progress.refused,
        "unreadable": progress.unreadable,
        "interrupted": progress.interrupted,
        "told to slow down": progress.limited,
    }
    parts += [f"{count:,} {what}" for what, count in troubles.items() if count]
    return "; ".join(parts)


def progress_json(progress: CensusProgress) -> dict[str, Any]:
    """Return a census as JSON, accounts by class."""
    told = dataclasses.asdict(progress)
    told["classes"] = dict(zip(CLASSES, progress.classes, strict=False))
    return {"ts": time.time_ns() // 1_000_000, **told}


def print_run(progress: CensusProgress, lake: Path, *, as_json: bool) -> None:
    """Print what a census brought in the end."""
    if as_json:
        print_json(progress_json(progress))
        return
    output.print(f"{summary(progress)}, in {lake}.", soft_wrap=True)
    if progress.trouble:
        output.print(Text(f"The last trouble: {plain_text(progress.trouble)}"), soft_wrap=True)


def status_json(status: CensusStatus) -> dict[str, Any]:
    """Return what a census covers as JSON; ages and intervals are ms."""
    from powderkeg.analytics.census_status import QUANTILES

    names = [f"{quantile:g}" for quantile in QUANTILES]
    told = dataclasses.asdict(status)
    told["at"] = iso(status.at)
    told["ages"] = dict(zip(names, status.ages, strict=True))
    told["notional_ages"] = dict(zip(names, status.notional_ages, strict=True))
    told["coins"] = [
        {**dataclasses.asdict(one), "long_share": one.long_share, "short_share": one.short_share}
        for one in status.coins
    ]
    return told


def print_status(status: CensusStatus, *, most_coins: int) -> None:
    """Print what a census covers: accounts, ages, classes, and open interest by coin."""
    output.print(
        Text.assemble(
            (f"{status.venue}", "bold"), f"  census as of {iso(status.at)[:16].replace('T', ' ')} UTC"
        )
    )
    if not status.asked:
        output.print(
            f"{count_text(status.accounts, 'account')} known, none asked yet: `powderkeg census run` does.",
            soft_wrap=True,
        )
        return
    output.print(
        f"{count_text(status.accounts, 'account')} known, {status.asked:,} asked, {status.holding:,} with "
        f"{count_text(status.positions, 'position')} of {usd(status.notional)}.",
        soft_wrap=True,
    )
    if status.portfolio_margin:
        output.print(
            f"{count_text(status.portfolio_margin, 'account')} with portfolio margin: no price of one coin "
            "says when they are liquidated.",
            soft_wrap=True,
        )
    output.print()
    _print_ages(status)
    _print_classes(status)
    _print_coins(status, most_coins)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _print(table: Table) -> None:
    output.print(table, width=min(_WIDEST, output.width))


def _print_ages(status: CensusStatus) -> None:
    from powderkeg.analytics.census_status import QUANTILES

    table = _table("Age of what is known", "share younger", *(f"{one:.0%}" for one in QUANTILES))
    table.add_row("accounts asked", *map(_length, status.ages))
    table.add_row("notional", *map(_length, status.notional_ages))
    _print(table)


def _print_classes(status: CensusStatus) -> None:
    table = _table(
        "By distance from liquidation", "class", "accounts", "median age", "asked every, as expected"
    )
    for one in status.classes:
        table.add_row(one.name, f"{one.accounts:,}", _length(one.median_age), _length(one.expected_interval))
    _print(table)


def _print_coins(status: CensusStatus, most: int) -> None:
    table = _table("Counted of open interest", "coin", "notional", "longs", "shorts", "open interest")
    for one in status.coins[:most]:
        known = "not in the lake" if one.open_interest is None else f"{one.open_interest:,.6g}"
        table.add_row(
            plain_text(one.coin), usd(one.notional), _share(one.long_share), _share(one.short_share), known
        )
    _print(table)
    hidden = len(status.coins) - most
    if hidden > 0:
        output.print(f"and {count_text(hidden, 'coin')} more; --coins shows them.")


def _length(value: float) -> str:
    return length_text(int(value) // SECOND * SECOND) if math.isfinite(value) else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
