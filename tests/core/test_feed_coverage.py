"""The coverage of a throttled feed, against feeds that were thinned on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.feed_coverage import throttled_coverage
from powderkeg.errors import InputError

SECOND, MINUTE = 1_000, 60_000


def thinned(times: np.ndarray) -> np.ndarray:
    """Return the latest event of each second."""
    return np.asarray(times[np.append(np.diff(times // SECOND) > 0, True)])


@pytest.mark.parametrize("rate", [0.05, 0.5, 2.0])
def test_random_events_are_estimated_within_a_tenth(rate: float) -> None:
    generator = np.random.default_rng(0)
    times = np.sort(generator.integers(0, 3_600 * SECOND, generator.poisson(3_600 * rate)))
    share, estimated = throttled_coverage(thinned(times), slot=SECOND)
    assert share == pytest.approx(len(thinned(times)) / len(times), rel=0.1)
    assert estimated.sum() == pytest.approx(len(times), rel=0.1)


def test_clustered_events_are_covered_less_than_the_bound_says() -> None:
    generator = np.random.default_rng(1)
    bursts = generator.integers(0, 3_600 * SECOND, 60)
    times = np.sort(
        (bursts[:, None] + generator.exponential(300, (60, 40)).cumsum(axis=1)).ravel().astype(int)
    )
    share, _ = throttled_coverage(thinned(times), slot=SECOND)
    assert len(thinned(times)) / len(times) < share < 1


def test_a_full_minute_is_a_finite_number_of_events() -> None:
    share, estimated = throttled_coverage(np.arange(60) * SECOND, slot=SECOND)
    assert estimated[0] == pytest.approx(60 * np.log(120))
    assert share == pytest.approx(1 / np.log(120))


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(InputError, match="no event to estimate"):
        throttled_coverage(np.empty(0, np.int64), slot=SECOND)
    with pytest.raises(InputError, match="window: 1500 ms; expected a positive multiple"):
        throttled_coverage(np.arange(3), slot=SECOND, window=1_500)
