"""``powderkeg lake``: what the lake holds, whether it is sound, and how to get it out."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from powderkeg.cli import lake_options, lake_selection
from powderkeg.cli.lake_query_commands import export, sql, tables
from powderkeg.cli.lake_upkeep_commands import compact, verify
from powderkeg.cli.options import Json


class CoverageByDefault(TyperGroup):
    """A group whose options without a command are those of ``coverage``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what typer makes of the arguments, with the command put in where none is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["coverage", *args]
        return super().parse_args(ctx, args)


lake_app = typer.Typer(
    name="lake",
    cls=CoverageByDefault,
    help="Show what the lake holds, check it, tidy it, and get data out of it. "
    "Alone it is `powderkeg lake coverage`.",
)


@lake_app.command("coverage")
def coverage(
    table: lake_selection.TableFilter = None,
    venue: lake_selection.VenueFilter = None,
    symbol: lake_selection.SymbolFilter = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show which data are there, for which times they are complete, and what is missing in between.

    A hole is a time inside a dataset's span for which it is not known to be complete: a backfill fetches
    it. Example: powderkeg lake coverage --table bars --venue binance
    """
    from powderkeg.analytics.lake_coverage import coverage_json, coverage_of
    from powderkeg.cli.terminal import output, print_json, working
    from powderkeg.cli.terminal_coverage import print_coverage

    store = lake_selection.existing_lake(lake, settings)
    datasets = lake_selection.chosen_datasets(store, table, venue, symbol)
    with working("Reading manifests"):
        found, unreadable = coverage_of(store, datasets)
    if as_json:
        print_json(coverage_json(store, found, unreadable))
    elif datasets:
        print_coverage(str(store.root), found, unreadable)
    else:
        output.print(f"{store.root} holds nothing yet. {lake_selection.filling(lake)}", soft_wrap=True)
    if unreadable:
        raise typer.Exit(1)


lake_app.command("verify")(verify)
lake_app.command("compact")(compact)
lake_app.command("export")(export)
lake_app.command("sql")(sql)
lake_app.command("tables")(tables)
