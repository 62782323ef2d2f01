"""What past days that resembled now amount to, as a sentence that promises nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from powderkeg.core.analogues import Analogues, WhatFollowed, evidence_words


def analogue_sentence(found: Analogues, followed: Mapping[str, WhatFollowed]) -> str:
    """Return how near the days are, what followed beside what follows any day, and what that shows."""
    near = found.distances
    parts = [
        f"The {len(found.rows)} nearest of {len(found.searched)} past days differ by {near[0]:.2f} to "
        f"{near[-1]:.2f} standard deviations; two days of the past usually differ by {found.usual:.2f}"
    ]
    for name, told in followed.items():
        if not name.startswith("return") or not told.known:
            continue
        days = name.removeprefix("return.")
        rose = int(np.count_nonzero(told.outcomes > 0))
        parts.append(
            f"within {days} the price rose after {rose} of {told.known}, by {told.median:+.1%} in the median "
            f"({told.low:+.1%} to {told.high:+.1%}), against {told.all_median:+.1%} "
            f"({told.all_low:+.1%} to {told.all_high:+.1%}) after any day"
        )
    words = evidence_words([told.p_value for told in followed.values()])
    return "; ".join(parts) + f". {words[0].upper()}{words[1:]}."
