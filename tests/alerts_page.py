"""The table of kinds in docs/alerts.md, made from the rules themselves.

Run this file to write it: python tests/alerts_page.py
"""

from __future__ import annotations

from pathlib import Path

from powderkeg.analytics.alert_rules import KINDS, Parameter

BEGIN, END = "<!-- kinds: made by tests/alerts_page.py -->", "<!-- end of kinds -->"
PAGE = Path(__file__).parent.parent / "docs" / "alerts.md"


def made() -> str:
    """Return one section per kind with a table of its parameters."""
    parts = []
    for name, kind in KINDS.items():
        rows = [f"| `{field}` | {_default(one)} | {one.meaning} |" for field, one in kind.parameters.items()]
        rows.append(f"| `hysteresis` | `{kind.hysteresis:g}` | margin, a fraction |")
        parts.append(f"### `{name}`\n\nFires when {kind.meaning}.")
        parts.append("\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if default is None:
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{default:,g}`"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    PAGE.write_text(f"{page[:start]}\n\n{made()}\n\n{page[stop:]}", encoding="utf-8")
