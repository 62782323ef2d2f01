"""``powderkeg squeeze``: what a push would do, and what it would take to reach a price."""

from __future__ import annotations

import os
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import model_options, options
from powderkeg.cli.map_source import Coin
from powderkeg.cli.measured_source import MeasurableSource
from powderkeg.cli.squeeze_source import Drawn, crowding_of, depth_of, drawn_map
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.analytics.squeeze import Squeeze
    from powderkeg.analytics.squeeze_conditions import SqueezeConditions
    from powderkeg.analytics.squeeze_contagion import ContagionReading
    from powderkeg.analytics.squeeze_paths import PathReading
    from powderkeg.model.depth_curve import DepthCurve, Direction

_SQUEEZE = "Squeeze"
_ROOT_SECONDS = 86_400**0.5  # a day's volatility over that of a second


class SideName(StrEnum):
    """Directions of a push."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


class Stress(StrEnum):
    """Regimes of depth."""

    CALM = "calm"
    THIN = "thin"
    STRESSED = "stressed"
    COLLAPSED = "collapsed"


Push = Annotated[
    list[float] | None,
    typer.Option(
        "--push", help="Size of an order in USD. Repeatable. Default: round sizes.", rich_help_panel=_SQUEEZE
    ),
]
To = Annotated[
    list[float] | None,
    typer.Option("--to", help="Price: what it takes to reach it. Repeatable.", rich_help_panel=_SQUEEZE),
]
Side = Annotated[
    SideName | None,
    typer.Option("--side", help="Direction. Default: that of --to, else both.", rich_help_panel=_SQUEEZE),
]
Depth = Annotated[
    Path | None,
    typer.Option(
        "--depth",
        help="Book levels (side, price, quantity) or bands (distance, notional). Default: the lake's, "
        "or an impact law of the bars.",
        rich_help_panel=_SQUEEZE,
    ),
]
Regime = Annotated[
    Stress,
    typer.Option(
        "--stress", help="What is left of depth: calm 100 %, thin 70, stressed 40, collapsed 10.",
        rich_help_panel=_SQUEEZE,
    ),
]  # fmt: skip
PassThrough = Annotated[
    float | None,
    typer.Option(
        "--pass-through", min=0.0, max=1.0,
        help="Share of standing notional that is really forced. Default: 1, and in paths the venue's rules; "
        "a calibration holds its own.",
        rich_help_panel=_SQUEEZE, show_default=False,
    ),
]  # fmt: skip


Paths = Annotated[
    int,
    typer.Option(
        "--paths", min=0, max=1_000_000,
        help="Simulate this many paths in time of each --push, or of the largest of the ladder.",
        rich_help_panel=_SQUEEZE,
    ),
]  # fmt: skip
On = Annotated[
    str | None,
    typer.Option(
        "--on", help="Push on this venue alone, and see what it does on the others; needs --push and a coin.",
        rich_help_panel=_SQUEEZE,
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option("--seed", min=0, help="For depths and paths.", rich_help_panel=_SQUEEZE)]
Horizon = Annotated[str, typer.Option("--horizon", help="For touch probabilities.", rich_help_panel=_SQUEEZE)]


@options.market_command
def squeeze(
    market: MeasurableSource,
    coin: Coin = None,
    at: options.AsOf = None,
    push: Push = None,
    to: To = None,
    side: Side = None,
    depth: Depth = None,
    stress: Regime = Stress.CALM,
    pass_through: PassThrough = None,
    on: On = None,
    paths: Paths = 0,
    horizon: Horizon = "1d",
    seed: Seed = 0,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    as_json: options.Json = False,
    plot: options.Plot = None,
) -> None:
    """Show how far an order would carry the price when it forces others, and where it would not stop.

    The map comes from a coin, files or positions, as in `powderkeg map`; depth from a book, from bands, or
    from an impact law. A risk measure: it says what a push would do, not that anybody pushes. Examples:

    powderkeg squeeze BTC --push 50e6 --side down

    powderkeg squeeze --bars bars.parquet --open-interest oi.csv --symbol BTC --to 95000 --plot squeeze.png
    """
    from powderkeg.analytics.squeeze import DIRECTION_OF, asked_sides
    from powderkeg.analytics.squeeze import squeeze as report
    from powderkeg.analytics.squeeze_paths import squeeze_paths
    from powderkeg.cli.terminal import print_json, print_written, working
    from powderkeg.cli.terminal_squeeze import print_squeezes

    if market.is_measured:
        model_options.refuse_model(model, parameters)
    with working("Making the map"):
        drawn = drawn_map(market, coin, at, model_options.chosen_models(model, parameters))
    prices, pushes = tuple(to or ()), tuple(push or ())
    if on is not None and not (pushes and drawn.layers):
        raise InputError(f"--on {on}: needs --push, and a coin whose map is the sum of several venues")
    spread: list[tuple[ContagionReading, ...]] = []
    reports: list[Squeeze] = []
    surroundings: list[SqueezeConditions | None] = []
    in_time: list[tuple[PathReading, ...]] = []
    volatility = _volatility(drawn)
    for name, asked in asked_sides(side, prices, drawn.map.mark_price):
        direction = DIRECTION_OF[name]
        curve = depth_of(market, drawn, depth, direction)
        with working(f"Pushing {name}"):
            reports.append(
                report(
                    drawn.map,
                    _stressed(curve, stress),
                    pushes=pushes,
                    prices=asked,
                    pass_through=1.0 if pass_through is None else pass_through,
                    seed=seed,
                )
            )
        spread.append(_spread(drawn, direction, stress, on, pushes if on else (), pass_through))
        surroundings.append(_conditions(drawn, direction, volatility, horizon, prices))
        sizes = (pushes or tuple(one.push for one in reports[-1].ladder[-1:])) if paths else ()
        with working(f"Simulating {paths * len(sizes):,} paths {name}") if sizes else nullcontext():
            in_time.append(
                tuple(
                    squeeze_paths(
                        drawn.map,
                        reports[-1].depth,
                        size,
                        paths=paths,
                        seed=seed,
                        volatility=None if volatility is None else volatility / _ROOT_SECONDS,
                        pass_through=pass_through,
                        threads=os.cpu_count() or 1,
                    )
                    for size in sizes
                )
            )
    if plot:
        from powderkeg.analytics.squeeze_picture import draw_squeeze

        with working("Drawing"):
            draw_squeeze(reports, plot, paths=[one for readings in in_time for one in readings])
    if as_json:
        told = [
            {
                **one.as_json(),
                "conditions": None if around is None else around.as_json(),
                "paths": [reading.as_json() for reading in readings],
                "contagion": [reading.as_json() for reading in elsewhere],
            }
            for one, around, readings, elsewhere in zip(reports, surroundings, in_time, spread, strict=True)
        ]
        print_json({"stress": stress.value, "squeezes": told})
    else:
        print_squeezes(reports, stress.value, surroundings, in_time, spread)
    if plot:
        print_written(plot, as_json=as_json)


def _spread(
    drawn: Drawn,
    direction: Direction,
    stress: Stress,
    pushed: str | None,
    pushes: tuple[float, ...],
    pass_through: float | None,
) -> tuple[ContagionReading, ...]:
    """Return what each push on one venue does on all of them."""
    if pushed is None or drawn.lake is None:
        return ()
    from powderkeg.analytics.squeeze_contagion import squeeze_contagion
    from powderkeg.maps.lake_depth import lake_depth

    venues = []
    for (name, symbol), layer in zip(drawn.instruments, drawn.layers, strict=True):
        depth = lake_depth(drawn.lake, name, symbol, direction, drawn.map.as_of).curve
        venues.append((name, layer, _stressed(depth, stress)))
    return tuple(
        squeeze_contagion(venues, pushed.lower(), size, pass_through=pass_through) for size in pushes
    )


def _volatility(drawn: Drawn) -> float | None:
    """Return the volatility of log price per root day, or None where there are no bars."""
    from powderkeg.analytics.squeeze_conditions import frame_volatility

    return frame_volatility(drawn.frames[0], drawn.map.as_of) if drawn.frames else None


def _conditions(
    drawn: Drawn, direction: Direction, volatility: float | None, horizon: str, prices: tuple[float, ...]
) -> SqueezeConditions | None:
    from powderkeg.analytics.squeeze_conditions import squeeze_conditions
    from powderkeg.model.times import duration

    length = duration(horizon, "--horizon")
    if volatility is None:
        return None
    crowding, note = crowding_of(drawn, -direction)
    return squeeze_conditions(
        drawn.map, direction, volatility=volatility, horizon=length, prices=prices, crowding=crowding,
        crowding_note=note,
    )  # fmt: skip


def _stressed(curve: DepthCurve, stress: Stress) -> DepthCurve:
    from powderkeg.core.combined_depth import stressed_depth

    return stressed_depth(curve, stress.value)
