"""Keeping the lake sound and tidy: what is damaged and what helps, and what can be merged or moved."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from powderkeg.errors import LakeError, PowderkegError
from powderkeg.ingest.live_compaction import CompactedSegment, compact_segment, finished_segments
from powderkeg.lake.compaction import Compacted
from powderkeg.lake.damaged_parts import SetAside
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.durable_files import names_in
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.part_files import period_window
from powderkeg.lake.segments import live_segments
from powderkeg.lake.verification import Problem
from powderkeg.model.times import iso
from powderkeg.model.window import Window

if TYPE_CHECKING:
    from powderkeg.lake.dataset import Dataset

_OF_FILES = {"missing", "checksum", "unreadable", "rows", "times", "order"}


@dataclass(frozen=True, slots=True)
class DatasetProblem:
    """A problem, and the dataset that has it."""

    key: DatasetKey
    problem: Problem

    @property
    def period(self) -> Window | None:
        """The month or day whose rows are damaged; None where no rows are, or where they cannot be told."""
        if self.problem.kind not in _OF_FILES:
            return None
        return period_window(self.problem.path.parent.name)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.problem.kind == "manifest":
            return (
                "restore it from a copy; without one, move its directory out of the lake and backfill again"
            )
        if self.problem.kind == "leftover":
            return "harmless; powderkeg lake compact removes it"
        return (
            "restore the file from a copy; without one, --forget: the file is set aside, its month or day no "
            "longer counts as complete, and a backfill fetches it again"
        )


def problems_in(lake: Lake, key: DatasetKey) -> list[DatasetProblem]:
    """Return what is wrong with a dataset.

    It is read without a lock, and a writer's work may look like damage while it is under way: what a second
    look does not find as well was that.
    """
    first = lake.verify(key)
    again = set(lake.verify(key)) if first else set()
    return [DatasetProblem(key, problem) for problem in first if problem in again]


def coverage_to_forget(lake: Lake, problems: Sequence[DatasetProblem]) -> dict[DatasetKey, list[Window]]:
    """Return the covered times of the months and days that are damaged, by dataset."""
    found: dict[DatasetKey, list[Window]] = {}
    for key, period in dict.fromkeys((one.key, one.period) for one in problems):
        if period is not None:
            parts = [part for window in lake.covered(key) if (part := window.overlap(period))]
            found.setdefault(key, []).extend(parts)
    return {key: windows for key, windows in found.items() if windows}


def set_aside(lake: Lake, problems: Sequence[DatasetProblem]) -> list[tuple[DatasetKey, SetAside]]:
    """Set the damaged files aside, with the coverage of their months and days; return what was moved."""
    found: dict[DatasetKey, list[Problem]] = {}
    for one in problems:
        if one.period is not None:
            found.setdefault(one.key, []).append(one.problem)
    return [(key, part) for key, damaged in found.items() for part in lake.set_aside(key, damaged)]


def set_aside_json(key: DatasetKey, one: SetAside) -> dict[str, Any]:
    """Return what was set aside, for scripts; without a file there is no path where it is now."""
    return {
        **key.as_json(),
        "kind": one.problem.kind,
        "was": str(one.problem.path),
        "path": None if one.path is None else str(one.path),
        "note": str(one.note),
    }


def fetching_again(key: DatasetKey, windows: Sequence[Window], lake_option: str) -> str:
    """Return the command that asks the venue for these times."""
    interval = key.variant.rsplit("-", 1)[-1]
    return (
        f"powderkeg backfill {key.venue} {shlex.quote(key.symbol)} --tables {key.table} "
        f"--since {iso(windows[0].start)} --until {iso(windows[-1].end)}"
        + (f" --interval {interval}" if key.market_table.of_intervals else "")
        + lake_option
    )


def problem_json(one: DatasetProblem) -> dict[str, Any]:
    """Return a problem, for scripts."""
    return {
        **one.key.as_json(),
        "kind": one.problem.kind,
        "path": str(one.problem.path),
        "detail": one.problem.detail,
        "remedy": one.remedy,
    }


@dataclass(slots=True)
class Tidied:
    """What a compaction of the lake did.

    Attributes
    ----------
    segments
        Live segments that were moved into tables and archive.
    recording
        Venues that are being recorded, with the number of their segments: their recorder moves those.
    datasets
        What was merged, by dataset; its months (or days) are 0 where nothing was.
    failures
        What was left as it is, and why.
    """

    segments: list[CompactedSegment] = field(default_factory=list)
    recording: dict[str, int] = field(default_factory=dict)
    datasets: dict[DatasetKey, Compacted] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def move_segments(lake: Lake, venue: str | None, done: Tidied) -> None:
    """Move the segments that crashes left into the tables, oldest first.

    While a venue is being recorded its segments are left to the recorder, which has those that it finished
    in line and counts what it moves.
    """
    names = [unquote(name) for name in names_in(lake.root / "live")]
    for name in names if venue is None else [one for one in names if one == venue]:
        live = live_segments(lake.root, name)
        finished = finished_segments(lake.root, name)
        if len(finished) < len(live):
            done.recording[name] = len(live)
            continue
        for path in finished:
            try:
                done.segments.append(compact_segment(lake.root, path))
            except PowderkegError as error:
                done.failures.append(f"{path}: {error}")


def merge_parts(
    lake: Lake, datasets: Sequence[Dataset], done: Tidied, progress: Callable[[int, int], None]
) -> None:
    """Merge the parts of each dataset; one of which a part is damaged stays as it is, and is told."""
    for number, dataset in enumerate(datasets):
        progress(number, len(datasets))
        try:
            done.datasets[dataset.key] = lake.compact(dataset.key)
        except LakeError as error:
            done.failures.append(f"{dataset.key}: {error}")
    progress(len(datasets), len(datasets))


def tidied_json(done: Tidied) -> dict[str, Any]:
    """Return what a compaction did, for scripts."""
    return {
        "segments": [
            {
                "path": str(one.path),
                "records": one.records,
                "rows": one.rows,
                "unreadable_bytes": one.unreadable_bytes,
            }
            for one in done.segments
        ],
        "recording": done.recording,
        "datasets": [
            {
                **key.as_json(),
                "periods": one.months,
                "parts_before": one.parts_before,
                "parts_after": one.parts_after,
                "duplicates": one.duplicates,
                "conflicts": one.conflicts,
            }
            for key, one in done.datasets.items()
        ],
        "failures": done.failures,
    }
