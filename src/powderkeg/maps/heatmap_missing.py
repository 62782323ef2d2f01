"""What a heatmap's picture says of venues that are missing from a sum, and of times at which all are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from powderkeg.maps import picture_style as style
from powderkeg.maps.heatmap import PER_COLUMN, Heatmap, whole_axis
from powderkeg.model.arrays import IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from powderkeg.maps.aggregated_heatmap import HeatmapLayer

# Pixels: of a bar, and from one to the next.
_BAR, _ROW = 14, 18


def with_columns_left_out(heatmap: Heatmap) -> tuple[Heatmap, IntArray]:
    """Return the heatmap with an empty column wherever one is left out, and the times of those."""
    every = whole_axis(heatmap.times)
    left_out = np.setdiff1d(every, heatmap.times)
    if not left_out.size:
        return heatmap, left_out
    place = np.searchsorted(every, heatmap.times)
    columns: dict[str, Any] = {"times": every}
    for name in ("long_notional", "short_notional", *PER_COLUMN):
        values = getattr(heatmap, name)
        # Cells are nothing, so that the mean of what stands beside them is right; the others are not known.
        columns[name] = np.full(
            (len(every), *values.shape[1:]), np.nan if name in PER_COLUMN else 0.0, values.dtype
        )
        columns[name][place] = values
    return replace(heatmap, **columns), left_out


def draw_missing(axes: Axes, layers: Sequence[HeatmapLayer], unknown: IntArray, hold: int) -> None:
    """Draw a bar along the upper edge for each venue where it is missing, and hatch where all are.

    Parameters
    ----------
    axes
        The panel of the cells, with its limits set.
    layers
        The venues of a sum; none for a heatmap of one market.
    unknown
        Times of columns at which nothing is known.
    hold
        Milliseconds for which a map stands, and for which it is missing where it is.
    """
    for time in unknown:
        begin, end = style.day_numbers(np.array([time, time + hold]))
        axes.axvspan(begin, end, facecolor=style.PANEL, edgecolor=style.GRID, hatch="///", linewidth=0)
    up = axes.bbox.height
    for row, layer in enumerate(layer for layer in layers if layer.missing):
        low = 1 - (_ROW * (row + 1)) / up
        spans = [style.day_numbers(np.array([one.start + hold, one.end + hold])) for one in layer.missing]
        axes.broken_barh(
            [(begin, end - begin) for begin, end in spans],
            (low, _BAR / up),
            transform=axes.get_xaxis_transform(),
            facecolor=style.STAMP,
            alpha=0.85,
            zorder=8,
        )
        left, right = axes.get_xlim()
        begin, end = max(spans, key=lambda span: float(span[1] - span[0]))
        axes.text(
            min(max((begin + end) / 2, left + 0.05 * (right - left)), right - 0.05 * (right - left)),
            low + _BAR / up / 2,
            f"without {_venue(layer)}",
            transform=axes.get_xaxis_transform(),
            size=style.SMALL,
            color=style.BACKGROUND,
            ha="center",
            va="center_baseline",
            bbox={"boxstyle": "square,pad=0.1", "facecolor": style.STAMP, "linewidth": 0},
            zorder=9,
            parse_math=False,
        )


def layers_text(layers: Sequence[HeatmapLayer]) -> str:
    """Return each venue with its share of the open interest and, if it is not in all, that of the columns."""
    told = [
        f"{_venue(layer)} {layer.share:.0%}"
        # Cut off and not rounded: what is not whole is not told as 100 %.
        + (f" (in {int(1000 * layer.coverage) / 10:.1f}%)" if layer.missing else "")
        for layer in layers
    ]
    partly = " (and of columns)" if any(layer.missing for layer in layers) else ""
    return f"{len(layers)} venues, share of open interest{partly}: " + " · ".join(told)


def _venue(layer: HeatmapLayer) -> str:
    return layer.heatmap.instrument.partition(":")[0]
