"""Answers of SQL and descriptions of tables, in the terminal and as JSON."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.cells import cell_len, chop_cells
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from powderkeg.cli.terminal import output, print_note
from powderkeg.cli.terminal_text import count_text, plain_text
from powderkeg.model.market_rows import TABLES, Column, MarketTable

if TYPE_CHECKING:
    import polars as pl

_MOST_ROWS = 40
_WIDEST_CELL = 60
_BETWEEN = 3
_NULL = "null"
# What SQL adds to the fields of a row.
_ORIGIN = {
    "venue": Column("text", optional=False),
    "symbol": Column("text", optional=False),
    "variant": Column("text", optional=False),
    "received_ts": Column("int", optional=False),
    "source": Column("text", optional=False),
}


def answer_json(frame: pl.DataFrame) -> dict[str, Any]:
    """Return a whole answer, for scripts."""
    return {
        "columns": [{"name": name, "type": str(kind)} for name, kind in frame.schema.items()],
        "rows": [[_plain(value) for value in row] for row in frame.iter_rows()],
    }


def print_answer(frame: pl.DataFrame) -> None:
    """Print the first rows and the columns that fit, and say what is left out."""
    shown = frame.head(_MOST_ROWS)
    columns = [[_cell(value) for value in shown[name].to_list()] for name in shown.columns]
    names = [plain_text(name) for name in shown.columns]
    widths = [
        max(cell_len(cell or _NULL) for cell in (name, *cells))
        for name, cells in zip(names, columns, strict=True)
    ]
    fitting = _fitting(widths)
    if frame.height == 1 and fitting < len(names):
        _print_record(names, [cells[0] for cells in columns])
        fitting = len(names)
    else:
        table = Table(box=SIMPLE, pad_edge=False, show_edge=False)
        for name, kind in list(zip(names, shown.dtypes, strict=True))[:fitting]:
            table.add_column(Text(name), justify="right" if kind.is_numeric() else "left", no_wrap=True)
        for row in zip(*columns[:fitting], strict=True):
            table.add_row(*map(_marked, row))
        output.print(table)
    more = f"; the first {_MOST_ROWS} are shown" if frame.height > _MOST_ROWS else ""
    rows = "no rows" if frame.is_empty() else count_text(frame.height, "row")
    print_note(f"{rows}{more}." + (" --output writes all of them." if more else ""))
    if fitting < len(names):
        print_note(f"Left out for want of width: {', '.join(names[fitting:])}.")
    times = [name for name in names[:fitting] if name == "ts" or name.endswith("_ts")]
    if any(frame.schema[name].is_integer() for name in times if name in frame.schema):
        print_note(f"Times are UTC milliseconds; epoch_ms({times[0]}) is a date.")


def tables_json() -> list[dict[str, Any]]:
    """Return what the tables are, for scripts."""
    return [
        {
            "name": table.name,
            "meaning": _meaning(table),
            "key": list(table.key),
            "columns": [
                {"name": name, "kind": column.kind, "optional": column.optional}
                for name, column in (*table.columns.items(), *_ORIGIN.items())
            ],
        }
        for table in TABLES
    ]


def print_tables() -> None:
    """Print each table with its meaning and columns."""
    for table in TABLES:
        output.print(Text(table.name, style="bold"))
        output.print(Padding(Text(_meaning(table), style="italic"), (0, 0, 0, 2)))
        for line in _lines(_columns(table.columns, table.key)):
            output.print(Text.assemble("  ", *line))
    output.print("in every table", style="bold")
    output.print(
        Padding(
            Text("Whose row it is, and when and from where it was learned.", style="italic"), (0, 0, 0, 2)
        )
    )
    for line in _lines(_columns(_ORIGIN, ())):
        output.print(Text.assemble("  ", *line))
    print_note(
        "\n* is part of the key: of rows of one venue, symbol and series that agree in it, one stands. "
        '? may be empty.\nA name that SQL has a meaning for goes in quotes: "table". '
        "Times are UTC milliseconds: epoch_ms(ts)."
    )


def _columns(columns: dict[str, Column], key: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (f"{name}{'*' if name in key else ''}", f" {column.kind}{'?' if column.optional else ''}")
        for name, column in columns.items()
    ]


def _lines(columns: Sequence[tuple[str, str]]) -> Iterable[list[str | tuple[str, str]]]:
    """Yield the columns in lines of the terminal's width, a name never apart from its kind."""
    line: list[str | tuple[str, str]] = []
    used = 0
    for number, (name, kind) in enumerate(columns):
        comma = ", " if number + 1 < len(columns) else ""
        length = len(name + kind + comma.rstrip())
        if line and used + length > output.width - 2:
            yield line
            line, used = [], 0
        line += [name, (kind, "dim"), comma]
        used += len(name + kind + comma)
    yield line


def _meaning(table: MarketTable) -> str:
    """Return the first paragraph of what a row says of itself, on one line, without marks of markup."""
    text = " ".join((inspect.getdoc(table.row) or "").partition("\n\n")[0].replace("`", "").split())
    return text.partition("; see ")[0].rstrip(".") + "."


def _fitting(widths: Sequence[int]) -> int:
    """Return how many columns fit beside each other; one at least."""
    used = 0
    for number, width in enumerate(widths):
        used += width + (_BETWEEN if number else 0)
        if number and used > output.width:
            return number
    return len(widths)


def _print_record(names: Sequence[str], cells: Sequence[str | None]) -> None:
    """Print a single row upright."""
    wide = max(map(cell_len, names))
    for name, cell in zip(names, cells, strict=True):
        label = Text(f"{name}{' ' * (wide - cell_len(name))}  ", style="dim")
        output.print(label + _marked(cell), soft_wrap=True)


def _cell(value: object) -> str | None:
    if value is None:
        return None
    plain = _plain(value)
    text = plain_text(plain if isinstance(plain, str) else str(plain))
    return text if cell_len(text) <= _WIDEST_CELL else chop_cells(text, _WIDEST_CELL - 1)[0] + "…"


def _marked(cell: str | None) -> Text:
    return Text(_NULL, style="dim") if cell is None else Text(cell)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: times as ISO 8601 in UTC, bytes as text."""
    if isinstance(value, dt.datetime):
        moment = value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, dt.date | dt.time | dt.timedelta) else value
