"""The noise of a total around its expectation: the Tweedie law of power 1.5, a Poisson sum of exponentials.

With mean m and dispersion phi a total is the sum of N exponential amounts, N Poisson with mean
2 sqrt(m) / phi and amounts of mean phi sqrt(m) / 2: so its mean is m, its variance phi m^1.5, and it is zero
with probability exp(-2 sqrt(m) / phi). Events arrive at random and differ in
size, as liquidations do.
"""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import FloatArray


def tweedie_draws(
    mean: FloatArray, dispersion: FloatArray | float, generator: np.random.Generator
) -> FloatArray:
    """Return one total for each mean, of the same shape; zero where the mean is.

    Parameters
    ----------
    mean
        Expectations, not negative, any shape.
    dispersion
        phi > 0 in the root of the mean's unit; broadcasts against `mean`.
    generator
        Source of randomness.

    References
    ----------
    Jorgensen, "Exponential dispersion models", J. R. Stat. Soc. B 49 (1987); Dunn and Smyth, "Series
    evaluation of Tweedie exponential dispersion model densities", Statistics and Computing 15 (2005).
    """
    root = np.sqrt(np.maximum(mean, 0.0))
    events = generator.poisson(2 * root / dispersion)
    amounts = generator.standard_gamma(np.maximum(events, 1)) * dispersion * root / 2
    return np.asarray(np.where(events > 0, amounts, 0.0))
