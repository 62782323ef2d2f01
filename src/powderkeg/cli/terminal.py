"""What a person sees in the terminal. Scripts get `print_json`, which prints one object and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from powderkeg.model.amount_text import usd
from powderkeg.model.times import duration_text, iso

if TYPE_CHECKING:
    from powderkeg.core.bands import Band
    from powderkeg.maps.heatmap import Heatmap
    from powderkeg.maps.liquidation_map import LiquidationMap
    from powderkeg.model.provenance import Provenance, SeriesCoverage

output = Console(highlight=False)
messages = Console(stderr=True, highlight=False)

# Okabe-Ito orange and sky blue: told apart with every common kind of colour vision, on dark and light.
LONG_COLOUR, SHORT_COLOUR = "#E69F00", "#56B4E9"
_BUCKET = 0.01
_BUCKETS = 12
_WIDEST_BAR, _BESIDE_BAR = 40, 50
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@contextmanager
def working(task: str) -> Iterator[None]:
    """Show a spinner with `task` on stderr while the block runs; nothing where stderr is not a terminal."""
    if messages.is_terminal:
        with messages.status(task):
            yield
    else:
        yield


@contextmanager
def counting(task: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr and give the function that moves it: (done, of how many)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, disable=not messages.is_terminal) as progress:
        bar = progress.add_task(task, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def print_json(value: object) -> None:
    """Print `value` as one JSON document; numbers that are not finite have become null before."""
    print(json.dumps(_finite(value), allow_nan=False))


def print_written(path: Path, *, as_json: bool) -> None:
    """Say that a file was written: on stdout to a person, on stderr beside JSON."""
    (messages if as_json else output).print(f"wrote {path}", soft_wrap=True)


def price_text(price: float, digits: int = 6) -> str:
    """Return a price with so many significant digits and thousands separators."""
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(price)))) if price else 0
    return f"{price:,.{decimals}f}"


def print_map(result: LiquidationMap) -> None:
    """Print what a map says, and what it rests on."""
    print_reading(result)
    _print_provenance(result.provenance)


def print_reading(result: LiquidationMap) -> None:
    """Print the headline, a bar chart around the price, the imbalance and the largest clusters."""
    output.print(
        Text.assemble(
            (f"{result.instrument}", "bold"),
            f"  {result.kind} liquidation map as of {iso(result.as_of)}",
        )
    )
    interest = "open interest {} per side" if result.knows_open_interest else "{} counted on the larger side"
    output.print(
        f"mark price {price_text(result.mark_price)}   {interest.format(usd(result.open_interest))}   "
        f"model {result.provenance.model}\n"
    )
    for sentence in headline(result):
        output.print(sentence, soft_wrap=True)
    output.print()
    _print_bars(result)
    output.print()
    _print_imbalance(result)
    _print_clusters(result)


def headline(result: LiquidationMap) -> list[str]:
    """Return the sentences that a desk would quote, each with its price, distance, amount and share."""
    whole = "open interest" if result.knows_open_interest else "the larger counted side"
    sentences = []
    for distance in (-0.05, 0.05, -0.10, 0.10):
        reached = result.liquidated_if(result.mark_price * (1 + distance))
        verb = "falls" if distance < 0 else "rises"
        forced = ""
        if reached.expected_forced is not None and reached.expected_forced_band is not None:
            band = reached.expected_forced_band
            forced = (
                f" Expected to be forced: {usd(reached.expected_forced)}, 90 % between {usd(band.low_90)} "
                f"and {usd(band.high_90)}."
            )
        sentences.append(
            f"If price {verb} {abs(distance):.0%} to {price_text(reached.price)}, {usd(reached.notional)} of "
            f"{reached.position_side}s stand to be liquidated ({reached.share:.2%} of {whole}).{forced}"
        )
    return sentences


def print_heatmap(result: Heatmap) -> None:
    """Print what the heatmap covers and how its columns move."""
    output.print(
        Text.assemble(
            (f"{result.instrument}", "bold"), f"  {result.kind} heatmap, {len(result):,} columns of "
        )
        + Text(f"{duration_text(result.column_length)}, {result.grid.count:,} price bins")
    )
    output.print(
        f"{iso(int(result.times[0]))} to {iso(int(result.times[-1]))}   model {result.provenance.model}\n"
    )
    table = Table("as of", "mark", "per side", "longs -5%", "shorts +5%", "swept longs", "swept shorts")
    previous = -1
    for column in sorted({round(i * (len(result) - 1) / 9) for i in range(10)}):
        single = result.map_at(column)
        within = (single.liquidated_if(single.mark_price * factor).notional for factor in (0.95, 1.05))
        swept = (
            float(values[previous + 1 : column + 1].sum())
            for values in (result.predicted_long, result.predicted_short)
        )
        table.add_row(
            f"{iso(single.as_of)[:16]}Z",
            price_text(single.mark_price, 5),
            usd(single.open_interest),
            *(
                Text(usd(amount), style=colour)
                for pair in (within, swept)
                for amount, colour in zip(pair, (LONG_COLOUR, SHORT_COLOUR), strict=True)
            ),
        )
        previous = column
    table.columns[0].no_wrap = True
    for shown in table.columns[1:]:
        shown.justify = "right"
    output.print(table)
    print_note(
        "Per side: open interest. Longs -5%, shorts +5%: what stands within 5 % of the mark. Swept: modelled "
        "liquidations since the row above."
    )
    _print_provenance(result.provenance)


def print_position(result: Mapping[str, Any]) -> None:
    """Print the liquidation of one position."""

    def shown(price: float | None) -> str:
        return "none: no price liquidates it" if price is None else price_text(price)

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("position", f"{result['position_side']} {result['leverage']:g}x, {result['contract']}")
    table.add_row("entry price", price_text(result["entry_price"]))
    table.add_row("liquidation price", Text(shown(result["liquidation_price"]), style="bold"))
    if result["distance"] is not None:
        table.add_row("distance", f"{result['distance']:+.2%}")
    table.add_row("bankruptcy price", shown(result["bankruptcy_price"]))
    table.add_row("margin", f"{result['margin']:,.8g} of {result['notional']:,.8g} notional")
    table.add_row(
        "maintenance margin",
        f"{result['maintenance_margin']:,.8g} at a rate of {result['maintenance_margin_rate']:.3%}"
        + (f", amount {result['maintenance_amount']:,.8g}" if result["maintenance_amount"] else ""),
    )
    output.print(table)
    for assumption in result["assumptions"]:
        print_note(f"Assumed: {assumption}.")
    if result["tiers"]:
        print_note(
            f"Tiers: {result['tiers']['instrument']}. {result['tiers']['source']}. Venues change their "
            "tiers; check a position that matters."
        )


def _print_bars(result: LiquidationMap) -> None:
    """Print one bar per step of 1 % around the mark price, highest price first, with running sums."""
    steps = range(-_BUCKETS, _BUCKETS + 1)
    reached = {k: result.liquidated_if(result.mark_price * (1 + _BUCKET * k)).notional for k in steps}
    amounts = {k: reached[k] - reached[k - (1 if k > 0 else -1)] for k in steps if k}
    largest = max(amounts.values()) or 1.0
    width = max(8, min(_WIDEST_BAR, output.width - _BESIDE_BAR))
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("distance", "to price", "in this step", "", "cumulative"):
        table.add_column(heading, justify="left" if not heading else "right")
    for k in reversed(steps):
        if k == 0:
            table.add_row("", Text(price_text(result.mark_price), style="bold"), Text("mark", style="bold"))
            continue
        colour = SHORT_COLOUR if k > 0 else LONG_COLOUR
        table.add_row(
            f"{k * _BUCKET:+.0%}",
            price_text(result.mark_price * (1 + _BUCKET * k)),
            usd(amounts[k]),
            Text(_bar(amounts[k] / largest, width), style=colour),
            usd(reached[k]),
        )
    output.print(table)
    output.print(Text.assemble(("█ shorts", SHORT_COLOUR), " above   ", ("█ longs", LONG_COLOUR), " below"))


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _print_imbalance(result: LiquidationMap) -> None:
    ensemble = result.ensemble
    table = Table("within", "longs below", "shorts above", "imbalance", title="Balance", title_justify="left")
    if ensemble is not None:
        table.add_column("90 % of it")
    for balance in result.imbalance():
        shown = "-" if balance.imbalance is None else f"{balance.imbalance:+.2f}"
        shown += " (thin)" if balance.thin else ""
        row: list[str | Text] = [
            f"±{balance.range:.0%}",
            Text(usd(balance.long_notional), style=LONG_COLOUR),
            Text(usd(balance.short_notional), style=SHORT_COLOUR),
            shown,
        ]
        if ensemble is not None:
            band = ensemble.imbalance_band(result.grid, result.mark_price, balance.range)
            row.append(f"{band.low_90:+.2f} to {band.high_90:+.2f}")
        table.add_row(*row)
    for column in table.columns:
        column.justify = "right"
    output.print(table)


def _print_clusters(result: LiquidationMap) -> None:
    clusters, ensemble = result.clusters(8), result.ensemble
    if not clusters:
        return
    headings = ["side", "peak", "distance", "notional"]
    headings[1:1] = ["from", "to"] if ensemble is None else []
    headings += ["x diffuse"] if ensemble is None else ["90 % of it", "forced", "90 % of it"]
    table = Table(
        *headings, title="Clusters", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False
    )
    for cluster in clusters:
        bounds = [price_text(cluster.price_low), price_text(cluster.price_high)]
        row: list[str | Text] = [
            Text(cluster.side, style=LONG_COLOUR if cluster.side == "long" else SHORT_COLOUR),
            *(bounds if ensemble is None else ()),
            price_text(cluster.price_peak, 6 if ensemble is None else 5),
            f"{cluster.distance:+.1%}",
            usd(cluster.notional),
        ]
        if ensemble is None:
            row.append(f"{cluster.prominence:.2f}")
        else:
            side = int(cluster.side == "short")
            standing, forced, outcome = ensemble.bands(
                result.grid, side, cluster.price_low, cluster.price_high
            )
            row += [_range_text(standing), usd(forced), _range_text(outcome)]
        table.add_row(*row)
    for column in table.columns[1:]:
        column.justify = "right"
    output.print(table)
    if ensemble is not None:
        print_note(
            "Notional stands under the model; forced is what the calibration expects to be liquidated if "
            "price goes there, in one outcome within its 90 %."
        )


def _range_text(band: Band) -> str:
    return f"{usd(band.low_90)}–{usd(band.high_90)}"


def _print_provenance(provenance: Provenance) -> None:
    print_inputs(provenance.inputs)
    for note in provenance.notes:
        print_noted(note)
    print_caveats(provenance)


def print_noted(note: str) -> None:
    """Print a note of a result in small print, or in yellow where it is a warning."""
    if any(warning in note for warning in ("STALE: ", "LOOKS AHEAD: ", "NOMINAL: ")):
        output.print(note, style="yellow", markup=False, soft_wrap=True)
    else:
        print_note(note)


def print_caveats(provenance: Provenance) -> None:
    """Print what holds for every result of a model, and which model and version made it."""
    share = max(provenance.warm_up_share)
    if share > 0.01:
        warning = f"Up to {share:.0%} of the map still rests on a guess about older positions."
        output.print(warning, style="yellow", soft_wrap=True)
    print_note(
        "Notional standing under the model: positions may be closed or topped up before price gets there. "
        f"Not a forecast of direction. {provenance.model} {provenance.parameter_hash}, "
        f"powderkeg {provenance.version}."
    )


def print_inputs(inputs: Sequence[SeriesCoverage]) -> None:
    """Print one line per input series, and what was decided about it."""
    output.print("\nWhat this rests on", style="bold")
    for series in inputs:
        every = f" every {duration_text(series.cadence)}" if series.cadence else ""
        print_note(
            f"{series.name}: {series.source}, {series.rows:,} rows{every}, "
            f"known for {series.coverage:.1%} of the bars"
        )
        for note in series.notes:
            print_note(f"  {note}")


def print_note(text: str) -> None:
    """Print a line of small print, whole."""
    output.print(text, style="dim", markup=False, soft_wrap=True)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
