"""How much of something stands in one place: the largest share, and Herfindahl's index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import non_negative


class Concentration(NamedTuple):
    """The number of the largest part, its share, and the sum of squared shares.

    Herfindahl's index is 1 where all stands in one place, and 1 / n where it is spread evenly over n.
    """

    largest: int
    share: float
    herfindahl: float


def concentration(parts: npt.ArrayLike) -> Concentration | None:
    """Return how concentrated parts are, >= 0, shape (n,); None where they add up to nothing.

    Raises
    ------
    InputError
        A part is negative, or no finite number.
    """
    amounts = non_negative("parts", parts)
    total = float(amounts.sum())
    if not total > 0:
        return None
    shares = amounts / total
    return Concentration(int(np.argmax(shares)), float(shares.max()), float(np.square(shares).sum()))
