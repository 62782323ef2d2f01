"""What a recording looks like while it runs: a live table for people, JSON lines and metrics for machines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from powderkeg.cli.live_view import live_view
from powderkeg.cli.terminal import messages, output, print_json
from powderkeg.cli.terminal_text import count_text
from powderkeg.errors import OutputError

if TYPE_CHECKING:
    from powderkeg.ingest.recorder_counts import ConnectionCounts
    from powderkeg.ingest.recorder_settings import RecorderStatus
    from powderkeg.venues.venue import Venue

Statuses = Mapping[str, "RecorderStatus"]
_STATE_COLOURS = {"listening": "green", "connecting": "yellow", "waiting": "red", "stopped": "dim"}
_WINDOW = 5.0
"""Seconds that rates are taken over."""


@contextmanager
def ending(stop: asyncio.Event, seconds: float | None) -> Iterator[None]:
    """Set `stop` on Ctrl-C, on SIGTERM, and after `seconds` if given."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    timer = None if seconds is None else loop.call_later(seconds, stop.set)
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


def recording_view(statuses: Statuses, *, as_json: bool) -> AbstractContextManager[Callable[[], None]]:
    """Return a context whose function shows the state of a recording, see `powderkeg.cli.live_view`."""
    rates = Rates()

    def tell() -> None:
        if as_json:
            print(json.dumps(status_json(statuses)), flush=True)
        else:
            for line in (summary_line(statuses), *troubles_of_tables(statuses)):
                messages.print(Text(line), soft_wrap=True)

    return live_view(lambda: status_view(statuses, rates), tell, as_json=as_json)


class Rates:
    """Frames a second of each connection, over the last few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], list[tuple[float, int]]] = {}

    def rate(self, counts: ConnectionCounts) -> float:
        """Return frames a second since about five seconds ago."""
        now = self._clock()
        seen = self._seen.setdefault((counts.venue, counts.name), [])
        seen.append((now, counts.frames))
        while len(seen) > 2 and now - seen[1][0] > _WINDOW:
            seen.pop(0)
        then, frames = seen[0]
        return (counts.frames - frames) / (now - then) if now > then else 0.0


def status_view(statuses: Statuses, rates: Rates) -> Group:
    """Return the live table: a line for each connection, totals, and what went wrong last."""
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("venue", "connection", "state"):
        table.add_column(name)
    for name in ("frames/s", "frames", "safe", "lag", "gaps", "again", "dropped", "unread"):
        table.add_column(name, justify="right")
    troubles = []
    for status in statuses.values():
        for counts in status.connections:
            lag = "" if counts.lag is None else f"{counts.lag / 1000:.1f} s"
            table.add_row(
                counts.venue,
                counts.name.removesuffix("-0"),
                Text(counts.state, style=_STATE_COLOURS.get(counts.state, "")),
                f"{rates.rate(counts):,.0f}",
                f"{counts.frames:,}",
                f"{counts.acknowledged:,}",
                lag,
                _noted(counts.gaps),
                _noted(counts.reconnects),
                _noted(counts.dropped),
                _noted(counts.unreadable),
            )
            if counts.trouble:
                troubles.append(f"{counts.venue} {counts.name}: {counts.trouble[:160]}")
    lines = [Text(line, style="red") for line in troubles_of_tables(statuses)]
    lines += [Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in troubles[-6:]]
    return Group(table, Text(summary_line(statuses)), *lines, Text("Ctrl-C ends it.", style="dim"))


def troubles_of_tables(statuses: Statuses) -> list[str]:
    """Return a line for each venue whose segments cannot be moved or whose tables not merged, with why."""
    return [f"{status.venue}: {status.trouble}" for status in statuses.values() if status.trouble]


def is_heard(statuses: Statuses) -> bool:
    """Return whether anything came of any venue, or may still come without that anything is wrong."""
    return any(
        counts.frames or not counts.trouble for status in statuses.values() for counts in status.connections
    )


def never_heard(statuses: Statuses) -> list[str]:
    """Return a line for each connection that nothing came of, with the reason where there is one."""
    return [
        f"Not reached: {counts.venue} {counts.name.removesuffix('-0')}: {counts.trouble}"
        for status in statuses.values()
        for counts in status.connections
        if not counts.frames and counts.trouble
    ]


def summary_line(statuses: Statuses) -> str:
    """Return rows by table so far, in one line."""
    rows = rows_by_table(statuses)
    told = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in sorted(rows.items()))
    segments = sum(status.segments for status in statuses.values())
    moved = f"; {count_text(segments, 'segment')} in the tables" if segments else ""
    return f"{told or 'nothing yet'}{moved}"


def rows_by_table(statuses: Statuses) -> dict[str, int]:
    """Return rows read so far, by table, over all venues."""
    found: Counter[str] = Counter()
    for status in statuses.values():
        for counts in status.connections:
            found.update(counts.rows_by_table)
    return found


def status_json(statuses: Statuses) -> dict[str, Any]:
    """Return the state as JSON."""
    return {
        "ts": time.time_ns() // 1_000_000,
        "venues": [
            {
                "venue": status.venue,
                "symbols": list(status.symbols),
                "segments": status.segments,
                "compacted_rows": status.compacted_rows,
                "trouble": status.trouble,
                "connections": [_connection_json(counts) for counts in status.connections],
            }
            for status in statuses.values()
        ],
    }


def print_without(venues: Sequence[Venue], tables: Sequence[str]) -> None:
    """Say which of the tables cannot be recorded at which of the venues, and why."""
    from powderkeg.ingest.recording import recorded_tables

    for venue in venues:
        for table in tables:
            if table not in recorded_tables(venue):
                reason = venue.unavailable.get(table, "neither streamed nor told on request")
                messages.print(Text(f"Without {table} of {venue.name}: {reason}"), soft_wrap=True)


def print_recorded(statuses: Statuses, lake: Path, *, as_json: bool) -> None:
    """Print what was recorded in the end."""
    if as_json:
        print_json(status_json(statuses))
        return
    output.print(f"Recorded {summary_line(statuses)}, in {lake}.", soft_wrap=True)
    for line in (*troubles_of_tables(statuses), *never_heard(statuses)):
        messages.print(Text(line), soft_wrap=True)
    for status in statuses.values():
        for counts in status.connections:
            if counts.gaps or counts.dropped or counts.unreadable or counts.refused:
                refused = "".join(f", {name} refused" for name in counts.refused)
                output.print(
                    f"  {counts.venue} {counts.name}: {counts.gaps} gaps, {counts.dropped} dropped, "
                    f"{counts.unreadable} unreadable{refused}",
                    soft_wrap=True,
                )


@contextmanager
def metrics_server(port: int | None, statuses: Statuses) -> Iterator[None]:
    """Serve the state as Prometheus metrics on a port of this machine, while the block runs.

    Raises
    ------
    OutputError
        The port is taken.
    """
    if port is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    from powderkeg.cli.record_metrics import RecorderCollector

    registry = CollectorRegistry()
    registry.register(RecorderCollector(statuses))
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise OutputError(f"--metrics-port: {port} cannot be listened on: {error.strerror}") from error
    messages.print(f"metrics on http://127.0.0.1:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        with contextlib.suppress(RuntimeError):
            thread.join(5)


def _connection_json(counts: ConnectionCounts) -> dict[str, Any]:
    return {
        "connection": counts.name,
        "state": counts.state,
        "frames": counts.frames,
        "bytes": counts.bytes,
        "acknowledged": counts.acknowledged,
        "rows": counts.rows_by_table,
        "unreadable": counts.unreadable,
        "dropped": counts.dropped,
        "late": counts.late,
        "gaps": counts.gaps,
        "reconnects": counts.reconnects,
        "refused": counts.refused,
        "lag_ms": counts.lag,
        "last_frame": counts.last_frame,
        "trouble": counts.trouble,
    }


def _noted(count: int) -> Text:
    return Text(f"{count:,}", style="yellow" if count else "dim")
