"""The picture of a liquidation map: what stands how far from the mark price, by side, and added up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from powderkeg.core.bands import ensemble_quantiles
from powderkeg.core.clusters import Cluster
from powderkeg.core.map_reading import cumulative_long, cumulative_short
from powderkeg.maps import picture_style as style
from powderkeg.maps.liquidation_map import LiquidationMap, PositionSide
from powderkeg.maps.picture_cells import rebinned, spread_apart
from powderkeg.maps.picture_text import distance_text, is_simulated, moment_text, origin_text, price_text, usd
from powderkeg.model.arrays import FloatArray
from powderkeg.model.worlds_parameters import LONG, SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1800, 1000
# Panels in pixels: left, bottom, width, height.
_MAIN = (100, 122, 1200, 700)
_SIDE, _SIDE_WIDTH = 1420, 350
# The picture reaches as far as this share of both sides' mass, within these fractions of the mark price.
_SHARE_SHOWN = 0.98
_NEAREST, _FARTHEST = 0.05, 0.25
_BARS = 130
_BAND_POINTS = 200
_BAR_WIDTHS = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.0025, 0.005, 0.01)
_DISTANCE_STEPS = (0.01, 0.02, 0.025, 0.05)
# Bars and curves end at this share of the height; the labels of clusters stand above.
_TALLEST = 0.8
_LABELS_PER_SIDE = 3
_CLUSTERS_LISTED = 8
_COLOURS: dict[str, str] = {"long": style.LONG, "short": style.SHORT}
_SIDES: tuple[PositionSide, PositionSide] = ("long", "short")

_HELD_BACK = "hedges, and positions too far away to be on the map"
_AT_NO_PRICE = {"measured": "accounts not known, and positions without a level"}


def draw_map(liquidation_map: LiquidationMap, path: str | Path | None = None) -> Figure:
    """Return the figure of `liquidation_map`, 1800 x 1000 pixels, and write it to `path` if one is given.

    Bars are USD of longs below and shorts above the mark price, in steps of equal relative price counted
    from it; bins are shared out between them, so that nothing is lost. Curves are the USD liquidated on the
    way from the mark price. The picture reaches as far as 98 % of both sides do, but at least 5 and at most
    25 % to either side; what lies beyond, and what stands at no price, is told in figures.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    OutputError
        `path` cannot be written.
    """
    figure = style.new_figure(WIDTH, HEIGHT)
    mark = liquidation_map.mark_price
    reach = _reach(liquidation_map)
    low, high = mark * math.exp(-reach), mark * math.exp(reach)
    axes, curves = style.panel(figure, *_MAIN), style.panel(figure, *_MAIN)
    curves.patch.set_visible(False)
    width = _bar_width(liquidation_map, reach)
    tallest = _draw_bars(axes, liquidation_map, reach, width)
    shown = {side: _draw_curve(curves, liquidation_map, side, (low, high)) for side in _SIDES}
    for side in _SIDES:
        _draw_bands(curves, liquidation_map, side, (low, high))
    top_of_all = max(tallest, *shown.values())
    for panel, top in ((axes, tallest), (curves, max(shown.values()))):
        panel.set(xscale="log", xlim=(low, high), ylim=(0, top / _TALLEST or 1.0))
        style.set_usd_ticks(panel, "y", 6, most=top)
    axes.grid(axis="y", color=style.GRID, linewidth=0.5)
    _draw_price_axes(axes, curves, mark, (low, high))
    clusters = liquidation_map.clusters()
    _label_clusters(axes, [c for c in clusters if low < c.price_peak < high], reach, mark)
    if top_of_all == 0:
        style.write(figure, _MAIN[0] + 20, _MAIN[1] + 20, "nothing stands on this map")
    title = _write_titles(figure, liquidation_map, width)
    _write_side(figure, liquidation_map, clusters[:_CLUSTERS_LISTED], shown)
    if is_simulated(liquidation_map.instrument, liquidation_map.kind):
        style.stamp_simulated(figure, WIDTH - 30, HEIGHT - 48)
    style.footer(figure, liquidation_map.provenance)
    if path is not None:
        style.save(figure, path, title)
    return figure


def _reach(liquidation_map: LiquidationMap) -> float:
    """Return how far the picture reaches to either side of the mark price, in log price."""
    edges = np.log(liquidation_map.grid.edges / liquidation_map.mark_price)
    needed = math.log1p(_NEAREST)
    for cumulative, distance in (
        (cumulative_long(liquidation_map.long_notional)[::-1], -edges[::-1]),
        (cumulative_short(liquidation_map.short_notional), edges),
    ):
        place = int(np.searchsorted(cumulative, _SHARE_SHOWN * cumulative[-1]))
        if cumulative[-1] > 0:
            needed = max(needed, 1.06 * float(distance[place]))
    return min(needed, math.log1p(_FARTHEST))


def _bar_width(liquidation_map: LiquidationMap, reach: float) -> float:
    """Return the relative width of a bar: round, no finer than the map's bins, and not too many of them."""
    finest = max(2 * reach / _BARS, 0.999 * liquidation_map.grid.width)
    return next((width for width in _BAR_WIDTHS if math.log1p(width) >= 0.999 * finest), _BAR_WIDTHS[-1])


def bar_notional(
    liquidation_map: LiquidationMap, side: PositionSide, width: float, count: int
) -> tuple[FloatArray, FloatArray]:
    """Return the distances of the bars' bounds in log price, shape (count + 1,), and USD per bar, (count,).

    Bars are counted from the mark price outwards. The bin that holds the mark price belongs to the nearest
    bar whole: what stands in it stands on the side's own side.
    """
    grid = liquidation_map.grid
    numbers = np.arange(grid.first, grid.first + grid.count + 1)
    bins = np.asarray(numbers * grid.width - math.log(liquidation_map.mark_price))
    bounds: FloatArray = np.arange(count + 1.0) * math.log1p(width)
    if side == "long":
        mass, bins = liquidation_map.long_notional[::-1], -bins[::-1]
    else:
        mass = liquidation_map.short_notional
    gathered = bounds.copy()
    gathered[0] = min(0.0, float(bins[0]))
    return bounds, rebinned(mass, bins, gathered)


def _draw_bars(axes: Axes, liquidation_map: LiquidationMap, reach: float, width: float) -> float:
    """Draw both sides' bars; return the tallest that is in sight whole."""
    count = math.ceil(reach / math.log1p(width))
    tallest = 0.0
    for side in _SIDES:
        distances, notional = bar_notional(liquidation_map, side, width, count)
        bounds = liquidation_map.mark_price * np.exp(-distances if side == "long" else distances)
        style.bars(
            axes,
            bounds[:-1],
            bounds[1:],
            np.zeros(1),
            notional,
            facecolors=_COLOURS[side],
            edgecolors=style.PANEL,
            linewidths=0.6,
            alpha=0.9,
            zorder=2,
        )
        tallest = max(tallest, float(notional.max(initial=0.0)))
    return tallest


def _draw_curve(
    axes: Axes, liquidation_map: LiquidationMap, side: PositionSide, window: tuple[float, float]
) -> float:
    """Draw what is liquidated on the way from the mark price; return it at the edge of the picture."""
    mark, edges = liquidation_map.mark_price, liquidation_map.grid.edges
    end = window[0] if side == "long" else window[1]
    near, far = sorted((mark, end))
    prices = np.concatenate([[near], edges[(edges > near) & (edges < far)], [far]])
    mass = getattr(liquidation_map, f"{side}_notional")
    cumulative = cumulative_long(mass) if side == "long" else cumulative_short(mass)
    amounts = np.interp(np.log(prices), np.log(edges), cumulative)
    amounts[prices == mark] = 0.0
    # A rim in the colour of the panel keeps the curve apart from bars of its own colour.
    axes.plot(prices, amounts, color=style.PANEL, linewidth=3.6, zorder=3)
    axes.plot(prices, amounts, color=style.lighter(_COLOURS[side]), linewidth=1.7, zorder=4)
    return float(amounts[0 if side == "long" else -1])


def _draw_bands(
    axes: Axes, liquidation_map: LiquidationMap, side: PositionSide, window: tuple[float, float]
) -> None:
    """Draw the 50 and 90 % bands of the curve, and what is expected to be forced, if calibrated.

    The bands are those of the parameters. The noise of a single outcome is told in figures, not drawn.
    """
    ensemble = liquidation_map.ensemble
    if ensemble is None:
        return
    number = LONG if side == "long" else SHORT
    near, far = sorted((liquidation_map.mark_price, window[0] if side == "long" else window[1]))
    prices = np.geomspace(near, far, _BAND_POINTS)
    edges = np.log(liquidation_map.grid.edges)

    def along(masses: FloatArray) -> FloatArray:
        sums = [cumulative_long(mass) if side == "long" else cumulative_short(mass) for mass in masses]
        return np.stack([np.interp(np.log(prices), edges, cumulative) for cumulative in sums])

    low_90, low_50, high_50, high_90 = ensemble_quantiles(along(ensemble.standing[:, number]))
    for low, high, alpha in ((low_90, high_90, 0.13), (low_50, high_50, 0.2)):
        axes.fill_between(prices, low, high, color=_COLOURS[side], alpha=alpha, linewidth=0, zorder=2.5)
    forced = along(ensemble.expected_forced[number][None])[0]
    axes.plot(prices, forced, color=style.TEXT, linewidth=1.6, linestyle=(0, (2, 2)), zorder=5)


def _draw_price_axes(axes: Axes, curves: Axes, mark: float, window: tuple[float, float]) -> None:
    """Draw prices below, distances above, and the mark price between the sides."""
    from matplotlib.ticker import FixedFormatter, FixedLocator

    low, high = window
    digits = len(price_text(mark))
    most = min(12, int(_MAIN[2] / (10 * digits + 20)))
    style.set_price_ticks(axes, "x", low, high, most, free=mark, room=(12 * digits + 6) / _MAIN[2])
    axes.tick_params(axis="x", labelsize=style.LARGE, labelcolor=style.TEXT)
    curves.yaxis.tick_right()
    curves.xaxis.tick_top()
    farthest = high / mark - 1
    step = next((step for step in _DISTANCE_STEPS if farthest / step <= 6.01), _DISTANCE_STEPS[-1])
    digits = 0 if step * 100 == round(step * 100) else 1
    count = np.arange(math.ceil((low / mark - 1) / step), math.floor(farthest / step + 1e-9) + 1)
    style.set_price_ticks(curves, "x", low, high, 1)
    curves.xaxis.set_major_locator(FixedLocator([mark * (1 + place * step) for place in count]))
    curves.xaxis.set_major_formatter(FixedFormatter([distance_text(place * step, digits) for place in count]))
    axes.axvline(mark, color=style.MARK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=6)
    style.tag_price(axes, mark, at="bottom")


def _label_clusters(axes: Axes, clusters: list[Cluster], reach: float, mark: float) -> None:
    """Label the largest clusters of each side with price, distance and USD, apart from each other."""
    apart = max(118, 11 * len(price_text(mark)) + 16)
    for side in _SIDES:
        chosen = [cluster for cluster in clusters if cluster.side == side][:_LABELS_PER_SIDE]
        chosen.sort(key=lambda cluster: cluster.price_peak)
        half = _MAIN[2] / 2
        wanted = [half * (1 + math.log(cluster.price_peak / mark) / reach) for cluster in chosen]
        first = 0.0 if side == "long" else half
        room = (first + apart / 2, first + half - apart / 2)
        for cluster, across in zip(chosen, spread_apart(wanted, apart, *room), strict=True):
            axes.axvspan(
                cluster.price_low,
                cluster.price_high,
                0,
                _TALLEST + 0.01,
                color=_COLOURS[side],
                linewidth=0,
                alpha=0.1,
                zorder=1,
            )
            axes.annotate(
                f"{price_text(cluster.price_peak)}\n{distance_text(cluster.distance)}\n"
                f"{usd(cluster.notional)}",
                (cluster.price_peak, _TALLEST + 0.012),
                xycoords=("data", "axes fraction"),
                xytext=(across / _MAIN[2], 0.985),
                textcoords="axes fraction",
                size=style.NORMAL,
                color=style.lighter(_COLOURS[side]),
                ha="center",
                va="top",
                linespacing=1.25,
                arrowprops={"arrowstyle": "-", "color": _COLOURS[side], "linewidth": 0.7, "shrinkA": 1},
                zorder=8,
                parse_math=False,
            )


def _write_titles(figure: Figure, liquidation_map: LiquidationMap, width: float) -> str:
    left, bottom, across, up = _MAIN
    title = f"{liquidation_map.instrument} · liquidation map, {liquidation_map.kind}"
    style.write(
        figure, 30, 950, title, size=style.TITLE * min(1, 75 / len(title)), weight="bold", color=style.TEXT
    )
    origin = origin_text(liquidation_map.instrument, liquidation_map.provenance)
    mark = price_text(liquidation_map.mark_price)
    text = f"as of {moment_text(liquidation_map.as_of)} · mark price {mark} · {origin}"
    style.write(figure, 30, 914, text, size=style.LARGE)
    top = bottom + up + 36
    bars = f"bars: USD per {100 * width:g} % of price"
    style.write(figure, 30, top, bars, color=style.TEXT)
    curves = "curves: USD liquidated on the way from the mark price"
    if liquidation_map.ensemble is not None:
        curves = "curves: USD standing on the way, with 50 and 90 % bands; dotted: expected to be forced"
    style.write(figure, left + across + 75, top, curves, color=style.TEXT, ha="right")
    return title


def _write_side(
    figure: Figure, liquidation_map: LiquidationMap, clusters: list[Cluster], shown: dict[PositionSide, float]
) -> None:
    """Write what the drawing cannot tell: balance, clusters, what lies outside of it and what is inert."""
    top = style.write_sides(figure, _SIDE, 858)
    top = style.write_balance(figure, liquidation_map.imbalance(), _SIDE, top - 14, _SIDE_WIDTH)
    rows = [
        (
            price_text(cluster.price_peak),
            distance_text(cluster.distance),
            usd(cluster.notional),
        )
        for cluster in clusters
    ]
    colours = [_COLOURS[cluster.side] for cluster in clusters]
    header = ("largest clusters", "from mark", "USD")
    top = style.write_table(figure, header, rows, (0.0, 0.76, 1.0), _SIDE, top - 14, _SIDE_WIDTH, colours)
    long, short = float(liquidation_map.long_notional.sum()), float(liquidation_map.short_notional.sum())
    inert_long, inert_short = liquidation_map.inert_notional
    per_side = [
        ("in the picture", shown["long"], shown["short"]),
        ("farther away", max(long - shown["long"], 0.0), max(short - shown["short"], 0.0)),
        ("at no price *", inert_long, inert_short),
        ("open interest", liquidation_map.open_interest, liquidation_map.open_interest),
    ]
    if not liquidation_map.knows_open_interest:
        # What was not counted is not known, and no number stands for it.
        per_side = per_side[:2]
    rows = [(name, usd(below), usd(above)) for name, below, above in per_side]
    header = ("one-sided USD", "longs", "shorts")
    top = style.write_table(figure, header, rows, (0.0, 0.76, 1.0), _SIDE, top - 14, _SIDE_WIDTH)
    if liquidation_map.knows_open_interest:
        style.write(
            figure,
            _SIDE,
            top - 4,
            f"* {_AT_NO_PRICE.get(liquidation_map.kind, _HELD_BACK)}",
            size=style.SMALL,
        )
