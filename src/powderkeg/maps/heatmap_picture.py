"""The picture of a heatmap: candles over what stood at each price, as it was known before each candle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from powderkeg.maps import picture_style as style
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.heatmap_missing import draw_missing, layers_text, with_columns_left_out
from powderkeg.maps.heatmap_panels import draw_interest, draw_liquidations, draw_standing
from powderkeg.maps.picture_cells import Candles, ColourScale, candles_of, heatmap_cells, rebinned
from powderkeg.maps.picture_text import is_simulated, moment_text, origin_text, usd
from powderkeg.model.times import HOUR, duration_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from powderkeg.maps.aggregated_heatmap import HeatmapLayer

WIDTH, HEIGHT = 1800, 1100
# Panels in pixels: left, bottom, width, height.
_MAIN = (30, 300, 1270, 690)
_PROFILE = (1420, 300, 350, 690)
_COLOURS = (880, 1058, 420, 14)
# Prices are shown this far beyond the highest and the lowest trade.
_MARGIN = 0.15
_CANDLES = 330
_RISING, _FALLING = "#ffffff", "#9aa3b2"
_PRICE_TICKS = 14
# Density is told per this much of price.
_UNIT = 0.001


def draw_heatmap(
    heatmap: Heatmap, path: str | Path | None = None, *, layers: Sequence[HeatmapLayer] = ()
) -> Figure:
    """Return the figure of `heatmap`, 1800 x 1100 pixels, and write it to `path` if one is given.

    A map is drawn from its own time up to the next column's, so a candle lies over what stood before it and
    the levels it sweeps are gone to its right. Colour is USD per 0.1 % of price, longs and shorts together,
    on the scale of `ColourScale`. The panel on the right is the last column by side; below are the modelled
    liquidations per candle, the open interest, and the balance of the last column. Of a measured heatmap what
    stands by side takes the place of the liquidations, and without candles the mark price is a line.

    Of a sum over venues, `layers` are named below the title with their shares and the part of the columns
    that they are in; a bar along the upper edge is where one is missing. Hatched is where nobody is known.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    OutputError
        `path` cannot be written.
    """
    figure = style.new_figure(WIDTH, HEIGHT)
    hold = heatmap.column_length or HOUR
    heatmap, unknown = with_columns_left_out(heatmap)
    candles = candles_of(heatmap, _CANDLES, hold)
    low, high = _price_range(heatmap)
    begin, end = int(heatmap.times[0]) - hold, int(heatmap.times[-1]) + hold
    main = style.panel(figure, *_MAIN)
    main.set_facecolor(colours()(0))
    scale = _draw_cells(main, heatmap, hold, (low, high), (begin, end))
    main.set(xlim=style.day_numbers(np.array([begin, end])), yscale="log", ylim=(low, high))
    if np.isfinite(candles.close).any():
        _draw_candles(main, candles, (end - begin) / _MAIN[2])
    else:
        main.step(
            style.day_numbers(heatmap.times), heatmap.mark_price, where="post", color=_RISING, linewidth=1.0
        )
    main.yaxis.tick_right()
    style.set_price_ticks(main, "y", low, high, _PRICE_TICKS, free=float(heatmap.mark_price[-1]))
    main.tick_params(labelbottom=False, labelsize=style.LARGE, labelcolor=style.TEXT)
    _draw_colour_bar(figure, scale)
    _draw_profile(figure, heatmap, (low, high))
    _draw_mark(main, heatmap)
    draw_missing(main, layers, unknown, hold)
    if heatmap.kind == "measured":
        draw_standing(figure, heatmap, (begin, end))
    else:
        draw_liquidations(figure, candles, (begin, end))
    draw_interest(figure, heatmap, (begin, end))
    _write_balance(figure, heatmap)
    title = _write_titles(figure, heatmap, candles, layers)
    if is_simulated(heatmap.instrument, heatmap.kind):
        style.stamp_simulated(figure, WIDTH - 30, HEIGHT - 30)
    style.footer(figure, heatmap.provenance)
    if path is not None:
        style.save(figure, path, title)
    return figure


def colours() -> Colormap:
    """Return the colour map: inferno, whose first colour is the background's black."""
    from matplotlib import colormaps

    return colormaps["inferno"]


def _price_range(heatmap: Heatmap) -> tuple[float, float]:
    """Return the prices at the lower and the upper edge: the trades with a margin, no wider than the map."""
    prices = np.concatenate([heatmap.low, heatmap.high, heatmap.mark_price])
    prices = prices[np.isfinite(prices) & (prices > 0)]
    traded = (float(prices.min()), float(prices.max())) if len(prices) else (1.0, 1.0)
    low, high = traded[0] / (1 + _MARGIN), traded[1] * (1 + _MARGIN)
    occupied = np.flatnonzero(heatmap.long_notional.any(axis=0) | heatmap.short_notional.any(axis=0))
    if len(occupied):
        edges = heatmap.grid.edges
        low = max(low, min(float(edges[occupied[0]]), traded[0]) * 0.99)
        high = min(high, max(float(edges[occupied[-1] + 1]), traded[1]) * 1.01)
    return low, high


def _draw_cells(
    axes: Axes, heatmap: Heatmap, hold: int, prices: tuple[float, float], times: tuple[int, int]
) -> ColourScale:
    """Draw one cell per pixel; return the scale of its colours."""
    _, _, across, up = _MAIN
    price_edges = np.geomspace(*prices, up + 1)
    time_edges = np.linspace(*times, across + 1)
    per_cell = math.log(price_edges[1] / price_edges[0]) / math.log1p(_UNIT)
    density = heatmap_cells(heatmap, price_edges, time_edges, hold) / per_cell
    scale = ColourScale.of(density)
    palette = (colours()(np.arange(256)) * 255).astype(np.uint8)
    # In the coordinates of the panel: given in prices, matplotlib would take the cells for evenly spaced in
    # price and bend them over the logarithmic axis, away from the candles.
    axes.imshow(
        palette[(scale.brightness(density) * 255).astype(np.uint8)],
        extent=(0, 1, 0, 1),
        transform=axes.transAxes,
        origin="lower",
        aspect="auto",
        interpolation="none",
        zorder=1,
    )
    return scale


def _draw_candles(axes: Axes, candles: Candles, milliseconds_per_pixel: float) -> None:
    """Draw wicks and bodies with a dark rim, white for rising and grey for falling ones."""
    from matplotlib.collections import LineCollection

    seen = np.isfinite(candles.close)
    middle = style.day_numbers((candles.start + candles.end) / 2)[seen]
    half = style.day_numbers(np.full(len(middle), 0.36 * candles.length))
    opens, high, low, close = (getattr(candles, name)[seen] for name in ("open", "high", "low", "close"))
    wicks = list(np.stack([middle, low, middle, high], axis=-1).reshape(-1, 2, 2))
    # A body of no height is still a line of a pixel and a half.
    bottom, top = axes.get_ylim()
    least = 0.75 * math.log(top / bottom) / _MAIN[3]
    centre, height = np.log(opens * close) / 2, np.abs(np.log(close / opens)) / 2
    body = (
        middle - half,
        middle + half,
        np.exp(centre - np.maximum(height, least)),
        np.exp(centre + np.maximum(height, least)),
    )
    pixel = 72 / style.DPI
    wick = min(max(0.12 * candles.length / milliseconds_per_pixel, 1.2), 2.5) * pixel
    rim, dark, bright = 0.8 * pixel, style.BACKGROUND, list(np.where(close >= opens, _RISING, _FALLING))
    wide, narrow = (LineCollection(wicks, linewidths=width) for width in (wick + 2 * rim, wick))
    wide.set(color=dark, zorder=3)
    narrow.set(color=bright, zorder=4)
    style.bars(axes, *body, facecolors=dark, edgecolors=dark, linewidths=2 * rim, zorder=4.5)
    style.bars(axes, *body, facecolors=bright, zorder=5)
    for collection in (wide, narrow):
        axes.add_collection(collection, autolim=False)


def _draw_mark(axes: Axes, heatmap: Heatmap) -> None:
    """Draw the last mark price as a line and as a tag on the price axis."""
    mark = float(heatmap.mark_price[-1])
    if not (math.isfinite(mark) and mark > 0):
        return
    axes.axhline(mark, color=style.MARK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=6)
    # The gutter between the panels is as wide as nine digits.
    style.tag_price(axes, mark, at="right", most_digits=9)


def _draw_colour_bar(figure: Figure, scale: ColourScale) -> None:
    """Draw the scale with round amounts where their colours are."""
    left, bottom, width, _ = _COLOURS
    axes = style.panel(figure, *_COLOURS)
    axes.imshow(np.linspace(0, 1, 256)[None, :], cmap=colours(), extent=(0, 1, 0, 1), aspect="auto")
    axes.set(xticks=[], yticks=[])
    style.write(figure, left, bottom + 22, "USD per 0.1 % of price, longs and shorts", color=style.TEXT)
    if scale.brightest <= 0:
        style.write(figure, left, bottom - 22, "nothing stands in this window")
        return
    style.write(figure, left, bottom - 22, "$0")
    style.write(figure, left + width, bottom - 22, f"≥ {usd(scale.brightest)}", ha="right")
    for place in (0.3, 0.55):
        amount = float(f"{scale.amount(place):.1g}")
        across = float(scale.brightness(np.array([amount]))[0])
        style.write(figure, left + width * across, bottom - 22, usd(amount), ha="center")
        axes.axvline(across, color=style.BACKGROUND, linewidth=0.8)


def _draw_profile(figure: Figure, heatmap: Heatmap, prices: tuple[float, float]) -> None:
    """Draw the last column by side over the price, and both sides added up from the mark price."""
    low, high = prices
    mark = float(heatmap.mark_price[-1])
    edges = np.geomspace(low, high, _PROFILE[3] // 3 + 1)
    grid = heatmap.grid
    bins = np.arange(grid.first, grid.first + grid.count + 1, dtype=np.float64)
    per_cell = math.log(edges[1] / edges[0]) / math.log1p(_UNIT)
    axes = style.panel(figure, *_PROFILE)
    curves = style.panel(figure, *_PROFILE)
    curves.patch.set_visible(False)
    largest, reached = 0.0, 0.0
    for name, colour in (("long", style.LONG), ("short", style.SHORT)):
        mass = getattr(heatmap, f"{name}_notional")[-1].astype(np.float64)
        cells = rebinned(mass, bins, np.log(edges) / grid.width)
        axes.stairs(cells / per_cell, edges, orientation="horizontal", fill=True, color=colour, alpha=0.5)
        cumulative = np.cumsum(cells[::-1])[::-1] if name == "long" else np.cumsum(cells)
        at = edges[:-1] if name == "long" else edges[1:]
        beyond = at <= mark if name == "long" else at >= mark
        curves.plot(cumulative[beyond], at[beyond], color=colour, linewidth=1.5)
        largest = max(largest, float(cells.max(initial=0.0)) / per_cell)
        reached = max(reached, float(cumulative.max(initial=0.0)))
    axes.set(yscale="log", ylim=prices, xlim=(0, largest * 1.05 or 1.0))
    curves.set(yscale="log", ylim=prices, xlim=(0, reached * 1.05 or 1.0))
    curves.xaxis.tick_top()
    for panel, most in ((axes, largest), (curves, reached)):
        style.set_price_ticks(panel, "y", low, high, _PRICE_TICKS)
        style.set_usd_ticks(panel, "x", 3, most)
        panel.tick_params(labelleft=False)
    left, bottom, _, up = _PROFILE
    time = moment_text(int(heatmap.times[-1]))
    style.write(figure, left, bottom + up + 56, f"at {time}", color=style.TEXT)
    style.write(figure, left, bottom + up + 34, "curves: USD on the way from the mark", size=style.SMALL)
    style.write(figure, left, bottom - 48, "bars: USD per 0.1 % of price", size=style.SMALL)
    axes.grid(axis="y", color=style.GRID, linewidth=0.5)
    axes.axhline(mark, color=style.MARK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=6)


def _write_balance(figure: Figure, heatmap: Heatmap) -> None:
    """Write below the profile which colour is which side, and how the two balance near the mark price."""
    left = _PROFILE[0]
    top = style.write_sides(figure, left, _PROFILE[1] - 84)
    style.write_balance(figure, heatmap.map_at(-1).imbalance(), left, top - 2, _PROFILE[2])


def _write_titles(figure: Figure, heatmap: Heatmap, candles: Candles, layers: Sequence[HeatmapLayer]) -> str:
    times = heatmap.times
    title = f"{heatmap.instrument} · liquidation heatmap, {heatmap.kind}"
    style.write(
        figure, 30, 1052, title, size=style.TITLE * min(1, 54 / len(title)), weight="bold", color=style.TEXT
    )
    columns = f"columns {duration_text(heatmap.column_length)}" if len(heatmap) > 1 else "one column"
    if len(heatmap) > 1 and np.isfinite(candles.close).any():
        columns += f", candles {duration_text(candles.length)}"
    first, last = (moment_text(int(time)) for time in times[[0, -1]])
    covered = f"from {first} to {last}" if len(heatmap) > 1 else f"as of {last}"
    text = f"{covered} · {columns} · {origin_text(heatmap.instrument, heatmap.provenance)}"
    style.write(figure, 30, 1018, text, size=style.LARGE)
    if layers:
        told = layers_text(layers)
        style.write(figure, 30, 998, told, size=style.NORMAL * min(1, 158 / len(told)), color=style.TEXT)
    return title
