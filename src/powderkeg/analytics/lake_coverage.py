"""What is known of a dataset: rows, complete times, holes between them, and recorded gaps."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from powderkeg.errors import LakeError
from powderkeg.lake.catalogue import DatasetSummary, summary_of
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.model.times import iso
from powderkeg.model.window import Window, missing, united

if TYPE_CHECKING:
    from powderkeg.lake.dataset import Dataset
    from powderkeg.lake.market_lake import Lake

_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*(?!\w)")


@dataclass(frozen=True, slots=True)
class RecordedGap:
    """Gaps of one dataset that a recorder noted for one reason.

    Attributes
    ----------
    reason
        In the recorder's words; numbers that differ from gap to gap are left out.
    count
        How many.
    length, missing
        Milliseconds in them, and how many of those are not covered by now: a backfill may have filled some.
    """

    reason: str
    count: int
    length: int
    missing: int


@dataclass(frozen=True, slots=True)
class DatasetCoverage:
    """A dataset's summary, the holes inside its covered span, and its recorded gaps, longest first."""

    summary: DatasetSummary
    holes: tuple[Window, ...]
    gaps: tuple[RecordedGap, ...]

    @property
    def key(self) -> DatasetKey:
        """Which dataset."""
        return self.summary.key

    @property
    def missing(self) -> int:
        """Milliseconds in the holes."""
        return length_of(self.holes)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A dataset whose manifest or gaps cannot be read, and why."""

    key: DatasetKey
    reason: str


def coverage_of(lake: Lake, datasets: Iterable[Dataset]) -> tuple[list[DatasetCoverage], list[Unreadable]]:
    """Return what is known of each dataset, and those that cannot be read.

    One that cannot be read does not hide the others.
    """
    found: list[DatasetCoverage] = []
    unreadable: list[Unreadable] = []
    noted: dict[DatasetKey, Mapping[str, Sequence[tuple[Window, str]]]] = {}
    for dataset in datasets:
        try:
            summary = summary_of(dataset)
        except LakeError as error:
            unreadable.append(Unreadable(dataset.key, str(error)))
            continue
        key = DatasetKey("gaps", dataset.key.venue, dataset.key.symbol)
        if key not in noted:
            try:
                noted[key] = _noted_gaps(lake, key)
            except LakeError as error:
                noted[key] = {}
                unreadable.append(Unreadable(key, str(error)))
        gaps = recorded_gaps(summary, noted[key].get(dataset.key.table, ()))
        found.append(DatasetCoverage(summary, holes_of(summary.covered), gaps))
    return found, list(dict.fromkeys(unreadable))


def holes_of(covered: Sequence[Window]) -> tuple[Window, ...]:
    """Return the times between the first and the last covered one that are not covered, ascending."""
    return missing(Window(covered[0].start, covered[-1].end), covered) if covered else ()


def length_of(windows: Iterable[Window]) -> int:
    """Return milliseconds in windows that do not overlap."""
    return sum(window.length for window in windows)


def recorded_gaps(summary: DatasetSummary, noted: Iterable[tuple[Window, str]]) -> tuple[RecordedGap, ...]:
    """Return the gaps that lie in or at the times of a dataset, by reason, longest first.

    A recorder notes gaps by table; a series that has nothing around a gap was not the one that it lost.
    """
    span = _span(summary)
    if span is None:
        return ()
    groups: dict[str, list[tuple[Window, str]]] = defaultdict(list)
    for window, reason in noted:
        if window.start <= span.end and window.end >= span.start:
            groups[_NUMBER.sub("…", reason)].append((window, reason))
    gaps = []
    for pattern, group in groups.items():
        reasons = {reason for _, reason in group}
        windows = united(window for window, _ in group)
        left = sum(length_of(missing(window, summary.covered)) for window in windows)
        name = reasons.pop() if len(reasons) == 1 else pattern
        gaps.append(RecordedGap(name, len(group), length_of(windows), left))
    return tuple(sorted(gaps, key=lambda gap: (-gap.length, gap.reason)))


def coverage_json(
    lake: Lake, coverages: Iterable[DatasetCoverage], unreadable: Iterable[Unreadable]
) -> dict[str, Any]:
    """Return everything that is known, for scripts."""
    return {
        "lake": str(lake.root),
        "datasets": [_dataset_json(coverage) for coverage in coverages],
        "unreadable": [{**one.key.as_json(), "reason": one.reason} for one in unreadable],
    }


def windows_json(windows: Iterable[Window]) -> list[dict[str, str]]:
    """Return windows, for scripts."""
    return [{"start": iso(window.start), "end": iso(window.end)} for window in windows]


def _dataset_json(coverage: DatasetCoverage) -> dict[str, Any]:
    summary = coverage.summary
    return {
        **summary.key.as_json(),
        "rows": summary.rows,
        "first": None if summary.first_ts is None else iso(summary.first_ts),
        "last": None if summary.last_ts is None else iso(summary.last_ts),
        "covered": windows_json(summary.covered),
        "holes": windows_json(coverage.holes),
        "gaps": [
            {
                "reason": gap.reason,
                "count": gap.count,
                "milliseconds": gap.length,
                "missing_milliseconds": gap.missing,
            }
            for gap in coverage.gaps
        ],
        "parts": summary.parts,
        "bytes": summary.size,
        "duplicates_dropped": summary.duplicates_dropped,
        "conflicts_resolved": summary.conflicts_resolved,
    }


def _noted_gaps(lake: Lake, key: DatasetKey) -> dict[str, list[tuple[Window, str]]]:
    noted: dict[str, list[tuple[Window, str]]] = defaultdict(list)
    rows = lake.read(key, columns=["ts", "end_ts", "table", "reason"])
    for start, end, table, reason in rows.iter_rows():
        noted[table].append((Window(start, end), reason))
    return noted


def _span(summary: DatasetSummary) -> Window | None:
    """Return from when to when a dataset has rows or coverage."""
    starts = [window.start for window in summary.covered[:1]]
    ends = [window.end for window in summary.covered[-1:]]
    if summary.first_ts is not None and summary.last_ts is not None:
        starts.append(summary.first_ts)
        ends.append(summary.last_ts + 1)
    return Window(min(starts), max(ends)) if starts else None
