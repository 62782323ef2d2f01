"""How far other coins move when one moves: betas from the past, drawn to one where there is little of it."""

from __future__ import annotations

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

# The prior counts as much as this many observations: coins fall together, and a handful of returns says less.
PRIOR_OBSERVATIONS = 20
PRIOR_BETA = 1.0


def shrunk_betas(returns: FloatArray, target: int) -> FloatArray:
    """Return the beta of each coin to one of them, shape (coins,).

    beta_j = (sum r_j r + k v b) / (sum r^2 + k v), over the intervals in which both are known, with r the
    returns of the target, v their mean square, b = 1 and k = 20: least squares through zero, as if twenty
    more intervals had shown a beta of one. Exactly 1 for the target and for a coin that is never known.

    Parameters
    ----------
    returns
        Log returns per interval and coin, NaN where not known, shape (n, coins).
    target
        Number of the coin.

    Raises
    ------
    InputError
        `target` is no number of a coin.
    """
    if not 0 <= target < returns.shape[1]:
        raise InputError(f"target: {target} is no number of {returns.shape[1]} coins")
    own = returns[:, [target]]
    known = np.isfinite(returns) & np.isfinite(own)
    mean_square = float(np.mean(np.square(own[np.isfinite(own)]))) if np.isfinite(own).any() else 0.0
    if mean_square == 0.0:
        return np.full(returns.shape[1], PRIOR_BETA)
    both = np.where(known, returns, 0.0) * np.where(known, own, 0.0)
    prior = PRIOR_OBSERVATIONS * mean_square
    square = np.square(np.where(known, own, 0.0)).sum(axis=0)
    betas = (both.sum(axis=0) + prior * PRIOR_BETA) / (square + prior)
    betas[target] = 1.0
    return np.asarray(betas)
