"""What a measured map was counted from, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import (
    LONG_COLOUR,
    SHORT_COLOUR,
    output,
    price_text,
    print_note,
    print_noted,
    print_reading,
)
from powderkeg.model.amount_text import usd
from powderkeg.model.times import duration_text, iso

if TYPE_CHECKING:
    from powderkeg.maps.measured_heatmap import MeasuredHeatmap
    from powderkeg.maps.measured_map import MeasuredMap

_SIDES = (("longs", LONG_COLOUR), ("shorts", SHORT_COLOUR))


def print_measured(result: MeasuredMap) -> None:
    """Print the map, what was counted on either side, how old and how exact it is, and its notes."""
    print_reading(result.map)
    _print_counted(result)
    _print_within(result)
    _print_states(result)
    output.print("\nWhat this rests on", style="bold")
    for series in result.map.provenance.inputs:
        print_note(f"{series.name}: {series.source}, {series.rows:,} in this coin")
    for note in result.map.provenance.notes:
        print_noted(note)
    print_note(
        "Notional at its liquidation level: positions may be closed or topped up before price gets there. "
        f"Not a forecast of direction. {result.map.provenance.model} "
        f"{result.map.provenance.parameter_hash}, powderkeg {result.map.provenance.version}."
    )


def print_measured_heatmap(result: MeasuredHeatmap) -> None:
    """Print ten of the columns: what was counted, and what stands near the mark."""
    heatmap = result.heatmap
    output.print(
        Text.assemble((heatmap.instrument, "bold"), f"  measured heatmap, {len(heatmap):,} columns of ")
        + Text(f"{duration_text(heatmap.column_length)}, {heatmap.grid.count:,} price bins")
    )
    table = _table(
        f"{iso(int(heatmap.times[0]))} to {iso(int(heatmap.times[-1]))}",
        *("as of", "snapshot", "mark", "longs", "shorts", "longs -5%", "shorts +5%"),
    )
    for column in sorted({round(i * (len(heatmap) - 1) / 9) for i in range(10)}):
        single = heatmap.map_at(column)
        within = [single.liquidated_if(single.mark_price * factor).notional for factor in (0.95, 1.05)]
        amounts = (*result.counted[column].tolist(), *within)
        table.add_row(
            f"{iso(single.as_of)[:16]}Z",
            iso(int(result.snapshot_ts[column]))[11:16],
            price_text(single.mark_price, 5),
            *(
                Text(usd(amount), style=colour)
                for amount, colour in zip(amounts, (LONG_COLOUR, SHORT_COLOUR) * 2, strict=True)
            ),
        )
    table.columns[0].no_wrap = True
    output.print(table)
    print_note(
        "Longs, shorts: all that was counted. Longs -5%, shorts +5%: what stands within 5 % of the mark."
    )
    for note in heatmap.provenance.notes:
        print_noted(note)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        *columns, title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _print_counted(result: MeasuredMap) -> None:
    columns = ["", "counted", "of OI", "accounts", "on map", "no level", "passed"]
    others = any(side.other_side for side in result.sides)
    far = any(side.far for side in result.sides)
    columns += ["far"] * far + ["other side"] * others
    table = _table("What was counted", *columns)
    for (name, colour), side in zip(_SIDES, result.sides, strict=True):
        row = [
            usd(side.notional),
            "?" if side.coverage is None else f"{side.coverage:.1%}",
            f"{side.accounts:,}",
            usd(side.in_map),
            usd(side.without_level),
            usd(side.passed),
        ]
        row += [usd(side.far)] * far + [usd(side.other_side)] * others
        table.add_row(Text(name, style=colour), *row)
    output.print()
    output.print(table)


def _print_within(result: MeasuredMap) -> None:
    scaled = result.open_interest is not None
    columns = ["mark moves", "side", "counted", "of the side"] + ["of all, scaled", "90 % of it"] * scaled
    table = _table("Liquidated on the way", *columns)
    table.columns[1].justify = "left"
    for one in result.within:
        colour = LONG_COLOUR if one.position_side == "long" else SHORT_COLOUR
        row = [usd(one.counted), f"{one.share:.2%}"]
        if one.scaled is not None and one.band is not None:
            row += [usd(one.scaled), f"{usd(one.band.low_90)}–{usd(one.band.high_90)}"]
        table.add_row(f"{one.distance:+.0%}", Text(f"{one.position_side}s", style=colour), *row)
    output.print(table)
    if scaled:
        print_note(
            "Scaled: as if accounts that nobody has seen held levels as the counted ones do; the band draws "
            "the counted accounts again, and knows nothing of how the others differ."
        )


def _print_states(result: MeasuredMap) -> None:
    middle, late, oldest = (duration_text(age // 1000 * 1000) if age >= 1000 else "0s" for age in result.ages)
    output.print(f"Age of the states, by notional: median {middle}, 90 % within {late}, oldest {oldest}.")
    check = result.check
    if check.compared:
        output.print(
            f"Published levels against computed ones: {check.compared:,} compared over all coins, "
            f"{check.within_rounding:.1%} equal to rounding, {check.within_one_percent:.1%} within 1 %."
        )
    if result.portfolio_accounts:
        output.print(
            f"{result.portfolio_accounts:,} accounts under portfolio margin have no level of one coin."
        )
