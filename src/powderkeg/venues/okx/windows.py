"""How a window of a series is asked for: bounds that OKX leaves out of the answer, and pages."""

from __future__ import annotations

from collections.abc import Callable

from powderkeg.model.instrument import Instrument
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import Request

# Without "utc" the longer periods begin at 16:00 UTC, which is midnight in Hong Kong.
PERIOD_CODES = {
    5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1H", 2 * HOUR: "2H", 4 * HOUR: "4H",
    6 * HOUR: "6Hutc", 12 * HOUR: "12Hutc", DAY: "1Dutc",
}  # fmt: skip
BAR_CODES = {MINUTE: "1m", 3 * MINUTE: "3m"} | PERIOD_CODES


def series_request(
    path: str,
    *,
    weight: int,
    limit: int,
    newer: str,
    older: str,
    code: tuple[str, dict[int, str]],
    extra: tuple[tuple[str, str], ...] = (),
) -> Callable[[Instrument, Window, int], Request]:
    """Return how to ask for the rows of a window of a series that has one row per interval.

    Both bounds are left out of the answer: rows are newer than one and older than the other. Where the
    documentation does not say so, rows on the grid of the interval come out the same if they are not: the
    older bound lies a millisecond inside the window.

    Parameters
    ----------
    path, weight, limit, extra
        Of the request.
    newer, older
        Names of the bounds: ``before`` and ``after``, or ``begin`` and ``end``.
    code
        Name of the interval, and how its lengths are spelled.
    """

    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        return Request(
            "rest",
            path,
            (
                ("instId", instrument.symbol),
                (code[0], code[1][interval]),
                (newer, str(window.start - 1)),
                (older, str(window.end - 1)),
                ("limit", str(limit)),
                *extra,
            ),
            weight=weight,
        )

    return request
