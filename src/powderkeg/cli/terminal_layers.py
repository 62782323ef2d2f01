"""What an aggregated map is made of, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, messages, output, price_text, usd
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from powderkeg.cli.map_source import SkippedVenue
    from powderkeg.maps.aggregated_map import AggregatedMap

_WITHIN = 0.05


def print_layers(result: AggregatedMap, skipped: Sequence[SkippedVenue]) -> None:
    """Print each venue's part, and who is left out and why."""
    table = Table(
        "venue", "mark", "basis", "per side", "share", "longs -5%", "shorts +5%", "as of", box=SIMPLE
    )
    table.padding = (0, 1, 0, 0)
    for column in table.columns[1:7]:
        column.justify = "right"
    for layer in result.layers:
        one = layer.map
        longs, shorts = (
            one.liquidated_if(one.mark_price * (1 + sign * _WITHIN)).notional for sign in (-1, 1)
        )
        table.add_row(
            one.instrument.split(":")[0],
            price_text(one.mark_price),
            f"{layer.basis:+.3%}",
            usd(one.open_interest),
            f"{layer.share:.1%}",
            Text(usd(longs), style=LONG_COLOUR),
            Text(usd(shorts), style=SHORT_COLOUR),
            iso(one.as_of)[5:16].replace("T", " "),
        )
    output.print(table)
    for one_skipped in skipped:
        messages.print(f"Without {one_skipped.venue}: {one_skipped.reason}", markup=False, soft_wrap=True)


def skipped_json(skipped: Sequence[SkippedVenue]) -> list[dict[str, Any]]:
    """Return who is left out, for scripts."""
    return [{"venue": one.venue, "reason": one.reason} for one in skipped]
