"""The table of recognised columns in docs/data.md, made from the program itself.

Run this file to write it: python tests/column_table.py
"""

from __future__ import annotations

from pathlib import Path

from powderkeg.lake.column_names import RECOGNISED

BEGIN, END = "<!-- columns: made by tests/column_table.py -->", "<!-- end of columns -->"
PAGE = Path(__file__).parent.parent / "docs" / "data.md"


def made() -> str:
    """Return one row per table and field with the names that are recognised, in the order they are tried."""
    common = [field for field in RECOGNISED["bars"] if all(field in fields for fields in RECOGNISED.values())]
    rows = [("every table", field, RECOGNISED["bars"][field]) for field in common]
    rows += [
        (f"`{table}`", field, names)
        for table, fields in RECOGNISED.items()
        for field, names in fields.items()
        if field not in common
    ]
    lines = ["| table | field | recognised names |", "|---|---|---|"]
    for table, field, names in rows:
        lines.append(f"| {table} | `{field}` | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    page = PAGE.read_text()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}")
