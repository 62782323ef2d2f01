"""The table of recognised columns in docs/data.md, made from the program itself.

Run this file to write it: python tests/column_table.py
"""

from __future__ import annotations

from pathlib import Path

from powderkeg.lake.column_names import RECOGNISED

BEGIN, END = "<!-- columns: made by tests/column_table.py -->", "<!-- end of columns -->"
PAGE = Path(__file__).parent.parent / "docs" / "data.md"


def made() -> str:
    """Return one row per table and field with the names that are recognised, in the order they are tried.

    A field that most tables have is in one row, which names the tables without it; a table that has other
    names for it is one of those, and has a row of its own.
    """
    shared, rows = {}, []
    for field, names in RECOGNISED["bars"].items():
        without = [f"`{table}`" for table, fields in RECOGNISED.items() if fields.get(field) != names]
        if 2 * len(without) < len(RECOGNISED):
            shared[field] = names
            told = f"every table but {' and '.join(without)}" if without else "every table"
            rows.append((told, field, names))
    rows += [
        (f"`{table}`", field, names)
        for table, fields in RECOGNISED.items()
        for field, names in fields.items()
        if shared.get(field) != names
    ]
    lines = ["| table | field | recognised names |", "|---|---|---|"]
    for table, field, names in rows:
        lines.append(f"| {table} | `{field}` | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    page = PAGE.read_text()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}")
