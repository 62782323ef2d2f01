"""The dashboard in Debian's Chromium, over a server in this process, both at the same time of day."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from powderkeg.lake.market_lake import Lake
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.listening import listening

# The browser looks for nothing outside: it is on this machine alone.
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 30_000
"""Milliseconds that something may take to appear."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser, or skip where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class PageServer:
    """A server in a thread, over a lake at a fixed time; it can be stopped, and started again where it was.

    Attributes
    ----------
    now
        UTC milliseconds; set it to move the time.
    """

    def __init__(self, lake: Lake, now: int, **rules: Any) -> None:
        self.now = now
        self._lake = lake
        self._rules = ServerRules(burst=100_000, poll_seconds=0.2, **rules)
        self._port = 0
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Listen, and return once it does."""
        app = application(self._lake, self._rules, lambda: self.now)
        self._port = self._running.enter_context(listening(app, self._rules, self._port)).port

    def stop(self) -> None:
        """Stop listening, and return once it has."""
        self._running.close()


@dataclass
class OpenPage:
    """A page, and what went wrong in it.

    Attributes
    ----------
    page
        Of playwright.
    errors
        Of the console and of scripts, as they came.
    """

    page: Page
    errors: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console calls an error or a warning."""
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    def shown(self, test_id: str) -> str:
        """Return the text of an element once it is there."""
        return self.page.get_by_test_id(test_id).first.inner_text(timeout=PATIENCE)

    def ready(self) -> None:
        """Wait until the heatmap is drawn."""
        self.page.wait_for_function(
            "() => window.powderkeg && window.powderkeg.view() && window.powderkeg.view().to > 20",
            timeout=PATIENCE,
        )
        self.page.wait_for_selector("[data-testid=colour-bar]", timeout=PATIENCE)


@contextmanager
def opened(
    browser: Browser,
    server: PageServer,
    view: str = "",
    *,
    width: int = 1440,
    height: int = 900,
    **context: Any,
) -> Iterator[OpenPage]:
    """Open the dashboard with what stands after the ``#``, at the time of the server."""
    made = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        page = made.new_page()
        page.clock.install(time=dt.datetime.fromtimestamp(server.now / 1000, dt.UTC))
        held = OpenPage(page)
        page.on("console", held.hear)
        page.on("pageerror", lambda error: held.errors.append(str(error)))
        page.goto(server.url + (f"#{view}" if view else ""))
        yield held
    finally:
        made.close()
