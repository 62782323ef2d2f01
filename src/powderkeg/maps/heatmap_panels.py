"""The panels below a heatmap's cells, on its time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powderkeg.maps import picture_style as style
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.picture_cells import Candles
from powderkeg.model.times import duration_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In pixels: left, bottom, width, height.
_LIQUIDATIONS = (30, 180, 1270, 90)
_INTEREST = (30, 88, 1270, 62)


def draw_liquidations(figure: Figure, candles: Candles, times: tuple[int, int]) -> None:
    """Draw the modelled liquidations per candle."""
    axes = style.panel(figure, *_LIQUIDATIONS)
    left, right = style.day_numbers(candles.start), style.day_numbers(candles.end)
    style.bars(axes, left, right, np.zeros(1), candles.predicted_short, facecolors=style.SHORT)
    style.bars(axes, left, right, -candles.predicted_long, np.zeros(1), facecolors=style.LONG)
    up = float(candles.predicted_short.max(initial=0.0)) * 1.08
    down = float(candles.predicted_long.max(initial=0.0)) * 1.08
    span = (up + down) or 1.0
    axes.set(xlim=style.day_numbers(np.array(times)), ylim=(-max(down, 0.1 * span), max(up, 0.1 * span)))
    axes.axhline(0, color=style.FAINT, linewidth=0.5)
    axes.yaxis.tick_right()
    style.set_usd_ticks(axes, "y", 4, None if up + down else 0.0)
    axes.tick_params(labelbottom=False)
    per = f"per {duration_text(candles.length)}" if len(candles.close) > 1 else "up to this column"
    style.caption(axes, f"liquidations {per}, modelled: shorts up, longs down")


def draw_standing(figure: Figure, heatmap: Heatmap, times: tuple[int, int]) -> None:
    """Draw what stands on the map in each column, shorts up and longs down."""
    axes = style.panel(figure, *_LIQUIDATIONS)
    at = style.day_numbers(np.append(heatmap.times, times[1]))
    known = np.isfinite(heatmap.mark_price)
    tallest = []
    for name, sign, colour in (("short", 1, style.SHORT), ("long", -1, style.LONG)):
        mass = getattr(heatmap, f"{name}_notional").sum(axis=1, dtype=np.float64)
        amounts = np.where(known, mass, np.nan)
        axes.stairs(sign * amounts, at, baseline=0, fill=True, color=colour, alpha=0.8)
        tallest.append(float(np.nanmax(amounts, initial=0.0)) * 1.08)
    span = sum(tallest) or 1.0
    axes.set(
        xlim=style.day_numbers(np.array(times)),
        ylim=(-max(tallest[1], 0.1 * span), max(tallest[0], 0.1 * span)),
    )
    axes.axhline(0, color=style.FAINT, linewidth=0.5)
    axes.yaxis.tick_right()
    style.set_usd_ticks(axes, "y", 4, None if sum(tallest) else 0.0)
    axes.tick_params(labelbottom=False)
    style.caption(axes, "on the map: shorts up, longs down")


def draw_interest(figure: Figure, heatmap: Heatmap, times: tuple[int, int]) -> None:
    """Draw the open interest, or what was counted of it."""
    axes = style.panel(figure, *_INTEREST)
    axes.plot(style.day_numbers(heatmap.times), heatmap.open_interest, color=style.TEXT, linewidth=1.0)
    if len(heatmap) == 1:
        axes.plot(
            style.day_numbers(heatmap.times), heatmap.open_interest, "o", color=style.TEXT, markersize=4
        )
    axes.set(xlim=style.day_numbers(np.array(times)))
    axes.yaxis.tick_right()
    style.set_usd_ticks(axes, "y", 3)
    style.set_time_ticks(axes, 12)
    measured = heatmap.kind == "measured"
    style.caption(axes, "counted, the larger side" if measured else "open interest, one side")
