"""``powderkeg demo``: the main job on the embedded simulated market, without any data or network."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from powderkeg.simulation.market import SimulatedMarket
    from powderkeg.simulation.simulated_venue import SimulatedVenue

SYMBOL, VENUE = "BTC", "simulated"
DAYS = 45
_HOUR, _DAY = 3_600_000, 86_400_000


def demo(
    output: Annotated[
        Path, typer.Option("--output", help="Folder for the simulated data and the pictures.")
    ] = Path("demo-output"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another market for every number.")] = 8,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Serve the simulated market live afterwards. Default: where this is a terminal.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the live server.")] = 8321,
    lasting: Annotated[
        str | None, typer.Option("--for", help="Serve for this long, such as 2m. Default: until Ctrl-C.")
    ] = None,
) -> None:
    """Simulate a market that is squeezed, and draw its maps from what its venue publishes.

    Traders, margin, an order book and forced orders are simulated; the map sees only what a real venue would
    publish, is calibrated on the days before the squeeze, and is then held against what happened. The data
    files stay beside the pictures, so every command can be tried on them.

    Live, four fake venues then tell the market in real time with the squeeze a minute ahead, a recorder fills
    the lake in the folder with it, and a server shows it. An earlier demo's lake is replaced.
    """
    import numpy as np

    from powderkeg.analytics.calibrating import calibration
    from powderkeg.cli.terminal import output as console
    from powderkeg.cli.terminal import print_map, working
    from powderkeg.errors import OutputError
    from powderkeg.maps.map_run import map_run
    from powderkeg.maps.market_frame import market_frame
    from powderkeg.maps.parameter_file import write_calibration
    from powderkeg.maps.table_file import write_table
    from powderkeg.model.amount_text import usd
    from powderkeg.model.times import duration, iso
    from powderkeg.simulation.market import simulated_market

    seconds = None if lasting is None else duration(lasting, "--for") / 1000
    if live is None:
        live = console.is_terminal and not os.environ.get("CI") and find_spec("fastapi") is not None
    if live:
        from powderkeg.cli.serve_command import require_free

        require_free("127.0.0.1", port)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"output: {output} cannot be made a folder: {error.strerror}") from error

    with working(f"Simulating {DAYS} days of traders, margin and an order book (compiles the first time)"):
        market = simulated_market(
            np.random.default_rng(seed), scenario="short_squeeze", days=DAYS, venues=(_venue(),)
        )
    files = {name: output / f"simulated-{name.replace('_', '-')}.parquet" for name in _tables(market)}
    for name, table in _tables(market).items():
        write_table(table, files[name])
    squeeze = market.start + round(2 / 3 * DAYS) * _DAY
    with working("Calibrating on the days before the squeeze, and drawing"):
        frame = market_frame(
            files["bars"],
            files["open_interest"],
            mark=files["mark"],
            funding=files["funding"],
            liquidations=files["liquidations"],
            symbol=SYMBOL,
            venue=VENUE,
            open_interest_stamp="instant",
        )
        fitted = calibration(frame, until=squeeze)
        write_calibration(fitted, output / "parameters.toml")
        run = map_run(frame, fitted)
        before = run.map(squeeze)
        before.plot(output / "map.png")
        run.heatmap(squeeze - 5 * _DAY, squeeze + 2 * _DAY).plot(output / "heatmap.png")

    console.print("[bold]SIMULATED MARKET[/]: no real prices, no real positions.\n")
    print_map(before)
    highest = float(np.nanmax(frame.mark_high[(frame.ts >= squeeze) & (frame.ts < squeeze + 6 * _HOUR)]))
    forced = market.truth.liquidations
    within = (forced.ts >= squeeze) & (forced.ts < squeeze + 6 * _HOUR) & (forced.position_side < 0)
    reached = before.liquidated_if(highest)
    console.print("\nWhat happened next", style="bold")
    liquidated = float(forced.notional[within & (forced.method < 2)].sum())
    console.print(
        f"Within six hours of {iso(squeeze)} the price rose {reached.distance:.1%} to {highest:,.0f}. "
        f"{usd(liquidated)} of shorts were liquidated. The map of before had {usd(reached.notional)} "
        "standing on the way; the calibration, fitted on quiet days, expected "
        f"{usd(reached.expected_forced or 0.0)} to be forced.",
        soft_wrap=True,
    )
    _print_files_and_commands(output, files, squeeze)
    if live:
        from powderkeg.cli.demo_live import live_demo

        live_demo(
            market.venues[0],
            squeeze,
            output,
            parameters=output / "parameters.toml",
            coin=SYMBOL,
            port=port,
            seconds=seconds,
        )


def _print_files_and_commands(output: Path, files: dict[str, Path], squeeze: int) -> None:
    from powderkeg.cli.terminal import output as console
    from powderkeg.model.times import iso

    console.print()
    for path in (output / "map.png", output / "heatmap.png", output / "parameters.toml", *files.values()):
        console.print(f"wrote {path}", soft_wrap=True)
    console.print("\nNow try:", style="bold")
    sources = (
        f"--bars {files['bars']} --open-interest {files['open_interest']} --symbol {SYMBOL} --venue {VENUE}"
    )
    for command in (
        "powderkeg demo --live",
        f"powderkeg map {sources} --parameters {output / 'parameters.toml'} --at {iso(squeeze + _DAY)}",
        f"powderkeg heatmap {sources} --start {iso(squeeze - _DAY)[:10]} --plot {output / 'squeeze.png'}",
        f"powderkeg score {sources} --liquidations {files['liquidations']}",
        "powderkeg price --entry 100000 --leverage 10 --side long --venue hyperliquid --symbol BTC",
    ):
        console.print(f"  .venv/bin/{command}", soft_wrap=True)


def _venue() -> SimulatedVenue:
    """Return the demo's venue: one-sided open interest in base, and a complete liquidation feed."""
    from dataclasses import replace

    from powderkeg.simulation.simulated_venue import ALDER

    return replace(ALDER, name=VENUE, liquidation_interval=0)


def _tables(market: SimulatedMarket) -> dict[str, pl.DataFrame]:
    from powderkeg.analytics.simulated_frames import venue_tables

    return venue_tables(market, 0)
