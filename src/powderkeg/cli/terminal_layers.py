"""What an aggregated map is made of, in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import (
    LONG_COLOUR,
    SHORT_COLOUR,
    messages,
    output,
    price_text,
    print_caveats,
    print_note,
    print_noted,
)
from powderkeg.cli.terminal_text import time_text
from powderkeg.model.amount_text import usd
from powderkeg.model.times import duration_text

if TYPE_CHECKING:
    from powderkeg.maps.aggregated_map import AggregatedMap, MapLayer
    from powderkeg.model.provenance import Provenance, SeriesCoverage

_WITHIN = 0.05


def print_layers(result: AggregatedMap, skipped: Mapping[str, str]) -> None:
    """Print each venue's part, one line of what it rests on, and who is left out and why."""
    output.print()
    reference = _venue(result.layers[0])
    table = Table(
        *("venue", "mark", "basis", "per side", "share", "longs", "shorts", "as of"),
        title=f"Each venue, moved to the mark of {reference}; longs and shorts within {_WITHIN:.0%}",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column in table.columns[1:7]:
        column.justify = "right"
    table.columns[7].no_wrap = True
    for layer in result.layers:
        one = layer.map
        longs, shorts = (
            one.liquidated_if(one.mark_price * (1 + sign * _WITHIN)).notional for sign in (-1, 1)
        )
        table.add_row(
            _venue(layer),
            price_text(one.mark_price),
            f"{layer.basis:+.3%}",
            usd(one.open_interest),
            f"{layer.share:.1%}",
            Text(usd(longs), style=LONG_COLOUR),
            Text(usd(shorts), style=SHORT_COLOUR),
            time_text(one.as_of)[5:],
        )
    output.print(table)
    _print_provenance(result)
    print_skipped(skipped)


def print_skipped(skipped: Mapping[str, str]) -> None:
    """Print a line for each venue that is left out, with the reason."""
    for venue, reason in skipped.items():
        messages.print(f"Without {venue}: {reason}", markup=False, soft_wrap=True)


def _print_provenance(result: AggregatedMap) -> None:
    """Print a line for each venue, then once what is noted of all of them."""
    output.print("What this rests on", style="bold")
    of_each = [layer.map.provenance for layer in result.layers]
    common = [note for note in of_each[0].notes if all(note in one.notes for one in of_each)]
    for layer, provenance in zip(result.layers, of_each, strict=True):
        own = [note for note in provenance.notes if note not in common]
        print_noted("; ".join([f"{_venue(layer)}: {_inputs_text(provenance)}", *own]))
    for note in common:
        print_noted(note)
    print_note("How each series was read: --json.")
    print_caveats(result.total.provenance)


def _inputs_text(provenance: Provenance) -> str:
    """Return the bars of a map and its other series, each with how much of the bars it is known for."""
    bars, *others = provenance.inputs
    every = f" every {duration_text(bars.cadence)}" if bars.cadence else ""
    return ", ".join([f"{bars.rows:,} bars{every}{_gaps_text(bars)}", *map(_series_text, others)])


def _series_text(series: SeriesCoverage) -> str:
    return series.name.replace("_", " ") + _gaps_text(series)


def _gaps_text(series: SeriesCoverage) -> str:
    # Cut off and not rounded: what is not whole is not told as 100 %.
    return "" if series.coverage == 1 else f" ({int(1000 * series.coverage) / 10:.1f}% known)"


def _venue(layer: MapLayer) -> str:
    return layer.map.instrument.split(":")[0]
