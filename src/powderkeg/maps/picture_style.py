"""How every picture looks: colours, sizes, number formats, the line of provenance, and writing the file.

Long positions are orange and short ones sky blue (Okabe and Ito 2008) wherever they appear: the pair stays
apart under every common colour blindness and differs in lightness as well.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from powderkeg.core.map_reading import RangeImbalance
from powderkeg.errors import MissingExtraError, OutputError
from powderkeg.maps.picture_text import balance_text, price_text, price_ticks, usd
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

BACKGROUND = "#0b0d12"
PANEL = "#11141b"
GRID = "#262b36"
FAINT = "#8b93a3"
TEXT = "#e8ebf0"
LONG = "#e69f00"
SHORT = "#56b4e9"
MARK = "#ffffff"
STAMP = "#f0e442"
# Pixels from one line of a table to the next.
LINE = 23

SMALL, NORMAL, LARGE, TITLE = 6.2, 7.4, 8.6, 13.0
DPI = 150
ENDINGS = (".png", ".svg", ".pdf")
DISCLAIMER = "Risk geometry, not a forecast: it says what stands where, not where the price will go."


def new_figure(width: int, height: int) -> Figure:
    """Return an empty dark figure of `width` x `height` pixels, with a canvas of its own.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib is not installed: pip install 'powderkeg[plot]'") from None
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def panel(figure: Figure, left: int, bottom: int, width: int, height: int, **options: Any) -> Axes:
    """Return axes at whole pixels of `figure`, so that an image of as many cells is drawn one to one."""
    across, up = figure.bbox.width, figure.bbox.height
    axes = figure.add_axes(
        (left / across, bottom / up, width / across, height / up), facecolor=PANEL, **options
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=FAINT, labelsize=NORMAL, length=0, pad=4)
    axes.set_axisbelow(True)
    return axes


def write(
    figure: Figure, left: float, bottom: float, text: str, *, size: float = NORMAL, **options: Any
) -> None:
    """Write `text` at a pixel of `figure`; a dollar sign is a dollar sign, not mathematics."""
    options.setdefault("color", FAINT)
    figure.text(
        left / figure.bbox.width, bottom / figure.bbox.height, text, size=size, parse_math=False, **options
    )


def bars(
    axes: Axes, left: FloatArray, right: FloatArray, low: FloatArray, high: FloatArray, **options: Any
) -> PolyCollection:
    """Draw one rectangle per element, all of them in a single artist."""
    from matplotlib.collections import PolyCollection

    left, right, low, high = np.broadcast_arrays(left, right, low, high)
    corners = np.stack([left, low, right, low, right, high, left, high], axis=-1).reshape(-1, 4, 2)
    collection = PolyCollection(list(corners), **{"linewidths": 0, **options})
    axes.add_collection(collection, autolim=False)
    return collection


def lighter(colour: str) -> str:
    """Return `colour` half way to white."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{(part + 255) // 2:02x}" for part in parts)


def set_price_ticks(
    axes: Axes,
    axis: str,
    low: float,
    high: float,
    most: int,
    free: float | None = None,
    room: float = 0.035,
) -> None:
    """Give the logarithmic price axis (``x`` or ``y``) of `axes` round prices.

    None stands within `room`, a fraction of the axis, of the price `free`, where a label of its own is.
    """
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ticks, step = price_ticks(low, high, most)
    if free is not None:
        ticks = ticks[np.abs(np.log(ticks / free)) > room * math.log(high / low)]
    chosen = axes.xaxis if axis == "x" else axes.yaxis
    chosen.set_major_locator(FixedLocator(list(ticks)))
    chosen.set_major_formatter(FixedFormatter([price_text(tick, step) for tick in ticks]))
    chosen.set_minor_locator(NullLocator())


def set_usd_ticks(axes: Axes, axis: str, count: int, most: float | None = None) -> None:
    """Give an axis of amounts (``x`` or ``y``) about `count` round ticks, none above `most`, all unsigned."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    chosen = axes.xaxis if axis == "x" else axes.yaxis
    locator = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10])
    if most is not None:
        chosen.set_major_locator(FixedLocator([t for t in locator.tick_values(0, most) if 0 <= t <= most]))
    else:
        chosen.set_major_locator(locator)
    chosen.set_major_formatter(FuncFormatter(lambda value, _: usd(abs(value))))


def day_numbers(times: IntArray | FloatArray) -> FloatArray:
    """Return UTC milliseconds as matplotlib's days since 1970."""
    return np.asarray(times, dtype=np.float64) / 86_400_000


def set_time_ticks(axes: Axes, most: int) -> None:
    """Give the x axis of `axes`, in `day_numbers`, dates in UTC whatever the reader's settings."""
    import datetime as dt

    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=dt.UTC, minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            tz=dt.UTC,
            formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"],
            zero_formats=["", "%b\n%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
            show_offset=False,
        )
    )


def caption(axes: Axes, text: str) -> None:
    """Write above the left end of `axes` what they show."""
    axes.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        size=SMALL,
        color=FAINT,
        parse_math=False,
    )


def write_sides(figure: Figure, left: float, top: float) -> float:
    """Write which colour is which side; return where the next line goes."""
    write(figure, left, top, "■ shorts, liquidated if price rises", color=SHORT)
    write(figure, left, top - LINE, "■ longs, liquidated if price falls", color=LONG)
    return top - 2 * LINE


def write_balance(
    figure: Figure, balances: list[RangeImbalance], left: float, top: float, width: float
) -> float:
    """Write what stands within each distance of the mark price; return where the next line goes."""
    rows = [
        (
            f"±{balance.range:.0%}".replace("%", " %"),
            usd(balance.long_notional),
            usd(balance.short_notional),
            "thin" if balance.thin else balance_text(balance.imbalance),
        )
        for balance in balances
    ]
    header = ("within", "longs", "shorts", "balance")
    return write_table(figure, header, rows, (0.0, 0.48, 0.76, 1.0), left, top, width)


def write_table(
    figure: Figure,
    header: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    places: tuple[float, ...],
    left: float,
    top: float,
    width: float,
    colours: Sequence[str] = (),
) -> float:
    """Write a table whose columns stand at `places`, fractions of its width; return where the next line goes.

    Columns headed ``longs`` and ``shorts`` have the colour of the side, or each row the one of `colours`.
    """
    of_header = {"longs": LONG, "shorts": SHORT}
    for number, row in enumerate((header, *rows)):
        for place, name, text in zip(places, header, row, strict=True):
            colour = colours[number - 1] if colours else of_header.get(name, TEXT)
            write(
                figure,
                left + place * width,
                top - LINE * number,
                text,
                color=colour if number else FAINT,
                ha="right" if place else "left",
            )
    return top - LINE * (len(rows) + 1)


def stamp_simulated(figure: Figure, right: float, bottom: float) -> None:
    """Stamp `figure`, so that a picture of an invented market is never passed on as a real one."""
    box = {"boxstyle": "round,pad=0.3", "facecolor": BACKGROUND, "edgecolor": STAMP, "linewidth": 1.5}
    options = {"weight": "bold", "color": STAMP, "ha": "right", "bbox": box}
    write(figure, right, bottom, "SIMULATED", size=0.8 * TITLE, **options)


def tag_price(
    axes: Axes, price: float, *, at: Literal["right", "bottom"], most_digits: float = math.inf
) -> None:
    """Write a price as a tag on the axis where it stands; smaller where it has more than `most_digits`."""
    right = at == "right"
    text = price_text(price)
    axes.annotate(
        text,
        (1, price) if right else (price, 0),
        xycoords=("axes fraction", "data") if right else ("data", "axes fraction"),
        xytext=(4, 0) if right else (0, -4),
        textcoords="offset points",
        size=LARGE * min(1.0, most_digits / len(text)),
        weight="bold",
        color=BACKGROUND,
        ha="left" if right else "center",
        va="center" if right else "top",
        bbox={"boxstyle": "square,pad=0.22", "facecolor": MARK, "linewidth": 0},
        zorder=10,
        parse_math=False,
    )


def footer(figure: Figure, provenance: Provenance) -> None:
    """Write what is needed to tell how the picture came about, in two small lines at its foot."""
    inputs = " · ".join(
        f"{series.name} from {series.source}"
        + (f", {series.coverage:.1%} covered" if math.isfinite(series.coverage) else "")
        for series in provenance.inputs
    )
    made = (
        f"powderkeg {provenance.version} · {provenance.kind} by {provenance.model}, "
        f"parameters {provenance.parameter_hash}"
    )
    if provenance.kind == "measured":
        inputs += "".join(f" · {note}" for note in provenance.notes[:1])
    else:
        # Rounded up, as it is an upper bound.
        long, short = (math.ceil(100 * share) for share in provenance.warm_up_share)
        made += f" · guessed initial positions: at most {long:.0f} % of longs, {short:.0f} % of shorts"
    width = int(figure.bbox.width / 9)
    write(figure, 30, 30, f"{DISCLAIMER}  {made}", size=SMALL)
    write(
        figure,
        30,
        12,
        textwrap.shorten(f"Inputs: {inputs or 'not stated'}", width, placeholder=" …"),
        size=SMALL,
    )


def save(figure: Figure, path: str | Path, title: str) -> None:
    """Write `figure` to `path` in the format that its ending names, all of it or nothing.

    Raises
    ------
    OutputError
        The ending is none of ``.png``, ``.svg`` and ``.pdf``, the folder does not exist, or the file cannot
        be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise OutputError(f"{path}: a picture ends in {', '.join(ENDINGS)}, not in {ending or 'nothing'!r}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; create it first")
    undated: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(ending, {})
    # Effort of compression: 1.5 times the bytes of the default in a quarter of its time.
    options: dict[str, Any] = {"pil_kwargs": {"compress_level": 2}} if ending == ".png" else {}
    picture = io.BytesIO()
    figure.savefig(
        picture, format=ending[1:], dpi=figure.dpi, metadata={"Title": title, **undated}, **options
    )
    try:
        path.write_bytes(picture.getbuffer())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
