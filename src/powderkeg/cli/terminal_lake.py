"""What backfills and recordings look like in the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table

from powderkeg.cli.terminal import messages, output
from powderkeg.cli.terminal_text import time_text
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from powderkeg.ingest.backfill import BackfillReport
    from powderkeg.lake.market_lake import Lake
    from powderkeg.model.window import Window

_MOST_LINES = 10


def backfill_json(report: BackfillReport) -> dict[str, Any]:
    """Return what a backfill did, for scripts."""
    return {
        "datasets": [{**key.as_json(), "rows": rows} for key, rows in report.rows.items()],
        "requests": report.requests,
        "retries": report.retries,
        "limited": report.limited,
        "not_to_be_had": [
            {
                **one.key.as_json(),
                "start": iso(one.window.start),
                "end": iso(one.window.end),
                "reason": one.reason,
            }
            for one in report.not_to_be_had
        ],
        "failures": report.failures,
    }


def print_backfill(report: BackfillReport, lake: Lake) -> None:
    """Print rows written and what is complete by now, then what could not be had, then what failed."""
    table = Table("table", "symbol", "series", "rows written", "complete", box=SIMPLE)
    table.columns[3].justify = "right"
    for key, rows in report.rows.items():
        complete = windows_text(lake.covered(key)) or "as of now"
        table.add_row(key.table, key.symbol, key.variant, f"{rows:,}", complete)
    if report.rows:
        output.print(table)
    else:
        output.print("Nothing was missing.")
    again = f", {report.retries} asked again" if report.retries else ""
    slowed = f", {report.limited} times told to slow down" if report.limited else ""
    output.print(f"{report.requests} requests{again}{slowed}.")
    _print_some("Cannot be had", [f"{one.key}: {one.reason}" for one in report.not_to_be_had])
    _print_some("Failed; the same command asks again", report.failures)


def windows_text(windows: Sequence[Window], most: int = 2) -> str:
    """Return windows as text, the last ones if there are many."""
    shown = [f"{time_text(window.start)} to {time_text(window.end)}" for window in windows[-most:]]
    hidden = len(windows) - len(shown)
    return (f"{hidden} earlier, " if hidden > 0 else "") + ", ".join(shown)


def _print_some(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    messages.print(f"[bold]{title}:[/]")
    for line in lines[:_MOST_LINES]:
        messages.print(f"  {line}", markup=False, soft_wrap=True)
    if len(lines) > _MOST_LINES:
        messages.print(f"  and {len(lines) - _MOST_LINES} more")
