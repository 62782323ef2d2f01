"""What ``powderkeg record`` shows of a lake that it cannot move its segments into."""

from __future__ import annotations

import io

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from powderkeg.cli import live_view, record_view
from powderkeg.cli.record_metrics import RecorderCollector
from powderkeg.cli.record_view import Rates, recording_view, status_json, status_view
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.recorder_settings import RecorderStatus

REASON = (
    "what is recorded is safe, but not in the tables: "
    "lake/tables/table=trades cannot be made: [Errno 28] No space left on device"
)


@pytest.fixture
def statuses() -> dict[str, RecorderStatus]:
    """Two venues; the tables of one cannot be written, and each of its connections has had trouble since."""
    connections = [
        ConnectionCounts("bybit", f"market-stream-{number}", trouble="nothing came for 30 s")
        for number in range(9)
    ]
    return {
        "bybit": RecorderStatus("bybit", ("BTCUSDT",), ("trades",), connections, trouble=REASON),
        "okx": RecorderStatus("okx", ("BTC-USDT-SWAP",), ("trades",), [ConnectionCounts("okx", "polls")]),
    }


def shown(statuses: dict[str, RecorderStatus]) -> str:
    console = Console(file=io.StringIO(), width=80, legacy_windows=False)
    with console.capture() as captured:
        console.print(status_view(statuses, Rates()))
    return " ".join(captured.get().split())


def test_the_live_view_says_that_tables_cannot_be_written_however_much_else_goes_wrong(
    statuses: dict[str, RecorderStatus],
) -> None:
    assert f"bybit: {REASON}" in shown(statuses)
    statuses["bybit"].trouble = ""
    assert "not in the tables" not in shown(statuses)


def test_lines_for_a_log_say_it_too(
    statuses: dict[str, RecorderStatus], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live_view, "_TELL_EVERY", 0.0)
    monkeypatch.setattr(record_view, "messages", Console(stderr=True, width=80))
    with recording_view(statuses, as_json=False) as tell:
        tell()
    told = capsys.readouterr().err.splitlines()
    assert told == ["nothing yet", f"bybit: {REASON}"]


def test_json_has_the_reason_by_venue(statuses: dict[str, RecorderStatus]) -> None:
    told = {one["venue"]: one["trouble"] for one in status_json(statuses)["venues"]}
    assert told == {"bybit": REASON, "okx": ""}


def test_metrics_have_a_gauge_by_venue(statuses: dict[str, RecorderStatus]) -> None:
    registry = CollectorRegistry()
    registry.register(RecorderCollector(statuses))
    lines = generate_latest(registry).decode().splitlines()
    assert 'powderkeg_recorder_trouble{venue="bybit"} 1.0' in lines
    assert 'powderkeg_recorder_trouble{venue="okx"} 0.0' in lines
    statuses["bybit"].trouble = ""
    assert 'powderkeg_recorder_trouble{venue="bybit"} 0.0' in generate_latest(registry).decode().splitlines()
