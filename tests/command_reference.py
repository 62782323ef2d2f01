"""The command reference of docs/cli.md, made from the program itself.

Run this file to write it: python tests/command_reference.py
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from powderkeg.cli.main import app

BEGIN, END = "<!-- reference: made by tests/command_reference.py -->", "<!-- end of reference -->"
PAGE = Path(__file__).parent.parent / "docs" / "cli.md"


def made() -> str:
    """Return one section per command with its text and a table of its options; those of a group follow it."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return "\n\n".join(_sections(root, "powderkeg", "##"))


def _sections(group: TyperGroup, path: str, heading: str) -> Iterator[str]:
    for name, command in group.commands.items():
        text = " ".join(line.strip() or "\n\n" for line in (command.help or "").splitlines()).strip()
        yield f"{heading} `{path} {name}`\n\n{text}"
        rows = []
        for parameter in command.params:
            if parameter.name == "help":
                continue
            default = parameter.default() if callable(parameter.default) else parameter.default
            default = default.value if isinstance(default, Enum) else default
            shown = (
                "required"
                if parameter.required
                else ""
                if default is None or default is False
                else f"`{default}`"
            )
            option = ", ".join(f"`{text}`" for text in parameter.opts)
            meaning = getattr(parameter, "help", None) or ""
            rows.append(f"| {option} | {shown} | {meaning.replace('|', '/')} |")
        if rows:
            yield "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])
        if isinstance(command, TyperGroup):
            yield from _sections(command, f"{path} {name}", f"{heading}#")


if __name__ == "__main__":
    page = PAGE.read_text()
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}")
