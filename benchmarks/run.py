"""Run every benchmark: one question each, one table each, ratios measured side by side in this run.

Usage: python benchmarks/run.py [--write] [NAME...]. Nothing passes or fails on time. With --write the output
also goes into docs/benchmarks.md.
"""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

from rich import box
from rich.console import Console

NAMES = (
    "bars_per_second", "year_to_heatmap", "memory", "calibration", "measured_maps", "cascades", "burst",
    "live_latency", "live_to_screen", "served_heatmap", "server_memory", "page_frames", "command_line",
)  # fmt: skip
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- output: made by benchmarks/run.py --write -->", "<!-- end of output -->"


def main() -> None:
    """Print the machine, then every question with its table."""
    sys.path.insert(0, str(ROOT))
    write = "--write" in sys.argv
    console = Console(width=116, record=True)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git the developer uses
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    ).stdout.strip()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit}\n"
        "Times are medians with their range."
    )
    for name in [argument for argument in sys.argv[1:] if argument != "--write"] or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        console.print(f"\n[bold]{(module.__doc__ or name).strip()}[/]")
        table = module.table()
        table.box = box.SIMPLE
        console.print(table)
    if write:
        page = PAGE.read_text()
        start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
        lines = "\n".join(line.rstrip() for line in console.export_text().strip().splitlines())
        PAGE.write_text(f"{page[:start]}\n\n```text\n{lines}\n```\n\n{page[stop:]}")


if __name__ == "__main__":
    main()
