"""Squeeze reports: what they say of a book and a map made by hand, and what they refuse."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powderkeg.analytics.squeeze import Squeeze, asked_sides, squeeze
from powderkeg.analytics.squeeze_picture import draw_squeeze
from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_ensemble import ForcedPart, MapEnsemble
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance

MARK = 100.0
WIDTH = 0.001


def made_map(*, wall: float = 150e6, share: float | None = None) -> LiquidationMap:
    """Return a map with a wall of longs 5 to 6 % below and one of shorts 5 to 6 % above the mark.

    With `share` it has an ensemble that expects this share of it to be forced, give or take a tenth.
    """
    mark_bin = math.floor(math.log(MARK) / WIDTH)
    grid = PriceGrid(WIDTH, mark_bin - 100, 201)
    long, short = np.zeros(201), np.zeros(201)
    long[40:50], short[151:161] = wall / 10, wall / 10
    ensemble = None
    if share is not None:
        standing = np.broadcast_to(np.array([long, short]), (8, 2, 201))
        factors = share * np.linspace(0.9, 1.1, 8)[:, None, None]
        ensemble = MapEnsemble(standing, (ForcedPart(standing * factors, np.ones(2)),), 0, "made")
    return LiquidationMap(
        instrument="made:X",
        as_of=1_770_724_800_000,
        mark_price=MARK,
        open_interest=1e9,
        grid=grid,
        long_notional=long,
        short_notional=short,
        provenance=Provenance("modelled", "made", "0" * 16, (), (0.0, 0.0), "none"),
        ensemble=ensemble,
    )


def stepped(step: float) -> DepthCurve:
    """Return a book above the mark with 2 million at every step, and nothing in between."""
    at = np.repeat(np.arange(1, 101) * step, 2)
    held = np.repeat(np.arange(101) * 2e6, 2)[1:-1]
    return depth(1, displacement=np.concatenate(([0.0], at)), absorbed=np.concatenate(([0.0], held)))


def depth(direction: Direction, *, per_percent: float = 10e6, **changed: Any) -> DepthCurve:
    """Return a book that absorbs evenly up to 20 %."""
    made = DepthCurve(
        direction=direction,
        displacement=np.array([0.0, 0.2]),
        absorbed=np.array([0.0, 20 * per_percent]),
        tail_exponent=None,
        kind="book",
        source="made",
        as_of=1_770_724_800_000,
    )
    return replace(made, **changed)


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_push_into_the_wall_runs_and_one_before_it_rests(direction: Direction) -> None:
    found = squeeze(made_map(wall=50e6), depth(direction), pushes=[30e6, 60e6, 120e6])
    before, into, beyond = found.ladder
    assert before.price == pytest.approx(MARK * math.exp(direction * 0.03))
    assert before.forced == 0
    assert before.amplification == 1
    assert before.book_price == pytest.approx(before.price)
    # 60 million reach 6 % in the book; the wall of 50 million on the way carries them to 11 %.
    assert into.price == pytest.approx(MARK * math.exp(direction * 0.11), rel=1e-6)
    assert into.forced == pytest.approx(50e6)
    assert into.amplification == pytest.approx(110 / 60)
    assert into.book_price == pytest.approx(MARK * math.exp(direction * 0.06))
    assert beyond.price == pytest.approx(MARK * math.exp(direction * 0.17))
    (zone,) = found.zones
    wall = sorted(abs(math.log(edge / MARK)) for edge in (zone.trigger_price, zone.landing_price or math.nan))
    assert wall[0] == pytest.approx(0.05, abs=0.001)
    assert zone.branching == pytest.approx(5.0)
    assert zone.trigger_size == pytest.approx(50e6, rel=0.02)


def test_gaps_of_a_book_do_not_hide_the_wall_behind_them() -> None:
    made = made_map(wall=30e6)
    few = made.short_notional.copy()
    few[101:151] = 1.0
    found = squeeze(replace(made, short_notional=few), stepped(0.002))
    assert len(found.zones) == 8
    assert [zone.trigger_price for zone in found.zones] == sorted(zone.trigger_price for zone in found.zones)
    assert found.zones[0].trigger_price < MARK * math.exp(0.01)
    assert sum(zone.forced for zone in found.zones) > 0.9 * 30e6


def test_pushes_beyond_the_book_land_nowhere_and_say_so() -> None:
    found = squeeze(made_map(), depth(-1), pushes=[60e6])
    (landing,) = found.ladder
    assert (landing.price, landing.distance) == (None, None)
    assert landing.forced == pytest.approx(150e6)
    assert landing.beyond_book > 0.5
    (zone,) = found.zones
    assert zone.landing_price is None
    assert json.loads(json.dumps(found.as_json(), default=str))["zones"][0]["landing_price"] is None


def test_what_it_takes_to_reach_a_price_and_what_a_print_there_does() -> None:
    price = MARK * math.exp(-0.07)
    found = squeeze(made_map(wall=30e6), depth(-1), prices=[price])
    (reaching,) = found.reaching
    # Up to the wall it takes 50 million; the wall itself carries the price over 7 %.
    assert reaching.push == pytest.approx(50e6, rel=0.02)
    assert reaching.book_push == pytest.approx(70e6)
    assert reaching.forced == pytest.approx(30e6)
    # Printed there, 30 million meet the book beyond: 3 % more.
    assert reaching.after_print == pytest.approx(MARK * math.exp(-0.10), rel=1e-6)
    assert reaching.push_band.low_90 < 50e6 < reaching.push_band.high_90


def test_bands_hold_the_depth_of_their_kind_and_the_members_of_the_map() -> None:
    def width(found: Squeeze) -> float:
        band = found.ladder[0].price_band
        return band.high_90 - band.low_90

    book = squeeze(made_map(), depth(-1), pushes=[5e6])
    law = squeeze(made_map(), depth(-1, kind="law"), pushes=[5e6])
    assert width(law) > 3 * width(book) > 0
    assert book.ladder[0].price_band.low_90 < (book.ladder[0].price or 0) < book.ladder[0].price_band.high_90
    fitted = squeeze(made_map(share=0.2), depth(-1), pushes=[80e6])
    assert fitted.members == 8
    assert fitted.forced_total == pytest.approx(0.2 * 150e6)
    assert fitted.ladder[0].forced == pytest.approx(30e6)
    assert pytest.approx(fitted.ladder[0].forced_band.low_90, rel=0.03) == 27e6
    assert any("calibration" in note for note in fitted.provenance.notes)
    again = squeeze(made_map(share=0.2), depth(-1), pushes=[80e6])
    assert again.ladder == fitted.ladder


def test_pass_through_releases_a_share_of_what_stands() -> None:
    half = squeeze(made_map(wall=50e6), depth(1), pushes=[80e6], pass_through=0.5)
    assert half.ladder[0].forced == pytest.approx(25e6)
    none = squeeze(made_map(wall=50e6), depth(1), pushes=[80e6], pass_through=0.0)
    assert none.ladder[0].price == pytest.approx(none.ladder[0].book_price)


def test_without_a_size_there_is_a_ladder_of_round_ones() -> None:
    sizes = [landing.push for landing in squeeze(made_map(), depth(-1)).ladder]
    assert sizes == sorted(sizes)
    assert {f"{size:.0e}"[0] for size in sizes} <= {"1", "2", "5"}
    empty = replace(made_map(), long_notional=np.zeros(201))
    found = squeeze(empty, depth(-1))
    assert (found.zones, found.forced_total) == ((), 0.0)
    assert all(landing.amplification == 1 for landing in found.ladder)


def test_the_picture_shows_both_directions(tmp_path: Path) -> None:
    reports = [squeeze(made_map(wall=50e6), depth(1)), squeeze(made_map(wall=150e6), depth(-1))]
    draw_squeeze(reports, tmp_path / "squeeze.png")
    assert (tmp_path / "squeeze.png").stat().st_size > 20_000
    with pytest.raises(InputError, match="nothing to draw"):
        draw_squeeze([])


def refused(**given: Any) -> None:
    squeeze(made_map(share=given.pop("share", None)), depth(-1), **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pushes": [0.0]}, "push: 0 USD"),
        ({"pushes": [math.inf]}, "push: inf USD"),
        ({"pushes": [-5.0]}, "push: -5 USD"),
        ({"prices": [101.0]}, "to: 101 is not below the mark price, 100"),
        ({"prices": [math.nan]}, "to: nan"),
        ({"pass_through": 1.5}, "pass_through: 1.5"),
        ({"pass_through": 0.5, "share": 0.2}, "the calibration of this map holds it"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refused(**given)


def test_an_absurd_size_is_beyond_the_book(recwarn: pytest.WarningsRecorder) -> None:
    found = squeeze(made_map(), depth(-1, tail_exponent=0.67), pushes=[1e18, 1e-6])
    tiny, huge = found.ladder
    assert (huge.price, huge.beyond_book) == (None, 1.0)
    assert tiny.price == pytest.approx(MARK)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("side", "prices", "asked"),
    [
        (None, (), [("up", ()), ("down", ())]),
        (None, (110.0,), [("up", (110.0,))]),
        (None, (90.0, 110.0), [("up", (110.0,)), ("down", (90.0,))]),
        ("both", (110.0,), [("up", (110.0,)), ("down", ())]),
        # Asked for a direction by name, a price behind the mark is not forgotten: it is refused.
        ("down", (90.0, 110.0), [("down", (90.0, 110.0))]),
    ],
)
def test_a_direction_is_read_where_it_is_named_or_a_price_lies_there(
    side: str | None, prices: tuple[float, ...], asked: list[tuple[str, tuple[float, ...]]]
) -> None:
    assert asked_sides(side, prices, 100.0) == asked
