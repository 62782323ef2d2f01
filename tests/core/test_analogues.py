"""Analogues: found where planted, apart from each other, and no more certain than chance allows."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.analogues import evidence_words, nearest_states, what_followed
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray


def persistent(count: int, generator: np.random.Generator, keep: float = 0.95) -> FloatArray:
    """Return an autoregression: states of a market last."""
    out = np.zeros(count)
    for row in range(1, count):
        out[row] = keep * out[row - 1] + generator.standard_normal()
    return out


def test_planted_twins_are_found_nearest_first() -> None:
    generator = np.random.default_rng(1)
    history = {"volatility": generator.normal(size=500), "drawdown": generator.normal(size=500)}
    for row, shift in ((400, 0.01), (100, 0.02), (250, 0.03)):
        history["volatility"][row], history["drawdown"][row] = 4.0 + shift, -4.0
    found = nearest_states(history, {"volatility": 4.0, "drawdown": -4.0}, count=3, apart=7)
    assert found.rows.tolist() == [400, 100, 250]
    assert found.distances[0] == pytest.approx(0.01 / np.sqrt(2), rel=0.2)
    assert found.typical > 3
    assert found.usual == pytest.approx(np.sqrt(2), rel=0.2)


def test_neighbours_in_time_count_once_and_the_unknown_future_is_not_searched() -> None:
    history = {"a": np.sin(np.arange(300) / 50)}
    found = nearest_states(history, {"a": 1.0}, count=20, apart=10, until=250)
    rows = np.sort(found.rows)
    assert np.diff(rows).min() >= 10
    assert rows.max() < 250
    assert len(found.searched) == 250


def test_units_do_not_matter_and_what_is_not_known_is_named() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(2, 200))
    hole = np.where(np.arange(200) < 120, np.nan, b)
    one = nearest_states({"a": a, "b": b}, {"a": 0.3, "b": 0.1}, count=5, apart=3)
    other = nearest_states({"a": 1e6 * a + 7, "b": b}, {"a": 3e5 + 7, "b": 0.1}, count=5, apart=3)
    assert one.rows.tolist() == other.rows.tolist()
    np.testing.assert_allclose(one.distances, other.distances)
    found = nearest_states(
        {"a": a, "b": b, "hole": hole, "flat": np.ones(200)},
        {"a": 0.3, "b": np.nan, "hole": 0.0, "flat": 1.0},
        count=5,
        apart=3,
    )
    assert found.features == ("a",)
    assert found.dropped == {
        "b": "not known now",
        "hole": "known at 80 of 200 past times",
        "flat": "half of its past values are the same",
    }


def p_of(seed: int, strength: float) -> float:
    """Return the p value of outcomes that persist, and follow the state as much as `strength` says."""
    generator = np.random.default_rng(seed)
    state = persistent(600, generator)
    outcomes = strength * state + persistent(600, generator, 0.8)
    found = nearest_states({"state": state}, {"state": 4.0}, count=12, apart=7)
    return what_followed(found, outcomes).p_value


def test_where_nothing_is_to_be_found_p_values_are_as_small_as_chance_makes_them() -> None:
    values = np.array([p_of(seed, 0.0) for seed in range(300)])
    # 300 runs: two standard errors are 3.5 % at a tenth, 2.5 % at a twentieth.
    assert 0.06 < np.mean(values <= 0.1) < 0.15
    assert 0.025 < np.mean(values <= 0.05) < 0.085
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)


def test_what_is_planted_is_found() -> None:
    values = np.array([p_of(seed, 1.0) for seed in range(60)])
    assert np.mean(values <= 0.05) > 0.8


def test_outcomes_stand_beside_those_of_all_times() -> None:
    generator = np.random.default_rng(4)
    state = generator.normal(size=400)
    outcomes = np.where(np.arange(400) % 10 == 0, np.nan, state)
    found = nearest_states({"state": state}, {"state": 2.0}, count=8, apart=5)
    told = what_followed(found, outcomes)
    assert told.known == int(np.isfinite(outcomes[found.rows]).sum())
    assert told.mean == pytest.approx(2.0, abs=0.4)
    assert told.all_known == 360
    assert told.all_low < told.all_median < told.all_high
    assert told.p_value < 0.05
    assert told.rotations <= 400
    none = what_followed(found, np.full(400, np.nan))
    assert np.isnan([none.mean, none.p_value, none.all_mean]).all()


def test_words_follow_the_corrected_p_value_and_never_say_what_comes() -> None:
    assert "shows nothing (smallest p 0.06 of 4 tried, 0.24 corrected)" in evidence_words(
        [0.06, 0.5, 0.4, 0.9]
    )
    assert "weak evidence" in evidence_words([0.02, 0.5])
    assert "did differ" in evidence_words([0.001, np.nan])
    assert evidence_words([np.nan]) == "too few outcomes are known to say anything"


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(InputError, match="count, apart: 0, 1"):
        nearest_states({"a": np.ones(60)}, {"a": 1.0}, count=0, apart=1)
    with pytest.raises(InputError, match="49 past states with a; expected 50 or more"):
        nearest_states({"a": np.arange(49.0)}, {"a": 1.0}, count=1, apart=1)
    with pytest.raises(InputError, match="no feature can be compared: a is not known now"):
        nearest_states({"a": np.arange(60.0)}, {"a": np.nan}, count=1, apart=1)
    with pytest.raises(InputError, match="expected one shape, and the features of now, b"):
        nearest_states({"a": np.arange(60.0)}, {"b": 1.0}, count=1, apart=1)
