"""Run every benchmark: one question each, one table each, ratios measured side by side in this run.

Usage: python benchmarks/run.py [NAME...]. Nothing passes or fails on time.
"""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

from rich.console import Console

NAMES = ("bars_per_second", "year_to_heatmap", "memory", "command_line")


def main() -> None:
    """Print the machine, then every question with its table."""
    root = Path(__file__).parent.parent
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = str(root)
    console = Console(width=110)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git the developer uses
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    ).stdout.strip()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit}\n"
        "Times are medians with their range."
    )
    for name in sys.argv[1:] or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        console.print(f"\n[bold]{(module.__doc__ or name).strip()}[/]")
        console.print(module.table())


if __name__ == "__main__":
    main()
