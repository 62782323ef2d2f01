"""Squeeze reports in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, price_text, print_note, print_noted, usd
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from powderkeg.analytics.squeeze import Squeeze
    from powderkeg.core.bands import Band

_BEYOND = "beyond the book"


def print_squeezes(squeezes: Sequence[Squeeze], stress: str) -> None:
    """Print the pushes, prices and zones of each direction, and what they rest on."""
    first = squeezes[0]
    output.print(
        Text.assemble(
            (first.instrument, "bold"), f"  squeeze on a {first.provenance.kind} map as of {iso(first.as_of)}"
        )
    )
    output.print(f"mark price {price_text(first.mark_price)}   depth {stress}\n")
    for one in squeezes:
        _print_direction(one)
    for note in dict.fromkeys(note for one in squeezes for note in one.provenance.notes):
        print_noted(note)
    print_note(
        "What a push would do if it came now, and no forecast that one comes. Bands: 90 % of the members. "
        f"{first.provenance.model} {first.provenance.parameter_hash}, powderkeg {first.provenance.version}."
    )


def _print_direction(one: Squeeze) -> None:
    colour = SHORT_COLOUR if one.side == "up" else LONG_COLOUR
    verb, forced = ("bought", "shorts buy") if one.side == "up" else ("sold", "longs sell")
    table = _table(
        f"If this much is {verb} at once", colour, "order", "rests at", "", "90 %", forced, "x", "book alone"
    )
    for landing in one.ladder:
        table.add_row(
            usd(landing.push),
            _BEYOND if landing.price is None else price_text(landing.price),
            "" if landing.distance is None else f"{landing.distance:+.1%}",
            _prices(landing.price_band, beyond=landing.beyond_book > 0),
            usd(landing.forced),
            f"{landing.amplification:.2f}",
            _BEYOND if landing.book_price is None else f"{landing.book_price / one.mark_price - 1:+.1%}",
        )
    output.print(table)
    for reaching in one.reaching:
        _print_reaching(one, reaching.price)
    if not one.zones:
        output.print("No self-sustaining zone: every order comes to rest.\n")
        return
    table = _table(
        "Where the price does not stop", colour, "from", "to", "trigger", "90 % of it", "forced", "n"
    )
    for zone in one.zones:
        table.add_row(
            price_text(zone.trigger_price),
            "the book's end" if zone.landing_price is None else price_text(zone.landing_price),
            usd(zone.trigger_size),
            _amounts(zone.trigger_size_band),
            usd(zone.forced),
            "∞" if zone.branching is None else f"{zone.branching:.1f}",
        )
    output.print(table)


def _print_reaching(one: Squeeze, price: float) -> None:
    found = next(reaching for reaching in one.reaching if reaching.price == price)
    verb = "buying" if one.side == "up" else "selling"
    if found.push is None:
        output.print(f"No order reaches {price_text(price)}: the book ends before it.")
        return
    text = f"To reach {price_text(price)} ({found.distance:+.1%}) takes {verb} {usd(found.push)}"
    text += f", 90 % between {_amounts(found.push_band)}" if math.isfinite(found.push_band.low_90) else ""
    text += f"; {usd(found.forced)} are forced on the way"
    if found.book_push is not None:
        text += f", and without them it would take {usd(found.book_push)}"
    rest = "does not come to rest before the book ends"
    if found.after_print is not None:
        moved = found.after_print / one.mark_price - 1
        rest = f"comes to rest at {price_text(found.after_print)} ({moved:+.1%})"
    output.print(f"{text}. A print there alone {rest}.\n", soft_wrap=True)


def _table(title: str, colour: str, *columns: str) -> Table:
    table = Table(
        *columns, title=Text(title, style=colour), title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0),
        pad_edge=False,
    )  # fmt: skip
    for column in table.columns:
        column.justify = "right"
    return table


def _prices(band: Band, *, beyond: bool) -> str:
    low, high = ("…" if math.isnan(bound) else price_text(bound) for bound in (band.low_90, band.high_90))
    return f"{low}–{high}" if beyond or not math.isnan(band.low_90) else ""


def _amounts(band: Band) -> str:
    low, high = ("…" if math.isnan(bound) else usd(bound) for bound in (band.low_90, band.high_90))
    return f"{low}–{high}"
