"""Stretches of time, half-open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from powderkeg.errors import WindowError
from powderkeg.model.times import iso


class Window(NamedTuple):
    """The stretch [start, end) in UTC milliseconds; make one with `Window.between`, which checks it."""

    start: int
    end: int

    @classmethod
    def between(cls, start: int, end: int) -> Self:
        """Return [start, end).

        Raises
        ------
        WindowError
            The end is not after the start.
        """
        if end <= start:
            raise WindowError(
                f"the window from {iso(start)} to {iso(end)} holds no time; expected end after start"
            )
        return cls(start, end)

    @property
    def length(self) -> int:
        """Milliseconds in it."""
        return self.end - self.start

    def overlap(self, other: Window) -> Window | None:
        """Return what lies in both, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"


def united(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Return the same times as ascending windows that neither overlap nor touch."""
    found: list[Window] = []
    for window in sorted(window for window in windows if window.end > window.start):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return tuple(found)


def missing(window: Window, covered: Iterable[Window]) -> tuple[Window, ...]:
    """Return the parts of `window` that no window of `covered` holds, ascending."""
    holes: list[Window] = []
    start = window.start
    for part in united(covered):
        if part.end <= start:
            continue
        if part.start >= window.end:
            break
        if part.start > start:
            holes.append(Window(start, part.start))
        start = max(start, part.end)
    if start < window.end:
        holes.append(Window(start, window.end))
    return tuple(holes)
