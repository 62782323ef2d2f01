"""Tables of the terminal: one look, and never wider than people read."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table

from powderkeg.cli.terminal import output

WIDEST = 100
"""Characters; a wider terminal is not filled."""


def table_of(title: str, *headings: str, left: Sequence[int] = (0,), wrapped: Sequence[int] = ()) -> Table:
    """Return a table without rows.

    Columns of words, but for the first, and those `wrapped` yield to numbers where space is short.

    Parameters
    ----------
    title, headings
        What stands above.
    left
        Numbers of the columns of words; the others are aligned to the right.
    wrapped
        Numbers of other columns that may be wrapped.
    """
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(
            heading,
            justify="left" if number in left else "right",
            overflow="fold",
            no_wrap=number not in (*left[1:], *wrapped),
        )
    return table


def print_table(table: Table) -> None:
    """Print a table, if it has rows."""
    if table.row_count:
        output.print(table, width=min(WIDEST, output.width))
