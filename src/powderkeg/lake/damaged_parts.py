"""Setting damaged parts aside: where no reader looks, with the reason beside each, and never deleted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from powderkeg.lake.dataset import Dataset
from powderkeg.lake.durable_files import make_directory, move_durably, write_durably
from powderkeg.lake.manifest import Part
from powderkeg.lake.part_files import period_window
from powderkeg.lake.verification import Problem, problems_of_part

DAMAGED_DIRECTORY = "damaged"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A part that no longer counts.

    Attributes
    ----------
    problem
        What is wrong with it, and where it was.
    path
        Where the file is now; None where there was none.
    note
        A JSON file with the problem and the manifest's entry.
    """

    problem: Problem
    path: Path | None
    note: Path


def set_aside_parts(dataset: Dataset, place: Path, problems: Collection[Problem]) -> list[SetAside]:
    """Move damaged parts to `place`, forget them and the coverage of their periods; return what was moved.

    Files move before the manifest is replaced, in one step for all of them, so that no writer takes one for
    what a crash left, and removes it. Killed in between, it goes on when it is called again: a part whose
    file is set aside already shows as missing.

    Parameters
    ----------
    dataset
        Whose parts.
    place
        A directory on the lake's file system; parts have the same path below it as below the dataset's.
    problems
        Of `powderkeg.lake.verification.problems_of`. Parts that they name are looked at again, and those that
        are sound or no longer listed stay.

    Raises
    ------
    LakeError
        A file cannot be moved, or the manifest cannot be written.
    """
    suspected = {problem.path for problem in problems}
    if not suspected:
        return []
    with dataset.writing() as manifest:
        damaged = {
            part: problem
            for part in manifest.parts
            if dataset.directory / part.path in suspected
            and (problem := next(problems_of_part(dataset, part), None))
        }
        if not damaged:
            return []
        aside = [_moved(dataset, place, part, problem) for part, problem in damaged.items()]
        sound = tuple(part for part in manifest.parts if part not in damaged)
        without = manifest.without_coverage(period_window(part.period) for part in damaged)
        # A write like any other: who reads with the manifest of before finds that there is a later one.
        dataset.save(without.with_parts(sound, duplicates=0, conflicts=0))
    return aside


def _moved(dataset: Dataset, place: Path, part: Part, problem: Problem) -> SetAside:
    source, target = dataset.directory / part.path, place / part.path
    note = target.with_suffix(".json")
    if not source.exists() and note.exists():  # what was killed in between knew the reason
        return SetAside(problem, target if target.exists() else None, note)
    make_directory(target.parent)
    there = source.exists()
    if there:
        target = _free(target)
        note = target.with_suffix(".json")
    told = {
        "dataset": asdict(dataset.key),
        "kind": problem.kind,
        "detail": problem.detail,
        "part": asdict(part),
    }
    write_durably(note, json.dumps(told, indent=1).encode())
    if there:
        move_durably(source, target)
    return SetAside(problem, target if there else None, note)


def _free(path: Path) -> Path:
    """Return the path, or one like it that no file has: nothing that was set aside is written over."""
    names = itertools.chain([path], (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2)))
    return next(name for name in names if not name.exists())
