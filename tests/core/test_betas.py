"""Betas: what many returns show, and what few of them cannot."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.betas import shrunk_betas
from powderkeg.errors import InputError


def test_many_returns_show_the_beta_and_none_leaves_one() -> None:
    generator = np.random.default_rng(3)
    market = generator.normal(0, 0.01, 20_000)
    returns = np.column_stack(
        [market, 1.6 * market + generator.normal(0, 0.005, 20_000), np.full(20_000, np.nan), -0.4 * market]
    )
    betas = shrunk_betas(returns, 0)
    assert betas[[0, 2]].tolist() == [1.0, 1.0]
    assert betas[[1, 3]] == pytest.approx([1.6, -0.4], abs=0.02)


def test_few_returns_move_a_beta_a_little() -> None:
    returns = np.array([[0.01, 0.03], [-0.01, -0.03], [0.01, 0.03], [-0.01, -0.03]])
    # Four observations of 3 against twenty of 1.
    assert shrunk_betas(returns, 0)[1] == pytest.approx((4 * 3 + 20) / 24)


def test_a_market_that_stands_still_and_a_coin_that_is_none() -> None:
    assert shrunk_betas(np.zeros((5, 3)), 1).tolist() == [1.0, 1.0, 1.0]
    assert shrunk_betas(np.empty((0, 2)), 0).tolist() == [1.0, 1.0]
    with pytest.raises(InputError, match="target: 2"):
        shrunk_betas(np.zeros((5, 2)), 2)
