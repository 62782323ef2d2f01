"""What every test can ask for: the folder of recorded data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder that POWDERKEG_SHARED names, which holds ``data`` and ``design``.

    Without it the test is skipped; with POWDERKEG_REQUIRE_SHARED set, as in continuous integration, it fails.
    """
    named = os.environ.get("POWDERKEG_SHARED")
    folder = Path(named).resolve() if named else None
    if folder is not None and (folder / "data").is_dir():
        return folder
    reason = f"recorded market data are not here (POWDERKEG_SHARED is {named!r})"
    if os.environ.get("POWDERKEG_REQUIRE_SHARED"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the recorded data."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
