"""The catalogue of large days: as written down, without later ones, joined to what a lake shows."""

from __future__ import annotations

import json
import math

import pytest

from powderkeg.analytics.context_deleveraging import EventReading
from powderkeg.analytics.history_catalogue import historic_events, history_catalogue
from powderkeg.core.deleveraging import DeleveragingEvent
from powderkeg.model.times import DAY, HOUR, iso, milliseconds

NOW = milliseconds("2026-03-01")


def detected(start: str, depth: float) -> EventReading:
    begin = milliseconds(start)
    event = DeleveragingEvent(
        start=begin,
        trough=begin + 2 * HOUR,
        most_by=begin + 2 * HOUR,
        known_at=begin + HOUR,
        ended=begin + DAY,
        before=100.0,
        at_trough=100.0 * (1 - depth),
        depth=depth,
        threshold=0.1,
        recovery_1d=None,
        recovery_7d=None,
    )
    return EventReading(event, 1.0, 1.0, 1.0, 1.0, 100.0, *(math.nan,) * 4, 0.0)


def test_every_day_names_its_source_and_flags_what_is_a_floor() -> None:
    days = historic_events()
    assert len(days) == 15
    assert [one.day for one in days] == sorted({one.day for one in days})
    for one in days:
        assert one.source
        assert one.side in ("long", "short")
        assert one.liquidations
        for part in one.liquidations:
            assert part.high is None or part.high >= part.low > 0
    thinned = [one for one in days if one.day > milliseconds("2021-04-27")]
    assert all(any(part.floor for part in one.liquidations) for one in thinned)
    assert not any(part.floor for one in days if one not in thinned for part in one.liquidations)
    october = days[-1]
    assert october.liquidations[0].low == pytest.approx(19.1e9)
    assert october.open_interest_change == pytest.approx(481 / 560 - 1, abs=1e-3)


def test_a_day_is_there_once_it_is_over() -> None:
    noon = milliseconds("2025-10-10T12:00")
    assert len(history_catalogue(noon, [])) == 14
    assert len(history_catalogue(milliseconds("2025-10-11"), [])) == 15


def test_events_of_a_lake_are_joined_to_their_day_and_others_stand_alone() -> None:
    fall, small, other = (
        detected("2025-10-10T21:00", 0.5),
        detected("2025-10-11T20:00", 0.1),
        detected("2026-02-05T22:00", 0.34),
    )
    rising = detected("2025-04-23T05:00", 0.15)
    entries = history_catalogue(NOW, [rising, fall, small, other])
    assert [entry.ts for entry in entries] == sorted(entry.ts for entry in entries)
    by_name = {entry.historic.name: entry for entry in entries if entry.historic}
    assert by_name["October 2025 crash"].detected == fall
    # Open interest rose that day: the fall beside it is another thing.
    assert by_name["April 2025 squeeze"].detected is None
    alone = [entry.detected for entry in entries if entry.historic is None]
    assert alone == [rising, small, other]
    told = json.loads(json.dumps(entries[-1].as_json()))
    assert told["historic"] is None
    assert told["detected"]["start"] == iso(other.event.start)
    written = by_name["October 2025 crash"].as_json()["historic"]
    assert written["date"] == "2025-10-10"
    assert written["liquidations"][0] == {
        "of": "all coins", "low_usd": 19.1e9, "high_usd": 19.1e9, "floor": True
    }  # fmt: skip
