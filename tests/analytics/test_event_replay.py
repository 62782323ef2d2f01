"""Replays of recorded cascades: nothing later is known, and the record is read as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.event_replay import event_replay
from powderkeg.errors import WindowError
from powderkeg.model.market_frame import MarketFrame
from recorded_market import recorded_market


@pytest.fixture(scope="module")
def bitcoin(shared: Path) -> MarketFrame:
    return recorded_market(shared, "BTC")


def test_october_2025_is_read_as_it_was(bitcoin: MarketFrame) -> None:
    found = event_replay(bitcoin, "2025-10-10T20:45", "2025-10-10T21:30")
    assert found.extreme == 101_516.5
    assert found.move == pytest.approx(-0.132, abs=0.001)
    # Both sides 37,951 coins before and 19,363 after, by the venue; hourly means say a little less and more.
    assert found.open_interest / found.mark_price == pytest.approx(18_976, rel=0.02)
    assert 0.4 < found.gone_share < 0.55
    assert 0 < found.standing < found.open_interest
    assert found.expected_forced is None
    assert found.push is not None
    assert found.without_forced is not None
    assert found.push < found.without_forced


def test_a_replay_knows_nothing_of_what_came(bitcoin: MarketFrame) -> None:
    at = "2025-10-10T20:45"
    cut = bitcoin.rows(0, bitcoin.rows_known_at(bitcoin.end) - 5_000)
    whole, shorter = (event_replay(frame, at, "2025-10-10T21:30") for frame in (bitcoin, cut))
    assert whole == shorter


def test_a_calibration_that_has_seen_the_event_is_refused(bitcoin: MarketFrame) -> None:
    fitted = calibration(bitcoin, until="2026-01-06")
    found = event_replay(bitcoin, "2026-02-05T12:00", "2026-02-06T01:00", calibration=fitted)
    assert found.expected_low is not None
    assert found.expected_high is not None
    assert found.expected_forced is not None
    assert found.expected_low < found.expected_forced < found.expected_high
    with pytest.raises(WindowError, match="fitted until"):
        event_replay(bitcoin, "2025-10-10T20:45", "2025-10-10T21:30", calibration=fitted)


def test_a_move_outside_the_data_is_refused(bitcoin: MarketFrame) -> None:
    with pytest.raises(WindowError):
        event_replay(bitcoin, "2027-01-01", "2027-01-02")
    with pytest.raises(WindowError, match="is not after"):
        event_replay(bitcoin, "2025-10-10T21:30", "2025-10-10T20:45")
