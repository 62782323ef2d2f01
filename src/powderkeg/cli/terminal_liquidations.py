"""What realised liquidations look like in the terminal: at most 100 columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from powderkeg.analytics.liquidation_feeds import throttled_slot
from powderkeg.analytics.realised_imbalance import RealisedImbalance
from powderkeg.analytics.realised_liquidations import RealisedLiquidations, VenueLiquidations
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.cli.terminal import (
    LONG_COLOUR,
    SHORT_COLOUR,
    output,
    price_text,
    print_note,
)
from powderkeg.cli.terminal_tables import WIDEST, print_table, table_of
from powderkeg.core.liquidation_imbalance import LEAST_USD
from powderkeg.model.amount_text import usd
from powderkeg.model.times import DAY, duration_text, iso
from powderkeg.venues.venue import Venue

_COLOURS = (LONG_COLOUR, SHORT_COLOUR)
_MOST_ROWS = 48
_MOST_SYMBOLS = 2
_BAR, _NARROW_BAR = 12, 4
_NOT_RECORDED = "not recorded"


def print_liquidations(result: RealisedLiquidations) -> None:
    """Print totals by venue, by interval, the largest orders, the imbalance, and what is to be known."""
    start, end = (iso(time)[:16].replace("T", " ") for time in result.window)
    output.print(
        Text.assemble((result.coin, "bold"), f"  reported liquidations, {start} to {end} UTC\n"),
    )
    _print_venues(result)
    if result.intervals.recorded.any():
        _print_intervals(result)
        _print_largest(result)
        _print_imbalances(result.imbalances)
    else:
        output.print("Nothing was recorded in this time. `powderkeg lake coverage` shows what was.\n")
    _print_small_print(result)


def _print_venues(result: RealisedLiquidations) -> None:
    headings = ("venue", "symbols", "longs", "shorts", "events", "known", "what it is")
    table = table_of("Venues", *headings, left=(0, 1, 6), wrapped=(0,))
    for one in result.venues:
        table.add_row(one.venue.title, _symbols(one), *_amounts(one.whole), _what(one))
        if one.corrected:
            _add_corrected(table, one.whole, "random arrivals to bursts")
    if len(result.venues) > 1:
        table.add_section()
        table.add_row("all", "", *_amounts(result.whole), "added up", style="bold")
        corrected = [one.venue.title for one in result.venues if one.corrected]
        if corrected:
            _add_corrected(table, result.whole, f"{', '.join(corrected)} corrected")
    print_table(table)


def _symbols(one: VenueLiquidations) -> str:
    shown = ", ".join(feed.symbol for feed in one.feeds[:_MOST_SYMBOLS])
    hidden = len(one.feeds) - _MOST_SYMBOLS
    return shown + (f" +{hidden}" if hidden > 0 else "")


def _amounts(totals: WindowTotals) -> list[Text | str]:
    """Return the cells longs, shorts, events and known."""
    if not totals.recorded[0]:
        return [Text(_NOT_RECORDED, style="dim"), "", "", "0%"]
    events = totals.events[0].sum()
    return [
        *(Text(usd(amount), style=c) for amount, c in zip(totals.usd[0].tolist(), _COLOURS, strict=True)),
        f"{events:,.0f}" if math.isfinite(events) else "-",
        _share(float(totals.share[0])),
    ]


def _add_corrected(table: Table, totals: WindowTotals, what: str) -> None:
    table.add_row("  corrected", "", *(_range(totals, 0, side) for side in (0, 1)), "", "", what, style="dim")


def _range(totals: WindowTotals, number: int, side: int | None = None) -> str:
    """Return low to high of a side, or of both; without a high where slots were all taken."""
    columns = slice(None) if side is None else slice(side, side + 1)
    low, high = (float(values[number, columns].sum()) for values in (totals.low, totals.high))
    if totals.saturated[number]:
        return f">{usd(low)}"
    return usd(low) if usd(low) == usd(high) else f"{usd(low)}–{usd(high)}"


def _share(share: float) -> str:
    # A hole must not be rounded away.
    if 0 < share < 0.01:
        return "<1%"
    return f"{min(share, 0.999):.1%}" if 0.99 < share < 1 else f"{share:.0%}"


def _what(one: VenueLiquidations) -> str:
    events = {
        "every": "every event",
        "one per slot": f"at most one per {_slot(one.venue)}",
        "unknown": "events, maybe not all",
        "none": "events, not all",
    }[one.venue.semantics.liquidation_completeness]
    return {
        "events": events,
        "totals": "the venue's own totals",
        "events and totals": f"own totals; else {events}",
    }.get(one.source or "", "")


def _slot(venue: Venue) -> str:
    return duration_text(throttled_slot(venue) or 0).replace("1s", "second")


def _print_intervals(result: RealisedLiquidations) -> None:
    first = max(0, len(result.starts) - _MOST_ROWS)
    several_days = result.window.length > DAY
    corrected = any(one.corrected for one in result.venues)
    headings = [
        "from (UTC)",
        "longs",
        "",
        "",
        "shorts",
        *(["both, corrected"] if corrected else []),
        "known",
        "venues",
    ]
    table = table_of(f"Every {duration_text(result.interval)}", *headings, left=(0, 3), wrapped=(0,))
    amounts = result.intervals.usd
    shown = amounts[first:][result.intervals.recorded[first:]]
    largest = float(shown.max()) if shown.size else 0.0
    widest = _BAR if output.width >= WIDEST else _NARROW_BAR
    for number in range(first, len(result.starts)):
        moment = iso(int(result.starts[number]))[5 if several_days else 11 : 16].replace("T", " ")
        venues = f"{result.listened(number)} of {len(result.venues)}"
        if not result.intervals.recorded[number]:
            blank = [""] * (len(headings) - 4)
            table.add_row(moment, _NOT_RECORDED, *blank, "0%", venues, style="dim")
            continue
        long_usd, short_usd = amounts[number].tolist()
        table.add_row(
            moment,
            usd(long_usd),
            Text(_bar(long_usd / largest if largest else 0.0, widest), style=LONG_COLOUR),
            Text(_bar(short_usd / largest if largest else 0.0, widest), style=SHORT_COLOUR),
            usd(short_usd),
            *([_range(result.intervals, number)] if corrected else []),
            _share(float(result.intervals.share[number])),
            venues,
        )
    print_table(table)
    if first:
        print_note(f"{first} earlier intervals are not shown; --json has them.")


def _bar(share: float, widest: int) -> str:
    width = round(widest * share)
    return "█" * width if width else "▏" if share else ""


def _print_largest(result: RealisedLiquidations) -> None:
    if not result.largest:
        return
    headings = ("time (UTC)", "venue", "symbol", "side", "USD", "price", "which is its")
    table = table_of("Largest", *headings, left=(0, 1, 2, 3, 6), wrapped=(0,))
    for order in result.largest:
        colour = LONG_COLOUR if order.position_side == "long" else SHORT_COLOUR
        table.add_row(
            iso(order.ts)[5:19].replace("T", " "),
            order.venue,
            order.symbol,
            Text(order.position_side, style=colour),
            Text(usd(order.notional), style=colour),
            price_text(order.price),
            order.price_meaning,
        )
    print_table(table)


def _print_imbalances(imbalances: Sequence[RealisedImbalance]) -> None:
    headings = ("last", "known", "longs", "shorts", "headline", "imbalance", "90 % of it", "more long than")
    table = table_of("Imbalance, from what was reported", *headings, wrapped=(0, 4, 6, 7))
    for one in imbalances:
        if one.headline is None or one.long_usd is None or one.short_usd is None:
            table.add_row(duration_text(one.window.length), "0%", _NOT_RECORDED, style="dim")
            continue
        rank = one.percentile
        table.add_row(
            duration_text(one.window.length).replace("1d", "24h"),
            _share(sum(one.shares.values()) / len(one.shares)),
            Text(usd(one.long_usd), style=LONG_COLOUR),
            Text(usd(one.short_usd), style=SHORT_COLOUR),
            _headline(one),
            "below floor" if one.imbalance is None else f"{one.imbalance:+.2f}",
            "-" if one.interval is None else f"{one.interval.low:+.2f} to {one.interval.high:+.2f}",
            "-" if rank is None else f"{rank.share:.0%} of {rank.windows:,}",
        )
    print_table(table)


def _headline(one: RealisedImbalance) -> str:
    assert one.headline is not None  # noqa: S101 -- the caller looked
    percent, direction, small = one.headline
    ratio = "only" if percent is None else f"{percent:,.0f} %"
    return f"{ratio} {direction or 'even'}{' (small)' if small else ''}"


def _print_small_print(result: RealisedLiquidations) -> None:
    print_note(
        "Reported amounts are floors of what happened. Known: the share of the time that was listened to, or "
        "is covered by totals. Not recorded is not zero."
    )
    if any(one.corrected for one in result.venues):
        print_note(
            "Corrected: with what a feed that shows one order per slot may have hidden, if orders came at "
            "random (low) to if they came in bursts (high). > is where all slots of a minute were taken: "
            "nobody can say how many more there were."
        )
    print_note(
        f"Headline: 100 x larger / smaller side, (small) where the smaller is below {usd(LEAST_USD)}. "
        f"Imbalance: (longs - shorts) / both, from {usd(LEAST_USD)}. More long than: that share of the "
        "earlier windows of the same length in the lake."
    )
    for one in result.venues:
        if one.gaps:
            reasons = Counter(gap.reason for gap in one.gaps).most_common(3)
            told = ", ".join(f"{reason} ({count}x)" for reason, count in reasons)
            print_note(f"{one.venue.title}: gaps in the recording: {told}.")
    for missing in result.not_in_lake:
        print_note(f"Not in the lake: {missing.venue}: {missing.reason}.")
    for note in result.notes:
        print_note(f"{note[0].upper()}{note[1:]}.")
