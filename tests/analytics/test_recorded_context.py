"""The recorded year: October 2025 and February 2026 are found, when they were known and in their size."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from powderkeg.analytics.context_deleveraging import EventReading
from powderkeg.analytics.market_context import MarketContext, market_context
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, HOUR, iso, milliseconds
from powderkeg.model.window import Window
from powderkeg.venues.registry import venues
from recorded_lake import VENUE, recorded_lake

WHOLE = Window(milliseconds("2025-08-20"), milliseconds("2026-02-16"))


@pytest.fixture(scope="module")
def lake(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the year as the third party's table of history reads it: open interest as it was published."""
    return recorded_lake(shared, tmp_path_factory.mktemp("recorded") / "lake", ["BTC", "ETH"], WHOLE)


def told(lake: Lake, at: str, coin: str = "BTC") -> MarketContext:
    return market_context(lake, coin, milliseconds(at), venues=venues([VENUE]))


def around(context: MarketContext, day: str) -> EventReading:
    (found,) = [one for one in context.events if iso(one.event.start).startswith(day)]
    return found


def test_october_2025_is_found_with_the_fall_that_history_tells(lake: Lake) -> None:
    context = told(lake, "2025-10-20")
    found = around(context, "2025-10-10")
    event = found.event
    # 37,951 to 19,363 BTC within two hours; hourly means are known at the hour's end.
    assert event.before == pytest.approx(37_951, rel=0.002)
    assert iso(event.start) == "2025-10-10T21:00:00Z"
    assert event.most_by - event.start == 2 * HOUR
    assert event.at_trough == pytest.approx(19_363, rel=0.02)
    assert event.depth == pytest.approx(1 - 19_363 / 37_951, abs=0.015)
    assert iso(event.known_at) == "2025-10-10T22:00:00Z"
    assert found.price_low == pytest.approx(101_516.5, rel=0.001)
    assert event.recovery_1d is not None
    assert 0 < event.recovery_1d < 0.2
    # No public feed of the venue tells its liquidations, and that is not zero.
    assert math.isnan(found.forced_usd)
    assert context.fact("deleveraging.last.forced_usd").value is None
    entry = next(
        one for one in context.catalogue if one.historic and one.historic.name == "October 2025 crash"
    )
    assert entry.detected == found


def test_october_2025_was_not_known_before_and_was_an_hour_after_it_began(lake: Lake) -> None:
    before = told(lake, "2025-10-10T21:05")
    assert all(one.event.start < milliseconds("2025-10-10") for one in before.events)
    assert "October 2025 crash" not in [one.historic.name for one in before.catalogue if one.historic]
    during = told(lake, "2025-10-10T22:05")
    event = around(during, "2025-10-10").event
    assert event.ended is None
    assert event.depth == pytest.approx(0.29, abs=0.03)
    assert during.fact("deleveraging.last.recovery_1d").value is None
    two_hours = around(told(lake, "2025-10-10T23:05"), "2025-10-10").event
    assert (two_hours.before, two_hours.at_trough) == pytest.approx((37_951, 19_363), rel=0.002)


def test_february_2026_is_found_with_the_low_of_its_price(lake: Lake) -> None:
    context = told(lake, "2026-02-16")
    found = around(context, "2026-02-05")
    assert iso(found.event.known_at) == "2026-02-06T01:00:00Z"
    assert 0.3 < found.event.depth < 0.4
    assert found.price_low == pytest.approx(60_000, rel=0.01)
    assert found.event.recovery_7d is None or math.isfinite(found.event.recovery_7d)


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_october_is_the_deepest_of_its_months_in_both_coins(lake: Lake, coin: str) -> None:
    context = told(lake, "2025-12-31", coin)
    deepest = max(context.events, key=lambda one: one.event.depth)
    assert iso(deepest.event.start) == "2025-10-10T21:00:00Z"
    assert deepest.event.depth == pytest.approx(0.50, abs=0.02)


def test_ether_moves_more_than_bitcoin_and_both_fall_together(lake: Lake) -> None:
    context = told(lake, "2026-02-10")
    (moves,) = context.co_movements
    assert 1.2 < moves.beta["all"].value < 1.8
    assert moves.beta["all"].error < 0.1
    assert moves.correlation["all"].value > 0.7
    assert moves.tail_falls.value > 0.5
    assert context.fact("ripple.joint_liquidation.down_10.ETH").value is not None
    assert context.as_of - context.events[-1].event.known_at < 10 * DAY
