"""What the lake covers, drawn in the terminal: a strip of time for each dataset, and what is known of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from powderkeg.analytics.lake_coverage import DatasetCoverage, RecordedGap, Unreadable, length_of
from powderkeg.cli.terminal import messages, output, print_note
from powderkeg.cli.terminal_text import count_text, length_text, plain_text, size_text, time_text
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, duration_text
from powderkeg.model.window import Window

# Okabe-Ito green and orange; the marks differ too, so that nothing rests on colour.
_MARKS = {"all": ("█", "#009E73"), "part": ("▒", "#E69F00"), "none": ("·", "dim")}
_ASCII_MARKS = {"█": "#", "▒": "+", "·": "."}
_SHORT_STEPS = (
    *(SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY),
)
_WIDEST = 118
_INDENT = "  "
_LEFT = {"table of venue", "symbol, series", "first", "last"}
_FACTS = ("rows", "holes", "size", "first", "last", "parts", "dropped", "conflicts")
_MOST_CARDS = 3
_FEW = 12
_MOST_LISTED = 40
_MOST_WINDOWS = 5
_MOST_REASONS = 8


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Cells of `step` ms that hold `window`; the first and the last may reach beyond it."""

    window: Window
    start: int
    step: int
    cells: int


def time_axis(window: Window, width: int) -> TimeAxis:
    """Return the axis with the shortest step that takes at most `width` cells.

    A step is a second to half a day, or whole days; cells begin at whole steps of UTC.
    """
    days = -(-window.length // (width * DAY))
    for step in (*_SHORT_STEPS, days * DAY, (days + 1) * DAY):
        start = window.start // step * step
        cells = -(-(window.end - start) // step)
        if cells <= width:
            break
    return TimeAxis(window, start, step, cells)


def covered_shares(covered: Iterable[Window], axis: TimeAxis) -> list[float]:
    """Return which share of each cell is covered, 0 to 1; at the edges, of what lies in the window."""
    shares = [0] * axis.cells
    for part in covered:
        inside = part.overlap(axis.window)
        if inside is None:
            continue
        for cell in range((inside.start - axis.start) // axis.step, axis.cells):
            left = inside.overlap(_cell(axis, cell))
            if left is None:
                break
            shares[cell] += left.length
    return [share / _cell(axis, cell).length for cell, share in enumerate(shares)]


def strip(shares: Iterable[float]) -> Text:
    """Return a mark for each share: all, in part, none. A hole, however short, never shows as all."""
    text = Text()
    for share in shares:
        mark, style = _MARKS["all" if share >= 1 else "part" if share > 0 else "none"]
        text.append(_ASCII_MARKS[mark] if output.options.ascii_only else mark, style)
    return text


def print_coverage(lake: str, coverages: Sequence[DatasetCoverage], unreadable: Sequence[Unreadable]) -> None:
    """Print what is known of datasets: each in full where they are few, else in lists by table and venue."""
    rows, size = sum(one.summary.rows for one in coverages), sum(one.summary.size for one in coverages)
    output.print(
        Text.assemble(
            (plain_text(lake), "bold"),
            f"  {count_text(len(coverages), 'dataset')}, {count_text(rows, 'row')}, {size_text(size)}\n",
        ),
        soft_wrap=True,
    )
    if len(coverages) <= _MOST_CARDS:
        for coverage in coverages:
            _print_card(coverage)
    else:
        _print_lists(coverages)
        _print_reasons(coverages)
    for one in unreadable:
        messages.print("[bold red]cannot be read:[/] ", end="")
        messages.print(plain_text(f"{one.key}: {one.reason}"), markup=False, soft_wrap=True)


def _print_lists(coverages: Sequence[DatasetCoverage]) -> None:
    """Print each table and venue where datasets are many, then each dataset where not too many."""
    groups: dict[str, list[DatasetCoverage]] = defaultdict(list)
    for one in coverages:
        groups[f"{one.key.table} of {one.key.venue}"].append(one)
    axis = _axis_of(coverages)
    listed = len(coverages) <= _MOST_LISTED
    left_out: set[str] = set()
    if len(coverages) > _FEW:
        lines = [_Line((name, f"{len(group):,}"), group) for name, group in groups.items()]
        left_out |= _print_lines(("table of venue", "datasets"), {"": lines}, None if listed else axis)
    if listed:
        sections = {
            name: [_Line((f"{one.key.symbol} {one.key.variant}",), [one]) for one in group]
            for name, group in groups.items()
        }
        left_out |= _print_lines(("symbol, series",), sections, axis)
    if axis is not None:
        output.print(_ruler(axis), soft_wrap=True)
        _print_legend(axis)
    if not listed:
        print_note(
            f"--table, --venue and --symbol choose; up to {_MOST_LISTED} datasets are listed one by one."
        )
    if left_out:
        names = ", ".join(name for name in _FACTS if name in left_out)
        print_note(f"Left out for want of width: {names}. --json has everything.")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a list: what it is called, and the datasets that it is about."""

    names: tuple[str, ...]
    datasets: Sequence[DatasetCoverage]


def _print_lines(
    names: tuple[str, ...], sections: Mapping[str, Sequence[_Line]], axis: TimeAxis | None
) -> set[str]:
    """Print what is known in columns, each with its strip below; return the columns that had no room."""
    heading = [*names, *_FACTS]
    lines = [line for section in sections.values() for line in section]
    cells = [[*map(plain_text, line.names), *_facts(line.datasets)] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(heading, *cells, strict=True)]
    shown = len(heading)
    while shown > len(names) + 1 and sum(widths[:shown]) + 2 * (shown - 1) + len(_INDENT) > output.width:
        shown -= 1

    def text(values: Sequence[str]) -> str:
        padded = []
        for name, value, width in zip(heading[:shown], values, widths, strict=False):
            space = " " * (width - cell_len(value))
            padded.append(value + space if name in _LEFT else space + value)
        return (_INDENT + "  ".join(padded)).rstrip()

    output.print(Text(text(heading), style="dim"), soft_wrap=True)
    values = iter(cells)
    for title, section in sections.items():
        if title:
            output.print(Text(plain_text(title), style="bold"), soft_wrap=True)
        for line in section:
            output.print(Text(text(next(values))), soft_wrap=True)
            drawn = [one.summary.covered for one in line.datasets if one.summary.covered]
            if axis is not None and drawn:
                output.print(Text(_INDENT) + strip(_mean_shares(drawn, axis)), soft_wrap=True)
    output.print()
    return set(heading[shown:])


def _mean_shares(covered: Sequence[Sequence[Window]], axis: TimeAxis) -> list[float]:
    shares = [covered_shares(windows, axis) for windows in covered]
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]


def _facts(group: Sequence[DatasetCoverage]) -> list[str]:
    summaries = [one.summary for one in group]
    firsts = [summary.first_ts for summary in summaries if summary.first_ts is not None]
    lasts = [summary.last_ts for summary in summaries if summary.last_ts is not None]
    holes = sum(len(one.holes) for one in group)
    missing = length_text(sum(one.missing for one in group))
    nothing_covered = "-" if not any(summary.covered for summary in summaries) else "none"
    return [
        f"{sum(summary.rows for summary in summaries):,}",
        f"{holes:,}: {missing}" if holes else nothing_covered,
        size_text(sum(summary.size for summary in summaries)),
        time_text(min(firsts))[:10] if firsts else "-",
        time_text(max(lasts))[:10] if lasts else "-",
        f"{sum(summary.parts for summary in summaries):,}",
        f"{sum(summary.duplicates_dropped for summary in summaries):,}",
        f"{sum(summary.conflicts_resolved for summary in summaries):,}",
    ]


def _print_card(coverage: DatasetCoverage) -> None:
    """Print all that is known of one dataset."""
    summary, key = coverage.summary, coverage.key
    output.print(Text(plain_text(str(key)), style="bold"), soft_wrap=True)
    facts: dict[str, list[str]] = {}
    facts["rows"] = [f"{summary.rows:,}"]
    if summary.first_ts is not None and summary.last_ts is not None:
        facts["rows"][0] += f", from {time_text(summary.first_ts)} to {time_text(summary.last_ts)}"
    facts["complete"] = _windows(summary.covered) or ["at no time, as far as is known"]
    if summary.covered:
        facts["holes"] = _windows(coverage.holes) or ["none"]
    if coverage.gaps:
        facts["recorded gaps"] = _reasons({gap.reason: _gap_text([gap]) for gap in coverage.gaps})
    facts["files"] = [f"{count_text(summary.parts, 'part')}, {size_text(summary.size)}"]
    facts["gave way"] = [
        f"{count_text(summary.duplicates_dropped, 'duplicate')}, "
        f"{count_text(summary.conflicts_resolved, 'row')} with other values"
    ]
    wide = max(map(len, facts))
    for name, lines in facts.items():
        for number, line in enumerate(lines):
            label = Text(f"{_INDENT}{'' if number else name:<{wide}}  ", style="dim")
            output.print(label + Text(line), soft_wrap=True)
    axis = _axis_of([coverage])
    if axis is not None:
        output.print()
        output.print(Text(_INDENT) + strip(covered_shares(summary.covered, axis)), soft_wrap=True)
        output.print(_ruler(axis), soft_wrap=True)
        _print_legend(axis)
    output.print()


def _windows(windows: Sequence[Window]) -> list[str]:
    """Return a line for each window, the longest where they are many, in order of time."""
    shown = sorted(sorted(windows, key=lambda window: -window.length)[:_MOST_WINDOWS])
    lines = [f"{time_text(start)} to {time_text(end)} ({length_text(end - start)})" for start, end in shown]
    if len(windows) > len(shown):
        rest = length_text(length_of(windows) - length_of(shown))
        lines.append(f"and {len(windows) - len(shown):,} shorter, {rest} in all; --json has them")
    return lines


def _print_reasons(coverages: Sequence[DatasetCoverage]) -> None:
    by_reason: dict[str, list[RecordedGap]] = defaultdict(list)
    for coverage in coverages:
        for gap in coverage.gaps:
            by_reason[gap.reason].append(gap)
    if not by_reason:
        return
    output.print("\nRecorded gaps", style="bold")
    ordered = sorted(by_reason.items(), key=lambda item: -sum(gap.length for gap in item[1]))
    for line in _reasons({reason: _gap_text(gaps) for reason, gaps in ordered}):
        output.print(Text(_INDENT + line), soft_wrap=True)


def _reasons(texts: Mapping[str, str]) -> list[str]:
    lines = [f"{text}: {plain_text(reason)}" for reason, text in list(texts.items())[:_MOST_REASONS]]
    if len(texts) > _MOST_REASONS:
        lines.append(f"and {count_text(len(texts) - _MOST_REASONS, 'other reason')}; --json has them")
    return lines


def _gap_text(gaps: Sequence[RecordedGap]) -> str:
    length, missing = sum(gap.length for gap in gaps), sum(gap.missing for gap in gaps)
    left = "none of it filled since" if missing == length else f"{length_text(missing)} still missing"
    return (
        f"{count_text(sum(gap.count for gap in gaps), 'gap')}, {length_text(length)} in all, "
        f"{left if missing else 'filled since'}"
    )


def _axis_of(coverages: Iterable[DatasetCoverage]) -> TimeAxis | None:
    covered = [one.summary.covered for one in coverages if one.summary.covered]
    if not covered:
        return None
    window = Window(min(windows[0].start for windows in covered), max(windows[-1].end for windows in covered))
    return time_axis(window, max(8, min(_WIDEST, output.width - len(_INDENT))))


def _ruler(axis: TimeAxis) -> Text:
    """Return the first and the last time below the strip's ends, where there is room for both."""
    start, end = (time_text(time // MINUTE * MINUTE) for time in axis.window)
    room = axis.cells - len(start) - len(end)
    between = " " * room if room > 1 else " to "
    return Text(f"{_INDENT}{start}{between}{end}", style="dim")


def _print_legend(axis: TimeAxis) -> None:
    legend = Text(_INDENT)
    for share, meaning in ((1.0, "complete"), (0.5, "in part"), (0.0, "not")):
        legend += strip([share]) + Text(f" {meaning}  ", style="dim")
    output.print(legend + Text(f"each mark {duration_text(axis.step)}", style="dim"), soft_wrap=True)


def _cell(axis: TimeAxis, cell: int) -> Window:
    """Return the part of the window that a cell stands for."""
    start = axis.start + cell * axis.step
    return Window(max(start, axis.window.start), min(start + axis.step, axis.window.end))
