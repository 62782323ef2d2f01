"""A recorder's state as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from powderkeg.ingest.recorder_settings import RecorderStatus

_COUNTERS = {
    "frames": "Frames received.",
    "bytes": "Bytes received.",
    "acknowledged": "Frames safe on disk.",
    "unreadable": "Frames that could not be read; they are kept.",
    "dropped": "Frames dropped under pressure, never of liquidations.",
    "late": "Messages that came again or after later ones.",
    "gaps": "Stretches in which something may have been missed.",
    "reconnects": "Connections made again.",
}
_CONNECTION = ("venue", "connection")


class RecorderCollector(Collector):
    """Reads the statuses whenever it is scraped."""

    def __init__(self, statuses: Mapping[str, RecorderStatus]) -> None:
        self._statuses = statuses

    def collect(self) -> Iterable[Metric]:
        """Yield counters, rows by table, lag and state of each connection, and the trouble of each venue."""
        connections = [counts for status in self._statuses.values() for counts in status.connections]
        for name, meaning in _COUNTERS.items():
            counter = CounterMetricFamily(f"powderkeg_recorder_{name}", meaning, labels=_CONNECTION)
            for counts in connections:
                counter.add_metric([counts.venue, counts.name], getattr(counts, name))
            yield counter
        rows = CounterMetricFamily("powderkeg_recorder_rows", "Rows read.", labels=(*_CONNECTION, "table"))
        lag = GaugeMetricFamily(
            "powderkeg_recorder_lag_seconds",
            "From the last event to its arrival.",
            labels=_CONNECTION,
        )
        up = GaugeMetricFamily("powderkeg_recorder_listening", "1 while it listens.", labels=_CONNECTION)
        for counts in connections:
            for table, count in counts.rows_by_table.items():
                rows.add_metric([counts.venue, counts.name, table], count)
            if counts.lag is not None:
                lag.add_metric([counts.venue, counts.name], counts.lag / 1000)
            up.add_metric([counts.venue, counts.name], float(counts.state == "listening"))
        trouble = GaugeMetricFamily(
            "powderkeg_recorder_trouble",
            "1 while a segment cannot be moved into the tables, or a table not be merged.",
            labels=_CONNECTION[:1],
        )
        for status in self._statuses.values():
            trouble.add_metric([status.venue], float(bool(status.trouble)))
        yield from (rows, lag, up, trouble)
