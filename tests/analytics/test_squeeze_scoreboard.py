"""Pushes into simulated markets: what is known before, what happens, and how it is scored."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.analytics.push_experiments import push_experiments
from powderkeg.analytics.squeeze_scoreboard import MODELS, squeeze_scoreboard
from powderkeg.core.cascade_envelope import envelope
from powderkeg.errors import InputError
from powderkeg.simulation.market import DEFAULT_START, simulated_market
from powderkeg.simulation.scenarios import Episode

DAY = 86_400_000


def test_a_push_moves_the_market_from_its_minute_on_and_nothing_before() -> None:
    minute = 1_440
    push = Episode(begin=0.5, days=1 / 1_440, push=-3.0)
    at = DEFAULT_START + DAY
    still, pushed = (
        simulated_market(np.random.default_rng(9), scenario="calm", days=2, episodes=episodes, truth_at=[at])
        for episodes in ((), (push,))
    )
    for quiet, moved in zip(still.venues, pushed.venues, strict=True):
        np.testing.assert_array_equal(quiet.close[:minute], moved.close[:minute])
        assert moved.low[minute] < 0.99 * quiet.low[minute]
    depth = pushed.truth.positions[0].depth
    extra = [one.volume[minute] for one in pushed.venues] - np.array(
        [one.volume[minute] for one in still.venues]
    )
    # Three times what stands within 1 %, spread over sixty seconds, and what it forced besides.
    assert np.all(extra > 2.5 * depth)


def test_what_is_known_before_a_push_is_the_book_and_the_true_positions() -> None:
    pushes = push_experiments([11], days=2, hours_apart=12)
    assert {one.venue for one in pushes} == {0, 1, 2}
    for one in pushes:
        found = envelope(one.depth, one.forced)
        # An order as large as what the book holds within 1 % ends at 1 %.
        within = float(np.interp(0.01, one.depth.displacement, one.depth.absorbed))
        assert float(found.book_landing(within)) == pytest.approx(0.01)
        assert 0.5 <= one.push / within <= 8.0
        assert one.forced.forced[-1] > 0
        # In a minute the book refills: the price goes less far than all at once, and farther than nowhere.
        assert 0.2 < one.traded_displacement / float(found.landing(one.push)) < 1.2
        assert 0 <= one.displacement <= one.traded_displacement * 1.05
        assert 0 <= one.forced_notional <= one.forced.forced[-1] * 1.5


def test_the_board_has_every_model_and_paths_are_nearer_than_everything_at_once() -> None:
    board = squeeze_scoreboard([21], [22], days=6, paths=60)
    assert {row.model for row in board.rows} == set(MODELS)
    assert board.value("paths", "move_log_mae") < board.value("envelope", "move_log_mae")
    assert 0.5 <= board.value("paths", "coverage_90") <= 1.0
    # A fitted factor makes its median right on the markets that it was fitted on, and nearly on others.
    assert 0.8 < board.value("book_scaled", "move_ratio") < 1.25
    pushes = next(row.n for row in board.rows)
    assert sum(count for *_, count in board.reliability) == pushes
    assert all(row.low <= row.value <= row.high for row in board.rows if np.isfinite(row.low))
    assert {entry["metric"] for entry in board.as_json()} >= {"brier", "forced_ratio", "coverage_90"}


@pytest.mark.parametrize(("fitted", "held_out"), [([1], [1]), ([], [1]), ([1], [])])
def test_no_market_is_fitted_on_and_scored(fitted: list[int], held_out: list[int]) -> None:
    with pytest.raises(InputError, match="no market in both"):
        squeeze_scoreboard(fitted, held_out)
