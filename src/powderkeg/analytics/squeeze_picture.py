"""The picture of a squeeze report: where pushes of every size land, in both directions, and the zones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from powderkeg.analytics.squeeze import Squeeze
from powderkeg.analytics.squeeze_paths import PathReading
from powderkeg.analytics.squeeze_readings import Landing, telling_zones
from powderkeg.errors import InputError
from powderkeg.maps import picture_style as style
from powderkeg.maps.picture_text import distance_text, is_simulated, moment_text, origin_text, price_text, usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1800, 1000
_MAIN = (30, 110, 1080, 760)
_ABOVE_PATHS, _FAN, _HISTOGRAM = (30, 400, 1080, 470), (30, 100, 720, 220), (830, 100, 280, 220)
_TABLES, _TABLE_WIDTH = 1230, 540
_COLOURS = {"up": style.SHORT, "down": style.LONG}
_WORDS = {"up": "bought at once", "down": "sold at once"}
_PRICE_TICKS, _ROWS = 12, 7
# The price axis ends here even where an order of the last size would go farther.
_FARTHEST = 0.5


def draw_squeeze(
    squeezes: Sequence[Squeeze], path: str | Path | None = None, *, paths: Sequence[PathReading] = ()
) -> Figure:
    """Return the figure of one or two directions, 1800 x 1000 pixels; write it to `path` if one is given.

    Across is the size of an order, up the price at which it comes to rest: the median over the members, with
    50 and 90 % bands, and dotted where it would rest if it forced nobody. A shaded stretch of price is a
    self-sustaining zone: no order comes to rest inside it. Lines end where the book does. Below are the paths
    in time of the largest push of each direction, where there are any, and how far they went.

    Raises
    ------
    InputError
        No direction is given.
    MissingExtraError
        matplotlib is not installed.
    OutputError
        `path` cannot be written.
    """
    if not squeezes:
        raise InputError("squeeze: nothing to draw; expected one or two directions")
    figure = style.new_figure(WIDTH, HEIGHT)
    first = squeezes[0]
    low, high = _price_range(squeezes)
    axes = style.panel(figure, *(_ABOVE_PATHS if paths else _MAIN))
    axes.set(xscale="log", yscale="log", ylim=(low, high))
    for one in squeezes:
        _draw_direction(axes, one)
    sizes = np.concatenate([one.curve_pushes for one in squeezes])
    if len(sizes):
        axes.set_xlim(float(sizes.min()), float(sizes.max()))
    axes.axhline(first.mark_price, color=style.MARK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=6)
    axes.yaxis.tick_right()
    style.set_price_ticks(axes, "y", low, high, _PRICE_TICKS, free=first.mark_price)
    style.tag_price(axes, first.mark_price, at="right")
    _set_sizes(axes)
    axes.grid(color=style.GRID, linewidth=0.5)
    style.caption(axes, "order, USD, all at once")
    if paths:
        _draw_paths(figure, paths, first.mark_price)
    top = float(_MAIN[1] + _MAIN[3])
    for one in squeezes:
        top = _write_ladder(figure, one, top) - 18
        top = _write_zones(figure, one, top) - 30
    title = f"{first.instrument} · squeeze, {first.provenance.kind}"
    style.write(figure, 30, 952, title, size=style.TITLE, weight="bold", color=style.TEXT)
    origin = origin_text(first.instrument, first.provenance)
    depths = " · ".join(f"{one.side}: depth from {one.depth.source} ({one.depth.kind})" for one in squeezes)
    style.write(
        figure, 30, 918, f"as of {moment_text(first.as_of)} · mark {price_text(first.mark_price)} · {origin}",
        size=style.LARGE,
    )  # fmt: skip
    style.write(figure, 30, 896, depths, size=style.NORMAL * min(1, 150 / max(len(depths), 1)))
    if is_simulated(first.instrument, first.provenance.kind):
        style.stamp_simulated(figure, WIDTH - 30, HEIGHT - 30)
    style.footer(figure, first.provenance)
    if path is not None:
        style.save(figure, path, title)
    return figure


def _price_range(squeezes: Sequence[Squeeze]) -> tuple[float, float]:
    mark = squeezes[0].mark_price
    prices = [mark * 0.99, mark * 1.01]
    for one in squeezes:
        known = one.curve_prices[np.isfinite(one.curve_prices)]
        prices += [float(known.min()), float(known.max())] if len(known) else []
        prices += [one.price for one in one.reaching]
    low = max(min(prices), mark / (1 + _FARTHEST))
    high = min(max(prices), mark * (1 + _FARTHEST))
    return low / 1.01, high * 1.01


def _draw_direction(axes: Axes, one: Squeeze) -> None:
    colour = _COLOURS[one.side]
    sizes, prices = one.curve_pushes, one.curve_prices
    for zone in one.zones:
        end = zone.landing_price
        if end is None:
            end = axes.get_ylim()[1] if one.side == "up" else axes.get_ylim()[0]
        axes.axhspan(*sorted((zone.trigger_price, end)), color=colour, alpha=0.13, linewidth=0, zorder=1)
    if not len(sizes):
        return
    # A bound beyond the book is drawn to the edge.
    shown = np.where(np.isnan(prices), axes.get_ylim()[one.side == "up"], prices)
    for lower, upper, alpha in ((0, 4, 0.18), (1, 3, 0.28)):
        axes.fill_between(sizes, shown[lower], shown[upper], color=colour, alpha=alpha, linewidth=0, zorder=2)
    axes.plot(sizes, prices[2], color=colour, linewidth=1.8, zorder=4)
    book = one.envelope.book_landing(sizes)
    sign = 1.0 if one.side == "up" else -1.0
    axes.plot(
        sizes, one.mark_price * np.exp(sign * book), color=style.TEXT, linewidth=1.2, linestyle=(0, (1, 2)),
        zorder=5,
    )  # fmt: skip


def _draw_paths(figure: Figure, paths: Sequence[PathReading], mark: float) -> None:
    """Draw fans over seconds, and the share of paths by the farthest price, of each way's largest push."""
    fan, counts = style.panel(figure, *_FAN), style.panel(figure, *_HISTOGRAM)
    shown: dict[str, PathReading] = {}
    for one in paths:
        side = "up" if one.extreme[2] >= mark else "down"
        if side not in shown or one.push > shown[side].push:
            shown[side] = one
    for side, one in shown.items():
        colour, seconds = _COLOURS[side], np.arange(one.horizon + 1)
        for lower, upper, alpha in ((0, 4, 0.18), (1, 3, 0.28)):
            fan.fill_between(seconds, one.fan[lower], one.fan[upper], color=colour, alpha=alpha, linewidth=0)
        label = f"{usd(one.push)} {'bought' if side == 'up' else 'sold'}".replace("$", r"\$")
        fan.plot(seconds, one.fan[2], color=colour, linewidth=1.6, label=label)
        moved = 100 * (one.extremes / mark - 1)
        counts.hist(moved, bins=60, color=colour, alpha=0.8, weights=np.full(len(moved), 100 / len(moved)))
    fan.axhline(mark, color=style.MARK, linewidth=0.8, linestyle=(0, (4, 3)))
    fan.yaxis.tick_right()
    style.set_price_ticks(fan, "y", *fan.get_ylim(), 5)
    fan.legend(frameon=False, labelcolor=style.TEXT, fontsize=style.NORMAL, loc="best")
    count = next(iter(shown.values())).paths
    style.caption(fan, f"price over seconds after the push: median, 50 and 90 % of {count:,} paths")
    counts.yaxis.tick_right()
    style.caption(counts, "farthest price, % from the mark: % of paths")


def _set_sizes(axes: Axes) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    low, high = axes.get_xlim()
    rounds = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 3)
        if low <= digit * 10.0**power <= high
    ]
    axes.xaxis.set_major_locator(FixedLocator(rounds))
    axes.xaxis.set_major_formatter(FixedFormatter([usd(size).replace("$", r"\$") for size in rounds]))
    axes.xaxis.set_minor_locator(NullLocator())


def _write_ladder(figure: Figure, one: Squeeze, top: float) -> float:
    style.write(
        figure,
        _TABLES,
        top,
        f"if this much is {_WORDS[one.side]}",
        color=_COLOURS[one.side],
        size=style.LARGE,
    )
    rows = [_ladder_row(landing) for landing in one.ladder[-_ROWS:]]
    header = ("order", "rests at", "90 %", "forced", "book alone")
    if not rows:
        style.write(figure, _TABLES, top - style.LINE, "the book is empty")
        return top - 2 * style.LINE
    return style.write_table(
        figure, header, rows, (0.0, 0.38, 0.66, 0.82, 1.0), _TABLES, top - style.LINE, _TABLE_WIDTH
    )


def _ladder_row(landing: Landing) -> tuple[str, ...]:
    def moved(price: float | None) -> str:
        mark = (
            landing.price / (1 + landing.distance) if landing.price and landing.distance is not None else None
        )
        return "beyond" if price is None or mark is None else distance_text(price / mark - 1, 1)

    rests = "beyond the book"
    if landing.price is not None and landing.distance is not None:
        rests = f"{price_text(landing.price)}  {distance_text(landing.distance, 1)}"
    low, high = landing.price_band.low_90, landing.price_band.high_90
    band = " to ".join("…" if math.isnan(bound) else moved(bound) for bound in (low, high))
    return (usd(landing.push), rests, band, usd(landing.forced), moved(landing.book_price))


def _write_zones(figure: Figure, one: Squeeze, top: float) -> float:
    if not one.zones:
        style.write(figure, _TABLES, top, "no self-sustaining zone: the price comes to rest everywhere")
        return top - style.LINE
    rows = []
    for zone in telling_zones(one.zones, 4):
        end = "the book's end" if zone.landing_price is None else price_text(zone.landing_price)
        ratio = "∞" if zone.branching is None else f"{zone.branching:.1f}"
        rows.append(
            (f"{price_text(zone.trigger_price)} → {end}", usd(zone.trigger_size), usd(zone.forced), ratio)
        )
    header = ("does not stop between", "trigger", "forced", "n")
    return style.write_table(figure, header, rows, (0.0, 0.66, 0.86, 1.0), _TABLES, top, _TABLE_WIDTH)
