"""The entry point: one command per file; heavy imports wait inside the commands so that --help is quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from powderkeg.cli.alerts_command import alerts_app
from powderkeg.cli.backfill_command import backfill
from powderkeg.cli.calibrate_command import calibrate
from powderkeg.cli.census_command import census_app
from powderkeg.cli.check_command import check
from powderkeg.cli.compare_command import compare
from powderkeg.cli.context_command import context
from powderkeg.cli.demo_command import demo
from powderkeg.cli.error_text import in_options
from powderkeg.cli.fake_venue_command import fake_venue
from powderkeg.cli.heatmap_command import heatmap
from powderkeg.cli.lake_command import lake_app
from powderkeg.cli.liquidations_command import liquidations
from powderkeg.cli.map_command import liquidation_map
from powderkeg.cli.models_command import models
from powderkeg.cli.positions_command import positions
from powderkeg.cli.price_command import price
from powderkeg.cli.record_command import record
from powderkeg.cli.score_command import score
from powderkeg.cli.score_simulated_command import score_simulated
from powderkeg.cli.serve_command import serve
from powderkeg.cli.squeeze_command import squeeze
from powderkeg.cli.venues_command import venues
from powderkeg.errors import PowderkegError
from powderkeg.version import __version__

app = typer.Typer(
    name="powderkeg",
    help="Liquidation maps, heatmaps and liquidation prices for crypto perpetual futures.\n\n"
    "A map is risk geometry: where open interest would be force-closed under a stated model. It is never a "
    "forecast of direction.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
app.command("map")(liquidation_map)
app.command("heatmap")(heatmap)
app.command("positions")(positions)
app.command("squeeze")(squeeze)
app.command("context")(context)
app.command("price")(price)
app.command("check")(check)
app.command("calibrate")(calibrate)
app.command("compare")(compare)
app.command("score")(score)
app.command("score-simulated")(score_simulated)
app.command("models")(models)
app.command("venues")(venues)
app.command("backfill")(backfill)
app.command("record")(record)
app.command("liquidations")(liquidations)
app.command("serve")(serve)
app.command("fake-venue")(fake_venue)
app.command("demo")(demo)
app.add_typer(alerts_app)
app.add_typer(census_app)
app.add_typer(lake_app)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Print the version if asked to."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; an error made by the input ends with its message on stderr and status 2."""
    try:
        app()
    except PowderkegError as error:
        from rich.console import Console

        console = Console(stderr=True, soft_wrap=True)
        console.print("[bold red]error:[/] ", end="")
        console.print(in_options(str(error)), markup=False, highlight=False)
        sys.exit(2)
