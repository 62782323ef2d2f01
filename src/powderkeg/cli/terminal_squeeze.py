"""Squeeze reports in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import LONG_COLOUR, SHORT_COLOUR, output, price_text, print_note, print_noted
from powderkeg.model.amount_text import usd
from powderkeg.model.times import duration_text, iso

if TYPE_CHECKING:
    from powderkeg.analytics.squeeze import Squeeze
    from powderkeg.analytics.squeeze_conditions import SqueezeConditions
    from powderkeg.analytics.squeeze_contagion import ContagionReading
    from powderkeg.analytics.squeeze_paths import PathReading
    from powderkeg.analytics.squeeze_readings import Reaching
    from powderkeg.core.bands import Band

_BEYOND = "beyond the book"


def print_squeezes(
    squeezes: Sequence[Squeeze],
    stress: str,
    conditions: Sequence[SqueezeConditions | None],
    paths: Sequence[tuple[PathReading, ...]],
    spread: Sequence[tuple[ContagionReading, ...]],
) -> None:
    """Print the pushes, prices and zones of each direction, what surrounds them, and what they rest on."""
    first = squeezes[0]
    output.print(
        Text.assemble(
            (first.instrument, "bold"), f"  squeeze on a {first.provenance.kind} map as of {iso(first.as_of)}"
        )
    )
    output.print(f"mark price {price_text(first.mark_price)}   depth {stress}\n")
    for one, around, readings, elsewhere in zip(squeezes, conditions, paths, spread, strict=True):
        if one is not first:
            output.print()
        _print_direction(one)
        for reading in elsewhere:
            _print_contagion(one, reading)
        if readings:
            _print_paths(one, readings)
        if around is not None:
            _print_conditions(one, around)
    for note in dict.fromkeys(note for one in squeezes for note in one.provenance.notes):
        print_noted(note)
    print_note(
        "What a push would do if it came now, and no forecast that one comes. Bands: 90 % of the members. "
        f"{first.provenance.model} {first.provenance.parameter_hash}, powderkeg {first.provenance.version}."
    )


def _print_direction(one: Squeeze) -> None:
    colour = _colour(one)
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
        _print_reaching(one, reaching)
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
    print_note("n: the most that is forced per dollar sold or bought inside; ∞ where the book holds nothing.")


def _print_paths(one: Squeeze, readings: Sequence[PathReading]) -> None:
    headings = ("order", "farthest", "90 %", "forced", "90 %", "P(x2)", "seconds")
    table = _table("In time", _colour(one), *headings)
    for reading in readings:
        low, high = sorted((float(reading.extreme[0]), float(reading.extreme[4])))
        lasted = "-" if math.isnan(reading.duration[1]) else f"{reading.duration[1]:.0f}"
        table.add_row(
            usd(reading.push),
            price_text(float(reading.extreme[2])),
            f"{price_text(low)}–{price_text(high)}",
            usd(float(reading.forced[2])),
            f"{usd(float(reading.forced[0]))}–{usd(float(reading.forced[4]))}",
            f"{reading.more_than_doubled:.1%}",
            lasted,
        )
    output.print(table)
    first = readings[0]
    print_note(
        f"{first.paths:,} paths over {first.horizon} s under the rules of {first.rules}. P(x2): more is "
        "forced than was pushed. Seconds: median time in which 95 % of it is closed."
    )


def _print_contagion(one: Squeeze, reading: ContagionReading) -> None:
    title = f"{usd(reading.push)} on {reading.pushed} alone, within {reading.horizon} s"
    table = _table(
        title, _colour(one), "venue", "farthest", "", "at the end", "forced", "taken over", "arbitrage"
    )
    table.columns[0].justify = "left"
    for venue in reading.venues:
        table.add_row(
            venue.venue,
            price_text(venue.farthest_price),
            f"{venue.farthest_price / venue.mark_price - 1:+.1%}",
            f"{venue.final_price / venue.mark_price - 1:+.1%}",
            usd(venue.forced),
            usd(venue.taken_over),
            f"{'-' if venue.arbitrage < 0 else '+'}{usd(abs(venue.arbitrage))}",
        )
    output.print(table)
    print_note(
        f"Expected path, without noise. Arbitrage closes {reading.arbitrage_per_second:.0%} of each gap a "
        "second and adds up to zero; below zero is what leaned against the push."
    )


def _print_conditions(one: Squeeze, around: SqueezeConditions) -> None:
    length = duration_text(around.horizon)
    title = f"Touched within {length}, by volatility alone"
    table = _table(title, _colour(one), "price", "", "probability", "stands on the way")
    for touched in around.touched:
        table.add_row(
            price_text(touched.price),
            f"{touched.distance:+.1%}",
            f"{touched.probability:.1%}",
            usd(touched.standing),
        )
    output.print(table)
    side = "shorts" if one.side == "up" else "longs"
    offside = f"Who is offside is not told: {around.crowding_note}"
    if around.crowding is not None:
        share = around.crowding.offside
        counted = not isinstance(share, float)
        value = share if isinstance(share, float) else share.value
        offside = f"{value:.0%} of the {side} {'counted' if counted else 'modelled'} are in loss"
    print_note(
        f"Expected liquidation of {side} within {length}, touch probability times size: "
        f"{usd(around.expected_liquidation)}; a measure of risk, no forecast. {offside}."
    )


def _colour(one: Squeeze) -> str:
    return SHORT_COLOUR if one.side == "up" else LONG_COLOUR


def _print_reaching(one: Squeeze, found: Reaching) -> None:
    verb = "buying" if one.side == "up" else "selling"
    if found.push is None:
        output.print(f"No order reaches {price_text(found.price)}: the book ends before it.\n")
        return
    text = f"To reach {price_text(found.price)} ({found.distance:+.1%}) takes {verb} {usd(found.push)}"
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
