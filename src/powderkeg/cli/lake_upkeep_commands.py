"""``powderkeg lake verify`` and ``powderkeg lake compact``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options, lake_selection
from powderkeg.cli.options import Json
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.cli.lake_upkeep import DatasetProblem, Tidied
    from powderkeg.lake.damaged_parts import SetAside
    from powderkeg.lake.dataset_key import DatasetKey
    from powderkeg.model.window import Window

_MOST_LINES = 20


def verify(
    table: lake_selection.TableFilter = None,
    venue: lake_selection.VenueFilter = None,
    symbol: lake_selection.SymbolFilter = None,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Name the damaged files to set aside, and the coverage to backfill."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --forget: do it; nothing is deleted.")] = False,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Read every file of the tables and compare it with what the manifests say of it.

    The status is 1 if anything is wrong. Example: powderkeg lake verify --venue binance
    """
    from powderkeg.analytics.lake_coverage import windows_json
    from powderkeg.cli.lake_upkeep import (
        coverage_to_forget,
        problem_json,
        problems_in,
        set_aside,
        set_aside_json,
    )
    from powderkeg.cli.terminal import counting, print_json

    if yes and not forget:
        raise InputError("--yes was given without --forget; there is nothing to confirm")
    store = lake_selection.existing_lake(lake, settings)
    datasets = lake_selection.chosen_datasets(store, table, venue, symbol)
    found: list[DatasetProblem] = []
    with counting("Verifying") as move:
        for number, dataset in enumerate(datasets):
            move(number, len(datasets))
            found += problems_in(store, dataset.key)
        move(len(datasets), len(datasets))
    damaged = coverage_to_forget(store, found)
    aside = set_aside(store, found) if yes else []
    if as_json:
        print_json(
            {
                "lake": str(store.root),
                "datasets": len(datasets),
                "problems": [problem_json(one) for one in found],
                "damaged_coverage": [
                    {**key.as_json(), "windows": windows_json(windows)} for key, windows in damaged.items()
                ],
                "forgotten": yes,
                "set_aside": [set_aside_json(key, one) for key, one in aside],
            }
        )
    else:
        _print_problems(found, len(datasets))
        if yes:
            _print_set_aside(aside, damaged, lake_selection.lake_option(lake))
        else:
            _print_to_forget(found, damaged, forget)
    if found:
        raise typer.Exit(1)


def compact(
    table: lake_selection.TableFilter = None,
    venue: lake_selection.VenueFilter = None,
    symbol: lake_selection.SymbolFilter = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Merge small files into one for each month or day, and move what a crash left into the tables.

    Reads give the same rows before, during and after it. Segments of a recorder hold many tables and
    symbols: they are moved unless --table or --symbol is given. Example: powderkeg lake compact
    """
    from powderkeg.cli.lake_upkeep import Tidied, merge_parts, move_segments, tidied_json
    from powderkeg.cli.terminal import counting, print_json, working

    store = lake_selection.existing_lake(lake, settings)
    done = Tidied()
    if table is None and symbol is None:
        with working("Moving live segments"):
            move_segments(store, None if venue is None else venue.lower(), done)
    # A segment may have been all that there was of a venue.
    datasets = lake_selection.chosen_datasets(store, table, venue, symbol)
    with counting("Merging") as move:
        merge_parts(store, datasets, done, move)
    if as_json:
        print_json(tidied_json(done))
    else:
        _print_tidied(done)
    if done.failures:
        raise typer.Exit(1)


def _print_problems(found: Sequence[DatasetProblem], datasets: int) -> None:
    from rich.text import Text

    from powderkeg.cli.terminal import output
    from powderkeg.cli.terminal_text import count_text, plain_text

    checked = count_text(datasets, "dataset")
    if not found:
        output.print(f"{checked} verified: every file is what its manifest says.")
        return
    last = None
    for one in found:
        if one.key != last:
            output.print(Text(plain_text(str(one.key)), style="bold"), soft_wrap=True)
            last = one.key
        problem = one.problem
        detail = f": {plain_text(problem.detail)}"
        output.print(Text.assemble(("  " + problem.kind, "bold red"), detail), soft_wrap=True)
        output.print(Text(f"    file: {problem.path}", style="dim"), soft_wrap=True)
        output.print(Text(f"    to do: {one.remedy}"), soft_wrap=True)
    damaged = len({one.key for one in found})
    output.print(f"\n{count_text(len(found), 'problem')} in {damaged:,} of {checked}.")


def _print_to_forget(
    found: Sequence[DatasetProblem], damaged: Mapping[DatasetKey, Sequence[Window]], forget: bool
) -> None:
    """Say which coverage rests on damaged files, and what can be done about them."""
    from powderkeg.cli.terminal import output

    if not any(one.period for one in found):
        if forget:
            output.print("No file of a table is damaged: there is nothing to forget.")
        return
    if damaged:
        output.print("\nCoverage that rests on damaged files:", style="bold")
        _print_windows(damaged)
    output.print(
        "Nothing was removed. --forget --yes sets the damaged files aside and removes that coverage, so that "
        "a backfill fetches it again.",
        soft_wrap=True,
    )


def _print_set_aside(
    aside: Sequence[tuple[DatasetKey, SetAside]],
    damaged: Mapping[DatasetKey, Sequence[Window]],
    lake_option: str,
) -> None:
    """Say where damaged files are now, and how to fetch again what was in them."""
    from rich.text import Text

    from powderkeg.cli.lake_upkeep import fetching_again
    from powderkeg.cli.terminal import output

    if not aside:
        output.print("No file of a table is damaged: there was nothing to forget.")
        return
    output.print("\nSet aside, with the reason beside each in a .json file:", style="bold")
    for _, one in aside:
        there = f"{one.path}" if one.path else f"{one.problem.path}: there is no file; see {one.note}"
        output.print(Text(f"  {there}"), soft_wrap=True)
    if not damaged:
        return
    output.print("\nCoverage removed:", style="bold")
    _print_windows(damaged)
    output.print("\nTo fetch it again:", style="bold")
    for key, windows in damaged.items():
        output.print(Text(f"  {fetching_again(key, windows, lake_option)}"), soft_wrap=True)


def _print_windows(damaged: Mapping[DatasetKey, Sequence[Window]]) -> None:
    from rich.text import Text

    from powderkeg.cli.terminal import output
    from powderkeg.cli.terminal_text import plain_text

    for key, windows in damaged.items():
        for window in windows:
            output.print(Text(plain_text(f"  {key}: {window}")), soft_wrap=True)


def _print_tidied(done: Tidied) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from powderkeg.cli.terminal import messages, output
    from powderkeg.cli.terminal_text import count_text, plain_text, size_text

    for one in done.segments:
        rows = ", ".join(f"{count:,} {table}" for table, count in one.rows.items()) or "no rows"
        output.print(
            f"moved {one.path.name}: {count_text(one.records, 'record')}, {rows}",
            soft_wrap=True,
            markup=False,
        )
        if one.unreadable_bytes:
            aside = one.path.with_suffix(".damaged")
            kept = f"; the segment is kept as {aside}" if aside.exists() else ""
            output.print(
                f"  {size_text(one.unreadable_bytes)} at its end cannot be read{kept}",
                style="yellow",
                soft_wrap=True,
                markup=False,
            )
    for venue, segments in done.recording.items():
        output.print(
            f"{venue} is being recorded: its {count_text(segments, 'segment')} stay with the recorder",
            soft_wrap=True,
            markup=False,
        )
    merged = {key: one for key, one in done.datasets.items() if one.months}
    if merged:
        table = Table("dataset", "periods", "parts", "dupl.", "conf.", box=SIMPLE, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        for key, compacted in list(merged.items())[:_MOST_LINES]:
            table.add_row(
                Text(plain_text(str(key))),
                f"{compacted.months:,}",
                f"{compacted.parts_before:,} → {compacted.parts_after:,}",
                f"{compacted.duplicates:,}",
                f"{compacted.conflicts:,}",
            )
        output.print(table)
        if len(merged) > _MOST_LINES:
            output.print(f"and {len(merged) - _MOST_LINES:,} more datasets")
    of = count_text(len(done.datasets), "dataset")
    output.print(f"{len(merged):,} of {of} had parts to merge." if merged else f"{of}: nothing to merge.")
    if done.failures:
        messages.print("[bold red]Left as it is:[/]")
        for line in done.failures:
            messages.print(f"  {plain_text(line)}", markup=False, soft_wrap=True)
