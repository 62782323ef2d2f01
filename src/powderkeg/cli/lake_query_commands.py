"""``powderkeg lake export``, ``sql`` and ``tables``: how to get data out of the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options, lake_selection
from powderkeg.cli.options import Json
from powderkeg.errors import InputError, OutputError

if TYPE_CHECKING:
    import polars as pl

    from powderkeg.lake.catalogue import DatasetSummary
    from powderkeg.lake.market_lake import Lake
    from powderkeg.model.window import Window

_ENDINGS = (".parquet", ".csv")
Start = Annotated[
    str | None,
    typer.Option("--since", help="Start: ISO 8601 UTC, or how long ago, as 30d.", show_default=False),
]
End = Annotated[
    str | None, typer.Option("--until", help="End, not included; as --since.", show_default=False)
]


def export(
    table: Annotated[str, typer.Argument(help="Table, such as bars; see `powderkeg lake tables`.")],
    venue: Annotated[str, typer.Argument(help="Venue, such as binance.")],
    symbol: Annotated[str, typer.Argument(help="Symbol, as the venue spells it.")],
    out: Annotated[Path, typer.Argument(help="File to write, .parquet or .csv.")],
    variant: Annotated[
        str | None,
        typer.Option("--variant", help="Series, such as 5m, where there are several.", show_default=False),
    ] = None,
    since: Start = None,
    until: End = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Write the rows of one dataset to a file: one row per key, sorted by time.

    The file is there whole or not at all. Example: powderkeg lake export bars binance BTCUSDT btc.parquet
    --variant 5m --since 90d
    """
    from powderkeg.analytics.lake_coverage import windows_json
    from powderkeg.cli.terminal import messages, output, print_json
    from powderkeg.cli.terminal_lake import windows_text
    from powderkeg.model.window import missing

    _check_ending(out)
    store = lake_selection.existing_lake(lake, settings)
    summary = _dataset(store, table, venue.lower(), symbol, variant)
    window = _window(summary, since, until)
    rows = store.export(summary.key, out, window)
    holes = () if window is None or not summary.covered else missing(window, summary.covered)
    if as_json:
        print_json({**summary.key.as_json(), "file": str(out), "rows": rows, "holes": windows_json(holes)})
        return
    output.print(f"wrote {out}: {rows:,} rows of {summary.key}", soft_wrap=True, markup=False)
    if not summary.covered:
        messages.print("Not known to be complete for any time.", style="yellow", soft_wrap=True)
    elif holes:
        messages.print(f"Not complete: {windows_text(holes)}", style="yellow", markup=False, soft_wrap=True)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT; see `powderkeg lake tables`.")],
    out: Annotated[
        Path | None,
        typer.Option("--output", help="Write all rows to this .parquet or .csv file.", show_default=False),
    ] = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Ask the lake in SQL (DuckDB): every table is a view of all venues and symbols.

    Nothing can be written, and nothing else be read. Example: powderkeg lake sql "SELECT venue, symbol,
    count(*) FROM bars GROUP BY ALL"
    """
    from powderkeg.cli.terminal import print_json, print_written, working
    from powderkeg.cli.terminal_query import answer_json, print_answer

    if out is not None:
        _check_ending(out)
    store = lake_selection.existing_lake(lake, settings)
    with working("Asking"):
        frame = _answer(store, query)
    if out is not None:
        _write(frame, out)
    if as_json:
        print_json(answer_json(frame))
    elif out is None:
        print_answer(frame)
    if out is not None:
        print_written(out, as_json=as_json)


def tables(as_json: Json = False) -> None:
    """List the tables: what a row is, its columns and their types, and which columns are the key."""
    from powderkeg.cli.terminal import print_json
    from powderkeg.cli.terminal_query import print_tables, tables_json

    if as_json:
        print_json(tables_json())
    else:
        print_tables()


def _check_ending(path: Path) -> None:
    """Refuse before anything is read what could not be written at the end."""
    if path.suffix not in _ENDINGS:
        raise OutputError(f"{path} ends neither in .parquet nor in .csv")


def _dataset(store: Lake, table: str, venue: str, symbol: str, variant: str | None) -> DatasetSummary:
    """Return the one dataset that the names leave."""
    from powderkeg.lake.catalogue import found_datasets, summary_of

    found = [
        dataset
        for dataset in found_datasets(store.root, table, venue, symbol)
        if variant is None or dataset.key.variant == variant
    ]
    if not found:
        keys = [dataset.key for dataset in found_datasets(store.root)]
        wanted = {"table": table, "venue": venue, "symbol": symbol, "variant": variant}
        raise lake_selection.nothing_found(store, keys, wanted)
    if len(found) > 1:
        series = ", ".join(dataset.key.variant for dataset in found)
        raise InputError(f"--variant: {table} of {venue} {symbol} has several series; choose one of {series}")
    return summary_of(found[0])


def _window(summary: DatasetSummary, since: str | None, until: str | None) -> Window | None:
    """Return the times to export: from the first row or --since, to the last row or --until."""
    from powderkeg.cli.terminal_text import time_text
    from powderkeg.model.window import Window

    at = lake_options.now()
    given = None if since is None else lake_options.time_of(since, "--since", at)
    end = None if until is None else lake_options.time_of(until, "--until", at)
    if summary.first_ts is None or summary.last_ts is None:
        return None
    start = summary.first_ts if given is None else given
    end = summary.last_ts + 1 if end is None else end
    if start >= end:
        raise InputError(
            f"--since {time_text(start)} to --until {time_text(end)} holds no time; {summary.key} has rows "
            f"from {time_text(summary.first_ts)} to {time_text(summary.last_ts)}"
        )
    return Window(start, end)


def _answer(store: Lake, query: str) -> pl.DataFrame:
    """Return the answer to a query; DuckDB's refusal with what helps."""
    import re

    import polars as pl

    from powderkeg.model.market_rows import TABLES

    try:
        return store.sql(query)
    except InputError as error:
        absent = re.search(r"Table with name \"?(\w+)\"? does not exist", str(error))
        if absent is None:
            raise
        name = absent[1].lower()
        if name in {table.name for table in TABLES}:
            raise InputError(f"sql: the lake in {store.root} has no {name} yet") from error
        raise InputError(f"{error}\n`powderkeg lake tables` lists the tables and their columns") from error
    except pl.exceptions.DuplicateError as error:
        raise InputError(f"sql: {error}; name each column of the answer once, with AS") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(
            f"sql: the answer has a type that cannot be shown; cast it, as in x::VARCHAR ({error})"
        ) from error


def _write(frame: pl.DataFrame, path: Path) -> None:
    import polars as pl

    from powderkeg.lake.table_export import write_export

    try:
        write_export(frame, path)
    except pl.exceptions.PolarsError as error:
        raise OutputError(
            f"{path} cannot hold the answer: {error}; .parquet holds lists and structs"
        ) from error
