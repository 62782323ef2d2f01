"""How long from a venue's sending a liquidation until a browser shows it?"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from rich.table import Table

from benchmarks.live_latency import CHANNEL, ROW, SYMBOL, process
from benchmarks.made_lake import BAR, COIN, made_lake
from benchmarks.page_browser import HEIGHT, WIDTH, chromium, serving_page
from powderkeg.fake_venues.dialects import dialect
from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.ingest.recorder_child import RecorderChild, RecordingPlan
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.model.market_rows import Liquidation
from powderkeg.model.times import DAY
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

_EVENTS = 300
_APART = 0.1
# A bar that closes in between asks for everything again: that is another question.
_QUIET = 90_000
_PATIENCE = 60_000
# Stamps are taken by the first task after the frame that holds it. The tape holds prices, by which events are
# known. Bubbles are small pictures, all drawn again in every pass, the largest first: their number grows by
# one with each event.
_WATCH = """
window.told = new Map();
window.bubbles = [];
const after = (tell) =>
  scheduler.postTask(() => tell(performance.timeOrigin + performance.now()), { priority: "user-blocking" });
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    const fresh = [...document.querySelectorAll("[data-testid=tape] div span:last-child")]
      .map((one) => Number(one.textContent.replaceAll(",", "")))
      .filter((one) => !window.told.has(one));
    for (const one of fresh) window.told.set(one, 0);
    if (fresh.length) {
      requestAnimationFrame(() => after((now) => fresh.forEach((one) => window.told.set(one, now))));
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
});
const draw = CanvasRenderingContext2D.prototype.drawImage;
let [drawn, most, largest] = [0, 0, ""];
CanvasRenderingContext2D.prototype.drawImage = function (image, ...more) {
  if (image instanceof HTMLCanvasElement && image.width <= 64 && more.length === 2) {
    const place = `${image.width} ${more}`;
    if (drawn === 0) {
      largest = place;
      queueMicrotask(() => {
        const fresh = Math.max(0, drawn - most);
        most += fresh;
        drawn = 0;
        if (fresh) after((now) => window.bubbles.push(...Array(fresh).fill(now)));
      });
    }
    drawn = place === largest ? 1 : drawn + 1;
  }
  return draw.call(this, image, ...more);
};
"""


def sent_events(page: Page, fake: FakeVenue, first: float) -> dict[float, float]:
    """Send liquidations, and return by price when each was sent, UTC milliseconds."""
    sent: dict[float, float] = {}
    for number in range(_EVENTS):
        price = first + number
        row = Liquidation(int(time.time() * 1000), "long", price, "bankruptcy", 1.0, price, None, "", 0)
        sent[price] = time.time() * 1000
        fake.push("liquidations", SYMBOL, [row])
        page.wait_for_timeout(1000 * _APART * (0.5 + number * 0.618 % 1))
    return sent


def delays() -> dict[str, list[float]]:
    """Return milliseconds until each event was on the tape, and until its bubble was drawn."""
    bybit = venue("bybit")
    now = int(time.time() * 1000)
    if now % BAR > BAR - _QUIET:
        time.sleep((BAR - now % BAR) / 1000 + 1)
        now = int(time.time() * 1000)
    with tempfile.TemporaryDirectory() as folder:
        lake = made_lake(Path(folder) / "lake", now, days=35, liquidations=200)
        bars = lake.read(DatasetKey("bars", "bybit", SYMBOL, "5m"), Window(now - DAY, now), ("close",))
        close = round(float(bars["close"][-1]))
        with FakeVenue(dialect("bybit"), ScriptedMarket({SYMBOL: ROW}, {}, now)) as fake:
            plan = RecordingPlan("bybit", fake.urls(bybit.urls), (COIN,), ("trades", "liquidations"))
            with (
                RecorderChild(lake.root, [plan], RecorderSettings()),
                process(serving_page, lake.root) as port,
                chromium() as browser,
            ):
                fake.stream.wait_for([CHANNEL])
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page.add_init_script(_WATCH)
                page.goto(f"http://127.0.0.1:{port}/#coin={COIN}&range=1d&panel=clusters")
                page.wait_for_function(
                    "() => performance.getEntriesByName('heatmap-drawn').length", timeout=_PATIENCE
                )
                page.wait_for_selector(".fresh.live", timeout=_PATIENCE)
                page.wait_for_load_state("networkidle")
                return _told(page, fake, close)


def _told(page: Page, fake: FakeVenue, close: int) -> dict[str, list[float]]:
    # Until the first look is over, which tells nothing of before, events are lost on purpose.
    number = 0
    while not page.evaluate("() => window.told.size"):
        number += 1
        row = Liquidation(
            int(time.time() * 1000), "long", close - number, "bankruptcy", 1.0, close, None, "", 0
        )
        fake.push("liquidations", SYMBOL, [row])
        page.wait_for_timeout(500)
    page.wait_for_timeout(1_000)
    before = page.evaluate("() => window.bubbles.length")
    sent = sent_events(page, fake, close + 1.0)
    page.wait_for_function(
        f"() => window.told.has({close + _EVENTS}) && window.bubbles.length >= {before + _EVENTS}",
        timeout=_PATIENCE,
    )
    told: dict[float, float] = {price: at for price, at in page.evaluate("() => [...window.told]") if at}
    bubbles: list[float] = page.evaluate("() => window.bubbles")[before : before + _EVENTS]
    return {
        "the tape": [told[price] - at for price, at in sent.items() if price in told],
        "the chart, as a bubble": [drawn - at for drawn, at in zip(bubbles, sent.values(), strict=True)],
    }


def table() -> Table:
    """Return the answer: through recorder, disk, server and WebSocket until the frame is painted."""
    out = Table("until it is on", "events", "p50", "p99", "largest")
    found: dict[str, Any] = delays()
    for place, values in found.items():
        cuts = statistics.quantiles(values, n=100)
        row = (f"{value:.0f} ms" for value in (cuts[49], cuts[98], max(values)))
        out.add_row(place, f"{len(values)}", *row)
    return out
