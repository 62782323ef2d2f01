"""The pictures: what is drawn is what the map holds, where it holds it, and says what it is."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from made_markets import START, flat_market, random_market
from powderkeg.errors import MissingExtraError, OutputError
from powderkeg.maps import heatmap_picture, map_picture, picture_style
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.heatmap_picture import draw_heatmap
from powderkeg.maps.liquidation_map import LiquidationMap, PositionSide
from powderkeg.maps.map_picture import bar_notional, draw_map
from powderkeg.maps.map_run import map_run
from powderkeg.maps.picture_cells import ColourScale, candles_of, heatmap_cells, rebinned, spread_apart
from powderkeg.maps.picture_text import (
    balance_text,
    distance_text,
    moment_text,
    price_text,
    price_ticks,
    usd,
)
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance, SeriesCoverage
from powderkeg.model.times import HOUR

PROVENANCE = Provenance(
    kind="modelled",
    model="worlds",
    parameter_hash="0123456789abcdef",
    inputs=(SeriesCoverage("bars", "bars.parquet", START, START + HOUR, 60_000, 60, 0.975),),
    warm_up_share=(0.021, 0.5),
    kernel="numpy",
)


def texts(figure: Figure) -> str:
    """Return everything written on the figure itself, one text a line."""
    return "\n".join(text.get_text() for text in figure.texts)


def made_heatmap(
    columns: int = 40,
    *,
    price: float = 100.0,
    long_bins: dict[int, float] | None = None,
    short_bins: dict[int, float] | None = None,
    step: int = HOUR,
) -> Heatmap:
    """Return a heatmap of a constant price with USD in chosen bins, numbered from the price's own bin."""
    grid = PriceGrid(0.001, PriceGrid(0.001, 0, 0).bin_of(price) - 300, 600)
    long = np.zeros((columns, grid.count), np.float32)
    short = long.copy()
    for notional, bins in ((long, long_bins or {}), (short, short_bins or {})):
        for place, amount in bins.items():
            notional[:, 300 + place] = amount
    full = np.full(columns, price)
    return Heatmap(
        instrument="venue:X",
        times=START + step * np.arange(1, columns + 1),
        grid=grid,
        long_notional=long,
        short_notional=short,
        open=full,
        high=full * 1.0005,
        low=full * 0.9995,
        close=full,
        mark_price=full,
        open_interest=np.full(columns, 1e9),
        predicted_long=np.zeros(columns),
        predicted_short=np.zeros(columns),
        provenance=PROVENANCE,
    )


def columns_of(heatmap: Heatmap, cut: slice) -> Heatmap:
    names = (
        "open",
        "high",
        "low",
        "close",
        "mark_price",
        "open_interest",
        "predicted_long",
        "predicted_short",
    )
    arrays = ("times", "long_notional", "short_notional", *names)
    return replace(heatmap, **{name: getattr(heatmap, name)[cut] for name in arrays})


def png_size(path: Path) -> tuple[int, int]:
    """Return width and height as the header of a PNG states them."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


# Moving notional to the cells of a picture


ascending = st.lists(st.floats(-50, 50, allow_nan=False, width=32), min_size=2, max_size=12, unique=True).map(
    lambda values: np.array(sorted(values))
)


@given(ascending, ascending, st.data())
def test_rebinning_keeps_what_lies_between_the_outer_edges(
    edges: FloatArray, new_edges: FloatArray, data: st.DataObject
) -> None:
    cells = len(edges) - 1
    mass = np.array(data.draw(st.lists(st.floats(0, 1e9), min_size=cells, max_size=cells)))
    result = rebinned(mass, edges, new_edges)
    slow = [
        sum(
            mass[old]
            * max(min(edges[old + 1], new_edges[new + 1]) - max(edges[old], new_edges[new]), 0)
            / (edges[old + 1] - edges[old])
            for old in range(cells)
        )
        for new in range(len(new_edges) - 1)
    ]
    np.testing.assert_allclose(result, slow, rtol=1e-6, atol=1e-9 * max(mass.sum(), 1e-30))
    assert result.min() >= 0
    wide = np.concatenate(
        [[edges[0] - 1], new_edges[(new_edges > edges[0]) & (new_edges < edges[-1])], [60.0]]
    )
    assert rebinned(mass, edges, wide).sum() == pytest.approx(mass.sum())


@pytest.mark.parametrize("columns", [1, 7, 2_500])
def test_a_pixel_column_sums_to_the_notional_of_its_map_in_the_window(columns: int) -> None:
    heatmap = made_heatmap(columns, long_bins={-40: 3e6, -20: 1e6}, short_bins={15: 2e6, 200: 9e6})
    generator = np.random.default_rng(0)
    scale = generator.random((columns, 1)).astype(np.float32)
    heatmap = replace(
        heatmap, long_notional=heatmap.long_notional * scale, short_notional=heatmap.short_notional * scale
    )
    prices = np.geomspace(100 * np.exp(-0.1), 100 * np.exp(0.1), 137)
    starts = np.append(heatmap.times, heatmap.times[-1] + HOUR).astype(np.float64)
    cells = heatmap_cells(heatmap, prices, starts, HOUR)
    # The short bin at +20 % lies outside.
    np.testing.assert_allclose(cells.sum(axis=0), 6e6 * scale[:, 0], rtol=1e-5)
    coarse = heatmap_cells(heatmap, prices, np.linspace(starts[0], starts[-1], 4), HOUR)
    # Each cell is a mean over its time, so the mean over equal times is that over all columns.
    assert coarse.sum(axis=0).mean() == pytest.approx(6e6 * scale.mean(), rel=1e-5)


def test_cells_before_the_first_and_after_the_last_map_are_empty() -> None:
    heatmap = made_heatmap(3, long_bins={-10: 5.0})
    first, last = int(heatmap.times[0]), int(heatmap.times[-1])
    edges = np.array([first - HOUR, first, last, last + HOUR, last + 2 * HOUR], dtype=np.float64)
    cells = heatmap_cells(heatmap, np.array([90.0, 110.0]), edges, HOUR)
    np.testing.assert_allclose(cells, [[0, 5, 5, 0]])


@pytest.mark.parametrize("side", ["long", "short"])
@given(width=st.sampled_from([0.001, 0.0025, 0.005]), seed=st.integers(0, 50))
def test_bars_hold_all_that_stands_within_their_reach(side: PositionSide, width: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    mark = float(generator.uniform(50, 200))
    own = PriceGrid(0.001, 0, 0).bin_of(mark)
    count = 400
    grid = PriceGrid(0.001, own - count + 1 if side == "long" else own, count)
    mass = generator.gamma(0.2, 1e6, count)
    nothing = np.zeros(count)
    result = LiquidationMap(
        instrument="X",
        as_of=START,
        mark_price=mark,
        open_interest=float(mass.sum()),
        grid=grid,
        long_notional=mass if side == "long" else nothing,
        short_notional=mass if side == "short" else nothing,
        provenance=PROVENANCE,
    )
    bars = int(np.ceil(0.5 / np.log1p(width)))
    bounds, notional = bar_notional(result, side, width, bars)
    assert notional.sum() == pytest.approx(mass.sum())
    assert len(bounds) == len(notional) + 1 == bars + 1
    reached = mark * np.exp(-bounds[20] if side == "long" else bounds[20])
    assert notional[:20].sum() == pytest.approx(result.liquidated_if(float(reached)).notional)


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=6).map(sorted),
)
def test_labels_are_spread_apart_in_order_and_within_their_room(wanted: list[float]) -> None:
    places = spread_apart(wanted, 100, 60, 940)
    assert len(places) == len(wanted)
    assert np.diff(places).min(initial=100) >= 100 - 1e-9
    assert min(places) >= 60 - 1e-9
    assert max(places) <= 940 + 1e-9
    lonely = spread_apart([300.0, 500.0], 100, 60, 940)
    assert lonely == [300.0, 500.0]


def test_joined_candles_are_those_of_a_slow_twin_and_lose_no_liquidations() -> None:
    heatmap = map_run(random_market(3_000, seed=2, holes=0.5)).heatmap(step="5m")
    candles = candles_of(heatmap, 100, heatmap.column_length)
    assert len(candles.close) <= 102
    assert candles.predicted_long.sum() == pytest.approx(np.nansum(heatmap.predicted_long))
    assert candles.predicted_short.sum() == pytest.approx(np.nansum(heatmap.predicted_short))
    for index in range(len(candles.close)):
        inside = (heatmap.times > candles.start[index]) & (heatmap.times <= candles.end[index])
        seen = np.flatnonzero(inside & np.isfinite(heatmap.close))
        if len(seen) == 0:
            assert np.isnan(candles.close[index])
            continue
        assert candles.open[index] == heatmap.open[seen[0]]
        assert candles.close[index] == heatmap.close[seen[-1]]
        assert candles.high[index] == heatmap.high[seen].max()
        assert candles.low[index] == heatmap.low[seen].min()
    assert np.all(candles.end[:-1] == candles.start[1:])
    assert np.all(candles.end[:-1] % candles.length == 0)


def test_brightness_rises_with_the_amount_and_nothing_is_dark() -> None:
    amounts = np.random.default_rng(1).lognormal(10, 2, 100_000)
    scale = ColourScale.of(amounts)
    ordered = scale.brightness(np.sort(amounts))
    assert np.all(np.diff(ordered) >= 0)
    assert scale.brightness(np.array([0.0, np.inf])).tolist() == [0.0, 1.0]
    assert scale.amount(1.0) == pytest.approx(scale.brightest)
    assert np.mean(ordered == 1) == pytest.approx(0.003, abs=0.001)
    assert ColourScale.of(np.zeros(5)).brightness(np.zeros(5)).tolist() == [0.0] * 5


# What stands where in the picture


def pixels(figure: Figure) -> FloatArray:
    """Return the luminance of the main panel of a heatmap, row 0 at the bottom."""
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba(), dtype=np.float64)[::-1, :, :3]  # type: ignore[attr-defined]
    left, bottom, width, height = heatmap_picture._MAIN
    return np.asarray(image[bottom : bottom + height, left : left + width].sum(axis=2))


@pytest.mark.parametrize("price", [100.0, 0.1, 98_765.0])
def test_a_level_is_drawn_at_its_own_price_and_from_its_own_time_on(price: float) -> None:
    # An image stretched over a logarithmic axis is bent away from it: levels stood 2 % off their price.
    heatmap = made_heatmap(50, price=price, long_bins={-100: 1e6}, short_bins={80: 1e6})
    figure = draw_heatmap(heatmap)
    low, high = figure.axes[0].get_ylim()
    picture = pixels(figure)
    edges = heatmap.grid.edges
    quarter = picture[:, picture.shape[1] // 4]
    for place in (200, 380):
        wanted = np.log(edges[place : place + 2] / low) / np.log(high / low) * picture.shape[0]
        window = quarter[int(wanted[0]) - 25 : int(wanted[1]) + 25]
        lit = np.flatnonzero(window > 100) + int(wanted[0]) - 25
        assert lit.min() == pytest.approx(wanted[0], abs=1.01)
        assert lit.max() + 1 == pytest.approx(wanted[1], abs=1.01)
        # One column of nothing: what stood before the first map is not known.
        row = np.flatnonzero(picture[(lit.min() + lit.max()) // 2] > 100)
        assert row.min() == pytest.approx(picture.shape[1] / 51, abs=1.01)
        assert row.max() == picture.shape[1] - 1


def test_a_swept_level_ends_at_the_candle_that_swept_it() -> None:
    heatmap = made_heatmap(50, long_bins={-100: 1e6})
    gone = heatmap.long_notional.copy()
    gone[25:] = 0
    low = np.array(heatmap.low)
    low[25] = 85.0
    figure = draw_heatmap(replace(heatmap, long_notional=gone, low=low))
    picture = pixels(figure)
    bottom, top = figure.axes[0].get_ylim()
    row = int(np.log(heatmap.grid.centres[200] / bottom) / np.log(top / bottom) * picture.shape[0])
    lit = np.flatnonzero(picture[row] > 100)
    # Candle 25 takes up the 26th of 51 places, and column 24 stands until its end.
    assert lit.max() == pytest.approx(26 / 51 * picture.shape[1], abs=2)


# What it says


def test_a_heatmap_says_what_it_is(tmp_path: Path) -> None:
    heatmap = made_heatmap(48, long_bins={-30: 1e6}, short_bins={30: 1e6})
    figure = draw_heatmap(heatmap, tmp_path / "heatmap.png")
    assert png_size(tmp_path / "heatmap.png") == (1800, 1100)
    said = texts(figure)
    assert "venue:X · liquidation heatmap, modelled" in said
    assert "from 2025-01-01 01:00 UTC to 2025-01-03 00:00 UTC · columns 1h, candles 1h" in said
    assert "as of" not in said
    assert "modelled from public data, not measured" in said
    assert "USD per 0.1 % of price" in said
    assert "not a forecast" in said
    assert "worlds, parameters 0123456789abcdef" in said
    assert "at most 3 % of longs, 50 % of shorts" in said
    assert "bars from bars.parquet, 97.5% covered" in said
    assert "SIMULATED" not in said


def test_a_map_says_what_it_is(tmp_path: Path) -> None:
    result = made_heatmap(2, long_bins={-30: 1e6, -31: 1e6}, short_bins={30: 3e6}).map_at(-1)
    figure = draw_map(result, str(tmp_path / "map.png"))
    assert png_size(tmp_path / "map.png") == (1800, 1000)
    said = texts(figure)
    assert "venue:X · liquidation map, modelled" in said
    assert "as of 2025-01-01 02:00 UTC · mark price 100.00" in said
    assert "modelled from public data, not measured" in said
    assert "not a forecast" in said
    # Within 5 %: 2M of longs, 3M of shorts; the rest of 1B of open interest is inert.
    assert said.count("$3M") >= 2
    assert "+0.20" in said
    assert "$998M" in said
    assert "$997M" in said
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert any("−3.0 %" in label and "$2M" in label for label in labels)
    assert any("+3.1 %" in label and "$3M" in label for label in labels)


@pytest.mark.parametrize(
    ("instrument", "kind", "stamped"),
    [("simulated:BTC", "modelled", True), ("BTC", "simulated", True), ("okx:BTC", "measured", False)],
)
def test_a_simulated_market_is_stamped(instrument: str, kind: str, stamped: bool) -> None:
    heatmap = replace(made_heatmap(3), instrument=instrument, provenance=replace(PROVENANCE, kind=kind))
    for figure in (draw_heatmap(heatmap), draw_map(heatmap.map_at(-1))):
        assert ("SIMULATED" in texts(figure).splitlines()) is stamped
        assert f", {kind}" in texts(figure)
        assert "public data" not in texts(figure)


# Edges


@pytest.mark.parametrize("price", [7e-6, 0.1, 100_000.0])
@pytest.mark.parametrize("step", ["5m", "1h", "1d"])
def test_pictures_of_any_market_are_drawn_without_a_warning(price: float, step: str, tmp_path: Path) -> None:
    run = map_run(random_market(2_000, seed=3, price=price, holes=0.3))
    heatmap = run.heatmap(step=step)
    draw_heatmap(heatmap, tmp_path / "heatmap.png")
    draw_map(run.map(), tmp_path / "map.png")
    assert png_size(tmp_path / "heatmap.png") == (1800, 1100)


def test_pictures_of_extremes_are_drawn_without_a_warning(tmp_path: Path) -> None:
    heatmap = map_run(random_market(1_000, seed=5)).heatmap(step="1h")
    nothing = np.zeros_like(heatmap.long_notional)
    unseen = np.full(len(heatmap), np.nan)
    flat = map_run(flat_market(500))
    bare = replace(PROVENANCE, inputs=())
    for number, case in enumerate(
        [
            columns_of(heatmap, slice(-1, None)),
            columns_of(heatmap, slice(-2, None)),
            replace(heatmap, long_notional=nothing, short_notional=nothing),
            replace(heatmap, open=unseen, high=unseen, low=unseen, close=unseen),
            replace(heatmap, instrument="1000$PEPE$ {x}_^", provenance=bare),
            replace(
                heatmap,
                grid=PriceGrid(0.001, 0, 0),
                long_notional=nothing[:, :0],
                short_notional=nothing[:, :0],
            ),
            made_heatmap(1_600, long_bins={-5: 1e6}, step=60_000),
            flat.heatmap(),
        ]
    ):
        draw_heatmap(case, tmp_path / f"{number}.png")
        draw_map(case.map_at(-1), tmp_path / f"{number}-map.png")
        assert png_size(tmp_path / f"{number}-map.png") == (1800, 1000)
    assert "nothing stands on this map" in texts(
        draw_map(replace(heatmap, long_notional=nothing, short_notional=nothing).map_at(0))
    )


# Files


@pytest.mark.parametrize(("ending", "magic"), [(".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_pictures_are_written_in_the_format_of_their_ending(
    ending: str, magic: bytes, tmp_path: Path
) -> None:
    heatmap = made_heatmap(10, long_bins={-30: 1e6})
    paths = [tmp_path / f"heatmap{ending}", tmp_path / f"map{ending}"]
    draw_heatmap(heatmap, paths[0])
    draw_map(heatmap.map_at(-1), paths[1])
    assert [path.read_bytes()[: len(magic)] for path in paths] == [magic, magic]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("picture.jpg", "ends in .png, .svg, .pdf, not in '.jpg'"),
        ("picture", "ends in .png, .svg, .pdf, not in 'nothing'"),
        ("missing/picture.png", "there is no folder"),
        ("folder.png", "cannot be written: Is a directory"),
    ],
)
def test_a_path_that_cannot_be_written_is_named(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=reason) as error:
        draw_heatmap(made_heatmap(3), tmp_path / name)
    assert name in str(error.value)
    with pytest.raises(OutputError, match=reason):
        draw_map(made_heatmap(3).map_at(-1), tmp_path / name)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'powderkeg\[plot\]'"):
        draw_heatmap(made_heatmap(3))
    with pytest.raises(MissingExtraError, match=r"pip install 'powderkeg\[plot\]'"):
        draw_map(made_heatmap(3).map_at(-1))


def test_importing_the_pictures_does_not_import_matplotlib() -> None:
    program = (
        "import sys, powderkeg.maps.heatmap_picture, powderkeg.maps.map_picture\n"
        "assert not [name for name in sys.modules if name.startswith('matplotlib')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603


# Words and colours


def test_amounts_and_prices_are_written_as_people_write_them() -> None:
    assert [
        usd(value) for value in (0, 0.001, 0.5, 9.5, 12, 999.6, 12_340, 999_960, 1.25e6, 340e6, 3.4e9)
    ] == (["$0", "$0", "$0.50", "$9.50", "$12", "$1k", "$12.3k", "$1M", "$1.2M", "$340M", "$3.4B"])
    assert usd(-2e9) == "-$2B"
    assert [price_text(price) for price in (126_000, 98_765.4, 3_456.78, 100, 0.1234, 7.1e-6)] == (
        ["126,000", "98,765", "3,456.8", "100.00", "0.12340", "0.0000071000"]
    )
    assert price_text(float("nan")) == "–"
    assert [distance_text(value) for value in (-0.094, 0.05, 0.0, -0.0001)] == [
        "−9.4 %",
        "+5.0 %",
        "0 %",
        "0 %",
    ]
    assert [balance_text(value) for value in (None, -0.001, 0.5, -1.0)] == ["–", "0.00", "+0.50", "−1.00"]
    assert moment_text(START) == "2025-01-01 00:00 UTC"
    assert moment_text(START + 1_000) == "2025-01-01 00:00:01 UTC"


@given(st.floats(1e-8, 1e6), st.floats(1.02, 3.0), st.integers(2, 20))
def test_price_ticks_lie_in_the_window_and_are_told_apart(low: float, ratio: float, most: int) -> None:
    ticks, step = price_ticks(low, low * ratio, most)
    assert len(ticks) <= most + 1
    assert np.all((ticks >= low * (1 - 1e-9)) & (ticks <= low * ratio * (1 + 1e-9)))
    labels = [price_text(tick, step) for tick in ticks]
    assert len(set(labels)) == len(labels)
    for tick, label in zip(ticks, labels, strict=True):
        assert float(label.replace(",", "")) == pytest.approx(tick, rel=1e-6)


def linear(colour: str) -> FloatArray:
    """Return the linear red, green and blue of a colour in hexadecimal digits."""
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as WCAG 2.1 defines it, from 1 to 21."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    bright, dark = sorted((float(linear(colour) @ weights) for colour in (first, second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_every_text_can_be_read_on_its_ground() -> None:
    names = ("TEXT", "FAINT", "LONG", "SHORT", "STAMP")
    for ground in (picture_style.BACKGROUND, picture_style.PANEL):
        # 4.5 is the least that WCAG 2.1 (AA) asks of small text.
        assert min(contrast(getattr(picture_style, name), ground) for name in names) >= 4.5


def test_long_and_short_stay_apart_for_the_colour_blind() -> None:
    # Viénot, Brettel and Mollon 1999, on linear RGB: protanopia, then deuteranopia.
    protan = [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]
    deutan = [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]]
    for matrix in (np.array(protan), np.array(deutan)):
        seen = [
            np.clip(matrix @ linear(colour), 0, 1) for colour in (picture_style.LONG, picture_style.SHORT)
        ]
        assert np.linalg.norm(seen[0] - seen[1]) > 0.5


def test_the_map_reaches_as_far_as_the_mass_but_not_too_far() -> None:
    for place, reach in ((20, 0.05), (150, 0.16), (290, 0.25)):
        result = made_heatmap(2, long_bins={-place: 1e6}, short_bins={place: 1e6}).map_at(-1)
        low, high = draw_map(result).axes[0].get_xlim()
        assert high / 100 - 1 == pytest.approx(reach, abs=0.015)
        assert low * high == pytest.approx(100.0**2)
    assert map_picture._FARTHEST == 0.25
