"""Chromium and a server in a process of its own, for benchmarks of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from powderkeg.lake.market_lake import Lake
from powderkeg.server.application import application
from powderkeg.server.connection_guard import connection_options
from powderkeg.server.server_rules import ServerRules

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
WIDTH, HEIGHT = 1_440, 900


def serving_page(root: Path, port: int) -> None:
    """Serve a lake and the page as ``powderkeg serve`` does; runs in a process of its own."""
    import uvicorn

    rules = ServerRules(burst=100_000)
    uvicorn.run(application(Lake(root), rules), host="127.0.0.1", port=port, **connection_options(rules))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser that draws in software; stop with a word where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
