"""Times and lengths of time as people write them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from powderkeg.errors import InputError
from powderkeg.model.times import DAY, HOUR, duration, duration_text, epoch_milliseconds, iso, milliseconds

MOMENT = 1_760_130_900_000  # 2025-10-10T21:15Z


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-10T21:15",
        "2025-10-10T21:15Z",
        "2025-10-10 21:15:00+00:00",
        "2025-10-10T23:15+02:00",
    ],
)
def test_iso_text_is_utc_unless_it_says_otherwise(text: str) -> None:
    assert milliseconds(text) == MOMENT


def test_a_naive_datetime_is_utc() -> None:
    assert milliseconds(dt.datetime(2025, 10, 10, 21, 15)) == MOMENT  # noqa: DTZ001 - the naive case


def test_iso_round_trip_loses_nothing() -> None:
    assert iso(MOMENT) == "2025-10-10T21:15:00Z"
    assert milliseconds(iso(MOMENT + 7)) == MOMENT + 7


@pytest.mark.parametrize("bad", ["yesterday", "2025-13-01", "", 1_760_130_900, "1969-01-01"])
def test_what_is_not_a_time_is_refused_by_name(bad: str | int) -> None:
    with pytest.raises(InputError, match="^at: "):
        milliseconds(bad, "at")


def test_lengths_of_time() -> None:
    assert (duration("1h"), duration("90m"), duration("2d")) == (HOUR, 90 * 60_000, 2 * DAY)
    assert [duration_text(duration(text)) for text in ("5m", "1h", "12h", "1d", "1w", "45s")] == [
        "5m",
        "1h",
        "12h",
        "1d",
        "1w",
        "45s",
    ]


@pytest.mark.parametrize("bad", ["", "h", "0h", "-1h", "1.5h", "1y"])
def test_what_is_not_a_length_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="^step: .*such as 5m"):
        duration(bad, "step")


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000])
def test_epoch_units_are_read_off_their_size(factor: int) -> None:
    values = np.array([MOMENT, MOMENT + 60_000]) * factor
    np.testing.assert_array_equal(epoch_milliseconds(values, "ts"), [MOMENT, MOMENT + 60_000])


def test_epoch_seconds_become_milliseconds() -> None:
    np.testing.assert_array_equal(epoch_milliseconds(np.array([1_760_130_900]), "ts"), [MOMENT])


def test_epoch_numbers_that_are_no_times_are_refused() -> None:
    with pytest.raises(InputError, match="^ts: values from 5 to 7 are not epoch times"):
        epoch_milliseconds(np.array([5, 7]), "ts")


def test_dates_and_timedeltas_are_times_and_lengths() -> None:
    assert milliseconds(dt.date(2025, 10, 10)) == milliseconds("2025-10-10")
    assert duration(dt.timedelta(minutes=90)) == duration(90 * 60_000) == 90 * 60_000


@pytest.mark.parametrize("bad", [True, 1.5, None, b"2025", [MOMENT]])
def test_what_is_no_time_is_refused_by_name(bad: object) -> None:
    with pytest.raises(InputError, match="^at: .* is no time; expected ISO 8601 text"):
        milliseconds(bad, "at")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [True, 1.5, None, -5, dt.timedelta(0)])
def test_what_is_no_length_is_refused_by_name(bad: object) -> None:
    with pytest.raises(InputError, match="^step: .* is not a length of time"):
        duration(bad, "step")  # type: ignore[arg-type]
