"""A recorder in another process: heard, begun again when it is killed, stopped with all in the tables."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.recording import patient
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.recorder_child import RecorderChild, RecorderReport, RecordingPlan
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import live_segments
from powderkeg.model.market_rows import Trade
from powderkeg.venues.registry import venue
from venues.made_rows import START, instrument_row

SYMBOL = "BTCUSDT"
SETTINGS = replace(patient(quiet=1e9, silence=1e9), compact=True)


def until(child: RecorderChild, condition: Callable[[RecorderReport], bool]) -> RecorderReport:
    """Wait until the report says so."""
    deadline = time.monotonic() + 60
    while not condition(child.report):
        assert time.monotonic() < deadline, child.report
        time.sleep(0.01)
    return child.report


def listens(report: RecorderReport) -> bool:
    return report.state == "recording" and any(one.listening for one in report.venues)


def test_a_recorder_that_is_killed_begins_again_and_one_that_is_stopped_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bybit = venue("bybit")
    lake = Lake(tmp_path / "lake", create=True)
    market = ScriptedMarket({SYMBOL: instrument_row()}, {}, START)
    with FakeVenue(dialect("bybit"), market) as fake, caplog.at_level(logging.WARNING, "powderkeg.recorder"):
        plan = RecordingPlan("bybit", fake.urls(bybit.urls), ("BTC",), ("trades",))
        with RecorderChild(lake.root, [plan], SETTINGS) as child:
            until(child, listens)
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            report = until(child, lambda report: report.restarts == 1 and listens(report))
            assert report.trouble == "its process ended with status -9"
            assert "begins again in 1 s" in caplog.text
            connections = fake.stream.connections
            fake.push("trades", SYMBOL, [Trade(START, "1", 100.0, 1.0, "buy")])
            report = until(child, lambda report: report.venues[0].lag is not None)
            told = report.as_json()
            assert (told["state"], told["restarts"]) == ("recording", 1)
            assert [(one["venue"], one["trouble"]) for one in told["venues"]] == [("bybit", "")]
        assert child.report.state == "stopped"
        assert fake.stream.connections == connections
    assert lake.read(DatasetKey("trades", "bybit", SYMBOL))["trade_id"].to_list() == ["1"]
    assert live_segments(lake.root, "bybit") == []


def test_what_cannot_be_recorded_is_said_while_it_is_tried_again(tmp_path: Path) -> None:
    market = ScriptedMarket({SYMBOL: instrument_row()}, {}, START)
    with FakeVenue(dialect("bybit"), market) as fake:
        plan = RecordingPlan("bybit", fake.urls(venue("bybit").urls), ("NOSUCH",), ("trades",))
        with RecorderChild(tmp_path / "lake", [plan], SETTINGS) as child:
            report = until(child, lambda report: report.state == "waiting")
    assert "NOSUCH" in report.trouble
