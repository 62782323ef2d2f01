"""Timing: medians of repeated runs in one process, with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and range of repeated timings in seconds."""

    median: float
    fastest: float
    slowest: float

    def __str__(self) -> str:
        return f"{self.median:.3g} s ({self.fastest:.3g}-{self.slowest:.3g})"


def timing(work: Callable[[], object], repeats: int = 5) -> Timing:
    """Return the timing of `work` over `repeats` runs, after one that warms caches up and is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return Timing(statistics.median(seconds), min(seconds), max(seconds))
