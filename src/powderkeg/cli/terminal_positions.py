"""What measured positions look like in the terminal: at most 100 columns, sides in words and colours."""

from __future__ import annotations

import math

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.analytics.measured_changes import MARKS, ChangedPosition, MeasuredChanges
from powderkeg.analytics.measured_positions import SIDES, MeasuredPositions
from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, price_text, print_note
from powderkeg.cli.terminal_text import count_text, length_text, plain_text, time_text
from powderkeg.core.account_resampling import Estimate
from powderkeg.core.position_changes import FATES
from powderkeg.core.position_distances import QUANTILES
from powderkeg.model.amount_text import usd

_COLOURS = dict(zip(SIDES, (LONG_COLOUR, SHORT_COLOUR), strict=True))
_WIDEST = 100
_HALF = QUANTILES.index(0.5)


def print_positions(result: MeasuredPositions) -> None:
    """Print what is close to liquidation, what moves would liquidate, and who is in the sample."""
    output.print(
        Text.assemble(
            (result.coin, "bold"),
            f"  measured positions of {result.venue} as of {time_text(result.as_of)} UTC\n"
            f"mark price {price_text(result.mark_price)}   "
            + (
                "the venue's open interest is not known"
                if result.open_interest is None
                else f"open interest {usd(result.open_interest)} per side"
            )
            + "\n",
        )
    )
    _print_within(result)
    _print_nearest(result)
    _print_sample(result)


def print_changes(result: MeasuredChanges) -> None:
    """Print what became of the positions, and those liquidated, close or with collateral moved."""
    output.print()
    table = _table("what", "longs", "", "shorts", "", title=f"Since {time_text(result.since)} UTC")
    for name in (*FATES, *MARKS):
        cells: list[str | Text] = [name.replace("_", " ")]
        for side in SIDES:
            count, notional = (result.counts if name in FATES else result.marks)[side][name]
            cells += [f"{count:,}" if count else "-", _coloured(usd(notional), side) if count else ""]
        table.add_row(*cells, end_section=name == FATES[-1])
    _print(table)
    if result.positions:
        table = _table(
            "account", "side", "notional", "what", "distance", "crossed", "margin",
            title="Liquidated, close, or with collateral moved", left=(0, 1, 3),
        )  # fmt: skip
        for one in result.positions:
            table.add_row(
                plain_text(one.account),
                _coloured(one.position_side, one.position_side),
                usd(one.notional),
                ", ".join(_words(one)),
                f"{_percent(one.distance_before)} → {_percent(one.distance_after)}",
                _percent(one.crossed_by) if one.crossed_by is not None and one.crossed_by >= 0 else "-",
                f"{'+' if one.collateral > 0 else '-'}{usd(abs(one.collateral))}" if one.collateral else "-",
            )
        _print(table)
    print_note(
        f"Range of the mark in between: {result.range_source}. Liquidated means gone or smaller with the "
        "level inside that range: its owner may have closed it in time. Not seen again means unknown, not "
        "closed."
    )


def _print_within(result: MeasuredPositions) -> None:
    scaled = result.open_interest is not None
    of_venue = ("of the venue's", "scaled, 90 %") if scaled else ()
    headings = ("mark moves", "liquidates", "counted", "of counted", *of_venue)
    table = _table(*headings, title="Share of open interest", left=(1,))
    for one in result.within:
        row: list[str | Text] = [
            f"{one.distance:+.0%}",
            _coloured(f"{one.position_side}s", one.position_side),
            usd(one.counted),
            f"{one.share:.2%}",
        ]
        if result.open_interest is not None:
            row.append(f"{one.counted / result.open_interest:.2%}")
            row.append("-" if one.band is None else f"{usd(one.band.low_90)}–{usd(one.band.high_90)}")
        table.add_row(*row)
    _print(table)


def _print_nearest(result: MeasuredPositions) -> None:
    count, notional = result.close
    if not count:
        output.print(f"No position that is known stands within {result.near * 100:g}% of its liquidation.\n")
        return
    total = f"{count_text(count, 'position')}, {usd(notional)}"
    title = f"Largest within {result.near * 100:g}% of liquidation: {total}"
    table = _table(
        "", "account", "side", "notional", "level", "distance", "share", "margin", "age", title=title,
        left=(1, 2, 7),
    )  # fmt: skip
    for one in result.positions:
        table.add_row(
            str(one.rank),
            plain_text(one.account),
            _coloured(one.position_side, one.position_side),
            usd(one.notional),
            price_text(one.liquidation_price),
            f"{one.distance:+.2%}",
            f"{one.share:.2%}",
            one.margin_mode or "-",
            "0s" if one.age < 1_000 else length_text(one.age),
        )
    _print(table)


def _print_sample(result: MeasuredPositions) -> None:
    output.print("Who was counted", style="bold")
    shared = [note for note in result.notes[0] if note in result.notes[1]]
    for side, counted, found, notes in zip(SIDES, result.sides, result.distances, result.notes, strict=True):
        if not counted.positions:
            print_note(f"{side}s: {notes[0]}")
            continue
        print_note(
            f"{side}s: {count_text(counted.positions, 'position')} of "
            f"{count_text(counted.accounts, 'account')}, "
            f"{usd(counted.notional)}, which vary as {found.effective_accounts:.0f} of one size would"
        )
        print_note(
            f"  without a level {_range(found.without_level)} of it; half of the rest is within "
            f"{_range(found.quantiles[_HALF])} of its level (log distance)"
        )
        if counted.passed:
            print_note(
                f"  {usd(counted.passed)} has a level that the mark has passed since its state was taken"
            )
        for note in notes:
            if note not in shared:
                print_note(f"  {note}")
    for note in shared:
        print_note(f"both sides: {note}")
    print_note("Counted positions, not a forecast: they may be closed or topped up before price gets there.")


def _words(one: ChangedPosition) -> list[str]:
    marks = [mark.replace("_", " ") for mark in one.marks]
    return marks if marks and one.fate == "unchanged" else [one.fate, *marks]


def _range(one: Estimate) -> str:
    if math.isnan(one.low):
        return _percent(one.value)
    return f"{_percent(one.value)} ({_percent(one.low)} to {_percent(one.high)})"


def _percent(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.1%}"


def _coloured(text: str, side: str) -> Text:
    return Text(text, style=_COLOURS[side])


def _table(*headings: str, title: str, left: tuple[int, ...] = (0,)) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number in left else "right", overflow="fold")
    return table


def _print(table: Table) -> None:
    output.print(table, width=min(_WIDEST, output.width))
