"""The command reference of docs/cli.md, made from the program itself.

Run this file to write it: python tests/command_reference.py
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from typer.main import get_command

from powderkeg.cli.main import app

BEGIN, END = "<!-- reference: made by tests/command_reference.py -->", "<!-- end of reference -->"
PAGE = Path(__file__).parent.parent / "docs" / "cli.md"


def made() -> str:
    """Return one section per command with its text and a table of its options."""
    group = get_command(app)
    sections = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        rows = ["| option | default | meaning |", "|---|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            default = parameter.default() if callable(parameter.default) else parameter.default
            default = default.value if isinstance(default, Enum) else default
            shown = "required" if parameter.required else "" if default in (None, False) else f"`{default}`"
            option = ", ".join(f"`{text}`" for text in parameter.opts)
            rows.append(f"| {option} | {shown} | {(parameter.help or '').replace('|', '/')} |")
        text = " ".join(line.strip() or "\n\n" for line in (command.help or "").splitlines())
        sections.append(f"## `powderkeg {name}`\n\n{text.strip()}\n\n" + "\n".join(rows))
    return "\n\n".join(sections)


if __name__ == "__main__":
    page = PAGE.read_text()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}")
