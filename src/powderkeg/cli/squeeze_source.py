"""What a squeeze is read from: a map of any kind, its depth, and the entries behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from powderkeg.cli import model_options, options
from powderkeg.cli.measured_source import MeasurableSource
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.core.crowding import MeasuredCrowding, ModelledCrowding
    from powderkeg.lake.market_lake import Lake
    from powderkeg.maps.liquidation_map import LiquidationMap
    from powderkeg.maps.map_run import MapRun
    from powderkeg.maps.venue_models import VenueModels
    from powderkeg.model.account_positions import PositionSnapshot
    from powderkeg.model.depth_curve import DepthCurve, Direction
    from powderkeg.model.market_frame import MarketFrame


@dataclass(frozen=True, slots=True)
class Drawn:
    """A map with what its depth and conditions can be made from.

    Attributes
    ----------
    map
        The map.
    frames
        Frames of the files, for an impact law; none without bars.
    lake, instruments
        Where to look for depth, and of which (venue, symbol); None for files.
    layers
        Maps of single venues, of a sum over several, in the order of `instruments`.
    run, snapshot
        What entries are read from: of one modelled market, or of positions; None for a sum over venues.
    """

    map: LiquidationMap
    frames: tuple[MarketFrame, ...] = ()
    lake: Lake | None = None
    instruments: tuple[tuple[str, str], ...] = ()
    layers: tuple[LiquidationMap, ...] = ()
    run: MapRun | None = None
    snapshot: PositionSnapshot | None = None


def drawn_map(market: MeasurableSource, coin: str | None, at: str | None, models: VenueModels) -> Drawn:
    """Return the map of the options, and what else of its source a squeeze asks for."""
    from powderkeg.maps.aggregated_map import aggregated_map
    from powderkeg.model.times import milliseconds
    from powderkeg.venues.registry import venues

    if market.is_measured:
        measured, snapshot = market.counted(coin, at)
        counted = measured.map
        if market.positions is not None:
            return Drawn(counted, snapshot=snapshot)
        venue, _, symbol = counted.instrument.partition(":")
        return Drawn(counted, lake=market.opened_lake(), instruments=((venue, symbol),), snapshot=snapshot)
    if coin is None:
        frame = market.from_files()
        (run,) = model_options.runs_of(models, [frame])
        return Drawn(run.map(at), (frame,), run=run)
    frames, _ = market.from_lake(coin, None if at is None else milliseconds(at, "--at"))
    maps = [run.map() for run in model_options.runs_of(models, frames)]
    return Drawn(
        aggregated_map(maps, coin.upper()).total,
        tuple(frames),
        lake=market.opened_lake(),
        instruments=tuple(
            (venue.name, venue.symbol(coin.upper()))
            for venue in venues([str(frame.venue) for frame in frames])
        ),
        layers=tuple(maps),
    )


def depth_of(market: MeasurableSource, drawn: Drawn, path: Path | None, direction: Direction) -> DepthCurve:
    """Return the depth of a file, of the lake, or of an impact law; InputError where there is nothing."""
    from powderkeg.core.combined_depth import combined_depth
    from powderkeg.maps.depth_file import depth_of_file, law_of_bars

    if path is not None:
        return depth_of_file(
            path,
            direction=direction,
            mark_price=drawn.map.mark_price,
            at=drawn.map.as_of,
            columns=options.column_mapping(market.column).get("depth"),
        )
    if drawn.lake is not None:
        from powderkeg.maps.lake_depth import lake_combined_depth

        return lake_combined_depth(drawn.lake, drawn.instruments, direction, drawn.map.as_of).curve
    if not drawn.frames:
        raise InputError("no depth: positions say nothing of the book; give it with --depth")
    curves = [law_of_bars(frame, drawn.map.as_of, direction) for frame in drawn.frames]
    return curves[0] if len(curves) == 1 else combined_depth(curves)


def crowding_of(drawn: Drawn, position_side: int) -> tuple[MeasuredCrowding | ModelledCrowding | None, str]:
    """Return who of a side is offside at the mark, or why that cannot be told."""
    import numpy as np

    from powderkeg.analytics.squeeze_conditions import ENTRIES_OF_A_SUM
    from powderkeg.core.crowding import measured_crowding, modelled_crowding

    symbol = drawn.map.instrument.partition(":")[2] or drawn.map.instrument
    try:
        if drawn.snapshot is not None:
            return measured_crowding(drawn.snapshot, symbol, position_side, np.random.default_rng(0)), ""
        if drawn.run is not None:
            return modelled_crowding(drawn.run.state(drawn.map.as_of), position_side), ""
    except InputError as error:
        return None, str(error)
    return None, ENTRIES_OF_A_SUM
